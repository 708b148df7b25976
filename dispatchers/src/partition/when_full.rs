//! What becomes of events that their partition has no room for.

/// What a [`PartitionDispatcher`](super::PartitionDispatcher) does with an event for a partition for which as many wait
/// already as [`queue_size`](super::PartitionDispatcher::queue_size) says.
///
/// What is discarded is counted, and reported as [`Notice::PartitionFull`](crate::Notice::PartitionFull). It costs no
/// demand: other events are asked for in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits as well, in the place of one that another partition has asked for: once there are none of these, nobody gets
    /// anything until this partition asks. Nothing is lost.
    #[default]
    HoldBack,
    /// It is discarded; those that wait stay.
    DiscardNewest,
    /// The oldest that waits is discarded, and it waits in its place. With a `queue_size` of 0 as `DiscardNewest`.
    DiscardOldest,
}

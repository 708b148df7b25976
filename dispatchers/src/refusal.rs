//! Why a consumer is sent away.

use std::{error, fmt};

use crate::SubscriptionId;

/// Why a dispatcher sends a consumer away. `Display` says what to do about it.
///
/// The consumer sees it as the reason of its cancel; the producer and the other consumers go on (decision Q18).
///
/// ```
/// use genstage_dispatchers::Refusal;
///
/// assert_eq!(Refusal::AlreadySubscribed.to_string(), "already subscribed");
/// assert_eq!(Refusal::rejected("come back later").to_string(), "rejected: come back later");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The consumer, or this very subscription, is already being served with these events. It ends no consumer, whatever its mode.
    AlreadySubscribed,
    /// The subscription has a selector, and this dispatcher does not know what that is.
    NoSelectors,
    /// The subscription names a partition, and this dispatcher has none.
    NoPartitions,
    /// The subscription names no partition, and this dispatcher serves only consumers that do.
    PartitionMissing {
        /// The partitions there are.
        known: String,
    },
    /// There is no such partition.
    PartitionUnknown {
        /// The one that was asked for.
        partition: String,
        /// The partitions there are.
        known: String,
    },
    /// The subscription has an option that this dispatcher does not know.
    CustomUnknown {
        /// The type of its value.
        given: &'static str,
    },
    /// The partition has a consumer, and a partition has one at most.
    PartitionTaken {
        /// The one that was asked for.
        partition: String,
        /// The subscription that has it.
        by: SubscriptionId,
    },
    /// Looking for the partition panicked, in the `Hash` or `Eq` of the name that the subscription gives, with this message.
    PartitionPanicked(String),
    /// The subscription wants back what a dead consumer had, and this dispatcher sends each event to several consumers.
    NoRedelivery,
    /// The subscription's selector panicked, with this message.
    SelectorPanicked(String),
    /// Anything else, in words.
    Rejected(String),
}

impl Refusal {
    /// A refusal in words.
    pub fn rejected(why: impl Into<String>) -> Self {
        Self::Rejected(why.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadySubscribed => f.write_str("already subscribed"),
            Self::NoSelectors => f.write_str(
                "the producer's dispatcher knows no selectors: start the producer with a BroadcastDispatcher, \
                 or subscribe without a selector",
            ),
            Self::NoPartitions => f.write_str(
                "the producer's dispatcher has no partitions: start the producer with a PartitionDispatcher, \
                 or subscribe without a partition",
            ),
            Self::PartitionMissing { known } => {
                write!(
                    f,
                    "the subscription names no partition: say `.partition(..)` in its options, with one of {known}"
                )
            }
            Self::PartitionUnknown { partition, known } => {
                write!(f, "there is no partition {partition}: subscribe to one of {known}")
            }
            Self::CustomUnknown { given } => write!(
                f,
                "the producer's dispatcher knows no option of type {given}: start the producer with the dispatcher that it is \
                 for, or subscribe without it"
            ),
            Self::PartitionTaken { partition, by } => {
                write!(f, "partition {partition} is taken by subscription {by}, and a partition has one consumer")
            }
            Self::PartitionPanicked(message) => write!(f, "the name of the partition panicked: {message}"),
            Self::NoRedelivery => f.write_str(
                "the producer's dispatcher sends events to all consumers, and takes none back: \
                 subscribe without redelivery",
            ),
            Self::SelectorPanicked(message) => write!(f, "the selector panicked: {message}"),
            Self::Rejected(why) => write!(f, "rejected: {why}"),
        }
    }
}

impl error::Error for Refusal {}

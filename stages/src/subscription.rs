//! Subscriptions as both sides know them.

use genstage_core::{ExitReason, Peer};
use genstage_dispatchers::SubscriptionId;

use crate::SubscriptionOptions;

/// The other side of a subscription, as `handle_subscribe` is told of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Partner {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The stage on the other side.
    pub stage: Peer,
    /// What the consumer asked for.
    pub options: SubscriptionOptions,
}

/// Who asks for events on a subscription. Specification: sections 7 and 8.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Manner {
    /// The engine: `max_demand` at once, then again with every handled batch.
    Automatic,
    /// The consumer itself, with [`Context::ask`](crate::Context::ask).
    Manual,
    /// Nobody: stop this stage.
    Stop(ExitReason),
}

/// The end of a subscription, as `handle_cancel` is told of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cancellation {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// What the other stage was on it.
    pub side: Side,
    /// The stage on the other side.
    pub stage: Peer,
    /// How it ended.
    pub kind: CancelKind,
    /// Why it ended.
    pub reason: ExitReason,
}

/// Which end of a subscription a stage is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// It emits.
    Producer,
    /// It receives.
    Consumer,
}

/// How a subscription ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CancelKind {
    /// One side cancelled it.
    Cancel,
    /// The stage on the other side ended.
    Down,
}

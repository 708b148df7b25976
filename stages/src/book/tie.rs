//! One subscription, as those see it who look on: who is joined by it, and what has passed, on either side.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use genstage_core::{Peer, Pid};
use genstage_dispatchers::SubscriptionId;

use super::Book;
use super::tally::{Counter, Tally};
use crate::graph::Observer;
use crate::mail::{ConsumerPort, ProducerPort};
use crate::snapshot::{Flow, SubscriptionSnapshot};

/// A subscription. It is in the books of both sides from before the producer hears of it; each takes it out of its own when it is
/// over there.
pub(crate) struct Tie {
    pub(crate) id: SubscriptionId,
    pub(crate) producer: Observer,
    pub(crate) consumer: Peer,
    /// The consumer, unless it is a stream, which counts nothing.
    pub(crate) observer: Option<Observer>,
    /// Written by the producer.
    pub(crate) sent: Apart<Sent>,
    /// Written by the consumer.
    pub(crate) received: Apart<Tally>,
    /// Whether the producer has taken back what was not acknowledged.
    taken_back: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) flow: Tally,
    pub(crate) acknowledged: Counter,
}

/// In cache lines of its own: two threads write, each its side.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Sent {
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.flow.events().saturating_sub(self.acknowledged.get())
    }
}

impl Tie {
    /// A new subscription, entered in the producer's book.
    pub(crate) fn open<T>(
        id: SubscriptionId,
        producer: &(impl ProducerPort<T> + ?Sized),
        consumer: &(impl ConsumerPort<T> + ?Sized),
    ) -> Arc<Self> {
        let tie = Arc::new(Self {
            id,
            producer: producer.observer(),
            consumer: consumer.peer(),
            observer: consumer.observer(),
            sent: Apart::default(),
            received: Apart::default(),
            taken_back: AtomicBool::new(false),
        });
        if let Some(book) = Book::of(&tie.producer.peer()) {
            book.consumers.with(|ties| ties.insert(id, Arc::clone(&tie)));
        }
        tie
    }

    /// What tells it from all others: ids are those of the consumer's.
    pub(crate) fn key(&self) -> (SubscriptionId, Pid) {
        (self.id, self.consumer.pid())
    }

    pub(crate) fn take_back(&self) {
        self.taken_back.store(true, Ordering::Relaxed);
    }

    pub(super) fn under_way(&self) -> u64 {
        if self.taken_back.load(Ordering::Relaxed) {
            return 0;
        }
        self.sent.flow.events().saturating_sub(self.received.events())
    }

    pub(super) fn seen_by_producer(&self) -> SubscriptionSnapshot {
        let unacknowledged = self.sent.unacknowledged();
        SubscriptionSnapshot { id: self.id, peer: self.consumer.pid(), flow: self.sent.flow.flow(), unacknowledged }
    }

    pub(super) fn seen_by_consumer(&self) -> SubscriptionSnapshot {
        let peer = self.producer.peer().pid();
        SubscriptionSnapshot { id: self.id, peer, flow: self.received.flow(), unacknowledged: 0 }
    }

    /// What the consumer has asked for and received; a stream does not say.
    pub(crate) fn received(&self) -> Option<Flow> {
        self.observer.as_ref().map(|_| self.received.flow())
    }
}

//! Numbers that one thread at a time writes and anybody reads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::snapshot::Flow;

/// Costs its writer what a plain number does: nobody else writes, so there is nothing to lock.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }
}

/// A [`Flow`] that goes on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    events: Counter,
    batches: Counter,
    asks: Counter,
    asked: Counter,
}

impl Tally {
    #[inline]
    pub(crate) fn carry(&self, events: usize) {
        self.events.add(events as u64);
        self.batches.add(1);
    }

    #[inline]
    pub(crate) fn ask(&self, events: usize) {
        // A consumer may ask for any number, as often as it likes.
        self.asked.set(self.asked.get().saturating_add(events as u64));
        self.asks.add(1);
    }

    /// Adds a subscription that is over: what it asked for and did not get is nobody's demand any more.
    pub(crate) fn retire(&self, other: &Self) {
        let Flow { events, batches, asks, asked } = other.flow();
        self.events.add(events);
        self.batches.add(batches);
        self.asks.add(asks);
        self.asked.set(self.asked.get().saturating_add(asked.min(events)));
    }

    pub(crate) fn flow(&self) -> Flow {
        let Self { events, batches, asks, asked } = self;
        Flow { events: events.get(), batches: batches.get(), asks: asks.get(), asked: asked.get() }
    }

    pub(crate) fn events(&self) -> u64 {
        self.events.get()
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.get()
    }
}

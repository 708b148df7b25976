//! What a stage shows of itself: its subscriptions and its numbers. They are read without asking it, so also while it is in a
//! callback that does not return.

mod tally;
mod tie;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use genstage_core::{Peer, Pid};
use genstage_dispatchers::{Notice, SubscriptionId};

use crate::graph::Observer;
use crate::snapshot::{Discarded, StageKind, StageSnapshot, Times};
use tally::{Counter, Tally};
pub(crate) use tie::Tie;

/// The book of a stage.
pub(crate) struct Book {
    kind: StageKind,
    name: Option<String>,
    /// Whether it ends in a drain when its children have.
    waits_for_children: AtomicBool,
    /// Whether it has been told to drain; the message may wait behind a callback.
    told_to_drain: AtomicBool,
    pub(crate) counts: Counts,
    producers: Ties,
    consumers: Ties,
}

/// The subscriptions of one side, oldest first. They change when one begins or ends.
#[derive(Default)]
struct Ties(Mutex<BTreeMap<SubscriptionId, Arc<Tie>>>);

impl Ties {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<SubscriptionId, Arc<Tie>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn all(&self) -> Vec<Arc<Tie>> {
        self.with(|ties| ties.values().cloned().collect())
    }
}

/// What is counted for the stage as a whole; the stage alone writes here. What passes a subscription is counted there, and
/// added here at its end.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) input: Tally,
    pub(crate) output: Tally,
    /// Of these the children that did not start are none.
    pub(crate) handled: Counter,
    pub(crate) batches: Counter,
    pub(crate) emitted: Counter,
    pub(crate) buffered: Counter,
    pub(crate) filtered: Counter,
    /// What the user's part still has, in a drain.
    pub(crate) still_holds: Counter,
    pub(crate) unacknowledged: Counter,
    pub(crate) redelivered: Counter,
    discarded: Mutex<Discarded>,
}

impl Counts {
    pub(crate) fn discard(&self, note: impl FnOnce(&mut Discarded)) {
        note(&mut self.discarded.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn lose(&self, notice: &Notice) {
        let lost = notice.lost() as u64;
        self.discard(|discarded| match notice {
            Notice::UnknownPartition { .. } => discarded.unknown_partition += lost,
            Notice::UnknownSubscription { .. } => discarded.unknown_subscription += lost,
            Notice::HashPanicked { .. } => discarded.hash_panicked += lost,
            Notice::PartitionFull { .. } => discarded.partition_full += lost,
            // `Discarded`, with a reason that only the dispatcher knows, and `Unaccounted`, with none.
            _ => discarded.other += lost,
        });
    }

    fn discarded(&self) -> Discarded {
        *self.discarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    pub(crate) fn new(kind: StageKind, name: Option<String>) -> Self {
        let (producers, consumers) = (Ties::default(), Ties::default());
        let (waits_for_children, told_to_drain) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { kind, name, waits_for_children, told_to_drain, counts: Counts::default(), producers, consumers }
    }

    pub(crate) fn wait_for_children(&self) {
        self.waits_for_children.store(true, Ordering::Relaxed);
    }

    pub(crate) fn waits_for_children(&self) -> bool {
        self.waits_for_children.load(Ordering::Relaxed)
    }

    /// For a callback that takes long: the message comes behind it.
    pub(crate) fn tell_to_drain(&self) {
        self.told_to_drain.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_told_to_drain(&self) -> bool {
        self.told_to_drain.load(Ordering::Relaxed)
    }

    /// That of a living stage.
    pub(crate) fn of(stage: &Peer) -> Option<Arc<Self>> {
        stage.shown()
    }

    /// This stage is the consumer of a new subscription.
    pub(crate) fn enter(&self, tie: &Arc<Tie>) {
        self.producers.with(|ties| ties.insert(tie.id, Arc::clone(tie)));
    }

    pub(crate) fn lose_producer(&self, id: SubscriptionId) {
        self.producers.with(|ties| ties.remove(&id));
    }

    pub(crate) fn lose_consumer(&self, id: SubscriptionId) {
        self.consumers.with(|ties| ties.remove(&id));
    }

    /// Its subscriptions to producers.
    pub(crate) fn producers(&self) -> Vec<Arc<Tie>> {
        self.producers.all()
    }

    /// The subscriptions of its consumers.
    pub(crate) fn consumers(&self) -> Vec<Arc<Tie>> {
        self.consumers.all()
    }

    /// The stages that it lives on.
    pub(crate) fn upstream(&self) -> Vec<Observer> {
        self.producers().iter().map(|tie| Arc::clone(&tie.producer)).collect()
    }

    /// The stages that live on it; streams are none.
    pub(crate) fn downstream(&self) -> Vec<Observer> {
        self.consumers().iter().filter_map(|tie| tie.observer.clone()).collect()
    }

    /// The numbers that are here. What only the stage itself knows is zero.
    pub(crate) fn numbers(&self, pid: Pid) -> StageSnapshot {
        let producers: Vec<_> = self.producers().iter().map(|tie| tie.seen_by_consumer()).collect();
        let consumers: Vec<_> = self.consumers().iter().map(|tie| tie.seen_by_producer()).collect();
        let counts = &self.counts;
        let discarded = counts.discarded();
        StageSnapshot {
            pid,
            name: self.name.clone(),
            kind: self.kind,
            input: counts.input.flow().plus(producers.iter()),
            output: counts.output.flow().plus(consumers.iter()),
            handled: counts.handled.get().saturating_sub(discarded.not_started),
            batches: counts.batches.get(),
            waiting: 0,
            emitted: counts.emitted.get(),
            buffered: usize::try_from(counts.buffered.get()).unwrap_or(usize::MAX),
            held: 0,
            owed: 0,
            discarded,
            filtered: counts.filtered.get(),
            unacknowledged: counts.unacknowledged.get(),
            redelivered: counts.redelivered.get(),
            inbox: 0,
            times: Times::default(),
            producers,
            consumers,
        }
    }

    /// Events that were sent to it and that it has not taken from its inbox.
    pub(crate) fn under_way(&self) -> u64 {
        self.producers().iter().map(|tie| tie.under_way()).sum()
    }
}

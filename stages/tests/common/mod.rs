//! Tiny stages that write down what happens to them, and a way to run a test under many seeds.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod messages;
pub(crate) mod probes;
pub(crate) mod sloppy;
pub(crate) mod spy;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use genstage::core::ThreadProcess;
use genstage::{CancelKind, ExitReason, Simulation, SubscriptionId, SubscriptionOptions};

/// One thing that a probe saw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Init,
    Demand(usize),
    Batch(Vec<u64>),
    /// `handle_subscribe` of either side.
    Subscribed(SubscriptionId),
    Cancel(CancelKind, ExitReason),
    Info(&'static str),
    Discarded(usize),
    Terminate(ExitReason),
    /// An ask that reached a spied dispatcher.
    Asked(usize),
    /// A signal that was for none of the stage's subscriptions.
    Signal,
}

/// What all probes of a test saw, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(&'static str, Seen)>>>);

impl Log {
    pub(crate) fn note(&self, who: &'static str, seen: Seen) {
        self.0.lock().unwrap().push((who, seen));
    }

    pub(crate) fn all(&self) -> Vec<(&'static str, Seen)> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What one probe saw.
    pub(crate) fn of(&self, who: &str) -> Vec<Seen> {
        self.pick(who, |seen| Some(seen.clone()))
    }

    pub(crate) fn demands(&self, who: &str) -> Vec<usize> {
        self.pick(who, |seen| if let Seen::Demand(demand) = seen { Some(*demand) } else { None })
    }

    pub(crate) fn asks(&self, who: &str) -> Vec<usize> {
        self.pick(who, |seen| if let Seen::Asked(asked) = seen { Some(*asked) } else { None })
    }

    pub(crate) fn batches(&self, who: &str) -> Vec<Vec<u64>> {
        self.pick(who, |seen| if let Seen::Batch(events) = seen { Some(events.clone()) } else { None })
    }

    pub(crate) fn sizes(&self, who: &str) -> Vec<usize> {
        self.batches(who).iter().map(Vec::len).collect()
    }

    pub(crate) fn events(&self, who: &str) -> Vec<u64> {
        self.batches(who).concat()
    }

    pub(crate) fn cancels(&self, who: &str) -> Vec<(CancelKind, ExitReason)> {
        self.pick(who, |seen| if let Seen::Cancel(kind, reason) = seen { Some((*kind, reason.clone())) } else { None })
    }

    pub(crate) fn infos(&self, who: &str) -> Vec<&'static str> {
        self.pick(who, |seen| if let Seen::Info(info) = seen { Some(*info) } else { None })
    }

    pub(crate) fn discarded(&self, who: &str) -> Vec<usize> {
        self.pick(who, |seen| if let Seen::Discarded(count) = seen { Some(*count) } else { None })
    }

    fn pick<T>(&self, who: &str, pick: impl Fn(&Seen) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap().iter().filter(|(name, _)| *name == who).filter_map(|(_, seen)| pick(seen)).collect()
    }
}

/// Prints the seed that replays the run, if the run fails.
pub(crate) struct Replay(pub(crate) u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with seed {}", self.0);
        }
    }
}

/// Runs a test in a simulation once for each of so many seeds, with a new log each time.
pub(crate) fn seeds(count: u64, test: impl Fn(&Simulation, &Log)) {
    for seed in 0..count {
        let _replay = Replay(seed);
        Simulation::new(seed).run(|sim| test(sim, &Log::default()));
    }
}

/// Lets virtual time pass inside a callback: all others run until they have nothing to do.
pub(crate) fn nap(time: Duration) {
    let here = ThreadProcess::<()>::start().unwrap();
    assert!(here.receive(Some(time)).is_none());
}

/// Writes down when the reply comes that somebody waits for. In a simulation a caller that waits goes on only when the turn of the
/// stage is over: what comes first within the turn, only this shows.
pub(crate) struct Caller(pub(crate) Log);

impl Caller {
    pub(crate) fn poll<F: Future>(&self, request: Pin<&mut F>) -> Poll<F::Output> {
        request.poll(&mut Context::from_waker(&Arc::new(Self(self.0.clone())).into()))
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.0.note("caller", Seen::Info("replied"));
    }
}

pub(crate) fn demand(max: usize, min: usize) -> SubscriptionOptions {
    SubscriptionOptions::new().max_demand(max).min_demand(min)
}

/// Numbers as they are needed for events.
pub(crate) fn range(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

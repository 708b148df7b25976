//! Children that end when they are told to, and a supervisor of them.

use std::sync::{Arc, Mutex};

use crate::common::Log;
use crate::common::probes::Counter;
use crate::common::spy::Spy;
use genstage::core::{Address, Mailbox, spawn_link};
use genstage::prelude::*;

pub(crate) type Supervisor = ConsumerSupervisorRef<u64>;

/// Children that end when they are told to, for the reason they are told.
#[derive(Clone, Default)]
pub(crate) struct Crowd(pub(crate) Arc<Mutex<Vec<Started>>>);

/// An event and its child.
pub(crate) type Started = (u64, Address<ExitReason>);

impl Crowd {
    pub(crate) fn supervisor(&self) -> ConsumerSupervisor<u64> {
        let crowd = self.clone();
        ConsumerSupervisor::with_start(move |event| Ok(crowd.child(event)))
    }

    pub(crate) fn child(&self, event: u64) -> Address<ExitReason> {
        let child = spawn_link(|mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await });
        self.0.lock().unwrap().push((event, child.clone()));
        child
    }

    /// All that were ever started, by their events.
    pub(crate) fn events(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|(event, _)| *event).collect()
    }

    pub(crate) fn alive(&self) -> Vec<u64> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|(_, child)| child.is_alive()).map(|(event, _)| *event).collect()
    }

    /// The present child of an event.
    pub(crate) fn of(&self, event: u64) -> Address<ExitReason> {
        let all = self.0.lock().unwrap();
        all.iter().rev().find(|(of, _)| *of == event).unwrap().1.clone()
    }

    pub(crate) fn end(&self, sim: &Simulation, event: u64, reason: ExitReason) {
        self.of(event).send(reason).unwrap();
        sim.run_until_idle();
    }
}

pub(crate) fn crash() -> ExitReason {
    ExitReason::other("crash")
}

pub(crate) fn source(log: &Log, end: u64) -> ProducerRef<Counter> {
    let options = StageOptions::new().dispatcher(Spy::new("p", log));
    Counter::new("p", log).up_to(end).start(options).unwrap()
}

/// A supervisor with children of this crowd, and its subscription to an endless source.
pub(crate) fn joined(log: &Log, crowd: &Crowd, options: SubscriptionOptions) -> (Supervisor, ProducerRef<Counter>) {
    let producer = source(log, u64::MAX);
    let supervisor = crowd.supervisor().start(StageOptions::new()).unwrap();
    supervisor.sync_subscribe(&producer, options).unwrap();
    (supervisor, producer)
}

/// Children whose first start succeeds and whose restarts come to this.
pub(crate) fn restarts_to(crowd: &Crowd, again: impl Fn() -> StartError + Send + 'static) -> Supervisor {
    let inside = crowd.clone();
    let start = move |event| if inside.events().contains(&event) { Err(again()) } else { Ok(inside.child(event)) };
    let supervisor = ConsumerSupervisor::with_start(start).transient().max_restarts(1000);
    supervisor.start(StageOptions::new()).unwrap()
}

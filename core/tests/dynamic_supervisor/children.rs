//! Children that end when they are told to, and what is known of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use genstage_core::{
    Address, ChildCounts, ChildSpec, DynamicSupervisor, DynamicSupervisorRef, ExitReason, Mailbox, Pid, Simulation,
    StartError, StartOptions, Started, spawn_with,
};

pub(crate) type Mortal = Address<ExitReason>;

/// Ends with the reason it is sent.
pub(crate) fn mortal() -> Started<Mortal> {
    spawn_with(StartOptions::new().link(), |mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await })
}

pub(crate) fn spec() -> ChildSpec<Mortal> {
    ChildSpec::new("mortal", mortal)
}

/// Takes this long to end after it is asked to shut down.
pub(crate) fn slow(time: Duration) -> Started<Address<()>> {
    spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<()>| async move {
        mailbox.trap_exit(true);
        mailbox.receive_signal().await;
        mailbox.sleep(time).await;
        ExitReason::Shutdown
    })
}

pub(crate) fn empty() -> DynamicSupervisorRef {
    DynamicSupervisor::new().start_link().unwrap()
}

/// How many: all, running, workers, supervisors.
pub(crate) fn counts(sup: &DynamicSupervisorRef) -> [usize; 4] {
    let ChildCounts { specs, active, workers, supervisors, .. } = sup.count_children().unwrap();
    [specs, active, workers, supervisors]
}

pub(crate) fn pids(sup: &DynamicSupervisorRef) -> Vec<Option<Pid>> {
    let mut pids: Vec<_> = sup.which_children().unwrap().into_iter().map(|child| child.state.pid()).collect();
    pids.sort();
    pids
}

pub(crate) fn end(simulation: &Simulation, child: &Mortal, reason: ExitReason) {
    child.send(reason).unwrap();
    simulation.run_until_idle();
}

/// A start function that counts its calls, keeps the last child it started, and fails or not as the switch says.
#[derive(Clone, Default)]
pub(crate) struct Starter {
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) failing: Arc<Mutex<Option<StartError>>>,
    pub(crate) last: Arc<Mutex<Option<Mortal>>>,
}

impl Starter {
    pub(crate) fn start(&self) -> Started<Mortal> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = self.failing.lock().unwrap().clone() {
            return Err(error);
        }
        let child = mortal()?;
        *self.last.lock().unwrap() = Some(child.clone());
        Ok(child)
    }

    pub(crate) fn spec(&self) -> ChildSpec<Mortal> {
        let starter = self.clone();
        ChildSpec::new("starter", move || starter.start())
    }

    pub(crate) fn fail(&self, error: Option<StartError>) {
        *self.failing.lock().unwrap() = error;
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn last(&self) -> Mortal {
        self.last.lock().unwrap().clone().unwrap()
    }
}

/// Tells when it is dropped.
pub(crate) struct Dropped(pub(crate) Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

//! Starting a task's process, and ending it.

use std::time::Duration;

use super::Task;
use super::slot::Slot;
use super::work::{NoMail, Seat, Work};
use crate::process::{AnyProcess, Cell, Client, Family, Home, enter, link};
use crate::sync::Arc;
use crate::timer::Timer;
use crate::{Address, ExitReason, Peer, Pid, StartError, log};

/// How long a killed task may stay in its work before it is given up. Guessed: a kill acts between slices, and those that
/// are healthy take milliseconds.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// What ties a task to others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ties {
    /// Linked to the process that starts it, in one step with the start.
    pub(crate) starter: bool,
    /// Linked to this one too.
    pub(crate) also: Option<Peer>,
    /// Nothing is done for this one once it is dead.
    pub(crate) owner: Option<Peer>,
    /// Nothing is done once nobody wants the outcome.
    pub(crate) wanted: bool,
    /// Whom it works for.
    pub(crate) client: Client,
}

/// Starts a process that does the work and puts the outcome into the slot. Where it fails, work and slot are dropped.
pub(super) fn launch<W, K>(work: W, slot: &Arc<Slot<W::Output>>, ties: Ties) -> Result<Address<NoMail>, StartError>
where
    W: Work<K>,
{
    let mut family = Family::of_caller(ties.starter);
    let mut birth = family.bear(std::any::type_name::<W>, false);
    birth.relations.observe(Arc::clone(slot) as _, ties.client);
    let cell = Cell::starting(Home::Seats, birth, None);
    let address = Address(Arc::clone(&cell));
    // Before anybody knows of the process, so that there is little to undo.
    if let Some(other) = &ties.also {
        link(&Peer::from(&address), other).map_err(|dead| StartError::Init(ExitReason::shutdown_with(dead)))?;
    }
    if ties.wanted && !slot.hold(&address) {
        ties.also.iter().for_each(|other| unlink(&address, other.pid()));
        return Err(StartError::Ignore);
    }
    enter(&cell, &family, None)?;
    let seat = Seat { cell: Arc::clone(&cell), slot: Arc::clone(slot), owner: ties.owner };
    cell.set_going(work.prepare(seat).0);
    Ok(address)
}

/// A task whose start is under way. Given up before it has begun, it is not started at all; after that, it is killed.
pub(super) struct Pending<T> {
    slot: Option<Arc<Slot<T>>>,
    linked: Option<Pid>,
}

impl<T> Pending<T> {
    pub(super) fn new(slot: &Arc<Slot<T>>, linked: Option<&Peer>) -> Self {
        Self { slot: Some(Arc::clone(slot)), linked: linked.map(Peer::pid) }
    }

    /// It has been started: from now on its handle counts.
    pub(super) fn started(mut self, process: Address<NoMail>) -> Task<T>
    where
        T: Send + 'static,
    {
        let slot = self.slot.take().unwrap_or_else(|| Slot::new(None, None));
        Task { slot, process: Some(process), linked: self.linked }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        let Some(slot) = &self.slot else { return };
        drop(slot.close());
        if let Some(process) = slot.process() {
            self.linked.into_iter().for_each(|linked| unlink(&process, linked));
            kill(&process);
        }
    }
}

/// Kills a task. One whose work does not return is given up a moment later: it is dead for everybody then, and what it holds is
/// dropped when the work returns after all. Gives the timer of that; who sees the end first may cancel it.
pub(super) fn kill(task: &Address<NoMail>) -> Option<Timer> {
    task.exit(ExitReason::Kill);
    task.exit_reason().is_none().then(|| give_up_after(task, GRACE))
}

/// Gives the task up after this time, if it is bound to end by then and still has not.
fn give_up_after(task: &Address<NoMail>, time: Duration) -> Timer {
    let engine = task.0.engine();
    let weak = Arc::downgrade(&task.0);
    let alive = weak.clone();
    let give_up = move || {
        if let Some(cell) = weak.upgrade().filter(|cell| cell.exit_reason().is_none()) {
            // What it holds is the user's: not on the clock's thread.
            let engine = Arc::clone(cell.engine());
            engine.discard(Box::new(GiveUp(Address(cell))));
        }
    };
    let pending = move || alive.upgrade().is_some_and(|cell| cell.exit_reason().is_none());
    engine.timers.after(time, Box::new(give_up), Some(Box::new(pending)))
}

/// Its drop gives the task up.
struct GiveUp(Address<NoMail>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        give_up(&self.0);
    }
}

pub(super) fn give_up(task: &Address<NoMail>) {
    if task.0.abandon() {
        log::warn!("task {} does not end when it is killed: given up", task.pid());
    }
}

/// Removes the link between two, from outside of both.
pub(super) fn unlink(task: &Address<NoMail>, other: Pid) {
    task.0.remove_link(other);
    if let Some(other) = task.0.engine().table.get(other) {
        other.remove_link(task.pid());
    }
}

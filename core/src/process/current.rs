//! Which process, seat and runtime the calling thread stands for.

use std::cell::{Cell, RefCell};

use crate::Pid;
use crate::runtime::engine::Engine;
use crate::scheduler::SeatClaim;
use crate::sync::Arc;

thread_local! {
    static PID: Cell<Option<Pid>> = const { Cell::new(None) };
    static SEAT: Cell<Option<SeatClaim>> = const { Cell::new(None) };
    static ENGINE: RefCell<Option<Arc<Engine>>> = const { RefCell::new(None) };
}

/// The process whose callback, or whose body, runs on this thread.
#[inline]
pub(crate) fn pid() -> Option<Pid> {
    PID.get()
}

/// The seat this thread took its current slice on; it may have lost it since.
#[inline]
pub(crate) fn seat() -> Option<SeatClaim> {
    SEAT.get()
}

#[inline]
pub(crate) fn set_seat(claim: Option<SeatClaim>) {
    SEAT.set(claim);
}

/// The runtime this thread belongs to or has entered.
pub(crate) fn engine() -> Option<Arc<Engine>> {
    ENGINE.with_borrow(Clone::clone)
}

/// The runtime whose seat this thread took its current slice on.
pub(crate) fn seat_engine() -> Option<Arc<Engine>> {
    seat().and_then(|_| engine())
}

/// Until the guard drops, the thread stands for this process.
#[inline]
pub(crate) fn enter_pid(pid: Pid) -> PidGuard {
    PidGuard(PID.replace(Some(pid)))
}

/// The thread stands for this process, unless it stands for one already.
pub(crate) fn adopt(pid: Pid) {
    PID.set(PID.get().or(Some(pid)));
}

/// The end of [`adopt`].
pub(crate) fn disown(pid: Pid) {
    PID.set(PID.get().filter(|current| *current != pid));
}

/// Until the guard drops, the thread stands for this process of that runtime.
pub(crate) fn enter_process(engine: &Arc<Engine>, pid: Pid) -> (PidGuard, EngineGuard) {
    (enter_pid(pid), enter_engine(engine))
}

/// Until the guard drops, what the thread starts belongs to this runtime.
pub(crate) fn enter_engine(engine: &Arc<Engine>) -> EngineGuard {
    let same = ENGINE.with_borrow(|current| current.as_ref().is_some_and(|current| Arc::ptr_eq(current, engine)));
    if same { EngineGuard::Same } else { EngineGuard::Before(ENGINE.replace(Some(Arc::clone(engine)))) }
}

#[derive(Debug)]
pub(crate) struct PidGuard(Option<Pid>);

impl Drop for PidGuard {
    #[inline]
    fn drop(&mut self) {
        PID.set(self.0);
    }
}

/// What was entered before.
pub(crate) enum EngineGuard {
    /// The same: there is nothing to go back to.
    Same,
    Before(Option<Arc<Engine>>),
}

impl Drop for EngineGuard {
    fn drop(&mut self) {
        if let Self::Before(before) = self {
            ENGINE.replace(before.take());
        }
    }
}

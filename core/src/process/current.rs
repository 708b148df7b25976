//! Which process, seat and runtime the calling thread stands for.
//!
//! Those that have destructors may be gone while a thread ends and destructors of its other thread-locals call the runtime.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::Duration;

use super::peer::Peer;
use crate::reason::Panic;
use crate::runtime::engine::Engine;
use crate::scheduler::SeatClaim;
use crate::sync::Arc;
use crate::{Pid, log};

/// A process, and how the thread stands for it.
#[derive(Clone, Copy)]
struct Who {
    pid: Pid,
    /// Until a guard drops: it runs a callback or a slice.
    guarded: bool,
}

/// A reply that will not come. Its caller is told at the end of the slice, when it is known whether the process ended.
pub(crate) trait Orphan {
    fn tell(&self);
}

/// The poll of a process's future.
#[derive(Clone, Copy)]
struct Poll {
    /// What tells the process's own waker from others: combinators poll with theirs.
    waker: usize,
    /// Whether the process was woken because a limit was reached.
    over: bool,
    /// When something in the future wants to be polled again.
    until: Option<Duration>,
}

/// The time, as it was read in this tick of this runtime.
#[derive(Clone, Copy)]
struct Read {
    runtime: u32,
    tick: u64,
    time: Duration,
}

thread_local! {
    static POLL: Cell<Option<Poll>> = const { Cell::new(None) };
    static READ: Cell<Option<Read>> = const { Cell::new(None) };
    static WHO: Cell<Option<Who>> = const { Cell::new(None) };
    /// Whether there are orphans: a glance that costs nothing.
    static ORPHANED: Cell<bool> = const { Cell::new(false) };
    static ORPHANS: RefCell<Vec<(Pid, Arc<dyn Orphan>)>> = const { RefCell::new(Vec::new()) };
    static SEAT: Cell<Option<SeatClaim>> = const { Cell::new(None) };
    static ENGINE: RefCell<Option<Arc<Engine>>> = const { RefCell::new(None) };
    /// The threads' own processes, oldest first.
    static ADOPTED: RefCell<Vec<Pid>> = const { RefCell::new(Vec::new()) };
    static STARTING: RefCell<Vec<Pid>> = const { RefCell::new(Vec::new()) };
}

/// The process whose callback, or whose body, runs on this thread.
#[inline]
pub(crate) fn pid() -> Option<Pid> {
    WHO.get().map(|who| who.pid)
}

/// Whether an exit signal has hit the process that this thread stands for.
pub(crate) fn is_bound_to_end() -> bool {
    pid().map(Peer::from).is_some_and(|peer| peer.process().is_some_and(|process| process.is_bound_to_end()))
}

/// Whether this thread runs a slice of this process.
pub(crate) fn is_slice_of(pid: Pid) -> bool {
    WHO.get().is_some_and(|who| who.guarded && who.pid == pid)
}

/// Keeps an orphan until the end of the slice of this process, which this thread runs.
pub(crate) fn keep_orphan(pid: Pid, orphan: &Arc<dyn Orphan>) {
    let kept = ORPHANS.try_with(|orphans| orphans.borrow_mut().push((pid, Arc::clone(orphan))));
    match kept {
        Ok(()) => ORPHANED.set(true),
        Err(_) => orphan.tell(),
    }
}

/// Tells those who wait for a reply from the process that this thread stands for.
#[inline]
pub(crate) fn tell_orphans() {
    if ORPHANED.get()
        && let Some(pid) = pid()
    {
        tell_orphans_of(pid);
    }
}

#[cold]
fn tell_orphans_of(pid: Pid) {
    let Ok(orphans) = ORPHANS.try_with(RefCell::take) else { return };
    let (told, left): (Vec<_>, Vec<_>) = orphans.into_iter().partition(|(callee, _)| *callee == pid);
    // In a simulation slices are nested; the others end later.
    ORPHANED.set(!left.is_empty());
    ORPHANS.set(left);
    for (_, orphan) in told {
        // Wakers are the user's.
        if Panic::catch(|| orphan.tell()).is_err() {
            log::error!("a waker panicked");
        }
    }
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
    ENGINE.try_with(|engine| engine.borrow().clone()).ok().flatten()
}

/// Shows the runtime this thread belongs to or has entered, without a reference of its own; nothing may be entered meanwhile.
#[inline]
pub(crate) fn see_engine<T>(look: impl FnOnce(&Arc<Engine>) -> T) -> Option<T> {
    ENGINE.try_with(|engine| engine.borrow().as_ref().map(look)).ok().flatten()
}

/// Until the guard drops, the thread polls the future of the process that has this waker.
#[inline]
pub(crate) fn enter_poll(waker: &Waker, over: bool) -> PollGuard {
    PollGuard(POLL.replace(Some(Poll { waker: waker.data().addr(), over, until: None })))
}

pub(crate) struct PollGuard(Option<Poll>);

impl PollGuard {
    /// When the future wants to be polled again at the latest.
    #[inline]
    pub(crate) fn end(self) -> Option<Duration> {
        POLL.replace(self.0).and_then(|poll| poll.until)
    }
}

impl Drop for PollGuard {
    #[inline]
    fn drop(&mut self) {
        POLL.set(self.0);
    }
}

#[inline]
fn poll_with(waker: &Waker) -> Option<Poll> {
    POLL.get().filter(|poll| poll.waker == waker.data().addr())
}

/// Whether this is the waker of the process whose future this thread polls, which has run out of patience.
#[inline]
pub(crate) fn is_patience_over(waker: &Waker) -> bool {
    poll_with(waker).is_some_and(|poll| poll.over)
}

/// If this is the waker of the process whose future this thread polls, the process is woken at this time unless something comes
/// before.
#[inline]
pub(crate) fn wake_by(waker: &Waker, time: Duration) -> bool {
    let Some(mut poll) = poll_with(waker) else { return false };
    poll.until = Some(poll.until.map_or(time, |until| until.min(time)));
    POLL.set(Some(poll));
    true
}

/// The time as it was read on this thread in this tick, or else as it is read now.
#[inline]
pub(crate) fn time_of(runtime: u32, tick: u64, read: impl FnOnce() -> Duration) -> Duration {
    match READ.get() {
        Some(known) if (known.runtime, known.tick) == (runtime, tick) => known.time,
        _ => {
            let time = read();
            READ.set(Some(Read { runtime, tick, time }));
            time
        }
    }
}

pub(crate) fn forget_time() {
    READ.set(None);
}

/// The runtime whose seat this thread took its current slice on.
pub(crate) fn seat_engine() -> Option<Arc<Engine>> {
    seat().and_then(|_| engine())
}

/// Until the guard drops, the thread stands for this process.
#[inline]
pub(crate) fn enter_pid(pid: Pid) -> PidGuard {
    PidGuard(WHO.replace(Some(Who { pid, guarded: true })))
}

/// Whether this thread runs the start of a process that this one, directly or not, is starting, and waits for.
pub fn is_starting(pid: Pid) -> bool {
    STARTING.try_with(|starting| starting.borrow().contains(&pid)).unwrap_or(false)
}

/// How many starts this thread is within.
pub(crate) fn starts() -> usize {
    STARTING.try_with(|starting| starting.borrow().len()).unwrap_or(0)
}

/// The thread stands for this process, unless it stands for one already.
pub(crate) fn adopt(pid: Pid) {
    let _ = ADOPTED.try_with(|adopted| adopted.borrow_mut().push(pid));
    WHO.set(WHO.get().or(Some(Who { pid, guarded: false })));
}

/// The end of [`adopt`]: the thread stands for the oldest of its processes that is left.
pub(crate) fn disown(pid: Pid) {
    let left = ADOPTED.try_with(|adopted| {
        let mut adopted = adopted.borrow_mut();
        adopted.retain(|other| *other != pid);
        adopted.first().copied()
    });
    if WHO.get().is_some_and(|who| who.pid == pid && !who.guarded) {
        WHO.set(left.ok().flatten().map(|pid| Who { pid, guarded: false }));
    }
}

/// Until the guard drops, the thread stands for this process of that runtime, which whom it stood for before is starting.
pub(crate) fn enter_start(engine: &Arc<Engine>, pid: Pid) -> (PidGuard, EngineGuard, StartGuard) {
    let starter = WHO.get().map(|who| who.pid);
    let _ = STARTING.try_with(|starting| starting.borrow_mut().extend(starter));
    (enter_pid(pid), enter_engine(engine), StartGuard(starter))
}

/// Until the guard drops, what the thread starts belongs to this runtime.
pub(crate) fn enter_engine(engine: &Arc<Engine>) -> EngineGuard {
    let before = ENGINE.try_with(|current| {
        let same = current.borrow().as_ref().is_some_and(|current| Arc::ptr_eq(current, engine));
        (!same).then(|| current.replace(Some(Arc::clone(engine))))
    });
    before.ok().flatten().map_or(EngineGuard::Same, EngineGuard::Before)
}

pub(crate) struct PidGuard(Option<Who>);

impl Drop for PidGuard {
    #[inline]
    fn drop(&mut self) {
        tell_orphans();
        WHO.set(self.0);
    }
}

pub(crate) struct StartGuard(Option<Pid>);

impl Drop for StartGuard {
    fn drop(&mut self) {
        if self.0.is_some() {
            let _ = STARTING.try_with(|starting| starting.borrow_mut().pop());
        }
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
            let before = before.take();
            let _ = ENGINE.try_with(|engine| engine.replace(before));
        }
    }
}

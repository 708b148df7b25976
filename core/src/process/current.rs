//! Which process, seat and runtime the calling thread stands for.
//!
//! Those that have destructors may be gone while a thread ends and destructors of its other thread-locals call the runtime.

use std::cell::{Cell, RefCell};
use std::task::Waker;

use super::peer::Peer;
use crate::reason::Panic;
use crate::runtime::engine::Engine;
use crate::scheduler::{Age, SeatClaim, Slice};
use crate::sync::Arc;
use crate::{Pid, log};

/// A reply that will not come. Its caller is told at the end of the slice, when it is known whether the process ended.
pub(crate) trait Orphan {
    fn tell(&self);
}

/// No time, in nanoseconds.
pub(crate) const NEVER: u64 = u64::MAX;

/// The time in nanoseconds, as it was read in this tick of this runtime.
#[derive(Clone, Copy)]
struct Read {
    runtime: u32,
    tick: u64,
    time: u64,
}

// What every slice writes is in words of its own: a word that was just written is read back at once, a structure of several is
// not before all have left the store buffer.
thread_local! {
    /// The waker of the process whose future is being polled, to tell it from others: combinators poll with theirs. 0: none is.
    static WAKER: Cell<usize> = const { Cell::new(0) };
    /// Whether that process was woken because a limit was reached.
    static OVER: Cell<bool> = const { Cell::new(false) };
    /// When something in the future wants to be polled again, in nanoseconds.
    static UNTIL: Cell<u64> = const { Cell::new(NEVER) };
    static READ: Cell<Option<Read>> = const { Cell::new(None) };
    /// Nobody, or the process that the thread stands for.
    static WHO: Cell<Pid> = const { Cell::new(Pid::NOBODY) };
    /// Whether it does until a guard drops: it runs a callback or a slice.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// Whether there are orphans: a glance that costs nothing.
    static ORPHANED: Cell<bool> = const { Cell::new(false) };
    static ORPHANS: RefCell<Vec<(Pid, Arc<dyn Orphan>)>> = const { RefCell::new(Vec::new()) };
    /// Of whose scheduler the thread took a seat last, and which.
    static SCHEDULER: Cell<usize> = const { Cell::new(0) };
    static SEAT: Cell<usize> = const { Cell::new(0) };
    static SLICE: Cell<Slice> = const { Cell::new(Slice::NONE) };
    static AGE: Cell<Age> = const { Cell::new(Age::Unknown) };
    static ENGINE: RefCell<Option<Arc<Engine>>> = const { RefCell::new(None) };
    /// The threads' own processes, oldest first.
    static ADOPTED: RefCell<Vec<Pid>> = const { RefCell::new(Vec::new()) };
    static STARTING: RefCell<Vec<Pid>> = const { RefCell::new(Vec::new()) };
}

/// The process whose callback, or whose body, runs on this thread.
#[inline]
pub(crate) fn pid() -> Option<Pid> {
    Some(WHO.get()).filter(|pid| *pid != Pid::NOBODY)
}

/// Whether an exit signal has hit the process that this thread stands for.
pub(crate) fn is_bound_to_end() -> bool {
    pid().map(Peer::from).is_some_and(|peer| peer.process().is_some_and(|process| process.is_bound_to_end()))
}

/// Whether this thread runs a slice of this process.
pub(crate) fn is_slice_of(pid: Pid) -> bool {
    GUARDED.get() && WHO.get() == pid
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

/// The slice this thread runs; it may have lost its seat since.
#[inline]
pub(crate) fn seat() -> Option<SeatClaim> {
    let scheduler = SCHEDULER.get();
    (scheduler != 0).then(|| SeatClaim { scheduler, seat: SEAT.get(), slice: SLICE.get() })
}

/// How long the slice has been going.
#[inline]
pub(crate) fn age() -> Age {
    AGE.get()
}

#[inline]
pub(crate) fn set_age(age: Age) {
    AGE.set(age);
}

/// The thread takes a seat.
pub(crate) fn set_seat(scheduler: usize, seat: usize) {
    SCHEDULER.set(scheduler);
    SEAT.set(seat);
    SLICE.set(Slice::NONE);
}

/// A slice begins on that seat.
#[inline]
pub(crate) fn set_slice(slice: Slice, age: Age) {
    SLICE.set(slice);
    AGE.set(age);
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
    PollGuard { waker: WAKER.replace(waker.data().addr()), over: OVER.replace(over), until: UNTIL.replace(NEVER) }
}

/// What was before.
pub(crate) struct PollGuard {
    waker: usize,
    over: bool,
    until: u64,
}

impl Drop for PollGuard {
    #[inline]
    fn drop(&mut self) {
        WAKER.set(self.waker);
        OVER.set(self.over);
        UNTIL.set(self.until);
    }
}

/// When the future that is being polled wants to be polled again at the latest, in nanoseconds, or [`NEVER`].
#[inline]
pub(crate) fn poll_until() -> u64 {
    UNTIL.get()
}

#[inline]
fn is_polled_with(waker: &Waker) -> bool {
    WAKER.get() == waker.data().addr()
}

/// Whether this is the waker of the process whose future this thread polls, which has run out of patience.
#[inline]
pub(crate) fn is_patience_over(waker: &Waker) -> bool {
    is_polled_with(waker) && OVER.get()
}

/// If this is the waker of the process whose future this thread polls, the process is woken at this time, in nanoseconds, unless
/// something comes before.
#[inline]
pub(crate) fn wake_by(waker: &Waker, time: u64) -> bool {
    let polled = is_polled_with(waker);
    if polled {
        UNTIL.set(UNTIL.get().min(time));
    }
    polled
}

/// The time as it was read on this thread in this tick, or else as it is read now.
#[inline]
pub(crate) fn time_of(runtime: u32, tick: u64, read: impl FnOnce() -> u64) -> u64 {
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
    PidGuard { pid: WHO.replace(pid), guarded: GUARDED.replace(true) }
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
    if self::pid().is_none() {
        WHO.set(pid);
    }
}

/// The end of [`adopt`]: the thread stands for the oldest of its processes that is left.
pub(crate) fn disown(pid: Pid) {
    let left = ADOPTED.try_with(|adopted| {
        let mut adopted = adopted.borrow_mut();
        adopted.retain(|other| *other != pid);
        adopted.first().copied()
    });
    if WHO.get() == pid && !GUARDED.get() {
        WHO.set(left.ok().flatten().unwrap_or(Pid::NOBODY));
    }
}

/// Until the guard drops, the thread stands for this process of that runtime, which whom it stood for before is starting.
pub(crate) fn enter_start(engine: &Arc<Engine>, pid: Pid) -> (PidGuard, EngineGuard, StartGuard) {
    let starter = self::pid();
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

/// Whom the thread stood for before.
pub(crate) struct PidGuard {
    pid: Pid,
    guarded: bool,
}

impl Drop for PidGuard {
    #[inline]
    fn drop(&mut self) {
        tell_orphans();
        WHO.set(self.pid);
        GUARDED.set(self.guarded);
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

//! Timers: a heap of deadlines, emptied by the clock.
//!
//! A timer is pending, fired or cancelled; whoever takes its action out of the entry decides which. Specification: P9.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use crate::reason::Panic;
use crate::runtime::Runtime;
use crate::runtime::clock::Clock;
use crate::runtime::engine::Engine;
use crate::sync::{Arc, Mutex};
use crate::{Address, Name, Pid, log};

pub(crate) type Action = Box<dyn FnOnce() + Send>;
/// Whether the receiver still lives; a timer for the dead counts as gone (P9.3).
pub(crate) type Alive = Box<dyn Fn() -> bool + Send + Sync>;

/// What may become due: a timer that was set, or the slot of a reply that somebody waits for.
pub(crate) trait Due: Send + Sync {
    /// Its time has come. False: it was cancelled, or is done.
    fn fire(&self) -> bool;
    /// What becomes of it, filed for this time.
    fn review(&self, filed: Duration) -> Review;
    /// Whether anybody would notice, if it is filed for this time.
    fn is_live(&self, filed: Duration) -> bool;
    /// It will never fire: drops what it holds.
    fn discard(&self) {}
    /// Whether it may wait for a reply of this process.
    fn may_wait_for(&self, callee: Pid) -> bool {
        let _ = callee;
        false
    }
    /// The callee was given up: nothing will come.
    fn orphan(&self) {}
}

/// What becomes of something that comes up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Review {
    /// It fires.
    Due,
    /// It is to be filed anew: its time has moved.
    Later(Duration),
    /// It was cancelled, or is done.
    Gone,
}

impl Review {
    pub(crate) fn pending(pending: bool) -> Self {
        if pending { Self::Due } else { Self::Gone }
    }
}

struct Entry {
    deadline: Duration,
    action: Mutex<Option<Action>>,
    alive: Option<Alive>,
}

impl Entry {
    /// Whoever gets the action decides what becomes of the timer.
    fn take(&self) -> Option<Action> {
        self.action.lock().take()
    }

    fn is_pending(&self) -> bool {
        self.action.lock().is_some()
    }

    fn is_wanted(&self) -> bool {
        self.is_pending() && self.alive.as_ref().is_none_or(|alive| alive())
    }
}

impl Due for Entry {
    fn fire(&self) -> bool {
        self.take().map(|action| action()).is_some()
    }

    fn review(&self, _: Duration) -> Review {
        Review::pending(self.is_pending())
    }

    fn is_live(&self, _: Duration) -> bool {
        self.is_wanted()
    }

    fn discard(&self) {
        drop(self.take());
    }
}

/// A timer that was set. Dropping it changes nothing; [`cancel`](Self::cancel) it to keep it from firing.
#[derive(Clone)]
pub struct Timer {
    entry: Arc<Entry>,
    clock: Clock,
}

impl Timer {
    /// Cancels it and returns the time that was left. `None` if it has fired, was cancelled, or its receiver is dead.
    ///
    /// An answer guarantees that the message will never be delivered (P9.4).
    pub fn cancel(&self) -> Option<Duration> {
        let left = self.read();
        let action = self.entry.take()?;
        drop(action);
        left
    }

    /// The time left, or `None` as for [`cancel`](Self::cancel). No effect (P9.5).
    pub fn read(&self) -> Option<Duration> {
        self.entry.is_wanted().then(|| self.entry.deadline.saturating_sub(self.clock.now()))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("left", &self.read()).finish()
    }
}

/// Sends `message` to a process after `delay`, from anywhere. Dropped if the process is dead by then (P9.3).
///
/// Never early; on real time late by about a millisecond at most while a thread is free to run it. To a [`Name`] it goes
/// to whoever has that name then, and is dropped if nobody has (P9.1).
///
/// ```
/// use std::time::Duration;
///
/// let (report, reports) = std::sync::mpsc::channel();
/// let sleeper = genstage_core::spawn(move |mailbox| async move {
///     let () = mailbox.receive().await;
///     let _ = report.send("woken");
/// });
/// let timer = genstage_core::send_after(&sleeper, (), Duration::from_millis(5));
/// assert_eq!(reports.recv(), Ok("woken"));
/// assert_eq!(timer.cancel(), None); // it has fired
/// ```
pub fn send_after<M: Send + 'static>(to: impl Recipient<M>, message: M, delay: Duration) -> Timer {
    let Delivery { engine, action, alive } = to.delivery(message);
    engine.timers.at(engine.clock.now().saturating_add(delay), action, alive)
}

/// As [`send_after`], at a time of the runtime that the receiver lives in; see [`monotonic_time`]. If that has passed, at
/// once (P9.1, the option `abs`).
///
/// ```
/// use std::time::Duration;
/// use genstage_core::{Mail, monotonic_time, run_with_inbox, send_at};
///
/// run_with_inbox(|me| {
///     let start = monotonic_time();
///     // Every two milliseconds, without drift.
///     for n in 1..=3 {
///         send_at(me.me(), n, start + n * Duration::from_millis(2));
///     }
///     assert!(matches!(me.receive(None), Some(Mail::Message(1))));
/// });
/// ```
pub fn send_at<M: Send + 'static>(to: impl Recipient<M>, message: M, time: Duration) -> Timer {
    let Delivery { engine, action, alive } = to.delivery(message);
    engine.timers.at(time, action, alive)
}

/// Time since the calling thread's runtime began; in a [`Simulation`](crate::Simulation), virtual time.
pub fn monotonic_time() -> Duration {
    Runtime::current_engine().clock.now()
}

/// Sleeps, without taking messages, for any length (P9.6). In a callback the wait is announced, so that other processes run
/// meanwhile; in a [`Simulation`](crate::Simulation) it takes virtual time, and one without an end returns when nothing else
/// can happen. In a future, use [`Mailbox::sleep`](crate::Mailbox::sleep).
///
/// A process that is killed while it sleeps ends when it wakes.
pub fn sleep(time: Duration) {
    let engine = Runtime::current_engine();
    let deadline = engine.clock.now().saturating_add(time);
    engine.wait(Some(deadline), || None::<()>);
}

/// Who a timer can be for: an [`Address`], or a [`Name`], which is looked up when the time has come.
pub trait Recipient<M>: sealed::Sealed {
    #[doc(hidden)]
    fn delivery(self, message: M) -> Delivery;
}

mod sealed {
    pub trait Sealed {}
    impl<M> Sealed for &crate::Address<M> {}
    impl Sealed for &crate::Name {}
}

/// What a timer does when its time has come.
#[doc(hidden)]
pub struct Delivery {
    engine: Arc<Engine>,
    action: Action,
    alive: Option<Alive>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivery")
    }
}

impl<M: Send + 'static> Recipient<M> for &Address<M> {
    fn delivery(self, message: M) -> Delivery {
        let target = self.clone();
        let alive = self.clone();
        Delivery {
            engine: Arc::clone(self.0.engine()),
            action: Box::new(move || deliver(target.0.engine(), Some(&target), message)),
            alive: Some(Box::new(move || alive.is_alive())),
        }
    }
}

impl<M: Send + 'static> Recipient<M> for &Name {
    fn delivery(self, message: M) -> Delivery {
        let engine = Runtime::current_engine();
        let (name, here) = (self.clone(), Arc::clone(&engine));
        let action: Action = Box::new(move || match name.find_local(&here) {
            Ok(peer) => deliver(&here, peer.and_then(|peer| peer.address()).as_ref(), message),
            // Another book is the user's code: not on the clock's thread.
            Err(book) => {
                let (book, runtime) = (Arc::clone(book), Arc::clone(&here));
                here.run_soon(move || {
                    let peer = book.whereis();
                    deliver(&runtime, peer.and_then(|peer| peer.address()).as_ref(), message);
                });
            }
        });
        Delivery { engine, action, alive: None }
    }
}

fn deliver<M: Send + 'static>(engine: &Engine, to: Option<&Address<M>>, message: M) {
    let unwanted = match to {
        Some(to) => to.send(message).err().map(|error| error.message),
        None => Some(message),
    };
    if let Some(message) = unwanted {
        engine.discard(Box::new(message));
    }
}

/// In the heap: by deadline, then by the order of setting, so that equal deadlines fire in order.
struct Pending {
    deadline: Duration,
    serial: u64,
    entry: Arc<dyn Due>,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        (self.deadline, self.serial) == (other.deadline, other.serial)
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.deadline, self.serial).cmp(&(other.deadline, other.serial))
    }
}

struct Heap {
    pending: BinaryHeap<Reverse<Pending>>,
    serial: u64,
    /// The length at which dead entries are looked for.
    sweep_at: usize,
    /// When the clock looks again by itself: a timer that is due later need not rouse it.
    look_at: Duration,
    closed: bool,
}

/// Below this, cancelled entries and those of dead receivers simply wait for their time.
const SWEEP_FROM: usize = 64;

pub(crate) struct Timers {
    heap: Mutex<Heap>,
    clock: Clock,
}

impl Timers {
    pub(crate) fn new(clock: Clock) -> Self {
        let heap =
            Heap { pending: BinaryHeap::new(), serial: 0, sweep_at: SWEEP_FROM, look_at: Clock::END, closed: false };
        Self { heap: Mutex::new(heap), clock }
    }

    /// Sets a timer. Tells also whether it is due before the clock would look again, so that it must be roused.
    pub(crate) fn set(&self, deadline: Duration, action: Action, alive: Option<Alive>) -> (Timer, bool) {
        let entry = Arc::new(Entry { deadline, action: Mutex::new(Some(action)), alive });
        let early = self.push(deadline, Arc::clone(&entry) as Arc<dyn Due>);
        (Timer { entry, clock: self.clock.clone() }, early)
    }

    /// Something that becomes due then. Tells whether the clock must be roused for it.
    pub(crate) fn push(&self, deadline: Duration, entry: Arc<dyn Due>) -> bool {
        let mut heap = self.heap.lock();
        if heap.closed {
            drop(heap);
            discard(&*entry);
            return false;
        }
        let dead = heap.sweep();
        heap.file(deadline, entry);
        let early = deadline < heap.look_at;
        if early {
            // Once roused, the clock will see what else is due by then.
            heap.look_at = deadline;
        }
        drop(heap);
        for entry in &dead {
            discard(&**entry);
        }
        early
    }

    /// Fails what waits for a process that was given up.
    pub(crate) fn orphan(&self, callee: Pid) {
        let waiting: Vec<_> = {
            let heap = self.heap.lock();
            let of_it = |pending: &&Reverse<Pending>| pending.0.entry.may_wait_for(callee);
            heap.pending.iter().filter(of_it).map(|pending| Arc::clone(&pending.0.entry)).collect()
        };
        for entry in waiting {
            // Wakers are the user's.
            if Panic::catch(|| entry.orphan()).is_err() {
                log::error!("a waker panicked");
            }
        }
    }

    /// The next deadline. The clock promises to look again by then, and at `latest`.
    pub(crate) fn next_deadline(&self, latest: Duration) -> Option<Duration> {
        let mut cancelled = Vec::new();
        let mut heap = self.heap.lock();
        let next = loop {
            match heap.pending.peek() {
                None => break None,
                Some(Reverse(next)) => match next.entry.review(next.deadline) {
                    Review::Due => break Some(next.deadline),
                    Review::Later(deadline) => heap.postpone(deadline),
                    Review::Gone => cancelled.extend(heap.pending.pop()),
                },
            }
        };
        heap.look_at = next.map_or(latest, |next| next.min(latest));
        drop(heap);
        next
    }

    /// Fires the next timer that is due at `now`. False if there is none.
    pub(crate) fn fire_next(&self, now: Duration) -> bool {
        loop {
            let due = {
                let mut heap = self.heap.lock();
                loop {
                    match heap.pending.peek() {
                        Some(Reverse(next)) if next.deadline <= now => match next.entry.review(next.deadline) {
                            Review::Later(deadline) => heap.postpone(deadline),
                            Review::Due | Review::Gone => break heap.pending.pop(),
                        },
                        _ => break None,
                    }
                }
            };
            let Some(Reverse(due)) = due else { return false };
            // The action runs outside all locks. A waker is the user's and may panic.
            match Panic::catch(|| due.entry.fire()) {
                Ok(false) => {}
                Ok(true) => return true,
                Err(_) => {
                    log::error!("a waker panicked");
                    return true;
                }
            }
        }
    }

    /// The end of the runtime: nothing fires any more, and what the timers hold is dropped.
    pub(crate) fn close(&self) {
        let pending = {
            let mut heap = self.heap.lock();
            heap.closed = true;
            std::mem::take(&mut heap.pending)
        };
        for Reverse(pending) in &pending {
            discard(&*pending.entry);
        }
    }
}

/// Drops an action and the message in it, whose destructor is the user's: outside all locks.
fn discard(entry: &dyn Due) {
    if Panic::catch(|| entry.discard()).is_err() {
        log::error!("an undelivered message panicked while it was dropped");
    }
}

impl Heap {
    fn file(&mut self, deadline: Duration, entry: Arc<dyn Due>) {
        self.serial += 1;
        self.pending.push(Reverse(Pending { deadline, serial: self.serial, entry }));
    }

    /// Files what comes next for another time.
    fn postpone(&mut self, deadline: Duration) {
        if let Some(Reverse(next)) = self.pending.pop() {
            self.file(deadline, next.entry);
        }
    }

    /// Takes out what was cancelled and what is for dead receivers, each time the heap has doubled: so it holds at most twice
    /// what it must, at a constant cost for each timer.
    fn sweep(&mut self) -> Vec<Arc<dyn Due>> {
        if self.pending.len() < self.sweep_at {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.pending).into_vec();
        let (live, dead): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|pending| pending.0.entry.is_live(pending.0.deadline));
        self.sweep_at = (live.len() * 2).max(SWEEP_FROM);
        self.pending = live.into();
        dead.into_iter().map(|pending| pending.0.entry).collect()
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::sync::atomic::{AtomicUsize, Ordering};
    use loom::thread;

    #[test]
    fn a_timer_is_cancelled_or_fires() {
        loom::model(|| {
            let timers = Arc::new(Timers::new(Clock::simulated()));
            let fired = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&fired);
            let action = Box::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
            let (timer, early) = timers.set(Duration::ZERO, action, None);
            assert!(early);
            let clock = {
                let timers = Arc::clone(&timers);
                thread::spawn(move || timers.fire_next(Duration::ZERO))
            };
            let other = {
                let timer = timer.clone();
                thread::spawn(move || timer.cancel().is_some())
            };
            let cancelled = [timer.cancel().is_some(), other.join().unwrap_or(false)];
            let fires = clock.join().unwrap_or(false);
            let outcomes = [cancelled[0], cancelled[1], fires];
            assert_eq!(outcomes.iter().filter(|outcome| **outcome).count(), 1, "{outcomes:?}");
            assert_eq!(fired.load(Ordering::Relaxed), usize::from(fires));
            assert_eq!(timer.read(), None);
        });
    }
}

//! Timers: a heap of deadlines, emptied by the clock.
//!
//! A timer is pending, fired or cancelled; whoever takes its action out of the entry decides which. Specification: P9.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use crate::runtime::clock::Clock;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex};

pub(crate) type Action = Box<dyn FnOnce() + Send>;
/// Whether the receiver still lives; a timer for the dead counts as gone (P9.3).
pub(crate) type Alive = Box<dyn Fn() -> bool + Send + Sync>;

struct Entry {
    deadline: Duration,
    action: Mutex<Option<Action>>,
    alive: Option<Alive>,
}

/// A timer that was set. Dropping it changes nothing; [`cancel`](Self::cancel) it to keep it from firing.
#[derive(Clone)]
pub struct Timer {
    entry: Arc<Entry>,
    shared: Arc<Shared>,
}

impl Timer {
    /// Cancels it and returns the time that was left. `None` if it has fired, was cancelled, or its receiver is dead.
    ///
    /// An answer guarantees that the message will never be delivered (P9.4).
    pub fn cancel(&self) -> Option<Duration> {
        let left = self.read();
        let action = self.entry.action.lock().take()?;
        self.shared.cancelled.fetch_add(1, Ordering::Relaxed);
        drop(action);
        left
    }

    /// The time left, or `None` as for [`cancel`](Self::cancel). No effect (P9.5).
    pub fn read(&self) -> Option<Duration> {
        let pending = self.entry.action.lock().is_some();
        let alive = self.entry.alive.as_ref().is_none_or(|alive| alive());
        (pending && alive).then(|| self.entry.deadline.saturating_sub(self.shared.clock.now()))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("left", &self.read()).finish()
    }
}

/// In the heap: by deadline, then by the order of setting, so that equal deadlines fire in order.
struct Pending {
    deadline: Duration,
    serial: u64,
    entry: Arc<Entry>,
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

#[derive(Default)]
struct Heap {
    pending: BinaryHeap<Reverse<Pending>>,
    serial: u64,
}

struct Shared {
    clock: Clock,
    cancelled: AtomicUsize,
}

pub(crate) struct Timers {
    heap: Mutex<Heap>,
    shared: Arc<Shared>,
}

impl Timers {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { heap: Mutex::new(Heap::default()), shared: Arc::new(Shared { clock, cancelled: AtomicUsize::new(0) }) }
    }

    /// Sets a timer. `earliest` tells whether it is the next to fire, so that the clock may have to rise earlier.
    pub(crate) fn set(&self, delay: Duration, action: Action, alive: Option<Alive>) -> (Timer, bool) {
        let deadline = self.shared.clock.now().saturating_add(delay);
        let entry = Arc::new(Entry { deadline, action: Mutex::new(Some(action)), alive });
        let mut heap = self.heap.lock();
        heap.sweep(&self.shared.cancelled);
        heap.serial += 1;
        let serial = heap.serial;
        heap.pending.push(Reverse(Pending { deadline, serial, entry: Arc::clone(&entry) }));
        let earliest = heap.pending.peek().is_some_and(|next| next.0.serial == serial);
        (Timer { entry, shared: Arc::clone(&self.shared) }, earliest)
    }

    /// When the clock must look again.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let mut heap = self.heap.lock();
        while let Some(Reverse(next)) = heap.pending.peek() {
            if next.entry.action.lock().is_some() {
                return Some(next.deadline);
            }
            heap.pending.pop();
            let _ = self.shared.cancelled.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        }
        None
    }

    /// Fires the next timer that is due at `now`. False if there is none.
    pub(crate) fn fire_next(&self, now: Duration) -> bool {
        loop {
            let entry = {
                let mut heap = self.heap.lock();
                match heap.pending.peek() {
                    Some(Reverse(next)) if next.deadline <= now => heap.pending.pop(),
                    _ => None,
                }
            };
            let Some(Reverse(due)) = entry else { return false };
            // The action runs outside all locks.
            let action = due.entry.action.lock().take();
            if let Some(action) = action {
                action();
                return true;
            }
        }
    }
}

impl Heap {
    /// Cancelled entries stay until they are due, or until they are the greater part.
    fn sweep(&mut self, cancelled: &AtomicUsize) {
        if self.pending.len() >= 64 && cancelled.load(Ordering::Relaxed) * 2 > self.pending.len() {
            self.pending.retain(|pending| pending.0.entry.action.lock().is_some());
            cancelled.store(0, Ordering::Relaxed);
        }
    }
}

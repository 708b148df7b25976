//! The seat: the right to run callbacks. A thread that outstays its welcome in a callback loses it to another.
//!
//! One word holds the number of the current slice and two bits. Its owner begins and ends slices; the monitor may
//! take the seat away in between; a compare-and-swap decides which of the two came first.

use super::Task;
use super::queue::Queue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

const IN_CALLBACK: u64 = 1;
const WAITING: u64 = 2;
const SHIFT: u32 = 2;

/// The number of one slice on one seat. Holding it proves nothing: the seat may have been taken since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slice(u64);

/// What the monitor saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen(u64);

impl Seen {
    pub(crate) fn in_callback(self) -> bool {
        self.0 & IN_CALLBACK != 0
    }

    /// Whether the callback announced that it waits.
    pub(crate) fn waiting(self) -> bool {
        self.0 & WAITING != 0
    }

    /// Whether both are of one slice, whatever its bits.
    pub(crate) fn same_slice(self, other: Seen) -> bool {
        self.0 >> SHIFT == other.0 >> SHIFT
    }
}

#[derive(Debug)]
pub(crate) struct SeatWord(AtomicU64);

impl SeatWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The owner begins a slice. Nobody else writes while no callback runs.
    #[inline]
    pub(crate) fn begin(&self) -> Slice {
        let slice = (self.0.load(Ordering::Relaxed) >> SHIFT) + 1;
        self.0.store(slice << SHIFT | IN_CALLBACK, Ordering::Release);
        Slice(slice)
    }

    /// The owner ends its slice. False: the seat was taken away.
    #[inline]
    pub(crate) fn end(&self, slice: Slice) -> bool {
        self.change(slice, IN_CALLBACK, 0)
    }

    /// The callback announces a wait. False: the seat was taken away already.
    pub(crate) fn wait(&self, slice: Slice) -> bool {
        self.change(slice, IN_CALLBACK, IN_CALLBACK | WAITING)
    }

    /// The wait is over. False: the seat was taken away meanwhile.
    pub(crate) fn resume(&self, slice: Slice) -> bool {
        self.change(slice, IN_CALLBACK | WAITING, IN_CALLBACK)
    }

    /// Whether this slice is still the seat's own.
    #[inline]
    pub(crate) fn is_current(&self, slice: Slice) -> bool {
        self.0.load(Ordering::Relaxed) >> SHIFT == slice.0
    }

    pub(crate) fn look(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// Takes the seat from the callback that was seen there, for another thread to sit on. False: it moved on.
    pub(crate) fn take(&self, seen: Seen) -> bool {
        let next = ((seen.0 >> SHIFT) + 1) << SHIFT;
        seen.in_callback() && self.0.compare_exchange(seen.0, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn change(&self, slice: Slice, from: u64, to: u64) -> bool {
        let base = slice.0 << SHIFT;
        self.0.compare_exchange(base | from, base | to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// What a push into the hot slot came to.
#[must_use]
pub(crate) enum Placed {
    /// It runs next on that seat.
    Hot,
    /// It runs on that seat after others.
    Queued,
    /// Not here: the seat's thread sleeps and would not see it, or the queue is full.
    Refused(Task),
}

/// The slot for the process to run next, and whether the seat's thread sleeps: under one lock, so that no push is lost.
/// The queue is filled under it too: who pushes may just have lost the seat, and its new thread may be about to sleep.
pub(crate) struct HotSlot(Mutex<Hot>);

struct Hot {
    task: Option<Task>,
    asleep: bool,
}

impl HotSlot {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Hot { task: None, asleep: false }))
    }

    #[inline]
    pub(crate) fn push(&self, task: Task, queue: &Queue) -> Placed {
        let mut hot = self.0.lock();
        if hot.asleep {
            Placed::Refused(task)
        } else if hot.task.is_none() {
            hot.task = Some(task);
            Placed::Hot
        } else {
            queue.push(task).map_or_else(Placed::Refused, |()| Placed::Queued)
        }
    }

    #[inline]
    pub(crate) fn take(&self) -> Option<Task> {
        self.0.lock().task.take()
    }

    /// The seat's thread is about to sleep. False: there is something to run.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut hot = self.0.lock();
        hot.asleep = hot.task.is_none();
        hot.asleep
    }

    pub(crate) fn wake_up(&self) {
        self.0.lock().asleep = false;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().task.is_some()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slice_that_kept_its_seat_ends_well() {
        let word = SeatWord::new();
        let slice = word.begin();
        assert!(word.look().in_callback());
        assert!(word.wait(slice));
        assert!(word.look().waiting());
        assert!(word.resume(slice));
        assert!(word.end(slice));
        assert!(!word.look().in_callback());
    }

    #[test]
    fn a_seat_is_taken_once_and_its_old_owner_learns_it() {
        let word = SeatWord::new();
        let slice = word.begin();
        let seen = word.look();
        assert!(word.take(seen));
        assert!(!word.take(seen));
        assert!(!word.end(slice));
        let next = word.begin();
        assert_ne!(next, slice);
        assert!(word.end(next));
    }

    #[test]
    fn an_ended_slice_cannot_be_taken() {
        let word = SeatWord::new();
        let slice = word.begin();
        let seen = word.look();
        assert!(word.end(slice));
        assert!(!word.take(seen));
        assert!(!word.take(word.look()));
        assert!(!word.look().same_slice(Seen::default()));
    }
}

//! The seat: the right to run callbacks. A thread that outstays its welcome in a callback loses it to another.
//!
//! One word holds the number of the current slice and two bits. Its owner begins and ends slices; the monitor may
//! take the seat away in between; a compare-and-swap decides which of the two came first.

use crate::sync::atomic::{AtomicU64, Ordering};

const IN_CALLBACK: u64 = 1;
const WAITING: u64 = 2;
const SHIFT: u32 = 2;

/// The number of one slice on one seat. Holding it proves nothing: the seat may have been taken since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slice(u64);

impl Slice {
    /// None has this number.
    pub(crate) const NONE: Self = Self(0);
}

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

    /// The callback announces a wait, until the guard drops. `None`: it had announced one already, or the seat was taken
    /// away.
    pub(crate) fn announce(&self, slice: Slice) -> Option<Announced<'_>> {
        self.change(slice, IN_CALLBACK, IN_CALLBACK | WAITING).then_some(Announced { word: self, slice })
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

/// A guard, so that the mark goes also when what is waited for panics: a seat left marked would look lost to its owner.
#[derive(Debug)]
#[must_use]
pub(crate) struct Announced<'a> {
    word: &'a SeatWord,
    slice: Slice,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        // Where this fails the seat was taken away meanwhile, which the end of the slice will tell.
        self.word.change(self.slice, IN_CALLBACK | WAITING, IN_CALLBACK);
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
        let announced = word.announce(slice);
        assert!(word.look().waiting());
        assert!(word.announce(slice).is_none(), "once");
        drop(announced);
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

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::scheduler::Cost;
    use crate::sync::Arc;
    use loom::thread;
    use std::time::Duration;

    #[test]
    fn the_owner_ends_its_slice_or_the_monitor_takes_the_seat() {
        loom::model(|| {
            let word = Arc::new(SeatWord::new());
            let slice = word.begin();
            let monitor = {
                let word = Arc::clone(&word);
                thread::spawn(move || {
                    let taken = word.take(word.look());
                    if taken {
                        // The thread that sits there next is undisturbed by the old one.
                        let slice = word.begin();
                        assert!(word.is_current(slice));
                        assert!(word.end(slice));
                    }
                    taken
                })
            };
            drop(word.announce(slice));
            let kept = word.end(slice) && {
                let next = word.begin();
                word.end(next)
            };
            let taken = monitor.join().unwrap_or(false);
            assert_ne!(kept, taken);
        });
    }
}

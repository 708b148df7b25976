//! Since when a process has been runnable, for those that ask.
//!
//! Touched by who makes the process runnable, before it is in a run queue, and by the process itself while it runs: never by
//! two at a time, so plain loads and stores are enough. What follows what is for the inbox's lock and the run queues to say.

use std::time::Duration;

use crate::runtime::clock::Clock;
// Never modelled: no protocol.
use std::sync::atomic::{AtomicU64, Ordering};

/// 0: nobody asked. With [`NOTED`]: the time of the last time, in nanoseconds. Else the time is noted when it has become
/// runnable so often.
#[derive(Debug, Default)]
pub(crate) struct Since(AtomicU64);

const NOTED: u64 = 1 << 63;

impl Since {
    /// From now on the `nth` time is noted; with 0 none.
    pub(super) fn ask(&self, nth: u32) {
        self.0.store(u64::from(nth), Ordering::Relaxed);
    }

    /// The process becomes runnable.
    #[inline]
    pub(super) fn pass(&self, clock: &Clock) {
        let state = self.0.load(Ordering::Relaxed);
        if state != 0 {
            self.count(state, clock);
        }
    }

    fn count(&self, state: u64, clock: &Clock) {
        // What was noted and not looked at is of the past: anew.
        let next = if state == 1 || state & NOTED != 0 { NOTED | nanos(clock.now()) } else { state - 1 };
        self.0.store(next, Ordering::Relaxed);
    }

    /// What was noted, once.
    #[inline]
    pub(super) fn take(&self) -> Option<Duration> {
        let state = self.0.load(Ordering::Relaxed);
        if state & NOTED == 0 {
            return None;
        }
        self.0.store(0, Ordering::Relaxed);
        Some(Duration::from_nanos(state & !NOTED))
    }
}

/// Enough for 292 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).map_or(NOTED - 1, |nanos| nanos.min(NOTED - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn the_nth_time_is_noted_and_told_once() {
        let (since, clock) = (Since::default(), Clock::simulated());
        since.pass(&clock);
        assert_eq!(since.take(), None, "nobody asked");
        since.ask(3);
        for time in [1, 2] {
            clock.advance_to(us(time));
            since.pass(&clock);
            assert_eq!(since.take(), None);
        }
        clock.advance_to(us(3));
        since.pass(&clock);
        clock.advance_to(us(9));
        assert_eq!((since.take(), since.take()), (Some(us(3)), None));
        since.pass(&clock);
        assert_eq!(since.take(), None, "asked once, told once");
    }

    #[test]
    fn what_was_not_looked_at_gives_way_to_the_next_time() {
        let (since, clock) = (Since::default(), Clock::simulated());
        since.ask(1);
        since.pass(&clock);
        clock.advance_to(us(5));
        since.pass(&clock);
        assert_eq!(since.take(), Some(us(5)));
        since.ask(1);
        since.ask(0);
        since.pass(&clock);
        assert_eq!(since.take(), None, "taken back");
    }

    #[test]
    fn a_time_beyond_all_measure_is_one_all_the_same() {
        let (since, clock) = (Since::default(), Clock::simulated());
        clock.advance_to(Duration::MAX);
        since.ask(1);
        since.pass(&clock);
        assert_eq!(since.take(), Some(Duration::from_nanos(NOTED - 1)));
    }
}

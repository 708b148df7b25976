//! How many restarts are too many.

use std::collections::VecDeque;
use std::time::Duration;

/// The restarts of the last seconds, against the most there may be.
///
/// Counted in whole seconds of a clock that is passed in, with a window that includes both its ends: the effective one is up to
/// just under a second longer.
///
/// Specification: S5.1, S5.2.
#[derive(Debug)]
pub struct Intensity {
    max_restarts: usize,
    max_seconds: u64,
    /// The seconds in which they were, oldest first.
    restarts: VecDeque<u64>,
}

impl Intensity {
    /// So many restarts in so many seconds.
    pub fn new(max_restarts: u32, max_seconds: u32) -> Self {
        let max_restarts = usize::try_from(max_restarts).unwrap_or(usize::MAX);
        Self { max_restarts, max_seconds: max_seconds.into(), restarts: VecDeque::new() }
    }

    /// Counts an attempt to restart at this time since any fixed moment. False: that is one too many.
    #[must_use]
    pub fn allows_restart_at(&mut self, now: Duration) -> bool {
        let now = now.as_secs();
        let oldest = now.saturating_sub(self.max_seconds);
        self.restarts.push_back(now);
        while self.restarts.front().is_some_and(|at| *at < oldest) {
            self.restarts.pop_front();
        }
        self.restarts.len() <= self.max_restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(intensity: &mut Intensity, millis: u64) -> bool {
        intensity.allows_restart_at(Duration::from_millis(millis))
    }

    #[test]
    fn s5_2_three_in_the_window_are_granted_and_the_fourth_is_not() {
        let mut intensity = Intensity::new(3, 5);
        assert_eq!([0, 1, 2, 3].map(|millis| at(&mut intensity, millis)), [true, true, true, false]);
    }

    #[test]
    fn s5_2_with_zero_the_first_is_one_too_many() {
        assert!(!at(&mut Intensity::new(0, 5), 100_000));
    }

    #[test]
    fn s5_1_the_window_includes_its_oldest_second() {
        let mut intensity = Intensity::new(1, 5);
        assert!(at(&mut intensity, 10_000));
        assert!(!at(&mut intensity, 15_999), "second 15 still sees second 10");
        let mut intensity = Intensity::new(1, 5);
        assert!(at(&mut intensity, 10_999));
        assert!(at(&mut intensity, 16_000), "second 16 does not");
    }

    #[test]
    fn s5_1_what_left_the_window_is_forgotten_and_what_is_in_it_counts_again_and_again() {
        let mut intensity = Intensity::new(2, 1);
        assert!((0..100).all(|second| at(&mut intensity, second * 1000)));
        assert!(!at(&mut intensity, 99_999), "99, 98 and 99 again");
    }

    #[test]
    fn s5_1_refused_attempts_count_too() {
        let mut intensity = Intensity::new(1, 5);
        assert!(at(&mut intensity, 0));
        assert!(!at(&mut intensity, 5_000));
        assert!(!at(&mut intensity, 10_000));
    }
}

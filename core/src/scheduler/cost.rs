//! What a slice takes, learned.

use std::time::Duration;
// A statistic, not a protocol.
use std::sync::atomic::{AtomicU32, Ordering};

/// A moving average in nanoseconds. Written by one thread at a time; a lost update would only be a lost sample.
#[derive(Debug)]
pub(crate) struct Cost(AtomicU32);

/// Of one that has never run.
const UNKNOWN: u32 = u32::MAX;

/// Of one that has run, when nobody looked at the clock.
const UNTIMED: u32 = UNKNOWN - 1;

/// Slices above this are timed every time, so that what they push can be offered to other seats in time. Half of what
/// counts as long.
const HEAVY: u32 = 10_000;

/// From here on a process is rude. About as long as it takes until a seat is taken from it.
const RUDE: Duration = Duration::from_millis(3);

/// What a sample counts at most. A slice may seem long only because the system gave its core to others: so one long slice
/// among short ones is not rude, but three in a row are. With a stranger the first is enough.
const MOST: Duration = Duration::from_millis(6);

/// So often counts a short slice of a rude process. One clears the name of whoever was misjudged.
const FORGIVING: u32 = 4;

impl Cost {
    pub(crate) fn unknown() -> Self {
        Self(AtomicU32::new(UNKNOWN))
    }

    pub(crate) fn of(duration: Duration) -> Self {
        Self(AtomicU32::new(nanos(duration)))
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_nanos(u64::from(self.0.load(Ordering::Relaxed)))
    }

    /// Whether its slices are long; none while that is not known.
    #[inline]
    pub(crate) fn is_heavy(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN | UNTIMED => None,
            nanos => Some(nanos >= HEAVY),
        }
    }

    /// Whether it has never run.
    pub(crate) fn is_unknown(&self) -> bool {
        self.0.load(Ordering::Relaxed) == UNKNOWN
    }

    /// It has run, and not for long as far as the coarse clock tells: it is no stranger any more.
    pub(crate) fn has_run(&self) {
        self.0.store(UNTIMED, Ordering::Relaxed);
    }

    /// Whether its slices are so long that others would wait for it.
    pub(crate) fn is_rude(&self) -> bool {
        let nanos = self.0.load(Ordering::Relaxed);
        nanos < UNTIMED && nanos >= self::nanos(RUDE)
    }

    /// As [`learn`](Self::learn), of a slice among the rude, where each turn takes long to come.
    pub(crate) fn learn_kindly(&self, sample: Duration) {
        let times = if sample < RUDE { FORGIVING } else { 1 };
        (0..times).for_each(|_| self.learn(sample));
    }

    /// Weighs a new sample by a quarter: a few slices tell.
    pub(crate) fn learn(&self, sample: Duration) {
        let sample = nanos(sample.min(MOST));
        let old = self.0.load(Ordering::Relaxed);
        let new = if old >= UNTIMED { sample } else { old - old / 4 + sample / 4 };
        self.0.store(new, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos()).unwrap_or(UNKNOWN).min(UNTIMED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_counts_whole_and_the_next_by_a_quarter() {
        let cost = Cost::unknown();
        assert_eq!(cost.is_heavy(), None);
        cost.learn(Duration::from_nanos(400));
        assert_eq!(cost.get(), Duration::from_nanos(400));
        assert_eq!(cost.is_heavy(), Some(false));
        cost.learn(Duration::from_micros(100));
        assert_eq!(cost.get(), Duration::from_nanos(300 + 25_000));
        assert_eq!(cost.is_heavy(), Some(true));
    }

    #[test]
    fn a_stranger_is_rude_at_once_and_others_after_some_long_slices() {
        let (long, short) = (Duration::from_secs(60), Duration::from_micros(1));
        let stranger = Cost::unknown();
        assert!(stranger.is_unknown() && !stranger.is_rude());
        stranger.learn(long);
        assert!(stranger.is_rude() && !stranger.is_unknown());
        let known = Cost::of(short);
        known.learn(long);
        known.learn(long);
        assert!(!known.is_rude(), "twice may be bad luck");
        known.learn(long);
        assert!(known.is_rude());
    }

    #[test]
    fn who_has_run_untimed_is_no_stranger_and_its_first_sample_counts_whole() {
        let cost = Cost::unknown();
        cost.has_run();
        assert!(!cost.is_unknown() && !cost.is_rude());
        assert_eq!(cost.is_heavy(), None);
        cost.learn(Duration::from_nanos(400));
        assert_eq!(cost.get(), Duration::from_nanos(400));
    }

    #[test]
    fn one_short_slice_among_the_rude_clears_the_name() {
        let cost = Cost::unknown();
        for _ in 0..100 {
            cost.learn_kindly(Duration::from_millis(100));
        }
        assert!(cost.is_rude());
        cost.learn_kindly(Duration::from_micros(1));
        assert!(!cost.is_rude());
        (0..2).for_each(|_| cost.learn(Duration::from_millis(100)));
        assert!(cost.is_rude(), "twice more, and it is back");
    }
}

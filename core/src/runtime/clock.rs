//! What time it is: the machine's, or a simulation's.

use std::time::{Duration, Instant};

use crate::sync::Arc;
// Never modelled: a clock is no protocol.
use std::sync::atomic::{AtomicU64, Ordering};

/// Time since the runtime began.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    Real(Instant),
    /// Nanoseconds; moved by the simulation alone.
    Virtual(Arc<AtomicU64>),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::Real(Instant::now())
    }

    pub(crate) fn simulated() -> Self {
        Self::Virtual(Arc::new(AtomicU64::new(0)))
    }

    pub(crate) fn now(&self) -> Duration {
        match self {
            Self::Real(start) => start.elapsed(),
            Self::Virtual(nanos) => Duration::from_nanos(nanos.load(Ordering::Relaxed)),
        }
    }

    /// As [`now`](Self::now), in nanoseconds.
    pub(crate) fn nanos(&self) -> u64 {
        nanos(self.now())
    }

    /// No clock reaches this: a deadline beyond it means never. Some 584 years.
    pub(crate) const END: Duration = Duration::from_nanos(u64::MAX);

    /// Moves virtual time forward; never backward, and real time not at all.
    pub(crate) fn advance_to(&self, time: Duration) {
        if let Self::Virtual(nanos) = self {
            nanos.fetch_max(self::nanos(time), Ordering::Relaxed);
        }
    }
}

/// A time or a length of time in nanoseconds, [`Clock::END`] at most: what is computed with in every call.
#[inline]
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

//! Measuring time on a machine that others use too: a control thread tells whether an attempt says anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// So many calm attempts that were late are a fault.
const LATE: u32 = 4;

/// The percentile of a list of times, which it sorts; of few, rather the next longer one. Zero for an empty one.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((last * percent).div_ceil(100)).copied().unwrap_or_default()
}

/// Measures how late a plain thread wakes from sleeps of a millisecond, while `attempt` runs.
pub(crate) fn beside_control<T>(attempt: impl FnOnce() -> T) -> (T, Vec<Duration>) {
    let stop = Arc::new(AtomicBool::new(false));
    let control = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let mut late = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let start = Instant::now();
                thread::sleep(MS);
                late.push(start.elapsed().saturating_sub(MS));
            }
            late
        })
    };
    let result = attempt();
    stop.store(true, Ordering::Relaxed);
    (result, control.join().expect("it only sleeps"))
}

/// Something that is measured, and must stay below a limit.
pub(crate) struct Case {
    pub(crate) what: String,
    pub(crate) limit: Duration,
    /// Which percentile must be below.
    pub(crate) percent: usize,
    pub(crate) measure: Box<dyn FnMut() -> Vec<Duration>>,
}

/// Asserts that what is measured stays below its limits, as far as the machine lets us tell.
///
/// An attempt below the limit passes. One above it counts only if it was calm: if the control thread, by the same
/// percentile, was less than half the limit late. Some calm attempts above it are a fault. What has not passed is tried
/// again, all in turn, until the time is over; what then had too few calm attempts cannot be told, and passes too.
pub(crate) fn assert_below(within: Duration, cases: impl IntoIterator<Item = Case>) {
    let start = Instant::now();
    let mut left: Vec<_> = cases.into_iter().map(|case| (case, 0)).collect();
    let mut first = true;
    while first || (!left.is_empty() && start.elapsed() < within) {
        left.retain_mut(|(Case { what, limit, percent, measure }, late)| {
            if !first && start.elapsed() > within {
                return true;
            }
            let (mut times, mut control) = beside_control(measure);
            let (time, control) = (percentile(&mut times, *percent), percentile(&mut control, *percent));
            println!("{what}: {time:?} late, the control {control:?}");
            let below = time < *limit;
            *late += u32::from(!below && control < *limit / 2);
            assert!(*late < LATE, "{what}: above {limit:?} in {LATE} calm attempts");
            !below
        });
        first = false;
    }
    for (case, late) in left {
        println!("{}: the machine is too busy to tell ({late} calm attempts were above {:?})", case.what, case.limit);
    }
}

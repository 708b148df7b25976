//! Measuring time on a machine that others use too: a control thread tells whether an attempt says anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// So many calm attempts that were late are a fault.
const LATE: u32 = 4;

/// The most attempts, and the time after which no other begins.
const ATTEMPTS: u32 = 40;
const TIME: Duration = Duration::from_secs(10);

/// The percentile of a list of times, which it sorts; zero for an empty one.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get(last * percent / 100).copied().unwrap_or_default()
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

/// Asserts that what is measured stays below the limit, as far as the machine lets us tell.
///
/// An attempt below the limit passes. One above it counts only if it was calm: if the control thread, by the same
/// percentile, was less than half the limit late. If no attempt was calm, nothing can be told, and that passes too.
pub(crate) fn assert_below(limit: Duration, percent: usize, what: &str, mut measure: impl FnMut() -> Vec<Duration>) {
    let start = Instant::now();
    let mut late = 0;
    for _ in 0..ATTEMPTS {
        let (mut times, mut control) = beside_control(&mut measure);
        let (time, control) = (percentile(&mut times, percent), percentile(&mut control, percent));
        println!("{what}: {time:?} late, the control {control:?}");
        if time < limit {
            return;
        }
        late += u32::from(control < limit / 2);
        assert!(late < LATE, "{what}: above {limit:?} in {LATE} calm attempts");
        if start.elapsed() > TIME {
            break;
        }
    }
    println!("{what}: the machine is too busy to tell ({late} calm attempts were above {limit:?})");
}

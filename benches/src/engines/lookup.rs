//! Looking up by key, the same for all engines: two threads, each going through all keys again and again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::scenario::{Checksum, KEYS};

/// Keys that no other form has: some registries are one for the whole program.
pub(super) fn keys() -> Vec<String> {
    static FORMS: AtomicU64 = AtomicU64::new(0);
    let form = FORMS.fetch_add(1, Ordering::Relaxed);
    (0..KEYS).map(|key| format!("{form}, key {key}")).collect()
}

/// Half of the look-ups in each of two threads; how many of them found somebody.
pub(super) fn from_two_threads(keys: &[String], events: u64, found: impl Fn(&str) -> bool + Sync) -> Checksum {
    let first = events / 2;
    thread::scope(|scope| {
        let half = |count| {
            scope.spawn({
                let found = &found;
                move || look_up(keys, count, found)
            })
        };
        let halves = [half(first), half(events - first)];
        halves.into_iter().map(|half| half.join().expect("a look-up does not panic")).sum()
    })
}

fn look_up(keys: &[String], count: u64, found: impl Fn(&str) -> bool) -> Checksum {
    let mut times = 0;
    let mut keys = keys.iter().cycle();
    for _ in 0..count {
        times += u64::from(keys.next().is_some_and(|key| found(key)));
    }
    times
}

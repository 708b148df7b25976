//! What a batch allocates once a pipeline runs: nothing. A binary of its own, with one test: it counts all that the program
//! allocates.

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use genstage_benches::engines;
use genstage_benches::scenario::Scenario;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Batches until buffers have grown and go round. Those of `partition-4` are of all sizes, as chance has it: each buffer must have
/// been as large once as any ever is.
const WARM_UP: u64 = 10_000;

/// Batches that are watched together, and how often. Few: where other programs take the cores, a long window is never undisturbed.
const WINDOW: u64 = 20;
const WINDOWS: usize = 210;

/// How often memory was asked for, or asked to grow.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

/// Allocations in the window with the fewest: what a batch allocates, or one in each 20, is in all of them. A seat that changes its
/// thread, as the clock of a busy machine has it, allocates too, and a buffer of `partition-4` still grows now and then; neither is
/// a batch's doing.
fn in_a_window(scenario: Scenario) -> u64 {
    let batches = Arc::new(AtomicU64::new(0));
    let marks: Arc<[AtomicU64]> = (0..=WINDOWS).map(|_| AtomicU64::default()).collect();
    let each = {
        let (batches, marks) = (Arc::clone(&batches), Arc::clone(&marks));
        move || {
            let after = (batches.fetch_add(1, Ordering::Relaxed) + 1).checked_sub(WARM_UP);
            if let Some(after) = after.filter(|after| after.is_multiple_of(WINDOW))
                && let Some(mark) = usize::try_from(after / WINDOW).ok().and_then(|window| marks.get(window))
            {
                mark.store(allocations(), Ordering::Relaxed);
            }
        }
    };
    // Twice as many as are watched, for batches that are smaller.
    let size = if scenario == Scenario::Max1 { 1 } else { 500 };
    let events = 2 * (WARM_UP + WINDOW * WINDOWS as u64) * size;
    assert_eq!(engines::steady(scenario, events, each), Some(scenario.expected(events)), "{scenario}");
    let marks: Vec<u64> = marks.iter().map(|mark| mark.load(Ordering::Relaxed)).collect();
    assert!(marks.iter().all(|mark| *mark > 0), "{scenario}: {batches:?} batches are too few");
    let windows = marks.windows(2).map(|pair| pair[1] - pair[0]);
    windows.min().expect("there are windows")
}

#[test]
fn a_batch_allocates_nothing_in_the_steady_state() {
    use Scenario::{Broadcast4, Demand4, Linear1, Linear3, Max1, Partition4};
    let none = [Linear1, Linear3, Max1, Demand4, Broadcast4, Partition4];
    assert_eq!(none.map(|scenario| (scenario.name(), in_a_window(scenario))), none.map(|it| (it.name(), 0)));
}

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

/// Batches until buffers have grown and go round.
const WARM_UP: u64 = 500;

/// Batches that are watched.
const WATCHED: u64 = 2_000;

/// How often memory was asked for, or asked to grow.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

/// Allocations while the watched batches are handled.
fn of_watched_batches(scenario: Scenario) -> u64 {
    let counts: Arc<[AtomicU64; 3]> = Arc::default();
    let each = {
        let counts = Arc::clone(&counts);
        move || {
            let [batches, first, last] = &*counts;
            match batches.fetch_add(1, Ordering::Relaxed) + 1 {
                WARM_UP => first.store(allocations(), Ordering::Relaxed),
                n if n == WARM_UP + WATCHED => last.store(allocations(), Ordering::Relaxed),
                _ => {}
            }
        }
    };
    // Enough for that many batches, whatever their size; those of a partition are the smallest.
    let size = if scenario == Scenario::Max1 { 1 } else { 500 };
    let events = 2 * (WARM_UP + WATCHED) * size;
    assert_eq!(engines::steady(scenario, events, each), Some(scenario.expected(events)), "{scenario}");
    let [batches, first, last] = &*counts;
    assert!(batches.load(Ordering::Relaxed) >= WARM_UP + WATCHED, "{scenario}: {batches:?} batches are too few");
    last.load(Ordering::Relaxed) - first.load(Ordering::Relaxed)
}

#[test]
fn a_batch_allocates_nothing_in_the_steady_state() {
    let scenarios = [
        Scenario::Linear1,
        Scenario::Linear3,
        Scenario::Max1,
        Scenario::Demand4,
        Scenario::Broadcast4,
        Scenario::Partition4,
    ];
    let counted = scenarios.map(|scenario| (scenario.name(), of_watched_batches(scenario)));
    assert_eq!(counted, scenarios.map(|scenario| (scenario.name(), 0)));
}

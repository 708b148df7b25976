//! How fast is rayon, which knows all its data beforehand, or splits it as it comes?
//!
//! There are no stages here and no demand: what two stages do with an event is one closure.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelBridge, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Engine, Form};
use crate::scenario::{CHILDREN, Checksum, Scenario};
use crate::work;

pub(super) struct Rayon {
    pool: ThreadPool,
}

impl Rayon {
    pub(super) fn start() -> Self {
        Self { pool: ThreadPoolBuilder::new().build().expect("the system gives us threads") }
    }
}

impl Engine for Rayon {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        let run: fn(u64) -> Checksum = match scenario {
            Scenario::Heavy2 | Scenario::HeavyFan4 => heavy_twice,
            Scenario::Stream => bridged,
            Scenario::Supervisor => children,
            _ => return None,
        };
        Some(Box::new(move |events| self.pool.install(|| run(events))))
    }
}

/// `par_iter` over a range.
fn heavy_twice(events: u64) -> Checksum {
    (0..events).into_par_iter().map(|event| work::heavy(work::heavy(event))).reduce(|| 0, Checksum::wrapping_add)
}

/// `par_bridge` over an iterator: workers take turns at it.
fn bridged(events: u64) -> Checksum {
    let source = std::iter::successors(Some(0), |last| Some(last + 1)).take(usize::try_from(events).unwrap_or(0));
    source.par_bridge().reduce(|| 0, Checksum::wrapping_add)
}

/// A job for each event, at most so many at once: a scope for each thousand.
fn children(events: u64) -> Checksum {
    let sum = AtomicU64::new(0);
    for first in (0..events).step_by(CHILDREN) {
        rayon::scope(|scope| {
            for event in first..events.min(first + CHILDREN as u64) {
                let sum = &sum;
                scope.spawn(move |_| {
                    sum.fetch_add(event, Ordering::Relaxed);
                });
            }
        });
    }
    sum.into_inner()
}

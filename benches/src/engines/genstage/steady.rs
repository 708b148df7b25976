//! Scenarios whose steady state is looked at: on one worker, and those of light stages with someone who watches.

use genstage::Runtime;

use super::{Genstage, fan, line};
use crate::engines::Engine;
use crate::scenario::{Checksum, FAN, Scenario};
use crate::work::{self, BATCH};

/// Runs the scenario with one worker, and calls `each` after each batch that a consumer has summed up, in pipelines and fans of
/// light stages; the others run unwatched. None for scenarios that genstage does not run.
///
/// # Panics
///
/// When the system refuses a thread.
pub fn steady(scenario: Scenario, events: u64, each: impl Fn() + Clone + Send + 'static) -> Option<Checksum> {
    let engine = Genstage { runtime: Runtime::builder().workers(1).build().expect("the runtime starts") };
    let _inside = engine.runtime.enter();
    let sum = move |batch: &[u64]| {
        let sum = work::sum(batch);
        each();
        sum
    };
    Some(match scenario {
        Scenario::Linear1 => line::linear_1(events, 2 * BATCH, sum),
        Scenario::Linear3 => line::linear_3(events, sum),
        Scenario::Max1 => line::linear_1(events, 1, sum),
        Scenario::Demand4 => fan::demand(events, FAN, sum),
        Scenario::Broadcast4 => fan::broadcast(events, sum),
        Scenario::Partition4 => fan::partition(events, sum),
        _ => return engine.form(scenario).map(|form| form(events)),
    })
}

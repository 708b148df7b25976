//! How fast does timely dataflow exchange events between its workers by key?
//!
//! Four workers, threads each; the first one makes the numbers, all sum up what reaches them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timely::Config;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Exchange, ToStream};

use super::{Engine, Form};
use crate::scenario::{Checksum, FAN, Scenario};
use crate::work;

pub(super) struct Timely;

impl Engine for Timely {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        (scenario == Scenario::Partition4).then(|| -> Form<'_> { Box::new(exchanged) })
    }
}

fn exchanged(events: u64) -> Checksum {
    let total = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&total);
    let workers = timely::execute(Config::process(FAN), move |worker| {
        let total = Arc::clone(&shared);
        let source = if worker.index() == 0 { 0..events } else { 0..0 };
        worker.dataflow::<u64, _, _>(move |scope| {
            source.to_stream(scope).container::<Vec<_>>().exchange(|event| work::partition(*event) as u64).sink(
                Pipeline,
                "Sum",
                move |(input, _)| {
                    input.for_each(|_, batch| {
                        total.fetch_add(work::sum(batch), Ordering::Relaxed);
                    });
                },
            );
        });
    })
    .expect("the system gives us threads");
    for worker in workers.join() {
        worker.expect("no worker panics");
    }
    total.load(Ordering::Relaxed)
}

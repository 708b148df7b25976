//! Many pipelines beside each other, and many stages in a row.

use std::sync::mpsc::channel;

use genstage::prelude::*;

use super::{Emitter, Summer, Updated, demand, total};
use crate::scenario::{Checksum, shares};
use crate::work::{self, BATCH, Counter};

/// Producer and consumer so many times; each counts through its share of the numbers. All are there before the first runs.
pub(super) fn pipelines(events: u64, pipelines: usize) -> Checksum {
    let (report, reports) = channel();
    let held_back = || StageOptions::new().demand(DemandMode::Accumulate);
    let producers: Vec<_> = shares(events, pipelines)
        .map(|share| {
            let mut counter = Counter::over(share);
            let take = move |demand: usize, out: &mut Emit<u64>| out.extend(counter.take(demand));
            let producer = Emitter::new(take).start(held_back()).expect("the runtime is up");
            let subscribed = StageOptions::new().subscribe_to(&producer, demand(2 * BATCH));
            Summer::new(work::sum, report.clone()).start(subscribed).expect("the runtime is up");
            producer
        })
        .collect();
    for producer in &producers {
        producer.demand(DemandMode::Forward);
    }
    total(&reports, pipelines)
}

/// So many stages in a row between producer and consumer, each adds one.
pub(super) fn chain(events: u64, hops: usize) -> Checksum {
    let mut counter = Counter::new(events);
    let take = move |demand: usize, out: &mut Emit<u64>| out.extend(counter.take(demand));
    let producer = Emitter::new(take).start(StageOptions::new()).expect("the runtime is up");
    let (report, reports) = channel();
    let consumer = Summer::new(work::sum, report).start(StageOptions::new()).expect("the runtime is up");
    // One closure, so that all hops are of one type.
    let add = |event| work::increment(event);
    let mut last: Option<ProducerConsumerRef<Updated<_>>> = None;
    for _ in 0..hops {
        let options = match &last {
            None => StageOptions::new().subscribe_to(&producer, demand(2 * BATCH)),
            Some(before) => StageOptions::new().subscribe_to(before, demand(2 * BATCH)),
        };
        last = Some(Updated(add).start(options).expect("the runtime is up"));
    }
    match &last {
        None => consumer.sync_subscribe(&producer, demand(2 * BATCH)),
        Some(last) => consumer.sync_subscribe(last, demand(2 * BATCH)),
    }
    .expect("the stage is up");
    total(&reports, 1)
}

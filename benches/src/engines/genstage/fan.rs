//! One producer, several consumers. Demand is let through once all have subscribed.

use std::sync::mpsc::channel;

use genstage::prelude::*;
use genstage::{AsProducer, Choice, Dispatcher, Emit, ProducerRef};

use super::{Emitter, Summer, Summing, demand as up_to, total};
use crate::scenario::{Checksum, FAN};
use crate::work::{self, BATCH, Counter};

pub(super) fn demand(events: u64, consumers: usize, sum: impl Summing) -> Checksum {
    let producer = held_back(events, StageOptions::new());
    let every = (0..consumers).map(|_| up_to(2 * BATCH));
    fanned(&producer, sum, every)
}

pub(super) fn broadcast(events: u64, sum: impl Summing) -> Checksum {
    let producer = held_back(events, dispatched(BroadcastDispatcher::new()));
    let every = (0..FAN).map(|_| up_to(2 * BATCH));
    fanned(&producer, sum, every)
}

pub(super) fn partition(events: u64, sum: impl Summing) -> Checksum {
    let dispatcher = PartitionDispatcher::new(FAN).expect("there are partitions");
    let producer = held_back(events, dispatched(dispatcher));
    let every = (0..FAN).map(|partition| up_to(2 * BATCH).partition(partition));
    fanned(&producer, sum, every)
}

pub(super) fn heavy(events: u64) -> Checksum {
    let producer = held_back(events, StageOptions::new());
    let every = (0..FAN).map(|_| up_to(2 * BATCH));
    fanned(&producer, work::heavy_twice_sum, every)
}

fn dispatched<P: Producer>(dispatcher: impl Dispatcher<P::Event> + 'static) -> StageOptions<AsProducer<P>> {
    StageOptions::new().dispatcher(dispatcher)
}

type Counting = Box<dyn FnMut(usize, &mut Emit<u64>) + Send>;

/// A producer of so many numbers that holds demand back.
fn held_back(
    events: u64,
    options: StageOptions<AsProducer<Emitter<u64, Counting>>>,
) -> ProducerRef<Emitter<u64, Counting>> {
    let mut counter = Counter::new(events);
    let take: Counting = Box::new(move |demand, out| out.extend(counter.take(demand)));
    Emitter::new(take).start(options.demand(DemandMode::Accumulate)).expect("the runtime is up")
}

/// A consumer for each of these subscriptions; what all of them summed up.
fn fanned<C: Choice<u64>>(
    producer: &ProducerRef<Emitter<u64, Counting>>,
    fold: impl Summing,
    subscriptions: impl ExactSizeIterator<Item = SubscriptionOptions<C>>,
) -> Checksum {
    let (report, reports) = channel();
    let consumers = subscriptions.len();
    for subscription in subscriptions {
        let consumer = Summer::new(fold.clone(), report.clone()).start(StageOptions::new()).expect("the runtime is up");
        consumer.sync_subscribe(producer, subscription).expect("the stage is up");
    }
    producer.demand(DemandMode::Forward);
    total(&reports, consumers)
}

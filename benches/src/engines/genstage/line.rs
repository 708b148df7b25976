//! One stage after the other.

use genstage::prelude::*;

use super::{Summing, mapped, produce, summed};
use crate::scenario::Checksum;
use crate::work::{self, BATCH, Counter};

pub(super) fn linear_1(events: u64, in_flight: usize, sum: impl Summing) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand)));
    summed(&producer, sum, in_flight)
}

pub(super) fn linear_3(events: u64, sum: impl Summing) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand)));
    let first = mapped(&producer, work::triple);
    let second = mapped(&first, work::increment);
    summed(&second, sum, 2 * BATCH)
}

pub(super) fn strings(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand).map(work::text)));
    summed(&producer, work::text_sum, 2 * BATCH)
}

pub(super) fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand).map(work::heavy)));
    summed(&producer, work::heavy_sum, 2 * BATCH)
}

/// The consumer takes far longer than the producer.
pub(super) fn slow(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand)));
    summed(&producer, work::slow_sum, 2 * BATCH)
}

pub(super) fn streamed(events: u64) -> Checksum {
    let numbers = from_enumerable(0..events).start(StageOptions::new()).expect("the runtime is up");
    let stream = stream(&numbers, SubscriptionOptions::new()).expect("the defaults are in bounds");
    work::sum_stream(stream.map(|event| event.expect("the numbers end well")))
}

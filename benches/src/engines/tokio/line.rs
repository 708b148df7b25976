//! One task after the other.

use std::iter;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{channel, unbounded_channel};

use super::{WAITING, consumer, counting, joined, mapping, producer, send_all, sum};
use crate::scenario::Checksum;
use crate::work::{self, BATCH, Counter};

/// Half of what may be in flight goes into each batch, and two of them into the channel.
pub(super) async fn linear_1(events: u64, in_flight: usize) -> Checksum {
    let size = in_flight.div_ceil(2);
    let mut counter = Counter::new(events);
    let (sender, batches) = channel(WAITING);
    tokio::spawn(send_all(sender, size, move |batch| batch.extend(counter.take(size))));
    joined(consumer(batches, sum)).await
}

pub(super) async fn linear_3(events: u64) -> Checksum {
    let batches = producer(counting(events));
    let batches = mapping(batches, work::triple);
    let batches = mapping(batches, work::increment);
    joined(consumer(batches, sum)).await
}

pub(super) async fn strings(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let batches = producer(move |batch| batch.extend(counter.take(BATCH).map(work::text)));
    joined(consumer(batches, |batch: &Vec<String>| work::text_sum(batch))).await
}

pub(super) async fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let batches = producer(move |batch| batch.extend(counter.take(BATCH).map(work::heavy)));
    joined(consumer(batches, |batch: &Vec<u64>| work::heavy_sum(batch))).await
}

/// One event at a time, without a vector around it.
pub(super) async fn max_1(events: u64) -> Checksum {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        for event in 0..events {
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    joined(consumer(receiver, |event: &u64| *event)).await
}

/// The consumer takes far longer than the producer.
pub(super) async fn slow(events: u64) -> Checksum {
    let batches = producer(counting(events));
    joined(consumer(batches, |batch: &Vec<u64>| work::slow_sum(batch))).await
}

pub(super) async fn slow_unbounded(events: u64) -> Checksum {
    let (sender, mut batches) = unbounded_channel();
    tokio::spawn(async move {
        let mut fill = counting(events);
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            fill(&mut batch);
            if batch.is_empty() || sender.send(batch).is_err() {
                return;
            }
        }
    });
    let mut sum = 0_u64;
    while let Some(batch) = batches.recv().await {
        sum = sum.wrapping_add(work::slow_sum(&batch));
    }
    sum
}

/// The consumer is no task here but the caller, who runs the producer whenever a batch is not there yet.
pub(super) fn stream(runtime: &Runtime, events: u64) -> Checksum {
    let mut source = 0..events;
    let (sender, mut receiver) = channel(WAITING);
    runtime.spawn(send_all(sender, BATCH, move |batch| {
        batch.extend(source.by_ref().take(BATCH));
    }));
    work::sum_stream(iter::from_fn(|| runtime.block_on(receiver.recv())).flatten())
}

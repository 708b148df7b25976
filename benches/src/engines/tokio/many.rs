//! Many pairs of tasks beside each other, and many tasks in a row.

use tokio::sync::mpsc::channel;

use super::{WAITING, consumer, counting, joined, mapping, producer, send_all, sum, total};
use crate::scenario::{Checksum, shares};
use crate::work::{self, BATCH, Counter};

/// On one thread all are there before the first runs.
pub(super) async fn pipelines(events: u64, pipelines: usize) -> Checksum {
    let sums = shares(events, pipelines)
        .map(|share| {
            let mut counter = Counter::over(share);
            let (sender, batches) = channel(WAITING);
            tokio::spawn(send_all(sender, BATCH, move |batch| batch.extend(counter.take(BATCH))));
            consumer(batches, sum)
        })
        .collect();
    total(sums).await
}

pub(super) async fn chain(events: u64, hops: usize) -> Checksum {
    let first = producer(counting(events));
    let last = (0..hops).fold(first, |batches, _| mapping(batches, work::increment));
    joined(consumer(last, sum)).await
}

//! One thread sends, several receive.

use std::sync::Arc;
use std::thread::{self, Scope, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{WAITING, consume, counting, producer};
use crate::scenario::{Checksum, FAN};
use crate::work::{self, BATCH, Batch};

pub(super) fn demand(events: u64) -> Checksum {
    from_one_channel(events, |batch| work::sum(batch))
}

pub(super) fn heavy(events: u64) -> Checksum {
    from_one_channel(events, |batch| work::heavy_twice_sum(batch))
}

/// All receive from the same channel: who is free takes the next batch.
fn from_one_channel(events: u64, sum_of: impl Fn(&Batch) -> u64 + Copy + Send) -> Checksum {
    thread::scope(|scope| {
        let batches = producer(scope, FAN * WAITING, counting(events));
        let sums = (0..FAN).map(|_| consumer(scope, batches.clone(), sum_of)).collect();
        total(sums)
    })
}

/// Each consumer gets a copy of its own. The producer's is the last one's.
pub(super) fn broadcast(events: u64) -> Checksum {
    to_each(
        |batch: &Batch| work::sum(batch),
        |senders| {
            let mut fill = counting(events);
            let Some((last, others)) = senders.split_last() else { return };
            loop {
                let mut batch = Batch::with_capacity(BATCH);
                fill(&mut batch);
                if batch.is_empty() || others.iter().any(|sender| sender.send(batch.clone()).is_err()) {
                    return;
                }
                let _ = last.send(batch);
            }
        },
    )
}

/// All consumers read the same batch.
pub(super) fn broadcast_shared(events: u64) -> Checksum {
    to_each(
        |batch: &Arc<Batch>| work::sum(batch),
        |senders| {
            let mut fill = counting(events);
            loop {
                let mut batch = Batch::with_capacity(BATCH);
                fill(&mut batch);
                let batch = Arc::new(batch);
                if batch.is_empty() || senders.iter().any(|sender| sender.send(Arc::clone(&batch)).is_err()) {
                    return;
                }
            }
        },
    )
}

/// Each partition's batch is sent once it is full.
pub(super) fn partition(events: u64) -> Checksum {
    to_each(
        |batch: &Batch| work::sum(batch),
        |senders| {
            let mut parts: [Batch; FAN] = std::array::from_fn(|_| Batch::with_capacity(BATCH));
            for event in 0..events {
                let number = work::partition(event);
                parts[number].push(event);
                if parts[number].len() == BATCH {
                    let full = std::mem::replace(&mut parts[number], Batch::with_capacity(BATCH));
                    let _ = senders[number].send(full);
                }
            }
            for (sender, rest) in senders.iter().zip(parts) {
                let _ = sender.send(rest);
            }
        },
    )
}

/// A consumer for each channel; the caller's thread sends.
fn to_each<B: Send>(sum_of: impl Fn(&B) -> u64 + Copy + Send, send: impl FnOnce(Vec<Sender<B>>)) -> Checksum {
    thread::scope(|scope| {
        let (senders, sums) = (0..FAN)
            .map(|_| {
                let (sender, receiver) = bounded(WAITING);
                (sender, consumer(scope, receiver, sum_of))
            })
            .unzip();
        send(senders);
        total(sums)
    })
}

fn consumer<'scope, B: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    batches: Receiver<B>,
    sum_of: impl Fn(&B) -> u64 + Send + 'scope,
) -> ScopedJoinHandle<'scope, Checksum> {
    scope.spawn(move || consume(&batches, sum_of))
}

fn total(sums: Vec<ScopedJoinHandle<'_, Checksum>>) -> Checksum {
    sums.into_iter().map(|sum| sum.join().expect("no consumer panics")).fold(0, Checksum::wrapping_add)
}

//! One task sends, several receive, each from a channel of its own: `mpsc` has one receiver, and to share it behind a lock
//! is slower.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use super::{WAITING, consumer, counting, sum, total};
use crate::scenario::{Checksum, FAN};
use crate::work::{self, BATCH, Batch};

/// So many tasks that receive and sum up.
fn consumers<B: Send + 'static>(
    number: usize,
    sum_of: impl Fn(&B) -> u64 + Copy + Send + 'static,
) -> (Vec<Sender<B>>, Vec<JoinHandle<Checksum>>) {
    (0..number)
        .map(|_| {
            let (sender, receiver) = channel(WAITING);
            (sender, consumer(receiver, sum_of))
        })
        .unzip()
}

/// Batches go round: cheaper than to look who has room, and as good, as all do the same work.
async fn in_turn(events: u64, number: usize, sum_of: impl Fn(&Batch) -> u64 + Copy + Send + 'static) -> Checksum {
    let (senders, sums) = consumers(number, sum_of);
    tokio::spawn(async move {
        let mut fill = counting(events);
        for sender in senders.iter().cycle() {
            let mut batch = Batch::with_capacity(BATCH);
            fill(&mut batch);
            if batch.is_empty() || sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    total(sums).await
}

pub(super) async fn demand(events: u64, number: usize) -> Checksum {
    in_turn(events, number, sum).await
}

pub(super) async fn heavy(events: u64) -> Checksum {
    in_turn(events, FAN, |batch| work::heavy_twice_sum(batch)).await
}

/// All get the same batch, which is not copied. (The `broadcast` channel drops events for who lags behind.)
pub(super) async fn broadcast(events: u64) -> Checksum {
    let (senders, sums) = consumers(FAN, |batch: &Arc<Batch>| work::sum(batch));
    tokio::spawn(async move {
        let mut fill = counting(events);
        loop {
            let mut batch = Batch::with_capacity(BATCH);
            fill(&mut batch);
            if batch.is_empty() {
                return;
            }
            let batch = Arc::new(batch);
            for sender in &senders {
                if sender.send(Arc::clone(&batch)).await.is_err() {
                    return;
                }
            }
        }
    });
    total(sums).await
}

/// Each partition's batch is sent once it is full.
pub(super) async fn partition(events: u64) -> Checksum {
    let (senders, sums) = consumers(FAN, sum);
    tokio::spawn(async move {
        let mut parts: [Batch; FAN] = std::array::from_fn(|_| Batch::with_capacity(BATCH));
        for event in 0..events {
            let number = work::partition(event);
            parts[number].push(event);
            if parts[number].len() == BATCH {
                let full = std::mem::replace(&mut parts[number], Batch::with_capacity(BATCH));
                if senders[number].send(full).await.is_err() {
                    return;
                }
            }
        }
        for (sender, rest) in senders.iter().zip(parts) {
            let _ = sender.send(rest).await;
        }
    });
    total(sums).await
}

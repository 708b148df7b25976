//! How fast are tokio tasks joined by its channels?
//!
//! One task a stage. Two batches fit into each channel, which is the equivalent of `max_demand` 1000 and `min_demand`
//! 500. Emptied buffers are dropped. To send them back through a second channel gained nothing that could be told from
//! noise; medians of two measurements, new buffers against returned ones, ns per event:
//!
//! | | one thread | two workers |
//! |---|---|---|
//! | linear-1 | 0.56, 0.81 against 0.60, 0.75 | 1.01, 1.17 against 1.03, 1.22 |
//! | linear-3 | 1.61, 1.59 against 1.63, 1.70 | 2.12, 2.46 against 2.34, 2.81 |

use std::iter;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::{Engine, Form};
use crate::scenario::{Checksum, Scenario};
use crate::work::{self, BATCH, Batch, Counter};

pub(super) struct Tokio {
    /// The runtime for light work, which runs on the caller's thread. It beats two workers where events are cheap: see
    /// the table above; max-1 takes 200 ns against 273 to 355, stream 1.9 against 52 with `blocking_recv`.
    one_thread: Runtime,
    /// The runtime for heavy work: heavy-2 takes 206 ns on two workers, and about 390 on one thread.
    two_workers: Runtime,
    /// The runtime for tasks used as processes.
    processes: Runtime,
}

impl Tokio {
    pub(super) fn start() -> Self {
        let started = "the system gives us threads";
        Self {
            one_thread: Builder::new_current_thread().build().expect(started),
            two_workers: Builder::new_multi_thread().worker_threads(2).build().expect(started),
            processes: super::multi_thread(),
        }
    }
}

impl Engine for Tokio {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        Some(match scenario {
            Scenario::Linear1 => Box::new(|events| self.one_thread.block_on(linear_1(events))),
            Scenario::Linear3 => Box::new(|events| self.one_thread.block_on(linear_3(events))),
            Scenario::Max1 => Box::new(|events| self.one_thread.block_on(max_1(events))),
            Scenario::Heavy2 => Box::new(|events| self.two_workers.block_on(heavy_2(events))),
            Scenario::Stream => Box::new(|events| stream(&self.one_thread, events)),
            _ => return super::tasks::form(&self.processes, scenario),
        })
    }
}

/// Batches that may wait between two tasks.
const WAITING: usize = 2;

async fn linear_1(events: u64) -> Checksum {
    let batches = producer(counting(events));
    joined(consumer(batches, work::sum)).await
}

async fn linear_3(events: u64) -> Checksum {
    let batches = producer(counting(events));
    let batches = mapping(batches, work::triple);
    let batches = mapping(batches, work::increment);
    joined(consumer(batches, work::sum)).await
}

async fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let batches = producer(move |batch| batch.extend(counter.take(BATCH).map(work::heavy)));
    joined(consumer(batches, work::heavy_sum)).await
}

async fn max_1(events: u64) -> Checksum {
    let (sender, mut receiver) = channel(1);
    tokio::spawn(async move {
        for event in 0..events {
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    joined(tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some(event) = receiver.recv().await {
            sum = sum.wrapping_add(event);
        }
        sum
    }))
    .await
}

/// The consumer is no task here but the caller, who runs the producer whenever a batch is not there yet.
fn stream(runtime: &Runtime, events: u64) -> Checksum {
    let mut source = 0..events;
    let (sender, mut receiver) = channel(WAITING);
    runtime.spawn(send_all(sender, move |batch| {
        batch.extend(source.by_ref().take(BATCH));
    }));
    work::sum_stream(iter::from_fn(|| runtime.block_on(receiver.recv())).flatten())
}

/// Fills a batch with the numbers that come next.
fn counting(events: u64) -> impl FnMut(&mut Batch) + Send {
    let mut counter = Counter::new(events);
    move |batch| batch.extend(counter.take(BATCH))
}

/// A task that sends batches until `fill` leaves one empty.
fn producer(fill: impl FnMut(&mut Batch) + Send + 'static) -> Receiver<Batch> {
    let (sender, receiver) = channel(WAITING);
    tokio::spawn(send_all(sender, fill));
    receiver
}

async fn send_all(sender: Sender<Batch>, mut fill: impl FnMut(&mut Batch)) {
    loop {
        let mut batch = Batch::with_capacity(BATCH);
        fill(&mut batch);
        if batch.is_empty() || sender.send(batch).await.is_err() {
            return;
        }
    }
}

/// A task that maps each event. Collecting from a vector of the same type keeps its memory.
fn mapping(mut batches: Receiver<Batch>, map: impl Fn(u64) -> u64 + Send + 'static) -> Receiver<Batch> {
    let (sender, receiver) = channel(WAITING);
    tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            let mapped = batch.into_iter().map(&map).collect();
            if sender.send(mapped).await.is_err() {
                return;
            }
        }
    });
    receiver
}

fn consumer(mut batches: Receiver<Batch>, sum_of: impl Fn(&[u64]) -> u64 + Send + 'static) -> JoinHandle<Checksum> {
    tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some(batch) = batches.recv().await {
            sum = sum.wrapping_add(sum_of(&batch));
        }
        sum
    })
}

async fn joined(consumer: JoinHandle<Checksum>) -> Checksum {
    consumer.await.expect("the consumer does not panic")
}

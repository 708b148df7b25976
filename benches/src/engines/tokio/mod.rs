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

mod fan;
mod line;
mod many;
mod supervisor;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::{Engine, Form};
use crate::scenario::{Checksum, Scenario, Shape};
use crate::work::{self, BATCH, Batch, Counter};

/// Tasks on the threads of one runtime.
pub(super) struct Tokio {
    runtime: Runtime,
    threads: Threads,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// A worker for each core, tokio's default.
    Workers,
    /// The caller's alone. It beats two workers where events are light: see the table above; max-1 takes 200 ns against 273 to 355.
    /// heavy-2 takes about 390 on it, and 206 on two workers.
    One,
}

impl Tokio {
    pub(super) fn with_workers() -> Self {
        Self { runtime: super::multi_thread(), threads: Threads::Workers }
    }

    pub(super) fn on_one_thread() -> Self {
        let runtime = Builder::new_current_thread().build().expect("the system gives us what it needs");
        Self { runtime, threads: Threads::One }
    }

    fn run<'a, T>(&'a self, task: impl Fn(u64) -> T + 'a) -> Form<'a>
    where
        T: Future<Output = Checksum> + Send + 'static,
    {
        match self.threads {
            Threads::Workers => Box::new(move |events| super::tasks::spawned(&self.runtime, task(events))),
            Threads::One => Box::new(move |events| self.runtime.block_on(task(events))),
        }
    }
}

impl Engine for Tokio {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        if let Some(shape) = scenario.shape() {
            return self.shaped(shape);
        }
        Some(match scenario {
            Scenario::Linear3 => self.run(line::linear_3),
            Scenario::Strings => self.run(line::strings),
            Scenario::Stream => Box::new(|events| line::stream(&self.runtime, events)),
            Scenario::Broadcast4 => self.run(fan::broadcast),
            Scenario::Partition4 => self.run(fan::partition),
            Scenario::Supervisor => self.run(supervisor::children),
            // One thread does one thing at a time, and takes as much memory.
            Scenario::Heavy2 | Scenario::HeavyFan4 | Scenario::Idle | Scenario::Memory1m | Scenario::Memory10m
                if self.threads == Threads::One =>
            {
                return None;
            }
            Scenario::Heavy2 => self.run(line::heavy_2),
            Scenario::HeavyFan4 => self.run(fan::heavy),
            Scenario::Memory1m | Scenario::Memory10m => self.run(line::slow),
            _ => return super::tasks::form(&self.runtime, scenario),
        })
    }

    fn shaped(&self, shape: Shape) -> Option<Form<'_>> {
        Some(match shape {
            Shape::Line { in_flight: 1 } => self.run(line::max_1),
            Shape::Line { in_flight } => self.run(move |events| line::linear_1(events, in_flight)),
            Shape::Fan { consumers } => self.run(move |events| fan::demand(events, consumers)),
            Shape::Many { pipelines } => self.run(move |events| many::pipelines(events, pipelines)),
            Shape::Chain { hops } => self.run(move |events| many::chain(events, hops)),
        })
    }
}

/// A channel without bounds, as it is where nobody holds the producer back.
pub(super) struct Unbounded {
    runtime: Runtime,
}

impl Unbounded {
    pub(super) fn start() -> Self {
        Self { runtime: super::multi_thread() }
    }
}

impl Engine for Unbounded {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        matches!(scenario, Scenario::Memory1m | Scenario::Memory10m).then(|| -> Form<'_> {
            Box::new(|events| super::tasks::spawned(&self.runtime, line::slow_unbounded(events)))
        })
    }
}

/// Batches that may wait between two tasks.
const WAITING: usize = 2;

/// Fills a batch with the numbers that come next.
fn counting(events: u64) -> impl FnMut(&mut Batch) + Send {
    let mut counter = Counter::new(events);
    move |batch| batch.extend(counter.take(BATCH))
}

/// A task that sends batches until `fill` leaves one empty.
fn producer<T: Send + 'static>(fill: impl FnMut(&mut Vec<T>) + Send + 'static) -> Receiver<Vec<T>> {
    let (sender, receiver) = channel(WAITING);
    tokio::spawn(send_all(sender, BATCH, fill));
    receiver
}

async fn send_all<T>(sender: Sender<Vec<T>>, capacity: usize, mut fill: impl FnMut(&mut Vec<T>)) {
    loop {
        let mut batch = Vec::with_capacity(capacity);
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

/// A task that sums up what `sum_of` makes of each batch.
fn consumer<B: Send + 'static>(
    mut batches: Receiver<B>,
    sum_of: impl Fn(&B) -> u64 + Send + 'static,
) -> JoinHandle<Checksum> {
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

/// What all of them summed up.
async fn total(consumers: Vec<JoinHandle<Checksum>>) -> Checksum {
    let mut sum = 0_u64;
    for consumer in consumers {
        sum = sum.wrapping_add(joined(consumer).await);
    }
    sum
}

fn sum(batch: &Batch) -> u64 {
    work::sum(batch)
}

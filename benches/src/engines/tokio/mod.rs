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

    fn on_one_thread<'a, T: Future<Output = Checksum> + 'a>(&'a self, task: impl Fn(u64) -> T + 'a) -> Form<'a> {
        Box::new(move |events| self.one_thread.block_on(task(events)))
    }

    fn on_two_workers<'a, T>(&'a self, task: impl Fn(u64) -> T + 'a) -> Form<'a>
    where
        T: Future<Output = Checksum> + Send + 'static,
    {
        Box::new(move |events| super::tasks::spawned(&self.two_workers, task(events)))
    }
}

impl Engine for Tokio {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        if let Some(shape) = scenario.shape() {
            return self.shaped(shape);
        }
        Some(match scenario {
            Scenario::Linear3 => self.on_one_thread(line::linear_3),
            Scenario::Strings => self.on_one_thread(line::strings),
            Scenario::Heavy2 => self.on_two_workers(line::heavy_2),
            Scenario::Stream => Box::new(|events| line::stream(&self.one_thread, events)),
            Scenario::Broadcast4 => self.on_one_thread(fan::broadcast),
            Scenario::Partition4 => self.on_one_thread(fan::partition),
            Scenario::HeavyFan4 => self.on_two_workers(fan::heavy),
            Scenario::Supervisor => self.on_one_thread(supervisor::children),
            Scenario::Memory1m | Scenario::Memory10m => self.on_two_workers(line::slow),
            _ => return super::tasks::form(&self.processes, scenario),
        })
    }

    fn shaped(&self, shape: Shape) -> Option<Form<'_>> {
        Some(match shape {
            Shape::Line { in_flight: 1 } => self.on_one_thread(line::max_1),
            Shape::Line { in_flight } => self.on_one_thread(move |events| line::linear_1(events, in_flight)),
            Shape::Fan { consumers } => self.on_one_thread(move |events| fan::demand(events, consumers)),
            Shape::Many { pipelines } => self.on_one_thread(move |events| many::pipelines(events, pipelines)),
            Shape::Chain { hops } => self.on_one_thread(move |events| many::chain(events, hops)),
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

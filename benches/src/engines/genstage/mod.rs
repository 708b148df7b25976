//! How fast is genstage itself?

mod fan;
mod line;
mod many;
mod steady;
mod supervisor;

use std::sync::mpsc::{Receiver, Sender, channel};

use genstage::prelude::*;

use super::{Engine, Form, processes};
use crate::scenario::{Checksum, Scenario, Shape};
use crate::work::{self, BATCH};

pub use steady::steady;

/// Stages on genstage's own runtime, which is started once.
pub(super) struct Genstage {
    runtime: Runtime,
}

impl Genstage {
    pub(super) fn start() -> Self {
        // Its size is the default: a seat for each core.
        Self { runtime: Runtime::builder().build().expect("the runtime starts") }
    }

    /// Runs it inside the runtime.
    fn inside<'a>(&'a self, run: impl Fn(u64) -> Checksum + 'a) -> Form<'a> {
        Box::new(move |events| {
            let _inside = self.runtime.enter();
            run(events)
        })
    }
}

impl Engine for Genstage {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        if let Some(shape) = scenario.shape() {
            return self.shaped(shape);
        }
        let run: fn(u64) -> Checksum = match scenario {
            Scenario::Linear3 => |events| line::linear_3(events, work::sum),
            Scenario::Strings => line::strings,
            Scenario::Heavy2 => line::heavy_2,
            Scenario::Stream => line::streamed,
            Scenario::Broadcast4 => |events| fan::broadcast(events, work::sum),
            Scenario::Partition4 => |events| fan::partition(events, work::sum),
            Scenario::HeavyFan4 => fan::heavy,
            Scenario::Supervisor => supervisor::children,
            Scenario::Memory1m | Scenario::Memory10m => line::slow,
            Scenario::Registry => return Some(processes::lookups(&self.runtime)),
            _ => processes::form(scenario)?,
        };
        Some(self.inside(run))
    }

    fn shaped(&self, shape: Shape) -> Option<Form<'_>> {
        Some(match shape {
            Shape::Line { in_flight } => self.inside(move |events| line::linear_1(events, in_flight, work::sum)),
            Shape::Fan { consumers } => self.inside(move |events| fan::demand(events, consumers, work::sum)),
            Shape::Many { pipelines } => self.inside(move |events| many::pipelines(events, pipelines)),
            Shape::Chain { hops } => self.inside(move |events| many::chain(events, hops)),
        })
    }
}

/// Emits what `take` gives for each demand; less than was asked for is the end, once all has gone out.
struct Emitter<T, F> {
    take: F,
    ended: bool,
    event: std::marker::PhantomData<fn() -> T>,
}

impl<T, F> Emitter<T, F>
where
    T: Send + 'static,
    F: FnMut(usize, &mut Emit<T>) + Send + 'static,
{
    fn new(take: F) -> Self {
        Self { take, ended: false, event: std::marker::PhantomData }
    }
}

/// What a consumer makes of a batch of numbers.
trait Summing: Fn(&[u64]) -> u64 + Clone + Send + 'static {}

impl<F: Fn(&[u64]) -> u64 + Clone + Send + 'static> Summing for F {}

struct Ended;

impl<T, F> Producer for Emitter<T, F>
where
    T: Send + 'static,
    F: FnMut(usize, &mut Emit<T>) + Send + 'static,
{
    type Event = T;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<T>, cx: &mut Context<'_, Self>) -> Outcome {
        (self.take)(demand, out);
        if out.len() < demand && !self.ended {
            self.ended = true;
            cx.async_info(Ended);
        }
        Outcome::Continue
    }
}

impl<T, F> HandleInfo<Ended> for Emitter<T, F>
where
    T: Send + 'static,
    F: FnMut(usize, &mut Emit<T>) + Send + 'static,
{
    fn handle_info(&mut self, _: Ended, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Stop(ExitReason::Normal)
    }
}

/// Maps every event. Generic, so that the loop knows the function it calls.
struct Mapped<F>(F);

impl<F: Fn(u64) -> u64 + Send + 'static> ProducerConsumer for Mapped<F> {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        events.map_into(out, &self.0);
        Outcome::Continue
    }
}

/// Changes every event in its place: where there are so many batches that they fill the caches, half the memory is half the time.
struct Updated<F>(F);

impl<F: Fn(u64) -> u64 + Send + 'static> ProducerConsumer for Updated<F> {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.update(events, |event| *event = (self.0)(*event));
        Outcome::Continue
    }
}

/// Sums up what `fold` makes of each batch, and reports at the end.
struct Summer<T, F> {
    fold: F,
    sum: Checksum,
    report: Sender<Checksum>,
    event: std::marker::PhantomData<fn(T)>,
}

impl<T, F> Summer<T, F> {
    fn new(fold: F, report: Sender<Checksum>) -> Self {
        Self { fold, sum: 0, report, event: std::marker::PhantomData }
    }
}

impl<T: Send + 'static, F: Fn(&[T]) -> u64 + Send + 'static> Consumer for Summer<T, F> {
    type Event = T;

    fn handle_events(&mut self, events: Events<'_, T>, _: &mut Context<'_, Self>) -> Outcome {
        self.sum = self.sum.wrapping_add((self.fold)(events.as_slice()));
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.report.send(self.sum);
    }
}

/// A producer whose demand is let through at once.
fn produce<T, F>(take: F) -> ProducerRef<Emitter<T, F>>
where
    T: Send + 'static,
    F: FnMut(usize, &mut Emit<T>) + Send + 'static,
{
    Emitter::new(take).start(StageOptions::new()).expect("the runtime is up")
}

fn mapped<F>(source: &impl Source<Event = u64>, map: F) -> ProducerConsumerRef<Mapped<F>>
where
    F: Fn(u64) -> u64 + Send + 'static,
{
    let stage = Mapped(map).start(StageOptions::new()).expect("the runtime is up");
    stage.sync_subscribe(source, demand(2 * BATCH)).expect("the stage is up");
    stage
}

/// Subscribes a consumer that sums up, and waits for its sum.
fn summed<T, F>(source: &impl Source<Event = T>, fold: F, max_demand: usize) -> Checksum
where
    T: Send + 'static,
    F: Fn(&[T]) -> u64 + Send + 'static,
{
    let (report, reports) = channel();
    let consumer = Summer::new(fold, report).start(StageOptions::new()).expect("the runtime is up");
    consumer.sync_subscribe(source, demand(max_demand)).expect("the stage is up");
    total(&reports, 1)
}

/// What so many consumers report, added up.
fn total(reports: &Receiver<Checksum>, consumers: usize) -> Checksum {
    (0..consumers)
        .map(|_| reports.recv().expect("a consumer reports when its producer ends"))
        .fold(0, Checksum::wrapping_add)
}

fn demand(max: usize) -> SubscriptionOptions {
    SubscriptionOptions::new().max_demand(max)
}

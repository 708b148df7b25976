//! How fast is genstage itself?

use std::sync::mpsc::{Receiver, Sender, channel};

use genstage::prelude::*;

use super::{Engine, Form};
use crate::scenario::{Checksum, Scenario};
use crate::work::{self, BATCH, Counter};

/// Stages on genstage's own runtime, which is started once.
pub(super) struct Genstage {
    runtime: Runtime,
}

impl Genstage {
    pub(super) fn start() -> Self {
        // Its size is the default: a seat for each core.
        Self { runtime: Runtime::builder().build().expect("the runtime starts") }
    }
}

impl Engine for Genstage {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        let run: fn(u64) -> Checksum = match scenario {
            Scenario::Linear1 => |events| linear_1(events, 2 * BATCH),
            Scenario::Linear3 => linear_3,
            Scenario::Max1 => |events| linear_1(events, 1),
            Scenario::Heavy2 => heavy_2,
            Scenario::Stream => streamed,
            Scenario::Registry => return Some(super::processes::lookups(&self.runtime)),
            _ => super::processes::form(scenario)?,
        };
        Some(Box::new(move |events| {
            let _inside = self.runtime.enter();
            run(events)
        }))
    }
}

/// Emits what `take` gives for each demand; less than was asked for is the end.
struct Emitter<F>(F);

impl<F: FnMut(usize, &mut Emit<u64>) + Send + 'static> Producer for Emitter<F> {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        (self.0)(demand, out);
        if out.len() < demand { Outcome::Stop(ExitReason::Normal) } else { Outcome::Continue }
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

/// Sums up what `fold` makes of each batch, and reports at the end.
struct Summer<F> {
    fold: F,
    sum: Checksum,
    report: Sender<Checksum>,
}

impl<F: Fn(&[u64]) -> u64 + Send + 'static> Consumer for Summer<F> {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.sum = self.sum.wrapping_add((self.fold)(events.as_slice()));
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.report.send(self.sum);
    }
}

fn produce<F: FnMut(usize, &mut Emit<u64>) + Send + 'static>(emit: F) -> ProducerRef<Emitter<F>> {
    Emitter(emit).start(StageOptions::new()).expect("the runtime is up")
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
fn summed<F>(source: &impl Source<Event = u64>, fold: F, max_demand: usize) -> Checksum
where
    F: Fn(&[u64]) -> u64 + Send + 'static,
{
    let (report, reports): (Sender<Checksum>, Receiver<Checksum>) = channel();
    let consumer = Summer { fold, sum: 0, report }.start(StageOptions::new()).expect("the runtime is up");
    consumer.sync_subscribe(source, demand(max_demand)).expect("the stage is up");
    reports.recv().expect("the consumer reports when its producer ends")
}

fn demand(max: usize) -> SubscriptionOptions {
    SubscriptionOptions::new().max_demand(max)
}

fn linear_1(events: u64, max_demand: usize) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand)));
    summed(&producer, work::sum, max_demand)
}

fn linear_3(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand)));
    let first = mapped(&producer, work::triple);
    let second = mapped(&first, work::increment);
    summed(&second, work::sum, 2 * BATCH)
}

fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand).map(work::heavy)));
    summed(&producer, work::heavy_sum, 2 * BATCH)
}

fn streamed(events: u64) -> Checksum {
    let numbers = from_enumerable(0..events).start(StageOptions::new()).expect("the runtime is up");
    let stream = stream(&numbers, SubscriptionOptions::new()).expect("the defaults are in bounds");
    work::sum_stream(stream.map(|event| event.expect("the numbers end well")))
}

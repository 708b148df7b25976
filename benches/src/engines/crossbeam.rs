//! How fast are threads joined by crossbeam channels?
//!
//! One thread a stage; the caller's thread is the consumer. Two batches fit into each channel, which is the equivalent
//! of `max_demand` 1000 and `min_demand` 500. Emptied buffers are dropped. To send them back through a second channel
//! gained nothing that could be told from noise; medians of two measurements, new buffers against returned ones, ns per
//! event: linear-1 1.9 and 1.6 against 1.0 and 4.9, linear-3 13.8 and 14.3 against 13.4 and 15.0; of one measurement:
//! heavy-2 199 against 201, stream 3.2 against 2.9.
//!
//! Times vary from run to run by whether a waiting thread is still spinning when its batch comes, or already asleep.

use std::ops::ControlFlow;
use std::thread::{self, Scope};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Engine, Form};
use crate::scenario::{Checksum, Scenario};
use crate::work::{self, BATCH, Batch, Counter};

pub(super) struct Crossbeam;

impl Engine for Crossbeam {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        Some(match scenario {
            Scenario::Linear1 => Box::new(linear_1),
            Scenario::Linear3 => Box::new(linear_3),
            Scenario::Max1 => Box::new(max_1),
            Scenario::Heavy2 => Box::new(heavy_2),
            Scenario::Stream => Box::new(stream),
            _ => return None,
        })
    }
}

/// Batches that may wait between two threads.
const WAITING: usize = 2;

fn linear_1(events: u64) -> Checksum {
    thread::scope(|scope| {
        let batches = producer(scope, counting(events));
        consume(&batches, work::sum)
    })
}

fn linear_3(events: u64) -> Checksum {
    thread::scope(|scope| {
        let batches = producer(scope, counting(events));
        let batches = mapping(scope, batches, work::triple);
        let batches = mapping(scope, batches, work::increment);
        consume(&batches, work::sum)
    })
}

fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    thread::scope(|scope| {
        let batches = producer(scope, move |batch| {
            batch.extend(counter.take(BATCH).map(work::heavy));
        });
        consume(&batches, work::heavy_sum)
    })
}

fn max_1(events: u64) -> Checksum {
    thread::scope(|scope| {
        let (sender, receiver) = bounded(1);
        scope.spawn(move || (0..events).try_for_each(|event| sender.send(event)));
        receiver.iter().fold(0, |sum: u64, event| sum.wrapping_add(event))
    })
}

fn stream(events: u64) -> Checksum {
    let mut source = 0..events;
    thread::scope(|scope| {
        let batches = producer(scope, move |batch| {
            batch.extend(source.by_ref().take(BATCH));
        });
        work::sum_stream(batches.into_iter().flatten())
    })
}

/// Fills a batch with the numbers that come next.
fn counting(events: u64) -> impl FnMut(&mut Batch) + Send {
    let mut counter = Counter::new(events);
    move |batch| batch.extend(counter.take(BATCH))
}

/// A thread that sends batches until `fill` leaves one empty.
fn producer<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut fill: impl FnMut(&mut Batch) + Send + 'scope,
) -> Receiver<Batch> {
    let (sender, receiver) = bounded(WAITING);
    scope.spawn(move || while send_next(&sender, &mut fill).is_continue() {});
    receiver
}

fn send_next(sender: &Sender<Batch>, fill: &mut impl FnMut(&mut Batch)) -> ControlFlow<()> {
    let mut batch = Batch::with_capacity(BATCH);
    fill(&mut batch);
    if batch.is_empty() || sender.send(batch).is_err() {
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}

/// A thread that maps each event. Collecting from a vector of the same type keeps its memory.
fn mapping<'scope>(
    scope: &'scope Scope<'scope, '_>,
    batches: Receiver<Batch>,
    map: impl Fn(u64) -> u64 + Send + 'scope,
) -> Receiver<Batch> {
    let (sender, receiver) = bounded(WAITING);
    scope.spawn(move || {
        batches.into_iter().map(|batch| batch.into_iter().map(&map).collect()).try_for_each(|batch| sender.send(batch))
    });
    receiver
}

fn consume(batches: &Receiver<Batch>, sum_of: impl Fn(&[u64]) -> u64) -> Checksum {
    batches.iter().fold(0, |sum, batch| sum.wrapping_add(sum_of(&batch)))
}

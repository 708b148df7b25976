//! How fast are threads joined by crossbeam channels?
//!
//! One thread a stage; the caller's thread is the consumer. Two batches fit into each channel, which is the equivalent
//! of `max_demand` 1000 and `min_demand` 500. Emptied buffers are dropped. To send them back through a second channel
//! gained nothing that could be told from noise; medians of two measurements, new buffers against returned ones, ns per
//! event: linear-1 1.9 and 1.6 against 1.0 and 4.9, linear-3 13.8 and 14.3 against 13.4 and 15.0; of one measurement:
//! heavy-2 199 against 201, stream 3.2 against 2.9.
//!
//! Times vary from run to run by whether a waiting thread is still spinning when its batch comes, or already asleep.

mod fan;
mod line;

use std::ops::ControlFlow;
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Engine, Form};
use crate::scenario::{Checksum, Scenario};
use crate::work::{BATCH, Batch, Counter};

pub(super) struct Crossbeam;

impl Engine for Crossbeam {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        Some(match scenario {
            Scenario::Linear1 => Box::new(line::linear_1),
            Scenario::Linear3 => Box::new(line::linear_3),
            Scenario::Max1 => Box::new(line::max_1),
            Scenario::Heavy2 => Box::new(line::heavy_2),
            Scenario::Stream => Box::new(line::stream),
            Scenario::Strings => Box::new(line::strings),
            Scenario::Demand4 => Box::new(fan::demand),
            Scenario::Broadcast4 => Box::new(fan::broadcast),
            Scenario::Partition4 => Box::new(fan::partition),
            Scenario::HeavyFan4 => Box::new(fan::heavy),
            _ => return None,
        })
    }
}

/// Batches that all consumers read, instead of copies for each.
pub(super) struct Shared;

impl Engine for Shared {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        (scenario == Scenario::Broadcast4).then(|| -> Form<'_> { Box::new(fan::broadcast_shared) })
    }
}

/// Batches that may wait between two threads.
const WAITING: usize = 2;

/// Fills a batch with the numbers that come next.
fn counting(events: u64) -> impl FnMut(&mut Batch) + Send {
    let mut counter = Counter::new(events);
    move |batch| batch.extend(counter.take(BATCH))
}

/// A thread that sends batches until `fill` leaves one empty.
fn producer<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    waiting: usize,
    mut fill: impl FnMut(&mut Vec<T>) + Send + 'scope,
) -> Receiver<Vec<T>> {
    let (sender, receiver) = bounded(waiting);
    scope.spawn(move || while send_next(&sender, &mut fill).is_continue() {});
    receiver
}

fn send_next<T>(sender: &Sender<Vec<T>>, fill: &mut impl FnMut(&mut Vec<T>)) -> ControlFlow<()> {
    let mut batch = Vec::with_capacity(BATCH);
    fill(&mut batch);
    if batch.is_empty() || sender.send(batch).is_err() {
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}

fn consume<B>(batches: &Receiver<B>, sum_of: impl Fn(&B) -> u64) -> Checksum {
    batches.iter().fold(0, |sum, batch| sum.wrapping_add(sum_of(&batch)))
}

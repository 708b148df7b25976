//! One thread after the other.

use std::thread::{self, Scope};

use crossbeam_channel::{Receiver, bounded};

use super::{WAITING, consume, counting, producer};
use crate::scenario::Checksum;
use crate::work::{self, BATCH, Batch, Counter};

pub(super) fn linear_1(events: u64) -> Checksum {
    thread::scope(|scope| {
        let batches = producer(scope, WAITING, counting(events));
        consume(&batches, |batch| work::sum(batch))
    })
}

pub(super) fn linear_3(events: u64) -> Checksum {
    thread::scope(|scope| {
        let batches = producer(scope, WAITING, counting(events));
        let batches = mapping(scope, batches, work::triple);
        let batches = mapping(scope, batches, work::increment);
        consume(&batches, |batch| work::sum(batch))
    })
}

pub(super) fn strings(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    thread::scope(|scope| {
        let batches = producer(scope, WAITING, move |batch| batch.extend(counter.take(BATCH).map(work::text)));
        consume(&batches, |batch| work::text_sum(batch))
    })
}

pub(super) fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    thread::scope(|scope| {
        let batches = producer(scope, WAITING, move |batch| batch.extend(counter.take(BATCH).map(work::heavy)));
        consume(&batches, |batch| work::heavy_sum(batch))
    })
}

pub(super) fn max_1(events: u64) -> Checksum {
    thread::scope(|scope| {
        let (sender, receiver) = bounded(1);
        scope.spawn(move || (0..events).try_for_each(|event| sender.send(event)));
        receiver.iter().fold(0, |sum: u64, event| sum.wrapping_add(event))
    })
}

pub(super) fn stream(events: u64) -> Checksum {
    let mut source = 0..events;
    thread::scope(|scope| {
        let batches = producer(scope, WAITING, move |batch| {
            batch.extend(source.by_ref().take(BATCH));
        });
        work::sum_stream(batches.into_iter().flatten())
    })
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

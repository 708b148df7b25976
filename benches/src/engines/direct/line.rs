//! One stage after the other.

use std::hint::black_box;

use super::{Consumer, Producer, drive};
use crate::scenario::Checksum;
use crate::work::{self, BATCH, Counter};

/// A stage between: maps each batch into a buffer of its own, as a stage does whose output has another type.
fn mapping<'a>(map: impl Fn(u64) -> u64 + 'a, consumer: Consumer<'a, u64>) -> impl FnMut(&mut Vec<u64>) + 'a {
    let consumer = black_box(consumer);
    let mut buffer = Vec::with_capacity(BATCH);
    move |batch| {
        buffer.extend(batch.drain(..).map(&map));
        consumer(&mut buffer);
    }
}

pub(super) fn linear_1(events: u64, demand: usize) -> Checksum {
    let mut counter = Counter::new(events);
    let mut sum = 0_u64;
    drive(
        &mut |demand, buffer| buffer.extend(counter.take(demand)),
        &mut |batch| {
            sum = sum.wrapping_add(work::sum(batch));
            batch.clear();
        },
        demand,
    );
    sum
}

pub(super) fn linear_3(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let mut sum = 0_u64;
    let mut consumer = |batch: &mut Vec<u64>| {
        sum = sum.wrapping_add(work::sum(batch));
        batch.clear();
    };
    let mut second = mapping(work::increment, &mut consumer);
    let mut first = mapping(work::triple, &mut second);
    drive(&mut |demand, buffer| buffer.extend(counter.take(demand)), &mut first, BATCH);
    drop(first);
    drop(second);
    sum
}

pub(super) fn strings(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let mut sum = 0_u64;
    drive(
        &mut |demand, buffer| buffer.extend(counter.take(demand).map(work::text)),
        &mut |batch: &mut Vec<String>| {
            sum = sum.wrapping_add(work::text_sum(batch));
            batch.clear();
        },
        BATCH,
    );
    sum
}

pub(super) fn heavy_2(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let mut sum = 0_u64;
    drive(
        &mut |demand, buffer| buffer.extend(counter.take(demand).map(work::heavy)),
        &mut |batch| {
            sum = sum.wrapping_add(work::heavy_sum(batch));
            batch.clear();
        },
        BATCH,
    );
    sum
}

pub(super) fn stream(events: u64) -> Checksum {
    let mut source = black_box(0..events);
    work::sum_stream(Pulled {
        producer: black_box(&mut |demand, buffer: &mut Vec<u64>| {
            buffer.extend(source.by_ref().take(demand));
        }),
        buffer: Vec::with_capacity(BATCH),
        taken: 0,
    })
}

/// Batches pulled by plain calls, given out one event at a time.
struct Pulled<'a> {
    producer: Producer<'a, u64>,
    buffer: Vec<u64>,
    taken: usize,
}

impl Iterator for Pulled<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
            (self.producer)(BATCH, &mut self.buffer);
        }
        let event = *self.buffer.get(self.taken)?;
        self.taken += 1;
        Some(event)
    }
}

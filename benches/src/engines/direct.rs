//! What is the limit? The same batches handed over by plain calls, on one core.
//!
//! A batch is handed over as in a pipeline of stages, less everything that makes stages independent: demand is a call,
//! and so is delivery, both through trait objects the compiler cannot see behind, so that it cannot fuse the
//! producer's loop with the consumer's. Each stage has an output buffer of its own that is used again for each batch.
//! (Mapping in place, which only stages of one type could do, took the same time.)

use std::hint::black_box;

use super::{Engine, Form};
use crate::scenario::{Checksum, Scenario};
use crate::work::{self, BATCH, Counter};

pub(super) struct Direct;

impl Engine for Direct {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        Some(match scenario {
            Scenario::Linear1 => Box::new(|events| linear_1(events, BATCH)),
            Scenario::Linear3 => Box::new(linear_3),
            Scenario::Max1 => Box::new(|events| linear_1(events, 1)),
            Scenario::Heavy2 => Box::new(heavy_2),
            Scenario::Stream => Box::new(stream),
            _ => return None,
        })
    }
}

/// Asked for a number of events, puts them into the buffer, which is empty.
type Producer<'a> = &'a mut dyn FnMut(usize, &mut Vec<u64>);

/// Given a batch, leaves the buffer empty.
type Consumer<'a> = &'a mut dyn FnMut(&mut Vec<u64>);

/// Asks for batch after batch and hands each on, until the producer has no more.
#[inline(never)]
fn drive(producer: Producer<'_>, consumer: Consumer<'_>, demand: usize) {
    let (producer, consumer) = (black_box(producer), black_box(consumer));
    let mut buffer = Vec::with_capacity(demand);
    loop {
        producer(demand, &mut buffer);
        if buffer.is_empty() {
            return;
        }
        consumer(&mut buffer);
    }
}

/// A stage between: maps each batch into a buffer of its own, as a stage does whose output has another type.
fn mapping<'a>(map: impl Fn(u64) -> u64 + 'a, consumer: Consumer<'a>) -> impl FnMut(&mut Vec<u64>) + 'a {
    let consumer = black_box(consumer);
    let mut buffer = Vec::with_capacity(BATCH);
    move |batch| {
        buffer.extend(batch.drain(..).map(&map));
        consumer(&mut buffer);
    }
}

fn linear_1(events: u64, demand: usize) -> Checksum {
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

fn linear_3(events: u64) -> Checksum {
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

fn heavy_2(events: u64) -> Checksum {
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

fn stream(events: u64) -> Checksum {
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
    producer: Producer<'a>,
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

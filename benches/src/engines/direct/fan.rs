//! One producer, several consumers, one of them called after the other.

use std::hint::black_box;

use super::{Consumer, drive};
use crate::scenario::{Checksum, FAN};
use crate::work::{self, BATCH, Counter};

pub(super) fn demand(events: u64, consumers: usize) -> Checksum {
    in_turn(events, consumers, work::sum)
}

pub(super) fn heavy(events: u64) -> Checksum {
    in_turn(events, FAN, work::heavy_twice_sum)
}

/// Each batch to the next consumer.
fn in_turn(events: u64, consumers: usize, sum_of: impl Fn(&[u64]) -> u64 + Copy) -> Checksum {
    let mut turn = 0;
    fanned(events, consumers, sum_of, |batch, consumers| {
        if let Some(consumer) = consumers.get_mut(turn) {
            consumer(batch);
        }
        turn = if turn + 1 < consumers.len() { turn + 1 } else { 0 };
    })
}

/// Each batch to all consumers, which read the same buffer.
pub(super) fn broadcast(events: u64) -> Checksum {
    let mut sums = [0_u64; FAN];
    let mut counter = Counter::new(events);
    let mut reading = sums.each_mut().map(|sum| move |batch: &[u64]| *sum = sum.wrapping_add(work::sum(batch)));
    let mut consumers = reading.each_mut().map(|read| black_box(read as &mut dyn FnMut(&[u64])));
    drive(
        &mut |demand, buffer| buffer.extend(counter.take(demand)),
        &mut |batch| {
            for consumer in &mut consumers {
                consumer(batch);
            }
            batch.clear();
        },
        BATCH,
    );
    sums.into_iter().fold(0, Checksum::wrapping_add)
}

/// Each event into its partition's buffer, which goes to its consumer at the end of each batch of the producer's.
pub(super) fn partition(events: u64) -> Checksum {
    let mut parts: [Vec<u64>; FAN] = Default::default();
    fanned(events, FAN, work::sum, |batch, consumers| {
        for event in batch.drain(..) {
            if let Some(part) = parts.get_mut(work::partition(event)) {
                part.push(event);
            }
        }
        for (part, consumer) in parts.iter_mut().zip(consumers) {
            consumer(part);
        }
    })
}

fn fanned(
    events: u64,
    consumers: usize,
    sum_of: impl Fn(&[u64]) -> u64 + Copy,
    mut hand_out: impl FnMut(&mut Vec<u64>, &mut [Consumer<'_, u64>]),
) -> Checksum {
    let mut counter = Counter::new(events);
    let mut sums = vec![0_u64; consumers];
    let taking = sums.iter_mut().map(|sum| {
        move |batch: &mut Vec<u64>| {
            *sum = sum.wrapping_add(sum_of(batch));
            batch.clear();
        }
    });
    let mut taking: Vec<_> = taking.collect();
    let mut consumers: Vec<_> = taking.iter_mut().map(|take| black_box(take as Consumer<'_, u64>)).collect();
    drive(
        &mut |demand, buffer| buffer.extend(counter.take(demand)),
        &mut |batch| hand_out(batch, &mut consumers),
        BATCH,
    );
    sums.into_iter().fold(0, Checksum::wrapping_add)
}

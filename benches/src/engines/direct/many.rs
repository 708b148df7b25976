//! Many pipelines beside each other, and many stages in a row.

use std::hint::black_box;

use super::drive;
use crate::scenario::{Checksum, shares};
use crate::work::{self, BATCH, Counter};

/// Asked for a number of events, puts them into the buffer.
type Fill = Box<dyn FnMut(usize, &mut Vec<u64>)>;

/// Given a batch, leaves the buffer empty and says what all batches so far add up to.
type Drain = Box<dyn FnMut(&mut Vec<u64>) -> Checksum>;

/// A stage between: changes each event of a batch.
type Hop = Box<dyn FnMut(&mut [u64])>;

/// One batch in each pipeline, round after round, until all have ended. Each has a buffer of its own: at once means that none
/// waits for another's.
pub(super) fn pipelines(events: u64, pipelines: usize) -> Checksum {
    let mut running: Vec<(Fill, Drain, Vec<u64>)> = shares(events, pipelines)
        .map(|share| {
            let mut counter = Counter::over(share);
            let mut sum: Checksum = 0;
            let fill: Fill = Box::new(move |demand, buffer| buffer.extend(counter.take(demand)));
            let drain: Drain = Box::new(move |batch| {
                sum = sum.wrapping_add(work::sum(batch));
                batch.clear();
                sum
            });
            (fill, drain, Vec::with_capacity(BATCH))
        })
        .collect();
    let mut total: Checksum = 0;
    black_box(&mut running);
    while !running.is_empty() {
        running.retain_mut(|(fill, drain, buffer)| {
            fill(BATCH, buffer);
            let is_over = buffer.is_empty();
            let sum = drain(buffer);
            if is_over {
                total = total.wrapping_add(sum);
            }
            !is_over
        });
    }
    total
}

/// So many stages in a row, each adds one.
pub(super) fn chain(events: u64, hops: usize) -> Checksum {
    let hop = || -> Hop { Box::new(|batch| batch.iter_mut().for_each(|event| *event = work::increment(*event))) };
    let mut hops: Vec<Hop> = (0..hops).map(|_| hop()).collect();
    black_box(&mut hops);
    let mut counter = Counter::new(events);
    let mut sum: Checksum = 0;
    drive(
        &mut |demand, buffer| buffer.extend(counter.take(demand)),
        &mut |batch| {
            for hop in &mut hops {
                hop(batch);
            }
            sum = sum.wrapping_add(work::sum(batch));
            batch.clear();
        },
        BATCH,
    );
    sum
}

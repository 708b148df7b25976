//! What is the limit? The same batches handed over by plain calls, on one core.
//!
//! A batch is handed over as in a pipeline of stages, less everything that makes stages independent: demand is a call,
//! and so is delivery, both through trait objects the compiler cannot see behind, so that it cannot fuse the
//! producer's loop with the consumer's. Buffers are used again for each batch. The stages of
//! `linear-3` write to one of their own, those of a chain change batches in place: each is the faster way there.

mod fan;
mod line;
mod many;

use std::hint::black_box;

use super::{Engine, Form};
use crate::scenario::{Scenario, Shape};

pub(super) struct Direct;

impl Engine for Direct {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        if let Some(shape) = scenario.shape() {
            return self.shaped(shape);
        }
        Some(match scenario {
            Scenario::Linear3 => Box::new(line::linear_3),
            Scenario::Heavy2 => Box::new(line::heavy_2),
            Scenario::Stream => Box::new(line::stream),
            Scenario::Strings => Box::new(line::strings),
            Scenario::Broadcast4 => Box::new(fan::broadcast),
            Scenario::Partition4 => Box::new(fan::partition),
            Scenario::HeavyFan4 => Box::new(fan::heavy),
            _ => return None,
        })
    }

    fn shaped(&self, shape: Shape) -> Option<Form<'_>> {
        Some(match shape {
            // What is in flight is made of two batches, where there are two events.
            Shape::Line { in_flight } => Box::new(move |events| line::linear_1(events, in_flight.div_ceil(2))),
            Shape::Fan { consumers } => Box::new(move |events| fan::demand(events, consumers)),
            Shape::Many { pipelines } => Box::new(move |events| many::pipelines(events, pipelines)),
            Shape::Chain { hops } => Box::new(move |events| many::chain(events, hops)),
        })
    }
}

/// Asked for a number of events, puts them into the buffer, which is empty.
type Producer<'a, T> = &'a mut dyn FnMut(usize, &mut Vec<T>);

/// Given a batch, leaves the buffer empty.
type Consumer<'a, T> = &'a mut dyn FnMut(&mut Vec<T>);

/// Asks for batch after batch and hands each on, until the producer has no more.
#[inline(never)]
fn drive<T>(producer: Producer<'_, T>, consumer: Consumer<'_, T>, demand: usize) {
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

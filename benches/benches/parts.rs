//! What does each part of the way of a batch cost?
//!
//! Demand arithmetic, buffer and inbox are private: they are measured through the nearest public call, and the name of the
//! bench says so. Two of them on top of each other tell what the part itself takes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use genstage::prelude::*;
use genstage::{Deliveries, Dispatcher, Subscriber};
use genstage_core::{Mailbox, ProcessContext, Runtime, spawn};

/// Events of a batch.
const BATCH: usize = 500;

/// Consumers of a dispatcher.
const CONSUMERS: u64 = 4;

/// A dispatcher that is asked for a batch by each consumer, and gets as many events as it then has demand for.
fn round(dispatcher: &mut dyn Dispatcher<u64>, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
    for id in 1..=CONSUMERS {
        dispatcher.ask(SubscriptionId::new(id), BATCH, out);
    }
    let demand = dispatcher.demand() as u64;
    events.extend(0..demand);
    dispatcher.dispatch(events, out);
    events.clear();
    let emptied: Vec<_> = out.drain().map(|delivery| delivery.batch).collect();
    for mut batch in emptied {
        black_box(batch.as_slice());
        if let Some(batch) = batch.take_empty() {
            out.recycle(batch);
        }
    }
}

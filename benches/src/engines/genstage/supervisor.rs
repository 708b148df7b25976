//! A process for each event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use genstage::prelude::*;

use super::{demand, produce};
use crate::scenario::{CHILDREN, Checksum};
use crate::work::Counter;

/// Supervised children, each with a pid, an inbox and links, at most [`CHILDREN`] at once.
pub(super) fn children(events: u64) -> Checksum {
    let mut counter = Counter::new(events);
    let producer = produce(move |demand, out| out.extend(counter.take(demand)));
    let (sum, left) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(events)));
    let (report, reports) = channel();
    let supervisor = ConsumerSupervisor::new({
        let sum = Arc::clone(&sum);
        move |event: u64| {
            sum.fetch_add(event, Ordering::Relaxed);
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _ = report.send(());
            }
        }
    })
    .start(StageOptions::new())
    .expect("the runtime is up");
    // Temporary: the producer's end does not stop the last children.
    supervisor.sync_subscribe(&producer, demand(CHILDREN).cancel(Cancel::Temporary)).expect("the stage is up");
    reports.recv().expect("the last child reports");
    supervisor.stop().expect("it has nothing left to do");
    sum.load(Ordering::Relaxed)
}

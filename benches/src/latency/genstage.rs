//! A feed, a map, and a consumer that notes the times.

use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use genstage::feed;
use genstage::prelude::*;

use super::{ROOM, Times, complete, note, pace, times};
use crate::measure::Fault;

struct Noter {
    times: Times,
    report: Sender<Times>,
}

impl Consumer for Noter {
    type Event = Instant;

    fn handle_events(&mut self, events: Events<'_, Instant>, _: &mut Context<'_, Self>) -> Outcome {
        for start in &events {
            note(&mut self.times, *start);
        }
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.report.send(std::mem::replace(&mut self.times, times()));
    }
}

pub(super) fn run(events: u64, busy: usize) -> Result<Times, Fault> {
    let runtime = Runtime::builder().build().expect("the runtime starts");
    let entered = runtime.enter();
    let options = SubscriptionOptions::new();
    let pipelines: Vec<_> = (0..busy)
        .map(|_| {
            let numbers = from_enumerable(0_u64..).start(StageOptions::new()).expect("the runtime is up");
            let sums = for_each(|number: u64| {
                std::hint::black_box(number);
            })
            .start(StageOptions::new().subscribe_to(&numbers, options))
            .expect("the runtime is up");
            (numbers, sums)
        })
        .collect();

    let (feed, source) = feed(ROOM);
    let (report, reports) = channel();
    let source = source.start(StageOptions::new()).expect("the runtime is up");
    let hop = map(|start: Instant| start)
        .start(StageOptions::new().subscribe_to(&source, options))
        .expect("the runtime is up");
    Noter { times: times(), report }.start(StageOptions::new().subscribe_to(&hop, options)).expect("the runtime is up");

    pace(events, |start| feed.send(start).is_ok());
    drop(feed);
    let times = reports.recv().expect("the consumer reports when its producer ends");

    for (numbers, _) in &pipelines {
        let _ = numbers.stop();
    }
    for (_, sums) in &pipelines {
        let _ = sums.wait();
    }
    drop(entered);
    runtime.shutdown(std::time::Duration::from_secs(5));
    complete(times, events)
}

//! Pipelines on real threads: whatever the interleaving, no event is lost, doubled or out of order.

use std::sync::mpsc;

use genstage::prelude::*;

const EVENTS: u64 = 1_000_000;
const SUM: u64 = EVENTS * (EVENTS - 1) / 2;

/// Sums up, checks that events come in rising order, and reports at its end.
struct Summer {
    sum: u64,
    count: u64,
    last: Option<u64>,
    report: mpsc::Sender<(u64, u64)>,
}

impl Summer {
    fn new(report: &mpsc::Sender<(u64, u64)>) -> Self {
        Self { sum: 0, count: 0, last: None, report: report.clone() }
    }
}

impl Consumer for Summer {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        for event in events {
            assert!(self.last < Some(event), "out of order");
            self.last = Some(event);
            self.sum += event;
            self.count += 1;
        }
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.report.send((self.count, self.sum)).unwrap();
    }
}

/// A source, two stages in the middle, and so many consumers by demand. What they counted and summed up.
fn pipeline(consumers: usize, options: SubscriptionOptions) -> (u64, u64) {
    let (report, reports) = mpsc::channel();
    let source = from_enumerable(0..EVENTS).start(StageOptions::new().demand(DemandMode::Accumulate)).unwrap();
    let first = map(|n: u64| n + 1).start(StageOptions::new()).unwrap();
    let second = map(|n: u64| n - 1).start(StageOptions::new()).unwrap();
    let consumers: Vec<_> = (0..consumers).map(|_| Summer::new(&report).start(StageOptions::new()).unwrap()).collect();
    for consumer in &consumers {
        consumer.sync_subscribe(&second, options).unwrap();
    }
    second.sync_subscribe(&first, options).unwrap();
    first.sync_subscribe(&source, options).unwrap();
    source.demand(DemandMode::Forward);
    for consumer in &consumers {
        assert_eq!(consumer.wait(), Ok(()));
    }
    drop(report);
    reports.iter().fold((0, 0), |(counts, sums), (count, sum)| (counts + count, sums + sum))
}

/// Sections 7, 12 and 17 on the default runtime, again and again.
#[test]
fn a_pipeline_on_the_default_runtime_loses_nothing() {
    for _ in 0..5 {
        assert_eq!(pipeline(1, SubscriptionOptions::new()), (EVENTS, SUM));
    }
}

/// Section 15.2 on the default runtime: each event goes to one consumer.
#[test]
fn several_consumers_share_the_events() {
    for max in [1000, 64, 3000] {
        assert_eq!(pipeline(4, SubscriptionOptions::new().max_demand(max)), (EVENTS, SUM));
    }
}

/// The scheduler never finds work that nobody was woken for.
#[test]
fn a_runtime_of_its_own_needs_no_rescue() {
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder().workers(workers).build().unwrap();
        {
            let _inside = runtime.enter();
            assert_eq!(pipeline(3, SubscriptionOptions::new().max_demand(100)), (EVENTS, SUM));
        }
        assert_eq!(runtime.rescues(), 0, "{workers} workers");
    }
}

/// A small `max_demand`, so that stages sleep and wake all the time.
#[test]
fn a_pipeline_with_little_demand_never_sleeps_in() {
    for max in [1, 2, 7] {
        let source = from_enumerable(0..20_000_u64).start(StageOptions::new()).unwrap();
        let middle = map(|n: u64| n).start(StageOptions::new()).unwrap();
        let options = SubscriptionOptions::new().max_demand(max);
        middle.sync_subscribe(&source, options).unwrap();
        let sum: u64 = stream(&middle, options).unwrap().map(Result::unwrap).sum();
        assert_eq!(sum, 20_000 * 19_999 / 2);
    }
}

/// Section 6.5 on real threads: consumers that stop in the middle of a batch, one after the other and four at a time, cost the
/// source nothing but the events in their hands.
#[test]
fn consumers_that_end_all_the_time_do_not_hurt_the_source() {
    struct Quits(u64);

    impl Consumer for Quits {
        type Event = u64;

        fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            self.0 = self.0.saturating_sub(events.len() as u64);
            if self.0 == 0 { Outcome::Stop(ExitReason::Normal) } else { Outcome::Continue }
        }
    }

    let source = from_enumerable(0..).start(StageOptions::new()).unwrap();
    for round in 0..100 {
        let consumers: Vec<_> = (0..4).map(|n| Quits(n * 50 + round).start(StageOptions::new()).unwrap()).collect();
        for consumer in &consumers {
            consumer.sync_subscribe(&source, SubscriptionOptions::new().max_demand(20)).unwrap();
        }
        for consumer in consumers {
            assert_eq!(consumer.wait(), Ok(()));
        }
    }
    let numbers: Result<Vec<_>, _> = stream(&source, SubscriptionOptions::new()).unwrap().take(5000).collect();
    assert!(numbers.unwrap().is_sorted_by(|a, b| a < b));
    source.exit(ExitReason::Kill);
}

/// Consumers that come and go while the source runs: what arrives is in order and nothing comes twice.
#[test]
fn consumers_may_come_and_go() {
    let source = from_enumerable(0..).start(StageOptions::new()).unwrap();
    let mut last = None;
    for round in 1..=200 {
        let numbers = stream(&source, SubscriptionOptions::new().max_demand(16)).unwrap();
        for number in numbers.take(round % 40 + 1) {
            let number = number.unwrap();
            assert!(last < Some(number));
            last = Some(number);
        }
    }
    source.exit(ExitReason::Kill);
    assert_eq!(source.wait(), Err(WaitError::Ended(ExitReason::Killed)));
}

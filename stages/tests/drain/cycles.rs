//! Stages that live on each other end when nothing is left in their cycle.

use genstage::drain;
use genstage::prelude::*;

use crate::common::probes::{Counter, Middle, Sink};
use crate::common::{demand, seeds};
use crate::{LONG, ms};

fn halve(n: u64) -> Vec<u64> {
    if n == 0 { Vec::new() } else { vec![n / 2] }
}

/// Each number goes round, halved each time, until it is 0; a stage behind the cycle sees it each time. What goes back
/// is asked for in full, as otherwise a cycle may stand still for want of demand.
#[test]
fn a_cycle_ends_when_nothing_is_left_in_it() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let entry = Middle::forwarder("b", log).start(all).unwrap();
        let back = Middle::new("c", log, halve).start(StageOptions::new()).unwrap();
        let sink = Sink::new("d", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&entry, demand(10, 5)).unwrap();
        back.sync_subscribe(&entry, demand(10, 5)).unwrap();
        entry.sync_subscribe(&back, demand(1000, 500)).unwrap();
        entry.sync_subscribe(&counter, demand(4, 2)).unwrap();
        sim.run_for(ms(2));
        let report = drain(&[&counter], LONG);
        assert!(report.is_complete() && report.left_alone.is_empty(), "{report}");
        assert_eq!(report.stages.len(), 4);
        assert!(!counter.is_alive() && !entry.is_alive() && !back.is_alive() && !sink.is_alive());
        assert!(sim.now() < ms(1000), "at {:?}", sim.now());
        let emitted = report.stages[0].snapshot.emitted;
        let rounds = |n: u64| std::iter::successors(Some(n), |n| (*n > 0).then_some(n / 2));
        let mut expected: Vec<u64> = (0..emitted).flat_map(rounds).collect();
        let mut seen = log.events("d");
        expected.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, expected, "all of it is handled");
    });
}

/// One that lives on itself, then two that live on each other, then three: each ends when the one before has.
#[test]
fn cycles_end_one_after_the_other() {
    seeds(30, |sim, log| {
        let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
        let stage = |who| {
            let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
            Middle::new(who, log, |n| if n < 40 { vec![n + 20] } else { Vec::new() }).start(all).unwrap()
        };
        let (own, one, two) = (stage("b"), stage("c"), stage("d"));
        let (three, four, five) = (stage("e"), stage("f"), stage("g"));
        for (consumer, producer) in [
            (&own, &own),
            (&two, &one),
            (&one, &two),
            (&one, &own),
            (&four, &three),
            (&five, &four),
            (&three, &five),
            (&three, &two),
        ] {
            consumer.sync_subscribe(producer, demand(100, 50)).unwrap();
        }
        own.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(1));
        let report = counter.drain(LONG);
        assert!(report.is_complete() && report.left_alone.is_empty(), "{report}");
        assert_eq!(report.stages.len(), 7, "{report}");
        assert!(sim.now() < ms(1000), "at {:?}", sim.now());
    });
}

/// What goes round for ever is stopped, and reported. On real threads: virtual time stands still while there is work.
#[test]
fn a_cycle_that_never_runs_empty_is_stopped_when_the_time_is_over() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let counter = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
    let entry = map(|n: u64| n).start(StageOptions::new()).unwrap();
    let back = map(|n: u64| n).start(StageOptions::new()).unwrap();
    back.sync_subscribe(&entry, demand(10, 5)).unwrap();
    entry.sync_subscribe(&back, demand(10, 5)).unwrap();
    entry.sync_subscribe(&counter, demand(10, 5)).unwrap();
    let report = drain(&[&counter], ms(100));
    assert!(!report.is_complete() && report.left_alone.is_empty(), "{report}");
    assert_eq!(report.stages.len(), 3, "{report}");
    assert!(!counter.is_alive() && !entry.is_alive() && !back.is_alive());
}

/// It lives on a producer that goes on, and so do both.
#[test]
fn a_cycle_with_another_producer_is_left_alone() {
    seeds(20, |_, log| {
        let [ours, other] = ["a", "b"].map(|who| Counter::new(who, log).up_to(9).start(StageOptions::new()).unwrap());
        let (one, two) = (Middle::new("c", log, halve), Middle::forwarder("d", log));
        let (one, two) = (one.start(StageOptions::new()).unwrap(), two.start(StageOptions::new()).unwrap());
        two.sync_subscribe(&one, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        one.sync_subscribe(&two, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        one.sync_subscribe(&ours, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        two.sync_subscribe(&other, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        let report = drain(&[&ours], LONG);
        assert!(report.is_complete() && report.stages.len() == 1, "{report}");
        assert_eq!(report.left_alone, [one.pid(), two.pid()]);
        assert!(report.to_string().contains("left alone"), "{report}");
        assert!(one.is_alive() && two.is_alive());
    });
}

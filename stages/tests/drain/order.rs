//! All that was taken is handled, from the top down.

use genstage::drain;
use genstage::prelude::*;

use crate::common::messages::Put;
use crate::common::probes::{Counter, Middle, Sink};
use crate::common::{Seen, demand, range, seeds};
use crate::{LONG, ms};

#[test]
fn a_pipeline_empties_and_ends_from_the_top() {
    seeds(100, |sim, log| {
        let counter = Counter::new("a", log).up_to(300).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("b", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).slow(ms(2)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(7, 3)).unwrap();
        middle.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(9));

        let report = counter.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert!(sim.now() < ms(1000), "it ends when all is handled");
        assert!(!counter.is_alive() && !middle.is_alive() && !sink.is_alive());
        let [from, between, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!(from.snapshot.pid, counter.pid());
        assert_eq!(from.snapshot.emitted, between.handled());
        assert_eq!(between.snapshot.emitted, to.handled());
        assert_eq!((from.left(), between.left(), to.left(), report.left()), (0, 0, 0, 0));
        let all: Vec<u64> = (0..from.snapshot.emitted).flat_map(|n| [n, n]).collect();
        assert_eq!(log.events("c"), all);
        for who in ["a", "b", "c"] {
            assert_eq!(log.of(who).last(), Some(&Seen::Terminate(ExitReason::Normal)), "{who}");
        }
    });
}

/// `Permanent` does not go with the first of two producers, `Temporary` goes with the last.
#[test]
fn a_stage_outlives_its_producers_whatever_the_modes() {
    for mode in [Cancel::Permanent, Cancel::Transient, Cancel::Temporary] {
        seeds(50, |sim, log| {
            let (quick, full) = (Counter::new("a", log), Counter::new("b", log).silent());
            let quick = quick.up_to(3).start(StageOptions::new()).unwrap();
            let full = full.start(StageOptions::new()).unwrap();
            full.call(Put(range(100..150))).unwrap();
            let sink = Sink::new("c", log).slow(ms(1)).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&quick, demand(10, 5).cancel(mode)).unwrap();
            sink.sync_subscribe(&full, demand(4, 2).cancel(mode)).unwrap();
            sim.run_for(ms(3));
            let report = drain(&[&quick, &full], LONG);
            assert!(report.is_complete(), "{mode:?} {report}");
            let mut events = log.events("c");
            events.sort_unstable();
            assert_eq!(events, [range(0..3), range(100..150)].concat());
            assert_eq!(log.cancels("c").len(), 2);
        });
    }
}

#[test]
fn nothing_more_is_taken_and_what_is_held_goes_out() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().demand(DemandMode::Accumulate);
        let counter = Counter::new("a", log).start(options).unwrap();
        let sink = Sink::new("b", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        counter.call(Put(range(500..520))).unwrap();
        sim.run_until_idle();
        assert!(drain(&[&counter], LONG).is_complete());
        assert!(log.demands("a").is_empty(), "handle_demand is not called");
        assert_eq!(log.events("b"), range(500..520));
    });
}

#[test]
fn partitions_and_broadcasts_are_drained() {
    seeds(50, |sim, log| {
        let split = PartitionDispatcher::by_key([0_u64, 1], |n: &u64| n % 2).unwrap();
        let split = Counter::new("a", log).up_to(60).start(StageOptions::new().dispatcher(split)).unwrap();
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let all = Middle::forwarder("b", log).start(all).unwrap();
        let sinks = ["c", "d"].map(|who| Sink::new(who, log).slow(ms(1)).start(StageOptions::new()).unwrap());
        for sink in &sinks {
            sink.sync_subscribe(&all, demand(6, 3)).unwrap();
        }
        all.sync_subscribe(&split, demand(5, 2).partition(0_u64)).unwrap();
        all.sync_subscribe(&split, demand(3, 1).partition(1_u64)).unwrap();
        sim.run_for(ms(7));
        let report = split.drain(LONG);
        assert!(report.is_complete(), "{report}");
        let emitted = report.stages[0].snapshot.emitted;
        for who in ["c", "d"] {
            let mut events = log.events(who);
            events.sort_unstable();
            assert_eq!(events, range(0..emitted));
        }
    });
}

#[test]
fn two_drains_at_once_are_one() {
    seeds(10, |_, log| {
        let counter = Counter::new("a", log).up_to(30).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(4, 2)).unwrap();
        let report = drain(&[&counter, &counter], LONG);
        assert!(report.is_complete() && report.stages.len() == 2, "{report}");
    });
}

#[test]
fn a_pipeline_on_real_threads_is_drained() {
    for _ in 0..20 {
        let numbers = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
        let doubled = map(|n: u64| n * 2).start(StageOptions::new()).unwrap();
        let (send, events) = std::sync::mpsc::channel();
        let sink = for_each(move |n: u64| {
            let _ = send.send(n);
        })
        .start(StageOptions::new())
        .unwrap();
        sink.sync_subscribe(&doubled, SubscriptionOptions::new().max_demand(50)).unwrap();
        doubled.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(50)).unwrap();
        assert_eq!(events.recv(), Ok(0));
        let report = numbers.drain(LONG);
        assert!(report.is_complete(), "{report}");
        let emitted = report.stages[0].snapshot.emitted;
        assert!(events.iter().eq((1..emitted).map(|n| n * 2)));
    }
}

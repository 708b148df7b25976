//! Who comes while a drain goes on is part of it, as far as it lives on what is drained.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use genstage::core::{Mailbox, spawn};
use genstage::prelude::*;
use genstage::{drain, feed};

use crate::common::messages::Put;
use crate::common::probes::{Counter, Middle, Sink};
use crate::common::{demand, range, seeds};
use crate::{LONG, ms};

/// In a process of its own, so much later.
fn later(millis: u64, work: impl FnOnce() + Send + 'static) {
    spawn(move |mailbox: Mailbox<()>| async move {
        mailbox.sleep(ms(millis)).await;
        work();
    });
}

/// Nobody has taken what there is; who comes takes it, and is waited for, with who lives on it.
#[test]
fn who_subscribes_later_is_drained_as_well() {
    for mode in [Cancel::Permanent, Cancel::Transient, Cancel::Temporary] {
        seeds(40, |sim, log| {
            let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
            counter.call(Put(range(0..20))).unwrap();
            let middle = Middle::forwarder("b", log).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).slow(ms(10)).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&middle, demand(4, 2).cancel(mode)).unwrap();
            let (from, to) = (counter.clone(), middle.clone());
            later(5, move || to.async_subscribe(&from, demand(4, 2).cancel(mode)));
            let report = drain(&[&counter], LONG);
            assert!(report.is_complete() && report.left_alone.is_empty(), "{report}");
            let pids: Vec<_> = report.stages.iter().map(|stage| stage.snapshot.pid).collect();
            assert_eq!(pids, [counter.pid(), middle.pid(), sink.pid()], "{report}");
            assert_eq!((report.stages[2].handled(), log.events("c")), (20, range(0..20)));
            assert!(!middle.is_alive() && !sink.is_alive() && sim.now() < ms(1000));
        });
    }
}

/// `Permanent` would go with the first of them, and what the other one has would be lost.
#[test]
fn who_subscribes_later_outlives_its_producers_as_well() {
    seeds(40, |_, log| {
        let [one, two] = ["a", "b"].map(|who| Counter::new(who, log).silent().start(StageOptions::new()).unwrap());
        one.call(Put(range(0..2))).unwrap();
        two.call(Put(range(100..150))).unwrap();
        let sink = Sink::new("c", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        let (to, first, second) = (sink.clone(), one.clone(), two.clone());
        later(5, move || {
            to.async_subscribe(&second, demand(4, 2));
            to.async_subscribe(&first, demand(4, 2));
        });
        let report = drain(&[&one, &two], LONG);
        assert!(report.is_complete() && report.stages.len() == 3, "{report}");
        let mut events = log.events("c");
        events.sort_unstable();
        assert_eq!(events, [range(0..2), range(100..150)].concat());
    });
}

#[test]
fn who_subscribes_later_and_has_another_producer_is_left_alone() {
    seeds(40, |sim, log| {
        let [ours, other] = ["a", "b"].map(|who| Counter::new(who, log).silent().start(StageOptions::new()).unwrap());
        ours.call(Put(range(0..20))).unwrap();
        let sink = Sink::new("c", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&other, demand(4, 2).cancel(Cancel::Transient)).unwrap();
        let (from, to) = (ours.clone(), sink.clone());
        later(5, move || to.async_subscribe(&from, demand(4, 2).cancel(Cancel::Transient)));
        let report = drain(&[&ours], LONG);
        assert!(report.is_complete() && report.stages.len() == 1, "{report}");
        assert_eq!(report.left_alone, [sink.pid()]);
        other.call(Put(vec![77])).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), [range(0..20), vec![77]].concat());
        other.stop().unwrap();
        sim.run_until_idle();
        assert!(sink.is_alive() && sim.now() < ms(1000), "its cancel mode decides");
    });
}

/// It is left alone from the start, and stays so when it subscribes to another one that is drained.
#[test]
fn who_is_left_alone_stays_so_when_it_subscribes_again() {
    seeds(40, |sim, log| {
        let [one, two, other] =
            ["a", "b", "c"].map(|who| Counter::new(who, log).silent().start(StageOptions::new()).unwrap());
        two.call(Put(range(0..20))).unwrap();
        let sink = Sink::new("d", log).start(StageOptions::new()).unwrap();
        for producer in [&one, &other] {
            sink.sync_subscribe(producer, demand(4, 2).cancel(Cancel::Temporary)).unwrap();
        }
        let (from, to) = (two.clone(), sink.clone());
        later(5, move || to.async_subscribe(&from, demand(4, 2).cancel(Cancel::Temporary)));
        let report = drain(&[&one, &two], LONG);
        assert!(report.is_complete() && report.stages.len() == 2, "{report}");
        assert_eq!(report.left_alone, [sink.pid()]);
        other.stop().unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("d"), range(0..20));
        assert!(sink.is_alive(), "its cancel mode decides");
    });
}

/// The other one ends meanwhile: then it lives on drained stages alone, which is seen when it subscribes to one more.
#[test]
fn who_was_left_alone_is_drained_when_it_comes_again_and_has_nobody_else() {
    seeds(40, |sim, log| {
        let [one, two, other] =
            ["a", "b", "c"].map(|who| Counter::new(who, log).silent().start(StageOptions::new()).unwrap());
        two.call(Put(range(0..20))).unwrap();
        let sink = Sink::new("d", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        for producer in [&one, &other] {
            sink.sync_subscribe(producer, demand(4, 2).cancel(Cancel::Temporary)).unwrap();
        }
        let (from, to) = (two.clone(), sink.clone());
        later(5, move || {
            other.stop().unwrap();
            to.async_subscribe(&from, demand(4, 2).cancel(Cancel::Temporary));
        });
        let report = drain(&[&one, &two], LONG);
        assert!(report.is_complete() && report.left_alone.is_empty() && report.stages.len() == 3, "{report}");
        assert_eq!((log.events("d"), sink.exit_reason()), (range(0..20), Some(ExitReason::Normal)));
        assert!(sim.now() < ms(1000));
    });
}

/// Two share the events, and the second comes whenever it comes: all are handled when the drain is over.
#[test]
fn on_real_threads_a_drain_waits_for_whoever_came() {
    for round in 0..500 {
        let handled = Arc::new(AtomicU64::new(0));
        let sink = || {
            let handled = Arc::clone(&handled);
            let count = move |_: u64| {
                handled.fetch_add(1, Ordering::Relaxed);
            };
            for_each(count).start(StageOptions::new()).unwrap()
        };
        let (first, second, third) = (sink(), sink(), map(|n: u64| n).start(StageOptions::new()).unwrap());
        let (feed, numbers) = feed(500);
        let numbers = numbers.start(StageOptions::new()).unwrap();
        (0..500).for_each(|n| feed.send(n).unwrap());
        first.sync_subscribe(&numbers, demand(7, 3)).unwrap();
        let mode = [Cancel::Permanent, Cancel::Temporary][round % 2];
        second.sync_subscribe(&third, demand(5, 2).cancel(mode)).unwrap();
        let (from, to) = (numbers.clone(), third.clone());
        let late = std::thread::spawn(move || to.async_subscribe(&from, demand(9, 4).cancel(mode)));
        let report = drain(&[&numbers], LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(handled.load(Ordering::Relaxed), 500, "{report}");
        late.join().unwrap();
        third.exit(ExitReason::Kill);
        second.exit(ExitReason::Kill);
    }
}

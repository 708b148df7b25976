//! Producers over iterators: section 17.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::probes::Sink;
use common::spy::Spy;
use common::{Log, demand, nap, range, seeds};
use genstage::prelude::*;

/// An iterator that counts how often it was pulled, the pull that finds its end included.
struct Counted<I> {
    items: I,
    pulls: Arc<AtomicUsize>,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.pulls.fetch_add(1, Ordering::Relaxed);
        self.items.next()
    }
}

fn counted<I: Iterator<Item = u64>>(items: I) -> (Counted<I>, impl Fn() -> usize) {
    let pulls = Arc::new(AtomicUsize::new(0));
    (Counted { items, pulls: Arc::clone(&pulls) }, move || pulls.load(Ordering::Relaxed))
}

fn reader<R: genstage::Emits<Out = u64>>(log: &Log, producer: &genstage::StageRef<R>) -> SubscriptionId {
    let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
    consumer.sync_subscribe(producer, demand(10, 0)).unwrap()
}

/// Section 17: exactly as many items are pulled as are asked for, never one more.
#[test]
fn exactly_what_is_asked_for_is_pulled() {
    seeds(20, |sim, log| {
        let (items, pulls) = counted(0..);
        let producer = from_enumerable(items).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        sim.run_until_idle();
        assert_eq!(pulls(), 0);
        for (ask, pulled) in [(3, 3), (1, 4), (5, 9)] {
            producer.ask(id, ask);
            sim.run_until_idle();
            assert_eq!((pulls(), log.events("c").len()), (pulled, pulled));
        }
    });
}

/// Section 17: where the items end with the demand, the end is noticed at the next demand.
#[test]
fn an_exact_match_is_noticed_at_the_next_demand() {
    seeds(20, |sim, log| {
        let (items, pulls) = counted(0..5);
        let producer = from_enumerable(items).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 5);
        sim.run_until_idle();
        assert!(producer.is_alive());
        assert_eq!((log.events("c"), pulls()), (range(0..5), 5));
        producer.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((producer.exit_reason(), pulls()), (Some(ExitReason::Normal), 6));
        assert_eq!(log.cancels("c"), [(CancelKind::Down, ExitReason::Normal)]);
    });
}

/// Section 17: an empty iterator ends at the first demand, and without demand never.
#[test]
fn an_empty_iterator_ends_at_the_first_demand() {
    seeds(20, |sim, log| {
        let producer = from_enumerable(std::iter::empty()).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        sim.run_until_idle();
        assert!(producer.is_alive());
        producer.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((producer.exit_reason(), log.sizes("c")), (Some(ExitReason::Normal), vec![]));
    });
}

/// Section 17: with one consumer the rhythm is `max_demand`, then what is asked again; at the end it stops, and its
/// consumers as their modes say.
#[test]
fn a_finite_iterator_is_emitted_whole_and_ends_its_consumers() {
    for (mode, ends) in [(Cancel::Permanent, true), (Cancel::Transient, false), (Cancel::Temporary, false)] {
        seeds(50, |sim, log| {
            let asks = StageOptions::new().dispatcher(Spy::new("asks", log));
            let producer = from_enumerable(0..37).start(asks).unwrap();
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.events("c"), range(0..37));
            assert_eq!(log.sizes("c"), [5, 5, 5, 5, 5, 5, 5, 2]);
            assert_eq!(log.asks("asks")[..7], [10, 5, 5, 5, 5, 5, 5]);
            assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
            assert_eq!(consumer.exit_reason(), ends.then_some(ExitReason::Normal));
        });
    }
}

/// Section 17: it ends only after all items have gone out, and none of them to a consumer that died waiting.
#[test]
fn the_end_comes_after_all_items_have_gone_out() {
    seeds(50, |sim, log| {
        let producer = from_enumerable(0..5).start(StageOptions::new()).unwrap();
        let gone = Sink::new("gone", log).manual().start(StageOptions::new()).unwrap();
        let id = gone.sync_subscribe(&producer, demand(10, 0)).unwrap();
        producer.demand(DemandMode::Accumulate);
        producer.ask(id, 10);
        sim.run_until_idle();
        gone.exit(ExitReason::Kill);
        sim.run_until_idle();
        let id = reader(log, &producer);
        producer.ask(id, 10);
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.events("gone")), (range(0..5), vec![]));
        assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Section 17: finished and asked again, it emits nothing and pulls nothing.
#[test]
fn an_iterator_that_has_ended_is_not_pulled_again() {
    /// Says `None`, and then goes on.
    struct Unfused(u64);

    impl Iterator for Unfused {
        type Item = u64;

        fn next(&mut self) -> Option<u64> {
            self.0 += 1;
            (self.0 != 3).then_some(self.0)
        }
    }

    seeds(100, |sim, log| {
        let producer = from_enumerable(Unfused(0)).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 5);
        producer.ask(id, 5);
        sim.run_until_idle();
        assert_eq!(log.events("c"), [1, 2]);
    });
}

/// Section 17: a panic in the iterator ends the stage, and what it had pulled in that turn is lost; permanent and transient
/// consumers end with it.
#[test]
fn a_panic_in_the_iterator_ends_the_stage_and_its_consumers() {
    for (mode, ends) in [(Cancel::Permanent, true), (Cancel::Transient, true), (Cancel::Temporary, false)] {
        seeds(20, |sim, log| {
            let items = (0..100).inspect(|n| assert!(*n < 12, "no more"));
            let producer = from_enumerable(items).start(StageOptions::new()).unwrap();
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
            sim.run_until_idle();
            let [(CancelKind::Down, ExitReason::Panic(panic))] = &log.cancels("c")[..] else { panic!() };
            assert_eq!(panic.message(), "no more");
            assert_eq!(log.events("c"), range(0..10));
            assert_eq!(consumer.is_alive(), !ends);
        });
    }
}

/// Section 17, `on_cancel` stop: when the last subscription ends, by cancel or by death, the stage stops with reason normal.
#[test]
fn with_on_cancel_stop_it_ends_with_its_last_consumer() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().demand(DemandMode::Accumulate);
        let producer = from_enumerable(0..).on_cancel(OnCancel::Stop).start(options).unwrap();
        sim.run_until_idle();
        assert!(producer.is_alive());
        let [a, b] = ["a", "b"].map(|who| Sink::new(who, log).manual().start(StageOptions::new()).unwrap());
        let id = a.sync_subscribe(&producer, demand(10, 0).cancel(Cancel::Temporary)).unwrap();
        b.sync_subscribe(&producer, demand(10, 0)).unwrap();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        producer.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert!(producer.is_alive());
        assert_eq!(log.cancels("a"), [(CancelKind::Cancel, ExitReason::Normal)]);
        b.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
    });
    // The last one to cancel has its confirmation before the stage ends.
    seeds(50, |sim, log| {
        let producer = from_enumerable(0..).on_cancel(OnCancel::Stop).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.cancel(id, ExitReason::other("enough"));
        sim.run_until_idle();
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, ExitReason::other("enough"))]);
        assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Section 17: a slow iterator is waited for until there are as many items as were asked for; asks and cancels wait as well.
#[test]
fn a_slow_iterator_fills_the_whole_demand_first() {
    seeds(20, |sim, log| {
        let items = (0..).inspect(|_| nap(Duration::from_secs(1)));
        let producer = from_enumerable(items).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 3);
        producer.ask(id, 2);
        producer.cancel(id, ExitReason::Shutdown);
        sim.run_until_idle();
        assert_eq!(sim.now(), Duration::from_secs(5));
        assert_eq!(log.batches("c"), [range(0..3), range(3..5)]);
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, ExitReason::Shutdown)]);
    });
}

/// Section 17, `on_cancel` continue, the default: it waits for the next consumer and goes on where it was.
#[test]
fn without_on_cancel_it_waits_for_the_next_consumer() {
    seeds(50, |sim, log| {
        let producer = from_enumerable(0..).start(StageOptions::new()).unwrap();
        let first = reader(log, &producer);
        producer.ask(first, 3);
        producer.cancel(first, ExitReason::Shutdown);
        sim.run_until_idle();
        let second = reader(log, &producer);
        producer.ask(second, 2);
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..5));
        assert!(producer.is_alive());
    });
}

/// Section 17: a stage that was not started linked survives its starter; a linked one does not.
#[test]
fn a_link_ties_it_to_its_starter() {
    use genstage::core::{Mailbox, spawn};

    seeds(20, |sim, _| {
        let (send, reports) = std::sync::mpsc::channel();
        let starter = spawn(move |mailbox: Mailbox<()>| async move {
            let linked = from_enumerable(0..3).start_link(StageOptions::new()).unwrap();
            let free = from_enumerable(0..3).start(StageOptions::new()).unwrap();
            send.send((linked, free)).unwrap();
            mailbox.receive().await;
        });
        sim.run_until_idle();
        let (linked, free) = reports.try_recv().unwrap();
        starter.exit(ExitReason::other("gone"));
        sim.run_until_idle();
        assert_eq!((linked.exit_reason(), free.exit_reason()), (Some(ExitReason::other("gone")), None));
    });
}

/// A demand without end on a finite iterator gives all of it, and ends.
#[test]
fn the_greatest_demand_takes_all() {
    seeds(5, |sim, log| {
        let producer = from_enumerable((0..1000).filter(|_| true)).start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, usize::MAX);
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..1000)]);
        assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Each lump goes on as it comes, and what waits in the inbox comes in between.
#[test]
fn with_max_batch_items_go_on_in_lumps() {
    seeds(50, |sim, log| {
        let source = from_enumerable(0..25_u64).max_batch(4).start(StageOptions::new()).unwrap();
        let sink = common::probes::Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&source, common::demand(100, 50)).unwrap();
        source.ask(id, 10);
        sim.run_until_idle();
        assert_eq!(log.sizes("c"), [4, 4, 2]);
        source.ask(id, 6);
        source.ask(id, 6);
        sim.run_until_idle();
        assert_eq!(log.sizes("c")[3..], [4, 4, 4], "what is asked for meanwhile comes behind, and is not lost");
        source.ask(id, 4);
        sim.run_until_idle();
        assert_eq!((log.events("c"), source.exit_reason()), (common::range(0..25), Some(ExitReason::Normal)));
    });
}

/// The iterator has one item and then waits until it is told: a call and a drain do not wait for it.
#[test]
fn with_max_batch_a_slow_iterator_holds_up_nobody_for_long() {
    let (send, items) = std::sync::mpsc::channel();
    let source = from_enumerable(items).max_batch(1).start(StageOptions::new()).unwrap();
    let (give, got) = std::sync::mpsc::channel();
    let sink = for_each(move |n: u64| give.send(n).unwrap()).start(StageOptions::new()).unwrap();
    sink.sync_subscribe(&source, SubscriptionOptions::new().max_demand(1000)).unwrap();
    for n in 0..5 {
        send.send(n).unwrap();
        assert_eq!(got.recv(), Ok(n));
    }
    drop(send);
    assert_eq!((source.wait(), sink.wait()), (Ok(()), Ok(())));
}

#[test]
fn with_max_batch_a_drain_pulls_no_more() {
    seeds(50, |_, log| {
        let source = from_enumerable(0_u64..).max_batch(3).start(StageOptions::new()).unwrap();
        let sink = common::probes::Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, common::demand(100, 50)).unwrap();
        let report = source.drain(std::time::Duration::from_secs(1));
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("c"), common::range(0..report.stages[0].snapshot.emitted));
    });
}

/// The drain comes while the first demand is being pulled: what has been pulled goes out, and the iterator goes no further
/// than to the end of a piece of 32 items.
#[test]
fn a_drain_waits_for_few_items_of_a_slow_iterator() {
    use genstage::core::{Mailbox, spawn};

    seeds(20, |sim, log| {
        let pulled = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let count = pulled.clone();
        let items = (0..).inspect(move |n| {
            nap(Duration::from_millis(1));
            count.store(n + 1, std::sync::atomic::Ordering::Relaxed);
        });
        let source = from_enumerable(items).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
        let (give, got) = std::sync::mpsc::channel();
        let root = source.clone();
        // In a future: a thread that waits would have the iterator above it on the stack of the simulation.
        spawn(move |mailbox: Mailbox<()>| async move {
            mailbox.sleep(Duration::from_micros(405_500)).await;
            give.send((root.drain_async(Duration::from_millis(100)).await, mailbox.now())).unwrap();
        });
        sim.run_until_idle();
        let (report, now) = got.try_recv().unwrap();
        assert!(report.is_complete(), "{report}");
        assert_eq!((report.stages[0].snapshot.emitted, report.stages[1].handled()), (416, 416), "{report}");
        assert_eq!(log.events("c"), range(0..416));
        assert_eq!(pulled.load(std::sync::atomic::Ordering::Relaxed), 416);
        assert_eq!(now, Duration::from_millis(416));
    });
}

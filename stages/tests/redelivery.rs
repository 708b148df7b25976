//! Subscriptions whose events are delivered again if their consumer ends without having acknowledged them: at least once.

mod common;

use common::messages::Die;
use common::probes::{Counter, Middle, Sink};
use common::{Log, demand, range, seeds};
use genstage::dispatchers::Refusal;
use genstage::prelude::*;

fn options(max: usize, min: usize) -> SubscriptionOptions<genstage::Redelivered<genstage::Anything>> {
    demand(max, min).cancel(Cancel::Temporary).redeliver()
}

fn start(sink: Sink) -> ConsumerRef<Sink> {
    sink.start(StageOptions::new()).unwrap()
}

/// 0 to 4 are acknowledged by the ask behind them; 5 to 9 are in the hands of the dead.
#[test]
fn what_the_dead_had_not_acknowledged_goes_to_others() {
    seeds(100, |sim, log| {
        let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
        let weak = start(Sink::new("weak", log).panic_at(7));
        weak.sync_subscribe(&counter, options(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("weak"), range(0..10));
        let seen = counter.snapshot().unwrap();
        assert_eq!((seen.redelivered, seen.unacknowledged, seen.buffered), (5, 0, 5));
        assert_eq!(seen.emitted + seen.redelivered, seen.output.events + seen.buffered as u64);

        let strong = start(Sink::new("strong", log));
        strong.sync_subscribe(&counter, options(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("strong"), range(5..10));
    });
}

/// Off by default.
#[test]
fn without_the_option_they_are_lost_and_counted() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
        let weak = start(Sink::new("weak", log).panic_at(7));
        weak.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_until_idle();
        let seen = counter.snapshot().unwrap();
        assert_eq!((seen.redelivered, seen.unacknowledged, seen.buffered), (0, 5, 0));
    });
}

/// They go ahead of what is buffered, and are asked of nobody again.
#[test]
fn they_go_to_the_front_of_the_buffer() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new().buffer_size(3)).unwrap();
        let weak = start(Sink::new("weak", log).ask_first(4));
        weak.sync_subscribe(&counter, options(10, 5)).unwrap();
        counter.call(common::messages::Put(range(0..7))).unwrap();
        weak.exit(ExitReason::Kill);
        sim.run_until_idle();
        // Four were taken back beyond the three that there is room for.
        assert_eq!(counter.estimate_buffered_count(), Ok(7));
        let strong = start(Sink::new("strong", log));
        strong.sync_subscribe(&counter, options(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("strong"), range(0..7));
        assert_eq!(counter.snapshot().unwrap().discarded.total(), 0);
    });
}

#[test]
fn a_living_consumer_gets_them_at_once() {
    seeds(100, |sim, log| {
        let counter = Counter::new("a", log).up_to(40);
        let counter = counter.start(StageOptions::new().demand(DemandMode::Accumulate)).unwrap();
        let (weak, strong) = (start(Sink::new("weak", log).panic_at(3)), start(Sink::new("strong", log)));
        weak.sync_subscribe(&counter, options(4, 2)).unwrap();
        strong.sync_subscribe(&counter, options(4, 2)).unwrap();
        counter.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert!(!weak.is_alive());
        let mut events = log.events("strong");
        // The weak one acknowledged 0 and 1 before it met 3.
        events.sort_unstable();
        assert_eq!(events, range(2..40));
    });
}

/// A cancelled subscription: the consumer may handle what is under way, and others get it as well.
#[test]
fn a_cancelled_subscription_gives_back_too() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(6).start(StageOptions::new()).unwrap();
        let first = start(Sink::new("first", log));
        let id = first.sync_subscribe(&counter, options(4, 2)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("first"), range(0..6));
        assert_eq!(counter.snapshot().unwrap().consumers[0].unacknowledged, 0);
        counter.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert!(first.is_alive());
        assert_eq!(counter.estimate_buffered_count(), Ok(0), "all had been acknowledged");
        let manual = start(Sink::new("manual", log).ask_first(4));
        let id = manual.sync_subscribe(&counter, options(4, 2)).unwrap();
        counter.call(common::messages::Put(range(6..9))).unwrap();
        sim.run_until_idle();
        counter.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        // By hand nothing was asked for beyond `max_demand`, so nothing is acknowledged, though handled.
        assert_eq!((log.events("manual"), counter.estimate_buffered_count()), (range(6..9), Ok(3)));
    });
}

#[test]
fn a_stage_in_the_middle_redelivers_its_output() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("b", log).start(StageOptions::new()).unwrap();
        let weak = start(Sink::new("weak", log).panic_at(4));
        weak.sync_subscribe(&middle, options(4, 2)).unwrap();
        middle.sync_subscribe(&counter, demand(4, 2)).unwrap();
        sim.run_until_idle();
        let strong = start(Sink::new("strong", log));
        strong.sync_subscribe(&middle, options(100, 50)).unwrap();
        sim.run_until_idle();
        let doubled: Vec<u64> = (4..10).flat_map(|n| [n, n]).collect();
        assert_eq!(log.events("strong"), doubled);
    });
}

fn by_parity() -> PartitionDispatcher<u64> {
    // Changes the event: it must not run a second time.
    PartitionDispatcher::with_hash([0_u64, 1], |n: u64| Some((n + 100, n % 2))).unwrap()
}

/// Behind the same partition: its next consumer gets them, first and in order.
#[test]
fn a_partition_keeps_them_for_its_next_consumer() {
    seeds(50, |sim, log| {
        let split = StageOptions::new().dispatcher(by_parity());
        let counter = Counter::new("a", log).up_to(20).start(split).unwrap();
        let (weak, odd) = (start(Sink::new("weak", log).panic_at(104)), start(Sink::new("odd", log)));
        weak.sync_subscribe(&counter, demand(2, 1).cancel(Cancel::Temporary).partition(0_u64).redeliver()).unwrap();
        odd.sync_subscribe(&counter, demand(2, 1).partition(1_u64).redeliver()).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("weak").last(), Some(&104));
        let next = start(Sink::new("next", log));
        next.sync_subscribe(&counter, demand(20, 10).partition(0_u64).redeliver()).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("next"), (104..120).step_by(2).collect::<Vec<_>>());
        assert_eq!(log.events("odd"), (101..120).step_by(2).collect::<Vec<_>>());
    });
}

#[test]
fn a_broadcast_refuses_with_a_typed_refusal() {
    seeds(20, |sim, log| {
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let counter = Counter::new("a", log).start(all).unwrap();
        let sink = start(Sink::new("b", log));
        sink.sync_subscribe(&counter, options(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.cancels("b"), [(CancelKind::Cancel, ExitReason::other(Refusal::NoRedelivery))]);
        assert!(counter.is_alive() && sink.is_alive() && log.events("b").is_empty());
    });
}

/// Whoever dies, whenever: what was emitted is handled at least once, and no more is kept than may be under way.
#[test]
fn nothing_is_lost_while_consumers_die() {
    seeds(300, |sim, log| {
        let parts = log.clone();
        let counter = Counter::new("a", log).up_to(60).start(StageOptions::new()).unwrap();
        let weak = ["w0", "w1", "w2", "w3"];
        for (round, who) in weak.into_iter().enumerate() {
            let sink = start(Sink::new(who, &parts).slow(std::time::Duration::from_millis(1)));
            sink.sync_subscribe(&counter, options(5 + round, round)).unwrap();
            sim.run_for(std::time::Duration::from_millis(round as u64));
            let kept = counter.snapshot().unwrap().consumers.iter().map(|made| made.unacknowledged).max();
            assert!(kept <= Some(8), "{kept:?}");
            match round % 2 {
                0 => sink.exit(ExitReason::Kill),
                _ => sink.cast(Die(ExitReason::Normal)),
            }
        }
        let last = start(Sink::new("last", log));
        last.sync_subscribe(&counter, options(5, 2)).unwrap();
        sim.run_until_idle();
        let mut handled: Vec<u64> =
            [&weak[..], &["last"]].concat().into_iter().flat_map(|who| log.events(who)).collect();
        handled.sort_unstable();
        handled.dedup();
        assert_eq!(handled, range(0..60));
    });
}

/// On threads, with consumers that are killed all the time.
#[test]
fn nothing_is_lost_on_real_threads() {
    let log = Log::default();
    let numbers = Counter::new("a", &log).up_to(20_000).start(StageOptions::new()).unwrap();
    let (send, events) = std::sync::mpsc::channel();
    let mut handled = std::collections::BTreeSet::new();
    while handled.len() < 20_000 {
        let send = send.clone();
        let sink = for_each(move |n: u64| send.send(n).unwrap()).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(100).redeliver()).unwrap();
        handled.extend(events.iter().take(300));
        handled.extend(events.try_iter());
        sink.exit(ExitReason::Kill);
        let _ = sink.wait();
        handled.extend(events.try_iter());
    }
    assert!(handled.into_iter().eq(0..20_000));
}

/// The ask for 10 more would come with the tenth event: none of the 4 is acknowledged, and the new subscription gets them again.
#[test]
fn a_subscription_that_is_made_anew_gets_them() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(4).start(StageOptions::new()).unwrap();
        let sink = start(Sink::new("b", log));
        let first = sink.sync_subscribe(&counter, options(10, 0)).unwrap();
        sim.run_until_idle();
        sink.sync_resubscribe(first, ExitReason::Normal, &counter, options(10, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("b"), [range(0..4), range(0..4)].concat());
        let seen = counter.snapshot().unwrap();
        assert_eq!((seen.emitted, seen.output.events, seen.redelivered), (4, 8, 4));
        assert_eq!((seen.consumers.len(), seen.unacknowledged, seen.buffered), (1, 0, 0));
    });
}

/// What a consumer has in hand when its producer ends is delivered to nobody again.
#[test]
fn the_end_of_the_producer_ends_redelivery() {
    for stop in [true, false] {
        seeds(50, |sim, log| {
            let numbers = from_enumerable(0..10).start(StageOptions::new()).unwrap();
            let weak = start(Sink::new("weak", log).ask_first(6));
            weak.sync_subscribe(&numbers, options(10, 5)).unwrap();
            let other = start(Sink::new("other", log).manual());
            let id = other.sync_subscribe(&numbers, options(10, 5)).unwrap();
            sim.run_until_idle();
            if stop {
                numbers.stop().unwrap();
            } else {
                // The rest, and one more, over which it notices its end.
                numbers.ask(id, 5);
                sim.run_until_idle();
            }
            assert!(!numbers.is_alive());
            weak.exit(ExitReason::Kill);
            sim.run_until_idle();
            assert_eq!(log.events("other"), if stop { range(0..0) } else { range(6..10) });
            assert!(other.is_alive());
        });
    }
}

/// What has come back before that goes out first: the end of the iterator is noticed, then the consumer dies, then it would end.
#[test]
fn what_came_back_before_the_producer_ends_goes_out_first() {
    seeds(50, |sim, log| {
        let numbers = from_enumerable(0..10).start(StageOptions::new()).unwrap();
        let weak = start(Sink::new("weak", log).ask_first(6));
        weak.sync_subscribe(&numbers, options(10, 5)).unwrap();
        let other = start(Sink::new("other", log).ask_first(4));
        let id = other.sync_subscribe(&numbers, options(10, 5)).unwrap();
        sim.run_until_idle();
        genstage::sys::suspend(&numbers).unwrap();
        numbers.ask(id, 1);
        sim.run_until_idle();
        weak.exit(ExitReason::Kill);
        sim.run_until_idle();
        genstage::sys::resume(&numbers).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("weak").len() + log.events("other").len(), 11);
        assert!(numbers.is_alive(), "five are left");
        numbers.ask(id, 5);
        sim.run_until_idle();
        let mut all = log.events("other");
        all.sort_unstable();
        assert_eq!((all, numbers.exit_reason()), (range(0..10), Some(ExitReason::Normal)));
    });
}

/// Whenever the consumer dies while the producer is about to end: either all that it had comes back and goes out first,
/// or the end was before that, and nothing of it does.
#[test]
fn what_comes_back_at_the_end_goes_out_whole_or_not_at_all() {
    let whole = std::cell::Cell::new(0);
    seeds(300, |sim, log| {
        let numbers = from_enumerable(0..10).start(StageOptions::new()).unwrap();
        let weak = start(Sink::new("weak", log).ask_first(6));
        weak.sync_subscribe(&numbers, options(10, 5)).unwrap();
        let other = start(Sink::new("other", log).ask_first(4));
        let id = other.sync_subscribe(&numbers, options(10, 5)).unwrap();
        sim.run_until_idle();
        numbers.ask(id, 1);
        weak.exit(ExitReason::Kill);
        sim.run_until_idle();
        if numbers.is_alive() {
            whole.set(whole.get() + 1);
            numbers.ask(id, 5);
            sim.run_until_idle();
            let mut all = log.events("other");
            all.sort_unstable();
            assert_eq!((all, numbers.exit_reason()), (range(0..10), Some(ExitReason::Normal)));
        } else {
            assert_eq!(log.events("other").len(), 4);
        }
    });
    assert!((1..300).contains(&whole.get()), "{} of 300", whole.get());
}

//! Code of users that panics: it harms its own stage, or its own events, and nobody else.

mod common;

use std::time::Duration;

use common::probes::{Counter, Middle, Sink};
use common::{demand, range, seeds};
use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};
use genstage::prelude::*;

/// Section 1.7: a panic in `handle_events` ends that stage alone: the producer lives and serves others.
#[test]
fn a_panicking_consumer_ends_alone() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let bad = Sink::new("bad", log).panic_at(3).start(StageOptions::new()).unwrap();
        let id = bad.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert!(matches!(bad.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "not that one"));
        assert!(matches!(&log.cancels("p")[..], [(CancelKind::Down, ExitReason::Panic(_))]));
        let good = Sink::new("good", log).start(StageOptions::new()).unwrap();
        good.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("good"), range(10..100));
        producer.ask(id, 5);
        sim.run_until_idle();
        assert!(producer.is_alive());
    });
}

/// Section 1.7: a panic in `handle_demand` ends the producer; its consumers follow their modes.
#[test]
fn a_panicking_producer_takes_along_whom_the_mode_says() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).panic_on_demand().start(StageOptions::new()).unwrap();
        let modes = [("a", Cancel::Permanent), ("b", Cancel::Transient), ("c", Cancel::Temporary)];
        let consumers = modes.map(|(who, mode)| {
            let consumer = Sink::new(who, log).start(StageOptions::new()).unwrap();
            consumer.async_subscribe(&producer, demand(10, 5).cancel(mode));
            consumer
        });
        sim.run_until_idle();
        assert!(matches!(producer.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "no more"));
        assert_eq!(consumers.map(|consumer| consumer.is_alive()), [false, false, true]);
    });
}

/// Section 1.7: a panic in a stage in the middle ends it; what it had emitted before arrives.
#[test]
fn a_panicking_stage_in_the_middle_ends_alone() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).panic_at(7).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(4, 2)).unwrap();
        consumer.sync_subscribe(&middle, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        // Batches of two: 6 and 7 are lost together.
        assert_eq!(log.events("c"), range(0..6));
        assert!(producer.is_alive() && consumer.is_alive() && !middle.is_alive());
    });
}

/// A panic in `handle_drain` ends that stage, and the report says so.
#[test]
fn a_panic_over_a_drain_ends_that_stage_alone() {
    struct Clumsy;

    impl Consumer for Clumsy {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }

        fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
            panic!("not now")
        }
    }

    seeds(20, |_, log| {
        let producer = Counter::new("p", log).up_to(5).start(StageOptions::new()).unwrap();
        let (clumsy, sink) = (Clumsy.start(StageOptions::new()).unwrap(), Sink::new("c", log));
        let sink = sink.start(StageOptions::new()).unwrap();
        clumsy.sync_subscribe(&producer, demand(1, 0)).unwrap();
        sink.sync_subscribe(&producer, demand(1, 0)).unwrap();
        let report = producer.drain(Duration::from_secs(1));
        let ends: Vec<_> = report.stages.iter().map(|stage| &stage.end).collect();
        assert!(matches!(ends[1], genstage::DrainEnd::Ended(ExitReason::Panic(_))), "{report}");
        assert_eq!((ends[0], ends[2]), (&genstage::DrainEnd::Drained, &genstage::DrainEnd::Drained));
    });
}

/// A dispatcher of the user's that does wrong in one of its functions: it panics there, or else sends everything to two who do not
/// exist. It knows one consumer.
#[derive(Debug, PartialEq)]
struct Wrong(&'static str, usize);

impl Wrong {
    fn comes_to(&self, place: &str) {
        assert_ne!(self.0, place, "no idea");
    }
}

impl Dispatcher<u64> for Wrong {
    fn subscribe(&mut self, _: SubscriptionId, _: &Subscriber<u64>) -> Result<(), Refusal> {
        self.comes_to("subscribe");
        Ok(())
    }

    fn ask(&mut self, _: SubscriptionId, count: usize, _: &mut Deliveries<u64>) {
        self.comes_to("ask");
        self.1 += count;
    }

    fn cancel(&mut self, _: SubscriptionId, _: &mut Deliveries<u64>) {
        self.comes_to("cancel");
        self.1 = 0;
    }

    fn demand(&self) -> usize {
        if self.1 > 0 {
            self.comes_to("demand");
        }
        self.1
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        self.comes_to("dispatch");
        self.1 = self.1.saturating_sub(events.len());
        out.deliver(SubscriptionId::new(9_999_999), events.split_off(1));
        out.deliver(SubscriptionId::new(9_999_998), std::mem::take(events));
    }
}

/// A dispatcher of the user's that is wrong costs its own producer at most.
#[test]
fn a_dispatcher_that_is_wrong_harms_nobody_else() {
    for panics in ["", "subscribe", "ask", "cancel", "demand", "dispatch"] {
        seeds(20, |sim, log| {
            let producer = Counter::new("p", log).up_to(3);
            let producer = producer.start(StageOptions::new().dispatcher(Wrong(panics, 0))).unwrap();
            let other = Counter::new("o", log).up_to(10).start(StageOptions::new()).unwrap();
            let [sink, strict] = ["c", "d"].map(|who| Sink::new(who, log).start(StageOptions::new()).unwrap());
            sink.sync_subscribe(&other, demand(4, 2).cancel(Cancel::Temporary)).unwrap();
            let id = sink.sync_subscribe(&producer, demand(4, 2).cancel(Cancel::Temporary)).unwrap();
            sim.run_until_idle();
            strict.async_subscribe(&producer, demand(4, 2));
            producer.cancel(id, ExitReason::Normal);
            sim.run_until_idle();
            assert!(sink.is_alive() && other.is_alive());
            assert_eq!((log.events("c"), log.events("d")), (range(0..10), vec![]));
            assert_eq!(log.cancels("c").len(), 1, "it hears of the end, or of its cancel");
            if panics.is_empty() {
                assert!(strict.is_alive());
                let seen = producer.snapshot().unwrap();
                assert_eq!((seen.emitted, seen.output.events, seen.discarded.unknown_subscription), (3, 0, 3));
                assert_eq!(seen.discarded.total(), 3);
            } else {
                let reason = producer.exit_reason();
                assert!(matches!(&reason, Some(ExitReason::Panic(panic)) if panic.message().contains("no idea")));
                assert!(matches!(strict.exit_reason(), Some(ExitReason::Panic(_) | ExitReason::NoProc)), "{panics}");
            }
        });
    }
}

/// Says nothing of what it holds.
struct Secretive;

impl Producer for Secretive {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend(0..demand as u64);
        Outcome::Continue
    }

    fn held(&self) -> usize {
        panic!("none of your business")
    }
}

#[test]
fn a_panic_of_held_is_no_number_and_harms_nobody() {
    seeds(5, |sim, log| {
        let secretive = Secretive.start(StageOptions::new()).unwrap();
        let sink = Sink::new("s", log).ask_first(3).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&secretive, SubscriptionOptions::new()).unwrap();
        sim.run_until_idle();
        let seen = secretive.snapshot().unwrap();
        assert_eq!((seen.held, seen.emitted), (0, 3));
        assert!(secretive.is_alive());
    });
}

/// Breaks where it is dropped, below a number, unless that is the end of its test.
#[derive(Debug)]
struct Brittle(u64, u64);

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(self.0 >= self.1 || std::thread::panicking(), "it broke");
    }
}

/// Emits what it is told.
struct Told<T>(std::marker::PhantomData<fn() -> T>);

struct Emitted<T>(Vec<T>);

impl<T: Send + 'static> Producer for Told<T> {
    type Event = T;

    fn handle_demand(&mut self, _: usize, _: &mut Emit<T>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl<T: Send + 'static> HandleCast<Emitted<T>> for Told<T> {
    fn handle_cast(&mut self, told: Emitted<T>, cx: &mut Context<'_, Self>) -> Outcome {
        cx.out().extend(told.0);
        Outcome::Continue
    }
}

fn told<T: Send + 'static>(options: StageOptions<genstage::AsProducer<Told<T>>>) -> ProducerRef<Told<T>> {
    Told(std::marker::PhantomData).start(options).unwrap()
}

fn brittle(numbers: std::ops::Range<u64>, below: u64) -> Emitted<Brittle> {
    Emitted(numbers.map(|number| Brittle(number, below)).collect())
}

/// The destructors of three that are discarded panic, whichever three these are.
#[test]
fn events_that_panic_when_the_buffer_drops_them_are_discarded_all_the_same() {
    seeds(5, |sim, _| {
        let last = told(StageOptions::new().buffer_size(2));
        last.cast(brittle(0..5, 3));
        let first = told(StageOptions::new().buffer_size(2).buffer_keep(Keep::First));
        // Two are there, and break nowhere; the other three find no room.
        first.cast(brittle(7..9, 3));
        first.cast(brittle(0..3, 3));
        // One more makes room for the new ones.
        last.cast(brittle(5..6, 3));
        sim.run_until_idle();
        for (producer, discarded, kept) in [(&last, 4, [4, 5]), (&first, 3, [7, 8])] {
            let seen = producer.snapshot().unwrap();
            assert_eq!((seen.discarded.buffer_full, seen.buffered), (discarded, 2));
            let numbers = stream(producer, SubscriptionOptions::new()).unwrap().take(2);
            assert_eq!(numbers.map(|event| event.unwrap().0).collect::<Vec<_>>(), kept);
            assert!(producer.is_alive());
        }
    });
}

#[test]
fn events_that_panic_when_a_partition_drops_them_are_discarded_all_the_same() {
    seeds(5, |sim, _| {
        for policy in [WhenFull::DiscardOldest, WhenFull::DiscardNewest] {
            let odd = PartitionDispatcher::by_key([0_u64, 1], |event: &Brittle| event.0 % 2).unwrap();
            let producer = told(StageOptions::new().dispatcher(odd.queue_size(1).when_full(policy)));
            let sink = Pick.start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&producer, SubscriptionOptions::new().max_demand(9).partition(0_u64)).unwrap();
            sim.run_until_idle();
            // Of 1, 3 and 5 the one that is left breaks nowhere: the last or the first.
            let below = if policy == WhenFull::DiscardOldest { 5 } else { 100 };
            let mut events: Vec<Brittle> = (0..6).map(|n| Brittle(n, if n % 2 == 0 { 0 } else { below })).collect();
            if policy == WhenFull::DiscardNewest {
                events[1].1 = 0;
            }
            producer.cast(Emitted(events));
            sim.run_until_idle();
            let seen = producer.snapshot().unwrap();
            assert_eq!((seen.output.events, seen.buffered), (3, 1), "{policy:?}");
            assert_eq!((seen.discarded.partition_full, seen.discarded.total()), (2, 2), "{policy:?}");
        }
    });
}

/// Takes numbers that break.
struct Pick;

impl Consumer for Pick {
    type Event = Brittle;

    fn handle_events(&mut self, _: Events<'_, Brittle>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

/// The captures of a selector, and the name of a partition, break when they are dropped: at the end of a subscription, or as
/// soon as it is refused. The producer and the others live on.
#[test]
fn what_a_selector_has_captured_may_panic_when_it_is_dropped() {
    /// A name that no dispatcher knows, and that breaks.
    #[derive(Debug)]
    struct Name(#[expect(dead_code, reason = "dropped")] Brittle);

    let capture = || {
        let breaks = Brittle(0, 1);
        move |event: &u64| {
            let Brittle(even, _) = &breaks;
            event % 2 == *even
        }
    };
    seeds(10, |sim, log| {
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let counter = Counter::new("a", log).up_to(100).start(all).unwrap();
        let [other, picky] = ["b", "c"].map(|who| Sink::new(who, log).start(StageOptions::new()).unwrap());
        let temporary = demand(4, 2).cancel(Cancel::Temporary);
        other.sync_subscribe(&counter, temporary).unwrap();
        let id = picky.sync_subscribe(&counter, temporary.selector(capture())).unwrap();
        sim.run_until_idle();
        counter.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert!(counter.is_alive() && other.is_alive() && picky.is_alive());
        assert_eq!(counter.snapshot().unwrap().consumers.len(), 1);
    });
    seeds(10, |sim, log| {
        let plain = Counter::new("a", log).up_to(8).start(StageOptions::new()).unwrap();
        let split = PartitionDispatcher::by_key(0..2_u64, |event: &u64| event % 2).unwrap();
        let split = Counter::new("d", log).up_to(8).start(StageOptions::new().dispatcher(split)).unwrap();
        let sink = Sink::new("b", log).start(StageOptions::new()).unwrap();
        let temporary = demand(4, 2).cancel(Cancel::Temporary);
        sink.sync_subscribe(&plain, temporary.selector(capture())).unwrap();
        sink.sync_subscribe(&split, temporary.partition(Name(Brittle(0, 1)))).unwrap();
        sim.run_until_idle();
        assert!(plain.is_alive() && split.is_alive() && sink.is_alive());
        assert_eq!(log.cancels("b").len(), 2, "both are refused");
    });
}

//! The broadcast dispatcher in stages: section 15.3, and the decisions on Q2, Q3, Q11 and Q18.

mod common;

use common::messages::{AskFor, Put};
use common::probes::{Counter, Middle, Sink};
use common::{Log, demand, range, seeds};
use genstage::dispatchers::Refusal;
use genstage::prelude::*;

fn counter(log: &Log, end: u64) -> ProducerRef<Counter> {
    let options = StageOptions::new().dispatcher(BroadcastDispatcher::new()).demand(DemandMode::Accumulate);
    Counter::new("p", log).up_to(end).start(options).unwrap()
}

fn sink(who: &'static str, log: &Log) -> ConsumerRef<Sink> {
    Sink::new(who, log).start(StageOptions::new()).unwrap()
}

fn refusal(consumer: &ConsumerRef<Sink>) -> Option<Refusal> {
    match consumer.exit_reason()? {
        ExitReason::Other(detail) => detail.downcast_ref().cloned(),
        _ => None,
    }
}

/// The fault of unequal `max_demand`: here nobody waits for ever, and all see the same.
#[test]
fn s15_3_every_consumer_gets_every_event_in_order_whatever_it_asks_for_at_once() {
    seeds(100, |sim, log| {
        let producer = counter(log, 300);
        for (who, options) in [("a", demand(1000, 500)), ("b", demand(10, 5)), ("c", demand(1, 0)), ("d", demand(7, 6))]
        {
            sink(who, log).sync_subscribe(&producer, options).unwrap();
        }
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        for who in ["a", "b", "c", "d"] {
            assert_eq!(log.events(who), range(0..300), "{who}");
        }
    });
}

#[test]
fn s15_3_the_producer_is_asked_for_what_the_slowest_asks() {
    seeds(50, |sim, log| {
        let producer = counter(log, u64::MAX);
        sink("fast", log).sync_subscribe(&producer, demand(1000, 500)).unwrap();
        let slow = Sink::new("slow", log).manual().start(StageOptions::new()).unwrap();
        let id = slow.sync_subscribe(&producer, demand(1000, 500)).unwrap();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), []);
        for (ask, total) in [(5, 5), (2, 7), (20, 27)] {
            assert!(slow.call(AskFor(id, ask)).unwrap());
            sim.run_until_idle();
            assert_eq!(log.events("fast"), range(0..total));
            assert_eq!(log.events("slow"), range(0..total));
        }
        assert_eq!(log.demands("p"), [5, 2, 20]);
        assert_eq!(producer.estimate_buffered_count(), Ok(0));
    });
}

#[test]
fn s15_3_a_late_subscriber_gets_all_from_then_on_and_holds_back_nobody_for_good() {
    let later = std::cell::Cell::new(0);
    seeds(100, |sim, log| {
        let producer = counter(log, 200);
        sink("early", log).sync_subscribe(&producer, demand(10, 5)).unwrap();
        producer.demand(DemandMode::Forward);
        let late = sink("late", log);
        // How far the early one is by then, the seed decides.
        late.sync_subscribe(&producer, demand(4, 2)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("early"), range(0..200));
        let tail = log.events("late");
        assert_eq!(tail, range(200 - tail.len() as u64..200));
        later.set(later.get() + usize::from(!tail.is_empty() && tail.len() < 200));
    });
    assert!(later.get() > 0, "it was never there in the middle");
}

/// The traces of the section, as far as the producer sees them: `requested` is what it was asked for and has not given.
#[test]
fn s15_3_the_traces_ask_the_producer_for_no_event_twice() {
    let source = |log: &Log| {
        let options = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        Counter::new("p", log).silent().start(options).unwrap()
    };
    let join = |who, log: &Log, producer: &ProducerRef<Counter>| {
        let sink = Sink::new(who, log).manual().start(StageOptions::new()).unwrap();
        sink.sync_subscribe(producer, demand(100, 0).cancel(Cancel::Temporary)).unwrap()
    };
    seeds(20, |sim, log| {
        // A asks 10 (requested 10); B comes and asks 20.
        let producer = source(log);
        producer.ask(join("a", log, &producer), 10);
        sim.run_until_idle();
        producer.ask(join("b", log, &producer), 20);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [10]);

        // A asks 10 and cancels; B comes and asks 5: nothing is asked for, and 3 of the 10 go to B. Two more are what B still waits
        // for, and 5 what nobody does.
        log.clear();
        let producer = source(log);
        let a = join("a", log, &producer);
        producer.ask(a, 10);
        producer.cancel(a, ExitReason::Normal);
        let b = join("b", log, &producer);
        producer.ask(b, 5);
        producer.cast(Put(range(0..3)));
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.events("b")), (vec![10], range(0..3)));
        assert_eq!((producer.snapshot().unwrap().owed, log.events("a")), (7, vec![]));

        // A asks 10; B comes; A asks 5, which B holds back; B leaves, and the producer is asked for those 5.
        log.clear();
        let producer = source(log);
        let a = join("a", log, &producer);
        producer.ask(a, 10);
        let b = join("b", log, &producer);
        producer.ask(a, 5);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [10]);
        producer.cancel(b, ExitReason::Normal);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [10, 5]);

        // A asks 3, B asks 2: nothing, then 2.
        log.clear();
        let producer = source(log);
        let (a, b) = (join("a", log, &producer), join("b", log, &producer));
        producer.ask(a, 3);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), []);
        producer.ask(b, 2);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [2]);
    });
}

#[test]
fn s15_3_the_end_of_the_slowest_lets_the_others_go_on() {
    seeds(50, |sim, log| {
        let producer = counter(log, 200);
        sink("a", log).sync_subscribe(&producer, demand(10, 5)).unwrap();
        let stuck = Sink::new("stuck", log).manual().start(StageOptions::new()).unwrap();
        let id = stuck.sync_subscribe(&producer, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        producer.demand(DemandMode::Forward);
        assert!(stuck.call(AskFor(id, 3)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.events("a"), range(0..3));
        producer.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        // As it does when one is killed.
        let killed = Sink::new("killed", log).manual().start(StageOptions::new()).unwrap();
        killed.sync_subscribe(&producer, demand(10, 5)).unwrap();
        killed.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(log.events("a"), range(0..200));
        assert_eq!(log.events("stuck"), range(0..3));
    });
}

/// The reference loses demand through selectors and stalls where one rejects everything.
#[test]
fn s15_3_selectors_get_what_they_accept_and_cost_nobody_demand() {
    seeds(100, |sim, log| {
        let producer = counter(log, 1000);
        let third = demand(5, 2).selector(|event: &u64| event.is_multiple_of(3));
        let big = demand(2, 1).selector(|event: &u64| *event >= 990);
        let none = demand(1, 0).selector(|_: &u64| false);
        sink("all", log).sync_subscribe(&producer, demand(20, 10)).unwrap();
        sink("third", log).sync_subscribe(&producer, third).unwrap();
        sink("big", log).sync_subscribe(&producer, big).unwrap();
        sink("none", log).sync_subscribe(&producer, none).unwrap();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.events("all"), range(0..1000));
        assert_eq!(log.events("third"), (0..1000).step_by(3).collect::<Vec<_>>());
        assert_eq!(log.events("big"), range(990..1000));
        assert_eq!(log.batches("none"), Vec::<Vec<u64>>::new());
    });
}

/// Nobody wants most of the events: the producer is asked on and on, until somebody has what it asked for.
#[test]
fn q5_what_all_selectors_reject_is_asked_for_again() {
    seeds(50, |sim, log| {
        let producer = counter(log, 500);
        let seldom = |rest| demand(1, 0).selector(move |event: &u64| event % 100 == rest);
        sink("a", log).sync_subscribe(&producer, seldom(7)).unwrap();
        sink("b", log).sync_subscribe(&producer, seldom(50)).unwrap();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.events("a"), [7, 107, 207, 307, 407]);
        assert_eq!(log.events("b"), [50, 150, 250, 350, 450]);
    });
}

/// Q2: what the producer gives late, after a newcomer has frozen delivery, is buffered, and goes out when that asks.
#[test]
fn q2_a_late_answer_to_demand_strands_nothing() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let producer = Counter::new("p", log).silent().start(options).unwrap();
        sink("a", log).sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [10]);
        let b = Sink::new("b", log).manual().start(StageOptions::new()).unwrap();
        let id = b.sync_subscribe(&producer, demand(10, 5)).unwrap();
        producer.cast(Put(range(0..10)));
        sim.run_until_idle();
        assert_eq!(producer.estimate_buffered_count(), Ok(10));
        assert!(b.call(AskFor(id, 10)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.events("a"), range(0..10));
        assert_eq!(log.events("b"), range(0..10));
        assert_eq!(producer.estimate_buffered_count(), Ok(0));
        producer.cast(Put(range(10..15)));
        sim.run_until_idle();
        assert_eq!(producer.estimate_buffered_count(), Ok(5), "b has not asked for more");
    });
}

/// Q2: the same where all consumers have left before the late answer comes.
#[test]
fn q2_a_late_answer_to_the_dead_strands_nothing() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let producer = Counter::new("p", log).silent().start(options).unwrap();
        let a = sink("a", log);
        a.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        a.exit(ExitReason::Kill);
        sim.run_until_idle();
        producer.cast(Put(range(0..10)));
        sim.run_until_idle();
        assert_eq!((log.demands("p"), producer.estimate_buffered_count()), (vec![10], Ok(10)));
        let b = Sink::new("b", log).ask_first(10).start(StageOptions::new()).unwrap();
        b.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!((log.events("b"), producer.estimate_buffered_count()), (range(0..10), Ok(0)));
        assert_eq!(log.demands("p"), [10]);
    });
}

/// Q3: a consumer that subscribes again and again is refused each time, and neither loses nor doubles an event.
#[test]
fn q3_a_second_subscription_is_refused_and_the_first_stays_whole() {
    seeds(100, |sim, log| {
        let producer = counter(log, 50);
        let twice = sink("twice", log);
        sink("once", log).sync_subscribe(&producer, demand(10, 5)).unwrap();
        for _ in 0..4 {
            twice.sync_subscribe(&producer, demand(4, 2)).unwrap();
        }
        sim.run_until_idle();
        let refused = ExitReason::other(Refusal::AlreadySubscribed);
        assert_eq!(log.cancels("twice"), vec![(CancelKind::Cancel, refused); 3]);
        assert!(twice.is_alive());
        producer.demand(DemandMode::Forward);
        twice.sync_subscribe(&producer, demand(4, 2)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("twice"), range(0..50));
        assert_eq!(log.events("once"), range(0..50));
    });
}

/// Q18: a selector that panics ends its own subscription.
#[test]
fn q18_a_selector_that_panics_costs_its_consumer_the_subscription() {
    seeds(50, |sim, log| {
        let producer = counter(log, 40);
        let bad = sink("bad", log);
        let picky = demand(10, 5).selector(|event: &u64| {
            assert!(*event != 13, "unlucky");
            true
        });
        bad.sync_subscribe(&producer, picky).unwrap();
        sink("good", log).sync_subscribe(&producer, demand(10, 5)).unwrap();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(refusal(&bad), Some(Refusal::SelectorPanicked("unlucky".into())));
        assert!(log.events("bad").iter().all(|event| *event < 13));
        assert!(producer.is_alive());
        assert_eq!(log.events("good"), range(0..40));
    });
}

/// A dispatcher that does not know the option says so; the producer and the others go on.
#[test]
fn q18_options_for_another_dispatcher_are_refused() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(20).start(StageOptions::new()).unwrap();
        let picky = sink("picky", log);
        picky.sync_subscribe(&producer, demand(10, 5).selector(|_: &u64| true)).unwrap();
        let apart = sink("apart", log);
        apart.sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        let broadcaster = counter(log, 0);
        let astray = sink("astray", log);
        astray.sync_subscribe(&broadcaster, demand(10, 5).partition("left")).unwrap();
        sink("plain", log).sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(refusal(&picky), Some(Refusal::NoSelectors));
        assert_eq!(refusal(&apart), Some(Refusal::NoPartitions));
        assert_eq!(refusal(&astray), Some(Refusal::NoPartitions));
        assert_eq!(log.events("plain"), range(0..20));
        let said = picky.wait().unwrap_err().to_string();
        assert!(said.contains("start the producer with a BroadcastDispatcher"), "{said}");
    });
}

#[test]
fn a_stage_in_the_middle_broadcasts_too() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let middle =
            Middle::doubler("m", log).start(StageOptions::new().dispatcher(BroadcastDispatcher::new())).unwrap();
        let small = demand(6, 3).selector(|event: &u64| *event < 10);
        sink("small", log).sync_subscribe(&middle, small).unwrap();
        sink("all", log).sync_subscribe(&middle, demand(9, 1)).unwrap();
        middle.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("all"), (0..200).map(|event| event / 2).collect::<Vec<_>>());
        assert_eq!(log.events("small"), (0..20).map(|event| event / 2).collect::<Vec<_>>());
    });
}

/// A selector is an option of a stream, too.
#[test]
fn streams_select() {
    seeds(20, |_, log| {
        let producer = counter(log, 1000);
        producer.demand(DemandMode::Forward);
        let odd = stream(&producer, demand(3, 1).selector(|event: &u64| event % 2 == 1)).unwrap();
        let first: Vec<u64> = odd.take(4).map(Result::unwrap).collect();
        assert_eq!(first, [1, 3, 5, 7]);
    });
}

/// On real threads: the sum that each consumer makes of a shared batch is right.
#[test]
fn on_real_threads_everybody_gets_everything() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let options = StageOptions::new().dispatcher(BroadcastDispatcher::new()).demand(DemandMode::Accumulate);
    let numbers = from_enumerable(0_u64..20_000).start(options).unwrap();
    let (sender, sums) = std::sync::mpsc::channel();
    let mut sinks = Vec::new();
    for (number, max) in [(1, 1000), (2, 64), (3, 7)] {
        let sender = sender.clone();
        let sink =
            for_each(move |event: u64| sender.send((number, event)).unwrap()).start(StageOptions::new()).unwrap();
        let multiples =
            SubscriptionOptions::new().max_demand(max).selector(move |event: &u64| event.is_multiple_of(number));
        sink.sync_subscribe(&numbers, multiples).unwrap();
        sinks.push(sink);
    }
    drop(sender);
    numbers.demand(DemandMode::Forward);
    for sink in &sinks {
        sink.wait().unwrap();
    }
    drop(sinks);
    let mut next = [0; 4];
    for (number, event) in sums.try_iter() {
        assert_eq!(event, next[usize::try_from(number).unwrap()]);
        next[usize::try_from(number).unwrap()] += number;
    }
    assert_eq!(next, [0, 20_000, 20_000, 20_001]);
}

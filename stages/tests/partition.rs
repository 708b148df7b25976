//! The partition dispatcher in stages: section 15.4, and the decisions on Q4, Q5, Q18 and Q23.

mod common;

use std::time::Duration;

use common::messages::{AskFor, Boom, Put, PutMark};
use common::probes::{Counter, Middle, Sink};
use common::{Log, demand, range, seeds};
use genstage::WhenFull;
use genstage::dispatchers::Refusal;
use genstage::prelude::*;

fn by_rest(of: u64) -> PartitionDispatcher<u64> {
    PartitionDispatcher::by_key(0..of, move |event: &u64| event % of).unwrap()
}

fn counter(log: &Log, end: u64, dispatcher: PartitionDispatcher<u64>) -> ProducerRef<Counter> {
    Counter::new("p", log).up_to(end).start(StageOptions::new().dispatcher(dispatcher)).unwrap()
}

fn sink(who: &'static str, log: &Log) -> ConsumerRef<Sink> {
    Sink::new(who, log).start(StageOptions::new()).unwrap()
}

fn manual(who: &'static str, log: &Log) -> ConsumerRef<Sink> {
    Sink::new(who, log).manual().start(StageOptions::new()).unwrap()
}

fn refusal(consumer: &ConsumerRef<Sink>) -> Refusal {
    match consumer.exit_reason() {
        Some(ExitReason::Other(detail)) => detail.downcast_ref().cloned().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Events of `range` with this rest.
fn rest(range: std::ops::Range<u64>, of: u64, rest: u64) -> Vec<u64> {
    range.filter(|event| event % of == rest).collect()
}

/// Also where the partitions' consumers come one by one, while events flow already: nothing is lost.
#[test]
fn s15_4_each_event_goes_to_its_partition_in_order() {
    seeds(100, |sim, log| {
        let producer = counter(log, 300, by_rest(3));
        for (partition, who) in ["a", "b", "c"].into_iter().enumerate() {
            let bounds = [(100, 50), (5, 2), (1, 0)][partition];
            sink(who, log).sync_subscribe(&producer, demand(bounds.0, bounds.1).partition(partition)).unwrap();
        }
        sim.run_until_idle();
        for (partition, who) in (0..).zip(["a", "b", "c"]) {
            assert_eq!(log.events(who), rest(0..300, 3, partition), "{who}");
        }
        assert_eq!(producer.estimate_buffered_count(), Ok(0));
    });
}

/// Nobody takes the odd ones: they are counted and reported, and the even ones go on for ever.
#[test]
fn a_partition_that_nobody_takes_may_discard_and_says_so() {
    seeds(50, |sim, log| {
        let producer = counter(log, 200, by_rest(2).queue_size(10).when_unclaimed(WhenFull::DiscardOldest));
        sink("a", log).sync_subscribe(&producer, demand(8, 4).partition(0)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("a"), rest(0..200, 2, 0));
        assert_eq!(log.discarded("p").iter().sum::<usize>(), 90);
        let seen = producer.snapshot().unwrap();
        assert_eq!((seen.discarded.partition_full, seen.discarded.total(), seen.buffered), (90, 90, 10));
        assert_eq!(seen.emitted, seen.output.events + seen.buffered as u64 + seen.discarded.total());
        // The last ten are there for who comes at last.
        sink("b", log).sync_subscribe(&producer, demand(8, 4).partition(1)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("b"), rest(180..200, 2, 1));
    });
}

/// What is asked upstream is the sum; what one partition has not asked for takes the place of what another has.
#[test]
fn s15_4_memory_is_bounded_by_what_was_asked_for() {
    seeds(50, |sim, log| {
        let producer = counter(log, u64::MAX, by_rest(2));
        let (even, odd) = (manual("even", log), manual("odd", log));
        let even_id = even.sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        let odd_id = odd.sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        assert!(even.call(AskFor(even_id, 6)).unwrap());
        sim.run_until_idle();
        // Three of six are odd, which nobody has asked for: even ones no more come until somebody does.
        assert_eq!(log.demands("p"), [6]);
        assert_eq!(log.events("even"), [0, 2, 4]);
        assert_eq!(producer.estimate_buffered_count(), Ok(3));
        assert!(odd.call(AskFor(odd_id, 1)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.events("odd"), [1]);
        assert_eq!((log.demands("p"), log.events("even")), (vec![6, 1], vec![0, 2, 4, 6]));
        assert!(odd.call(AskFor(odd_id, 100)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.events("even"), rest(0..12, 2, 0));
    });
}

/// The traces of the section, as far as the producer and the consumers see them.
#[test]
fn s15_4_the_traces_ask_the_producer_for_no_event_twice() {
    let by_ten = || PartitionDispatcher::by_key(0..2_u64, |event: &u64| event / 10).unwrap();
    let join = |who, log: &Log, producer: &ProducerRef<Counter>, partition: u64| {
        let options = demand(100, 0).cancel(Cancel::Temporary).partition(partition);
        manual(who, log).sync_subscribe(producer, options).unwrap()
    };
    seeds(20, |sim, log| {
        // p0 asks 10 and leaves; a new one asks 5 of p1: nothing is asked for, 10 are owed already. It leaves too; of 4 events that
        // come then none is lost.
        let producer = counter(log, 0, by_ten());
        let p0 = join("p0", log, &producer, 0);
        producer.ask(p0, 10);
        sim.run_until_idle();
        producer.cancel(p0, ExitReason::Normal);
        let p1 = join("p1", log, &producer, 1);
        producer.ask(p1, 5);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [10]);
        producer.cancel(p1, ExitReason::Normal);
        producer.cast(Put(vec![0, 1, 10, 11]));
        sim.run_until_idle();
        let seen = producer.snapshot().unwrap();
        assert_eq!((log.demands("p"), seen.owed, seen.buffered, log.discarded("p")), (vec![10], 6, 4, vec![]));

        // p0 and p1 ask 5 each; 10 events, all for p0: 5 go out and 5 wait. p0 asks 5, gets them at once, and 5 are asked for.
        log.clear();
        let producer = counter(log, 0, by_ten());
        let (p0, p1) = (join("p0", log, &producer, 0), join("p1", log, &producer, 1));
        producer.ask(p0, 5);
        producer.ask(p1, 5);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [5, 5]);
        producer.cast(Put(range(0..10)));
        sim.run_until_idle();
        assert_eq!((log.batches("p0"), producer.estimate_buffered_count()), (vec![range(0..5)], Ok(5)));
        producer.ask(p0, 5);
        sim.run_until_idle();
        assert_eq!(log.batches("p0"), [range(0..5), range(5..10)]);
        assert_eq!((log.demands("p"), log.events("p1")), (vec![5, 5, 5], vec![]));
    });
}

/// So many may wait for a slow partition before it holds back the others.
#[test]
fn s15_4_queue_size_lets_the_others_go_ahead() {
    seeds(50, |sim, log| {
        let producer = counter(log, u64::MAX, by_rest(2).queue_size(20));
        sink("even", log).sync_subscribe(&producer, demand(4, 2).partition(0)).unwrap();
        let odd = manual("odd", log);
        let id = odd.sync_subscribe(&producer, demand(4, 2).partition(1)).unwrap();
        sim.run_until_idle();
        let waiting = producer.estimate_buffered_count().unwrap();
        assert!((20..=24).contains(&waiting), "{waiting}");
        assert!(log.events("even").len() >= 20);
        assert!(odd.call(AskFor(id, 1000)).unwrap());
        sim.run_for(Duration::from_millis(1));
        assert_eq!(log.events("odd")[..20], rest(0..40, 2, 1));
        odd.exit(ExitReason::Kill);
        sim.run_until_idle();
    });
}

/// Q4: the queue of a partition whose consumer died goes to its successor, in order.
#[test]
fn q4_the_next_consumer_of_a_partition_gets_what_waited() {
    seeds(100, |sim, log| {
        let producer = counter(log, 20, by_rest(2));
        sink("even", log).sync_subscribe(&producer, demand(20, 10).partition(0)).unwrap();
        let odd = manual("odd", log);
        let id = odd.sync_subscribe(&producer, demand(20, 10).partition(1)).unwrap();
        assert!(odd.call(AskFor(id, 2)).unwrap());
        sim.run_until_idle();
        odd.cast(Boom);
        sim.run_until_idle();
        assert_eq!(log.events("odd"), [1, 3]);
        assert!(producer.estimate_buffered_count().unwrap() > 0);
        sink("next", log).sync_subscribe(&producer, demand(4, 2).partition(1)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("next"), rest(5..20, 2, 1));
        assert_eq!(log.events("even"), rest(0..20, 2, 0));
        assert_eq!(producer.estimate_buffered_count(), Ok(0));
        assert_eq!(log.discarded("p"), []);
    });
}

/// Q5: what the hash drops is asked for again, of a producer and through a stage in the middle.
#[test]
fn q5_what_the_hash_drops_is_asked_for_again() {
    seeds(50, |sim, log| {
        let seldom = || {
            PartitionDispatcher::with_hash(["all"], |event: u64| event.is_multiple_of(50).then_some((event + 1, "all")))
                .unwrap()
        };
        let producer = counter(log, 500, seldom());
        sink("direct", log).sync_subscribe(&producer, demand(2, 1).partition("all")).unwrap();
        let numbers = Counter::new("q", log).up_to(500).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new().dispatcher(seldom())).unwrap();
        sink("behind", log).sync_subscribe(&middle, demand(2, 1).partition("all")).unwrap();
        middle.sync_subscribe(&numbers, demand(10, 5)).unwrap();
        sim.run_until_idle();
        let expected: Vec<u64> = (0..500).step_by(50).map(|event| event + 1).collect();
        assert_eq!(log.events("direct"), expected);
        assert_eq!(log.events("behind"), expected);
    });
}

/// Section 15.4 lets the stage die of it. Here the event is discarded, counted, and the reason told.
#[test]
fn s15_4_a_hash_that_fails_costs_the_event_and_nobody_else_anything() {
    seeds(50, |sim, log| {
        let hash = |event: u64| {
            assert!(event != 3, "not three");
            Some((event, event % 5))
        };
        let producer = counter(log, 20, PartitionDispatcher::with_hash(0..4, hash).unwrap());
        for (partition, who) in ["0", "1", "2", "3"].into_iter().enumerate() {
            sink(who, log).sync_subscribe(&producer, demand(50, 25).partition(partition)).unwrap();
        }
        sim.run_until_idle();
        assert!(producer.is_alive());
        let got: Vec<_> = ["0", "1", "2", "3"].map(|who| log.events(who)).concat();
        assert_eq!(got, [0, 5, 10, 15, 1, 6, 11, 16, 2, 7, 12, 17, 8, 13, 18]);
        assert_eq!(log.discarded("p").iter().sum::<usize>(), 5);
    });
}

/// Q18: a wrong partition costs the consumer that asked for it its subscription.
#[test]
fn q18_a_wrong_partition_is_refused_and_the_producer_lives() {
    seeds(50, |sim, log| {
        let producer = counter(log, 20, by_rest(2));
        sink("even", log).sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        sink("odd", log).sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        let (none, unknown, taken, picky) = (sink("n", log), sink("u", log), sink("t", log), sink("s", log));
        none.sync_subscribe(&producer, demand(10, 5)).unwrap();
        unknown.sync_subscribe(&producer, demand(10, 5).partition("even")).unwrap();
        taken.sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        picky.sync_subscribe(&producer, demand(10, 5).selector(|_: &u64| true)).unwrap();
        sim.run_until_idle();
        let known = || "[0, 1]".to_owned();
        assert_eq!(refusal(&none), Refusal::PartitionMissing { known: known() });
        assert_eq!(refusal(&unknown), Refusal::PartitionUnknown { partition: "\"even\"".into(), known: known() });
        assert!(matches!(refusal(&taken), Refusal::PartitionTaken { .. }));
        assert_eq!(refusal(&picky), Refusal::NoSelectors);
        let said = none.wait().unwrap_err().to_string();
        assert!(said.contains("say `.partition(..)` in its options, with one of [0, 1]"), "{said}");
        assert_eq!(log.events("even"), rest(0..20, 2, 0));
        assert_eq!(log.events("odd"), rest(0..20, 2, 1));
    });
}

/// One consumer may have several partitions, each a subscription of its own.
#[test]
fn s15_4_one_consumer_may_have_several_partitions() {
    seeds(50, |sim, log| {
        let producer = counter(log, 40, by_rest(2));
        let both = sink("both", log);
        both.sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        both.sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        sim.run_until_idle();
        let mut events = log.events("both");
        assert!([0, 1].iter().all(|partition| events.iter().filter(|event| *event % 2 == *partition).is_sorted()));
        events.sort_unstable();
        assert_eq!(events, range(0..40));
    });
}

/// A second subscription to the same partition is refused, and costs the consumer nothing, also where it is permanent: the first one
/// goes on.
#[test]
fn s15_4_a_partition_is_not_given_twice_to_one_consumer_either() {
    seeds(50, |sim, log| {
        let producer = counter(log, 40, by_rest(2));
        let even = sink("even", log);
        for _ in 0..3 {
            even.sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        }
        sink("odd", log).sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        sim.run_until_idle();
        let refused = ExitReason::other(Refusal::AlreadySubscribed);
        assert_eq!(log.cancels("even"), vec![(CancelKind::Cancel, refused); 2]);
        assert!(even.is_alive());
        assert_eq!((log.events("even"), log.events("odd")), (rest(0..40, 2, 0), rest(0..40, 2, 1)));
    });
}

/// Section 11: an info waits for the events that the dispatcher holds.
#[test]
fn s11_an_info_waits_for_what_the_partitions_hold() {
    seeds(50, |sim, log| {
        let producer = counter(log, 0, by_rest(2));
        let (even, odd) = (manual("even", log), manual("odd", log));
        let even_id = even.sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        let odd_id = odd.sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        assert!(even.call(AskFor(even_id, 4)).unwrap());
        producer.cast(PutMark(vec![1, 3], "mark"));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), Vec::<&str>::new());
        assert!(odd.call(AskFor(odd_id, 1)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.infos("p"), Vec::<&str>::new());
        assert!(odd.call(AskFor(odd_id, 1)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["mark"]);
    });
}

/// A finite producer ends when the slowest partition has got everything.
#[test]
fn s17_the_end_waits_for_what_the_partitions_hold() {
    seeds(50, |sim, log| {
        let numbers = from_enumerable(0_u64..50).start(StageOptions::new().dispatcher(by_rest(2))).unwrap();
        let slow = Sink::new("slow", log).slow(Duration::from_millis(5)).start(StageOptions::new()).unwrap();
        slow.sync_subscribe(&numbers, demand(2, 1).partition(0)).unwrap();
        sink("fast", log).sync_subscribe(&numbers, demand(30, 15).partition(1)).unwrap();
        sim.run_until_idle();
        assert_eq!(numbers.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(log.events("slow"), rest(0..50, 2, 0));
        assert_eq!(log.events("fast"), rest(0..50, 2, 1));
    });
}

/// So does a stage in the middle whose upstream has ended: the reference would lose what the partitions hold.
#[test]
fn s12_a_stage_in_the_middle_ends_when_its_partitions_are_empty() {
    seeds(50, |sim, log| {
        let numbers = from_enumerable(0_u64..50).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new().dispatcher(by_rest(2))).unwrap();
        let slow = Sink::new("slow", log).slow(Duration::from_millis(5)).start(StageOptions::new()).unwrap();
        slow.sync_subscribe(&middle, demand(2, 1).partition(0)).unwrap();
        sink("fast", log).sync_subscribe(&middle, demand(30, 15).partition(1)).unwrap();
        middle.sync_subscribe(&numbers, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(middle.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(log.events("slow"), rest(0..50, 2, 0));
        assert_eq!(log.events("fast"), rest(0..50, 2, 1));
    });
}

/// Events that nobody asked for wait in the stage's buffer, bounded, and those of the partitions go ahead of them.
#[test]
fn s10_what_exceeds_all_demand_is_buffered_behind_the_queues() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().dispatcher(by_rest(2)).buffer_size(3);
        let producer = Counter::new("p", log).silent().start(options).unwrap();
        let even = manual("even", log);
        let id = even.sync_subscribe(&producer, demand(10, 5).partition(0)).unwrap();
        let odd = manual("odd", log);
        let odd_id = odd.sync_subscribe(&producer, demand(10, 5).partition(1)).unwrap();
        assert!(even.call(AskFor(id, 2)).unwrap());
        producer.cast(Put(vec![1, 3, 5, 7, 9, 11]));
        sim.run_until_idle();
        assert_eq!(log.discarded("p"), [1]);
        assert_eq!(producer.estimate_buffered_count(), Ok(5));
        assert!(odd.call(AskFor(odd_id, 10)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.events("odd"), [1, 3, 7, 9, 11]);
    });
}

/// On real threads.
#[test]
fn on_real_threads_each_partition_counts_its_own() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let by_hash = PartitionDispatcher::by_hash(4, |event: &u64| event % 100).unwrap();
    let numbers = from_enumerable(0_u64..20_000).start(StageOptions::new().dispatcher(by_hash)).unwrap();
    let (sender, events) = std::sync::mpsc::channel();
    let mut sinks = Vec::new();
    for partition in 0..4 {
        let sender = sender.clone();
        let sink =
            for_each(move |event: u64| sender.send((partition, event)).unwrap()).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(50).partition(partition)).unwrap();
        sinks.push(sink);
    }
    drop(sender);
    for sink in &sinks {
        sink.wait().unwrap();
    }
    let mut homes = std::collections::HashMap::new();
    let mut last = [None; 4];
    let mut count = 0;
    for (partition, event) in events.try_iter() {
        assert_eq!(*homes.entry(event % 100).or_insert(partition), partition);
        assert!(last[partition].replace(event) < Some(event));
        count += 1;
    }
    assert_eq!((count, homes.len()), (20_000, 100));
}

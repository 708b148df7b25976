//! Infos that keep their place behind events: sections 10.1 and 11.

mod common;

use common::messages::{Die, Mark, Put, PutMark};
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

const NONE: [&str; 0] = [];

fn silent(log: &Log) -> (ProducerRef<Counter>, SubscriptionId) {
    with_buffer(log, StageOptions::new())
}

fn with_buffer(
    log: &Log,
    options: StageOptions<genstage::AsProducer<Counter>>,
) -> (ProducerRef<Counter>, SubscriptionId) {
    let producer = Counter::new("p", log).silent().start(options).unwrap();
    let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
    let id = consumer.sync_subscribe(&producer, demand(10, 0)).unwrap();
    (producer, id)
}

/// Section 11: with nothing buffered an info is handled in a turn of its own, behind what is in the inbox.
#[test]
fn without_events_ahead_an_info_goes_to_the_end_of_the_inbox() {
    seeds(50, |sim, log| {
        let (producer, _) = silent(log);
        producer.async_info(Mark("info"));
        producer.cast(Mark("cast"));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["cast", "info"]);
    });
}

/// Section 11: on a consumer an info goes to the end of the inbox too.
#[test]
fn an_info_to_a_consumer_goes_to_the_end_of_its_inbox() {
    seeds(50, |sim, log| {
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.async_info(Mark("info"));
        consumer.cast(Mark("cast"));
        sim.run_until_idle();
        assert_eq!(consumer.sync_info(Mark("sync")), Ok(()));
        sim.run_until_idle();
        assert_eq!(log.infos("c"), ["cast", "info", "sync"]);
    });
}

/// Section 11: an info waits until all that was buffered ahead of it has gone; `sync_info` returns when it is queued.
#[test]
fn an_info_waits_for_the_events_ahead_of_it() {
    seeds(50, |sim, log| {
        let (producer, id) = silent(log);
        producer.cast(Put(range(0..3)));
        assert_eq!(producer.sync_info(Mark("after 2")), Ok(()));
        producer.cast(Put(range(3..5)));
        for (ask, infos) in [(2, &NONE[..]), (1, &["after 2"])] {
            producer.ask(id, ask);
            sim.run_until_idle();
            assert_eq!(log.infos("p"), infos);
        }
        assert_eq!(log.events("c"), range(0..3));
    });
}

/// Section 9.2, the example: a b c |d e f| g h |i|, and an ask for 5.
#[test]
fn an_info_splits_what_is_delivered() {
    seeds(50, |sim, log| {
        let (producer, id) = silent(log);
        producer.cast(Put(range(0..3)));
        for info in ["d", "e", "f"] {
            producer.async_info(Mark(info));
        }
        producer.cast(Put(range(3..5)));
        producer.async_info(Mark("i"));
        producer.ask(id, 5);
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..3), range(3..5)]);
        assert_eq!(log.infos("p"), ["d", "e", "f", "i"]);
    });
}

/// Q12: with and without bound an info leaves with the event ahead of it, and is not counted.
#[test]
fn bounded_and_unbounded_buffers_release_infos_alike() {
    for options in [StageOptions::new().buffer_size(10), StageOptions::new().buffer_without_bound()] {
        let options = std::cell::Cell::new(Some(options));
        seeds(1, |sim, log| {
            let (producer, id) = with_buffer(log, options.take().unwrap());
            producer.cast(Put(range(0..3)));
            producer.async_info(Mark("i"));
            producer.async_info(Mark("j"));
            assert_eq!(producer.estimate_buffered_count(), Ok(3));
            producer.ask(id, 3);
            sim.run_until_idle();
            assert_eq!(log.infos("p"), ["i", "j"]);
        });
    }
}

/// Section 10.1, the ring trace: capacity 3, two infos, three takes.
#[test]
fn the_ring_trace_of_section_10_1() {
    seeds(20, |sim, log| {
        let (producer, id) = with_buffer(log, StageOptions::new().buffer_size(3));
        producer.cast(PutMark(range(0..3), "s1"));
        sim.run_until_idle();
        producer.ask(id, 2);
        sim.run_until_idle();
        assert_eq!(log.infos("p"), NONE);
        producer.cast(PutMark(range(3..5), "s2"));
        sim.run_until_idle();
        producer.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.infos("p")), (range(0..3), vec!["s1"]));
        producer.ask(id, 2);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.infos("p")), (range(0..5), vec!["s1", "s2"]));
        assert_eq!(log.discarded("p"), []);
    });
}

/// Section 10.1: an info whose event is discarded is not: it is delivered at once.
#[test]
fn discarding_an_event_releases_the_infos_behind_it() {
    seeds(20, |sim, log| {
        let (producer, id) = with_buffer(log, StageOptions::new().buffer_size(3).buffer_keep(Keep::Last));
        producer.cast(PutMark(vec![0, 1], "i"));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), NONE);
        producer.cast(Put(vec![2, 3, 4]));
        sim.run_until_idle();
        assert_eq!((log.discarded("p"), log.infos("p")), (vec![2], vec!["i"]));
        producer.ask(id, 9);
        sim.run_until_idle();
        assert_eq!(log.events("c"), [2, 3, 4]);
    });
}

/// Section 10.1: keeping the first, an overflow leaves the infos alone.
#[test]
fn keep_first_leaves_infos_alone() {
    seeds(20, |sim, log| {
        let (producer, id) = with_buffer(log, StageOptions::new().buffer_size(3).buffer_keep(Keep::First));
        producer.cast(PutMark(range(0..3), "i"));
        sim.run_until_idle();
        producer.cast(Put(range(3..6)));
        sim.run_until_idle();
        assert_eq!((log.discarded("p"), log.infos("p")), (vec![3], vec![]));
        producer.ask(id, 3);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.infos("p")), (range(0..3), vec!["i"]));
    });
}

/// Section 11, the standard use: a finite producer sends itself an info behind its last events and stops on it. All events
/// have been sent by then.
#[test]
fn a_finite_producer_stops_behind_its_last_events() {
    struct Finite(std::ops::Range<u64>);
    struct Last;

    impl Producer for Finite {
        type Event = u64;

        fn handle_demand(&mut self, _: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
            out.extend(self.0.by_ref());
            cx.async_info(Last);
            Outcome::Continue
        }
    }

    impl HandleInfo<Last> for Finite {
        fn handle_info(&mut self, _: Last, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Stop(ExitReason::Normal)
        }
    }

    seeds(100, |sim, log| {
        let producer = Finite(0..50).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(4, 2)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..50));
        assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(consumer.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Sections 11 and 12: in a `producer_consumer` an info waits behind the input, then behind the output.
#[test]
fn an_info_to_a_producer_consumer_waits_behind_input_and_output() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(3).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(3, 0)).unwrap();
        let id = consumer.sync_subscribe(&middle, demand(10, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(middle.sync_info(Mark("info")), Ok(()));
        sim.run_until_idle();
        assert_eq!((log.sizes("m"), log.infos("m")), (vec![], vec![]));
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((log.sizes("m"), log.infos("m")), (vec![3], vec![]));
        middle.ask(id, 5);
        sim.run_until_idle();
        assert_eq!((log.events("c").len(), log.infos("m")), (6, vec![]));
        // As the reference: what waits behind the input is looked at when downstream wants more.
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!(log.infos("m"), ["info"]);
    });
}

/// Section 11: an info between two messages of input is handled between what is made of them.
#[test]
fn an_info_keeps_its_place_between_input_events() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(10, 0)).unwrap();
        let id = consumer.sync_subscribe(&middle, demand(10, 0)).unwrap();
        producer.cast(Put(vec![1]));
        sim.run_until_idle();
        middle.async_info(Mark("between"));
        sim.run_until_idle();
        producer.cast(Put(vec![2]));
        sim.run_until_idle();
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((log.batches("m"), log.infos("m")), (vec![vec![1]], vec![]));
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!(log.infos("m"), ["between"]);
        assert_eq!(log.events("c"), [1, 2]);
    });
}

/// Sections 11 and 12: an info to a `producer_consumer` with no input waits behind its output alone.
#[test]
fn an_info_to_a_producer_consumer_without_input_waits_behind_output() {
    seeds(20, |sim, log| {
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let id = consumer.sync_subscribe(&middle, demand(10, 0)).unwrap();
        middle.cast(PutMark(vec![1, 2], "info"));
        sim.run_until_idle();
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!(log.infos("m"), NONE);
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((log.infos("m"), log.events("c")), (vec!["info"], vec![1, 2]));
    });
}

/// Section 12: infos and the end of upstream keep their order.
#[test]
fn infos_and_the_end_of_upstream_keep_their_order() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(2).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(2, 0).cancel(Cancel::Temporary)).unwrap();
        let id = consumer.sync_subscribe(&middle, demand(10, 0)).unwrap();
        sim.run_until_idle();
        middle.async_info(Mark("before"));
        sim.run_until_idle();
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        middle.async_info(Mark("after"));
        sim.run_until_idle();
        log.clear();
        middle.ask(id, 10);
        sim.run_until_idle();
        let seen = log.of("m");
        assert_eq!(seen[0], Seen::Batch(vec![0, 1]));
        assert_eq!(log.infos("m"), ["before", "after"]);
        assert_eq!(log.cancels("m"), [(genstage::CancelKind::Down, ExitReason::Normal)]);
    });
}

/// Section 16: timers and messages to oneself are infos without a place behind events.
#[test]
fn a_plain_message_does_not_wait_for_events() {
    seeds(20, |sim, log| {
        let (producer, _) = silent(log);
        producer.cast(Put(vec![1, 2]));
        producer.send(Mark("plain"));
        producer.async_info(Mark("behind"));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["plain"]);
    });
}

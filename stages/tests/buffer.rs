//! Events that nobody asked for: section 10, and 9.2 and 9.3 around it.

mod common;

use common::messages::Put;
use common::probes::{Counter, Middle, Sink};
use common::{Log, demand, range, seeds};
use genstage::prelude::*;

type Options = StageOptions<genstage::AsProducer<Counter>>;

fn silent(log: &Log, options: Options) -> ProducerRef<Counter> {
    Counter::new("p", log).silent().start(options).unwrap()
}

/// A manual consumer of it that asks for so many at once.
fn reader<R: genstage::Emits<Out = u64>>(log: &Log, producer: &genstage::StageRef<R>, ask: usize) -> SubscriptionId {
    let consumer = Sink::new("c", log).ask_first(ask).start(StageOptions::new()).unwrap();
    consumer.sync_subscribe(producer, demand(1, 0)).unwrap()
}

/// Section 10, the example of keep first: 5, then 3 more, with room for 5.
#[test]
fn keep_first_discards_what_comes_last() {
    seeds(10, |sim, log| {
        let producer = silent(log, StageOptions::new().buffer_size(5).buffer_keep(Keep::First));
        producer.cast(Put(range(0..5)));
        producer.cast(Put(range(5..8)));
        sim.run_until_idle();
        assert_eq!((producer.estimate_buffered_count(), log.discarded("p")), (Ok(5), vec![3]));
        reader(log, &producer, 100);
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..5));
    });
}

/// Section 10, the example of keep last.
#[test]
fn keep_last_discards_the_oldest() {
    seeds(10, |sim, log| {
        let producer = silent(log, StageOptions::new().buffer_size(5).buffer_keep(Keep::Last));
        producer.cast(Put(range(0..5)));
        producer.cast(Put(range(5..8)));
        sim.run_until_idle();
        assert_eq!((producer.estimate_buffered_count(), log.discarded("p")), (Ok(5), vec![3]));
        reader(log, &producer, 100);
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(3..8));
    });
}

/// Section 10: one store of 8 with room for 5 discards 3, whichever are kept.
#[test]
fn one_store_may_exceed_the_whole_buffer() {
    for (keep, kept) in [(Keep::First, range(0..5)), (Keep::Last, range(3..8))] {
        seeds(10, |sim, log| {
            let producer = silent(log, StageOptions::new().buffer_size(5).buffer_keep(keep));
            producer.cast(Put(range(0..8)));
            sim.run_until_idle();
            assert_eq!(log.discarded("p"), [3]);
            reader(log, &producer, 100);
            sim.run_until_idle();
            assert_eq!(log.events("c"), kept);
        });
    }
}

/// Section 10: discards are reported once for each store, with the count of that store alone.
#[test]
fn discards_are_reported_once_for_each_store() {
    seeds(10, |sim, log| {
        let producer = silent(log, StageOptions::new().buffer_size(2));
        for size in [1, 1, 3, 2, 7] {
            producer.cast(Put(vec![0; size]));
        }
        sim.run_until_idle();
        assert_eq!(log.discarded("p"), [3, 2, 7]);
    });
}

/// Section 3: a producer keeps the last 10,000 by default.
#[test]
fn a_producer_keeps_the_last_10000_by_default() {
    seeds(2, |sim, log| {
        let producer = silent(log, StageOptions::new());
        producer.cast(Put(range(0..10_000)));
        sim.run_until_idle();
        assert_eq!(log.discarded("p"), []);
        producer.cast(Put(vec![10_000]));
        sim.run_until_idle();
        assert_eq!((producer.estimate_buffered_count(), log.discarded("p")), (Ok(10_000), vec![1]));
        reader(log, &producer, 3);
        sim.run_until_idle();
        assert_eq!(log.events("c"), [1, 2, 3]);
    });
}

/// Section 10: without bound nothing is discarded.
#[test]
fn a_buffer_without_bound_discards_nothing() {
    seeds(2, |sim, log| {
        let producer = silent(log, StageOptions::new().buffer_without_bound().buffer_keep(Keep::First));
        producer.cast(Put(range(0..50_000)));
        sim.run_until_idle();
        assert_eq!((producer.estimate_buffered_count(), log.discarded("p")), (Ok(50_000), vec![]));
        reader(log, &producer, 60_000);
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..50_000));
    });
}

/// Q8: with a buffer of 0 whatever meets no demand is discarded, and the rest is delivered.
#[test]
fn a_buffer_of_zero_discards_what_meets_no_demand() {
    for keep in [Keep::First, Keep::Last] {
        seeds(20, |sim, log| {
            let producer = silent(log, StageOptions::new().buffer_size(0).buffer_keep(keep));
            producer.cast(Put(range(0..3)));
            sim.run_until_idle();
            assert_eq!((producer.estimate_buffered_count(), log.discarded("p")), (Ok(0), vec![3]));
            reader(log, &producer, 2);
            sim.run_until_idle();
            producer.cast(Put(range(3..8)));
            sim.run_until_idle();
            assert_eq!((log.events("c"), log.discarded("p")), (vec![3, 4], vec![3, 3]));
        });
    }
}

/// The ledger of demand: what was asked for, came late and was discarded is asked for again, so nobody waits for ever.
#[test]
fn discarded_events_do_not_strand_demand() {
    seeds(20, |sim, log| {
        let producer = silent(log, StageOptions::new().buffer_size(0));
        let first = Sink::new("first", log).ask_first(10).start(StageOptions::new()).unwrap();
        first.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        first.exit(ExitReason::Kill);
        sim.run_until_idle();
        producer.cast(Put(range(0..10)));
        sim.run_until_idle();
        assert_eq!(log.discarded("p"), [10]);
        reader(log, &producer, 4);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [10, 4]);
    });
}

/// Section 9.1: surplus is buffered, and the producer is not asked again before asks exceed the buffer.
#[test]
fn surplus_is_used_up_before_the_producer_is_asked() {
    seeds(20, |sim, log| {
        let producer = silent(log, StageOptions::new());
        let id = reader(log, &producer, 2);
        sim.run_until_idle();
        producer.cast(Put(range(0..10)));
        sim.run_until_idle();
        for _ in 0..2 {
            producer.ask(id, 3);
            sim.run_until_idle();
        }
        assert_eq!((log.events("c"), log.demands("p")), (range(0..8), vec![2]));
        producer.ask(id, 5);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.demands("p")), (range(0..10), vec![2, 3]));
    });
}

/// Q1: nothing overtakes a buffered event, whoever asks and whenever.
#[test]
fn nothing_overtakes_a_buffered_event() {
    seeds(200, |sim, log| {
        let producer = silent(log, StageOptions::new());
        let mut next = 0;
        for round in 0..5 {
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            let mode = Cancel::Temporary;
            let id = consumer.sync_subscribe(&producer, demand(3 + round, 1).cancel(mode)).unwrap();
            for size in [1, 4, 2] {
                producer.cast(Put(range(next..next + size)));
                next += size;
            }
            sim.run_until_idle();
            producer.cancel(id, ExitReason::Normal);
            producer.cast(Put(range(next..next + 2)));
            next += 2;
            sim.run_until_idle();
        }
        let events = log.events("c");
        let buffered = producer.estimate_buffered_count().unwrap();
        assert_eq!(events, range(0..events.len() as u64));
        assert_eq!(events.len() + buffered, usize::try_from(next).unwrap());
    });
}

/// Section 10: the estimate counts the buffer alone, not input that waits in a `producer_consumer`.
#[test]
fn the_estimate_counts_the_output_buffer_only() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(middle.estimate_buffered_count(), Ok(0));
        middle.cast(Put(vec![1, 2]));
        sim.run_until_idle();
        assert_eq!(middle.estimate_buffered_count(), Ok(2));
    });
}

/// Section 2: events of any callback are buffered, those of `init` too.
#[test]
fn events_of_init_are_buffered() {
    struct Early;

    impl Producer for Early {
        type Event = u64;

        fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
            cx.out().extend([1, 2, 3]);
            Init::Continue
        }

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    seeds(10, |sim, log| {
        let producer = Early.start(StageOptions::new()).unwrap();
        assert_eq!(producer.estimate_buffered_count(), Ok(3));
        reader(log, &producer, 2);
        sim.run_until_idle();
        assert_eq!(log.events("c"), [1, 2]);
    });
}

//! Automatic and manual demand (sections 7 and 8), on real stages.

mod common;

use std::time::Duration;

use common::messages::{AskFor, Put};
use common::probes::{Counter, Sink};
use common::spy::Spy;
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

/// Bounds, the messages that come, the batches made of them, and the asks after the first.
type Row = (usize, usize, &'static [usize], &'static [usize], &'static [usize]);

/// The table of section 7, row by row, but for the one with excess events.
const TABLE: [Row; 9] = [
    (1000, 500, &[1000], &[500, 500], &[500, 500]),
    (100, 80, &[100], &[20; 5], &[20; 5]),
    (100, 20, &[100], &[80, 20], &[80]),
    (100, 20, &[100, 80, 100, 80], &[80, 20, 80, 80, 20, 80], &[80, 100, 80, 100]),
    (1, 0, &[1], &[1], &[1]),
    (10, 9, &[10], &[1; 10], &[1; 10]),
    (10, 0, &[10], &[10], &[10]),
    (10, 5, &[3, 3, 3, 3], &[3, 3, 3, 3], &[6, 6]),
    (1000, 750, &[100; 4], &[100; 4], &[300]),
];

/// Section 7. The last row is the one of Q13, where we follow the code of the reference and not its manual.
#[test]
fn batches_and_asks_follow_the_table_of_section_7() {
    for (max, min, messages, batches, asks) in TABLE {
        seeds(50, |sim, log| {
            let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(max, min)).unwrap();
            sim.run_until_idle();
            for size in messages {
                producer.cast(Put(vec![7; *size]));
                sim.run_until_idle();
            }
            assert_eq!(log.sizes("c"), batches, "{max}/{min}");
            let demands = log.demands("p");
            assert_eq!((demands[0], &demands[1..]), (max, asks), "{max}/{min}");
        });
    }
}

/// Sections 4 and 7: the defaults are 1000 and half of that, and permanent.
#[test]
fn default_bounds_are_1000_and_500() {
    assert_eq!(SubscriptionOptions::new().mode(), Cancel::Permanent);
    seeds(10, |sim, log| {
        let producer = Counter::new("p", log).up_to(1000).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, SubscriptionOptions::new()).unwrap();
        sim.run_until_idle();
        assert_eq!(log.sizes("c"), [500, 500]);
        assert_eq!(log.demands("p"), [1000, 500, 500]);
        assert_eq!(log.events("c"), range(0..1000));
    });
}

/// Section 7: without `min_demand` it is half of `max_demand`, rounded down.
#[test]
fn min_demand_is_half_of_max_demand_rounded_down() {
    seeds(10, |sim, log| {
        let producer = Counter::new("p", log).up_to(7).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, SubscriptionOptions::new().max_demand(7)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.sizes("c"), [4, 3]);
        assert_eq!(log.demands("p"), [7, 4]);
    });
}

/// Section 7: events beyond what was asked for are handled, in batches, but not counted.
#[test]
fn excess_events_are_handled_and_not_counted() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let id = consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        producer.ask(id, 2); // behind the consumer's back
        producer.cast(Put(range(0..12)));
        sim.run_until_idle();
        assert_eq!(log.sizes("c"), [5, 5, 2]);
        assert_eq!(log.demands("p"), [10, 2, 5, 5]);
        producer.cast(Put(range(12..22)));
        sim.run_until_idle();
        assert_eq!(log.sizes("c"), [5, 5, 2, 5, 5]);
        assert_eq!(log.events("c"), range(0..22));
        assert!(consumer.is_alive());
    });
}

/// Section 7: the ask is the acknowledgement; it goes out after the batch was handled.
#[test]
fn the_ask_goes_out_after_the_batch() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().dispatcher(Spy::new("asks", log));
        let producer = Counter::new("p", log).up_to(20).start(options).unwrap();
        let consumer = Sink::new("c", log).slow(Duration::from_secs(1)).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        let seen = log.all().into_iter().filter_map(|(_, seen)| match seen {
            Seen::Asked(count) => Some(("ask", count)),
            Seen::Batch(events) => Some(("batch", events.len())),
            _ => None,
        });
        let handled = [("batch", 5), ("ask", 5)];
        let expected: Vec<_> = std::iter::once(("ask", 10)).chain(handled.into_iter().cycle().take(8)).collect();
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    });
}

/// Section 7: the consumption of an eager producer at 100/20 alternates between asks of 80 and of 100.
#[test]
fn an_eager_producer_sees_demands_of_80_and_100_in_turns() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(360).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(100, 20)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.demands("p")[..5], [100, 80, 100, 80, 100]);
        assert_eq!(log.sizes("c")[..6], [80, 20, 80, 80, 20, 80]);
    });
}

/// Section 9.1: demand is what is new. A producer that gave less still owes the rest and is not asked for it again.
#[test]
fn unserved_demand_is_not_repeated() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 9)).unwrap();
        sim.run_until_idle();
        for event in 0..5 {
            producer.cast(Put(vec![event]));
            sim.run_until_idle();
        }
        assert_eq!(log.demands("p"), [10, 1, 1, 1, 1, 1]);
    });
}

fn manual(log: &Log, options: SubscriptionOptions) -> (ProducerRef<Counter>, ConsumerRef<Sink>, SubscriptionId) {
    let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
    let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
    let id = consumer.sync_subscribe(&producer, options).unwrap();
    (producer, consumer, id)
}

/// Section 8: a manual subscription asks for nothing by itself.
#[test]
fn a_manual_subscription_does_not_ask_by_itself() {
    seeds(20, |sim, log| {
        let (producer, _consumer, _) = manual(log, demand(10, 5));
        producer.cast(Put(vec![1]));
        sim.run_until_idle();
        assert_eq!(log.demands("p"), []);
        assert_eq!(log.sizes("c"), []);
        assert_eq!(producer.estimate_buffered_count(), Ok(1));
    });
}

/// Section 8: each message is one batch, whatever the bounds say, and no ask follows it.
#[test]
fn a_manual_subscription_gets_each_message_unsplit() {
    seeds(50, |sim, log| {
        let (producer, consumer, id) = manual(log, demand(2, 1));
        assert_eq!(consumer.call(AskFor(id, 100)), Ok(true));
        producer.cast(Put(range(0..60)));
        producer.cast(Put(range(60..90)));
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..60), range(60..90)]);
        assert_eq!(log.demands("p"), [100]);
    });
}

/// Section 8: whoever sends more than was asked for by hand is not noticed: all of it is one batch.
#[test]
fn a_manual_subscription_takes_what_is_in_excess_as_it_comes() {
    seeds(20, |sim, log| {
        let (producer, consumer, id) = manual(log, demand(2, 1));
        assert_eq!(consumer.call(AskFor(id, 2)), Ok(true));
        producer.ask(id, 5); // behind the consumer's back
        producer.cast(Put(range(0..9)));
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..7)]);
        assert_eq!((log.demands("p"), producer.estimate_buffered_count()), (vec![2, 5], Ok(2)));
    });
}

/// An automatic consumer that asks as it subscribes has that much less to ask for: `max_demand` bounds what is under way.
#[test]
fn an_ask_while_subscribing_is_part_of_max_demand() {
    for (first, asks) in [(3, vec![3, 7]), (10, vec![10]), (12, vec![12])] {
        seeds(20, |sim, log| {
            let options = StageOptions::new().dispatcher(Spy::new("p", log));
            let producer = Counter::new("p", log).silent().start(options).unwrap();
            let consumer = Sink::new("c", log).ask_first(first).manner(Manner::Automatic);
            consumer.start(StageOptions::new()).unwrap().sync_subscribe(&producer, demand(10, 5)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.asks("p"), asks);
        });
    }
}

/// Section 8: asking for nothing does nothing, from inside and from outside.
#[test]
fn an_ask_of_zero_is_no_ask() {
    seeds(20, |sim, log| {
        let options = StageOptions::new().dispatcher(Spy::new("p", log));
        let producer = Counter::new("p", log).start(options).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let id = consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        assert_eq!(consumer.call(AskFor(id, 0)), Ok(true));
        producer.ask(id, 0);
        sim.run_until_idle();
        assert_eq!((log.asks("p"), log.demands("p")), (vec![], vec![]));
    });
}

/// Section 8: a consumer may ask in its `handle_subscribe` already; the producer knows it by then.
#[test]
fn a_manual_consumer_may_ask_while_it_subscribes() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).ask_first(3).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [[0, 1, 2]]);
        assert_eq!(log.demands("p"), [3]);
    });
}

/// Section 8: whoever knows the subscription may ask for it.
#[test]
fn others_may_ask_on_a_manual_subscription() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let id = consumer.sync_subscribe(&producer, demand(1, 0)).unwrap();
        producer.ask(id, 4);
        producer.ask(id, 2);
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..4), range(4..6)]);
    });
}

/// Section 6.4: asks on a subscription that there is not change nothing.
#[test]
fn an_ask_on_an_unknown_subscription_changes_nothing() {
    seeds(20, |sim, log| {
        let (producer, consumer, id) = manual(log, demand(10, 5));
        let unknown = SubscriptionId::new(id.get() + 1000);
        assert_eq!(consumer.call(AskFor(unknown, 5)), Ok(false));
        producer.ask(unknown, 5);
        producer.cast(Put(vec![1]));
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.sizes("c")), (vec![], vec![]));
        assert_eq!(producer.estimate_buffered_count(), Ok(1));
    });
}

/// Section 14: two subscriptions between the same two stages have demands of their own.
#[test]
fn two_subscriptions_of_one_pair_are_independent() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let first = consumer.sync_subscribe(&producer, demand(4, 0)).unwrap();
        let second = consumer.sync_subscribe(&producer, demand(6, 0)).unwrap();
        assert_ne!(first, second);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [4, 6]);
        producer.cast(Put(range(0..10)));
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..6), range(6..10)]);
        assert_eq!(log.demands("p"), [4, 6, 6, 4]);
    });
}

/// Section 15.2: chance is each stage's own. Twenty producers that shuffle, each with one event for the same four consumers that ask
/// alike: it is not the same one that gets them all. The same run chooses alike.
#[test]
fn stages_that_shuffle_do_not_all_choose_alike() {
    let run = |seed| {
        let _replay = common::Replay(seed);
        genstage::Simulation::new(seed).run(|sim| {
            let log = Log::default();
            let whos = ["a", "b", "c", "d"];
            let sinks = whos.map(|who| Sink::new(who, &log).start(StageOptions::new()).unwrap());
            for number in 0..20 {
                let shuffles = DemandDispatcher::new().shuffle_demands_on_first_dispatch(true);
                let options = StageOptions::new().dispatcher(shuffles);
                let producer = Counter::new("p", &log).silent().start(options).unwrap();
                for sink in &sinks {
                    sink.sync_subscribe(&producer, demand(10, 5)).unwrap();
                }
                producer.cast(Put(vec![number]));
            }
            sim.run_until_idle();
            whos.map(|who| {
                let mut got = log.events(who);
                got.sort_unstable();
                got
            })
        })
    };
    for seed in 0..10 {
        let got = run(seed);
        assert_eq!(got.iter().map(Vec::len).sum::<usize>(), 20);
        assert!(got.iter().all(|events| (1..18).contains(&events.len())), "{got:?}");
        assert_eq!(run(seed), got);
    }
}

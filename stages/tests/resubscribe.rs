//! Resubscribing: a cancel and a new subscription in one step (sections 6.3 and 14).

mod common;

use common::messages::Put;
use common::probes::{Counter, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

fn pair(log: &Log, mode: Cancel) -> (ProducerRef<Counter>, ConsumerRef<Sink>, SubscriptionId) {
    let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
    let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
    let id = consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
    (producer, consumer, id)
}

const DONE: ExitReason = ExitReason::Shutdown;

/// The producer cancels the old one first and then accepts the new one; events go there.
#[test]
fn the_old_subscription_ends_and_the_new_one_takes_its_place() {
    seeds(50, |sim, log| {
        let (producer, consumer, old) = pair(log, Cancel::Temporary);
        let new = consumer.sync_resubscribe(old, DONE, &producer, demand(4, 2)).unwrap();
        sim.run_until_idle();
        let cancelled = Seen::Cancel(CancelKind::Cancel, DONE);
        // What the old one had asked for went with it; 4 of the 10 that the producer owes are for the new one.
        assert_eq!(
            log.of("p")[1..],
            [Seen::Subscribed(old), Seen::Demand(10), cancelled.clone(), Seen::Subscribed(new)],
        );
        assert_eq!(log.of("c"), [Seen::Subscribed(old), Seen::Subscribed(new), cancelled]);
        producer.cast(Put(range(0..6)));
        sim.run_until_idle();
        // Two for each batch, as the new options say.
        assert_eq!(log.batches("c"), [range(0..2), range(2..4), range(4..6)]);
        assert_eq!(producer.estimate_buffered_count(), Ok(0));
    });
}

/// Asynchronously likewise.
#[test]
fn async_resubscribe_does_the_same() {
    seeds(20, |sim, log| {
        let (producer, consumer, old) = pair(log, Cancel::Temporary);
        consumer.async_resubscribe(old, DONE, &producer, demand(4, 2));
        sim.run_until_idle();
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, DONE)]);
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, DONE)]);
        producer.cast(Put(vec![1]));
        sim.run_until_idle();
        assert_eq!(log.events("c"), [1]);
    });
}

/// Section 14: the mode of the old subscription holds: with permanent, resubscribing ends the consumer.
#[test]
fn the_mode_of_the_old_subscription_holds() {
    for (mode, reason, ends) in [
        (Cancel::Permanent, ExitReason::Normal, true),
        (Cancel::Transient, ExitReason::Normal, false),
        (Cancel::Transient, ExitReason::other("bad"), true),
        (Cancel::Temporary, ExitReason::other("bad"), false),
    ] {
        seeds(20, |sim, log| {
            let (producer, consumer, old) = pair(log, mode);
            let new = demand(4, 2).cancel(Cancel::Temporary);
            consumer.sync_resubscribe(old, reason.clone(), &producer, new).unwrap();
            sim.run_until_idle();
            assert_eq!(consumer.exit_reason(), ends.then(|| reason.clone()));
            assert!(producer.is_alive());
        });
    }
}

/// Section 14: an unknown old one is a plain subscription, and one to another producer stays.
#[test]
fn an_old_subscription_that_the_producer_does_not_know_stays() {
    seeds(20, |sim, log| {
        let (producer, consumer, old) = pair(log, Cancel::Temporary);
        let other = Counter::new("q", log).silent().start(StageOptions::new()).unwrap();
        consumer.sync_resubscribe(old, DONE, &other, demand(4, 2)).unwrap();
        sim.run_until_idle();
        assert!(log.cancels("c").is_empty() && log.cancels("p").is_empty() && log.cancels("q").is_empty());
        producer.cast(Put(vec![1]));
        other.cast(Put(vec![2]));
        sim.run_until_idle();
        let mut events = log.events("c");
        events.sort_unstable();
        assert_eq!(events, [1, 2]);
    });
}

/// Bad options are refused, and the subscription that there is stays.
#[test]
fn bad_options_leave_the_old_subscription_alone() {
    seeds(10, |sim, log| {
        let (producer, consumer, old) = pair(log, Cancel::Permanent);
        let refused = consumer.sync_resubscribe(old, DONE, &producer, demand(0, 0));
        assert!(matches!(refused, Err(SubscribeError::Options(_))));
        consumer.async_resubscribe(old, DONE, &producer, demand(5, 5));
        producer.cast(Put(vec![1]));
        sim.run_until_idle();
        assert_eq!(log.events("c"), [1]);
        assert!(log.cancels("c").is_empty());
    });
}

/// Section 6.3: a producer that stops over the cancel takes no new one.
#[test]
fn a_producer_that_stops_over_the_cancel_takes_no_new_one() {
    seeds(20, |sim, log| {
        let bad = ExitReason::other("bad");
        let producer = Counter::new("p", log).silent().on_cancel_stop(bad.clone());
        let producer = producer.start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let temporary = demand(10, 5).cancel(Cancel::Temporary);
        let old = consumer.sync_subscribe(&producer, temporary).unwrap();
        consumer.sync_resubscribe(old, DONE, &producer, temporary).unwrap();
        sim.run_until_idle();
        assert_eq!(producer.exit_reason(), Some(bad.clone()));
        assert_eq!(log.of("p").iter().filter(|seen| matches!(seen, Seen::Subscribed(_))).count(), 1);
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, DONE), (CancelKind::Down, bad)]);
    });
}

/// The dead do not resubscribe.
#[test]
fn a_dead_consumer_does_not_resubscribe() {
    seeds(10, |_, log| {
        let (producer, consumer, old) = pair(log, Cancel::Temporary);
        consumer.stop().unwrap();
        let refused = consumer.sync_resubscribe(old, DONE, &producer, demand(4, 2));
        assert_eq!(refused, Err(SubscribeError::Call(CallError::NoProc)));
        consumer.async_resubscribe(old, DONE, &producer, demand(4, 2));
    });
}

//! What the end, or the refusal, of a consumer is to its producer and to the others: section 6.5.

use crate::common::messages::{Boom, CancelIt, Die, Put};
use crate::common::probes::{Counter, Sink};
use crate::common::spy::Spy;
use crate::common::{Seen, demand, range, seeds};
use crate::pairs::*;
use genstage::dispatchers::Refusal;
use genstage::prelude::*;

/// Section 6.5: a producer may cancel from inside as well.
#[test]
fn a_producer_may_cancel_a_subscription() {
    seeds(20, |sim, log| {
        let (producer, consumer, id) = pair(log, Cancel::Transient);
        sim.run_until_idle();
        producer.cast(Put(vec![1]));
        producer.cast(CancelIt(id, ExitReason::Shutdown));
        sim.run_until_idle();
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, ExitReason::Shutdown)]);
        // What was sent before comes before the confirmation.
        assert_eq!(log.of("c")[1..], [Seen::Batch(vec![1]), Seen::Cancel(CancelKind::Cancel, ExitReason::Shutdown)]);
        assert!(consumer.is_alive());
    });
}

/// Section 6.5: a producer may stop in `handle_cancel`; the one that cancelled has its confirmation by then.
#[test]
fn a_producer_may_stop_when_a_consumer_leaves() {
    seeds(50, |sim, log| {
        let stop = ExitReason::other("lonely");
        let producer = Counter::new("p", log).silent().on_cancel_stop(stop.clone()).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let id = consumer.sync_subscribe(&producer, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        producer.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert_eq!(producer.exit_reason(), Some(stop));
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, ExitReason::Normal)]);
    });
}

/// Section 6.5: a producer survives its consumers, whatever they die of, and hears the reason.
#[test]
fn a_producer_survives_its_consumers() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let start = || {
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
            sim.run_until_idle();
            consumer
        };
        start().exit(ExitReason::Kill);
        sim.run_until_idle();
        start().cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        start().cast(Boom);
        sim.run_until_idle();
        let reasons: Vec<_> = log.cancels("p").into_iter().map(|(kind, reason)| (kind, reason.to_string())).collect();
        let expected = ["killed", "normal", "panic: boom"].map(|reason| (CancelKind::Down, reason.to_owned()));
        assert_eq!(reasons, expected);
        assert!(producer.is_alive());
    });
}

/// Q1 with its numbers: a consumer asks 10 and dies; the producer emits 3 for nobody; the next consumer asks 5 and gets those
/// first. What the first one asked for is still owed, and is not asked for again.
#[test]
fn buffered_events_go_first_to_the_next_consumer() {
    for kill in [true, false] {
        seeds(100, |sim, log| {
            let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
            let first = Sink::new("first", log).ask_first(10).start(StageOptions::new()).unwrap();
            let id = first.sync_subscribe(&producer, demand(10, 5)).unwrap();
            sim.run_until_idle();
            if kill {
                first.exit(ExitReason::Kill);
            } else {
                producer.cancel(id, ExitReason::Normal);
            }
            sim.run_until_idle();
            producer.cast(Put(vec![1, 2, 3]));
            sim.run_until_idle();
            assert_eq!(producer.estimate_buffered_count(), Ok(3));
            let second = Sink::new("second", log).manual().start(StageOptions::new()).unwrap();
            let id = second.sync_subscribe(&producer, demand(10, 5)).unwrap();
            producer.ask(id, 5);
            sim.run_until_idle();
            assert_eq!(log.events("second"), [1, 2, 3]);
            producer.cast(Put(range(4..9)));
            sim.run_until_idle();
            assert_eq!(log.events("second"), range(1..6));
            producer.ask(id, 5);
            sim.run_until_idle();
            assert_eq!(log.events("second"), range(1..9));
            // 10 asked, 8 emitted, and the second consumer still waits for 2: they are owed already.
            assert_eq!(log.demands("p"), [10]);
            producer.ask(id, 4);
            sim.run_until_idle();
            assert_eq!(log.demands("p"), [10, 4]);
            assert_eq!(log.events("first"), []);
        });
    }
}

/// Sections 6.5 and 15.2: the demand of a consumer that left is withdrawn; the others still get what they asked for.
#[test]
fn the_demand_of_the_dead_is_withdrawn() {
    seeds(100, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let [a, b] = ["a", "b"].map(|who| Sink::new(who, log).manual().start(StageOptions::new()).unwrap());
        let id_a = a.sync_subscribe(&producer, demand(100, 0)).unwrap();
        let id_b = b.sync_subscribe(&producer, demand(100, 0)).unwrap();
        producer.ask(id_a, 100);
        producer.ask(id_b, 2);
        sim.run_until_idle();
        a.exit(ExitReason::Kill);
        sim.run_until_idle();
        producer.cast(Put(range(0..5)));
        sim.run_until_idle();
        assert_eq!((log.events("a"), log.events("b")), (vec![], vec![0, 1]));
        assert_eq!(producer.estimate_buffered_count(), Ok(3));
        assert_eq!(log.demands("p"), [100, 2]);
    });
}

/// Q25: what `handle_cancel` emits goes to the others or to the buffer, never to the one that left.
#[test]
fn events_emitted_in_handle_cancel_go_to_the_others() {
    for (others_ask, got, buffered) in [(2, vec![7, 8], 1), (0, vec![], 3)] {
        seeds(50, |sim, log| {
            let producer =
                Counter::new("p", log).silent().on_cancel_emit(vec![7, 8, 9]).start(StageOptions::new()).unwrap();
            let [a, b] = ["a", "b"].map(|who| Sink::new(who, log).manual().start(StageOptions::new()).unwrap());
            let id_a = a.sync_subscribe(&producer, demand(10, 0).cancel(Cancel::Temporary)).unwrap();
            let id_b = b.sync_subscribe(&producer, demand(10, 0)).unwrap();
            producer.ask(id_a, 10);
            producer.ask(id_b, others_ask);
            producer.cancel(id_a, ExitReason::Normal);
            sim.run_until_idle();
            assert_eq!((log.events("a"), log.events("b")), (vec![], got.clone()));
            assert_eq!(producer.estimate_buffered_count(), Ok(buffered));
        });
    }
}

/// Section 6.3 and Q18: a dispatcher's refusal costs the one that is refused its subscription, and the producer nothing.
#[test]
fn a_refused_consumer_is_cancelled_and_the_producer_lives() {
    seeds(50, |sim, log| {
        let spy = Spy::new("p", log).refusing(Refusal::rejected("no seat"));
        let producer = Counter::new("p", log).start(StageOptions::new().dispatcher(spy)).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        assert!(consumer.sync_subscribe(&producer, demand(10, 5)).is_ok());
        sim.run_until_idle();
        let reason = ExitReason::other(Refusal::rejected("no seat"));
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, reason.clone())]);
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, reason.clone())]);
        assert_eq!(consumer.exit_reason(), Some(reason));
        assert!(producer.is_alive());
        assert_eq!(log.demands("p"), []);
    });
}

/// Section 13: a refusal because there is a subscription already never ends the consumer.
#[test]
fn already_subscribed_does_not_end_a_permanent_consumer() {
    seeds(20, |sim, log| {
        let spy = Spy::new("p", log).refusing(Refusal::AlreadySubscribed);
        let producer = Counter::new("p", log).start(StageOptions::new().dispatcher(spy)).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        let reason = ExitReason::other(Refusal::AlreadySubscribed);
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, reason)]);
        assert!(consumer.is_alive());
    });
}

/// Section 6.3: a producer that stops in `handle_subscribe` is down for the consumer.
#[test]
fn a_producer_may_stop_when_a_consumer_comes() {
    seeds(50, |sim, log| {
        let stop = ExitReason::other("closed");
        let producer = Counter::new("p", log).on_subscribe_stop(stop.clone()).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.cancels("c"), [(CancelKind::Down, stop.clone())]);
        assert_eq!(consumer.exit_reason(), Some(stop));
    });
}

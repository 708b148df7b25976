//! What comes before an end and what after it, and how often it comes: section 6.7.

use crate::common::messages::{CancelIt, Die, Put, Watch};
use crate::common::probes::{Counter, Sink};
use crate::common::{Seen, demand, range, seeds};
use crate::pairs::*;
use genstage::prelude::*;

/// Section 13: a consumer that cancels from inside asks for it only; what is under way is handled first, and then the table
/// applies to it as to all others.
#[test]
fn a_consumer_that_cancels_goes_on_until_it_is_confirmed() {
    for mode in MODES {
        for reason in reasons() {
            seeds(20, |sim, log| {
                let (producer, consumer, id) = pair(log, mode);
                sim.run_until_idle();
                log.clear();
                producer.cast(Put(vec![1, 2, 3])); // is before the cancel, as that comes from the consumer's turn
                consumer.cast(CancelIt(id, reason.clone()));
                sim.run_until_idle();
                let mut expected = vec![Seen::Batch(vec![1, 2, 3]), Seen::Cancel(CancelKind::Cancel, reason.clone())];
                if ends(mode, &reason) {
                    expected.push(Seen::Terminate(reason.clone()));
                }
                assert_eq!(log.of("c"), expected);
            });
        }
    }
}

/// Section 21: each living side hears of the end exactly once, however often and by whomever it is cancelled.
#[test]
fn handle_cancel_runs_once_on_each_living_side() {
    seeds(200, |sim, log| {
        let (producer, consumer, id) = pair(log, Cancel::Temporary);
        for _ in 0..3 {
            producer.cancel(id, ExitReason::Normal);
            consumer.cast(CancelIt(id, ExitReason::Normal));
            producer.cast(CancelIt(id, ExitReason::Normal));
        }
        sim.run_until_idle();
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, ExitReason::Normal)]);
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, ExitReason::Normal)]);
    });
}

/// Sections 6.5 and 6.7: the watches go with the subscription: the end of one side is no news to the other, not even as that of a
/// stranger.
#[test]
fn the_watches_end_with_the_subscription() {
    for producer_first in [true, false] {
        seeds(20, |sim, log| {
            let (producer, consumer, id) = pair(log, Cancel::Temporary);
            producer.cancel(id, ExitReason::Normal);
            sim.run_until_idle();
            log.clear();
            if producer_first {
                producer.exit(ExitReason::Kill);
            } else {
                consumer.exit(ExitReason::Kill);
            }
            sim.run_until_idle();
            assert_eq!(log.all(), []);
            assert_eq!((producer.is_alive(), consumer.is_alive()), (!producer_first, producer_first));
        });
    }
}

/// Section 21, with an end and a cancel at the same time.
#[test]
fn a_cancel_and_an_end_at_once_are_one_end() {
    seeds(200, |sim, log| {
        let (producer, consumer, id) = pair(log, Cancel::Temporary);
        sim.run_until_idle();
        consumer.cast(CancelIt(id, ExitReason::Normal));
        producer.cast(Die(ExitReason::Shutdown));
        sim.run_until_idle();
        assert_eq!(log.cancels("c").len(), 1);
        assert!(consumer.is_alive());

        let (producer, consumer, id) = pair(log, Cancel::Temporary);
        sim.run_until_idle();
        log.clear();
        producer.cancel(id, ExitReason::Normal);
        consumer.cast(Die(ExitReason::Shutdown));
        sim.run_until_idle();
        assert_eq!(log.cancels("p").len(), 1);
    });
}

/// Section 14: a cancel of a subscription that there is not is ignored (Q14: no reply).
#[test]
fn a_cancel_of_an_unknown_subscription_is_ignored() {
    seeds(20, |sim, log| {
        let (producer, consumer, id) = pair(log, Cancel::Permanent);
        producer.cancel(SubscriptionId::new(id.get() + 1000), ExitReason::other("who?"));
        sim.run_until_idle();
        assert_eq!((log.cancels("p"), log.cancels("c")), (vec![], vec![]));
        assert!(producer.is_alive() && consumer.is_alive());
    });
}

/// Section 6.2: a consumer that stops in `handle_subscribe` asks for nothing, and its caller hears the reason.
#[test]
fn a_consumer_may_stop_while_it_subscribes() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let stop = ExitReason::other("not that one");
        let consumer = Sink::new("c", log).manner(Manner::Stop(stop.clone())).start(StageOptions::new()).unwrap();
        let outcome = consumer.sync_subscribe(&producer, demand(10, 5));
        assert_eq!(outcome, Err(SubscribeError::Call(CallError::Down(stop.clone()))));
        sim.run_until_idle();
        assert_eq!(consumer.exit_reason(), Some(stop.clone()));
        assert_eq!(log.demands("p"), []);
        // The producer may come to the subscription when the consumer is dead already.
        let [(CancelKind::Down, reason)] = &log.cancels("p")[..] else { panic!() };
        assert!(*reason == stop || *reason == ExitReason::NoProc, "{reason:?}");
    });
}

/// Section 1.2: all that a producer sent before its end is handled before the end is heard of.
#[test]
fn events_sent_before_the_end_come_before_it() {
    seeds(200, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).ask_first(10).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        log.clear();
        producer.cast(Put(vec![1]));
        producer.cast(Put(vec![2]));
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        let end = [Seen::Cancel(CancelKind::Down, ExitReason::Normal), Seen::Terminate(ExitReason::Normal)];
        assert_eq!(log.of("c"), [&[Seen::Batch(vec![1]), Seen::Batch(vec![2])], &end[..]].concat());
    });
}

/// Section 1.5: the events in the buffer of a stage that ends are lost.
#[test]
fn the_buffer_of_a_stage_that_ends_is_lost() {
    seeds(20, |sim, log| {
        let (producer, consumer, _) = pair(log, Cancel::Temporary);
        producer.cast(Put(range(0..30)));
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        // What it had asked for had been sent; the 20 in the buffer are gone.
        assert_eq!(log.events("c"), range(0..10));
        assert!(consumer.is_alive());
    });
}

/// Section 6.8: the end of a process that the stage watches for itself goes to `handle_signal`, and that of a consumer does
/// not, even where both are the same process.
#[test]
fn only_the_ends_of_others_go_to_handle_signal() {
    seeds(50, |sim, log| {
        let (producer, consumer, _) = pair(log, Cancel::Permanent);
        sim.run_until_idle();
        let other = Sink::new("other", log).start(StageOptions::new()).unwrap();
        producer.cast(Watch((&other).into()));
        sim.run_until_idle();
        consumer.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert!(!log.of("p").contains(&Seen::Signal));
        assert_eq!(log.cancels("p"), [(CancelKind::Down, ExitReason::Killed)]);
        other.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(log.of("p").iter().filter(|seen| **seen == Seen::Signal).count(), 1);

        let (producer, consumer, _) = pair(log, Cancel::Permanent);
        producer.cast(Watch((&consumer).into()));
        sim.run_until_idle();
        log.clear();
        consumer.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(log.cancels("p"), [(CancelKind::Down, ExitReason::Killed)]);
        assert_eq!(log.of("p").iter().filter(|seen| **seen == Seen::Signal).count(), 1);
    });
}

/// Section 6.6: a stop in `handle_events` ends the stage at once; the rest of the message and its asks are lost.
#[test]
fn a_stop_in_handle_events_is_at_once() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).stop_at(3).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 8)).unwrap();
        sim.run_until_idle();
        let stop = ExitReason::other("enough");
        assert_eq!(log.batches("c"), [[0, 1], [2, 3]]);
        assert_eq!(consumer.exit_reason(), Some(stop.clone()));
        assert_eq!(log.demands("p"), [10, 2]);
        assert_eq!(log.cancels("p"), [(CancelKind::Down, stop)]);
    });
}

/// Q26: when the caller has its answer, the consumer's own `handle_subscribe` has run; the producer's may be still to come.
#[test]
fn q26_a_subscription_is_answered_when_the_consumer_has_seen_to_it() {
    let later = std::cell::Cell::new(0);
    seeds(50, |_, log| {
        let (_producer, _consumer, id) = pair(log, Cancel::Permanent);
        assert_eq!(log.of("c"), [Seen::Subscribed(id)]);
        later.set(later.get() + usize::from(!log.of("p").contains(&Seen::Subscribed(id))));
    });
    assert!(later.get() > 0, "the producer was first with every seed");
}

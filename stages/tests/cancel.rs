//! The ends of subscriptions: section 13, and 6.5 and 6.7 beneath it.

mod common;

use std::time::Duration;

use common::messages::{Boom, CancelIt, Die, Put, Watch};
use common::probes::{Counter, Middle, Sink};
use common::spy::Spy;
use common::{Log, Seen, demand, range, seeds};
use genstage::dispatchers::Refusal;
use genstage::prelude::*;

fn reasons() -> [ExitReason; 5] {
    [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("detail"),
        ExitReason::other("bad"),
        ExitReason::Timeout,
    ]
}

/// The table of section 13.
fn ends(mode: Cancel, reason: &ExitReason) -> bool {
    match mode {
        Cancel::Permanent => true,
        Cancel::Transient => !reason.is_clean(),
        Cancel::Temporary => false,
    }
}

const MODES: [Cancel; 3] = [Cancel::Permanent, Cancel::Transient, Cancel::Temporary];

fn pair(log: &Log, mode: Cancel) -> (ProducerRef<Counter>, ConsumerRef<Sink>, SubscriptionId) {
    let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
    let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
    let id = consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
    (producer, consumer, id)
}

/// What the consumer must have seen of the end: `handle_cancel` once and first, then `terminate` if the mode says so.
fn assert_ended(log: &Log, consumer: &ConsumerRef<Sink>, mode: Cancel, kind: CancelKind, reason: &ExitReason) {
    let mut expected = vec![Seen::Cancel(kind, reason.clone())];
    if ends(mode, reason) {
        expected.push(Seen::Terminate(reason.clone()));
    }
    assert_eq!(log.of("c")[1..], expected, "{mode:?}, {reason:?}");
    assert_eq!(consumer.exit_reason(), ends(mode, reason).then(|| reason.clone()), "{mode:?}");
}

/// Section 13: a cancelled subscription ends its consumer as the mode and the bare reason say (Q14).
#[test]
fn a_cancel_ends_the_consumer_as_the_table_says() {
    for mode in MODES {
        for reason in reasons() {
            seeds(20, |sim, log| {
                let (producer, consumer, id) = pair(log, mode);
                producer.cancel(id, reason.clone());
                sim.run_until_idle();
                assert_ended(log, &consumer, mode, CancelKind::Cancel, &reason);
                assert_eq!(log.cancels("p"), [(CancelKind::Cancel, reason.clone())]);
                assert!(producer.is_alive());
            });
        }
    }
}

/// Section 13: so does the end of the producer.
#[test]
fn the_end_of_the_producer_ends_the_consumer_as_the_table_says() {
    for mode in MODES {
        for reason in reasons() {
            seeds(20, |sim, log| {
                let (producer, consumer, _) = pair(log, mode);
                producer.cast(Die(reason.clone()));
                sim.run_until_idle();
                assert_ended(log, &consumer, mode, CancelKind::Down, &reason);
                assert_eq!(producer.exit_reason(), Some(reason.clone()));
            });
        }
    }
}

/// Section 13: `killed` is no clean reason.
#[test]
fn a_killed_producer_counts_as_abnormal() {
    for mode in MODES {
        seeds(20, |sim, log| {
            let (producer, consumer, _) = pair(log, mode);
            sim.run_until_idle();
            producer.exit(ExitReason::Kill);
            sim.run_until_idle();
            assert_ended(log, &consumer, mode, CancelKind::Down, &ExitReason::Killed);
        });
    }
}

/// Sections 13 and 14: subscribing to the dead works, and is over at once with `noproc`, which is no clean reason.
#[test]
fn a_dead_producer_is_down_with_noproc() {
    for mode in MODES {
        seeds(20, |sim, log| {
            let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
            producer.exit(ExitReason::Kill);
            sim.run_until_idle();
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            assert!(consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).is_ok());
            sim.run_until_idle();
            assert_ended(log, &consumer, mode, CancelKind::Down, &ExitReason::NoProc);
        });
    }
}

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

/// Section 8: on a manual subscription the same table holds.
#[test]
fn a_manual_subscription_ends_as_the_table_says() {
    for (mode, reason, down) in MODES
        .iter()
        .flat_map(|mode| reasons().map(|reason| [(*mode, reason.clone(), false), (*mode, reason, true)]))
        .flatten()
    {
        seeds(5, |sim, log| {
            let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
            let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
            let id = consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
            let kind = if down {
                producer.cast(Die(reason.clone()));
                CancelKind::Down
            } else {
                producer.cancel(id, reason.clone());
                CancelKind::Cancel
            };
            sim.run_until_idle();
            assert_ended(log, &consumer, mode, kind, &reason);
        });
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

/// Section 13: a stop from `handle_cancel` wins over the mode.
#[test]
fn a_stop_from_handle_cancel_wins() {
    for mode in MODES {
        seeds(20, |sim, log| {
            let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
            let own = ExitReason::other("my own");
            let consumer = Sink::new("c", log).on_cancel_stop(own.clone()).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
            sim.run_until_idle();
            producer.cast(Die(ExitReason::Shutdown));
            sim.run_until_idle();
            assert_eq!(consumer.exit_reason(), Some(own));
        });
    }
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

/// Section 13: a chain of permanent subscriptions ends from its source to its sink, each stage with the same bare reason.
#[test]
fn an_end_runs_down_a_chain() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(5).start(StageOptions::new()).unwrap();
        let first = Middle::forwarder("m1", log).start(StageOptions::new()).unwrap();
        let second = Middle::forwarder("m2", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).slow(Duration::from_secs(1)).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&second, demand(10, 5)).unwrap();
        second.sync_subscribe(&first, demand(10, 5)).unwrap();
        first.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        producer.cast(Die(ExitReason::other("over")));
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..5));
        for reason in [first.exit_reason(), second.exit_reason(), consumer.exit_reason()] {
            assert_eq!(reason, Some(ExitReason::other("over")));
        }
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

/// Q16: who hibernates in `handle_cancel`. It serves so many demands.
struct Sleepy(usize);

impl Producer for Sleepy {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        cx.hibernate();
        if self.0 > 0 {
            self.0 -= 1;
            out.extend(range(0..demand as u64));
        }
        Outcome::Continue
    }

    fn handle_cancel(&mut self, _: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        cx.hibernate();
        Outcome::Continue
    }
}

struct Dozing(Log);

impl Consumer for Dozing {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Batch(events.into_iter().collect()));
        Outcome::Continue
    }

    fn handle_cancel(&mut self, _: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        cx.hibernate();
        Outcome::Continue
    }
}

/// The reference skips the end that a permanent subscription means, and forgets the new subscription.
#[test]
fn q16_hibernating_in_handle_cancel_suppresses_nothing() {
    for (mode, survives) in [(Cancel::Permanent, false), (Cancel::Temporary, true)] {
        seeds(20, |sim, log| {
            let producer = Sleepy(2).start(StageOptions::new()).unwrap();
            let consumer = Dozing(log.clone()).start(StageOptions::new()).unwrap();
            let old = consumer.sync_subscribe(&producer, demand(2, 0).cancel(mode)).unwrap();
            sim.run_until_idle();
            let gone = ExitReason::other("gone");
            producer.cancel(old, gone.clone());
            sim.run_until_idle();
            assert_eq!(consumer.exit_reason(), (!survives).then_some(gone));
            assert!(producer.is_alive());
        });
    }
    // On the side of the producer the cancel of a resubscription is followed by the new subscription.
    seeds(20, |sim, log| {
        let producer = Sleepy(2).start(StageOptions::new()).unwrap();
        let consumer = Dozing(log.clone()).start(StageOptions::new()).unwrap();
        let old = consumer.sync_subscribe(&producer, demand(2, 0).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [[0, 1], [0, 1]]);
        consumer.sync_resubscribe(old, ExitReason::Normal, &producer, demand(3, 0)).unwrap();
        sim.run_until_idle();
        let snapshot = producer.snapshot().unwrap();
        assert_eq!(snapshot.consumers.iter().map(|made| made.flow.demand()).collect::<Vec<_>>(), [3]);
        assert!(consumer.is_alive());
    });
}

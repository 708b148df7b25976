//! Which ends of a subscription end the consumer: the table of section 13.

use std::time::Duration;

use crate::common::messages::Die;
use crate::common::probes::{Counter, Middle, Sink};
use crate::common::{Log, Seen, demand, range, seeds};
use crate::pairs::*;
use genstage::prelude::*;

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

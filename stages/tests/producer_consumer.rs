//! Stages in the middle: section 12.

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::messages::{Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::spy::Spy;
use common::{Log, Seen, demand, nap, range, seeds};
use genstage::prelude::*;

/// Lets everybody else finish before it is done with a batch, and then looks at the stage before it: how much that has buffered,
/// and how many batches it has handled.
struct Watcher {
    log: Log,
    before: ProducerConsumerRef<Middle>,
    report: Sender<(usize, usize)>,
}

impl Consumer for Watcher {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        nap(Duration::from_secs(1));
        self.report.send((self.before.estimate_buffered_count().unwrap(), self.log.sizes("d").len())).unwrap();
        self.log.note("c", Seen::Batch(events.iter().copied().collect()));
        Outcome::Continue
    }
}

/// A counter, a doubler and a watcher, with what that one saw.
fn traced(log: &Log, upstream: SubscriptionOptions, events: u64) -> Receiver<(usize, usize)> {
    let producer = Counter::new("p", log).up_to(events).start(StageOptions::new()).unwrap();
    let options = StageOptions::new().dispatcher(Spy::new("d", log));
    let doubler = Middle::doubler("d", log).start(options).unwrap();
    let (report, seen) = channel();
    let consumer = Watcher { log: log.clone(), before: doubler.clone(), report }.start(StageOptions::new()).unwrap();
    doubler.sync_subscribe(&producer, upstream).unwrap();
    consumer.sync_subscribe(&doubler, demand(100, 50)).unwrap();
    seen
}

/// What the consumer handled and what it asked the doubler for, in order: (size, ask), where 0 is no ask.
fn rhythm(log: &Log) -> (usize, Vec<(usize, usize)>) {
    let mut first = 0;
    let mut batches: Vec<(usize, usize)> = Vec::new();
    for seen in log.all() {
        match (seen, batches.last_mut()) {
            (("c", Seen::Batch(events)), _) => batches.push((events.len(), 0)),
            (("d", Seen::Asked(count)), Some((_, ask))) => *ask += count,
            (("d", Seen::Asked(count)), None) => first += count,
            _ => {}
        }
    }
    (first, batches)
}

fn doubled(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.flat_map(|number| [number, number]).collect()
}

/// Section 12, the first trace: upstream 100/80.
#[test]
fn the_doubler_at_100_80_follows_the_trace() {
    seeds(100, |sim, log| {
        let seen = traced(log, demand(100, 80), 400);
        sim.run_until_idle();
        // The first message is handled whole: 100 of its 200 are buffered. The ask of 80 leaves 20 of them; that of 70 takes these,
        // and two messages of 20 from the queue, of which 30 are too many.
        let expected = [(100, 5), (100, 5), (20, 5), (20, 5), (30, 7), (30, 7)];
        assert_eq!(seen.try_iter().take(6).collect::<Vec<_>>(), expected);
        let (first, batches) = rhythm(log);
        let expected = [(40, 0), (40, 80), (20, 0), (50, 70), (30, 0), (20, 50), (40, 0), (10, 50)];
        assert_eq!((first, &batches[..8]), (100, &expected[..]));
        assert_eq!(batches[8..12], [(30, 0), (20, 50), (20, 0), (30, 50)]);
        let batches = log.batches("c");
        assert_eq!(batches[0], doubled(0..20));
        assert_eq!(batches[2], doubled(40..50));
        assert_eq!(batches[3], doubled(50..75));
        assert_eq!(batches[4], doubled(75..90));
        assert_eq!(batches[5], doubled(90..100));
        assert_eq!(batches[7], doubled(120..125));
        assert_eq!((log.sizes("d")[..12].to_vec(), log.demands("p")[0]), (vec![20; 12], 100));
        assert_eq!(log.demands("p")[1..8], [20; 7]);
        assert_eq!(log.events("c"), doubled(0..400));
    });
}

/// Section 12, the second trace: upstream 100/20.
#[test]
fn the_doubler_at_100_20_follows_the_trace() {
    seeds(100, |sim, log| {
        let _seen = traced(log, demand(100, 20), 540);
        sim.run_until_idle();
        assert_eq!(log.demands("p")[..5], [100, 80, 100, 80, 100]);
        let batches = log.batches("d");
        let expected = [range(0..80), range(80..100), range(100..180), range(180..260), range(260..280)];
        assert_eq!(batches[..5], expected);
        let expected = [doubled(0..25), doubled(25..50), doubled(50..75), doubled(75..100)];
        assert_eq!(log.batches("c")[..4], expected);
        let (first, batches) = rhythm(log);
        assert_eq!((first, &batches[..4]), (100, &[(50, 50); 4][..]));
        assert_eq!(log.events("c"), doubled(0..540));
    });
}

/// Section 12: without demand from downstream the stage only queues; upstream stands at its `max_demand`.
#[test]
fn without_demand_input_only_queues() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.sizes("m")), (vec![10], vec![]));
        assert_eq!(middle.estimate_buffered_count(), Ok(0));
    });
}

/// Section 12: a message that has been taken up is handled to its end, and one at most runs ahead of demand.
#[test]
fn at_most_one_message_runs_ahead_of_demand() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).ask_first(1).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(10, 5)).unwrap();
        consumer.sync_subscribe(&middle, demand(1, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [[0]]);
        assert_eq!(log.batches("m"), [range(0..5), range(5..10)]);
        assert_eq!(middle.estimate_buffered_count(), Ok(9));
        assert_eq!(log.demands("p"), [10, 5, 5]);
    });
}

/// Section 12: a stage that emits nothing for its input goes on pulling until downstream is content.
#[test]
fn a_filtering_stage_never_stalls() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(1000).start(StageOptions::new()).unwrap();
        let each = |event| if event % 100 == 99 { vec![event] } else { vec![] };
        let filter = Middle::new("f", log, each).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        filter.sync_subscribe(&producer, demand(4, 2)).unwrap();
        consumer.sync_subscribe(&filter, demand(3, 1)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), (0..10).map(|n| n * 100 + 99).collect::<Vec<_>>());
    });
}

/// Section 12: the end of upstream waits behind the input that came before it, whether upstream ended or cancelled.
#[test]
fn the_end_of_upstream_waits_until_all_input_is_handled() {
    for down in [true, false] {
        seeds(50, |sim, log| {
            let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
            let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
            let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
            let up = middle.sync_subscribe(&producer, demand(6, 3)).unwrap();
            let low = consumer.sync_subscribe(&middle, demand(100, 0)).unwrap();
            sim.run_until_idle();
            if down {
                producer.cast(Die(ExitReason::Shutdown));
            } else {
                producer.cancel(up, ExitReason::Shutdown);
            }
            sim.run_until_idle();
            // 12.5: without demand the marker waits, and the stage lives.
            assert!(middle.is_alive() && log.cancels("m").is_empty() && log.sizes("m").is_empty());
            middle.ask(low, 6);
            sim.run_until_idle();
            // 12.3: a message of a producer that is gone is one batch, and nothing is asked for it.
            assert_eq!(log.batches("m"), [range(0..6)]);
            assert_eq!(log.demands("p"), [6]);
            // All demand is met: the marker waits on.
            assert!(middle.is_alive() && log.cancels("m").is_empty());
            middle.ask(low, 1);
            sim.run_until_idle();
            let kind = if down { CancelKind::Down } else { CancelKind::Cancel };
            assert_eq!(log.cancels("m"), [(kind, ExitReason::Shutdown)]);
            assert_eq!(middle.exit_reason(), Some(ExitReason::Shutdown));
            assert_eq!(log.events("c"), range(0..6));
            assert_eq!(consumer.exit_reason(), Some(ExitReason::Shutdown));
        });
    }
}

/// Section 12: before the marker counts, the output buffer is empty as well.
#[test]
fn the_stage_drains_its_buffer_before_it_ends() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(10).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).ask_first(1).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(5, 0)).unwrap();
        let low = consumer.sync_subscribe(&middle, demand(100, 0)).unwrap();
        sim.run_until_idle();
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!(log.events("c"), [0]);
        for asked in 2..=20 {
            middle.ask(low, 1);
            sim.run_until_idle();
            assert_eq!(log.events("c").len(), asked);
            assert!(middle.is_alive());
        }
        middle.ask(low, 1);
        sim.run_until_idle();
        assert_eq!(log.events("c"), doubled(0..10));
        assert_eq!(middle.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Section 12, and better than 6.7: the end of upstream also waits for output that is buffered when no input is. The reference
/// ends there and then, and loses it.
#[test]
fn the_end_of_upstream_waits_for_buffered_output() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(3).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).ask_first(1).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(5, 0)).unwrap();
        let id = consumer.sync_subscribe(&middle, demand(100, 0)).unwrap();
        sim.run_until_idle();
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!((middle.estimate_buffered_count(), log.cancels("m")), (Ok(5), vec![]));
        middle.ask(id, 9);
        sim.run_until_idle();
        assert_eq!(log.events("c"), doubled(0..3));
        assert_eq!(middle.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Section 12: with nothing queued the end of upstream counts at once, demand or not.
#[test]
fn the_end_of_upstream_counts_at_once_without_queued_input() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(6, 3)).unwrap();
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!(middle.exit_reason(), Some(ExitReason::Normal));
    });
}

/// Section 12: one queue for all producers, in order of arrival.
#[test]
fn input_of_several_producers_is_taken_in_order_of_arrival() {
    seeds(50, |sim, log| {
        let a = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        let b = Counter::new("b", log).silent().start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        for producer in [&a, &b] {
            middle.sync_subscribe(producer, demand(10, 9)).unwrap();
        }
        let id = consumer.sync_subscribe(&middle, demand(10, 0)).unwrap();
        for (producer, event) in [(&a, 1), (&b, 2), (&b, 3), (&a, 4)] {
            sim.run_until_idle();
            producer.cast(Put(vec![event]));
        }
        sim.run_until_idle();
        middle.ask(id, 10);
        sim.run_until_idle();
        assert_eq!(log.events("c"), [1, 2, 3, 4]);
    });
}

/// Q7: demand leaves with its consumer, so a stage without consumers pulls nothing, and what it had buffered goes to the
/// next consumer in order.
#[test]
fn a_stage_that_lost_its_consumer_pulls_nothing_and_keeps_the_order() {
    for kill in [true, false] {
        seeds(50, |sim, log| {
            let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
            let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
            middle.sync_subscribe(&producer, demand(100, 50)).unwrap();
            let first = Sink::new("first", log).manual().start(StageOptions::new()).unwrap();
            let id = first.sync_subscribe(&middle, demand(1000, 0)).unwrap();
            middle.ask(id, 10);
            sim.run_until_idle();
            assert_eq!(log.events("first"), range(0..10));
            assert_eq!(middle.estimate_buffered_count(), Ok(90));
            // It asks for more than there is, and leaves before it comes.
            middle.ask(id, 1000);
            if kill {
                first.exit(ExitReason::Kill);
            } else {
                middle.cancel(id, ExitReason::Normal);
            }
            sim.run_until_idle();
            let demands = log.demands("p");
            let buffered = middle.estimate_buffered_count().unwrap();
            sim.run_until_idle();
            assert_eq!((log.demands("p"), middle.estimate_buffered_count()), (demands, Ok(buffered)));
            assert!(buffered <= 100, "{buffered} events for nobody");
            let pulled: usize = log.demands("p").iter().sum();
            assert!(pulled <= 1310, "pulled {pulled}");

            let second = Sink::new("second", log).manual().start(StageOptions::new()).unwrap();
            let id = second.sync_subscribe(&middle, demand(1000, 0)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.sizes("second"), []);
            middle.ask(id, 20);
            sim.run_until_idle();
            let next = log.events("second");
            assert_eq!((next.len(), next[0] + 20), (20, next[19] + 1));
            let all = [log.events("first"), next].concat();
            assert!(all.is_sorted_by(|a, b| a < b));
            if !kill {
                assert_eq!(all, range(0..all.len() as u64));
            }
        });
    }
}

/// Q7 with the reference's numbers: 100 asked, the consumer dies, the buffer stays and the order too.
#[test]
fn buffered_events_survive_a_change_of_consumers_in_order() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let doubler = Middle::doubler("m", log).start(StageOptions::new()).unwrap();
        doubler.sync_subscribe(&producer, demand(100, 80)).unwrap();
        let first = Sink::new("first", log).ask_first(100).start(StageOptions::new()).unwrap();
        first.sync_subscribe(&doubler, demand(100, 50).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        first.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(doubler.estimate_buffered_count(), Ok(100));
        let second = Sink::new("second", log).manual().start(StageOptions::new()).unwrap();
        let id = second.sync_subscribe(&doubler, demand(100, 50)).unwrap();
        sim.run_until_idle();
        assert_eq!((log.sizes("second"), doubler.estimate_buffered_count()), (vec![], Ok(100)));
        doubler.ask(id, 20);
        sim.run_until_idle();
        assert_eq!(log.events("second"), doubled(50..60));
    });
}

/// Q21: events that `handle_cancel` emits while the stage drains count as much as any: no more input is taken up than
/// downstream still wants.
#[test]
fn events_emitted_while_draining_count() {
    seeds(50, |sim, log| {
        let dying = Counter::new("dying", log).up_to(2).start(StageOptions::new()).unwrap();
        let living = Counter::new("living", log).silent().start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).on_cancel_emit(vec![70, 71, 72]).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&dying, demand(2, 1).cancel(Cancel::Temporary)).unwrap();
        middle.sync_subscribe(&living, demand(2, 1)).unwrap();
        let id = consumer.sync_subscribe(&middle, demand(10, 0)).unwrap();
        sim.run_until_idle();
        dying.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        living.cast(Put(vec![80]));
        sim.run_until_idle();
        middle.ask(id, 5);
        sim.run_until_idle();
        // Two from the queue and three from `handle_cancel` meet the demand: what the living one sent stays queued.
        assert_eq!(log.events("c"), [0, 1, 70, 71, 72]);
        assert_eq!(log.batches("m"), [[0, 1]]);
        middle.ask(id, 1);
        sim.run_until_idle();
        assert_eq!(log.events("c"), [0, 1, 70, 71, 72, 80]);
    });
}

/// Q15: input whose producer is gone still has its subscription's id, and `handle_cancel` names the real producer afterwards.
#[test]
fn the_cancellation_names_the_real_producer() {
    struct Names(Sender<(SubscriptionId, Option<Pid>)>);

    impl ProducerConsumer for Names {
        type In = u64;
        type Out = u64;

        fn handle_events(
            &mut self,
            events: Events<'_, u64>,
            out: &mut Emit<u64>,
            cx: &mut Context<'_, Self>,
        ) -> Outcome {
            self.0.send((cx.subscription().unwrap(), None)).unwrap();
            out.extend(events);
            Outcome::Continue
        }

        fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
            self.0.send((cancellation.subscription, Some(cancellation.stage.pid()))).unwrap();
            Outcome::Continue
        }
    }

    seeds(20, |sim, log| {
        let (send, names) = channel();
        let producer = Counter::new("p", log).up_to(3).start(StageOptions::new()).unwrap();
        let middle = Names(send).start(StageOptions::new()).unwrap();
        let id = middle.sync_subscribe(&producer, demand(3, 0)).unwrap();
        sim.run_until_idle();
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&middle, demand(4, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..3));
        assert_eq!(names.try_iter().collect::<Vec<_>>(), [(id, None), (id, Some(producer.pid()))]);
    });
}

/// Section 12, the manual side: a `producer_consumer` may ask upstream itself.
#[test]
fn a_producer_consumer_may_ask_by_hand() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).manual().start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let id = middle.sync_subscribe(&producer, demand(2, 1)).unwrap();
        consumer.sync_subscribe(&middle, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.demands("p"), []);
        producer.ask(id, 7);
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.batches("m")), (vec![7], vec![range(0..7)]));
        assert_eq!(log.events("c"), range(0..7));
    });
}

/// Section 10: the output buffer of a `producer_consumer` has no bound unless it is given one.
#[test]
fn the_output_buffer_has_no_bound_by_default() {
    seeds(2, |sim, log| {
        let unbounded = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        unbounded.cast(Put(range(0..20_000)));
        let bounded = Middle::forwarder("b", log).start(StageOptions::new().buffer_size(7)).unwrap();
        bounded.cast(Put(range(0..10)));
        sim.run_until_idle();
        assert_eq!(unbounded.estimate_buffered_count(), Ok(20_000));
        assert_eq!((bounded.estimate_buffered_count(), log.discarded("b")), (Ok(7), vec![3]));
        assert_eq!(log.of("m"), Vec::<Seen>::new());
    });
}

/// A stop from `handle_cancel` waits for what the partitions hold, as an end that the mode demands does.
#[test]
fn a_stop_over_the_end_of_upstream_waits_for_what_the_partitions_hold() {
    for mode in [Cancel::Temporary, Cancel::Transient, Cancel::Permanent] {
        seeds(50, |sim, log| {
            let producer = Counter::new("p", log).up_to(6).start(StageOptions::new()).unwrap();
            let by_rest = PartitionDispatcher::by_key([0, 1], |event: &u64| event % 2).unwrap();
            let middle = Middle::forwarder("m", log).on_cancel_stop(ExitReason::other("done"));
            let middle = middle.start(StageOptions::new().dispatcher(by_rest)).unwrap();
            let even = Sink::new("even", log).ask_first(10).start(StageOptions::new()).unwrap();
            even.sync_subscribe(&middle, demand(10, 5).partition(0)).unwrap();
            middle.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
            sim.run_until_idle();
            producer.stop().unwrap();
            sim.run_until_idle();
            assert_eq!(log.events("even"), [0, 2, 4]);
            assert!(middle.is_alive(), "1, 3 and 5 wait in a partition that nobody has taken");
            let odd = Sink::new("odd", log).start(StageOptions::new()).unwrap();
            odd.sync_subscribe(&middle, demand(2, 1).partition(1)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.events("odd"), [1, 3, 5]);
            assert_eq!(log.cancels("m").iter().filter(|(_, reason)| *reason == ExitReason::Normal).count(), 1);
            assert_eq!(middle.exit_reason(), Some(ExitReason::other("done")));
        });
    }
}

/// What `handle_cancel` emits goes out before the mode ends the stage.
#[test]
fn what_the_end_of_upstream_emits_goes_out_before_the_stage_ends() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(3).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).on_cancel_emit(range(100..120)).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(4, 2)).unwrap();
        middle.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        producer.stop().unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), [range(0..3), range(100..120)].concat());
        assert!(!middle.is_alive() && !sink.is_alive());
    });
}

/// A cycle in which each event becomes two of the next smaller number. With little demand it comes to a standstill: each stage waits
/// for the other to ask. Nothing is lost, and where all has room there is no standstill.
#[test]
fn a_cycle_that_multiplies_events_stands_still_unless_demand_has_room_for_all() {
    for (options, is_done) in [(demand(2, 1), false), (demand(100, 0), true)] {
        seeds(50, |sim, log| {
            let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
            let two = |n| if n > 0 { vec![n - 1; 2] } else { Vec::new() };
            let double = Middle::new("m", log, two).start(StageOptions::new()).unwrap();
            let back = Middle::forwarder("b", log).start(StageOptions::new()).unwrap();
            back.sync_subscribe(&double, options).unwrap();
            double.sync_subscribe(&back, options).unwrap();
            double.sync_subscribe(&producer, demand(1, 0)).unwrap();
            producer.cast(Put(vec![6]));
            sim.run_until_idle();
            let (double, back) = (double.snapshot().unwrap(), back.snapshot().unwrap());
            let left = double.waiting + double.buffered + back.waiting + back.buffered;
            assert_eq!(left as u64, 1 + double.emitted - double.handled, "nothing is lost");
            assert_eq!((left == 0, double.handled == 127), (is_done, is_done), "{left} left");
        });
    }
}

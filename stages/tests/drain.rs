//! Stopping in order: what was taken is handled, and what was not is reported.

mod common;

use std::time::Duration;

use common::messages::{Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::core::{Address, Mailbox, Restart, Strategy, Supervisor, spawn_link};
use genstage::prelude::*;
use genstage::{CallError, DrainEnd, drain, sys};

const LONG: Duration = Duration::from_secs(60);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_pipeline_empties_and_ends_from_the_top() {
    seeds(100, |sim, log| {
        let counter = Counter::new("a", log).up_to(300).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("b", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).slow(ms(2)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(7, 3)).unwrap();
        middle.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(9));

        let report = counter.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert!(sim.now() < ms(1000), "it ends when all is handled");
        assert!(!counter.is_alive() && !middle.is_alive() && !sink.is_alive());
        let [from, between, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!(from.snapshot.pid, counter.pid());
        assert_eq!(from.snapshot.emitted, between.handled());
        assert_eq!(between.snapshot.emitted, to.handled());
        assert_eq!((from.left(), between.left(), to.left(), report.left()), (0, 0, 0, 0));
        let all: Vec<u64> = (0..from.snapshot.emitted).flat_map(|n| [n, n]).collect();
        assert_eq!(log.events("c"), all);
        for who in ["a", "b", "c"] {
            assert_eq!(log.of(who).last(), Some(&Seen::Terminate(ExitReason::Normal)), "{who}");
        }
    });
}

/// `Permanent` does not go with the first of two producers, `Temporary` goes with the last.
#[test]
fn a_stage_outlives_its_producers_whatever_the_modes() {
    for mode in [Cancel::Permanent, Cancel::Transient, Cancel::Temporary] {
        seeds(50, |sim, log| {
            let (quick, full) = (Counter::new("a", log), Counter::new("b", log).silent());
            let quick = quick.up_to(3).start(StageOptions::new()).unwrap();
            let full = full.start(StageOptions::new()).unwrap();
            full.call(Put(range(100..150))).unwrap();
            let sink = Sink::new("c", log).slow(ms(1)).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&quick, demand(10, 5).cancel(mode)).unwrap();
            sink.sync_subscribe(&full, demand(4, 2).cancel(mode)).unwrap();
            sim.run_for(ms(3));
            let report = drain(&[&quick, &full], LONG);
            assert!(report.is_complete(), "{mode:?} {report}");
            let mut events = log.events("c");
            events.sort_unstable();
            assert_eq!(events, [range(0..3), range(100..150)].concat());
            assert_eq!(log.cancels("c").len(), 2);
        });
    }
}

#[test]
fn nothing_more_is_taken_and_what_is_held_goes_out() {
    seeds(50, |sim, log| {
        let options = StageOptions::new().demand(DemandMode::Accumulate);
        let counter = Counter::new("a", log).start(options).unwrap();
        let sink = Sink::new("b", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        counter.call(Put(range(500..520))).unwrap();
        sim.run_until_idle();
        assert!(drain(&[&counter], LONG).is_complete());
        assert!(log.demands("a").is_empty(), "handle_demand is not called");
        assert_eq!(log.events("b"), range(500..520));
    });
}

/// The consumer asks for six by hand, and for no more.
#[test]
fn after_the_deadline_the_rest_is_stopped_and_reported() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        counter.call(Put(range(0..100))).unwrap();
        let sink = Sink::new("b", log).ask_first(6).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        let report = drain(&[&counter], ms(50));
        assert!(!report.is_complete() && !counter.is_alive() && !sink.is_alive());
        assert!(ms(50) <= sim.now() && sim.now() <= ms(50 + 300));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((&from.end, &to.end), (&DrainEnd::Stopped, &DrainEnd::Stopped));
        assert_eq!((to.handled(), to.left(), from.left()), (6, 0, 94), "{report}");
    });
}

#[test]
fn without_a_consumer_the_buffer_is_reported_as_left() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        counter.call(Put(range(0..5))).unwrap();
        let report = drain(&[&counter], ms(10));
        assert_eq!((report.left(), &report.stages[0].end), (5, &DrainEnd::Stopped));
        assert!(sim.now() >= ms(10) && !counter.is_alive());
    });
}

/// A consumer that crashes meanwhile takes what it had in hand with it; the report says so.
#[test]
fn a_crash_is_reported_with_what_was_lost() {
    seeds(50, |_, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        counter.call(Put(range(0..40))).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).panic_at(33).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(4, 2)).unwrap();
        let report = drain(&[&counter], ms(100));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert!(matches!(&to.end, DrainEnd::Ended(ExitReason::Panic(_))), "{report}");
        assert_eq!(to.handled(), 32);
        assert_eq!(from.left() + to.left(), 8, "{report}");
    });
}

/// It has another source; its cancel mode decides what the end of this one means to it.
#[test]
fn a_stage_with_other_producers_is_left_alone() {
    seeds(50, |sim, log| {
        let (ours, other) = (Counter::new("a", log).up_to(20), Counter::new("b", log).silent());
        let (ours, other) = (ours.start(StageOptions::new()).unwrap(), other.start(StageOptions::new()).unwrap());
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let own = Sink::new("d", log).start(StageOptions::new()).unwrap();
        for producer in [&ours, &other] {
            sink.sync_subscribe(producer, demand(4, 2).cancel(Cancel::Transient)).unwrap();
        }
        own.sync_subscribe(&ours, demand(4, 2)).unwrap();
        sim.run_until_idle();
        let report = drain(&[&ours], LONG);
        assert!(report.is_complete() && report.stages.len() == 2, "{report}");
        assert_eq!(report.left_alone, [sink.pid()]);
        assert!(sink.is_alive() && other.is_alive() && !own.is_alive());
        other.call(Put(vec![7])).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c").last(), Some(&7));
    });
}

fn halve(n: u64) -> Vec<u64> {
    if n == 0 { Vec::new() } else { vec![n / 2] }
}

/// Each number goes round, halved each time, until it is 0; a stage behind the cycle sees it each time. What goes back
/// is asked for in full, as otherwise a cycle may stand still for want of demand.
#[test]
fn a_cycle_ends_when_nothing_is_left_in_it() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let entry = Middle::forwarder("b", log).start(all).unwrap();
        let back = Middle::new("c", log, halve).start(StageOptions::new()).unwrap();
        let sink = Sink::new("d", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&entry, demand(10, 5)).unwrap();
        back.sync_subscribe(&entry, demand(10, 5)).unwrap();
        entry.sync_subscribe(&back, demand(1000, 500)).unwrap();
        entry.sync_subscribe(&counter, demand(4, 2)).unwrap();
        sim.run_for(ms(2));
        let report = drain(&[&counter], LONG);
        assert!(report.is_complete() && report.left_alone.is_empty(), "{report}");
        assert_eq!(report.stages.len(), 4);
        assert!(!counter.is_alive() && !entry.is_alive() && !back.is_alive() && !sink.is_alive());
        assert!(sim.now() < ms(1000), "at {:?}", sim.now());
        let emitted = report.stages[0].snapshot.emitted;
        let rounds = |n: u64| std::iter::successors(Some(n), |n| (*n > 0).then_some(n / 2));
        let mut expected: Vec<u64> = (0..emitted).flat_map(rounds).collect();
        let mut seen = log.events("d");
        expected.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, expected, "all of it is handled");
    });
}

/// One that lives on itself, then two that live on each other, then three: each ends when the one before has.
#[test]
fn cycles_end_one_after_the_other() {
    seeds(30, |sim, log| {
        let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
        let stage = |who| {
            let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
            Middle::new(who, log, |n| if n < 40 { vec![n + 20] } else { Vec::new() }).start(all).unwrap()
        };
        let (own, one, two) = (stage("b"), stage("c"), stage("d"));
        let (three, four, five) = (stage("e"), stage("f"), stage("g"));
        for (consumer, producer) in [
            (&own, &own),
            (&two, &one),
            (&one, &two),
            (&one, &own),
            (&four, &three),
            (&five, &four),
            (&three, &five),
            (&three, &two),
        ] {
            consumer.sync_subscribe(producer, demand(100, 50)).unwrap();
        }
        own.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(1));
        let report = counter.drain(LONG);
        assert!(report.is_complete() && report.left_alone.is_empty(), "{report}");
        assert_eq!(report.stages.len(), 7, "{report}");
        assert!(sim.now() < ms(1000), "at {:?}", sim.now());
    });
}

/// What goes round for ever is stopped, and reported. On real threads: virtual time stands still while there is work.
#[test]
fn a_cycle_that_never_runs_empty_is_stopped_when_the_time_is_over() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let counter = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
    let entry = map(|n: u64| n).start(StageOptions::new()).unwrap();
    let back = map(|n: u64| n).start(StageOptions::new()).unwrap();
    back.sync_subscribe(&entry, demand(10, 5)).unwrap();
    entry.sync_subscribe(&back, demand(10, 5)).unwrap();
    entry.sync_subscribe(&counter, demand(10, 5)).unwrap();
    let report = drain(&[&counter], ms(100));
    assert!(!report.is_complete() && report.left_alone.is_empty(), "{report}");
    assert_eq!(report.stages.len(), 3, "{report}");
    assert!(!counter.is_alive() && !entry.is_alive() && !back.is_alive());
}

/// It lives on a producer that goes on, and so do both.
#[test]
fn a_cycle_with_another_producer_is_left_alone() {
    seeds(20, |_, log| {
        let [ours, other] = ["a", "b"].map(|who| Counter::new(who, log).up_to(9).start(StageOptions::new()).unwrap());
        let (one, two) = (Middle::new("c", log, halve), Middle::forwarder("d", log));
        let (one, two) = (one.start(StageOptions::new()).unwrap(), two.start(StageOptions::new()).unwrap());
        two.sync_subscribe(&one, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        one.sync_subscribe(&two, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        one.sync_subscribe(&ours, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        two.sync_subscribe(&other, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        let report = drain(&[&ours], LONG);
        assert!(report.is_complete() && report.stages.len() == 1, "{report}");
        assert_eq!(report.left_alone, [one.pid(), two.pid()]);
        assert!(report.to_string().contains("left alone"), "{report}");
        assert!(one.is_alive() && two.is_alive());
    });
}

#[test]
fn partitions_and_broadcasts_are_drained() {
    seeds(50, |sim, log| {
        let split = PartitionDispatcher::by_key([0_u64, 1], |n: &u64| n % 2).unwrap();
        let split = Counter::new("a", log).up_to(60).start(StageOptions::new().dispatcher(split)).unwrap();
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let all = Middle::forwarder("b", log).start(all).unwrap();
        let sinks = ["c", "d"].map(|who| Sink::new(who, log).slow(ms(1)).start(StageOptions::new()).unwrap());
        for sink in &sinks {
            sink.sync_subscribe(&all, demand(6, 3)).unwrap();
        }
        all.sync_subscribe(&split, demand(5, 2).partition(0_u64)).unwrap();
        all.sync_subscribe(&split, demand(3, 1).partition(1_u64)).unwrap();
        sim.run_for(ms(7));
        let report = split.drain(LONG);
        assert!(report.is_complete(), "{report}");
        let emitted = report.stages[0].snapshot.emitted;
        for who in ["c", "d"] {
            let mut events = log.events(who);
            events.sort_unstable();
            assert_eq!(events, range(0..emitted));
        }
    });
}

/// But a crash has lost what there was, and who never was is not known to have had nothing.
#[test]
fn who_has_ended_normally_has_nothing_left_to_drain() {
    seeds(10, |sim, log| {
        let [done, failed] = ["a", "b"].map(|who| Counter::new(who, log).start(StageOptions::new()).unwrap());
        let living = Counter::new("c", log).start(StageOptions::new()).unwrap();
        done.cast(Die(ExitReason::Normal));
        failed.cast(Die(ExitReason::other("ill")));
        sim.run_until_idle();
        let report = drain(&[&done, &living], LONG);
        assert_eq!((report.stages.len(), &report.ended[..]), (1, &[(done.pid(), ExitReason::Normal)][..]));
        assert!(report.is_complete() && report.unreachable.is_empty(), "{report}");
        let report = drain(&[&failed], LONG);
        assert_eq!((report.stages.len(), &report.ended[..]), (0, &[(failed.pid(), ExitReason::other("ill"))][..]));
        assert!(!report.is_complete() && report.to_string().contains(&failed.pid().to_string()), "{report}");
        let report = drain(&[&named::<u64>("nobody")], LONG);
        assert_eq!(report.unreachable, [(Pid::NOBODY, CallError::NoProc)]);
        assert!(!report.is_complete() && report.ended.is_empty(), "{report}");
    });
}

#[test]
fn two_drains_at_once_are_one() {
    seeds(10, |_, log| {
        let counter = Counter::new("a", log).up_to(30).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(4, 2)).unwrap();
        let report = drain(&[&counter, &counter], LONG);
        assert!(report.is_complete() && report.stages.len() == 2, "{report}");
    });
}

#[test]
fn a_pipeline_on_real_threads_is_drained() {
    for _ in 0..20 {
        let numbers = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
        let doubled = map(|n: u64| n * 2).start(StageOptions::new()).unwrap();
        let (send, events) = std::sync::mpsc::channel();
        let sink = for_each(move |n: u64| {
            let _ = send.send(n);
        })
        .start(StageOptions::new())
        .unwrap();
        sink.sync_subscribe(&doubled, SubscriptionOptions::new().max_demand(50)).unwrap();
        doubled.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(50)).unwrap();
        assert_eq!(events.recv(), Ok(0));
        let report = numbers.drain(LONG);
        assert!(report.is_complete(), "{report}");
        let emitted = report.stages[0].snapshot.emitted;
        assert!(events.iter().eq((1..emitted).map(|n| n * 2)));
    }
}

/// What `init` left to continue with is done before a stage ends; a name stands for whoever has it.
#[test]
fn a_stage_is_drained_by_name_and_continues_first() {
    struct Late(Vec<u64>);
    struct Emit7;

    impl Producer for Late {
        type Event = u64;

        fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
            cx.continue_with(Emit7);
            Init::Continue
        }

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    impl HandleContinue<Emit7> for Late {
        fn handle_continue(&mut self, _: Emit7, cx: &mut Context<'_, Self>) -> Outcome {
            cx.out().extend(self.0.drain(..));
            Outcome::Continue
        }
    }

    seeds(50, |_, log| {
        let late = Late(range(0..7)).start(StageOptions::new().name("late")).unwrap();
        let options = StageOptions::new().subscribe_to(&Late::named("late"), demand(4, 2));
        let sink = Sink::new("c", log).start(options).unwrap();
        let report = Late::named("late").drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert!(!late.is_alive() && !sink.is_alive());
        assert_eq!(log.events("c"), range(0..7));
        let again = Late::named("late").drain(LONG);
        assert_eq!((again.stages.len(), again.unreachable), (0, vec![(Pid::NOBODY, CallError::NoProc)]));
    });
}

/// Keeps what it was told until it is asked.
#[derive(Clone)]
struct Queue(std::collections::VecDeque<u64>, Log);

impl Producer for Queue {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        self.1.note("a", Seen::Demand(demand));
        out.extend(self.0.drain(..demand.min(self.0.len())));
        cx.still_holds(self.0.len());
        Outcome::Continue
    }

    fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
        self.1.note("a", Seen::Info("drain"));
        self.0.len()
    }
}

#[test]
fn a_producer_gives_what_it_keeps_itself_before_it_ends() {
    seeds(50, |_, log| {
        let queue = Queue(range(0..100).into(), log.clone()).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&queue, demand(10, 5)).unwrap();
        let report = queue.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("b"), range(0..100));
        assert_eq!(log.infos("a"), ["drain"], "once");
        assert_eq!(log.demands("a").iter().sum::<usize>(), 100, "and it is asked for nothing when it has nothing");
    });
}

#[test]
fn what_a_producer_keeps_itself_is_reported_as_left() {
    seeds(50, |_, log| {
        let queue = Queue(range(0..100).into(), log.clone()).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).ask_first(6).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&queue, demand(10, 5)).unwrap();
        let report = queue.drain(ms(50));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((from.held, from.left(), to.handled(), &from.end), (94, 94, 6, &DrainEnd::Stopped), "{report}");
    });
}

/// Hands on sums of four, and in a drain what is left over.
#[test]
fn a_stage_in_the_middle_gives_what_it_has_kept_of_its_input() {
    struct Sums(Vec<u64>);

    impl ProducerConsumer for Sums {
        type In = u64;
        type Out = u64;

        fn handle_events(
            &mut self,
            events: Events<'_, u64>,
            out: &mut Emit<u64>,
            _: &mut Context<'_, Self>,
        ) -> Outcome {
            for event in events {
                self.0.push(event);
                if self.0.len() == 4 {
                    out.push(self.0.drain(..).sum());
                }
            }
            Outcome::Continue
        }

        fn handle_drain(&mut self, cx: &mut Context<'_, Self>) -> usize {
            cx.out().push(self.0.drain(..).sum());
            0
        }
    }

    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
        let sums = Sums(Vec::new()).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&sums, demand(1, 0)).unwrap();
        sums.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(10));
        assert!(counter.drain(LONG).is_complete());
        assert_eq!(log.events("c"), [1 + 2 + 3, 4 + 5 + 6 + 7, 8 + 9]);
    });
}

/// Is done with its event after so long.
fn child(event: u64, time: Duration, done: impl FnOnce(u64) + Send + 'static) -> Address<()> {
    spawn_link(move |mailbox: Mailbox<()>| async move {
        mailbox.within(time, mailbox.receive()).await;
        done(event);
    })
}

/// With any mode: also where a permanent end would stop the children.
#[test]
fn a_consumer_supervisor_waits_for_its_children() {
    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(50, |sim, log| {
            let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
            let note = log.clone();
            let done = move |event| note.note("child", Seen::Batch(vec![event]));
            let children = ConsumerSupervisor::with_start(move |event| Ok(child(event, ms(10 + event), done.clone())));
            let children = children.start_link(StageOptions::new()).unwrap();
            children.sync_subscribe(&counter, demand(4, 0).cancel(mode)).unwrap();
            sim.run_for(ms(5));
            let report = counter.drain(LONG);
            assert!(report.is_complete() && !children.is_alive(), "{report}");
            assert_eq!(log.events("child"), range(0..report.stages[0].snapshot.emitted), "each has come to its end");
            assert!(sim.now() < ms(100), "and nobody waits for longer");
        });
    }
}

#[test]
fn children_that_take_too_long_are_stopped_and_reported() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(3).start(StageOptions::new()).unwrap();
        let time = |event| if event == 0 { ms(1) } else { LONG };
        let children = ConsumerSupervisor::with_start(move |event| Ok(child(event, time(event), |_| {})));
        let children = children.start_link(StageOptions::new()).unwrap();
        children.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(5));
        let running = children.which_children().unwrap();
        let pids: Vec<Pid> = running.iter().filter_map(|child| child.state.pid()).collect();
        let report = counter.drain(ms(50));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((&from.end, &to.end), (&DrainEnd::Drained, &DrainEnd::Stopped), "{report}");
        assert_eq!((to.handled(), to.held, to.left(), report.is_complete()), (3, 2, 2, false));
        assert!(pids.len() == 2 && pids.iter().all(|pid| !genstage::Peer::from(*pid).is_alive()));
        assert_eq!(children.exit_reason(), Some(ExitReason::Shutdown), "in order, though it traps exits");
        assert!(sim.now() <= ms(5 + 50 + 300));
    });
}

/// A callback that does not return cannot be interrupted: the report comes all the same.
#[test]
fn who_does_not_return_in_time_is_reported_as_stuck() {
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl Consumer for Stuck {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }

        fn handle_cancel(&mut self, _: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
            let _ = genstage::core::may_block(|| self.0.recv());
            Outcome::Continue
        }
    }

    let (release, released) = std::sync::mpsc::channel::<()>();
    let numbers = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
    let stuck = Stuck(released).start(StageOptions::new()).unwrap();
    stuck.sync_subscribe(&numbers, demand(4, 2)).unwrap();
    let report = numbers.drain(ms(50));
    let [from, to] = &report.stages[..] else { panic!("{report}") };
    assert_eq!((&from.end, &to.end), (&DrainEnd::Drained, &DrainEnd::Stuck), "{report}");
    assert!(!report.is_complete() && report.unreachable.is_empty(), "{report}");
    drop(release);
    assert_eq!(stuck.wait(), Ok(()));
}

#[test]
fn names_and_child_handles_are_drained_and_drawn() {
    seeds(20, |sim, log| {
        let spec = Queue(range(0..5).into(), log.clone());
        let spec = spec.child_spec(|| StageOptions::new().name("queue"));
        let child = spec.handle();
        let tree = Supervisor::new(Strategy::OneForOne).child(spec.restart(Restart::Temporary)).start_link().unwrap();
        let middle = Middle::forwarder("b", log).start(StageOptions::new().name("middle")).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(4, 2)).unwrap();
        middle.sync_subscribe(&child, demand(4, 2)).unwrap();
        sim.run_until_idle();
        for queue in [&child as &dyn genstage::AnyStage, &named::<u64>("queue"), &Queue::named("queue")] {
            assert_eq!(genstage::graph(&[queue]).stages.len(), 3);
            assert_eq!(genstage::snapshot(queue).unwrap().emitted, 5);
        }
        let between = drain(&[&named::<u64>("middle")], LONG);
        assert_eq!(between.stages.len(), 0, "its producer goes on");
        assert_eq!(between.left_alone, [middle.pid(), sink.pid()]);
        assert!(middle.is_alive());
        assert!(drain(&[&child, &named::<u64>("queue")], LONG).is_complete());
        assert!(!middle.is_alive() && !sink.is_alive());
        assert_eq!(genstage::snapshot(&child), Err(CallError::NoProc));
        tree.stop().unwrap();
    });
}

/// What was pushed is given, and who pushes more has it back.
#[test]
fn a_feed_gives_what_it_has_and_takes_nothing_more() {
    seeds(50, |_, log| {
        let (feed, source) = genstage::feed(10);
        let source = source.start(StageOptions::new()).unwrap();
        for event in 0..10 {
            feed.send(event).unwrap();
        }
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, demand(3, 1)).unwrap();
        let report = source.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("b"), range(0..10));
        assert!(feed.is_closed());
        assert_eq!(feed.send(10), Err(genstage::FeedError::Closed(10)));
    });
}

/// Nothing leads from the dead to who has their events, but those who are given, or are of one pipeline.
#[test]
fn a_source_that_has_ended_does_not_hide_who_has_its_events() {
    seeds(50, |sim, log| {
        let held_back = StageOptions::new().demand(DemandMode::Accumulate);
        let source = from_enumerable(0..50_u64).start(held_back).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, demand(60, 30)).unwrap();
        sys::suspend(&sink).unwrap();
        source.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert!(!source.is_alive() && log.events("c").is_empty());
        assert_eq!(drain(&[&source], LONG).stages.len(), 0, "nobody knows whom it fed");
        sys::resume(&sink).unwrap();
        let report = drain(&[&source, &sink], LONG);
        assert_eq!(report.ended, [(source.pid(), ExitReason::Normal)]);
        assert!(report.is_complete(), "{report}");
        let [last] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((last.handled(), last.left(), sink.is_alive()), (50, 0, false));
        assert_eq!(log.events("c"), range(0..50));
    });
    seeds(50, |sim, log| {
        let seen = log.clone();
        let note = move |n: u64| {
            common::nap(ms(1));
            seen.note("c", Seen::Batch(vec![n]));
        };
        let running = pipeline::from_iter(0..50_u64).map(|n| n + 1).for_each(note).start().unwrap();
        sim.run_for(ms(9));
        let report = running.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("c"), range(1..51));
        assert_eq!(running.join(), Ok(()));
    });
}

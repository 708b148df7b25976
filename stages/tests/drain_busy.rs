//! A drain beside callbacks that do not return: who is in one is neither waited for longer than others nor forgotten, every event
//! is in a number, and who lives on drained stages alone ends when the callback returns.

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::messages::Put;
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::core::{Mailbox, may_block, monotonic_time, sleep, spawn};
use genstage::prelude::*;
use genstage::{CallError, DrainEnd, DrainReport, DrainedStage, drain, graph_within};

const LONG: Duration = Duration::from_secs(60);
/// Longer than any drain here.
const BUSY: Duration = Duration::from_secs(2);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Work on batches. On the one with a certain event it takes so long, and nothing can interrupt it.
#[derive(Clone)]
struct Busy {
    who: &'static str,
    log: Log,
    at: u64,
    time: Duration,
}

impl Busy {
    fn new(who: &'static str, log: &Log, at: u64) -> Self {
        Self { who, log: log.clone(), at, time: BUSY }
    }

    fn work(&self, events: &Events<'_, u64>) {
        if events.as_slice().contains(&self.at) {
            sleep(self.time);
        }
        self.log.note(self.who, Seen::Batch(events.as_slice().to_vec()));
    }
}

struct Last(Busy);

impl Consumer for Last {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.0.work(&events);
        Outcome::Continue
    }
}

struct Between(Busy);

impl ProducerConsumer for Between {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.0.work(&events);
        out.extend(events);
        Outcome::Continue
    }
}

/// Emits what it is asked for; before it emits a certain event it takes that long.
struct First(Busy, u64);

impl Producer for First {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        let next = self.1;
        self.1 += demand as u64;
        if (next..self.1).contains(&self.0.at) {
            sleep(self.0.time);
        }
        out.extend(next..self.1);
        Outcome::Continue
    }
}

/// From a process of its own, five milliseconds later. In a simulation callbacks that have begun by then do not go on before it has
/// come back: they are below it on the stack.
fn five_ms_later(work: impl FnOnce() -> DrainReport + Send + 'static) -> Arc<Mutex<Option<DrainReport>>> {
    let slot = Arc::new(Mutex::new(None));
    let there = Arc::clone(&slot);
    spawn(move |mailbox: Mailbox<()>| async move {
        mailbox.sleep(ms(5)).await;
        *there.lock().unwrap() = Some(work());
    });
    slot
}

/// Its end, how much it handled, and how much it had left.
fn of(stage: &DrainedStage) -> (&DrainEnd, u64, u64) {
    (&stage.end, stage.handled(), stage.left())
}

/// Producers that emit what they are told, and nothing before: so that all is in place when events begin to flow.
fn silent(who: &'static str, log: &Log) -> ProducerRef<Counter> {
    Counter::new(who, log).silent().start(StageOptions::new()).unwrap()
}

#[test]
fn a_consumer_that_does_not_return_is_stuck_and_ends_when_it_does() {
    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(30, |sim, log| {
            let counter = silent("a", log);
            let sink = Last(Busy::new("b", log, 5)).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&counter, demand(10, 5).cancel(mode)).unwrap();
            counter.cast(Put(range(0..20)));
            let (root, to) = (counter.clone(), sink.clone());
            let report = five_ms_later(move || {
                let report = drain(&[&root], ms(50));
                assert!(ms(55) <= monotonic_time() && monotonic_time() <= ms(55 + 300));
                assert!(!to.is_alive(), "bound to end");
                report
            });
            sim.run_until_idle();
            let report = report.lock().unwrap().take().unwrap();
            let [from, to] = &report.stages[..] else { panic!("{report}") };
            // The first five are handled and asked for again; ten are in its hands or before it.
            assert_eq!((from.snapshot.emitted, of(from)), (20, (&DrainEnd::Stopped, 0, 5)), "{report}");
            assert_eq!((of(to), to.under_way), ((&DrainEnd::Stuck, 5, 10), 5), "{report}");
            assert!(!report.is_complete() && report.unreachable.is_empty() && report.left_alone.is_empty());
            assert!(!counter.is_alive());
            assert_eq!(sink.exit_reason(), Some(ExitReason::Shutdown));
            assert_eq!(log.events("b"), range(0..10), "the callback itself came to its end");
        });
    }
}

/// What is behind it is not kept from its answer, nor does it outlive it.
#[test]
fn stages_behind_one_that_does_not_return_are_drained_too() {
    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(30, |sim, log| {
            let counter = silent("a", log);
            let middle = Between(Busy::new("b", log, 5)).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&middle, demand(10, 5).cancel(mode)).unwrap();
            middle.sync_subscribe(&counter, demand(10, 5).cancel(mode)).unwrap();
            counter.cast(Put(range(0..20)));
            let root = counter.clone();
            let report = five_ms_later(move || drain(&[&root], ms(50)));
            sim.run_until_idle();
            let report = report.lock().unwrap().take().unwrap();
            let [from, between, to] = &report.stages[..] else { panic!("{report}") };
            assert_eq!((from.snapshot.emitted, of(from)), (20, (&DrainEnd::Stopped, 0, 5)), "{report}");
            assert_eq!((between.snapshot.emitted, of(between)), (5, (&DrainEnd::Stuck, 5, 10)), "{report}");
            assert_eq!(of(to), (&DrainEnd::Stopped, 5, 0), "{report}");
            assert!(report.unreachable.is_empty() && report.left() == 15);
            assert!(!counter.is_alive() && !middle.is_alive() && !sink.is_alive());
            assert_eq!(log.events("c"), range(0..5), "what it emits at the end goes nowhere");
        });
    }
}

/// What it has emitted before is handled, and its consumers are known without it.
#[test]
fn a_producer_that_does_not_return_hides_nobody() {
    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(30, |sim, log| {
            let first = First(Busy::new("a", log, 10), 0).start(StageOptions::new()).unwrap();
            let middle = Between(Busy::new("b", log, u64::MAX)).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&middle, demand(10, 5).cancel(mode)).unwrap();
            let root = first.clone();
            let report = five_ms_later(move || drain(&[&root], ms(50)));
            middle.async_subscribe(&first, demand(10, 5).cancel(mode));
            sim.run_until_idle();
            let report = report.lock().unwrap().take().unwrap();
            let [from, between, to] = &report.stages[..] else { panic!("{report}") };
            assert_eq!((from.snapshot.emitted, of(from)), (10, (&DrainEnd::Stuck, 0, 0)), "{report}");
            assert_eq!(of(between), (&DrainEnd::Stopped, 10, 0), "{report}");
            assert_eq!(of(to), (&DrainEnd::Stopped, 10, 0), "{report}");
            assert!(!report.is_complete() && report.unreachable.is_empty());
            assert!(!first.is_alive() && !middle.is_alive() && !sink.is_alive());
        });
    }
}

/// Neither says how many it was sent by the other: their subscription does.
#[test]
fn of_two_in_a_row_every_event_is_counted() {
    seeds(30, |sim, log| {
        let counter = silent("a", log);
        let one = Between(Busy::new("b", log, 5)).start(StageOptions::new()).unwrap();
        let two = Between(Busy::new("c", log, 0)).start(StageOptions::new()).unwrap();
        let sink = Sink::new("d", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&two, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        two.sync_subscribe(&one, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        one.sync_subscribe(&counter, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        counter.cast(Put(range(0..20)));
        let root = counter.clone();
        let report = five_ms_later(move || drain(&[&root], ms(50)));
        sim.run_until_idle();
        let report = report.lock().unwrap().take().unwrap();
        let ends: Vec<_> = report.stages.iter().map(of).collect();
        let (stopped, stuck) = (&DrainEnd::Stopped, &DrainEnd::Stuck);
        assert_eq!(ends, [(stopped, 0, 5), (stuck, 5, 10), (stuck, 0, 5), (stopped, 0, 0)], "{report}");
        assert_eq!(report.left(), 20, "all of it");
        assert!(!counter.is_alive() && !one.is_alive() && !two.is_alive() && !sink.is_alive());
        assert!(log.events("d").is_empty());
    });
}

/// It lives on another producer: it is left alone without being asked, and lives on.
#[test]
fn one_that_does_not_return_and_has_another_producer_is_left_alone() {
    seeds(30, |sim, log| {
        let (ours, other) = (silent("a", log), silent("b", log));
        let sink = Last(Busy::new("c", log, 0)).start(StageOptions::new()).unwrap();
        let own = Sink::new("d", log).start(StageOptions::new()).unwrap();
        for producer in [&ours, &other] {
            sink.sync_subscribe(producer, demand(10, 5).cancel(Cancel::Transient)).unwrap();
        }
        own.sync_subscribe(&ours, demand(4, 2)).unwrap();
        ours.cast(Put(range(0..10)));
        let root = ours.clone();
        let report = five_ms_later(move || {
            let report = drain(&[&root], LONG);
            assert_eq!(monotonic_time(), ms(5), "nobody is waited for");
            report
        });
        sim.run_until_idle();
        let report = report.lock().unwrap().take().unwrap();
        assert!(report.is_complete() && report.stages.len() == 2, "{report}");
        assert_eq!((&report.left_alone[..], &report.unreachable[..]), (&[sink.pid()][..], &[][..]));
        assert!(sink.is_alive() && other.is_alive() && !ours.is_alive() && !own.is_alive());
        other.call(Put(vec![77])).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c").last(), Some(&77));
        assert_eq!(log.events("c").len() + log.events("d").len(), 11);
    });
}

/// It is told to subscribe before the drain begins, and does so after.
#[test]
fn one_that_finds_another_producer_meanwhile_is_left_alone() {
    seeds(30, |sim, log| {
        let (ours, other) = (silent("a", log), silent("b", log));
        let middle = Middle::forwarder("c", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("d", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(4, 2).cancel(Cancel::Transient)).unwrap();
        middle.sync_subscribe(&ours, demand(4, 2).cancel(Cancel::Transient)).unwrap();
        ours.cast(Put(range(0..10)));
        middle.async_subscribe(&other, demand(4, 2).cancel(Cancel::Transient));
        let report = drain(&[&ours], ms(50));
        assert!(report.is_complete() && report.stages.len() == 1, "{report}");
        assert_eq!(report.left_alone, [middle.pid(), sink.pid()]);
        other.call(Put(vec![77])).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("d"), [range(0..10), vec![77]].concat());
        assert!(middle.is_alive() && sink.is_alive());
        other.stop().unwrap();
        sim.run_until_idle();
        assert!(middle.is_alive(), "it is not drained any more, and its cancel mode decides");
    });
}

/// A cycle ends beside it, though it is behind the cycle.
#[test]
fn a_cycle_does_not_wait_for_one_that_does_not_return() {
    seeds(30, |sim, log| {
        let counter = silent("a", log);
        let all = || StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let entry = Middle::forwarder("b", log).start(all()).unwrap();
        let back = Middle::new("c", log, |n| if n == 0 { Vec::new() } else { vec![n / 2] });
        let back = back.start(StageOptions::new()).unwrap();
        let sink = Last(Busy::new("d", log, 3)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&entry, demand(100, 50)).unwrap();
        back.sync_subscribe(&entry, demand(100, 50)).unwrap();
        entry.sync_subscribe(&back, demand(1000, 500)).unwrap();
        entry.sync_subscribe(&counter, demand(4, 2)).unwrap();
        counter.cast(Put(vec![3]));
        let root = counter.clone();
        let report = five_ms_later(move || drain(&[&root], ms(500)));
        sim.run_until_idle();
        let report = report.lock().unwrap().take().unwrap();
        let ends: Vec<_> = report.stages.iter().map(of).collect();
        let (drained, stuck) = (&DrainEnd::Drained, &DrainEnd::Stuck);
        assert_eq!(ends, [(drained, 0, 0), (drained, 3, 0), (drained, 3, 0), (stuck, 0, 3)], "{report}");
        assert!(!sink.is_alive());
    });
}

/// A graph shows the subscriptions of who does not answer, and asks all at once.
#[test]
fn a_graph_shows_what_is_joined_to_one_that_does_not_return() {
    seeds(30, |sim, log| {
        let counter = silent("a", log);
        let middle = Between(Busy::new("b", log, 5)).start(StageOptions::new().name("between")).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(10, 5)).unwrap();
        middle.sync_subscribe(&counter, demand(10, 5)).unwrap();
        counter.cast(Put(range(0..20)));
        let (root, pids) = (counter.clone(), [counter.pid(), middle.pid(), sink.pid()]);
        let seen = five_ms_later(move || {
            let graph = graph_within(&[&root], ms(50));
            assert_eq!(graph.unreachable, [(pids[1], CallError::Timeout)]);
            let stages: Vec<_> = graph.stages.iter().map(|stage| stage.pid).collect();
            assert_eq!(stages, pids, "it is called by its name, and shows what others can see of it");
            let busy = graph.stage(pids[1]).unwrap();
            assert_eq!((busy.name.as_deref(), busy.emitted, busy.waiting), (Some("between"), 5, 0));
            assert!(graph.to_mermaid().contains("[\"between"));
            let events =
                |edge: &genstage::Edge| (edge.producer, edge.consumer, edge.sent.events, edge.received.unwrap().events);
            let edges: Vec<_> = graph.edges.iter().map(events).collect();
            assert_eq!(edges, [(pids[1], pids[2], 5, 5), (pids[0], pids[1], 15, 10)]);
            DrainReport::default()
        });
        sim.run_until_idle();
        assert!(seen.lock().unwrap().is_some());
    });
}

/// On real threads: in a simulation nobody can be in a callback from before the drain until its middle.
#[test]
fn one_that_returns_in_time_is_drained_like_any_other() {
    struct Held(Sender<()>, Receiver<()>);

    impl Consumer for Held {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            let _ = self.0.send(());
            let _ = may_block(|| self.1.recv());
            Outcome::Continue
        }
    }

    struct Source(Sender<()>);

    impl Producer for Source {
        type Event = u64;

        fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            out.extend(0..demand as u64);
            Outcome::Continue
        }

        fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
            let _ = self.0.send(());
        }
    }

    for mode in [Cancel::Permanent, Cancel::Temporary] {
        let ((enter, entered), (release, released), (over, ended)) = (channel(), channel(), channel());
        let source = Source(over).start(StageOptions::new()).unwrap();
        let sink = Held(enter, released).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, demand(10, 5).cancel(mode)).unwrap();
        entered.recv().unwrap();
        let root = source.clone();
        let report = std::thread::spawn(move || root.drain(LONG));
        ended.recv().unwrap();
        drop(release);
        let report = report.join().unwrap();
        assert!(report.is_complete(), "{report}");
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((from.snapshot.emitted, to.handled(), to.under_way), (10, 10, 0), "{report}");
        assert_eq!(sink.exit_reason(), Some(ExitReason::Normal));
    }
}

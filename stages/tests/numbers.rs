//! The numbers of stages and graphs: they are exact, and add up.

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use common::messages::{Die, Mark, Put};
use common::probes::{Counter, Middle, Sink};
use common::sloppy::Sloppy;
use common::{Log, demand, range, seeds};
use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};
use genstage::prelude::*;
use genstage::{CallError, Discarded, StageKind, Times, graph};
use genstage_core::{Process, ProcessContext};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Section 7: 10 asked for at first, and 5 with each batch of 5.
#[test]
fn every_event_batch_and_ask_is_counted_on_both_sides() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(25).start(StageOptions::new().name("counter")).unwrap();
        let sink = Sink::new("b", log).start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_until_idle();

        let (from, to) = (counter.snapshot().unwrap(), sink.snapshot().unwrap());
        assert_eq!((from.kind, from.name.as_deref()), (StageKind::Producer, Some("counter")));
        assert_eq!((to.kind, to.name), (StageKind::Consumer, None));
        assert_eq!((from.emitted, from.owed, from.buffered, from.discarded), (25, 10, 0, Discarded::default()));
        assert_eq!((from.output.events, from.output.asks, from.output.asked), (25, 6, 35));
        assert_eq!(from.output, to.input);
        assert_eq!(from.output.demand(), 10);
        assert_eq!(from.output.batches, log.demands("a").len() as u64 - 2, "the last two demands met nothing");
        assert_eq!((to.handled, to.batches, to.waiting), (25, 5, 0));
        let (sent, got) = (&from.consumers[0], &to.producers[0]);
        assert_eq!((sent.id, sent.peer, sent.flow), (id, sink.pid(), from.output));
        assert_eq!((got.id, got.peer, got.flow), (id, counter.pid(), to.input));
        assert_eq!((sent.unacknowledged, from.unacknowledged), (0, 0));
        assert_eq!((from.consumers.len(), to.producers.len(), from.inbox), (1, 1, 0));
    });
}

fn sum(times: &Times) -> Duration {
    times.busy + times.runnable + times.waiting_for_demand + times.waiting_for_events
}

/// A batch of 5 takes 1 ms; at 4 ms the producer has no more.
#[test]
fn the_time_is_split_into_busy_and_what_was_waited_for() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).up_to(25).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(10));

        let (from, to) = (counter.snapshot().unwrap().times, sink.snapshot().unwrap().times);
        assert_eq!((to.alive, to.busy, to.waiting_for_events), (ms(10), ms(5), ms(5)));
        assert_eq!((from.alive, from.busy), (ms(10), ms(0)));
        assert_eq!((from.waiting_for_demand, from.waiting_for_events), (ms(4), ms(6)));
        assert_eq!(to.waiting_for_demand, ms(0));
        assert_eq!((from.runnable, to.runnable), (ms(0), ms(0)), "virtual time stands still for who has mail");
    });
}

/// The stage in the middle stands still for want of demand.
#[test]
fn input_that_waits_for_demand_is_counted_as_waiting() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).start(StageOptions::new()).unwrap();
        let middle = Middle::doubler("b", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).ask_first(4).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, SubscriptionOptions::new()).unwrap();
        middle.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(3));

        let seen = middle.snapshot().unwrap();
        assert_eq!(seen.kind, StageKind::ProducerConsumer);
        // The message of 10 is taken up whole; the two of 5 that its asks brought wait.
        assert_eq!((seen.input.events, seen.handled, seen.waiting), (20, 10, 10));
        assert_eq!((seen.emitted, seen.output.events, seen.buffered), (20, 4, 16));
        assert_eq!(seen.times.waiting_for_demand, ms(3));
        assert_eq!((seen.producers.len(), seen.consumers.len()), (1, 1));
    });
}

#[test]
fn what_is_discarded_is_counted_by_cause() {
    seeds(20, |sim, log| {
        let full = Counter::new("a", log).silent().start(StageOptions::new().buffer_size(3)).unwrap();
        full.call(Put(range(0..10))).unwrap();
        let seen = full.snapshot().unwrap();
        assert_eq!((seen.emitted, seen.buffered, seen.discarded.buffer_full, seen.discarded.total()), (10, 3, 7, 7));

        let hash = |event: u64| match event {
            0 => None,
            1 => panic!("one"),
            _ => Some((event, event)),
        };
        let split = PartitionDispatcher::with_hash([2_u64], hash).unwrap();
        let split = Counter::new("b", log).silent().start(StageOptions::new().dispatcher(split)).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&split, demand(10, 5).partition(2_u64)).unwrap();
        sim.run_until_idle();
        split.call(Put(vec![0, 1, 2, 3, 0, 2, 3, 3])).unwrap();
        let seen = split.snapshot().unwrap();
        assert_eq!((seen.emitted, seen.output.events, seen.filtered), (8, 2, 2));
        assert_eq!((seen.discarded.unknown_partition, seen.discarded.hash_panicked, seen.discarded.total()), (3, 1, 4));
    });
}

/// The equation of the snapshot, with each of its terms but those of partitions.
#[test]
fn what_a_dispatcher_sends_to_nobody_is_in_the_balance() {
    seeds(20, |sim, log| {
        let options = StageOptions::new().buffer_size(5).dispatcher(Sloppy::default());
        let sloppy = Counter::new("a", log).silent().start(options).unwrap();
        let sink = Sink::new("b", log).ask_first(10).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&sloppy, demand(10, 5)).unwrap();
        sim.run_until_idle();
        sloppy.call(Put(range(0..30))).unwrap();
        sim.run_until_idle();
        let seen = sloppy.snapshot().unwrap();
        let discarded = seen.discarded;
        assert_eq!((seen.output.events, seen.buffered), (6, 5));
        assert_eq!((discarded.unknown_subscription, discarded.buffer_full, discarded.total()), (4, 15, 19));
        let lost = discarded.buffer_full + discarded.unknown_subscription;
        assert_eq!(seen.emitted + seen.redelivered, seen.output.events + seen.buffered as u64 + seen.filtered + lost);
        assert_eq!(log.events("b"), [1, 2, 4, 5, 7, 8]);
        assert_eq!(log.discarded("a"), [15, 4], "those of a dispatch together");
    });
}

/// Serves like the demand dispatcher, but drops what is odd, and says so or not.
#[derive(Debug)]
struct EvenOnly(DemandDispatcher, Says);

#[derive(Debug, PartialEq)]
enum Says {
    Why,
    Nothing,
}

impl Dispatcher<u64> for EvenOnly {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        self.0.subscribe(id, subscriber)
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        self.0.ask(id, count, out);
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        self.0.cancel(id, out);
    }

    fn demand(&self) -> usize {
        Dispatcher::<u64>::demand(&self.0)
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        let all = events.len();
        events.retain(|event| event.is_multiple_of(2));
        if self.1 == Says::Why {
            out.discard(all - events.len(), "odd");
        }
        self.0.dispatch(events, out);
    }
}

/// What it says of them makes no difference to the sum.
fn what_is_odd_is_discarded(says: fn() -> Says) {
    seeds(20, |sim, log| {
        let options = StageOptions::new().buffer_size(5).dispatcher(EvenOnly(DemandDispatcher::new(), says()));
        let even = Counter::new("a", log).silent().start(options).unwrap();
        let sink = Sink::new("b", log).ask_first(10).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&even, demand(10, 5)).unwrap();
        sim.run_until_idle();
        even.call(Put(range(0..11))).unwrap();
        sim.run_until_idle();
        let seen = even.snapshot().unwrap();
        assert_eq!((seen.emitted, seen.output.events, seen.filtered, seen.buffered), (11, 6, 0, 0));
        assert_eq!((seen.discarded.other, seen.discarded.total()), (5, 5));
        assert_eq!(log.events("b"), [0, 2, 4, 6, 8, 10]);
        assert_eq!(log.discarded("a"), [5], "those of a dispatch together");
    });
}

#[test]
fn what_a_dispatcher_discards_by_a_rule_of_its_own_is_in_the_balance() {
    what_is_odd_is_discarded(|| Says::Why);
}

#[test]
fn what_a_dispatcher_loses_without_a_word_is_in_the_balance() {
    what_is_odd_is_discarded(|| Says::Nothing);
}

#[test]
fn what_all_selectors_reject_is_filtered() {
    seeds(20, |sim, log| {
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let counter = Counter::new("a", log).up_to(30).start(all.demand(DemandMode::Accumulate)).unwrap();
        let (two, three) = (Sink::new("b", log), Sink::new("c", log));
        let (two, three) = (two.start(StageOptions::new()).unwrap(), three.start(StageOptions::new()).unwrap());
        two.sync_subscribe(&counter, demand(10, 5).selector(|n: &u64| n.is_multiple_of(2))).unwrap();
        three.sync_subscribe(&counter, demand(10, 5).selector(|n: &u64| n.is_multiple_of(3))).unwrap();
        counter.demand(DemandMode::Forward);
        sim.run_until_idle();
        let seen = counter.snapshot().unwrap();
        assert_eq!((seen.emitted, seen.output.events, seen.filtered), (30, 15 + 10, 10));
    });
}

/// 10 were sent, 5 of them acknowledged by an ask.
#[test]
fn what_was_sent_to_the_dead_is_written_off() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).panic_at(7).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_until_idle();
        let seen = counter.snapshot().unwrap();
        assert_eq!((seen.emitted, seen.output.events, seen.unacknowledged, seen.redelivered), (10, 10, 5, 0));
        assert_eq!((seen.consumers.len(), seen.output.demand()), (0, 0), "the demand of the dead is gone");
    });
}

#[test]
fn the_dead_and_the_caller_itself_give_no_numbers() {
    seeds(5, |sim, log| {
        let counter = Counter::new("a", log).start(StageOptions::new()).unwrap();
        counter.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!(counter.snapshot(), Err(CallError::NoProc));
        let all = graph(&[&counter]);
        assert_eq!((all.stages.len(), all.edges.len()), (0, 0));
        assert_eq!(all.unreachable, [(counter.pid(), CallError::NoProc)]);
    });
}

#[test]
fn a_graph_is_followed_both_ways_and_drawn() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).up_to(4).start(StageOptions::new().name("say \"a\"")).unwrap();
        let middle = Middle::doubler("b", log).start(StageOptions::new().name("doubler")).unwrap();
        let sinks = ["left", "right"].map(|name| Sink::new(name, log).start(StageOptions::new().name(name)).unwrap());
        for sink in &sinks {
            sink.sync_subscribe(&middle, demand(100, 50)).unwrap();
        }
        middle.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_until_idle();

        for root in [graph(&[&counter]), graph(&[&sinks[1]]), graph(&[&middle, &counter])] {
            assert_eq!((root.stages.len(), root.edges.len(), root.unreachable.len()), (4, 3, 0));
            assert!(root.edges.iter().all(|edge| Some(edge.sent) == edge.received));
            let mermaid = "flowchart LR\n    \
                s0[\"say #quot;a#quot;<br/>4 emitted\"]\n    \
                s1[\"doubler<br/>4 handled<br/>8 emitted\"]\n    \
                s2[\"left<br/>8 handled\"]\n    \
                s3[\"right\"]\n    \
                s1 -->|8 events, 92 asked| s2\n    \
                s1 -->|0 events, 100 asked| s3\n    \
                s0 -->|4 events, 6 asked| s1\n";
            assert_eq!(root.to_mermaid(), mermaid);
            assert_eq!(root.to_string(), mermaid);
            let dot = root.to_dot();
            assert!(dot.starts_with("digraph stages {\n") && dot.ends_with("}\n"), "{dot}");
            assert!(dot.contains(r#"s0 [label="say \"a\"\n4 emitted"];"#), "{dot}");
            assert!(dot.contains(r#"s1 -> s2 [label="8 events, 92 asked"];"#), "{dot}");
        }
    });
}

/// A name may hold anything. The drawing keeps its lines, and each label its quotes.
#[test]
fn names_of_any_kind_are_drawn_as_they_are() {
    let nasty = [
        ("a\nb\r\nc", r"a\nb\nc", "a<br/>b<br/>c"),
        (r#"say "a""#, r#"say \"a\""#, "say #quot;a#quot;"),
        (r"back\", r"back\\", "back#92;"),
        (r#"x"]; s9["y"#, r#"x\"]; s9[\"y"#, "x#quot;#93;; s9#91;#quot;y"),
        ("<b> & #35; `*`", "<b> &amp; #35; `*`", "#lt;b#62; #38; #35;35; #96;*#96;"),
        ("%%{init: {}}%%", "%%{init: {}}%%", "#37;#37;#123;init: #123;#125;#125;#37;#37;"),
    ];
    for (name, in_dot, in_mermaid) in nasty {
        seeds(2, |_, log| {
            let counter = Counter::new("a", log).start(StageOptions::new().name(name)).unwrap();
            let drawn = graph(&[&counter]);
            let dot = format!(
                "digraph stages {{\n    rankdir=LR;\n    node [shape=box];\n    s0 [label=\"{in_dot}\"];\n}}\n"
            );
            assert_eq!(drawn.to_dot(), dot);
            assert_eq!(drawn.to_mermaid(), format!("flowchart LR\n    s0[\"{in_mermaid}\"]\n"));
        });
    }
}

/// A stream has no numbers; its producer knows it.
#[test]
fn a_stream_is_an_edge_without_numbers_of_its_own() {
    seeds(5, |_, log| {
        let counter = Counter::new("a", log).start(StageOptions::new()).unwrap();
        let mut stream = stream(&counter, demand(10, 5)).unwrap();
        assert_eq!(stream.next(), Some(Ok(0)));
        let all = graph(&[&counter]);
        assert_eq!((all.stages.len(), all.edges.len()), (1, 1));
        assert_eq!((all.edges[0].received, all.edges[0].sent.events), (None, 10));
        assert_eq!(all.to_mermaid().lines().count(), 4);
    });
}

/// On threads: what was sent arrives, and the times make up the whole.
#[test]
fn numbers_add_up_on_real_threads() {
    let numbers = from_enumerable(0..100_000_u64).start(StageOptions::new()).unwrap();
    let doubled = map(|n: u64| n * 2).start(StageOptions::new()).unwrap();
    let mut events = stream(&doubled, SubscriptionOptions::new()).unwrap();
    doubled.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(100)).unwrap();
    for _ in 0..1000 {
        events.next().unwrap().unwrap();
        let seen = doubled.snapshot().unwrap();
        assert_eq!(seen.input.events, seen.handled + seen.waiting as u64);
        assert_eq!(seen.emitted, seen.output.events + seen.buffered as u64);
        let times = seen.times;
        assert_eq!(sum(&times), times.alive);
    }
    assert_eq!(events.filter_map(Result::ok).count(), 99_000);
}

/// Says that it has the only worker, and keeps it until it is told.
struct Hog(Sender<()>, Receiver<()>);

impl Process for Hog {
    type Message = ();

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        self.0.send(()).unwrap();
        self.1.recv().unwrap();
        Outcome::Continue
    }
}

/// The stage has mail, and the only worker is taken: from before `mailed` until after `let_go`.
#[test]
fn time_with_mail_and_without_a_worker_is_runnable() {
    let runtime = Runtime::builder().workers(1).max_threads(1).build().unwrap();
    let _inside = runtime.enter();
    let ((running, runs), (go, goes)) = (channel(), channel());
    let hog = Hog(running, goes).start().unwrap();
    let sink = Sink::new("a", &Log::default()).start(StageOptions::new()).unwrap();
    hog.send(()).unwrap();
    runs.recv().unwrap();

    let before = Instant::now();
    sink.cast(Mark("mail"));
    let mailed = Instant::now();
    while mailed.elapsed() < ms(3) {
        std::hint::spin_loop();
    }
    let least = mailed.elapsed();
    go.send(()).unwrap();
    let times = sink.snapshot().unwrap().times;
    let most = before.elapsed();
    assert!(times.runnable >= least, "{times:?}, {least:?}");
    assert!(times.runnable <= most, "{times:?}, {most:?}");
    assert_eq!(sum(&times), times.alive);
}

/// A name stands for whoever has it; that of nobody gives no numbers, as the dead do.
#[test]
fn a_graph_begins_at_a_name_too() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).up_to(4).start(StageOptions::new().name("counter")).unwrap();
        let options = StageOptions::new().subscribe_to(&Counter::named("counter"), demand(10, 5));
        let sink = Sink::new("b", log).start(options.subscribe_to(&named("counter"), demand(10, 5))).unwrap();
        sim.run_until_idle();
        assert_eq!(Counter::named("counter").snapshot(), counter.snapshot());
        for root in [graph(&[&Counter::named("counter")]), graph(&[&sink])] {
            assert_eq!((root.stages.len(), root.edges.len(), root.unreachable.len()), (2, 2, 0));
            assert_eq!(root.stage(sink.pid()).unwrap().handled, 4);
        }
        assert_eq!(Counter::named("nobody").snapshot(), Err(CallError::NoProc));
        let none = graph(&[&Counter::named("nobody")]);
        assert_eq!((none.stages.len(), none.unreachable.len(), none.unknown.len()), (0, 0, 1));
    });
}

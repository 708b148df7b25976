//! What the specification says is logged: how loud, and with which numbers.
#![cfg(feature = "tracing")]

mod common;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use common::messages::{Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::sloppy::Sloppy;
use common::{Log, demand, range, seeds};
use genstage::core::{Mailbox, spawn_link};
use genstage::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Keeps what stages say.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<(Level, String)>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").unwrap();
        }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("genstage::")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What stages say while this runs in a simulation, once for each of some seeds, and each time the same. Pids are shown as `_`.
fn said(test: impl Fn(&Simulation, &Log)) -> Vec<(Level, String)> {
    let first = std::cell::RefCell::new(None);
    seeds(5, |sim, log| {
        let ear = Ear::default();
        tracing::subscriber::with_default(ear.clone(), || test(sim, log));
        let mut all = std::mem::take(&mut *ear.0.lock().unwrap());
        for (_, text) in &mut all {
            while let (Some(from), Some(to)) = (text.find('<'), text.find('>')) {
                text.replace_range(from..=to, "_");
            }
        }
        let expected = first.borrow_mut().get_or_insert_with(|| all.clone()).clone();
        assert_eq!(all, expected);
    });
    first.into_inner().unwrap()
}

fn named(kind: &str) -> StageOptions<genstage::AsProducer<Counter>> {
    StageOptions::new().name(kind)
}

#[test]
fn s4_bad_options_are_an_error() {
    let all = said(|sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new().name("sink")).unwrap();
        sink.async_subscribe(&producer, demand(0, 0));
        sink.sync_subscribe(&producer, demand(10, 10)).unwrap_err();
        sim.run_until_idle();
    });
    let text = |what| (Level::ERROR, format!("consumer _ (sink): bad subscription options: {what}"));
    assert_eq!(all, [text("max_demand must be >= 1, got 0"), text("min_demand must be <= 9, got 10")]);
}

#[test]
fn s7_events_in_excess_are_an_error_for_each_batch() {
    let all = said(|sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new().name("sink")).unwrap();
        let id = sink.sync_subscribe(&producer, demand(10, 5)).unwrap();
        producer.cast(Put(range(0..4)));
        sim.run_until_idle();
        // 6 are outstanding; 8 more are asked for behind the consumer's back, and 14 come at once.
        producer.ask(id, 8);
        producer.cast(Put(range(4..18)));
        sim.run_until_idle();
    });
    let all: Vec<_> = all.iter().filter(|(level, _)| *level == Level::ERROR).map(|(_, text)| &**text).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].starts_with("consumer _ (sink): 4 events in excess on subscription "), "{}", all[0]);
    assert!(all[1].starts_with("consumer _ (sink): 4 events in excess on subscription "), "{}", all[1]);
}

/// `format_discarded` of the producer says no, that of the stage in the middle yes.
#[test]
fn s10_discards_are_a_warning_with_their_count_unless_the_stage_says_no() {
    let all = said(|sim, log| {
        let silent = Counter::new("p", log).silent().start(named("quiet").buffer_size(2)).unwrap();
        let loud = Middle::forwarder("m", log).start(StageOptions::new().name("loud").buffer_size(2)).unwrap();
        for count in [5, 1] {
            silent.cast(Put(range(0..count)));
            loud.cast(Put(range(0..count)));
        }
        sim.run_until_idle();
        assert_eq!((log.discarded("p"), log.discarded("m")), (vec![3, 1], vec![3, 1]));
    });
    let text =
        |count| (Level::WARN, format!("producer_consumer _ (loud): {count} events discarded, the buffer is full"));
    assert_eq!(all, [text(3), text(1)]);
}

/// Once for each dispatch, and again `format_discarded` of the producer says no.
#[test]
fn s15_1_what_a_dispatcher_sends_to_nobody_is_a_warning_unless_the_stage_says_no() {
    let all = said(|sim, log| {
        let silent = Counter::new("p", log).silent().start(named("quiet").dispatcher(Sloppy::default())).unwrap();
        let loud = StageOptions::new().name("loud").dispatcher(Sloppy::default());
        let loud = Middle::forwarder("m", log).start(loud).unwrap();
        let sink = Sink::new("c", log).ask_first(20).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&silent, demand(10, 5)).unwrap();
        sink.sync_subscribe(&loud, demand(10, 5)).unwrap();
        sim.run_until_idle();
        for events in [range(3..10), range(10..14)] {
            silent.cast(Put(events.clone()));
            loud.cast(Put(events));
            sim.run_until_idle();
        }
        assert_eq!((log.discarded("p"), log.discarded("m")), (vec![3, 1], vec![3, 1]));
    });
    let text = |count, first| {
        let nobody = format!("the dispatcher sent them to subscriptions that do not exist, the first to {first}");
        (Level::WARN, format!("producer_consumer _ (loud): {count} events discarded, {nobody}"))
    };
    assert_eq!(all, [text(3, 1_000_003), text(1, 1_000_012)]);
}

#[test]
fn s13_an_end_that_the_mode_demands_is_an_info_with_both_stages_and_the_reason() {
    let all = said(|sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let options = StageOptions::new().name("sink").subscribe_to(&producer, demand(10, 5));
        let stays = StageOptions::new().subscribe_to(&producer, demand(10, 5).cancel(Cancel::Temporary));
        let sink = Sink::new("c", log).start(options).unwrap();
        let other = Sink::new("d", log).start(stays).unwrap();
        sim.run_until_idle();
        producer.cast(Die(ExitReason::Shutdown));
        sink.wait().unwrap();
        assert!(other.is_alive());
        other.exit(ExitReason::Kill);
    });
    let text = "consumer _ (sink) stops: its producer _ ended the subscription: shutdown";
    assert_eq!(all, [(Level::INFO, text.to_owned())]);
}

#[test]
fn s15_2_an_ask_beyond_the_limit_is_a_warning_each_time() {
    let all = said(|sim, log| {
        let producer = Counter::new("p", log).silent().start(named("counter")).unwrap();
        let sink = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&producer, demand(10, 5)).unwrap();
        for count in [4, 5, 4, 9] {
            producer.ask(id, count);
        }
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [4, 5, 4, 9], "they are honoured");
    });
    assert_eq!(all.len(), 2, "{all:?}");
    for ((level, text), asked) in all.iter().zip([5, 9]) {
        assert_eq!(*level, Level::WARN);
        assert!(text.starts_with("producer _ (counter): ") && text.contains(&format!("{asked}")), "{text}");
        assert!(text.contains('4'), "with the limit: {text}");
    }
}

#[test]
fn s18_events_in_excess_of_a_stream_are_an_error() {
    let all = said(|_, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let mut events = genstage::stream(&producer, demand(2, 1)).unwrap();
        producer.cast(Put(vec![0]));
        assert_eq!(events.next(), Some(Ok(0)));
        let id = producer.snapshot().unwrap().consumers[0].id;
        producer.ask(id, 5);
        producer.cast(Put(range(1..6)));
        assert_eq!(events.next(), Some(Ok(1)));
    });
    let errors: Vec<_> = all.iter().filter(|(level, _)| *level == Level::ERROR).collect();
    assert_eq!(errors.len(), 1, "{all:?}");
    assert!(errors[0].1.contains("events in excess on subscription "), "{}", errors[0].1);
}

#[test]
fn s19_2_excess_failed_starts_and_bad_ends_are_errors() {
    let all = said(|sim, log| {
        let producer = Counter::new("p", log).up_to(4).start(StageOptions::new()).unwrap();
        let supervisor = ConsumerSupervisor::with_start(|event: u64| match event {
            0 => Err(StartError::Init(ExitReason::other("no child"))),
            1 => Err(StartError::Ignore),
            2 => Ok(spawn_link(|_: Mailbox<()>| async { ExitReason::other("bad") })),
            _ => Ok(spawn_link(|_: Mailbox<()>| async { ExitReason::Normal })),
        });
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        let id = supervisor.sync_subscribe(&producer, demand(1, 0).cancel(Cancel::Temporary)).unwrap();
        producer.ask(id, 3);
        sim.run_until_idle();
    });
    let errors: Vec<_> = all.iter().filter(|(level, _)| *level == Level::ERROR).map(|(_, text)| &**text).collect();
    let [failed, excess, ended] = errors[..] else { panic!("{errors:?}") };
    assert_eq!(failed, "consumer supervisor _: a child did not start: init failed: no child");
    assert!(excess.starts_with("consumer supervisor _: 2 events in excess on subscription "), "{excess}");
    assert_eq!(ended, "consumer supervisor _: child _ ended: bad");
}

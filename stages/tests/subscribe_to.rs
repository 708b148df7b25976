//! Subscriptions that a stage starts with, and those it makes from inside (sections 3, 4 and 14).

mod common;

use common::messages::{CancelIt, Die};
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::core::{Child, ChildSpec, Mailbox, StartOptions, Strategy, Supervisor, spawn_with};
use genstage::prelude::*;
use genstage::{OptionsError, StageRef, WrongSource};

/// Section 3: by a handle, several, in the order given, after `init`.
#[test]
fn a_stage_starts_with_its_subscriptions_in_order() {
    seeds(50, |sim, log| {
        let a = Counter::new("a", log).up_to(3).start(StageOptions::new()).unwrap();
        let b = Counter::new("b", log).up_to(2).start(StageOptions::new()).unwrap();
        let options = StageOptions::new().subscribe_to(&a, demand(10, 5)).subscribe_to(&b, demand(4, 2));
        let sink = Sink::new("c", log).start(options).unwrap();
        // By the time that the start returns, both have been made.
        let ids: Vec<_> = log.of("c");
        let [Seen::Subscribed(first), Seen::Subscribed(second)] = ids[..] else { panic!("{ids:?}") };
        assert!(first < second);
        sim.run_until_idle();
        assert_eq!(log.of("a")[1..], [Seen::Subscribed(first), Seen::Demand(10)]);
        assert_eq!(log.of("b")[1..], [Seen::Subscribed(second), Seen::Demand(4), Seen::Demand(2)]);
        let mut events = log.events("c");
        events.sort_unstable();
        assert_eq!(events, [0, 0, 1, 1, 2]);
        assert!(sink.is_alive());
    });
}

/// Q17: bad options of any of them fail the start, with the error; nothing is started.
#[test]
fn q17_bad_options_fail_the_start() {
    seeds(10, |sim, log| {
        let a = Counter::new("a", log).start(StageOptions::new()).unwrap();
        let options = StageOptions::new().name("c").subscribe_to(&a, demand(10, 5)).subscribe_to(&a, demand(10, 10));
        let Err(StartError::Init(ExitReason::Other(detail))) = Sink::new("c", log).start_link(options) else {
            panic!("it started");
        };
        let error: &OptionsError = detail.downcast_ref().unwrap();
        assert_eq!(error.to_string(), "min_demand must be <= 9, got 10");
        sim.run_until_idle();
        assert_eq!(log.of("a"), [Seen::Init]);
        assert_eq!(Name::from("c").pid(), None);
    });
}

/// Section 3: the name of nobody, and a dead handle, are the same: down with noproc, and the mode decides.
#[test]
fn a_producer_that_is_not_there_is_down_with_noproc() {
    for mode in [Cancel::Permanent, Cancel::Transient, Cancel::Temporary] {
        seeds(10, |sim, log| {
            let dead = Counter::new("dead", log).start(StageOptions::new()).unwrap();
            dead.stop().unwrap();
            let options = demand(10, 5).cancel(mode);
            for start in [
                StageOptions::new().subscribe_to(&named("nobody"), options),
                StageOptions::new().subscribe_to(&Counter::named("nobody"), options),
                StageOptions::new().subscribe_to(&dead, options),
            ] {
                is_over_at_once(sim, log, start, mode, CancelKind::Down, &ExitReason::NoProc);
            }
        });
    }
}

/// A name of what is there, and emits no numbers: a stage of other events, a consumer, no stage at all. It is cancelled with a
/// reason that says so, whatever kind of handle has the name, and the mode decides. Who has the name hears nothing of it.
#[test]
fn a_name_of_what_is_no_such_source_is_told_from_that_of_nobody() {
    for mode in [Cancel::Permanent, Cancel::Transient, Cancel::Temporary] {
        seeds(10, |sim, log| {
            let texts = from_enumerable(["a"]).start(StageOptions::new().name("texts")).unwrap();
            let sink = Sink::new("sink", log).start(StageOptions::new().name("sink")).unwrap();
            let name = StartOptions::new().name("plain");
            let plain = spawn_with(name, |mailbox: Mailbox<()>| async move { mailbox.receive().await }).unwrap();
            let options = demand(10, 5).cancel(mode);
            let (numbers, counter) = ("producer of u64", "producer subscribe_to::common::probes::Counter");
            for (start, name, pid, wanted) in [
                (StageOptions::new().subscribe_to(&named("texts"), options), "texts", texts.pid(), numbers),
                (StageOptions::new().subscribe_to(&Counter::named("texts"), options), "texts", texts.pid(), counter),
                (StageOptions::new().subscribe_to(&named("sink"), options), "sink", sink.pid(), numbers),
                (StageOptions::new().subscribe_to(&named("plain"), options), "plain", plain.pid(), numbers),
            ] {
                let reason = is_over_at_once(sim, log, start, mode, CancelKind::Cancel, &ExitReason::Normal);
                let wrong = WrongSource::of(&reason).unwrap();
                assert_eq!((wrong.name.as_str(), wrong.process, wrong.wanted.as_str()), (name, pid, wanted));
                let says = format!("{name} is there, but is no {wanted}: it is process {pid}");
                assert!(reason.to_string().contains(&says), "{reason}");
                assert_eq!(wrong.to_string(), says);
            }
            assert!(texts.is_alive() && sink.is_alive() && plain.is_alive());
            assert_eq!(texts.snapshot().unwrap().consumers, []);
            let first = stream(&named::<u64>("texts"), SubscriptionOptions::new()).unwrap().next();
            let Some(Err(error)) = first else { panic!("{first:?}") };
            assert_eq!((error.producer, WrongSource::of(&error.reason).is_some()), (texts.pid(), true));
        });
    }
}

/// Starts a stage whose subscription is cancelled or down at once; the reason, where it is not that one, is given.
fn is_over_at_once(
    sim: &Simulation,
    log: &Log,
    start: StageOptions<genstage::AsConsumer<Sink>>,
    mode: Cancel,
    kind: CancelKind,
    expected: &ExitReason,
) -> ExitReason {
    log.clear();
    let sink = Sink::new("c", log).start(start).unwrap();
    sim.run_until_idle();
    let mut seen = log.of("c").into_iter();
    assert!(matches!(seen.next(), Some(Seen::Subscribed(_))));
    let Some(Seen::Cancel(by, reason)) = seen.next() else { panic!("no cancel") };
    assert_eq!(by, kind);
    assert!(kind == CancelKind::Cancel || reason == *expected);
    let end = (mode != Cancel::Temporary).then(|| reason.clone());
    assert_eq!(seen.next(), end.clone().map(Seen::Terminate));
    assert_eq!((seen.next(), sink.exit_reason()), (None, end));
    reason
}

/// Section 3: `handle_subscribe` that stops fails the start, and later items are not tried.
#[test]
fn a_stop_while_subscribing_fails_the_start() {
    seeds(20, |sim, log| {
        let a = Counter::new("a", log).start(StageOptions::new()).unwrap();
        let b = Counter::new("b", log).start(StageOptions::new()).unwrap();
        let no = ExitReason::other("no");
        let options = StageOptions::new().subscribe_to(&a, demand(10, 5)).subscribe_to(&b, demand(10, 5));
        let started = Sink::new("c", log).manner(Manner::Stop(no.clone())).start(options);
        assert_eq!(started.unwrap_err(), StartError::Init(no));
        sim.run_until_idle();
        // It never asked, and its end was noticed; `b` never heard of it.
        assert!(log.demands("a").is_empty());
        assert_eq!(log.cancels("a").len(), 1);
        assert_eq!(log.of("b"), [Seen::Init]);
    });
}

/// A name finds the producer whatever its type, by its events: from closures, too, and in the middle.
#[test]
fn a_name_finds_any_stage_of_these_events() {
    seeds(20, |_, log| {
        let counter = Counter::new("p", log).up_to(4).start(StageOptions::new().name("counter")).unwrap();
        let options = StageOptions::new().name("tens").subscribe_to(&named("counter"), demand(2, 1));
        let tens = map(|n: u64| n * 10).start(options).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new().subscribe_to(&named("tens"), demand(2, 1))).unwrap();
        let mut numbers = stream(&named("tens"), demand(1, 0).cancel(Cancel::Temporary)).unwrap();
        let first: u64 = numbers.next().unwrap().unwrap();
        assert_eq!(first % 10, 0);
        drop(numbers);
        counter.cast(Die(ExitReason::Shutdown));
        assert_eq!(tens.wait(), Ok(()));
        assert_eq!(sink.wait(), Ok(()));
    });
}

/// A consumer that a supervisor starts again subscribes again, by name and by the child's handle, to whichever
/// incarnation there is.
#[test]
fn a_restarted_consumer_finds_its_producer_again() {
    for by_name in [true, false] {
        seeds(30, |sim, log| {
            let log = log.clone();
            let again = log.clone();
            let source = ChildSpec::new("source", move || {
                Counter::new("p", &again).start_link(StageOptions::new().name("counter"))
            });
            let (child, again) = (source.handle(), log.clone());
            let sink = ChildSpec::new("sink", move || {
                let options = StageOptions::new();
                let options = if by_name {
                    options.subscribe_to(&Counter::named("counter"), demand(1, 0).cancel(Cancel::Permanent))
                } else {
                    options.subscribe_to(&child, demand(1, 0))
                };
                Sink::new("c", &again).manual().start_link(options)
            });
            let (source, sink, tree) = {
                let handles: (Child<StageRef<_>>, Child<StageRef<_>>) = (source.handle(), sink.handle());
                let tree = Supervisor::new(Strategy::RestForOne).max_restarts(10).child(source).child(sink);
                (handles.0, handles.1, tree.start_link().unwrap())
            };
            let meet = |at: usize| {
                sim.run_until_idle();
                let seen = |who| {
                    log.of(who).into_iter().filter(|seen| matches!(seen, Seen::Subscribed(_))).collect::<Vec<_>>()
                };
                assert_eq!(seen("p").len(), at, "{:?}", log.all());
                assert_eq!(seen("p"), seen("c"));
            };
            meet(1);
            // The consumer crashes: it finds the same producer.
            let before = source.get().unwrap().pid();
            sink.get().unwrap().cast(Die(ExitReason::other("bad")));
            meet(2);
            assert_eq!(source.get().unwrap().pid(), before);
            // The producer crashes: both are new.
            source.get().unwrap().cast(Die(ExitReason::other("bad")));
            meet(3);
            assert_ne!(source.get().unwrap().pid(), before);
            assert!(sink.get().unwrap().is_alive());
            tree.stop().unwrap();
        });
    }
}

/// A handle names one incarnation, also as an option: it does not find the next.
#[test]
fn a_handle_does_not_find_the_next_incarnation() {
    seeds(10, |sim, log| {
        let start = || Counter::new("p", log).start(StageOptions::new().name("counter")).unwrap();
        let first = start();
        first.stop().unwrap();
        let _second = start();
        let sink = Sink::new("c", log).start(StageOptions::new().subscribe_to(&first, demand(10, 5))).unwrap();
        sim.run_until_idle();
        assert_eq!(sink.exit_reason(), Some(ExitReason::NoProc));
    });
}

struct Inside {
    log: Log,
    given_up: Option<SubscriptionId>,
}

struct Join(&'static str);

impl Consumer for Inside {
    type Event = u64;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.subscribe(&Counter::named("a"), demand(3, 0).cancel(Cancel::Temporary));
        Init::Continue
    }

    fn handle_subscribe(&mut self, producer: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.log.note("c", Seen::Subscribed(producer.subscription));
        self.given_up.get_or_insert(producer.subscription);
        Manner::Automatic
    }

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.log.note("c", Seen::Batch(events.iter().copied().collect()));
        Outcome::Continue
    }

    /// Looks for another one.
    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        self.log.note("c", Seen::Cancel(cancellation.kind, cancellation.reason.clone()));
        if cancellation.kind == CancelKind::Down {
            cx.subscribe(&named("b"), demand(3, 0).cancel(Cancel::Temporary));
        }
        Outcome::Continue
    }
}

impl HandleCast<Join> for Inside {
    fn handle_cast(&mut self, Join(name): Join, cx: &mut Context<'_, Self>) -> Outcome {
        if let Some(current) = self.given_up {
            cx.resubscribe(
                current,
                ExitReason::Shutdown,
                &Counter::named(name),
                demand(2, 0).cancel(Cancel::Temporary),
            );
        }
        Outcome::Continue
    }
}

/// `Context::subscribe` from `init` and from `handle_cancel`.
#[test]
fn a_stage_subscribes_from_any_callback() {
    seeds(30, |sim, log| {
        let a = Counter::new("a", log).up_to(3).start(StageOptions::new().name("a")).unwrap();
        let _b = Counter::new("b", log).up_to(2).start(StageOptions::new().name("b")).unwrap();
        let _inside = Inside { log: log.clone(), given_up: None }.start(StageOptions::new()).unwrap();
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..3)]);
        a.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!(log.batches("c"), [range(0..3), range(0..2)]);
        assert_eq!(log.cancels("c"), [(CancelKind::Down, ExitReason::Normal)]);
    });
}

/// `Context::resubscribe`: the producer cancels the old one and takes the new one.
#[test]
fn a_stage_resubscribes_from_inside() {
    seeds(30, |sim, log| {
        let _a = Counter::new("a", log).silent().start(StageOptions::new().name("a")).unwrap();
        let inside = Inside { log: log.clone(), given_up: None }.start(StageOptions::new()).unwrap();
        sim.run_until_idle();
        inside.cast(Join("a"));
        sim.run_until_idle();
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, ExitReason::Shutdown)]);
        assert_eq!(log.cancels("a"), [(CancelKind::Cancel, ExitReason::Shutdown)]);
        // The second asks for 2, of which nothing is new: the producer owes 3 to nobody.
        assert_eq!(log.of("a").iter().filter(|seen| matches!(seen, Seen::Subscribed(_))).count(), 2);
    });
}

/// A stage in the middle starts with subscriptions, too, and its consumers with it.
#[test]
fn a_chain_is_built_by_names_alone() {
    seeds(30, |_, log| {
        let numbers =
            from_enumerable(0_u64..20).start(StageOptions::new().name("numbers").demand(DemandMode::Accumulate));
        let numbers = numbers.unwrap();
        let middle = Middle::doubler("m", log)
            .start(StageOptions::new().name("middle").subscribe_to(&named("numbers"), demand(4, 2)))
            .unwrap();
        let sink = Sink::new("c", log)
            .start(StageOptions::new().subscribe_to(&Middle::named("middle"), demand(8, 4)))
            .unwrap();
        numbers.demand(DemandMode::Forward);
        assert_eq!(sink.wait(), Ok(()));
        let doubled: Vec<u64> = (0..20).flat_map(|n| [n, n]).collect();
        assert_eq!(log.events("c"), doubled);
        assert!(!middle.is_alive());
    });
}

/// A subscription that a stage started with is one like any other.
#[test]
fn a_subscription_from_the_start_may_be_cancelled() {
    seeds(10, |sim, log| {
        let a = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        let options = StageOptions::new().subscribe_to(&a, demand(10, 5).cancel(Cancel::Temporary));
        let sink = Sink::new("c", log).start(options).unwrap();
        let Some(Seen::Subscribed(id)) = log.of("c").pop() else { panic!("not subscribed") };
        sink.cast(CancelIt(id, ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!(log.cancels("a"), [(CancelKind::Cancel, ExitReason::Normal)]);
        assert!(sink.is_alive());
    });
}

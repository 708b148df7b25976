//! Handles by name, and children of supervisors.

mod common;

use common::messages::{Die, Mark, Put, WhichSubscription};
use common::probes::{Counter, Middle, Sink};
use common::{Seen, demand, range, seeds};
use genstage::core::{Child, Registry, Strategy, Supervisor};
use genstage::prelude::*;
use genstage::{StageRef, WrongSource};

/// A handle by name is looked up at each use: it finds the next holder of the name.
#[test]
fn a_handle_by_name_finds_whoever_has_it() {
    seeds(20, |sim, log| {
        let counter = Counter::named("counter");
        for turn in 1..=3 {
            let started = Counter::new("p", log).silent().start(StageOptions::new().name("counter")).unwrap();
            assert_eq!((counter.pid(), counter.whereis()), (started.pid(), Some(started.pid())));
            assert!(counter.is_alive() && counter.exit_reason().is_none());
            assert_eq!(counter.call(WhichSubscription), Ok(None));
            counter.cast(Put(range(0..turn)));
            assert_eq!(counter.estimate_buffered_count(), Ok(turn.try_into().unwrap()));
            assert_eq!(counter.demand_mode(), Ok(DemandMode::Forward));
            counter.async_info(Mark("behind"));
            let sink = Sink::new("c", log).start(StageOptions::new().name("sink")).unwrap();
            let id = Sink::named("sink").sync_subscribe(&counter, demand(10, 5)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.events("c"), range(0..turn));
            assert_eq!(log.infos("p"), ["behind"]);
            counter.cancel(id, ExitReason::Normal);
            assert_eq!(Sink::named("sink").wait(), Ok(()));
            assert!(!sink.is_alive());
            counter.exit(ExitReason::Kill);
            assert!(!started.is_alive());
            sim.run_until_idle();
            log.clear();
        }
    });
}

/// The name of nobody, or of a process of another kind, answers as the dead do.
#[test]
fn a_name_of_nobody_answers_as_the_dead_do() {
    seeds(10, |sim, log| {
        let _other = Middle::forwarder("m", log).start(StageOptions::new().name("other")).unwrap();
        for name in ["nobody", "other"] {
            let counter = Counter::named(name);
            assert_eq!(counter.call(WhichSubscription), Err(CallError::NoProc));
            assert_eq!(counter.sync_info(Mark("x")), Err(CallError::NoProc));
            assert_eq!(counter.estimate_buffered_count(), Err(CallError::NoProc));
            assert_eq!(counter.demand_mode(), Err(CallError::NoProc));
            assert_eq!(counter.stop(), Err(StopError::NoProc));
            assert_eq!(counter.exit_reason(), Some(ExitReason::NoProc));
            assert_eq!((counter.pid(), counter.whereis()), (Pid::NOBODY, None));
            assert!(!counter.is_alive());
            assert!(matches!(counter.wait(), Err(WaitError::Ended(ExitReason::NoProc))));
            counter.cast(Put(vec![1]));
            counter.send(Mark("x"));
            counter.demand(DemandMode::Accumulate);
            counter.exit(ExitReason::Kill);
            let sink = Sink::named(name);
            let refused = sink.sync_subscribe(&counter, demand(10, 5));
            assert_eq!(refused, Err(SubscribeError::Call(CallError::NoProc)));
            sink.async_subscribe(&counter, demand(10, 5));
            // What is there and of another kind is told from what is not.
            let reason = stream(&counter, demand(10, 5)).unwrap().next().unwrap().unwrap_err().reason;
            match name {
                "nobody" => assert_eq!(reason, ExitReason::NoProc),
                _ => assert!(WrongSource::of(&reason).is_some(), "{reason}"),
            }
        }
        sim.run_until_idle();
        // The one that was meant by mistake has taken no harm.
        assert!(Middle::named("other").is_alive());
        assert!(log.of("m").is_empty());
    });
}

/// A place in a registry is a name like any other.
#[test]
fn a_stage_may_be_named_in_a_registry() {
    seeds(10, |sim, log| {
        let stages = Registry::<String, ()>::unique().start_link().unwrap();
        let counter = Counter::new("p", log).up_to(3);
        counter.start(StageOptions::new().name(stages.via("counter".to_owned()))).unwrap();
        let name = stages.via("counter".to_owned());
        let options = StageOptions::new().subscribe_to(&Counter::named(name.clone()), demand(10, 5));
        let _sink = Sink::new("c", log).start(options.subscribe_to(&named(name), demand(10, 5))).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..3));
        assert_eq!(log.of("c").iter().filter(|seen| matches!(seen, Seen::Subscribed(_))).count(), 2);
    });
}

/// A producer that begins at a number.
#[derive(Clone)]
struct From(u64);

impl Producer for From {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend(self.0..self.0 + demand as u64);
        self.0 += demand as u64;
        Outcome::Continue
    }
}

impl HandleCast<Die> for From {
    fn handle_cast(&mut self, Die(reason): Die, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Stop(reason)
    }
}

/// A child specification starts a copy of the state each time; the id is the name, or that of the type.
#[test]
fn a_child_starts_each_time_as_a_copy_of_the_first_state() {
    seeds(20, |sim, _| {
        let spec = From(7).child_spec(StageOptions::new);
        assert_eq!(spec.handle().id(), &"From".into());
        let child: Child<ProducerRef<From>> = spec.handle();
        let source: StageRef<_> = child.clone().into();
        assert!(!source.is_alive());
        let tree = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        for _ in 0..3 {
            let before = source.whereis();
            let numbers = stream(&child, demand(2, 1)).unwrap().take(3);
            assert_eq!(numbers.collect::<Result<Vec<_>, _>>(), Ok(vec![7, 8, 9]));
            source.cast(Die(ExitReason::other("bad")));
            sim.run_until_idle();
            assert!(source.is_alive());
            assert_ne!(source.whereis(), before);
        }
        tree.stop().unwrap();
        assert!(!source.is_alive());
        let named = From(1).child_spec(|| StageOptions::new().name("one"));
        assert_eq!(named.handle().id(), &"one".into());
    });
}

/// Stages from closures and iterators are children as well: each start is a copy of the first, from the first item on.
#[test]
fn stages_from_closures_are_children_as_well() {
    seeds(20, |_, log| {
        let numbers = from_enumerable(0_u64..4).child_spec(|| StageOptions::new().name("numbers"));
        let tens = map(|n: u64| n * 10).child_spec(|| {
            StageOptions::new().name("tens").subscribe_to(&named("numbers"), demand(2, 1).cancel(Cancel::Transient))
        });
        let seen = log.clone();
        let sink = for_each(move |n: u64| seen.note("c", Seen::Batch(vec![n])))
            .child_spec(|| StageOptions::new().name("sink").subscribe_to(&named("tens"), demand(2, 1)))
            .restart(genstage::core::Restart::Transient);
        let numbers = numbers.restart(genstage::core::Restart::Transient);
        let tree = Supervisor::new(Strategy::OneForOne).child(numbers).child(tens).child(sink).start_link().unwrap();
        let peer: Peer = (&Name::from("numbers")).into();
        let monitor = genstage::core::ThreadProcess::<()>::start().unwrap();
        monitor.monitor(&peer);
        assert!(matches!(monitor.receive_signal(None), Some(Signal::Down(_))));
        genstage::core::sleep(std::time::Duration::from_secs(1));
        assert_eq!(log.events("c"), [0, 10, 20, 30]);
        tree.stop().unwrap();
    });
}

/// A subscription by a name is one to whoever has it at that time: the next who has it is subscribed to anew, or not at all.
#[test]
fn a_subscription_by_name_stays_with_who_was_found() {
    seeds(30, |sim, log| {
        let start = |who| Counter::new(who, log).silent().start(StageOptions::new().name("numbers")).unwrap();
        let first = start("p");
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let options = demand(10, 5).cancel(Cancel::Temporary);
        let id = sink.sync_subscribe(&named("numbers"), options).unwrap();
        first.cast(Put(range(0..3)));
        sim.run_until_idle();
        first.stop().unwrap();
        let second = start("q");
        second.cast(Put(range(3..6)));
        sim.run_until_idle();
        assert_eq!(log.cancels("c"), [(CancelKind::Down, ExitReason::Normal)]);
        assert_eq!((log.events("c"), second.estimate_buffered_count()), (range(0..3), Ok(3)));
        // What is asked for under the old id is nothing to the new holder of the name.
        Counter::named("numbers").ask(id, 5);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.demands("q")), (range(0..3), vec![]));
        sink.sync_subscribe(&named("numbers"), options).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..6));
    });
}

//! Who is drained: those that are given, by whatever handle, and all that live on these alone.

use genstage::core::{Name, Restart, Strategy, Supervisor};
use genstage::prelude::*;
use genstage::{CallError, drain, sys};

use crate::common::messages::{Die, Put};
use crate::common::probes::{Counter, Middle, Sink};
use crate::common::{Seen, demand, nap, range, seeds};
use crate::kept::Queue;
use crate::{LONG, ms};

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

/// Nothing of it was drained: that is no complete drain.
#[test]
fn a_given_stage_that_is_left_alone_is_not_drained() {
    seeds(20, |sim, log| {
        let [ours, other] = ["a", "b"].map(|who| Counter::new(who, log).up_to(20).start(StageOptions::new()).unwrap());
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&ours, demand(4, 2)).unwrap();
        sink.sync_subscribe(&other, demand(4, 2)).unwrap();
        sim.run_until_idle();
        let report = drain(&[&sink], LONG);
        assert_eq!((report.stages.len(), &report.left_alone[..]), (0, &[sink.pid()][..]));
        assert_eq!((report.is_complete(), &report.not_drained[..]), (false, &[sink.pid()][..]));
        assert!(report.to_string().contains("given, but left alone"), "{report}");
        assert!(sink.is_alive() && ours.is_alive() && other.is_alive());
        let report = drain(&[&sink, &ours], LONG);
        assert_eq!((report.is_complete(), &report.not_drained[..]), (false, &[sink.pid()][..]));
        let report = drain(&[&sink, &other], LONG);
        assert!(report.is_complete() && report.not_drained.is_empty() && report.stages.len() == 2, "{report}");
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
        let sink = Sink::new("d", log).start(StageOptions::new()).unwrap();
        let report = drain(&[&done, &living, &sink], LONG);
        assert_eq!((report.stages.len(), &report.ended[..]), (2, &[(done.pid(), ExitReason::Normal)][..]));
        assert!(report.is_complete() && report.unreachable.is_empty() && report.untraced.is_empty(), "{report}");
        assert!(drain(&[&sink], LONG).is_complete(), "one that only takes events has nobody behind it");
        let report = drain(&[&failed], LONG);
        assert_eq!((report.stages.len(), &report.ended[..]), (0, &[(failed.pid(), ExitReason::other("ill"))][..]));
        assert!(!report.is_complete() && report.to_string().contains(&failed.pid().to_string()), "{report}");
        let report = drain(&[&named::<u64>("nobody")], LONG);
        assert_eq!((report.unknown.len(), report.unknown[0].to_string().as_str()), (1, "nobody"));
        assert!(!report.is_complete() && report.ended.is_empty() && report.unreachable.is_empty(), "{report}");
    });
}

/// Each by its own name; that of a process of another kind as well.
#[test]
fn every_name_that_nobody_has_is_reported() {
    seeds(10, |sim, log| {
        let living = Counter::new("a", log).up_to(4).start(StageOptions::new().name("words")).unwrap();
        let (alpha, beta) = (named::<u64>("alpha"), Counter::named("beta"));
        let words = named::<String>("words");
        let texts = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let graph = genstage::graph(&[&alpha, &living, &beta, &words]);
        assert_eq!((texts(&graph.unknown).join(" "), graph.unreachable.len()), ("alpha beta words".to_owned(), 0));
        assert_eq!(graph.stages.len(), 1);
        let report = drain(&[&alpha, &beta, &words], ms(50));
        assert_eq!((texts(&report.unknown).join(" "), report.unreachable.len()), ("alpha beta words".to_owned(), 0));
        assert!(!report.is_complete() && report.to_string().contains("beta: there is no such stage\n"), "{report}");
        sim.run_until_idle();
        assert!(living.is_alive());
    });
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
        assert_eq!((again.stages.len(), again.unknown[0].to_string().as_str()), (0, "late"));
    });
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
        let alone = drain(&[&source], LONG);
        assert_eq!((alone.stages.len(), &alone.untraced[..]), (0, &[source.pid()][..]), "nobody knows whom it fed");
        assert!(!alone.is_complete() && alone.to_string().contains("who still has its events is not known"), "{alone}");
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
            nap(ms(1));
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

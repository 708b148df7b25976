//! A drain that is begun within the graph that it drains: who waits for the caller is not waited for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use genstage::core::{Mailbox, monotonic_time, processes, spawn};
use genstage::prelude::*;
use genstage::{CallError, DrainEnd};

use crate::common::probes::{Counter, Middle, Sink};
use crate::common::{Log, Seen, demand, nap, range, seeds};
use crate::{LONG, ms};

/// Whoever drains from within the graph cannot be waited for, and is not: it goes on when its callback is over.
#[test]
fn one_that_drains_what_it_lives_on_is_drained_after_its_callback() {
    struct Enough(Log, Option<ProducerRef<Counter>>);

    impl Consumer for Enough {
        type Event = u64;

        fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            self.0.note("b", Seen::Batch(events.into_vec()));
            if let Some(source) = self.1.take() {
                let report = source.drain(LONG);
                assert_eq!(monotonic_time(), Duration::ZERO);
                assert_eq!((report.stages.len(), report.unreachable.len()), (1, 1), "{report}");
                assert_eq!(report.unreachable[0].1, CallError::CallingSelf);
                assert_eq!((&report.stages[0].end, report.left()), (&DrainEnd::Drained, 0), "{report}");
            }
            Outcome::Continue
        }
    }

    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(30, |sim, log| {
            let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
            let sink = Enough(log.clone(), Some(counter.clone())).start(StageOptions::new()).unwrap();
            sink.async_subscribe(&counter, demand(10, 5).cancel(mode));
            sim.run_until_idle();
            assert_eq!(
                (counter.exit_reason(), sink.exit_reason()),
                (Some(ExitReason::Normal), Some(ExitReason::Normal))
            );
            let taken = log.demands("a").iter().sum::<usize>() as u64;
            assert_eq!(log.events("b"), range(0..taken.min(20)), "all that was taken is handled");
        });
    }
}

/// What drains the source of the supervisor, as the child for one of its events.
fn child_drains(awaits: bool) {
    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(30, |sim, log| {
            let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
            let (source, note, reports) = (counter.clone(), log.clone(), Arc::new(Mutex::new(None)));
            let report = Arc::clone(&reports);
            let children = ConsumerSupervisor::new(move |event: u64| {
                let (source, note, report) = (source.clone(), note.clone(), Arc::clone(&report));
                async move {
                    if event == 3 {
                        let drained = if awaits { source.drain_async(LONG).await } else { source.drain(LONG) };
                        *report.lock().unwrap() = Some((drained, monotonic_time()));
                    }
                    note.note("child", Seen::Batch(vec![event]));
                }
            });
            let children = children.start(StageOptions::new()).unwrap();
            children.async_subscribe(&counter, demand(6, 3).cancel(mode));
            sim.run_until_idle();
            let (report, at) = reports.lock().unwrap().take().unwrap();
            assert_eq!((report.stages.len(), at), (1, Duration::ZERO), "nobody is waited for: {report}");
            assert_eq!(report.unreachable, [(children.pid(), CallError::CallingSelf)]);
            let said = format!("{}: drained when the caller goes on, so it is not waited for\n", children.pid());
            assert!(report.to_string().ends_with(&said), "{report}");
            assert_eq!((&report.stages[0].end, report.left()), (&DrainEnd::Drained, 0), "{report}");
            assert_eq!(children.exit_reason(), Some(ExitReason::Normal), "when the last child has ended");
            let mut events = log.events("child");
            events.sort_unstable();
            assert_eq!(events, range(0..report.stages[0].snapshot.emitted));
        });
    }
}

#[test]
fn a_child_that_drains_the_source_of_its_supervisor_is_not_waited_for() {
    child_drains(false);
}

/// A cycle cannot end while one that is part of it is in its callback, nor by itself after that.
#[test]
fn a_cycle_ends_though_one_that_is_part_of_it_drains_it() {
    struct Enough(Log, Option<ProducerRef<Counter>>);

    impl ProducerConsumer for Enough {
        type In = u64;
        type Out = u64;

        fn handle_events(
            &mut self,
            events: Events<'_, u64>,
            out: &mut Emit<u64>,
            _: &mut Context<'_, Self>,
        ) -> Outcome {
            out.extend(events.iter().filter(|n| **n > 0).map(|n| n / 2));
            self.0.note("b", Seen::Batch(events.into_vec()));
            if let Some(source) = self.1.take() {
                let report = source.drain(LONG);
                assert_eq!((report.stages.len(), report.unreachable.len(), report.left()), (1, 3, 0), "{report}");
                assert!(report.unreachable.iter().all(|(_, error)| *error == CallError::CallingSelf), "{report}");
                assert_eq!(monotonic_time(), Duration::ZERO);
                nap(ms(500));
            }
            Outcome::Continue
        }
    }

    seeds(30, |sim, log| {
        let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let entry = Enough(log.clone(), Some(counter.clone())).start(all).unwrap();
        let back = Middle::forwarder("c", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("d", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&entry, demand(10, 5)).unwrap();
        back.sync_subscribe(&entry, demand(10, 5)).unwrap();
        entry.sync_subscribe(&back, demand(1000, 500)).unwrap();
        entry.async_subscribe(&counter, demand(4, 2));
        sim.run_for(ms(1000));
        let ends = [counter.exit_reason(), entry.exit_reason(), back.exit_reason(), sink.exit_reason()];
        assert_eq!(ends, [const { Some(ExitReason::Normal) }; 4]);
        let seen = log.events("b");
        let mut expected: Vec<u64> = seen.iter().filter(|n| **n > 0).map(|n| n / 2).collect();
        let mut got = log.events("d");
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected, "nothing is lost");
        sim.run_until_idle();
        assert_eq!(processes(), [], "nor anybody left behind");
    });
}

#[test]
fn a_child_that_awaits_the_drain_of_the_source_of_its_supervisor_is_not_waited_for() {
    child_drains(true);
}

/// Who is no child of it waits as any other: also who is linked to it, as its parent.
#[test]
fn who_started_a_supervisor_waits_for_its_end() {
    seeds(30, |sim, log| {
        let counter = Counter::new("a", log).up_to(20).start(StageOptions::new()).unwrap();
        let note = log.clone();
        let ended = Arc::new(Mutex::new(None));
        let drained = Arc::clone(&ended);
        spawn(move |_: Mailbox<()>| async move {
            let children = ConsumerSupervisor::new(move |event: u64| note.note("child", Seen::Batch(vec![event])));
            let children = children.start_link(StageOptions::new()).unwrap();
            children.sync_subscribe(&counter, demand(6, 3)).unwrap();
            let report = counter.drain(LONG);
            assert!(report.is_complete() && report.stages.len() == 2 && !children.is_alive(), "{report}");
            *drained.lock().unwrap() = Some(report.stages[0].snapshot.emitted);
        });
        sim.run_until_idle();
        let emitted = ended.lock().unwrap().take().unwrap();
        let mut events = log.events("child");
        events.sort_unstable();
        assert_eq!(events, range(0..emitted));
    });
}

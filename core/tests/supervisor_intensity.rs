//! How many restarts are too many, and tries that fail (S5).

mod common;
mod tree;

use std::time::Duration;

use common::{here, other, seeds};
use genstage_core::{
    ChildState, DeleteChildError, ExitReason, Mailbox, Restart, RestartChildError, Simulation, StartChildError,
    Strategy, Supervisor, SupervisorRef, spawn,
};
use tree::{Journal, Script, WorkerHandle, end, scripted, start, worker};

fn fails(simulation: &Simulation, child: &WorkerHandle) {
    end(child, other("x"));
    simulation.run_until_idle();
}

fn one(sup: Supervisor) -> (SupervisorRef, WorkerHandle) {
    let (sup, mut handles) = start(sup, [worker("a", &Journal::default())]);
    (sup, handles.remove(0))
}

fn at(simulation: &Simulation, millis: u64) {
    simulation.run_for(Duration::from_millis(millis).saturating_sub(simulation.now()));
}

#[test]
fn s1_3_s5_2_by_default_three_restarts_in_five_seconds_and_the_fourth_ends_it() {
    seeds(30, |simulation| {
        let (sup, child) = one(Supervisor::new(Strategy::OneForOne));
        for _ in 0..3 {
            fails(simulation, &child);
            assert!(sup.is_alive());
        }
        fails(simulation, &child);
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown), "S5.3: a clean reason");
    });
}

#[test]
fn s5_1_whole_seconds_and_a_window_that_includes_its_ends() {
    // The first failure, the second, and whether they are in one window of five seconds.
    for (first, second, both) in [(0, 5_999, true), (999, 5_000, true), (999, 6_000, false), (1_000, 6_999, true)] {
        seeds(10, |simulation| {
            let (sup, child) = one(Supervisor::new(Strategy::OneForOne).max_restarts(1).max_seconds(5));
            at(simulation, first);
            fails(simulation, &child);
            at(simulation, second);
            fails(simulation, &child);
            assert_eq!(sup.is_alive(), !both, "{first} {second}");
        });
    }
}

/// Ours: with `escalate` it ends with the reason of the child that failed last, also where that did not start again.
#[test]
fn s5_3_a_supervisor_that_escalates_ends_with_the_reason_of_the_last_failure() {
    seeds(20, |simulation| {
        let (sup, child) = one(Supervisor::new(Strategy::OneForOne).max_restarts(1).escalate(true));
        fails(simulation, &child);
        assert!(sup.is_alive());
        end(&child, other("y"));
        simulation.run_until_idle();
        assert_eq!(sup.exit_reason(), Some(other("y")));
        let (sup, _) = one(Supervisor::new(Strategy::OneForOne).escalate(true));
        sup.stop_with(ExitReason::Shutdown, Duration::from_secs(1)).unwrap();
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown), "its other ends stay as they are");
    });
}

#[test]
fn s5_2_with_zero_the_first_failure_is_fatal_but_a_clean_end_is_not() {
    seeds(20, |simulation| {
        let journal = Journal::default();
        let specs = [worker("a", &journal).restart(Restart::Transient), worker("b", &journal)];
        let (sup, handles) = start(Supervisor::new(Strategy::OneForOne).max_restarts(0), specs);
        end(&handles[0], ExitReason::Normal);
        simulation.run_until_idle();
        assert!(sup.is_alive());
        fails(simulation, &handles[1]);
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s5_3_at_the_limit_the_others_stop_in_reverse() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let specs = ["a", "b", "c", "d"].map(|id| worker(id, &journal));
        let (sup, handles) = start(Supervisor::new(Strategy::OneForOne).max_restarts(0), specs);
        fails(simulation, &handles[1]);
        assert_eq!(journal.take(), "+a +b +c +d !b -d -c -a");
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s5_3_a_supervisor_that_gave_up_is_restarted_as_permanent_but_not_as_transient() {
    for (restart, again) in [(Restart::Permanent, true), (Restart::Transient, false)] {
        seeds(30, |simulation| {
            let leaf = worker("leaf", &Journal::default());
            let handle = leaf.handle();
            let inner = Supervisor::new(Strategy::OneForOne).max_restarts(0).child(leaf);
            let outer = Supervisor::new(Strategy::OneForOne).child(inner.child_spec("inner").restart(restart));
            let outer = outer.start_link().unwrap();
            fails(simulation, &handle);
            assert_eq!(handle.get().is_some(), again);
            assert_eq!(outer.count_children().unwrap().active, usize::from(again));
        });
    }
}

#[test]
fn s5_4_a_start_that_fails_is_tried_again_and_counted() {
    seeds(50, |simulation| {
        let (journal, script) = (Journal::default(), Script::default());
        let (sup, handles) = start(Supervisor::new(Strategy::OneForOne), [scripted("a", &journal, &script)]);
        script.fail(2);
        fails(simulation, &handles[0]);
        assert_eq!(journal.take(), "+a !a ?a ?a +a");
        assert!(sup.is_alive());
        script.fail(1);
        fails(simulation, &handles[0]);
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s5_4_a_start_function_that_panics_is_tried_again() {
    seeds(20, |simulation| {
        let journal = Journal::default();
        let (first, count) = (journal.clone(), std::sync::atomic::AtomicU32::new(0));
        let spec = genstage_core::ChildSpec::new("a", move || {
            let nth = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            first.note(format!("{nth}"));
            assert!(nth != 1, "boom");
            Ok(common::mortal())
        });
        let handle = spec.handle();
        let sup = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        fails(simulation, &handle);
        assert_eq!(journal.take(), "0 1 2");
        assert!(sup.is_alive() && handle.get().is_some());
    });
}

/// A supervisor whose child `a` fails to start again, and again, and again.
fn restarting(journal: &Journal) -> SupervisorRef {
    let script = Script::default();
    let (sup, handles) = start(
        Supervisor::new(Strategy::OneForOne).max_restarts(u32::MAX),
        [scripted("a", journal, &script), worker("b", journal)],
    );
    script.fail(100_000);
    end(&handles[0], other("x"));
    while sup.which_children().unwrap()[1].state != ChildState::Restarting {}
    sup
}

#[test]
fn s5_6_what_can_be_done_with_a_child_that_is_restarting() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let sup = restarting(&journal);
        let again = sup.start_child(worker("a", &journal));
        assert!(matches!(again, Err(StartChildError::AlreadyPresent)), "S5.4: requests are served between tries");
        assert!(matches!(sup.restart_child("a"), Err(RestartChildError::Restarting)));
        assert_eq!(sup.delete_child("a"), Err(DeleteChildError::Restarting));
        let counts = sup.count_children().unwrap();
        assert_eq!((counts.specs, counts.active, counts.workers), (2, 1, 2));
        sup.terminate_child("a").unwrap();
        assert_eq!(sup.which_children().unwrap()[1].state, ChildState::Stopped);
        journal.take();
        simulation.run_until_idle();
        assert_eq!(journal.take(), "", "the pending try does nothing");
        sup.delete_child("a").unwrap();
        assert!(sup.is_alive());
    });
}

#[test]
fn s5_6_a_supervisor_that_is_told_to_stop_gives_up_the_retry() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let sup = restarting(&journal);
        journal.take();
        sup.stop().unwrap();
        assert!(journal.take().ends_with("-b"));
        simulation.run_until_idle();
        assert_eq!(journal.take(), "");
    });
}

#[test]
fn s6_1_requests_never_meet_a_restart_that_is_half_done() {
    seeds(100, |simulation| {
        let journal = Journal::default();
        let specs = ["a", "b", "c"].map(|id| worker(id, &journal));
        let (sup, handles) = start(Supervisor::new(Strategy::OneForAll).max_restarts(u32::MAX), specs);
        let asker = {
            let sup = sup.clone();
            spawn(move |mailbox: Mailbox<()>| async move {
                for _ in 0..20 {
                    let children = sup.which_children_async().await.unwrap();
                    assert!(children.iter().all(|child| child.state.pid().is_some()));
                    mailbox.sleep(Duration::from_millis(1)).await;
                }
            })
        };
        let here = here::<()>();
        here.monitor(&asker);
        for _ in 0..10 {
            simulation.run_for(Duration::from_millis(2));
            end(&handles[1], other("x"));
        }
        assert_eq!(common::down(&here).reason, ExitReason::Normal);
    });
}

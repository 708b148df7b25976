//! Significant children (S8).

mod common;
mod tree;

use common::{other, seeds};
use genstage_core::{AutoShutdown, ExitReason, Restart, Simulation, StartError, Strategy, Supervisor, SupervisorRef};
use tree::{Journal, Script, WorkerHandle, end, scripted, start, worker};

/// Significant a (transient) and b (temporary), and permanent c.
fn three(auto_shutdown: AutoShutdown) -> (SupervisorRef, Vec<WorkerHandle>, Journal) {
    let journal = Journal::default();
    let specs = [
        worker("a", &journal).restart(Restart::Transient).significant(),
        worker("b", &journal).restart(Restart::Temporary).significant(),
        worker("c", &journal),
    ];
    let (sup, handles) = start(Supervisor::new(Strategy::OneForOne).auto_shutdown(auto_shutdown), specs);
    (sup, handles, journal)
}

fn ends(simulation: &Simulation, child: &WorkerHandle, reason: ExitReason) {
    end(child, reason);
    simulation.run_until_idle();
}

fn is_over(sup: &SupervisorRef) -> bool {
    match sup.exit_reason() {
        None => false,
        Some(reason) => {
            assert_eq!(reason, ExitReason::Shutdown);
            true
        }
    }
}

#[test]
fn s8_1_any_significant_end_is_enough() {
    seeds(30, |simulation| {
        for (child, reason) in [(0, ExitReason::Normal), (1, ExitReason::Normal), (1, other("x"))] {
            let (sup, handles, journal) = three(AutoShutdown::AnySignificant);
            ends(simulation, &handles[child], reason);
            assert!(is_over(&sup));
            let rest = if child == 0 { "+a +b +c !a -c -b" } else { "+a +b +c !b -c -a" };
            assert_eq!(journal.take(), rest);
        }
    });
}

#[test]
fn s8_2_all_significant_waits_for_the_last() {
    seeds(30, |simulation| {
        for order in [[0, 1], [1, 0]] {
            let (sup, handles, _) = three(AutoShutdown::AllSignificant);
            ends(simulation, &handles[order[0]], ExitReason::Normal);
            assert!(!is_over(&sup));
            ends(simulation, &handles[order[1]], ExitReason::Shutdown);
            assert!(is_over(&sup));
        }
    });
}

#[test]
fn s8_3_an_abnormal_end_of_a_transient_child_is_a_restart() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        seeds(20, |simulation| {
            let (sup, handles, journal) = three(auto_shutdown);
            ends(simulation, &handles[0], other("x"));
            assert!(!is_over(&sup));
            assert_eq!(journal.take(), "+a +b +c !a +a");
        });
    }
}

#[test]
fn s8_the_end_of_who_is_not_significant_never_counts() {
    seeds(20, |simulation| {
        let journal = Journal::default();
        let specs =
            [worker("a", &journal).restart(Restart::Transient), worker("b", &journal).restart(Restart::Temporary)];
        let sup = Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AllSignificant);
        let (sup, handles) = start(sup, specs);
        ends(simulation, &handles[0], ExitReason::Normal);
        ends(simulation, &handles[1], ExitReason::Normal);
        assert!(!is_over(&sup));
    });
}

#[test]
fn s8_4_an_ordered_end_never_counts() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        seeds(20, |simulation| {
            let (sup, _, _) = three(auto_shutdown);
            sup.terminate_child("a").unwrap();
            sup.terminate_child("b").unwrap();
            simulation.run_until_idle();
            assert!(!is_over(&sup));
        });
    }
}

#[test]
fn s8_4_a_bystander_of_a_restart_does_not_count() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        seeds(20, |simulation| {
            let journal = Journal::default();
            let specs = [worker("a", &journal), worker("b", &journal).restart(Restart::Temporary).significant()];
            let (sup, handles) = start(Supervisor::new(Strategy::OneForAll).auto_shutdown(auto_shutdown), specs);
            ends(simulation, &handles[0], other("x"));
            assert!(!is_over(&sup));
            assert_eq!(journal.take(), "+a +b !a -b +a");
        });
    }
}

#[test]
fn s8_4_who_ignores_its_start_does_not_count() {
    seeds(20, |simulation| {
        let (journal, script) = (Journal::default(), Script::default());
        script.next(Err(StartError::Ignore));
        let child = scripted("a", &journal, &script).restart(Restart::Transient).significant();
        let sup = Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant);
        let (sup, _) = start(sup, [child]);
        simulation.run_until_idle();
        assert!(!is_over(&sup));
    });
}

#[test]
fn s8_5_it_goes_up_the_tree() {
    seeds(30, |simulation| {
        let leaf = worker("leaf", &Journal::default()).restart(Restart::Transient).significant();
        let handle = leaf.handle();
        let any = || Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant);
        let inner = any().child(leaf).child_spec("inner").restart(Restart::Transient).significant();
        let sup = any().child(inner).start_link().unwrap();
        ends(simulation, &handle, ExitReason::Normal);
        assert!(is_over(&sup));
    });
}

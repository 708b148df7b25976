//! Which exits cause a restart, and whom it takes along (S3.1 to S3.3, S4, S5.5).

mod common;
mod tree;

use common::{other, seeds};
use genstage_core::{ChildState, ExitReason, Peer, Restart, Simulation, Strategy, Supervisor, SupervisorRef};
use tree::{Journal, Script, WorkerHandle, end, scripted, start, worker};

/// A supervisor of a, b, c and d, of these restart types.
fn four(strategy: Strategy, restarts: [Restart; 4]) -> (SupervisorRef, Vec<WorkerHandle>, Journal) {
    let journal = Journal::default();
    let specs =
        ["a", "b", "c", "d"].into_iter().zip(restarts).map(|(id, restart)| worker(id, &journal).restart(restart));
    let (sup, handles) = start(Supervisor::new(strategy).max_restarts(10), specs);
    assert_eq!(journal.take(), "+a +b +c +d");
    (sup, handles, journal)
}

fn states(sup: &SupervisorRef) -> Vec<(String, bool)> {
    let children = sup.which_children().unwrap().into_iter().rev();
    children.map(|child| (child.id.to_string(), child.state.pid().is_some())).collect()
}

fn show(states: &[(&str, bool)]) -> Vec<(String, bool)> {
    states.iter().map(|(id, running)| ((*id).to_owned(), *running)).collect()
}

fn ends(simulation: &Simulation, child: &WorkerHandle, reason: ExitReason) {
    end(child, reason);
    simulation.run_until_idle();
}

const PERMANENT: [Restart; 4] = [Restart::Permanent; 4];

#[test]
fn s3_each_restart_type_after_each_reason() {
    let reasons =
        [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("x"), other("x"), ExitReason::NoProc];
    for reason in reasons {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            seeds(10, |simulation| {
                let journal = Journal::default();
                let (sup, handles) =
                    start(Supervisor::new(Strategy::OneForOne), [worker("a", &journal).restart(restart)]);
                ends(simulation, &handles[0], reason.clone());
                let again = restart == Restart::Permanent || (restart == Restart::Transient && !reason.is_clean());
                let expected = match (restart, again) {
                    (_, true) => show(&[("a", true)]),
                    (Restart::Temporary, _) => show(&[]),
                    _ => show(&[("a", false)]),
                };
                assert_eq!(states(&sup), expected, "{restart:?} {reason}");
                assert_eq!(journal.take(), if again { "+a !a +a" } else { "+a !a" });
            });
        }
    }
}

#[test]
fn s3_a_killed_child_is_restarted_and_its_handle_finds_the_next() {
    seeds(50, |simulation| {
        let (_sup, handles, journal) = four(Strategy::OneForOne, [Restart::Transient; 4]);
        let before = handles[1].get().unwrap();
        Peer::from(&before).exit(ExitReason::Kill);
        assert!(handles[1].get().is_none(), "nobody, until the restart");
        simulation.run_until_idle();
        let after = handles[1].get().unwrap();
        assert_ne!(before.pid(), after.pid());
        assert_eq!(before.exit_reason(), Some(ExitReason::Killed));
        assert_eq!(journal.take(), "+b");
    });
}

#[test]
fn s3_3_an_end_without_restart_disturbs_nobody() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        seeds(20, |simulation| {
            let restarts = [Restart::Transient, Restart::Temporary, Restart::Temporary, Restart::Permanent];
            let (sup, handles, journal) = four(strategy, restarts);
            ends(simulation, &handles[0], ExitReason::Normal);
            ends(simulation, &handles[1], ExitReason::Normal);
            ends(simulation, &handles[2], other("x"));
            assert_eq!(journal.take(), "!a !b !c");
            assert_eq!(states(&sup), show(&[("a", false), ("d", true)]));
        });
    }
}

#[test]
fn s4_1_one_for_one_restarts_the_child_alone_at_its_old_place() {
    seeds(50, |simulation| {
        let (sup, handles, journal) = four(Strategy::OneForOne, PERMANENT);
        ends(simulation, &handles[1], other("x"));
        assert_eq!(journal.take(), "!b +b");
        assert_eq!(states(&sup), show(&[("a", true), ("b", true), ("c", true), ("d", true)]));
    });
}

#[test]
fn s4_2_one_for_all_stops_in_reverse_and_starts_in_order() {
    seeds(50, |simulation| {
        let (_sup, handles, journal) = four(Strategy::OneForAll, PERMANENT);
        ends(simulation, &handles[1], other("x"));
        assert_eq!(journal.take(), "!b -d -c -a +a +b +c +d");
    });
}

#[test]
fn s4_3_rest_for_one_restarts_those_after_it() {
    seeds(50, |simulation| {
        let (_sup, handles, journal) = four(Strategy::RestForOne, PERMANENT);
        let a = handles[0].get().unwrap().pid();
        ends(simulation, &handles[1], other("x"));
        assert_eq!(journal.take(), "!b -d -c +b +c +d");
        assert_eq!(handles[0].get().unwrap().pid(), a);
        ends(simulation, &handles[3], other("x"));
        assert_eq!(journal.take(), "!d +d");
    });
}

#[test]
fn s4_4_temporary_bystanders_go_and_all_others_come_back() {
    seeds(50, |simulation| {
        let restarts = [Restart::Transient, Restart::Temporary, Restart::Permanent, Restart::Permanent];
        let (sup, handles, journal) = four(Strategy::OneForAll, restarts);
        ends(simulation, &handles[0], ExitReason::Normal);
        sup.terminate_child("c").unwrap();
        assert_eq!(states(&sup), show(&[("a", false), ("b", true), ("c", false), ("d", true)]));
        ends(simulation, &handles[3], other("x"));
        assert_eq!(journal.take(), "!a -c !d -b +a +c +d");
        assert_eq!(states(&sup), show(&[("a", true), ("c", true), ("d", true)]));
    });
}

#[test]
fn s4_5_a_group_is_one_restart() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let specs = ["a", "b", "c"].map(|id| worker(id, &journal));
        let (sup, handles) = start(Supervisor::new(Strategy::OneForAll).max_restarts(2), specs);
        ends(simulation, &handles[0], other("x"));
        ends(simulation, &handles[2], other("x"));
        assert!(sup.is_alive());
        ends(simulation, &handles[1], other("x"));
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s4_5_children_that_fall_together_are_restarted_once_with_their_group() {
    seeds(100, |simulation| {
        let (sup, handles, journal) = four(Strategy::OneForAll, PERMANENT);
        for handle in &handles {
            Peer::from(&handle.get().unwrap()).exit(ExitReason::Kill);
        }
        simulation.run_until_idle();
        assert_eq!(sup.count_children().unwrap().active, 4);
        assert_eq!(journal.take(), "+a +b +c +d");
    });
}

/// Children a, b, c and d; c fails to start once or more after b has failed.
fn failing(strategy: Strategy, failures: usize) -> (SupervisorRef, Vec<WorkerHandle>, Journal) {
    let (journal, script) = (Journal::default(), Script::default());
    let specs = [worker("a", &journal), worker("b", &journal), scripted("c", &journal, &script), worker("d", &journal)];
    let (sup, handles) = start(Supervisor::new(strategy), specs);
    script.fail(failures);
    assert_eq!(journal.take(), "+a +b +c +d");
    (sup, handles, journal)
}

#[test]
fn s5_5_one_for_all_starts_over_when_one_does_not_start() {
    seeds(50, |simulation| {
        let (sup, handles, journal) = failing(Strategy::OneForAll, 2);
        ends(simulation, &handles[1], other("x"));
        assert_eq!(journal.take(), "!b -d -c -a +a +b ?c -b -a +a +b ?c -b -a +a +b +c +d");
        assert!(sup.is_alive());
    });
}

#[test]
fn s5_5_rest_for_one_goes_on_from_the_child_that_did_not_start() {
    seeds(50, |simulation| {
        let (sup, handles, journal) = failing(Strategy::RestForOne, 2);
        ends(simulation, &handles[1], other("x"));
        assert_eq!(journal.take(), "!b -d -c +b ?c ?c +c +d");
        assert!(sup.is_alive());
    });
}

#[test]
fn s5_5_each_try_counts() {
    for (strategy, granted) in [(Strategy::OneForAll, 2), (Strategy::RestForOne, 2)] {
        seeds(30, |simulation| {
            let (sup, handles, _) = failing(strategy, granted);
            ends(simulation, &handles[1], other("x"));
            assert!(sup.is_alive(), "three of three");
            let (sup, handles, journal) = failing(strategy, granted + 1);
            ends(simulation, &handles[1], other("x"));
            assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown), "four of three");
            assert!(journal.take().ends_with("?c -b -a"));
        });
    }
}

#[test]
fn s2_2_a_child_that_ignores_its_restart_stays_stopped() {
    seeds(30, |simulation| {
        let (journal, script) = (Journal::default(), Script::default());
        let specs = [scripted("a", &journal, &script), worker("b", &journal)];
        let (sup, handles) = start(Supervisor::new(Strategy::RestForOne), specs);
        script.next(Err(genstage_core::StartError::Ignore));
        ends(simulation, &handles[0], other("x"));
        let children = sup.which_children().unwrap();
        assert_eq!(children[1].state, ChildState::Stopped);
        assert!(children[0].state.pid().is_some());
        assert!(sup.restart_child("a").unwrap().is_some());
    });
}

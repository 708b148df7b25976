//! How children end, and which are started again: section 19.3.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{demand, seeds};
use crate::crowd::*;
use genstage::prelude::*;

#[test]
fn s19_3_temporary_children_are_never_restarted_transient_ones_after_a_failure() {
    for (reason, again) in [
        (ExitReason::Normal, false),
        (ExitReason::Shutdown, false),
        (ExitReason::shutdown_with("x"), false),
        (crash(), true),
    ] {
        for transient in [false, true] {
            seeds(10, |sim, log| {
                let crowd = Crowd::default();
                let supervisor = if transient { crowd.supervisor().transient() } else { crowd.supervisor() };
                let supervisor = supervisor.start(StageOptions::new()).unwrap();
                supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
                sim.run_until_idle();
                let first = crowd.of(0);
                crowd.end(sim, 0, reason.clone());
                if transient && again {
                    // In the same place, with the same event: no demand arises.
                    assert_eq!((crowd.events(), log.asks("p")), (vec![0, 0], vec![1]));
                    assert_eq!(supervisor.count_children().unwrap().active, 1);
                    assert_ne!(crowd.of(0).pid(), first.pid());
                    crowd.end(sim, 0, ExitReason::Normal);
                }
                assert_eq!(supervisor.count_children().unwrap().active, 0);
                assert_eq!(log.asks("p"), [1, 1]);
            });
        }
    }
}

#[test]
fn s19_3_a_panic_ends_one_child_and_nothing_else() {
    seeds(10, |sim, log| {
        let (report, reports) = std::sync::mpsc::channel();
        let work = move |event: u64| {
            assert!(!event.is_multiple_of(3), "three");
            report.send(event).unwrap();
        };
        let supervisor = ConsumerSupervisor::new(work).start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 7), demand(2, 0).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        let mut handled: Vec<_> = reports.try_iter().collect();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2, 4, 5]);
        assert!(supervisor.is_alive());
    });
}

#[test]
fn s19_3_a_restart_that_ignores_removes_the_child() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = restarts_to(&crowd, || StartError::Ignore);
        supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
        sim.run_until_idle();
        crowd.end(sim, 0, crash());
        assert_eq!(supervisor.which_children().unwrap(), []);
        assert_eq!(log.asks("p"), [1, 1]);
    });
}

#[test]
fn s19_3_a_restart_that_fails_is_tried_again_until_it_is_too_many() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let tries = Arc::new(Mutex::new(0));
        let inside = Arc::clone(&tries);
        let supervisor = restarts_to(&crowd, move || {
            *inside.lock().unwrap() += 1;
            StartError::Init(crash())
        });
        supervisor.sync_subscribe(&source(log, 2), demand(2, 1)).unwrap();
        sim.run_until_idle();
        crowd.end(sim, 0, crash());
        assert_eq!(*tries.lock().unwrap(), 1000);
        assert_eq!(supervisor.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!((crowd.alive(), log.asks("p")), (vec![], vec![2]));
    });
}

#[test]
fn s19_3_too_many_restarts_end_it_and_the_other_children() {
    for allowed in [0, 3] {
        seeds(10, |sim, log| {
            let crowd = Crowd::default();
            let supervisor = crowd.supervisor().transient().max_restarts(allowed).start(StageOptions::new()).unwrap();
            // With these bounds each child that ends for good is asked for again: the last one must not be (Q27).
            supervisor.sync_subscribe(&source(log, u64::MAX), demand(3, 2)).unwrap();
            sim.run_until_idle();
            for _ in 0..allowed {
                crowd.end(sim, 1, crash());
                assert_eq!(crowd.alive().len(), 3);
            }
            crowd.end(sim, 1, crash());
            assert_eq!(supervisor.exit_reason(), Some(ExitReason::Shutdown));
            assert_eq!((crowd.alive(), log.asks("p")), (vec![], vec![3]));
        });
    }
}

#[test]
fn s19_3_restarts_are_counted_within_their_seconds() {
    seeds(5, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().transient().max_restarts(1).max_seconds(2);
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
        sim.run_until_idle();
        for _ in 0..10 {
            crowd.end(sim, 0, crash());
            crate::common::nap(Duration::from_secs(3));
        }
        assert_eq!((crowd.events().len(), supervisor.is_alive()), (11, true));
    });
}

#[test]
fn s19_3_the_exit_of_a_stranger_is_ignored() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, _) = joined(log, &crowd, demand(2, 0));
        sim.run_until_idle();
        genstage::core::run(|_| supervisor.exit(crash()));
        sim.run_until_idle();
        assert_eq!(crowd.alive(), [0, 1]);
    });
}

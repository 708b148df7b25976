//! Which children are started again, and how often (D7 to D9).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::children::*;
use crate::common::{down, exit, here, other, seeds};
use genstage_core::{
    ChildSpec, DynamicChildSpec, DynamicSupervisor, ExitReason, Restart, StartError, TerminateChildError,
};

#[test]
fn d7_what_starts_a_temporary_child_is_dropped_after_the_start() {
    seeds(20, |simulation| {
        let sup = empty();
        let flag = || {
            let flag = Arc::new(AtomicBool::new(false));
            (Dropped(Arc::clone(&flag)), flag)
        };
        let restartable = |restart| {
            let (held, dropped) = flag();
            let start = move || {
                let _ = &held;
                mortal()
            };
            (ChildSpec::new("id", start).restart(restart), dropped)
        };
        let (once, once_dropped) = flag();
        sup.start_child(DynamicChildSpec::temporary(move |()| {
            drop(once);
            mortal()
        }))
        .unwrap();
        let (temporary, temporary_dropped) = restartable(Restart::Temporary);
        sup.start_child(temporary).unwrap();
        let (transient, transient_dropped) = restartable(Restart::Transient);
        let child = sup.start_child(transient).unwrap();
        simulation.run_until_idle();
        let dropped = [once_dropped, temporary_dropped, transient_dropped];
        assert_eq!(dropped.each_ref().map(|flag| flag.load(Ordering::Relaxed)), [true, true, false]);
        end(simulation, &child, ExitReason::Normal);
        assert!(dropped[2].load(Ordering::Relaxed));
    });
}

#[test]
fn d8_the_matrix_of_restarts() {
    let clean = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("x")];
    let abnormal = [other("crash"), ExitReason::Killed, ExitReason::NoProc, ExitReason::Timeout];
    let cases = clean.map(|reason| (reason, true)).into_iter().chain(abnormal.map(|reason| (reason, false)));
    for (reason, is_clean) in cases {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            seeds(10, |simulation| {
                let sup = empty();
                let starter = Starter::default();
                let child = sup.start_child(starter.spec().restart(restart)).unwrap();
                end(simulation, &child, reason.clone());
                let again = restart == Restart::Permanent || (restart == Restart::Transient && !is_clean);
                assert_eq!(starter.calls(), 1 + usize::from(again), "{restart:?} {reason}");
                let expected = if again { vec![Some(starter.last().pid())] } else { vec![] };
                assert_eq!(pids(&sup), expected, "{restart:?} {reason}");
                assert_eq!(starter.last().pid() != child.pid(), again, "{restart:?} {reason}");
            });
        }
    }
}

#[test]
fn d8_a_restarted_child_is_known_by_its_new_pid_and_found_by_its_handle() {
    seeds(50, |simulation| {
        let sup = empty();
        let spec = spec();
        let handle = spec.handle();
        let old = sup.start_child(spec).unwrap();
        end(simulation, &old, other("crash"));
        let new = handle.get().unwrap();
        assert_eq!(pids(&sup), [Some(new.pid())]);
        assert_eq!(sup.terminate_child(old.pid()), Err(TerminateChildError::NotFound));
        assert_eq!(sup.terminate_child(new.pid()), Ok(()));
        assert!(handle.get().is_none());
    });
}

#[test]
fn d8_a_restart_that_is_ignored_removes_the_child() {
    seeds(50, |simulation| {
        let sup = empty();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        starter.fail(Some(StartError::Ignore));
        end(simulation, &child, other("crash"));
        assert_eq!((counts(&sup), starter.calls()), ([0; 4], 2));
    });
}

#[test]
fn d8_a_restart_that_fails_is_tried_again_and_each_attempt_counts() {
    for panics in [false, true] {
        seeds(50, |simulation| {
            let here = here::<()>();
            here.trap_exit(true);
            let sup = DynamicSupervisor::new().max_restarts(4).start_link().unwrap();
            let (first, calls) = (AtomicBool::new(true), Arc::new(AtomicUsize::new(0)));
            let counted = Arc::clone(&calls);
            let spec = ChildSpec::new("fails", move || {
                counted.fetch_add(1, Ordering::Relaxed);
                match first.swap(false, Ordering::Relaxed) {
                    true => mortal(),
                    false if panics => panic!("boom"),
                    false => Err(StartError::Init(other("no"))),
                }
            });
            let child = sup.start_child(spec).unwrap();
            end(simulation, &child, other("crash"));
            let heard = exit(&here);
            assert_eq!((heard.from, heard.reason), (sup.pid(), ExitReason::Shutdown));
            assert_eq!(calls.load(Ordering::Relaxed), 1 + 4, "the fifth attempt is refused");
            assert_eq!(simulation.now(), Duration::ZERO, "S5.4: there is no back-off");
        });
    }
}

#[test]
fn d8_between_attempts_requests_are_served_and_terminate_child_cancels_under_the_old_pid() {
    seeds(100, |simulation| {
        let sup = DynamicSupervisor::new().max_restarts(u32::MAX).start_link().unwrap();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        sup.start_child(spec()).unwrap();
        starter.fail(Some(StartError::Init(other("no"))));
        let watcher = here::<()>();
        watcher.monitor(&child);
        child.send(other("crash")).unwrap();
        down(&watcher);
        while starter.calls() < 3 {
            // Every request is an occasion to try.
            sup.count_children().unwrap();
        }
        assert_eq!(counts(&sup), [2, 1, 2, 0]);
        assert_eq!(pids(&sup).first(), Some(&None));
        assert_eq!(sup.terminate_child(child.pid()), Ok(()));
        let calls = starter.calls();
        simulation.run_until_idle();
        assert_eq!((starter.calls(), counts(&sup)), (calls, [1, 1, 1, 0]));
        assert_eq!(sup.terminate_child(child.pid()), Err(TerminateChildError::NotFound));
    });
}

#[test]
fn d9_over_the_intensity_it_stops_the_others_and_ends_with_shutdown() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let sup = DynamicSupervisor::new().max_restarts(2).max_seconds(5).start_link().unwrap();
        let starter = Starter::default();
        sup.start_child(starter.spec()).unwrap();
        let bystander = sup.start_child(spec()).unwrap();
        for _ in 0..2 {
            end(simulation, &starter.last(), other("crash"));
        }
        // Out of the window: it counts anew.
        simulation.run_for(Duration::from_secs(6));
        for _ in 0..2 {
            end(simulation, &starter.last(), other("crash"));
        }
        assert!(sup.is_alive());
        end(simulation, &starter.last(), other("crash"));
        let heard = exit(&here);
        assert_eq!((heard.from, heard.reason), (sup.pid(), ExitReason::Shutdown));
        assert_eq!(bystander.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(starter.calls(), 1 + 4);
    });
}

#[test]
fn d9_ends_without_a_restart_do_not_count() {
    seeds(20, |simulation| {
        let sup = DynamicSupervisor::new().max_restarts(0).start_link().unwrap();
        for _ in 0..10 {
            let child = sup.start_child(spec().restart(Restart::Temporary)).unwrap();
            end(simulation, &child, other("crash"));
            let child = sup.start_child(spec()).unwrap();
            sup.terminate_child(child.pid()).unwrap();
        }
        assert_eq!(counts(&sup), [0; 4]);
    });
}

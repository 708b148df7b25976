//! Starting it, and starting children (D1 to D6).

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::children::*;
use crate::common::{down, here, other, seeds};
use genstage_core::{
    CallError, ChildSpec, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef, ExitReason, InvalidSupervisor,
    Mailbox, Name, Peer, Restart, StartDynamicChildError, StartError, StartOptions, Started, registered, spawn,
    spawn_with,
};

#[test]
fn d1_it_starts_empty_and_stays_alive() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().name("sup").start_link().unwrap();
        simulation.run_for(Duration::from_secs(3600));
        assert!(sup.is_alive());
        assert_eq!((counts(&sup), pids(&sup)), ([0; 4], vec![]));
        assert_eq!(Name::from("sup").pid(), Some(sup.pid()));
        let second = DynamicSupervisor::new().name("sup").start_link();
        assert_eq!(second.err(), Some(StartError::AlreadyStarted(sup.pid())));
    });
}

#[test]
fn d1_a_wrong_option_is_a_start_error_that_names_it() {
    seeds(5, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let wrong = DynamicSupervisor::new().max_seconds(0).name("sup").start_link();
        assert_eq!(wrong.err(), Some(StartError::Init(ExitReason::other(InvalidSupervisor::NoSeconds))));
        assert_eq!((registered(), here.try_receive().is_none()), (vec![], true));
    });
}

#[test]
fn d1_it_is_found_by_name_with_the_type_of_its_extra_argument() {
    seeds(20, |_| {
        let sup = DynamicSupervisor::with(7_u8).name("sup").start_link().unwrap();
        assert_eq!(DynamicSupervisorRef::<u8>::find("sup").map(|found| found.pid()), Some(sup.pid()));
        assert!(DynamicSupervisorRef::<u16>::find("sup").is_none());
        assert!(DynamicSupervisorRef::<u8>::find("pus").is_none());
    });
}

#[test]
fn d2_a_wrong_specification_is_refused_in_the_caller_even_for_a_dead_supervisor() {
    seeds(20, |_| {
        let sup = empty();
        sup.stop().unwrap();
        assert_eq!(sup.start_child(spec().significant()).err(), Some(StartDynamicChildError::Significant));
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::Call(CallError::NoProc)));
    });
}

#[test]
fn d3_an_id_may_be_used_many_times() {
    seeds(50, |_| {
        let sup = empty();
        let mut started: Vec<_> = (0..5).map(|_| Some(sup.start_child(spec()).unwrap().pid())).collect();
        started.sort();
        assert_eq!(pids(&sup), started);
    });
}

#[test]
fn d4_a_start_gives_the_handle_of_the_child() {
    seeds(50, |simulation| {
        let sup = empty();
        let (report, reports) = mpsc::channel();
        let echo = sup.start_child(ChildSpec::new("echo", move || {
            let report = report.clone();
            spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<u32>| async move {
                loop {
                    let _ = report.send(mailbox.receive().await);
                }
            })
        }));
        echo.unwrap().send(7).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(7));
        assert_eq!(counts(&sup), [1, 1, 1, 0]);
    });
}

#[test]
fn d4_a_start_that_fails_is_passed_on_and_leaves_nothing() {
    seeds(50, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let sup = empty();
        let holder =
            spawn_with(StartOptions::new().name("taken"), |own: Mailbox<()>| async move { own.receive().await });
        let taken = StartError::AlreadyStarted(holder.unwrap().pid());
        let failed = StartError::Init(other("no"));
        for error in [failed.clone(), taken, StartError::Ignore] {
            let starter = Starter::default();
            starter.fail(Some(error.clone()));
            assert_eq!(sup.start_child(starter.spec()).err(), Some(StartDynamicChildError::Start(error)));
        }
        let (told, no) = (failed.clone(), failed);
        let temporary = sup.start_child(DynamicChildSpec::temporary(move |()| Started::<Mortal>::Err(no)));
        assert_eq!(temporary.err(), Some(StartDynamicChildError::Start(told)));
        assert_eq!((counts(&sup), here.try_receive().is_none()), ([0; 4], true));
    });
}

#[test]
fn d4_a_panic_in_a_start_function_is_an_error() {
    seeds(50, |_| {
        let sup = empty();
        let bad = |(): &()| -> Started<Mortal> { panic!("boom") };
        let errors = [
            sup.start_child(ChildSpec::new("bad", move || bad(&()))).err(),
            sup.start_child(DynamicChildSpec::permanent(bad)).err(),
            sup.start_child(DynamicChildSpec::temporary(bad)).err(),
        ];
        for error in errors {
            let Some(StartDynamicChildError::Start(StartError::Init(ExitReason::Panic(panic)))) = error else {
                unreachable!("{error:?}")
            };
            assert_eq!(panic.message(), "boom");
        }
        assert_eq!((counts(&sup), sup.is_alive()), ([0; 4], true));
    });
}

#[test]
fn d4_a_destructor_of_a_start_function_that_panics_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    seeds(20, |simulation| {
        let sup = DynamicSupervisor::new().max_children(1).start_link().unwrap();
        let armed = |restart| {
            let bomb = Bomb;
            let start = move || {
                let _ = &bomb;
                mortal()
            };
            ChildSpec::new("armed", start).restart(restart)
        };
        let child = sup.start_child(armed(Restart::Temporary)).unwrap();
        assert_eq!(sup.start_child(armed(Restart::Temporary)).err(), Some(StartDynamicChildError::MaxChildren));
        let bomb = Bomb;
        let refused = sup.start_child(DynamicChildSpec::temporary(move |()| {
            let _ = &bomb;
            mortal()
        }));
        assert_eq!(refused.err(), Some(StartDynamicChildError::MaxChildren));
        end(simulation, &child, ExitReason::Normal);
        let child = sup.start_child(armed(Restart::Transient)).unwrap();
        end(simulation, &child, ExitReason::Normal);
        let child = sup.start_child(armed(Restart::Permanent)).unwrap();
        sup.terminate_child(child.pid()).unwrap();
        sup.start_child(armed(Restart::Permanent)).unwrap();
        assert_eq!(sup.stop(), Ok(()));
    });
}

#[test]
fn d4_an_unlinked_child_is_linked_and_a_process_is_a_child_once() {
    seeds(50, |simulation| {
        let sup = empty();
        let unlinked = || Ok(spawn(|mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await }));
        let child = sup.start_child(ChildSpec::new("unlinked", unlinked).restart(Restart::Temporary)).unwrap();
        end(simulation, &child, other("crash"));
        assert_eq!(counts(&sup), [0; 4]);

        let dead = child.clone();
        sup.start_child(DynamicChildSpec::temporary(move |()| Ok(dead))).unwrap();
        simulation.run_until_idle();
        assert_eq!(counts(&sup), [0; 4], "one that is dead already is heard of too");

        let child = sup.start_child(spec()).unwrap();
        let (twice, me) = (child.clone(), sup.clone());
        for error in [
            sup.start_child(DynamicChildSpec::temporary(move |()| Ok(twice))).err(),
            sup.start_child(DynamicChildSpec::temporary(move |()| Ok(me))).err(),
        ] {
            assert!(
                matches!(error, Some(StartDynamicChildError::Start(StartError::Init(ExitReason::Other(_))))),
                "{error:?}"
            );
        }
        assert_eq!(pids(&sup), [Some(child.pid())]);
    });
}

#[test]
fn d4_a_handle_that_finds_nobody_is_a_failed_start() {
    seeds(20, |simulation| {
        let sup = empty();
        let nobody = DynamicChildSpec::permanent(|()| Ok(Peer::from(&Name::from("nobody has this"))));
        let failed = StartError::Init(ExitReason::NoProc);
        assert_eq!(sup.start_child(nobody).err(), Some(StartDynamicChildError::Start(failed)));
        simulation.run_until_idle();
        assert_eq!(counts(&sup), [0; 4], "and the supervisor lives");
    });
}

#[test]
fn d5_at_max_children_the_start_function_is_not_called() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().max_children(2).start_link().unwrap();
        let starter = Starter::default();
        let first = sup.start_child(starter.spec().restart(Restart::Temporary)).unwrap();
        sup.start_child(starter.spec()).unwrap();
        assert_eq!(sup.start_child(starter.spec()).err(), Some(StartDynamicChildError::MaxChildren));
        assert_eq!(starter.calls(), 2);
        end(simulation, &first, ExitReason::Normal);
        let third = sup.start_child(starter.spec()).unwrap();
        assert_eq!(sup.start_child(starter.spec()).err(), Some(StartDynamicChildError::MaxChildren));
        sup.terminate_child(third.pid()).unwrap();
        assert!(sup.start_child(starter.spec()).is_ok());
    });
}

#[test]
fn d5_with_room_for_none_nothing_starts() {
    seeds(20, |_| {
        let sup = DynamicSupervisor::new().max_children(0).start_link().unwrap();
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::MaxChildren));
        assert!(sup.is_alive());
    });
}

#[test]
fn d5_a_restarting_child_takes_its_place() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().max_children(1).max_restarts(u32::MAX).start_link().unwrap();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        starter.fail(Some(StartError::Init(other("no"))));
        child.send(other("crash")).unwrap();
        let watcher = here::<()>();
        watcher.monitor(&child);
        down(&watcher);
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::MaxChildren));
        starter.fail(None);
        simulation.run_until_idle();
        assert_eq!(counts(&sup), [1, 1, 1, 0]);
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::MaxChildren));
    });
}

#[test]
fn d6_the_extra_argument_comes_first_and_at_each_restart() {
    seeds(50, |simulation| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let last = Arc::new(Mutex::new(None));
        let sup = DynamicSupervisor::with(String::from("extra")).start_link().unwrap();
        let (notes, current) = (Arc::clone(&seen), Arc::clone(&last));
        sup.start_child(DynamicChildSpec::permanent(move |extra: &String| {
            notes.lock().unwrap().push(extra.clone());
            let child = mortal()?;
            *current.lock().unwrap() = Some(child.clone());
            Ok(child)
        }))
        .unwrap();
        for _ in 0..2 {
            let child: Mortal = last.lock().unwrap().clone().unwrap();
            end(simulation, &child, ExitReason::Normal);
        }
        assert_eq!(*seen.lock().unwrap(), ["extra"; 3]);
        assert!(sup.start_child(spec()).is_ok(), "a plain specification does without");
    });
}

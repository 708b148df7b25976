//! What it can be asked and told, and its end: section 19.4.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Log, Seen, demand, seeds};
use crate::crowd::*;
use genstage::StartEventChildError;
use genstage::core::{
    Address, ChildState, ChildType, Mailbox, Restart, Shutdown, StopError, TerminateChildError, spawn, spawn_link,
};
use genstage::prelude::*;

#[test]
fn s19_4_children_started_on_request_have_no_part_in_demand() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, _) = joined(log, &crowd, demand(1, 0));
        sim.run_until_idle();
        let extra = supervisor.start_child(100).unwrap();
        assert_eq!(extra, crowd.of(100).pid());
        assert_eq!(supervisor.count_children().unwrap().active, 2);
        crowd.end(sim, 100, crash());
        assert_eq!((crowd.alive(), log.asks("p")), (vec![0], vec![1]));

        let transient = crowd.supervisor().transient().start(StageOptions::new()).unwrap();
        transient.start_child(200).unwrap();
        crowd.end(sim, 200, crash());
        assert_eq!(crowd.alive(), [0, 200], "it is restarted like the others");
    });
}

#[test]
fn s19_4_start_child_passes_the_result_on() {
    seeds(5, |_, _| {
        let supervisor = ConsumerSupervisor::with_start(|event: u64| match event {
            0 => Err(StartError::Ignore),
            1 => Err(StartError::Init(crash())),
            _ => panic!("no child today") as Result<Address<()>, StartError>,
        });
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        assert_eq!(supervisor.start_child(0), Err(StartEventChildError::Start(StartError::Ignore)));
        assert_eq!(supervisor.start_child(1), Err(StartEventChildError::Start(StartError::Init(crash()))));
        let panicked = supervisor.start_child(2);
        assert!(
            matches!(&panicked, Err(StartEventChildError::Start(StartError::Init(ExitReason::Panic(_))))),
            "{panicked:?}"
        );
        assert_eq!(supervisor.which_children().unwrap(), []);
    });
}

#[test]
fn s19_4_a_start_function_that_gives_the_supervisor_or_another_child_gives_no_child() {
    seeds(5, |sim, _| {
        let crowd = Crowd::default();
        let inside = crowd.clone();
        let start = move |event| if event == 0 { Ok(inside.child(0)) } else { Ok(inside.of(0)) };
        let supervisor = ConsumerSupervisor::with_start(start).start(StageOptions::new()).unwrap();
        supervisor.start_child(0).unwrap();
        assert!(matches!(supervisor.start_child(1), Err(StartEventChildError::Start(StartError::Init(_)))));
        sim.run_until_idle();
        assert_eq!((crowd.alive(), supervisor.count_children().unwrap().active), (vec![0], 1));
    });
}

#[test]
fn s19_4_terminate_child_ends_it_for_good_and_makes_room() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().transient().start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, u64::MAX), demand(2, 1)).unwrap();
        sim.run_until_idle();
        let first = crowd.of(0);
        supervisor.terminate_child(first.pid()).unwrap();
        assert_eq!(first.exit_reason(), Some(ExitReason::Shutdown));
        sim.run_until_idle();
        assert_eq!((crowd.alive(), log.asks("p")), (vec![1, 2], vec![2, 1]));
        assert_eq!(supervisor.terminate_child(first.pid()), Err(TerminateChildError::NotFound));
    });
}

#[test]
fn s19_4_a_restarting_child_is_found_under_its_old_pid() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let (asked, old) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let (show, whom) = (Arc::clone(&asked), Arc::clone(&old));
        let itself = Arc::new(Mutex::new(None::<Supervisor>));
        let inside = Arc::clone(&itself);
        // The restart fails, and somebody looks and cancels it before the next one.
        let supervisor = restarts_to(&crowd, move || {
            let supervisor = inside.lock().unwrap().clone().unwrap();
            let (show, pid) = (Arc::clone(&show), whom.lock().unwrap().unwrap());
            if show.lock().unwrap().is_none() {
                *show.lock().unwrap() = Some(Vec::new());
                spawn(move |_: Mailbox<Infallible>| async move {
                    *show.lock().unwrap() = Some(supervisor.which_children().unwrap());
                    supervisor.terminate_child(pid).unwrap();
                });
            }
            StartError::Init(crash())
        });
        *itself.lock().unwrap() = Some(supervisor.clone());
        supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
        sim.run_until_idle();
        *old.lock().unwrap() = Some(crowd.of(0).pid());
        crowd.end(sim, 0, crash());
        let shown = asked.lock().unwrap().take().unwrap();
        assert_eq!(shown.iter().map(|child| child.state).collect::<Vec<_>>(), [ChildState::Restarting]);
        assert_eq!((supervisor.which_children().unwrap(), log.asks("p")), (vec![], vec![1, 1]));
    });
}

#[test]
fn s19_4_which_and_count_show_the_children() {
    seeds(5, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().supervisors().transient().start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 2), demand(2, 0)).unwrap();
        sim.run_until_idle();
        let mut shown = supervisor.which_children().unwrap();
        shown.sort_by_key(|child| child.state.pid());
        let states: Vec<_> = shown.iter().map(|child| (child.state, child.child_type, child.restart)).collect();
        let running = |event| (ChildState::Running(crowd.of(event).pid()), ChildType::Supervisor, Restart::Transient);
        assert_eq!(states, [running(0), running(1)]);
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active, counts.workers, counts.supervisors), (1, 2, 0, 2));
    });
}

/// Children that trap exits and never end.
fn stubborn(shutdown: Shutdown) -> (Supervisor, Log) {
    let log = Log::default();
    let inside = log.clone();
    let start = move |_: u64| {
        let log = inside.clone();
        Ok(spawn_link(|mailbox: Mailbox<Infallible>| async move {
            mailbox.trap_exit(true);
            loop {
                mailbox.receive_signal().await;
                log.note("child", Seen::Signal);
            }
        }))
    };
    (ConsumerSupervisor::with_start(start).shutdown(shutdown).start(StageOptions::new()).unwrap(), log)
}

#[test]
fn s19_4_d11_children_are_stopped_at_the_same_time() {
    for (shutdown, takes, signals) in
        [(Shutdown::Within(Duration::from_secs(2)), 2, 3), (Shutdown::default(), 5, 3), (Shutdown::BrutalKill, 0, 0)]
    {
        seeds(10, |sim, _| {
            let (supervisor, log) = stubborn(shutdown);
            let children = [0, 1, 2].map(|event| supervisor.start_child(event).unwrap());
            sim.run_until_idle();
            let begun = sim.now();
            supervisor.stop().unwrap();
            assert_eq!(sim.now().checked_sub(begun), Some(Duration::from_secs(takes)));
            assert_eq!(log.of("child").len(), signals);
            assert!(children.iter().all(|child| !Peer::from(*child).is_alive()));
        });
    }
}

#[test]
fn s19_4_infinity_waits_for_as_long_as_it_takes() {
    seeds(10, |sim, _| {
        let (supervisor, _) = stubborn(Shutdown::Infinity);
        let child = Peer::from(supervisor.start_child(0).unwrap());
        sim.run_until_idle();
        spawn(move |mailbox: Mailbox<Infallible>| async move {
            mailbox.sleep(Duration::from_secs(3600)).await;
            child.exit(ExitReason::Kill);
        });
        supervisor.stop().unwrap();
        assert_eq!(sim.now(), Duration::from_secs(3600));
    });
}

#[test]
fn s19_4_children_that_trap_exits_obey_the_supervisor_as_their_parent() {
    use genstage::core::{Init, Process, ProcessContext};

    struct Careful(Log);

    impl Process for Careful {
        type Message = ();

        fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
            cx.trap_exit(true);
            Init::Continue
        }

        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> genstage::core::Outcome {
            Outcome::Continue
        }

        fn terminate(&mut self, reason: &ExitReason, _: &mut ProcessContext<'_, ()>) {
            self.0.note("child", Seen::Terminate(reason.clone()));
        }
    }

    seeds(10, |_, log| {
        let inside = log.clone();
        let supervisor = ConsumerSupervisor::with_start(move |_: u64| Careful(inside.clone()).start_link());
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        let first = supervisor.start_child(0).unwrap();
        supervisor.start_child(1).unwrap();
        supervisor.terminate_child(first).unwrap();
        supervisor.stop().unwrap();
        assert_eq!(log.of("child"), [Seen::Terminate(ExitReason::Shutdown), Seen::Terminate(ExitReason::Shutdown)]);
    });
}

#[test]
fn s19_4_a_dead_supervisor_answers_as_the_dead_do_and_a_killed_one_takes_its_children_along() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, _) = joined(log, &crowd, demand(3, 0));
        sim.run_until_idle();
        supervisor.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(crowd.alive(), []);
        assert_eq!(supervisor.start_child(0), Err(StartEventChildError::Call(CallError::NoProc)));
        assert_eq!(supervisor.terminate_child(crowd.of(0).pid()), Err(TerminateChildError::Call(CallError::NoProc)));
        assert_eq!(supervisor.which_children(), Err(CallError::NoProc));
        assert_eq!(supervisor.count_children(), Err(CallError::NoProc));
        assert_eq!(supervisor.stop(), Err(StopError::NoProc));
    });
}

#[test]
fn s19_4_a_start_function_cannot_ask_its_supervisor() {
    seeds(5, |_, _| {
        let itself = Arc::new(Mutex::new(None::<Supervisor>));
        let inside = Arc::clone(&itself);
        let start = move |_: u64| {
            let supervisor = inside.lock().unwrap().clone().unwrap();
            assert_eq!(supervisor.count_children(), Err(CallError::CallingSelf));
            assert_eq!(supervisor.start_child(1), Err(StartEventChildError::Call(CallError::CallingSelf)));
            assert_eq!(supervisor.stop(), Err(StopError::CallingSelf));
            Err::<Address<()>, _>(StartError::Ignore)
        };
        let supervisor = ConsumerSupervisor::with_start(start).start(StageOptions::new()).unwrap();
        *itself.lock().unwrap() = Some(supervisor.clone());
        assert_eq!(supervisor.start_child(0), Err(StartEventChildError::Start(StartError::Ignore)));
    });
}

#[test]
fn s19_4_it_ends_with_its_parent_and_stops_its_children() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let inside = crowd.clone();
        let (give, given) = std::sync::mpsc::channel();
        let parent = spawn_link(move |mailbox: Mailbox<ExitReason>| async move {
            give.send(inside.supervisor().start_link(StageOptions::new()).unwrap()).unwrap();
            mailbox.receive().await
        });
        sim.run_until_idle();
        let supervisor = given.recv().unwrap();
        supervisor.sync_subscribe(&source(log, u64::MAX), demand(3, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(crowd.alive().len(), 3);
        parent.send(ExitReason::Normal).unwrap();
        sim.run_until_idle();
        assert_eq!((supervisor.exit_reason(), crowd.alive()), (Some(ExitReason::Normal), vec![]));
    });
}

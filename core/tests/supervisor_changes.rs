//! Changes at run time (S6, section 7.6, S2.4).

mod common;
mod tree;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::{down, here, mortal, other, seeds};
use genstage_core::{
    Address, AutoShutdown, CallError, Child, ChildSpec, ChildState, DeleteChildError, ExitReason, InvalidSupervisor,
    Mailbox, Peer, Restart, RestartChildError, Runtime, Shutdown, StartChildError, StartError, StopError, Strategy,
    Supervisor, SupervisorRef, TerminateChildError, spawn, whereis,
};
use tree::{Journal, Script, end, failure, scripted, start, worker};

fn one_for_one() -> Supervisor {
    Supervisor::new(Strategy::OneForOne)
}

fn ids(sup: &SupervisorRef) -> Vec<String> {
    sup.which_children().unwrap().into_iter().map(|child| child.id.to_string()).collect()
}

#[test]
fn s7_6_start_child_adds_at_the_end_of_the_order() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let (sup, _) = start(Supervisor::new(Strategy::RestForOne), [worker("a", &journal)]);
        let b = worker("b", &journal);
        let handle = b.handle();
        let started = sup.start_child(b).unwrap().unwrap();
        assert_eq!(started.pid(), handle.get().unwrap().pid());
        sup.start_child(worker("c", &journal)).unwrap();
        assert_eq!(ids(&sup), ["c", "b", "a"]);
        end(&handle, other("x"));
        simulation.run_until_idle();
        assert_eq!(journal.take(), "+a +b +c !b -c +b +c");
    });
}

#[test]
fn s7_6_start_child_with_an_id_that_is_known() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let (sup, handles) = start(one_for_one(), [worker("a", &journal)]);
        let a = handles[0].get().unwrap().pid();
        assert_eq!(sup.start_child(worker("a", &journal)).unwrap_err(), StartChildError::AlreadyStarted(a));
        sup.terminate_child("a").unwrap();
        assert_eq!(sup.start_child(worker("a", &journal)).unwrap_err(), StartChildError::AlreadyPresent);
        simulation.run_until_idle();
        assert_eq!(journal.take(), "+a -a");
    });
}

#[test]
fn s7_6_start_child_of_what_does_not_start_keeps_nothing() {
    seeds(30, |simulation| {
        let (sup, _) = start(one_for_one(), []);
        let (journal, script) = (Journal::default(), Script::default());
        script.fail(1);
        let error = sup.start_child(scripted("a", &journal, &script)).unwrap_err();
        assert_eq!(error, StartChildError::Start(failure()));
        let holder = mortal();
        script.next(Err(StartError::AlreadyStarted(holder.pid())));
        let error = sup.start_child(scripted("a", &journal, &script)).unwrap_err();
        assert_eq!(error, StartChildError::AlreadyStarted(holder.pid()), "passed on");
        let bomb = ChildSpec::new("a", || -> Result<Address<()>, StartError> { panic!("boom") });
        let error = sup.start_child(bomb).unwrap_err();
        assert!(matches!(error, StartChildError::Start(StartError::Init(ExitReason::Panic(_)))));
        let twin = ChildSpec::new("a", move || Ok(holder.clone()));
        assert!(sup.start_child(twin).is_ok());
        simulation.run_until_idle();
        assert_eq!(ids(&sup), ["a"]);
    });
}

#[test]
fn s2_2_start_child_of_what_ignores_its_start() {
    seeds(20, |_| {
        let (sup, _) = start(one_for_one(), []);
        let (journal, script) = (Journal::default(), Script::default());
        for restart in [Restart::Temporary, Restart::Transient] {
            script.next(Err(StartError::Ignore));
            let child = scripted("a", &journal, &script).restart(restart);
            assert!(sup.start_child(child).unwrap().is_none());
            assert_eq!(ids(&sup).len(), usize::from(restart == Restart::Transient));
        }
    });
}

#[test]
fn s7_6_start_child_of_a_wrong_specification_changes_nothing() {
    seeds(10, |_| {
        let journal = Journal::default();
        let significant = || worker("a", &journal).significant();
        let (sup, _) = start(one_for_one(), []);
        let error = sup.start_child(significant().restart(Restart::Transient)).unwrap_err();
        let pointless = InvalidSupervisor::SignificantWithoutAutoShutdown("a".into());
        assert_eq!(error, StartChildError::Invalid(pointless));
        let (sup, _) = start(one_for_one().auto_shutdown(AutoShutdown::AnySignificant), []);
        let error = sup.start_child(significant()).unwrap_err();
        assert_eq!(error, StartChildError::Invalid(InvalidSupervisor::SignificantPermanent("a".into())));
        assert_eq!((journal.take(), ids(&sup).len()), (String::new(), 0));
    });
}

#[test]
fn s7_6_terminate_restart_and_delete() {
    seeds(50, |simulation| {
        let journal = Journal::default();
        let (sup, handles) = start(one_for_one().max_restarts(0), [worker("a", &journal), worker("b", &journal)]);
        assert_eq!(sup.restart_child("a").unwrap_err(), RestartChildError::Running);
        assert_eq!(sup.delete_child("a"), Err(DeleteChildError::Running));
        let before = handles[0].get().unwrap();
        sup.terminate_child("a").unwrap();
        assert!(handles[0].get().is_none());
        assert_eq!(before.exit_reason(), Some(ExitReason::Shutdown), "it is gone by then");
        assert_eq!(sup.terminate_child("a"), Ok(()), "and again");
        let counts = sup.count_children().unwrap();
        assert_eq!((counts.specs, counts.active, counts.workers, counts.supervisors), (2, 1, 2, 0));
        let after = sup.restart_child("a").unwrap().unwrap();
        assert_eq!(handles[0].get().unwrap().pid(), after.pid());
        assert_eq!(ids(&sup), ["b", "a"], "at its old place");
        sup.terminate_child("a").unwrap();
        sup.delete_child("a").unwrap();
        assert_eq!(ids(&sup), ["b"]);
        for unknown in ["a", "x"] {
            assert_eq!(sup.terminate_child(unknown), Err(TerminateChildError::NotFound));
            assert_eq!(sup.restart_child(unknown).unwrap_err(), RestartChildError::NotFound);
            assert_eq!(sup.delete_child(unknown), Err(DeleteChildError::NotFound));
            assert!(sup.get_childspec(unknown).unwrap().is_none());
        }
        simulation.run_until_idle();
        assert!(sup.is_alive(), "none of it counts");
        assert_eq!(journal.take(), "+a +b -a +a -a");
    });
}

#[test]
fn s7_6_terminate_child_forgets_a_temporary_one_and_touches_nobody() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        seeds(20, |simulation| {
            let journal = Journal::default();
            let specs =
                [worker("a", &journal), worker("b", &journal).restart(Restart::Temporary), worker("c", &journal)];
            let (sup, _) = start(Supervisor::new(strategy), specs);
            sup.terminate_child("b").unwrap();
            sup.terminate_child("a").unwrap();
            simulation.run_until_idle();
            assert_eq!(journal.take(), "+a +b +c -b -a");
            assert_eq!(ids(&sup), ["c", "a"]);
            assert_eq!(sup.terminate_child("b"), Err(TerminateChildError::NotFound));
        });
    }
}

#[test]
fn s7_6_restart_child_that_fails_or_ignores_keeps_the_specification() {
    seeds(30, |simulation| {
        let (journal, script) = (Journal::default(), Script::default());
        let (sup, _) = start(one_for_one(), [scripted("a", &journal, &script)]);
        sup.terminate_child("a").unwrap();
        script.fail(1);
        assert_eq!(sup.restart_child("a").unwrap_err(), RestartChildError::Start(failure()));
        simulation.run_until_idle();
        assert_eq!(journal.take(), "+a -a ?a", "no retry");
        script.next(Err(StartError::Ignore));
        assert!(sup.restart_child("a").unwrap().is_none());
        assert_eq!(sup.which_children().unwrap()[0].state, ChildState::Stopped);
        assert!(sup.restart_child("a").unwrap().is_some());
    });
}

#[test]
fn s7_6_get_childspec_gives_what_can_be_started_elsewhere() {
    seeds(20, |_| {
        let journal = Journal::default();
        let spec = worker("a", &journal).restart(Restart::Transient).shutdown(Shutdown::BrutalKill);
        let (sup, handles) = start(one_for_one(), [spec]);
        let plan = sup.get_childspec("a").unwrap().unwrap();
        assert_eq!(
            (plan.id().to_string(), plan.restart(), plan.shutdown()),
            ("a".to_owned(), Restart::Transient, Shutdown::BrutalKill)
        );
        let copy = ChildSpec::from(plan).id("copy");
        let copied: Child<Peer> = copy.handle();
        let (other, _) = start(one_for_one(), []);
        let peer = other.start_child(copy).unwrap().unwrap();
        assert_eq!(copied.get().unwrap().pid(), peer.pid());
        assert_eq!(journal.take(), "+a +a");
        // The function still keeps the first handle up to date: it finds whom it started last.
        assert_eq!(handles[0].get().unwrap().pid(), peer.pid());
    });
}

#[test]
fn s6_2_calls_to_the_dead_say_so() {
    seeds(20, |_| {
        let (sup, _) = start(one_for_one(), [worker("a", &Journal::default())]);
        sup.stop().unwrap();
        let dead = CallError::NoProc;
        let error = sup.start_child(worker("b", &Journal::default())).unwrap_err();
        assert_eq!(error, StartChildError::Call(dead.clone()));
        assert_eq!(sup.restart_child("a").unwrap_err(), RestartChildError::Call(dead.clone()));
        assert_eq!(sup.terminate_child("a"), Err(TerminateChildError::Call(dead.clone())));
        assert_eq!(sup.delete_child("a"), Err(DeleteChildError::Call(dead.clone())));
        assert_eq!(sup.which_children(), Err(dead.clone()));
        assert_eq!(sup.count_children(), Err(dead.clone()));
        assert_eq!(sup.get_childspec("a").unwrap_err(), dead);
        assert_eq!(sup.stop(), Err(StopError::NoProc));
    });
}

#[test]
fn s2_4_a_call_waits_as_long_as_the_supervisor_is_busy_but_not_for_a_dead_one() {
    seeds(30, |simulation| {
        let slow = tree::slow_to_stop("slow", &Journal::default(), Duration::from_secs(600));
        let sup = one_for_one().child(slow.shutdown(Shutdown::Infinity)).start_link().unwrap();
        simulation.run_until_idle();
        let (report, reports) = channel();
        let asker = sup.clone();
        spawn(move |mailbox: Mailbox<()>| async move {
            let stopping = asker.terminate_child_async("slow");
            mailbox.within(Duration::from_secs(1), stopping).await;
            report.send(asker.count_children_async().await).unwrap();
        });
        simulation.run_for(Duration::from_secs(10));
        assert_eq!(sup.count_children().unwrap().active, 0);
        assert_eq!(simulation.now(), Duration::from_secs(600));
        simulation.run_until_idle();
        assert_eq!(reports.try_recv().unwrap().unwrap().specs, 1);

        let slow = tree::slow_to_stop("again", &Journal::default(), Duration::from_secs(600));
        sup.start_child(slow.shutdown(Shutdown::Infinity)).unwrap();
        simulation.run_until_idle();
        let victim = Peer::from(&sup);
        let asker = sup.clone();
        spawn(move |_: Mailbox<()>| async move { asker.terminate_child_async("again").await });
        spawn(move |mailbox: Mailbox<()>| async move {
            mailbox.sleep(Duration::from_secs(5)).await;
            victim.exit(ExitReason::Kill);
        });
        simulation.run_for(Duration::from_secs(1));
        assert_eq!(sup.count_children(), Err(CallError::Down(ExitReason::Killed)));
    });
}

#[test]
fn s7_6_futures_have_forms_of_their_own() {
    seeds(30, |simulation| {
        let (sup, _) = start(one_for_one(), []);
        let (report, reports) = channel();
        let asker = sup.clone();
        spawn(move |_: Mailbox<()>| async move {
            let journal = Journal::default();
            let started = asker.start_child_async(worker("a", &journal)).await.unwrap();
            assert!(started.is_some());
            assert_eq!(asker.which_children_async().await.unwrap().len(), 1);
            assert_eq!(asker.count_children_async().await.unwrap().active, 1);
            assert_eq!(asker.restart_child_async("a").await.unwrap_err(), RestartChildError::Running);
            assert!(asker.get_childspec_async("a").await.unwrap().is_some());
            asker.terminate_child_async("a").await.unwrap();
            asker.delete_child_async("a").await.unwrap();
            report.send(journal.take()).unwrap();
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv().unwrap(), "+a -a");
    });
}

#[test]
fn s7_6_stop_ends_children_first_and_says_how_it_went() {
    seeds(50, |simulation| {
        let journal = Journal::default();
        let (sup, _) = start(one_for_one().name("tree"), [worker("a", &journal), worker("b", &journal)]);
        assert_eq!(sup.stop_with(other("enough"), Duration::MAX), Ok(()));
        assert_eq!(sup.exit_reason(), Some(other("enough")));
        assert_eq!(journal.take(), "+a +b -b -a");
        assert_eq!(whereis("tree"), None);

        let slow = tree::slow_to_stop("slow", &journal, Duration::from_secs(3));
        let sup = one_for_one().child(slow).start_link().unwrap();
        simulation.run_until_idle();
        let timeout = Err(StopError::Timeout);
        assert_eq!(sup.stop_with(ExitReason::Normal, Duration::from_secs(1)), timeout);
        simulation.run_until_idle();
        assert_eq!(sup.exit_reason(), Some(ExitReason::Normal));

        let (sup, _) = start(one_for_one(), []);
        let victim = Peer::from(&sup);
        spawn(move |_: Mailbox<()>| async move { victim.exit(ExitReason::Kill) });
        let ended = sup.stop();
        assert!(matches!(ended, Ok(()) | Err(StopError::Ended(ExitReason::Killed))));
    });
}

#[test]
fn s7_6_a_panic_in_what_a_specification_holds_is_not_the_supervisors() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    seeds(10, |simulation| {
        let bomb = Bomb;
        let spec = ChildSpec::new("bomb", move || {
            let _ = &bomb;
            Ok(mortal())
        });
        let (sup, _) = start(one_for_one(), []);
        sup.start_child(spec.restart(Restart::Temporary)).unwrap();
        sup.terminate_child("bomb").unwrap();
        simulation.run_until_idle();
        assert!(sup.is_alive());
    });
}

#[test]
fn s2_4_on_threads_callers_from_everywhere_are_served_one_after_the_other() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let (sup, _) = start(one_for_one(), []);
    let watch = here::<()>();
    let callers: Vec<_> = (0..8_u64)
        .map(|number| {
            let sup = sup.clone();
            spawn(move |_: Mailbox<()>| async move {
                for round in 0..20 {
                    let id = number * 100 + round;
                    let child = ChildSpec::new(id, || Ok(mortal()));
                    assert!(sup.start_child_async(child).await.unwrap().is_some());
                    if round % 2 == 0 {
                        sup.terminate_child_async(id).await.unwrap();
                        sup.delete_child(id).unwrap();
                    }
                }
            })
        })
        .collect();
    for caller in &callers {
        watch.monitor(caller);
    }
    for _ in &callers {
        assert_eq!(down(&watch).reason, ExitReason::Normal);
    }
    assert_eq!(sup.count_children().unwrap().active, 80);
    sup.stop().unwrap();
}

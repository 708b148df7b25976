//! Tasks under a supervisor (TS1 to TS7).

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{exit, here, other, seeds};
use genstage_core::{
    AsyncStreamError, AsyncStreamOptionsError, CallError, ExitReason, JoinError, Mail, Mailbox, Peer, Restart, Runtime,
    Shutdown, Simulation, StartDynamicChildError, StopError, Task, TaskSupervisor, TaskSupervisorRef,
    TerminateChildError, current_pid, spawn,
};
use tasks::{SECOND, doer, gate, sleep};

fn supervisor() -> TaskSupervisorRef {
    TaskSupervisor::new().start_link().unwrap()
}

async fn forever() -> u8 {
    std::future::pending().await
}

#[test]
fn ts1_children_are_temporary_and_the_supervisor_has_a_name_and_a_limit() {
    seeds(50, |simulation| {
        let tasks = TaskSupervisor::new().name("tasks").max_children(1).max_restarts(0).max_seconds(1);
        let tasks = tasks.start_link().unwrap();
        assert_eq!(TaskSupervisorRef::find("tasks").map(|found| found.pid()), Some(tasks.pid()));
        tasks.start_child(|| panic!("boom")).unwrap();
        simulation.run_until_idle();
        assert_eq!(tasks.children(), Ok(vec![]));
        assert!(tasks.is_alive(), "no restart was tried");
        let task = tasks.spawn_nolink(forever()).unwrap();
        let full = Some(StartDynamicChildError::MaxChildren);
        assert_eq!(tasks.spawn(|| 1).err(), full);
        assert_eq!(tasks.spawn_nolink(|| 1).err(), full);
        assert_eq!(tasks.start_child(|| 1).err(), full);
        assert_eq!(tasks.start_child_with(Restart::Permanent, || || 1).err(), full);
        drop(task);
        let spec = TaskSupervisor::new().name("other").child_spec();
        assert!(format!("{spec:?}").contains("other"));
    });
}

#[test]
fn ts2_a_task_is_supervised_and_linked_to_the_caller() {
    seeds(100, |simulation| {
        let tasks = supervisor();
        let (report, reports) = channel();
        let under = tasks.clone();
        let caller = doer(move |_| {
            report.send(under.spawn(|| 1).unwrap().join()).unwrap();
            report.send(under.spawn(async { panic!("boom") }).unwrap().join()).unwrap();
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [Ok(1), Err(JoinError::Exiting)]);
        assert!(matches!(caller.exit_reason(), Some(ExitReason::Panic(_))));
        assert!(tasks.is_alive());

        let here = here::<()>();
        here.trap_exit(true);
        let task = tasks.spawn(forever()).unwrap();
        assert_eq!(tasks.children(), Ok(vec![task.pid().unwrap()]));
        task.peer().unwrap().exit(other("x"));
        assert_eq!(exit(&here).reason, other("x"));
        assert_eq!(task.join(), Err(JoinError::Exit(other("x"))));
    });
}

#[test]
fn ts2_the_end_of_the_caller_ends_a_linked_task_and_no_other() {
    seeds(100, |simulation| {
        let tasks = supervisor();
        let under = tasks.clone();
        let (report, reports) = channel();
        let caller = spawn(move |mailbox: Mailbox<()>| async move {
            let linked = under.spawn_async(forever()).await.unwrap();
            let loose = under.spawn_nolink_async(forever()).await.unwrap();
            report.send([linked.peer().unwrap(), loose.peer().unwrap()]).unwrap();
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        caller.exit(other("x"));
        simulation.run_until_idle();
        let [linked, loose] = reports.recv().unwrap();
        assert_eq!((linked.exit_reason(), loose.exit_reason()), (Some(other("x")), None));
    });
}

#[test]
fn ts2_without_a_link_a_crash_is_an_outcome() {
    seeds(100, |simulation| {
        let here = here::<Result<u8, ExitReason>>();
        let tasks = supervisor();
        let crashed = tasks.spawn_nolink(|| -> u8 { panic!("boom") }).unwrap().join();
        assert!(matches!(crashed, Err(JoinError::Exit(ExitReason::Panic(_)))));
        tasks.spawn_nolink(|| 7).unwrap().deliver(here.me(), |outcome| outcome);
        assert!(matches!(here.receive(None), Some(Mail::Message(Ok(7)))));
        let task = tasks.spawn_nolink(forever()).unwrap();
        let peer = task.peer().unwrap();
        task.deliver(here.me(), |outcome| outcome);
        peer.exit(other("x"));
        assert!(matches!(here.receive(None), Some(Mail::Message(Err(reason))) if reason == other("x")));
        simulation.run_until_idle();
        assert!(here.try_receive().is_none() && here.me().is_alive());
    });
}

#[test]
fn ts2_a_dead_supervisor_starts_nothing() {
    seeds(20, |_| {
        let tasks = supervisor();
        tasks.stop().unwrap();
        let gone = StartDynamicChildError::Call(CallError::NoProc);
        assert_eq!(tasks.spawn(|| 1).err(), Some(gone.clone()));
        assert_eq!(tasks.start_child(|| 1).err(), Some(gone.clone()));
        let streamed: Vec<_> = tasks.async_stream([1], |n| move || n).into_iter().collect();
        assert_eq!(streamed, [Err(AsyncStreamError::Start(gone))]);
        assert_eq!(tasks.children(), Err(CallError::NoProc));
        assert_eq!(tasks.terminate_child(tasks.pid()), Err(TerminateChildError::Call(CallError::NoProc)));
    });
}

/// Which of two ways a run takes.
fn seed_is_even(simulation: &Simulation) -> bool {
    simulation.seed().is_multiple_of(2)
}

#[test]
fn ts3_start_child_runs_and_is_restarted_if_it_is_to_be() {
    seeds(100, |simulation| {
        for (restart, crashes, runs) in [
            (Restart::Temporary, true, 1),
            (Restart::Transient, false, 1),
            (Restart::Transient, true, 4),
            (Restart::Permanent, false, 4),
        ] {
            let here = here::<()>();
            here.trap_exit(true);
            let tasks = supervisor();
            let (report, reports) = channel();
            let work = move || {
                let report = report.clone();
                move || {
                    report.send(current_pid().unwrap()).unwrap();
                    assert!(!crashes, "boom");
                }
            };
            let started = if seed_is_even(simulation) {
                tasks.start_child_with(restart, work).unwrap()
            } else {
                let (tell, told) = channel();
                let from = tasks.clone();
                spawn(move |_: Mailbox<()>| async move {
                    tell.send(from.start_child_with_async(restart, work).await.unwrap()).unwrap();
                });
                simulation.run_until_idle();
                told.try_recv().unwrap()
            };
            simulation.run_until_idle();
            let pids: Vec<_> = reports.try_iter().collect();
            assert_eq!(pids.len(), runs, "{restart:?}, crashes: {crashes}");
            assert_eq!(pids[0], started.pid());
            let end = (runs > 1).then_some(ExitReason::Shutdown);
            assert_eq!(tasks.exit_reason(), end, "too many restarts end it");
        }
        let tasks = supervisor();
        let (report, reports) = channel();
        tasks.start_child(move || report.send(()).unwrap()).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().count(), 1);
    });
}

#[test]
fn ts4_nothing_is_done_for_a_caller_that_is_dead() {
    seeds(300, |simulation| {
        let tasks = supervisor();
        for linked in [true, false] {
            let (ran, runs) = channel();
            let (me, whose) = channel();
            let under = tasks.clone();
            // The caller is killed while it waits for the supervisor, or before, or after.
            let caller = doer(move |cx| {
                let owner = Peer::from(cx.me());
                me.send(owner.clone()).unwrap();
                let work = move || ran.send(owner.is_alive()).unwrap();
                let _ = if linked { under.spawn(work) } else { under.spawn_nolink(work) };
            });
            let victim = caller.clone();
            spawn(move |_: Mailbox<()>| async move { victim.exit(ExitReason::Kill) });
            simulation.run_until_idle();
            drop(whose);
            assert!(runs.try_iter().all(|alive| alive), "it ran for a dead caller");
            assert_eq!(tasks.children(), Ok(vec![]));
        }
    });
}

#[test]
fn ts4_a_start_that_is_given_up_starts_nothing() {
    seeds(100, |simulation| {
        let tasks = supervisor();
        let (ran, runs) = channel::<()>();
        let under = tasks.clone();
        let caller = spawn(move |mailbox: Mailbox<()>| async move {
            for linked in [true, false] {
                let ran = ran.clone();
                let work = async move {
                    sleep(SECOND).await;
                    ran.send(()).unwrap();
                };
                let start =
                    async { if linked { under.spawn_async(work).await } else { under.spawn_nolink_async(work).await } };
                assert!(mailbox.within(Duration::ZERO, start).await.is_none());
            }
            mailbox.receive_mail().await;
        });
        simulation.run_until_idle();
        assert_eq!(runs.try_iter().count(), 0);
        assert_eq!(tasks.children(), Ok(vec![]));
        assert!(caller.is_alive(), "nor does the link tell");
    });
}

#[test]
fn ts4_the_supervisor_keeps_nothing_of_the_work() {
    seeds(20, |simulation| {
        let tasks = supervisor();
        let held = Arc::new(());
        let gate = gate();
        let pass = gate.pass();
        let inside = Arc::clone(&held);
        let task = tasks.spawn(async move {
            drop(inside);
            pass.await;
        });
        simulation.run_until_idle();
        assert_eq!(tasks.children().unwrap().len(), 1);
        assert_eq!(Arc::strong_count(&held), 1);
        gate.open();
        assert_eq!(task.unwrap().join(), Ok(()));
    });
}

#[test]
fn ts5_children_are_listed_and_terminated() {
    seeds(100, |simulation| {
        let tasks = supervisor();
        let task = tasks.spawn_nolink(forever()).unwrap();
        let fired = tasks.start_child(forever()).unwrap();
        let mut pids = vec![task.pid().unwrap(), fired.pid()];
        let mut children = tasks.children().unwrap();
        pids.sort_unstable();
        children.sort_unstable();
        assert_eq!(children, pids);
        assert_eq!(tasks.terminate_child(fired.pid()), Ok(()));
        assert_eq!(fired.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(tasks.terminate_child(fired.pid()), Err(TerminateChildError::NotFound));
        assert_eq!(tasks.terminate_child(task.pid().unwrap()), Ok(()));
        assert_eq!(task.join(), Err(JoinError::Exit(ExitReason::Shutdown)));
        let brutal = tasks.with_shutdown(Shutdown::BrutalKill).spawn_nolink(forever()).unwrap();
        assert_eq!(tasks.terminate_child(brutal.pid().unwrap()), Ok(()));
        assert_eq!(brutal.join(), Err(JoinError::Exit(ExitReason::Killed)));
        let asked = tasks.clone();
        let listed = Task::spawn(async move {
            let child = asked.start_child_async(forever()).await.unwrap();
            let listed = asked.children_async().await;
            asked.terminate_child_async(child.pid()).await.unwrap();
            listed == Ok(vec![child.pid()])
        });
        assert_eq!(listed.join(), Ok(true));
        simulation.run_until_idle();
    });
}

#[test]
fn ts6_a_stream_runs_under_the_supervisor() {
    seeds(100, |_| {
        let here = here::<u8>();
        let tasks = supervisor();
        let asked = tasks.clone();
        let stream = tasks.async_stream_nolink(0..4_u32, move |n| {
            let asked = asked.clone();
            async move {
                assert!(asked.children_async().await.unwrap().contains(&current_pid().unwrap()));
                12 / n
            }
        });
        let outcomes: Vec<_> = stream.max_concurrency(2).unwrap().zip_input().into_iter().collect();
        assert!(matches!(&outcomes[0], Err(AsyncStreamError::Exit { input: 0, reason: ExitReason::Panic(_) })));
        assert_eq!(outcomes[1..], [Ok(12), Ok(6), Ok(4)]);
        let outcomes: Vec<_> = tasks.async_stream([1, 2], |n| move || n).into_iter().collect();
        assert_eq!(outcomes, [Ok(1), Ok(2)]);
        assert!(here.try_receive().is_none() && here.me().is_alive());
        let stream = tasks.async_stream([1], |n| move || n);
        assert_eq!(stream.shutdown(Shutdown::Infinity).err(), Some(AsyncStreamOptionsError::InfiniteShutdown));
        let stream = tasks.async_stream([1], |n| move || n).shutdown(Shutdown::BrutalKill).unwrap();
        assert_eq!(stream.into_iter().collect::<Vec<_>>(), [Ok(1)]);
    });
}

#[test]
fn ts6_a_crash_in_a_linked_stream_ends_a_caller_that_does_not_trap() {
    seeds(100, |simulation| {
        for link in [true, false] {
            let tasks = supervisor();
            let under = tasks.clone();
            let (report, reports) = channel();
            let caller = doer(move |_| {
                let work = |n: u32| move || 12 / n;
                let inputs = [3, 0, 4];
                let stream =
                    if link { under.async_stream(inputs, work) } else { under.async_stream_nolink(inputs, work) };
                report.send(stream.max_concurrency(1).unwrap().into_iter().collect::<Vec<_>>()).unwrap();
            });
            simulation.run_until_idle();
            let outcomes = reports.recv().unwrap();
            assert_eq!(caller.is_alive(), !link);
            if link {
                assert_eq!(outcomes, [Ok(4), Err(AsyncStreamError::Exiting)]);
            } else {
                assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(4), &Ok(3)));
            }
            assert_eq!(tasks.children(), Ok(vec![]));
        }
    });
}

#[test]
fn ts6_where_the_supervisor_is_full_the_stream_is_cleaned_up_and_says_so() {
    seeds(100, |simulation| {
        for asynchronous in [false, true] {
            let tasks = TaskSupervisor::new().max_children(2).start_link().unwrap();
            let under = tasks.clone();
            let stream = move || under.async_stream_nolink(0..5_u8, |_| forever()).max_concurrency(4).unwrap();
            let outcomes = if asynchronous {
                let outcomes = Task::spawn(async move {
                    let mut outcomes = stream().into_async();
                    [outcomes.next().await, outcomes.next().await].into_iter().flatten().collect::<Vec<_>>()
                });
                outcomes.join().unwrap()
            } else {
                stream().into_iter().collect()
            };
            assert_eq!(outcomes, [Err(AsyncStreamError::Start(StartDynamicChildError::MaxChildren))]);
            simulation.run_until_idle();
            assert_eq!(tasks.children(), Ok(vec![]));
        }
    });
}

#[test]
fn ts6_an_async_stream_that_is_dropped_at_any_time_leaves_nothing() {
    seeds(300, |simulation| {
        let tasks = supervisor();
        let under = tasks.clone();
        let steps = simulation.seed() % 12;
        let caller = spawn(move |mailbox: Mailbox<()>| async move {
            let mut outcomes = under.async_stream(0..9_u8, |_| forever()).max_concurrency(4).unwrap().into_async();
            let mut looks = 0;
            std::future::poll_fn(|cx| {
                let _ = outcomes.poll_next(cx);
                looks += 1;
                if looks > steps.min(3) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            drop(outcomes);
            mailbox.receive_mail().await;
        });
        simulation.run_until_idle();
        assert_eq!(tasks.children(), Ok(vec![]));
        assert!(caller.is_alive());
    });
}

#[test]
fn ts7_a_supervisor_that_stops_stops_its_tasks() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let tasks = supervisor();
        let linked = tasks.spawn(forever()).unwrap();
        let loose = tasks.spawn_nolink(forever()).unwrap();
        let peers = [linked.peer().unwrap(), loose.peer().unwrap()];
        assert_eq!(tasks.stop(), Ok(()));
        assert!(peers.iter().all(|peer| peer.exit_reason() == Some(ExitReason::Shutdown)));
        assert_eq!(linked.join(), Err(JoinError::Exit(ExitReason::Shutdown)));
        assert_eq!(loose.join(), Err(JoinError::Exit(ExitReason::Shutdown)));
        simulation.run_until_idle();
        let mut exits: Vec<_> = (0..2).map(|_| exit(&here)).map(|exit| (exit.from, exit.reason)).collect();
        exits.sort_by_key(|exit| exit.0);
        let mut expected = [(tasks.pid(), ExitReason::Normal), (peers[0].pid(), ExitReason::Shutdown)];
        expected.sort_by_key(|exit| exit.0);
        assert_eq!(exits, expected);
        assert_eq!(tasks.stop(), Err(StopError::NoProc));
    });
}

#[test]
fn ts_many_callers_on_threads() {
    let runtime = Runtime::builder().workers(3).build().unwrap();
    let _inside = runtime.enter();
    let tasks = supervisor();
    let callers = (0..8_u64).map(|caller| {
        let tasks = tasks.clone();
        Task::spawn(move || {
            (0..50)
                .map(|n| match n % 3 {
                    0 => tasks.spawn(move || n * caller).unwrap().join().unwrap(),
                    1 => tasks.spawn_nolink(async move { n * caller }).unwrap().join().unwrap(),
                    _ => tasks.async_stream([n], |n| move || n * caller).into_iter().map(Result::unwrap).sum(),
                })
                .sum::<u64>()
        })
    });
    let sums = genstage_core::join_many(callers, SECOND * 30);
    assert_eq!(sums, Ok((0..8).map(|caller| caller * (0..50).sum::<u64>()).collect()));
    assert_eq!(tasks.stop(), Ok(()));
    assert!(matches!(tasks.spawn(|| 1), Err(StartDynamicChildError::Call(CallError::NoProc))));
    assert_eq!(runtime.shutdown(SECOND * 30), []);
}

/// Whom a process works for, by its pids.
fn callers(process: Option<genstage_core::Pid>) -> Vec<genstage_core::Pid> {
    let info = process.and_then(|pid| Peer::from(pid).info()).expect("it lives");
    info.callers.iter().map(|caller| caller.pid).collect()
}

#[test]
fn t1_4_a_task_knows_whom_it_works_for_also_under_a_supervisor() {
    seeds(50, |simulation| {
        let here = here::<()>();
        genstage_core::register("client", here.me()).unwrap();
        let tasks = supervisor();
        assert_eq!(callers(Some(here.pid())), [], "who is no task works for nobody");
        // Each works for the one before it: without a supervisor, under one, asked to by a future, and started and forgotten.
        let under = tasks.clone();
        let (report, reports) = channel();
        let outer = Task::spawn(async move {
            let me = current_pid();
            let again = under.clone();
            let inner = under.spawn_nolink_async(async move {
                let me = current_pid();
                let alone = Task::spawn(async move {
                    let me = current_pid();
                    again
                        .start_child_async(async move { report.send((me, current_pid(), callers(current_pid()))) })
                        .await
                });
                let (pid, seen) = (alone.pid(), (callers(me), callers(alone.pid())));
                alone.await.unwrap().unwrap();
                (me, pid, seen)
            });
            (me, callers(me), inner.await.unwrap().await.unwrap())
        });
        let (outer, of_outer, (inner, alone, (of_inner, of_alone))) = outer.join().unwrap();
        simulation.run_until_idle();
        let (asker, _, of_fired) = reports.try_recv().unwrap();
        assert_eq!(asker, alone);
        let [outer, inner, alone] = [outer, inner, alone].map(Option::unwrap);
        assert_eq!(of_outer, [here.pid()]);
        assert_eq!(of_inner, [outer, here.pid()], "not the supervisor, which is its parent");
        assert_eq!(of_alone, [inner, outer, here.pid()]);
        assert_eq!(of_fired, [alone, inner, outer, here.pid()]);

        let streamed = || tasks.async_stream_nolink([()], |()| async { callers(current_pid()) });
        assert_eq!(streamed().into_iter().next(), Some(Ok(vec![here.pid()])));
        let name = tasks.spawn(async { Peer::from(current_pid().unwrap()).info().unwrap().callers[0].to_string() });
        assert_eq!(name.unwrap().join(), Ok(format!("client {}", here.pid())));
    });
    // A plain thread is nobody.
    seeds(5, |_| {
        let tasks = supervisor();
        assert_eq!(tasks.spawn(|| callers(current_pid())).unwrap().join(), Ok(vec![]));
        assert_eq!(Task::spawn(|| callers(current_pid())).join(), Ok(vec![]));
    });
}

#[test]
fn t1_4_the_report_of_a_crash_tells_whom_the_task_worked_for() {
    for nested in [false, true] {
        let (report, reports) = channel();
        Simulation::new(1).on_crash(move |crash| report.send(crash.clone()).unwrap()).run(|simulation| {
            let here = here::<()>();
            let tasks = supervisor();
            let crash = || -> () { panic!("boom") };
            if nested {
                drop(tasks.spawn_nolink(crash).unwrap().join());
            } else {
                here.trap_exit(true);
                drop(Task::spawn(crash).join());
            }
            simulation.run_until_idle();
            let crash = reports.try_recv().unwrap();
            assert_eq!(crash.callers.iter().map(|caller| caller.pid).collect::<Vec<_>>(), [here.pid()]);
            assert!(crash.to_string().contains("callers: "), "{crash}");
        });
    }
}

//! Tasks (T1, T2).

mod common;

#[path = "common/tasks.rs"]
mod tasks;

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{exit, here, other, seeds};
use genstage_core::{
    ExitReason, JoinError, Mail, Mailbox, Peer, Runtime, Shutdown, Simulation, Task, ThreadProcess, spawn,
};
use tasks::{Noisy, SECOND, doer, endless, gate, sleep};

fn end<T: Send>(task: &Task<T>, reason: ExitReason) {
    task.peer().unwrap().exit(reason);
}

#[test]
fn t1_1_closures_and_futures_give_their_value() {
    seeds(100, |_| {
        assert_eq!(Task::spawn(|| 1 + 1).join(), Ok(2));
        assert_eq!(Task::spawn(async { 1 + 1 }).join(), Ok(2));
        let nothing: Result<(), JoinError> = Task::spawn(|| ()).join();
        assert_eq!(nothing, Ok(()));
        let work: Box<dyn FnOnce() -> u8 + Send> = Box::new(|| 7);
        assert_eq!(Task::spawn(work).join(), Ok(7));
        let work: std::pin::Pin<Box<dyn Future<Output = u8> + Send>> = Box::pin(async { 8 });
        assert_eq!(Task::spawn(work).join(), Ok(8));
    });
}

#[test]
fn t1_1_a_task_that_has_given_its_value_ends_normally_and_tells_a_caller_that_traps() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let task = Task::spawn(|| 1);
        let peer = task.peer().unwrap();
        assert_eq!(task.join(), Ok(1));
        simulation.run_until_idle();
        assert_eq!(peer.exit_reason(), Some(ExitReason::Normal));
        let heard = exit(&here);
        assert_eq!((heard.from, heard.reason), (peer.pid(), ExitReason::Normal));
        assert!(here.try_receive().is_none(), "no reply and no DOWN goes through the inbox");
    });
}

#[test]
fn t1_1_the_crash_of_a_task_ends_its_caller_unless_that_traps() {
    seeds(100, |simulation| {
        for trap in [false, true] {
            let (report, reports) = channel();
            let caller = doer(move |cx| {
                cx.trap_exit(trap);
                report.send(Task::spawn(|| -> u8 { panic!("boom") }).join()).unwrap();
            });
            simulation.run_until_idle();
            let joined = reports.recv().unwrap();
            if trap {
                assert!(matches!(joined, Err(JoinError::Exit(ExitReason::Panic(panic))) if panic.message() == "boom"));
                assert!(caller.is_alive());
            } else {
                assert_eq!(joined, Err(JoinError::Exiting), "it must not act on the crash");
                assert!(matches!(caller.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "boom"));
            }
        }
    });
}

#[test]
fn t1_1_the_end_of_the_caller_ends_its_tasks() {
    seeds(100, |simulation| {
        let (report, reports) = channel();
        let caller = spawn(move |mailbox: Mailbox<()>| async move {
            let task = endless();
            report.send(task.peer().unwrap()).unwrap();
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        caller.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(reports.recv().unwrap().exit_reason(), Some(other("x")));
    });
}

#[test]
fn t1_1_from_a_plain_thread_there_is_nobody_to_link_to() {
    seeds(20, |_| {
        let joined = Task::spawn(|| -> u8 { panic!("boom") }).join();
        assert!(matches!(joined, Err(JoinError::Exit(ExitReason::Panic(_)))));
    });
}

#[test]
fn t1_2_start_is_not_linked_and_start_link_is() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let (report, reports) = channel();
        let again = report.clone();
        let loose = Task::start(move || report.send(1).unwrap()).unwrap();
        let tied = Task::start_link(async move { again.send(2).unwrap() }).unwrap();
        simulation.run_until_idle();
        let mut values: Vec<_> = reports.try_iter().collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
        assert_eq!([loose.exit_reason(), tied.exit_reason()], [Some(ExitReason::Normal), Some(ExitReason::Normal)]);
        assert_eq!(exit(&here).from, tied.pid());
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn t1_2_a_lost_value_is_dropped_inside_the_task() {
    seeds(20, |simulation| {
        let (report, dropped) = channel();
        let started = Task::start(move || Noisy(report)).unwrap();
        simulation.run_until_idle();
        assert_eq!(dropped.try_iter().collect::<Vec<_>>(), [Some(started.pid())]);

        let (report, dropped) = channel();
        let task = Task::spawn(move || Noisy(report));
        let pid = task.pid();
        drop(task);
        simulation.run_until_idle();
        assert_eq!(dropped.try_iter().collect::<Vec<_>>(), [pid]);
    });
}

#[test]
fn t1_3_a_completed_task_gives_its_value_in_every_way() {
    seeds(1, |_| {
        assert_eq!(Task::completed(1).pid(), None);
        assert_eq!(Task::completed(1).join(), Ok(1));
        assert_eq!(Task::completed(1).yield_within(Duration::ZERO), Some(Ok(1)));
        assert_eq!(Task::completed(1).ignore(), Some(Ok(1)));
        for how in [Shutdown::BrutalKill, Shutdown::default(), Shutdown::Infinity] {
            assert_eq!(Task::completed(1).shutdown(how), Ok(Some(1)));
        }
        assert_eq!(Task::spawn(async { Task::completed(1).await }).join(), Ok(Ok(1)));
        let stopped = Task::spawn(async { Task::completed(1).shutdown_async(Shutdown::BrutalKill).await });
        assert_eq!(stopped.join(), Ok(Ok(Some(1))));
    });
}

#[test]
fn t1_5_the_reason_of_a_failing_task_is_its_own() {
    seeds(20, |simulation| {
        let panicking = Task::spawn(async { assert_eq!(1, 2, "of a future") });
        let Err(JoinError::Exit(ExitReason::Panic(panic))) = panicking.join() else { panic!("no panic") };
        assert!(panic.message().contains("of a future"));
        for reason in [ExitReason::Shutdown, other("tired"), ExitReason::shutdown_with(1)] {
            let task = endless();
            simulation.run_until_idle();
            end(&task, reason.clone());
            assert_eq!(task.join(), Err(JoinError::Exit(reason)));
        }
        let task = endless();
        end(&task, ExitReason::Kill);
        assert_eq!(task.join(), Err(JoinError::Exit(ExitReason::Killed)));
    });
}

#[test]
fn t2_await_waits_five_seconds_and_then_lets_the_task_go_on() {
    seeds(20, |simulation| {
        let (report, reports) = channel();
        let slow = |time, report: Sender<()>| {
            Task::spawn(async move {
                sleep(time).await;
                report.send(()).unwrap();
                1
            })
        };
        assert_eq!(slow(SECOND * 4, report.clone()).join(), Ok(1));
        assert_eq!(simulation.now(), SECOND * 4);
        let late = slow(SECOND * 6, report);
        let peer = late.peer().unwrap();
        assert_eq!(late.join(), Err(JoinError::Timeout));
        assert_eq!(simulation.now(), SECOND * 9);
        assert!(peer.is_alive());
        simulation.run_until_idle();
        assert_eq!(peer.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(reports.try_iter().count(), 2);
    });
}

#[test]
fn t2_await_notices_an_end_at_once_and_a_value_wins_over_a_later_death() {
    seeds(100, |simulation| {
        let task = endless();
        simulation.run_until_idle();
        end(&task, ExitReason::Shutdown);
        assert_eq!(task.join(), Err(JoinError::Exit(ExitReason::Shutdown)));
        assert_eq!(simulation.now(), Duration::ZERO);

        let done = Task::spawn(|| 1);
        simulation.run_until_idle();
        done.peer().unwrap().exit(ExitReason::Kill);
        assert_eq!(done.join(), Ok(1));
    });
}

#[test]
fn t2_yield_may_be_repeated_and_gives_the_outcome_once() {
    seeds(100, |simulation| {
        let gate = gate();
        let pass = gate.pass();
        let mut task = Task::spawn(async move {
            pass.await;
            1
        });
        assert_eq!(task.yield_within(SECOND), None);
        assert_eq!(task.yield_within(SECOND), None);
        assert_eq!(simulation.now(), SECOND * 2);
        gate.open();
        assert_eq!(task.yield_within(SECOND), Some(Ok(1)));
        assert_eq!(simulation.now(), SECOND * 2);
        assert_eq!(task.yield_within(SECOND), Some(Err(ExitReason::NoProc)));
        assert_eq!(task.join(), Err(JoinError::Exit(ExitReason::NoProc)));

        let mut task = endless();
        end(&task, other("x"));
        assert_eq!(task.yield_within(SECOND), Some(Err(other("x"))));
    });
}

#[test]
fn t2_ignore_lets_a_task_go_on_by_itself() {
    seeds(100, |simulation| {
        let here = here::<()>();
        let done = Task::spawn(|| 1);
        simulation.run_until_idle();
        assert_eq!(done.ignore(), Some(Ok(1)));

        let gate = gate();
        let pass = gate.pass();
        let task = Task::spawn(async move {
            pass.await;
            panic!("after it was ignored");
        });
        let peer = task.peer().unwrap();
        assert_eq!(task.ignore(), None);
        gate.open();
        simulation.run_until_idle();
        assert!(matches!(peer.exit_reason(), Some(ExitReason::Panic(_))));
        assert!(here.me().is_alive(), "unlinked");

        let dead = endless();
        here.trap_exit(true);
        end(&dead, other("x"));
        simulation.run_until_idle();
        assert_eq!(dead.ignore(), Some(Err(other("x"))));
    });
}

#[test]
fn t2_shutdown_gives_none_for_an_end_of_its_own_making() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        for how in [Shutdown::BrutalKill, Shutdown::Within(SECOND), Shutdown::Infinity] {
            let task = endless();
            let peer = task.peer().unwrap();
            assert_eq!(task.shutdown(how), Ok(None));
            let reason = if how == Shutdown::BrutalKill { ExitReason::Killed } else { ExitReason::Shutdown };
            assert_eq!(peer.exit_reason(), Some(reason), "down when it returns");
            let task = endless();
            let stopped = Task::start(async move { assert_eq!(task.shutdown_async(how).await, Ok(None)) }).unwrap();
            simulation.run_until_idle();
            assert_eq!(stopped.exit_reason(), Some(ExitReason::Normal));
        }
        assert!(here.try_receive().is_none(), "T2.1: unlinked first");
        assert_eq!(simulation.now(), Duration::ZERO);
    });
}

#[test]
fn t2_shutdown_prefers_a_value_to_any_end() {
    seeds(100, |simulation| {
        for how in [Shutdown::BrutalKill, Shutdown::default(), Shutdown::Infinity] {
            let done = Task::spawn(|| 1);
            simulation.run_until_idle();
            assert_eq!(done.shutdown(how), Ok(Some(1)));
        }
    });
}

#[test]
fn t2_shutdown_gives_the_reason_of_any_other_end() {
    seeds(100, |simulation| {
        for reason in [other("x"), ExitReason::Killed, ExitReason::Timeout] {
            let task = endless();
            end(&task, reason.clone());
            simulation.run_until_idle();
            assert_eq!(task.shutdown(Shutdown::default()), Err(reason));
        }
        let mut task = Task::spawn(|| 1);
        assert_eq!(task.yield_within(SECOND), Some(Ok(1)));
        assert_eq!(task.shutdown(Shutdown::default()), Err(ExitReason::NoProc), "consumed before");
    });
}

#[test]
fn t2_1_a_shutdown_ends_the_wait_of_a_doomed_caller_and_the_task_all_the_same() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let (release, hold) = channel::<()>();
    let (report, reports) = channel();
    let caller = doer(move |_| {
        let (busy, is_busy) = channel();
        let task = Task::spawn(move || {
            busy.send(()).unwrap();
            hold.recv().ok();
        });
        is_busy.recv().unwrap();
        report.send(task.peer().unwrap()).unwrap();
        assert_eq!(task.shutdown(Shutdown::Within(Duration::from_millis(20))), Ok(None));
    });
    let task = reports.recv().unwrap();
    let here = ThreadProcess::<()>::aside().unwrap();
    here.monitor(&caller);
    here.monitor(&task);
    caller.exit(other("x"));
    let heard: Vec<_> = (0..2).map(|_| common::down(&here)).collect();
    assert_eq!((heard[0].process, &heard[0].reason), (caller.pid(), &other("x")), "its wait ends early");
    assert_eq!(heard[1].process, task.pid(), "and the task is ended all the same, though it never returns");
    drop(release);
}

#[test]
fn t2_a_task_that_does_not_obey_is_killed_after_the_limit() {
    let (release, hold) = channel::<()>();
    let (busy, is_busy) = channel();
    let task = Task::spawn(move || {
        busy.send(()).unwrap();
        hold.recv().ok();
        1
    });
    is_busy.recv().unwrap();
    assert_eq!(task.shutdown(Shutdown::Within(Duration::from_millis(10))), Err(ExitReason::Killed));
    drop(release);
    let (busy, is_busy) = channel();
    let (release, hold) = channel::<()>();
    let task = Task::spawn(move || {
        busy.send(()).unwrap();
        hold.recv().ok();
        1
    });
    is_busy.recv().unwrap();
    assert_eq!(task.shutdown(Shutdown::BrutalKill), Ok(None), "given up");
    drop(release);
}

#[test]
fn t2_a_wait_in_a_callback_ends_when_its_process_is_doomed() {
    for threads in [false, true] {
        let runtime = Runtime::builder().workers(2).build().unwrap();
        let simulation = Simulation::new(1);
        let test = || {
            let (report, reports) = channel();
            let caller = doer(move |cx| {
                let me = Peer::from(cx.me());
                let gate = gate();
                let pass = gate.pass();
                let _killer = Task::start(async move {
                    pass.await;
                    me.exit(other("x"));
                });
                gate.open();
                report.send(endless().join_within(Duration::MAX)).unwrap();
                // From now on nothing is waited for.
                report.send(endless().join_within(Duration::MAX)).unwrap();
                report.send(Task::completed(1).join()).unwrap();
            });
            let here = ThreadProcess::<()>::aside().unwrap();
            here.monitor(&caller);
            assert_eq!(common::down(&here).reason, other("x"));
            let joined: Vec<_> = reports.try_iter().collect();
            assert_eq!(joined, [Err(JoinError::Exiting), Err(JoinError::Exiting), Ok(1)]);
        };
        if threads {
            let _inside = runtime.enter();
            test();
        } else {
            simulation.run(|_| test());
        }
    }
}

#[derive(Debug, PartialEq)]
enum Message {
    Done(Result<u8, ExitReason>),
}

#[test]
fn t1_1_an_outcome_can_be_delivered_as_a_message() {
    seeds(100, |simulation| {
        let here = here::<Message>();
        here.trap_exit(true);
        let received = || match here.receive(Some(SECOND)) {
            Some(Mail::Message(message)) => Some(message),
            Some(Mail::Signal(_)) => None,
            None => panic!("nothing came"),
        };
        let next = || (0..3).find_map(|_| received()).unwrap();
        Task::spawn(|| 1).deliver(here.me(), Message::Done);
        assert_eq!(next(), Message::Done(Ok(1)));
        let done = Task::spawn(|| 2);
        simulation.run_until_idle();
        done.deliver(here.me(), Message::Done);
        assert_eq!(next(), Message::Done(Ok(2)));
        Task::completed(3).deliver(here.me(), Message::Done);
        assert_eq!(next(), Message::Done(Ok(3)));
        let task = endless();
        let peer = task.peer().unwrap();
        task.deliver(here.me(), Message::Done);
        simulation.run_until_idle();
        peer.exit(other("x"));
        assert_eq!(next(), Message::Done(Err(other("x"))));
        let gone = endless();
        end(&gone, other("y"));
        simulation.run_until_idle();
        gone.deliver(here.me(), Message::Done);
        assert_eq!(next(), Message::Done(Err(other("y"))));

        while here.try_receive().is_some() {}
        Task::spawn(|| 4).deliver(here.me(), |_| panic!("in the function"));
        let dead = common::idler();
        dead.exit(ExitReason::Kill);
        Task::spawn(|| 5).deliver(&dead, |_| ());
        simulation.run_until_idle();
        let left: Vec<_> = std::iter::from_fn(|| here.try_receive()).collect();
        assert!(left.iter().all(|mail| matches!(mail, Mail::Signal(_))), "{left:?}");
    });
}

#[test]
fn t2_in_a_future_a_task_is_awaited_and_may_be_awaited_again() {
    seeds(100, |simulation| {
        let (report, reports) = channel();
        let gate = gate();
        let passes = gate.pass();
        spawn(move |mailbox: Mailbox<()>| async move {
            let mut task = Task::spawn(async move {
                passes.await;
                1
            });
            report.send(mailbox.within(SECOND, &mut task).await).unwrap();
            report.send(mailbox.within(SECOND, &mut task).await).unwrap();
            gate.open();
            report.send(mailbox.within(SECOND, &mut task).await).unwrap();
            report.send(mailbox.within(SECOND, &mut task).await).unwrap();
            mailbox.trap_exit(true);
            let task = endless();
            end(&task, other("x"));
            report.send(Some(task.await)).unwrap();
        });
        simulation.run_until_idle();
        let expected = [None, None, Some(Ok(1)), Some(Err(ExitReason::NoProc)), Some(Err(other("x")))];
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), expected);
        assert_eq!(simulation.now(), SECOND * 2);
    });
}

#[test]
fn p3_5_a_killed_task_says_nothing_more() {
    let (release, hold) = channel::<()>();
    let (busy, is_busy) = channel();
    let mut task = Task::spawn(move || {
        busy.send(()).unwrap();
        hold.recv().ok();
        1
    });
    is_busy.recv().unwrap();
    end(&task, ExitReason::Kill);
    assert_eq!(task.yield_within(Duration::ZERO), None, "its work has not returned");
    drop(release);
    assert_eq!(task.join(), Err(JoinError::Exit(ExitReason::Killed)));
}

#[test]
fn nothing_is_left_of_tasks_however_they_are_dropped() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let held = std::sync::Arc::new(());
    for round in 0..1000 {
        let (mine, again) = (std::sync::Arc::clone(&held), std::sync::Arc::clone(&held));
        let task = Task::spawn(move || mine);
        match round % 4 {
            0 => drop(task),
            1 => drop(task.join()),
            2 => drop(task.shutdown(Shutdown::BrutalKill)),
            _ => drop(task.ignore()),
        }
        drop(Task::spawn(async move { again }));
    }
    assert_eq!(runtime.shutdown(Duration::from_secs(30)), []);
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
}

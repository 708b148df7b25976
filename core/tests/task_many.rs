//! Several tasks at once (T3).

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use std::time::Duration;

use common::{here, other, seeds};
use genstage_core::{
    ExitReason, JoinError, Runtime, Shutdown, Task, YieldOptions, YieldTimeout, join_many, join_many_async, spawn,
    yield_many, yield_many_async,
};
use tasks::{SECOND, doer, endless, gate, sleep};

/// Gives its number after so many seconds.
fn after(seconds: u32) -> Task<u32> {
    Task::spawn(async move {
        sleep(SECOND * seconds).await;
        seconds
    })
}

#[test]
fn t3_1_values_come_in_the_order_of_the_tasks() {
    seeds(100, |simulation| {
        let tasks = [after(3), Task::completed(0), after(1), Task::spawn(|| 7)];
        assert_eq!(join_many(tasks, SECOND * 5), Ok(vec![3, 0, 1, 7]));
        assert_eq!(simulation.now(), SECOND * 3);
        let joined = Task::spawn(async { join_many_async([after(2), after(1)]).await });
        assert_eq!(joined.join(), Ok(Ok(vec![2, 1])));
    });
}

#[test]
fn t3_1_none_are_done_at_once() {
    seeds(1, |simulation| {
        assert_eq!(join_many(Vec::<Task<u8>>::new(), Duration::ZERO), Ok(vec![]));
        assert_eq!(yield_many(&mut [] as &mut [Task<u8>], YieldOptions::new()), []);
        assert_eq!(simulation.now(), Duration::ZERO);
    });
}

#[test]
fn t3_1_the_first_failure_in_time_ends_the_wait_and_the_others_go_on() {
    seeds(100, |simulation| {
        let slow = after(4);
        let peer = slow.peer().unwrap();
        let failing = Task::spawn(async {
            sleep(SECOND).await;
            assert_eq!(1, 2);
            0
        });
        let started = simulation.now();
        let Err(JoinError::Exit(ExitReason::Panic(_))) = join_many([slow, failing], SECOND * 5) else {
            panic!("no failure")
        };
        assert_eq!(simulation.now().saturating_sub(started), SECOND, "not in the order of the tasks");
        assert!(peer.is_alive());
        simulation.run_until_idle();
        assert_eq!(peer.exit_reason(), Some(ExitReason::Normal));
    });
}

#[test]
fn t3_1_there_is_one_limit_for_all_and_nothing_goes_through_the_inbox() {
    seeds(100, |simulation| {
        let here = here::<u8>();
        here.me().send(1).unwrap();
        assert_eq!(join_many([after(1), after(2), after(9)], SECOND * 3), Err(JoinError::Timeout));
        assert_eq!(simulation.now(), SECOND * 3);
        simulation.run_until_idle();
        assert!(matches!(here.try_receive(), Some(genstage_core::Mail::Message(1))));
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn t3_1_a_doomed_caller_waits_no_longer() {
    seeds(100, |simulation| {
        let (report, reports) = std::sync::mpsc::channel();
        let caller = doer(move |_| {
            let crashing = Task::spawn(|| -> u8 { panic!("boom") });
            report.send(join_many([endless(), crashing], SECOND).map(|_| ())).unwrap();
            let mut tasks = [endless()];
            assert_eq!(yield_many(&mut tasks, YieldOptions::new()), [None]);
            report.send(Ok(())).unwrap();
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [Err(JoinError::Exiting), Ok(())]);
        assert!(matches!(caller.exit_reason(), Some(ExitReason::Panic(_))));
        assert_eq!(simulation.now(), Duration::ZERO);
    });
}

#[test]
fn t3_2_outcomes_come_in_order_and_unfinished_tasks_may_be_asked_again() {
    seeds(100, |simulation| {
        let failed = Task::spawn(std::future::pending());
        failed.peer().unwrap().exit(other("x"));
        let mut tasks = [after(3), failed, after(1)];
        let options = YieldOptions::new().timeout(SECOND * 2);
        assert_eq!(yield_many(&mut tasks, options), [None, Some(Err(other("x"))), Some(Ok(1))]);
        assert_eq!(simulation.now(), SECOND * 2);
        let rest = [Some(Ok(3)), Some(Err(ExitReason::NoProc)), Some(Err(ExitReason::NoProc))];
        assert_eq!(yield_many(&mut tasks, options), rest);
        assert_eq!(simulation.now(), SECOND * 3, "it ends when all have an outcome");
    });
}

#[test]
fn t3_2_the_limit_ends_the_wait_without_touching_the_others() {
    seeds(100, |simulation| {
        for on_timeout in [YieldTimeout::Nothing, YieldTimeout::Ignore, YieldTimeout::KillTask] {
            let start = simulation.now();
            let mut tasks = [after(3), after(1), after(2), after(4)];
            let options = YieldOptions::new().limit(2).on_timeout(on_timeout);
            assert_eq!(yield_many(&mut tasks, options), [None, Some(Ok(1)), Some(Ok(2)), None]);
            assert_eq!(simulation.now().saturating_sub(start), SECOND * 2);
            let [first, .., last] = tasks;
            assert_eq!(join_many([first, last], SECOND * 5), Ok(vec![3, 4]), "{on_timeout:?}");
            let mut tasks = [after(1)];
            assert_eq!(yield_many(&mut tasks, YieldOptions::new().limit(99)), [Some(Ok(1))], "capped");
        }
    });
}

#[test]
fn t3_2_at_the_timeout_unfinished_tasks_go_on_or_are_ignored_or_killed() {
    seeds(100, |simulation| {
        let here = here::<()>();
        for on_timeout in [YieldTimeout::Nothing, YieldTimeout::Ignore, YieldTimeout::KillTask] {
            let mut tasks = [Task::spawn(|| 0), after(9)];
            let peer = tasks[1].peer().unwrap();
            let options = YieldOptions::new().timeout(SECOND).on_timeout(on_timeout);
            assert_eq!(yield_many(&mut tasks, options), [Some(Ok(0)), None]);
            assert_eq!(peer.is_alive(), on_timeout != YieldTimeout::KillTask);
            let [_, slow] = tasks;
            let joined = slow.join_within(SECOND * 20);
            let gone = Err(JoinError::Exit(ExitReason::NoProc));
            assert_eq!(joined, if on_timeout == YieldTimeout::Nothing { Ok(9) } else { gone });
            simulation.run_until_idle();
            assert!(here.me().is_alive(), "unlinked before the kill");
        }
    });
}

#[test]
fn t3_2_without_a_timeout_it_takes_as_long_as_it_takes() {
    seeds(20, |simulation| {
        let mut tasks = [after(60)];
        assert_eq!(yield_many(&mut tasks, YieldOptions::new().no_timeout()), [Some(Ok(60))]);
        assert_eq!(simulation.now(), SECOND * 60);
    });
}

#[test]
fn t3_2_from_a_future_it_yields_alike() {
    seeds(100, |simulation| {
        let start = simulation.now();
        let asked = Task::spawn(async move {
            let mut tasks = [after(3), after(1), Task::completed(0)];
            let two = yield_many_async(&mut tasks, YieldOptions::new().limit(2)).await;
            let one = yield_many_async(&mut tasks[..1], YieldOptions::new().timeout(SECOND)).await;
            let killed = YieldOptions::new().timeout(Duration::ZERO).on_timeout(YieldTimeout::KillTask);
            let none = yield_many_async(&mut tasks[..1], killed).await;
            let [gone, ..] = tasks;
            (two, one, none, gone.await)
        });
        let (two, one, none, gone) = asked.join_within(SECOND * 20).unwrap();
        assert_eq!((two, one, none), (vec![None, Some(Ok(1)), Some(Ok(0))], vec![None], vec![None]));
        assert_eq!(gone, Err(ExitReason::NoProc), "it was killed");
        assert_eq!(simulation.now().saturating_sub(start), SECOND * 2);
        let none =
            Task::spawn(async { yield_many_async(&mut [Task::completed(1)], YieldOptions::new().no_timeout()).await });
        assert_eq!(none.join(), Ok(vec![Some(Ok(1))]));
    });
}

#[test]
fn t3_2_a_yield_that_is_given_up_loses_no_outcome() {
    seeds(100, |_| {
        let asked = Task::spawn(async {
            let mut tasks = [Task::spawn(|| 1), after(2)];
            let waiting = yield_many_async(&mut tasks, YieldOptions::new().no_timeout());
            let mut waiting = Box::pin(waiting);
            for _ in 0..9 {
                let pending =
                    std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
                assert!(pending);
                sleep(SECOND / 9).await;
            }
            drop(waiting);
            yield_many_async(&mut tasks, YieldOptions::new().limit(1)).await
        });
        assert_eq!(asked.join(), Ok(vec![Some(Ok(1)), None]));
    });
}

#[test]
fn t3_many_tasks_on_threads() {
    let runtime = Runtime::builder().workers(3).build().unwrap();
    let _inside = runtime.enter();
    for _ in 0..20 {
        let tasks =
            (0..500_u64).map(|n| if n % 2 == 0 { Task::spawn(move || n) } else { Task::spawn(async move { n }) });
        assert_eq!(join_many(tasks, SECOND * 30), Ok((0..500).collect()));
    }
    let gate = gate();
    let pass = gate.pass();
    let mut tasks = vec![
        Task::spawn(|| 1),
        Task::spawn(async move {
            pass.await;
            2
        }),
    ];
    assert_eq!(yield_many(&mut tasks, YieldOptions::new().limit(1)), [Some(Ok(1)), None]);
    gate.open();
    assert_eq!(tasks.remove(1).shutdown(Shutdown::BrutalKill).map(|_| ()), Ok(()));
    drop(spawn(|_: genstage_core::Mailbox<()>| async {}));
    assert_eq!(runtime.shutdown(SECOND * 30), []);
}

//! Work in processes of its own, under a supervisor: some of it fails, some takes too long, and the program goes on.

use std::time::Duration;

use genstage::core::{
    AsyncStreamError, ExitReason, JoinError, OnTimeout, Shutdown, Task, TaskSupervisor, YieldOptions, YieldTimeout,
    join_many, yield_many,
};

fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Start, do something else, join.
    let task = Task::spawn(|| fib(20));
    let meanwhile = fib(10);
    assert_eq!((meanwhile, task.join()?), (55, 6765));

    // Several at once, with one limit for all.
    let tasks = (0..5).map(|n| Task::spawn(move || fib(n)));
    assert_eq!(join_many(tasks, Duration::from_secs(1))?, [0, 1, 1, 2, 3]);

    let supervisor = TaskSupervisor::new().max_children(10).start_link()?;

    // A failure is an outcome.
    let failing = supervisor.spawn_nolink(|| -> u64 { panic!("the disk is on fire") })?;
    let Err(JoinError::Exit(ExitReason::Panic(panic))) = failing.join() else { unreachable!("it panics") };
    println!("the task said: {}", panic.message());

    // Too slow: wait a while, then stop it. What comes at the last moment counts.
    let mut slow = supervisor.spawn_nolink(std::future::pending::<u64>())?;
    if slow.yield_within(Duration::from_millis(50)).is_none() {
        assert_eq!(slow.shutdown(Shutdown::default())?, None);
    }

    // What is there in time; the others are killed.
    let mut race =
        vec![supervisor.spawn_nolink(async { "tortoise" })?, supervisor.spawn_nolink(std::future::pending())?];
    let options = YieldOptions::new().timeout(Duration::from_millis(50)).on_timeout(YieldTimeout::KillTask);
    assert_eq!(yield_many(&mut race, options), [Some(Ok("tortoise")), None]);

    // A stream of tasks with a time for each.
    let answers: Vec<_> = supervisor
        .async_stream_nolink(["quick", "stuck", "done"], |word| async move {
            if word == "stuck" {
                std::future::pending::<()>().await;
            }
            word.len()
        })
        .timeout(Duration::from_millis(50))
        .on_timeout(OnTimeout::KillTask)
        .zip_input()
        .into_iter()
        .collect();
    let late = AsyncStreamError::Exit { input: "stuck", reason: ExitReason::Timeout };
    assert_eq!(answers, [Ok(5), Err(late), Ok(4)]);
    println!("{answers:?}");

    assert!(supervisor.children()?.is_empty());
    supervisor.stop()?;
    Ok(())
}

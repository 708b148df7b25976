//! Processes whose body is a future: they give way, and an exit signal does not wait behind their mail.

use std::sync::mpsc::channel;
use std::time::Duration;

use genstage_core::{
    BuildError, ExitReason, Mailbox, Runtime, Simulation, StartOptions, ThreadProcess, spawn, spawn_with,
};

/// A future that always has mail ends its slice all the same: on one seat, two of them leave a third its turn.
#[test]
fn a_future_that_always_has_mail_gives_way() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let busy = spawn(|mailbox: Mailbox<u64>| async move {
                loop {
                    let n = mailbox.receive().await;
                    let _ = mailbox.me().send(n + 1);
                }
            });
            busy.send(0).unwrap();
            busy
        })
        .collect();
    let (report, reports) = channel();
    let modest = spawn(move |mailbox: Mailbox<()>| async move {
        mailbox.receive().await;
        let _ = report.send(());
    });
    modest.send(()).unwrap();
    assert_eq!(reports.recv_timeout(Duration::from_secs(10)), Ok(()));
    for process in &busy {
        process.exit(ExitReason::Kill);
    }
}

/// P1.3: a kill takes effect at the next `receive`, whatever is queued.
#[test]
fn p1_3_a_kill_overtakes_the_mail_of_a_future() {
    for seed in 0..100 {
        Simulation::new(seed).run(|_| {
            let here = ThreadProcess::<()>::start().unwrap();
            let (report, reports) = channel();
            let victim = spawn_with(StartOptions::new(), move |mailbox: Mailbox<u32>| async move {
                loop {
                    let n = mailbox.receive().await;
                    let _ = report.send(n);
                    if n == 3 {
                        mailbox.me().exit(ExitReason::Kill);
                    }
                }
            })
            .unwrap();
            here.monitor(&victim);
            for n in 1..=100 {
                victim.send(n).unwrap();
            }
            here.receive(None);
            assert_eq!(reports.iter().collect::<Vec<_>>(), [1, 2, 3], "seed {seed}");
            assert_eq!(victim.exit_reason(), Some(ExitReason::Killed), "seed {seed}");
        });
    }
}

/// A number that makes no sense is an error that says which.
#[test]
fn a_plan_that_makes_no_sense_is_refused_in_words() {
    let plan = || Runtime::builder().workers(2);
    for (plan, why) in [
        (plan().workers(0), "0 workers; the least is 1"),
        (plan().max_threads(0), "max_threads 0; the least is one for each of 2 workers"),
        (plan().max_threads(1), "max_threads 1; the least is one for each of 2 workers"),
        (plan().stack_size(0), "a stack of 0 bytes; the least are 65536"),
        (plan().stack_size(65_535), "a stack of 65535 bytes; the least are 65536"),
    ] {
        let error = plan.build().unwrap_err();
        assert!(!matches!(error, BuildError::System(_)), "the plan is at fault");
        assert_eq!(error.to_string(), format!("the runtime could not be built: {why}"));
    }
    plan().max_threads(2).stack_size(65_536).build().unwrap();
}

/// A plan that no machine can follow is an error, not an abort.
#[test]
fn too_many_workers_are_refused() {
    for workers in [4097, 1 << 40, usize::MAX] {
        let error = Runtime::builder().workers(workers).build().unwrap_err();
        assert_eq!(error.to_string(), format!("the runtime could not be built: {workers} workers; the most are 4096"));
    }
}

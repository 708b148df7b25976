//! The calling thread as a process while a function runs.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::{idler, other, seeds};
use genstage_core::{
    ExitReason, Mail, Mailbox, Outcome, Peer, Process, ProcessContext, Runtime, Signal, StartError, ThreadProcess,
    current_pid, processes, raise_exit, run, run_with_inbox, spawn, spawn_link, spawn_monitor,
};

#[test]
fn it_returns_the_value_and_leaves_no_process() {
    seeds(10, |_| {
        let (pid, answer) = run(|me| {
            assert_eq!(current_pid(), Some(me.pid()));
            (me.pid(), 42)
        });
        assert_eq!((answer, current_pid()), (42, None));
        assert_eq!(Peer::from(pid).exit_reason(), Some(ExitReason::NoProc));
        assert_eq!(processes(), []);
    });
}

#[test]
fn what_it_starts_linked_is_linked_to_it() {
    seeds(50, |simulation| {
        let (child, loner) = run(|me| {
            let child = spawn_link(|own: Mailbox<()>| async move { own.receive().await });
            assert_eq!(me.info().map(|info| info.links), Some(vec![child.pid()]));
            me.trap_exit(true);
            let failing = spawn_link(|_: Mailbox<()>| async { other("x") });
            assert!(matches!(me.receive_signal(None), Some(Signal::Exit(exit)) if exit.from == failing.pid()));
            (child, idler())
        });
        simulation.run_until_idle();
        assert!(child.is_alive() && loner.is_alive(), "it ended normally");
    });
}

#[test]
fn messages_come_to_run_with_inbox() {
    let echo = |n: u32| {
        run_with_inbox(|me| {
            let asker = me.me().clone();
            spawn(move |_: Mailbox<()>| async move { asker.send(n).map_err(|_| "gone") });
            match me.receive(None) {
                Some(Mail::Message(n)) => n,
                _ => 0,
            }
        })
    };
    seeds(10, |_| assert_eq!(echo(7), 7));
    assert_eq!(echo(8), 8, "on real threads");
}

#[test]
fn a_panic_ends_the_process_with_it_and_goes_on() {
    seeds(10, |simulation| {
        let mut child = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run(|_| {
                child = Some(spawn_link(|own: Mailbox<()>| async move { own.receive().await }));
                resume_unwind(Box::new("boom"))
            })
        }));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"boom"));
        simulation.run_until_idle();
        let reason = child.unwrap().exit_reason();
        assert!(matches!(reason, Some(ExitReason::Panic(panic)) if panic.message() == "boom"));
        assert_eq!(current_pid(), None);
    });
}

#[test]
fn it_nests_also_inside_a_callback() {
    struct Nest(std::sync::mpsc::Sender<bool>);
    impl Process for Nest {
        type Message = ();
        fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
            let inner = run(|outer| {
                let inner = run(|me| me.pid());
                assert_eq!(current_pid(), Some(outer.pid()));
                spawn_monitor(|_: Mailbox<()>| async {});
                assert!(matches!(outer.receive_signal(None), Some(Signal::Down(_))));
                inner
            });
            let _ = self.0.send(inner != cx.pid() && current_pid() == Some(cx.pid()));
            Outcome::Stop(ExitReason::Normal)
        }
    }
    seeds(20, |simulation| {
        let (report, reports) = std::sync::mpsc::channel();
        Nest(report).start().unwrap().send(()).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(true));
    });
}

#[test]
fn on_a_runtime_that_shuts_down_it_is_dead_from_the_start() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let keep = runtime.enter();
    assert_eq!(runtime.shutdown(std::time::Duration::from_secs(5)), []);
    let seen = run(|me| {
        assert!(matches!(idler().exit_reason(), Some(ExitReason::Shutdown)));
        (me.me().is_alive(), me.receive(None).is_none(), me.doom())
    });
    assert_eq!(seen, (false, true, Some(ExitReason::Shutdown)), "and says why");
    assert!(matches!(genstage_core::ThreadProcess::<()>::start(), Err(StartError::ShutDown)));
    drop(keep);
}

#[test]
fn p3_1_an_exit_can_be_raised_from_anywhere_and_caught() {
    struct Deep(std::sync::mpsc::Sender<ExitReason>);
    impl Process for Deep {
        type Message = bool;
        fn handle(&mut self, caught: bool, _: &mut ProcessContext<'_, bool>) -> Outcome {
            if caught {
                assert!(catch_unwind(|| raise_exit(other("caught"))).is_err());
                return Outcome::Continue;
            }
            raise_exit(other("raised"))
        }
        fn terminate(&mut self, reason: &ExitReason, _: &mut ProcessContext<'_, bool>) {
            let _ = self.0.send(reason.clone());
        }
    }
    seeds(20, |simulation| {
        let (report, reports) = std::sync::mpsc::channel();
        let deep = Deep(report).start().unwrap();
        deep.send(true).unwrap();
        simulation.run_until_idle();
        assert!(deep.is_alive());
        deep.send(false).unwrap();
        simulation.run_until_idle();
        assert_eq!(deep.exit_reason(), Some(other("raised")));
        assert_eq!(reports.try_recv(), Ok(other("raised")), "with terminate");
        let outcome = catch_unwind(|| run(|_| raise_exit(ExitReason::Shutdown)));
        assert!(outcome.is_err());
    });
}

#[test]
fn p4_1_who_ends_itself_with_kill_reaches_the_linked_as_kill() {
    seeds(20, |_| {
        run(|me| {
            me.trap_exit(true);
            spawn_link(|_: Mailbox<()>| async { raise_exit(ExitReason::Kill) });
            assert!(matches!(me.receive_signal(None), Some(Signal::Exit(exit)) if exit.reason == ExitReason::Kill));
        });
    });
}

#[test]
fn a_thread_stands_for_the_oldest_of_its_processes_that_is_left() {
    seeds(1, |_| {
        let first = ThreadProcess::<()>::start().unwrap();
        let second = ThreadProcess::<()>::start().unwrap();
        assert_eq!(current_pid(), Some(first.pid()));
        drop(first);
        assert_eq!(current_pid(), Some(second.pid()));
        drop(second);
        assert_eq!(current_pid(), None);
    });
}

/// As with a mailbox: what is not asked for keeps its place.
#[test]
fn p1_2_a_wait_for_a_signal_leaves_messages_queued() {
    seeds(20, |simulation| {
        run_with_inbox(|me| {
            me.trap_exit(true);
            me.me().send(1).unwrap();
            assert!(me.receive_signal(Some(std::time::Duration::from_secs(1))).is_none());
            assert_eq!(simulation.now(), std::time::Duration::from_secs(1), "it takes its time");
            me.me().exit(other("first"));
            me.me().send(2).unwrap();
            me.me().exit(other("second"));
            for reason in ["first", "second"] {
                assert!(matches!(me.receive_signal(None), Some(Signal::Exit(exit)) if exit.reason == other(reason)));
            }
            let sender = me.me().clone();
            spawn(move |own: Mailbox<()>| async move {
                own.sleep(std::time::Duration::from_secs(1)).await;
                sender.send(3).unwrap();
                sender.exit(other("third"));
            });
            assert!(matches!(me.receive_signal(None), Some(Signal::Exit(exit)) if exit.reason == other("third")));
            for n in 1..=3 {
                assert!(matches!(me.receive(None), Some(Mail::Message(m)) if m == n));
            }
            assert_eq!(me.info().map(|info| info.reductions), Some(6), "each is counted once");
        });
    });
}

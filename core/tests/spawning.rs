//! Starting processes, and starts that fail (P2, G1).

mod common;

use std::sync::mpsc::{Sender, channel};

use common::{exit, here, idler, other, seeds};
use genstage_core::{
    Address, ExitReason, Init, Mailbox, Outcome, Peer, Process, ProcessContext, Runtime, Signal, StartError,
    StartOptions, registered, spawn, spawn_link, spawn_monitor, start, start_with, whereis,
};

/// How `init` goes.
#[derive(Clone, Debug)]
enum How {
    Continue,
    Stop(ExitReason),
    Panic,
    ExitSelf(ExitReason),
}

struct Starter(How, Sender<&'static str>);

impl Process for Starter {
    type Message = ();

    fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
        assert_eq!(whereis("starter"), Some(cx.pid()), "G1.3: named before init");
        match &self.0 {
            How::Continue => {}
            How::Stop(reason) => return Init::Stop(reason.clone()),
            How::Panic => panic!("init panics"),
            How::ExitSelf(reason) => cx.me().exit(reason.clone()),
        }
        Init::Continue
    }

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut ProcessContext<'_, ()>) {
        let _ = self.1.send("terminate");
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        let _ = self.1.send("dropped");
    }
}

fn failures() -> Vec<(How, ExitReason)> {
    let mut all: Vec<_> = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::Kill, other("x")]
        .map(|reason| (How::Stop(reason.clone()), reason))
        .into();
    all.push((How::ExitSelf(ExitReason::Kill), ExitReason::Killed));
    all.push((How::ExitSelf(other("y")), other("y")));
    all
}

fn options() -> StartOptions {
    StartOptions::new().name("starter").link()
}

#[test]
fn g1_5_a_failed_start_leaves_nothing_and_tells_a_trapping_starter_once() {
    seeds(50, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        for (init, reason) in failures() {
            let (report, reports) = channel();
            let failed = start(Starter(init, report), options());
            assert_eq!(failed.err(), Some(StartError::Init(reason)));
            assert_eq!(
                reports.try_iter().collect::<Vec<_>>(),
                ["dropped"],
                "no terminate, and gone when start returns"
            );
            assert_eq!(registered(), Vec::<String>::new());
            simulation.run_until_idle();
            assert!(here.try_receive().is_none(), "no stray EXIT");
            assert!(here.me().is_alive());
        }
        let (report, _) = channel();
        let Err(StartError::Init(ExitReason::Panic(panic))) = start(Starter(How::Panic, report), options()) else {
            panic!("a panic in init is a failed start");
        };
        assert_eq!(panic.message(), "init panics");
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn g1_6_a_failed_start_takes_a_starter_along_that_does_not_trap_exits() {
    seeds(50, |_| {
        for (init, reason) in failures() {
            let here = here::<()>();
            let (report, _reports) = channel();
            let failed = start(Starter(init, report), options());
            assert_eq!(failed.err(), Some(StartError::Init(reason.clone())));
            let expected = (reason != ExitReason::Normal).then_some(reason);
            assert_eq!(here.doom(), expected);
        }
    });
}

#[test]
fn g1_5_nothing_is_left_in_the_list_of_processes() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    for (init, _) in failures() {
        let (report, _reports) = channel();
        assert!(start(Starter(init, report), options()).is_err());
    }
    let made = start_with(options(), |_: &Address<()>| -> Starter { panic!("no process is made") });
    assert!(matches!(made, Err(StartError::Init(ExitReason::Panic(panic))) if panic.message() == "no process is made"));
    assert_eq!((runtime.processes(), registered()), (vec![], vec![]));
}

#[test]
fn g1_1_start_returns_after_init_and_the_process_is_linked_and_named() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let (report, reports) = channel();
        let started = start(Starter(How::Continue, report), options()).unwrap();
        assert_eq!(whereis("starter"), Some(started.pid()));
        started.exit(other("x"));
        assert_eq!(exit(&here).from, started.pid());
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["dropped"]);
    });
}

#[test]
fn g6_2_the_end_of_the_parent_ends_the_child_even_if_normal() {
    struct Child(Sender<ExitReason>);
    impl Process for Child {
        type Message = ();
        fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
            cx.trap_exit(true);
            Init::Continue
        }
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Continue
        }
        fn handle_signal(&mut self, signal: Signal, _: &mut ProcessContext<'_, ()>) -> Outcome {
            assert!(matches!(signal, Signal::Exit(exit) if exit.reason == other("stranger")));
            Outcome::Continue
        }
        fn terminate(&mut self, reason: &ExitReason, _: &mut ProcessContext<'_, ()>) {
            self.0.send(reason.clone()).unwrap();
        }
    }
    seeds(100, |simulation| {
        for reason in [ExitReason::Normal, other("x")] {
            let (report, reports) = channel();
            let (address, addresses) = channel();
            let parent = spawn(move |own: Mailbox<ExitReason>| async move {
                address.send(Child(report).start_link().unwrap()).unwrap();
                own.receive().await
            });
            simulation.run_until_idle();
            let child: Address<()> = addresses.recv().unwrap();
            child.exit(other("stranger"));
            simulation.run_until_idle();
            assert!(child.is_alive());
            parent.send(reason.clone()).unwrap();
            simulation.run_until_idle();
            assert_eq!(child.exit_reason(), Some(reason.clone()));
            assert_eq!(reports.recv(), Ok(reason));
        }
    });
}

#[test]
fn p2_3_a_child_inherits_no_flag_and_no_link() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let child = idler();
        child.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(child.exit_reason(), Some(other("x")), "not trapping");
        assert!(here.try_receive().is_none(), "not linked");
    });
}

#[test]
fn a_plain_thread_links_and_monitors_nothing() {
    seeds(5, |simulation| {
        let linked = spawn_link(|_: Mailbox<()>| async { other("x") });
        let (watched, monitor) = spawn_monitor(|_: Mailbox<()>| async { other("y") });
        simulation.run_until_idle();
        assert_eq!([linked.exit_reason(), watched.exit_reason()], [Some(other("x")), Some(other("y"))]);
        assert_eq!(monitor, None);
    });
}

#[test]
fn exits_that_a_thread_process_sends_come_from_it() {
    seeds(5, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        Peer::from(here.me()).exit(ExitReason::Normal);
        assert_eq!(exit(&here).from, here.pid());
    });
}

#[test]
fn a_runtime_that_shuts_down_starts_nothing() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    assert_eq!(runtime.shutdown(std::time::Duration::from_secs(5)), []);
    let (report, reports) = channel();
    assert_eq!(start(Starter(How::Continue, report), options()).err(), Some(StartError::ShutDown));
    assert_eq!(reports.recv(), Ok("dropped"));
    let born_dead = idler();
    assert_eq!((born_dead.is_alive(), born_dead.exit_reason()), (false, Some(ExitReason::Shutdown)));
    let (_, monitor) = spawn_monitor(|_: Mailbox<()>| async {});
    assert_eq!((monitor, registered()), (None, vec![]));
}

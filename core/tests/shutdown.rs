//! The end of a runtime: in order, in time, whatever its processes do.

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use common::{here, idler, seeds};
use genstage_core::{
    Address, Callback, Exit, ExitReason, Init, Mailbox, Outcome, Peer, Process, ProcessContext, Runtime, Signal,
    StartError, StartOptions, register, spawn, spawn_link, start,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What a supervisor does: starts children, and at its own end takes them down, the last first.
fn supervisor(name: &'static str, children: Vec<&'static str>, report: Sender<String>) {
    spawn_link(move |own: Mailbox<()>| async move {
        let _ = own.trap_exit(true);
        let parent = own.info().and_then(|info| info.ancestors.first().map(|parent| parent.pid));
        let all: Vec<_> = children.into_iter().map(|child| worker(child, report.clone())).collect();
        loop {
            if let Signal::Exit(exit) = own.receive_signal().await
                && (exit.is_from_runtime() || Some(exit.from) == parent)
            {
                assert_eq!(exit.reason, ExitReason::Shutdown);
                break;
            }
        }
        for child in all.into_iter().rev() {
            let monitor = own.monitor(&child);
            child.exit(ExitReason::Shutdown);
            own.receive_if(
                |mail| matches!(mail, genstage_core::Mail::Signal(Signal::Down(down)) if down.monitor == monitor),
            )
            .await;
        }
        report.send(name.to_owned()).unwrap();
        ExitReason::Shutdown
    });
}

/// Takes a second to end.
fn worker(name: &'static str, report: Sender<String>) -> Address<()> {
    spawn_link(move |own: Mailbox<()>| async move {
        own.trap_exit(true);
        let Signal::Exit(Exit { from, reason }) = own.receive_signal().await else { return };
        own.sleep(SECOND).await;
        report
            .send(format!("{name} from {} for {reason}", if from == own.pid() { "itself" } else { "its parent" }))
            .unwrap();
    })
}

#[test]
fn supervisors_take_their_children_down_in_their_order() {
    seeds(50, |simulation| {
        let (report, reports) = channel();
        supervisor("supervisor", vec!["a", "b", "c"], report);
        simulation.run_until_idle();
        assert_eq!(simulation.shutdown(60 * SECOND), []);
        let seen: Vec<_> = reports.try_iter().collect();
        let expected = [
            "c from its parent for shutdown",
            "b from its parent for shutdown",
            "a from its parent for shutdown",
            "supervisor",
        ];
        assert_eq!(seen, expected);
        assert!(simulation.now() < 4 * SECOND);
    });
}

#[test]
fn what_a_dead_parent_leaves_is_told_next() {
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let parent = spawn(move |own: Mailbox<()>| async move {
            let child = spawn(move |own: Mailbox<()>| async move {
                own.trap_exit(true);
                let heard = own.receive_signal().await;
                report.send(heard).unwrap();
            });
            own.receive().await;
            drop(child);
        });
        simulation.run_until_idle();
        assert_eq!(simulation.shutdown(SECOND), []);
        assert_eq!(parent.exit_reason(), Some(ExitReason::Shutdown));
        let Ok(Signal::Exit(exit)) = reports.try_recv() else { panic!("not told") };
        assert!(exit.is_from_runtime());
        assert!(simulation.now() < 100 * MS, "{:?}", simulation.now());
    });
}

#[test]
fn the_children_of_one_that_does_not_answer_are_told_when_time_runs_short() {
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let stubborn = spawn(move |own: Mailbox<()>| async move {
            own.trap_exit(true);
            spawn(move |own: Mailbox<()>| async move {
                own.trap_exit(true);
                own.receive_signal().await;
                report.send(()).unwrap();
            });
            own.receive().await;
        });
        simulation.run_until_idle();
        assert_eq!(simulation.shutdown(4 * SECOND), []);
        assert_eq!(reports.try_recv(), Ok(()));
        assert_eq!(stubborn.exit_reason(), Some(ExitReason::Killed));
        assert_eq!(simulation.now(), 4 * SECOND, "it took its time and no more");
    });
}

/// Traps exits and tells of its end.
struct Trapping(Sender<ExitReason>);

impl Process for Trapping {
    type Message = ();

    fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
        cx.trap_exit(true);
        Init::Continue
    }

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut ProcessContext<'_, ()>) {
        let _ = self.0.send(reason.clone());
    }
}

#[test]
fn g6_2_to_a_process_without_a_parent_the_runtime_is_one() {
    seeds(20, |simulation| {
        let (report, reports) = channel();
        let server = Trapping(report).start().unwrap();
        assert_eq!(simulation.shutdown(SECOND), []);
        assert_eq!(server.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(reports.try_recv(), Ok(ExitReason::Shutdown), "with terminate");
    });
}

#[test]
fn nothing_starts_meanwhile() {
    seeds(20, |simulation| {
        let (report, reports) = channel();
        spawn(move |own: Mailbox<()>| async move {
            own.trap_exit(true);
            own.receive_signal().await;
            let (inner, _reports) = channel();
            report.send((Trapping(inner).start().err(), idler().exit_reason())).unwrap();
        });
        simulation.run_until_idle();
        assert_eq!(simulation.shutdown(SECOND), []);
        assert_eq!(reports.try_recv(), Ok((Some(StartError::ShutDown), Some(ExitReason::Shutdown))));
    });
}

#[test]
fn a_thread_process_is_a_straggler_and_its_children_are_roots() {
    for trap in [false, true] {
        seeds(20, |simulation| {
            let here = here::<()>();
            here.trap_exit(trap);
            register("main", here.me()).unwrap();
            let child = idler();
            let stragglers = simulation.shutdown(SECOND);
            assert_eq!(child.exit_reason(), Some(ExitReason::Shutdown));
            let [straggler] = &stragglers[..] else { panic!("{stragglers:?}") };
            assert_eq!((straggler.pid, straggler.name.as_deref()), (here.pid(), Some("main")));
            assert_eq!(straggler.callback, Callback::Thread);
            assert_eq!(straggler.since, SECOND + 100 * MS);
            assert!(straggler.initial_call.contains("ThreadProcess"));
            assert!(!here.me().is_alive());
        });
    }
}

/// Waits at a door in one of its callbacks, for ever if need be.
struct Stuck {
    at: Callback,
    entered: Sender<()>,
    door: Option<Receiver<()>>,
}

impl Stuck {
    fn pass(&mut self, at: Callback) {
        if self.at == at
            && let Some(door) = self.door.take()
        {
            let _ = self.entered.send(());
            let _ = door.recv();
        }
    }
}

impl Process for Stuck {
    type Message = ();

    fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
        cx.trap_exit(true);
        self.pass(Callback::Init);
        Init::Continue
    }

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        self.pass(Callback::Message);
        Outcome::Stop(ExitReason::Normal)
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut ProcessContext<'_, ()>) {
        self.pass(Callback::Terminate);
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.pass(Callback::Drop);
    }
}

/// Starts what it is sent, and so waits in its callback for the other's `init`.
struct Starter;

impl Process for Starter {
    type Message = Stuck;

    fn handle(&mut self, stuck: Stuck, cx: &mut ProcessContext<'_, Stuck>) -> Outcome {
        if start(stuck, StartOptions::new().name("stuck")).is_err() {
            cx.set_label("it failed");
        }
        Outcome::Continue
    }
}

#[test]
fn who_is_stuck_is_named_with_its_callback_and_dead_for_everybody_else() {
    for at in [Callback::Init, Callback::Message, Callback::Terminate, Callback::Drop] {
        // It watches from another runtime, which goes on.
        let here = here::<()>();
        let runtime = Runtime::builder().workers(2).build().unwrap();
        let _inside = runtime.enter();
        let (entered, inside) = channel();
        let (open, door) = channel();
        let stuck = Stuck { at, entered, door: Some(door) };
        let begin = Instant::now();
        if at == Callback::Init {
            let starter = Starter.start().unwrap();
            starter.send(stuck).unwrap();
            inside.recv().unwrap();
            here.monitor(&genstage_core::Name::from("stuck"));
        } else {
            let stuck = start(stuck, StartOptions::new().name("stuck")).unwrap();
            here.monitor(&stuck);
            stuck.send(()).unwrap();
            inside.recv().unwrap();
        }
        let stragglers = runtime.shutdown(40 * MS);
        assert!(begin.elapsed() < 20 * SECOND);
        let Some(straggler) = stragglers.iter().find(|straggler| straggler.callback == at) else {
            panic!("{at:?}: {stragglers:?}")
        };
        assert_eq!(straggler.name.as_deref(), Some("stuck"), "{at:?}");
        assert_eq!(stragglers.iter().filter(|other| other.name.is_some()).count(), 1);
        assert!(straggler.initial_call.ends_with("::Stuck"));
        assert!(straggler.since >= 40 * MS, "{straggler}");
        assert_eq!(common::down(&here).process, straggler.pid, "{at:?}");
        drop(open);
    }
}

#[test]
fn a_dropped_runtime_gives_up_on_the_stuck_too() {
    let here = here::<()>();
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let inside = runtime.enter();
    let (entered, stuck_now) = channel();
    let (open, door) = channel();
    let stuck = Stuck { at: Callback::Message, entered, door: Some(door) }.start().unwrap();
    let waiting = idler();
    here.monitor(&stuck);
    stuck.send(()).unwrap();
    stuck_now.recv().unwrap();
    drop(inside);
    drop(runtime);
    assert_eq!(common::down(&here).reason, ExitReason::Killed);
    assert_eq!(waiting.exit_reason(), Some(ExitReason::Killed));
    drop(open);
}

#[test]
fn a_destructor_that_never_returns_does_not_hold_up_the_shutdown() {
    struct Mail(Receiver<()>);
    impl Drop for Mail {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
    struct Busy(Sender<()>, Receiver<()>);
    impl Process for Busy {
        type Message = Option<Mail>;
        fn handle(&mut self, _: Option<Mail>, _: &mut ProcessContext<'_, Option<Mail>>) -> Outcome {
            let _ = self.0.send(());
            let _ = self.1.recv();
            Outcome::Continue
        }
    }
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let ((entered, inside), (open, door), (open_mail, mail_door)) = (channel(), channel(), channel());
    let busy = Busy(entered, door).start().unwrap();
    busy.send(None).unwrap();
    inside.recv().unwrap();
    busy.send(Some(Mail(mail_door))).unwrap_or_else(|_| panic!("it lives"));
    let begin = Instant::now();
    let stragglers = runtime.shutdown(40 * MS);
    assert_eq!(stragglers.iter().map(|straggler| straggler.pid).collect::<Vec<_>>(), [busy.pid()]);
    assert!(begin.elapsed() < 20 * SECOND);
    drop((open, open_mail));
}

#[test]
fn a_callback_that_shuts_its_own_runtime_down_is_a_straggler_of_it() {
    struct Suicidal(Sender<Vec<genstage_core::Straggler>>);
    impl Process for Suicidal {
        type Message = Runtime;
        fn handle(&mut self, runtime: Runtime, _: &mut ProcessContext<'_, Runtime>) -> Outcome {
            let _ = self.0.send(runtime.shutdown(20 * MS));
            Outcome::Continue
        }
    }
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let (report, reports) = channel();
    let process = {
        let _inside = runtime.enter();
        Suicidal(report).start().unwrap()
    };
    process.send(runtime).unwrap_or_else(|_| panic!("it lives"));
    let stragglers = reports.recv_timeout(20 * SECOND).unwrap();
    assert_eq!(stragglers.iter().map(|straggler| straggler.pid).collect::<Vec<_>>(), [process.pid()]);
    assert!(Peer::from(&process).exit_reason().is_some());
}

#[test]
fn many_processes_end_at_once_and_in_time() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let all: Vec<_> = {
        let _inside = runtime.enter();
        (0..20_000).map(|_| idler()).collect()
    };
    assert_eq!(runtime.shutdown(60 * SECOND), []);
    assert!(all.iter().all(|process| process.exit_reason() == Some(ExitReason::Shutdown)));
}

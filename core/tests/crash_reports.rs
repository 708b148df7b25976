//! The reports of processes that end abnormally (P14, G6.6).

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{down, here, other};
use genstage_core::{
    CrashReport, ExitReason, Init, Mailbox, Outcome, Process, ProcessContext, Runtime, Signal, Simulation,
    StartOptions, spawn, spawn_link, spawn_with, start, whereis,
};

/// Runs on simulations whose crashes are collected.
fn seeds(count: u64, test: impl Fn(&Simulation, &Receiver<CrashReport>)) {
    for seed in 0..count {
        let (report, reports) = channel();
        let simulation = Simulation::new(seed).on_crash(move |crash| drop(report.send(crash.clone())));
        eprintln!("seed {seed}");
        simulation.run(|simulation| test(simulation, &reports));
    }
}

/// Does what it is told.
struct Servant;

#[derive(Clone)]
enum Task {
    Nothing,
    Panic,
    Stop(ExitReason),
}

impl Process for Servant {
    type Message = Task;

    fn init(&mut self, cx: &mut ProcessContext<'_, Task>) -> Init {
        cx.set_label("the servant");
        cx.put(7_u8);
        Init::Continue
    }

    fn handle(&mut self, task: Task, _: &mut ProcessContext<'_, Task>) -> Outcome {
        match task {
            Task::Nothing => Outcome::Continue,
            Task::Panic => std::panic::resume_unwind(Box::new("dropped the tray")),
            Task::Stop(reason) => Outcome::Stop(reason),
        }
    }

    fn handle_signal(&mut self, _: Signal, _: &mut ProcessContext<'_, Task>) -> Outcome {
        Outcome::Stop(other("a signal"))
    }
}

#[test]
fn p14_a_report_tells_all_there_is_to_know() {
    seeds(50, |simulation, reports| {
        let here = here::<()>();
        here.trap_exit(true);
        let servant = start(Servant, StartOptions::new().name("james").link()).unwrap();
        for task in [Task::Nothing, Task::Panic, Task::Nothing, Task::Nothing] {
            servant.send(task).unwrap();
        }
        simulation.run_until_idle();
        let crash = reports.try_recv().unwrap();
        assert_eq!((crash.pid, crash.name.as_deref()), (servant.pid(), Some("james")));
        assert_eq!(crash.ancestors.iter().map(|ancestor| ancestor.pid).collect::<Vec<_>>(), [here.pid()]);
        assert!(crash.initial_call.ends_with("::Servant"), "{}", crash.initial_call);
        assert_eq!(crash.label.as_deref(), Some("the servant"));
        assert!(matches!(&crash.reason, ExitReason::Panic(panic) if panic.message() == "dropped the tray"));
        assert!(crash.last_message.is_some_and(|name| name.ends_with("::Task")), "{:?}", crash.last_message);
        assert_eq!(crash.message_queue_len, 2);
        assert_eq!(crash.links, [here.pid()]);
        assert_eq!(crash.dictionary, [("u8", "7".to_owned())]);
        let text = crash.to_string();
        for part in ["james", "dropped the tray", "the servant", "::Servant", "::Task", "2 more"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        assert!(reports.try_recv().is_err(), "one report for one end");
    });
}

#[test]
fn p14_a_clean_end_is_not_reported() {
    seeds(20, |simulation, reports| {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("data")] {
            let servant = Servant.start().unwrap();
            servant.send(Task::Stop(reason.clone())).unwrap();
            simulation.run_until_idle();
            assert_eq!(servant.exit_reason(), Some(reason));
        }
        spawn(|_: Mailbox<()>| async {});
        simulation.run_until_idle();
        assert!(reports.try_recv().is_err());
    });
}

#[test]
fn p14_kills_signals_links_and_failed_starts_are_reported() {
    struct Fails(Init);
    impl Process for Fails {
        type Message = ();
        fn init(&mut self, _: &mut ProcessContext<'_, ()>) -> Init {
            self.0.clone()
        }
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Continue
        }
    }
    seeds(50, |simulation, reports| {
        let next = || {
            simulation.run_until_idle();
            reports.try_recv().map(|crash| (crash.reason, crash.last_message)).ok()
        };
        let servant = Servant.start().unwrap();
        servant.exit(ExitReason::Kill);
        assert_eq!(next(), Some((ExitReason::Killed, None)));
        let watching = spawn(|own: Mailbox<()>| async move {
            own.trap_exit(true);
            own.receive_signal().await;
            other("heard")
        });
        simulation.run_until_idle();
        watching.exit(other("x"));
        assert_eq!(next(), Some((other("heard"), Some(std::any::type_name::<Signal>()))));
        spawn(|_: Mailbox<()>| async {
            spawn_link(|own: Mailbox<()>| async move { own.receive().await });
            other("both")
        });
        assert_eq!(next(), Some((other("both"), None)));
        assert_eq!(next(), Some((other("both"), None)));
        assert!(Fails(Init::Stop(other("init"))).start().is_err());
        assert_eq!(next(), Some((other("init"), None)));
        assert!(Fails(Init::Fail(other("quiet"))).start().is_err());
        assert!(Fails(Init::Ignore).start().is_err());
        assert_eq!(next(), None, "they ended normally");
    });
}

#[test]
fn p14_a_future_tells_the_type_it_received() {
    seeds(20, |simulation, reports| {
        let future = spawn(|own: Mailbox<String>| async move {
            own.receive().await;
            other("x")
        });
        future.send("word".to_owned()).unwrap();
        future.send("lost".to_owned()).unwrap();
        simulation.run_until_idle();
        let crash = reports.try_recv().unwrap();
        assert_eq!((crash.last_message, crash.message_queue_len), (Some("alloc::string::String"), 1));
    });
}

#[test]
fn p3_3_the_report_comes_after_the_name_is_free_and_before_others_hear() {
    let (report, reports) = channel();
    let hook = move |crash: &CrashReport| {
        assert_eq!((crash.name.as_deref(), whereis("james")), (Some("james"), None));
        let _ = report.send(());
    };
    Simulation::new(1).on_crash(hook).run(|_| {
        let here = here::<()>();
        let options = StartOptions::new().name("james").monitor();
        spawn_with(options, |_: Mailbox<()>| async { other("x") }).unwrap();
        down(&here);
        assert_eq!(reports.try_recv(), Ok(()));
    });
}

#[test]
fn p14_a_hook_that_panics_harms_nobody() {
    let (report, reports) = channel();
    let runtime = Runtime::builder()
        .workers(1)
        .on_crash(move |crash| {
            let _ = report.send(crash.reason.clone());
            std::panic::resume_unwind(Box::new("the hook panics"));
        })
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let here = here::<()>();
    for _ in 0..10 {
        let servant = Servant.start().unwrap();
        here.monitor(&servant);
        servant.send(Task::Stop(other("x"))).unwrap();
        assert_eq!(down(&here).reason, other("x"));
        assert_eq!(reports.recv_timeout(Duration::from_secs(20)), Ok(other("x")));
    }
}

#[test]
fn p14_a_debug_form_that_panics_does_not_keep_the_report() {
    #[derive(Clone)]
    struct Shy;
    impl std::fmt::Debug for Shy {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            std::panic::resume_unwind(Box::new("shy"))
        }
    }
    seeds(5, |simulation, reports| {
        spawn(|own: Mailbox<()>| async move {
            own.put(Shy);
            other("x")
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv().unwrap().dictionary[0].1, "(its debug form panicked)");
    });
}

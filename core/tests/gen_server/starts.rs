//! How servers start (G1, G7.2).

use std::sync::mpsc::channel;

use genstage_core::{
    Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Init, Outcome, ServerRef, StartError,
    StartOptions, Strategy, Supervisor, spawn, whereis,
};

use crate::common::{down, exit, here, other, seeds};
use crate::scripted::{all, cast, scripted};

#[test]
fn g1_1_a_start_returns_after_init() {
    seeds(50, |_| {
        let (report, inits) = channel();
        let (server, _seen) = scripted(move |cx| {
            report.send(cx.pid()).unwrap();
            Init::Continue
        });
        let server = server.start().unwrap();
        assert_eq!(inits.try_recv(), Ok(server.pid()));
    });
}

#[test]
fn g1_2_a_server_may_be_watched_from_its_start() {
    seeds(20, |_| {
        let here = here::<()>();
        let (server, _seen) = scripted(|_| Init::Continue);
        let (server, monitor) = server.start_monitor(StartOptions::new()).unwrap();
        server.exit(other("x"));
        let fallen = down(&here);
        assert_eq!((Some(fallen.monitor), fallen.reason), (monitor, other("x")));
    });
}

#[test]
fn g1_3_the_name_is_registered_before_init_and_a_taken_one_runs_no_init() {
    seeds(50, |_| {
        let (server, _seen) = scripted(|cx| {
            assert_eq!(whereis("scripted"), Some(cx.pid()));
            Init::Continue
        });
        let first = server.start_with(StartOptions::new().name("scripted")).unwrap();
        let (server, _seen) = scripted(|_| panic!("init must not run"));
        let second = server.start_with(StartOptions::new().name("scripted"));
        assert_eq!(second.err(), Some(StartError::AlreadyStarted(first.pid())));
    });
}

#[test]
fn g1_4_ignore_ends_normally_and_frees_the_name() {
    seeds(50, |_| {
        let starter = here::<()>();
        starter.trap_exit(true);
        let (report, pids) = channel();
        let (server, seen) = scripted(move |cx| {
            report.send(cx.me()).unwrap();
            Init::Ignore
        });
        let outcome = server.start_with(StartOptions::new().name("ignored").link());
        assert_eq!(outcome.err(), Some(StartError::Ignore));
        assert_eq!(pids.recv().unwrap().exit_reason(), Some(ExitReason::Normal));
        assert_eq!(whereis("ignored"), None);
        assert_eq!(all(&seen), Vec::<String>::new(), "G6.3: no terminate");
        assert!(starter.try_receive().is_none(), "G1.5: no EXIT is left");
    });
}

#[test]
fn g1_4_fail_ends_normally_and_stop_for_its_reason() {
    seeds(50, |_| {
        for (init, ended) in [(Init::Fail(other("x")), ExitReason::Normal), (Init::Stop(other("x")), other("x"))] {
            let starter = here::<()>();
            starter.trap_exit(true);
            let (report, pids) = channel();
            let (server, seen) = scripted(move |cx| {
                report.send(cx.me()).unwrap();
                init
            });
            assert_eq!(server.start_link().err(), Some(StartError::Init(other("x"))));
            assert_eq!(pids.recv().unwrap().exit_reason(), Some(ended));
            assert_eq!(all(&seen), Vec::<String>::new(), "G6.3: no terminate");
            assert!(starter.try_receive().is_none(), "G1.5: no EXIT is left");
        }
    });
}

#[test]
fn g1_6_a_starter_that_does_not_trap_dies_with_a_failed_init_but_not_with_an_ignored_one() {
    seeds(50, |simulation| {
        for (init, survives) in [(Init::Ignore, true), (Init::Fail(other("x")), true), (Init::Stop(other("x")), false)]
        {
            let starter = spawn(move |mailbox: genstage_core::Mailbox<()>| async move {
                let (server, _seen) = scripted(move |_| init);
                let _ = server.start_link();
                mailbox.receive().await;
            });
            simulation.run_until_idle();
            assert_eq!(starter.is_alive(), survives);
        }
    });
}

#[test]
fn g7_2_a_server_is_its_own_child_spec_and_begins_each_time_as_a_copy() {
    #[derive(Clone)]
    struct Simple<T>(T);
    impl GenServer for Simple<u8> {
        type Message = u8;
        fn handle_cast(&mut self, n: u8, _: &mut Context<'_, Self>) -> Outcome {
            self.0 += n;
            if n == 0 { Outcome::Stop(other("zero")) } else { Outcome::Continue }
        }
    }
    impl HandleCall<()> for Simple<u8> {
        type Reply = u8;
        fn handle_call(&mut self, (): (), _: &mut Caller<u8>, _: &mut Context<'_, Self>) -> Answer<u8> {
            Answer::Reply(self.0)
        }
    }
    seeds(20, |simulation| {
        let spec = Simple(1_u8).child_spec();
        let child = spec.handle();
        assert_eq!(child.id().to_string(), "Simple<u8>");
        let _sup = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        let lasting = ServerRef::from(&child);
        let first = child.get().unwrap();
        first.cast(5);
        assert_eq!((first.call(()), lasting.call(())), (Ok(6), Ok(6)));
        first.cast(0);
        simulation.run_until_idle();
        assert_eq!(first.call(()), Err(CallError::NoProc), "a handle to a dead one says so");
        assert_eq!(lasting.call(()), Ok(1), "the next begins as a copy");
    });
}

#[test]
fn a_trapping_starter_gets_no_exit_of_a_running_server() {
    seeds(20, |simulation| {
        let starter = here::<()>();
        starter.trap_exit(true);
        let (server, _seen) = scripted(|_| Init::Continue);
        let server = server.start_link().unwrap();
        assert!(starter.try_receive().is_none());
        cast(&server, |_| Outcome::Stop(other("x")));
        simulation.run_until_idle();
        assert_eq!(exit(&starter).reason, other("x"));
    });
}

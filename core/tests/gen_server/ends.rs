//! How servers end (G6).

use std::sync::mpsc::channel;

use genstage_core::{
    Answer, Caller, Context, ExitReason, GenServer, HandleCall, Init, Outcome, Simulation, StartOptions, spawn,
};

use crate::common::{other, seeds};
use crate::scripted::{CallScript, SECOND, Scripted, all, ask, cast, idle, scripted};

#[test]
fn g6_2_the_end_of_the_parent_terminates_a_trapping_server_also_if_normal() {
    seeds(100, |simulation| {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, other("x")] {
            let (server, seen) = scripted(|cx| {
                cx.trap_exit(true);
                Init::Continue
            });
            let end = reason.clone();
            let _parent = spawn(move |mailbox: genstage_core::Mailbox<()>| async move {
                let _server = server.start_link().unwrap();
                mailbox.sleep(SECOND).await;
                end
            });
            simulation.run_until_idle();
            assert_eq!(all(&seen), [format!("terminate {reason}")]);
        }
    });
}

#[test]
fn g6_2_an_exit_of_a_stranger_is_a_signal() {
    seeds(50, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cx.trap_exit(true);
            Outcome::Continue
        });
        simulation.run_until_idle();
        server.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["cast", "exit x"]);
    });
}

#[test]
fn g6_3_a_server_that_does_not_trap_is_ended_without_terminate() {
    seeds(100, |simulation| {
        for (signal, reason) in [(ExitReason::Kill, ExitReason::Killed), (other("x"), other("x"))] {
            let (server, seen) = idle();
            server.exit(signal);
            simulation.run_until_idle();
            assert_eq!(all(&seen), Vec::<String>::new());
            assert_eq!(server.exit_reason(), Some(reason));
        }
    });
}

#[test]
fn g6_5_a_panic_in_terminate_becomes_the_reason_and_the_reply_is_sent_all_the_same() {
    struct Clumsy;
    impl GenServer for Clumsy {
        type Message = ();
        fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
            panic!("clumsy");
        }
    }
    impl HandleCall<()> for Clumsy {
        type Reply = &'static str;
        fn handle_call(
            &mut self,
            (): (),
            _: &mut Caller<&'static str>,
            _: &mut Context<'_, Self>,
        ) -> Answer<&'static str> {
            Answer::Stop(ExitReason::Normal, Some("bye"))
        }
    }
    seeds(50, |simulation| {
        let clumsy = Clumsy.start().unwrap();
        assert_eq!(clumsy.call(()), Ok("bye"), "G6.8");
        simulation.run_until_idle();
        assert!(matches!(clumsy.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "clumsy"));
    });
}

#[test]
fn g6_6_a_crash_report_names_the_server_and_its_last_request() {
    let (report, reports) = channel();
    Simulation::new(1).on_crash(move |crash| report.send(crash.clone()).unwrap()).run(|_| {
        let (server, _seen) = scripted(|_| Init::Continue);
        let server = server.start_with(StartOptions::new().name("reported")).unwrap();
        let _ = ask(&server, |_, _| panic!("boom"));
        server.stop().unwrap_err();
        let crash = reports.try_recv().unwrap();
        assert_eq!((crash.pid, crash.name.as_deref()), (server.pid(), Some("reported")));
        assert_eq!(crash.initial_call, std::any::type_name::<Scripted>());
        assert_eq!(crash.last_message, Some(std::any::type_name::<CallScript>()));
        let (server, _seen) = idle();
        server.stop_with(ExitReason::Shutdown, SECOND).unwrap();
        assert!(reports.try_recv().is_err(), "a clean end is not reported");
    });
}

#[test]
fn g6_7_what_waits_behind_the_end_is_lost() {
    seeds(50, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cast(&cx.me(), |_| Outcome::Continue);
            Outcome::Stop(ExitReason::Normal)
        });
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["cast", "terminate normal"]);
    });
}

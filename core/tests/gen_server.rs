//! Servers: starts, the loop, continues, idle timeouts (G1 to G4).

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::{exit, here, other, seeds};
use genstage_core::{
    Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Init, Outcome, Peer, Runtime, ServerRef,
    Signal, Simulation, StartError, StartOptions, Strategy, Supervisor, spawn, sys, whereis,
};

const SECOND: Duration = Duration::from_secs(1);

/// Does what it is sent, and reports what it sees.
struct Scripted {
    init: Option<InitScript>,
    report: Sender<String>,
}

type InitScript = Box<dyn FnOnce(&mut Context<'_, Scripted>) -> Init + Send>;
type Script = Box<dyn FnOnce(&mut Context<'_, Scripted>) -> Outcome + Send>;
type CallScript = Box<dyn FnOnce(&mut Caller<u32>, &mut Context<'_, Scripted>) -> Answer<u32> + Send>;

impl GenServer for Scripted {
    type Message = Script;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        self.init.take().map_or(Init::Continue, |script| script(cx))
    }

    fn handle_cast(&mut self, script: Script, cx: &mut Context<'_, Self>) -> Outcome {
        self.say("cast");
        script(cx)
    }

    fn handle_continue(&mut self, script: Script, cx: &mut Context<'_, Self>) -> Outcome {
        self.say("continue");
        script(cx)
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Self>) -> Outcome {
        self.say(format!("timeout at {:?}", cx.now()));
        Outcome::Continue
    }

    fn handle_signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Outcome {
        match signal {
            Signal::Exit(exit) => self.say(format!("exit {}", exit.reason)),
            Signal::Down(down) => self.say(format!("down {}", down.reason)),
            other => panic!("unknown {other:?}"),
        }
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        self.say(format!("terminate {reason}"));
    }
}

impl HandleCall<CallScript> for Scripted {
    type Reply = u32;

    fn handle_call(&mut self, script: CallScript, from: &mut Caller<u32>, cx: &mut Context<'_, Self>) -> Answer<u32> {
        self.say("call");
        script(from, cx)
    }
}

/// Says a word, and wants nothing else.
struct Say(&'static str);

impl HandleCall<Say> for Scripted {
    type Reply = ();

    fn handle_call(&mut self, Say(word): Say, _: &mut Caller<()>, _: &mut Context<'_, Self>) -> Answer<()> {
        self.say(word);
        Answer::Reply(())
    }
}

impl Scripted {
    fn say(&self, word: impl Into<String>) {
        let _ = self.report.send(word.into());
    }
}

fn scripted(init: impl FnOnce(&mut Context<'_, Scripted>) -> Init + Send + 'static) -> (Scripted, Receiver<String>) {
    let (report, seen) = channel();
    (Scripted { init: Some(Box::new(init)), report }, seen)
}

fn idle() -> (ServerRef<Scripted>, Receiver<String>) {
    let (server, seen) = scripted(|_| Init::Continue);
    (server.start().unwrap(), seen)
}

fn cast(server: &ServerRef<Scripted>, script: impl FnOnce(&mut Context<'_, Scripted>) -> Outcome + Send + 'static) {
    server.cast(Box::new(script));
}

fn ask(
    server: &ServerRef<Scripted>,
    script: impl FnOnce(&mut Caller<u32>, &mut Context<'_, Scripted>) -> Answer<u32> + Send + 'static,
) -> Result<u32, CallError> {
    let script: CallScript = Box::new(script);
    server.call(script)
}

fn all(seen: &Receiver<String>) -> Vec<String> {
    seen.try_iter().collect()
}

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
fn g2_1_mail_is_handled_in_the_order_of_arrival() {
    seeds(100, |_| {
        let (server, seen) = idle();
        cast(&server, |_| Outcome::Continue);
        server.call(Say("a")).unwrap();
        cast(&server, |_| Outcome::Continue);
        server.call(Say("b")).unwrap();
        assert_eq!(all(&seen), ["cast", "a", "cast", "b"]);
    });
}

#[test]
fn g2_3_stop_with_a_reply_replies_after_terminate() {
    seeds(100, |simulation| {
        let (server, seen) = idle();
        assert_eq!(ask(&server, |_, _| Answer::Stop(other("done"), Some(7))), Ok(7));
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["call", "terminate done"]);
        assert_eq!(server.exit_reason(), Some(other("done")));
    });
}

#[test]
fn g2_3_stop_without_a_reply_gives_the_caller_the_reason() {
    seeds(100, |_| {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, other("x")] {
            let (server, seen) = idle();
            let stop = reason.clone();
            assert_eq!(ask(&server, |_, _| Answer::Stop(stop, None)), Err(CallError::Down(reason.clone())));
            assert_eq!(all(&seen), ["call".to_owned(), format!("terminate {reason}")]);
        }
    });
}

#[test]
fn g2_3_a_panic_gives_the_caller_the_panic() {
    seeds(100, |_| {
        let (server, seen) = idle();
        let Err(CallError::Down(ExitReason::Panic(panic))) = ask(&server, |_, _| panic!("boom")) else {
            panic!("expected the panic");
        };
        assert_eq!(panic.message(), "boom");
        assert_eq!(all(&seen), ["call", "terminate panic: boom"]);
    });
}

#[test]
fn g2_5_a_cast_that_nobody_handles_is_dropped_and_the_server_lives() {
    struct Deaf;
    impl GenServer for Deaf {
        type Message = &'static str;
    }
    impl HandleCall<()> for Deaf {
        type Reply = ();
        fn handle_call(&mut self, (): (), _: &mut Caller<()>, _: &mut Context<'_, Self>) -> Answer<()> {
            Answer::Reply(())
        }
    }
    seeds(20, |_| {
        let deaf = Deaf.start().unwrap();
        deaf.cast("hello");
        assert_eq!(deaf.call(()), Ok(()));
    });
}

#[test]
fn g3_1_a_continue_runs_before_anything_that_waits() {
    seeds(100, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cx.continue_with(Box::new(|_| Outcome::Continue));
            Outcome::Continue
        });
        cast(&server, |_| Outcome::Continue);
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["cast", "continue", "cast"]);
    });
}

#[test]
fn g3_1_a_continue_of_init_runs_before_messages_that_came_to_the_name() {
    seeds(100, |simulation| {
        let (server, seen) = scripted(|cx| {
            cast(&cx.me(), |_| Outcome::Continue);
            cx.continue_with(Box::new(|_| Outcome::Continue));
            Init::Continue
        });
        server.start().unwrap();
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["continue", "cast"]);
    });
}

#[test]
fn g3_2_a_reply_goes_out_before_the_continue() {
    seeds(100, |_| {
        let (server, _seen) = idle();
        let (report, continued) = channel();
        let outcome = ask(&server, move |_, cx| {
            cx.continue_with(Box::new(move |cx| {
                // Here the caller has its answer, and may well be gone.
                report.send(cx.now()).unwrap();
                Outcome::Stop(other("in the continue"))
            }));
            Answer::Reply(1)
        });
        assert_eq!(outcome, Ok(1), "though the continue ends the server");
        assert_eq!(continued.try_recv(), Ok(Duration::ZERO));
    });
}

#[test]
fn g3_3_a_continue_may_chain_time_out_and_stop() {
    seeds(100, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cx.continue_with(Box::new(|cx| {
                cx.continue_with(Box::new(|cx| {
                    cx.idle_timeout(SECOND);
                    Outcome::Continue
                }));
                Outcome::Continue
            }));
            Outcome::Continue
        });
        simulation.run_until_idle();
        cast(&server, |cx| {
            cx.continue_with(Box::new(|_| Outcome::Stop(other("x"))));
            Outcome::Continue
        });
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["cast", "continue", "continue", "timeout at 1s", "cast", "continue", "terminate x"]);
    });
}

#[test]
fn g3_3_a_server_that_continues_for_ever_can_be_killed() {
    fn again(cx: &mut Context<'_, Scripted>) -> Outcome {
        cx.continue_with(Box::new(again));
        cx.me().exit(ExitReason::Kill);
        Outcome::Continue
    }
    seeds(10, |simulation| {
        let (server, _seen) = idle();
        cast(&server, again);
        simulation.run_until_idle();
        assert_eq!(server.exit_reason(), Some(ExitReason::Killed));
    });
}

#[test]
fn g4_1_a_timeout_belongs_to_one_callback() {
    seeds(100, |simulation| {
        let (server, seen) = scripted(|cx| {
            cx.idle_timeout(2 * SECOND);
            Init::Continue
        });
        let _server = server.start().unwrap();
        simulation.run_for(10 * SECOND);
        assert_eq!(all(&seen), ["timeout at 2s"], "once: it is not sticky");
    });
}

#[test]
fn g4_2_any_message_ends_the_wait() {
    seeds(100, |simulation| {
        let (server, seen) = idle();
        for kind in 0..3 {
            cast(&server, |cx| {
                cx.trap_exit(true);
                cx.idle_timeout(2 * SECOND);
                Outcome::Continue
            });
            simulation.run_for(SECOND);
            match kind {
                0 => cast(&server, |_| Outcome::Continue),
                1 => server.call(Say("b")).unwrap(),
                _ => server.exit(other("c")),
            }
            simulation.run_for(9 * SECOND);
        }
        assert_eq!(all(&seen), ["cast", "cast", "cast", "b", "cast", "exit c"]);
    });
}

#[test]
fn g4_3_messages_that_wait_come_before_a_timeout_of_zero() {
    seeds(100, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cast(&cx.me(), |_| Outcome::Continue);
            cx.idle_timeout(Duration::ZERO);
            Outcome::Continue
        });
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["cast", "cast"]);
        cast(&server, |cx| {
            cx.idle_timeout(Duration::ZERO);
            Outcome::Continue
        });
        simulation.run_until_idle();
        assert_eq!(all(&seen), ["cast", "timeout at 0ns"]);
    });
}

#[test]
fn g4_5_a_sys_request_begins_the_time_anew() {
    seeds(100, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cx.idle_timeout(2 * SECOND);
            Outcome::Continue
        });
        simulation.run_for(SECOND);
        assert_eq!(sys::statistics(&server), Ok(None));
        simulation.run_for(9 * SECOND);
        assert_eq!(all(&seen), ["cast", "timeout at 3s"]);
    });
}

#[test]
fn g4_a_timeout_without_measure_never_comes_and_harms_nobody() {
    seeds(10, |simulation| {
        let (server, seen) = idle();
        cast(&server, |cx| {
            cx.idle_timeout(Duration::MAX);
            Outcome::Continue
        });
        simulation.run_for(1_000_000 * SECOND);
        assert_eq!(all(&seen), ["cast"]);
        assert!(server.is_alive());
    });
}

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
fn g1_2_a_server_may_be_watched_from_its_start() {
    seeds(20, |_| {
        let here = here::<()>();
        let (server, _seen) = scripted(|_| Init::Continue);
        let (server, monitor) = server.start_monitor(StartOptions::new()).unwrap();
        server.exit(other("x"));
        let down = common::down(&here);
        assert_eq!((Some(down.monitor), down.reason), (monitor, other("x")));
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

#[test]
fn servers_work_alike_on_real_threads() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let (server, seen) = idle();
    for _ in 0..100 {
        assert_eq!(ask(&server, |_, _| Answer::Reply(3)), Ok(3));
    }
    assert_eq!(seen.try_iter().count(), 100);
    server.stop().unwrap();
    assert_eq!(server.exit_reason(), Some(ExitReason::Normal));
    assert_eq!(seen.recv().as_deref(), Ok("terminate normal"));
}

#[test]
fn g7_1_an_idle_server_gives_spare_memory_back() {
    seeds(20, |simulation| {
        for by_itself in [true, false] {
            let (server, _seen) = scripted(move |cx| {
                cx.hibernate_after(by_itself.then_some(SECOND));
                Init::Continue
            });
            let server = server.start().unwrap();
            for _ in 0..1000 {
                cast(&server, |_| Outcome::Continue);
            }
            simulation.run_for(Duration::ZERO);
            let memory = || Peer::from(&server).info().unwrap().memory;
            let busy = memory();
            assert!(busy > 1000, "{busy} bytes");
            if !by_itself {
                cast(&server, |cx| {
                    cx.hibernate();
                    Outcome::Continue
                });
            }
            simulation.run_for(2 * SECOND);
            assert!(memory() < busy / 10, "{} of {busy} bytes are left", memory());
            server.call(Say("and it still answers")).unwrap();
        }
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

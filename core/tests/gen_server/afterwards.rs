//! What comes after a callback: continues, idle timeouts, hibernation (G3, G4, G7.1).

use std::sync::mpsc::channel;
use std::time::Duration;

use genstage_core::{Answer, Context, ExitReason, GenServer, Init, Outcome, Peer, sys};

use crate::common::{other, seeds};
use crate::scripted::{SECOND, Say, Scripted, all, ask, cast, idle, scripted};

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
            for _ in 0..1000 {
                sys::statistics(&server).unwrap();
            }
            simulation.run_for(2 * SECOND);
            assert!(memory() < busy / 10, "sys requests wake it, and {} of {busy} bytes are left", memory());
            server.call(Say("and it still answers")).unwrap();
        }
    });
}

//! The loop, and what callbacks give (G2).

use genstage_core::{Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Outcome, Runtime};

use crate::common::{other, seeds};
use crate::scripted::{Say, all, ask, cast, idle};

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
        assert_eq!(all(&seen), ["call", "terminate done"], "by the time of the reply");
        simulation.run_until_idle();
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

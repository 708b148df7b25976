//! A panic ends the process it happens in, and nothing else.

mod common;

use std::panic::panic_any;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::{down, here, idler, seeds};
use genstage_core::{
    ExitReason, Init, Mailbox, Outcome, Process, ProcessContext, Runtime, Signal, Simulation, ThreadProcess,
    send_after, spawn,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Handle,
    HandleSignal,
    Terminate,
    DropState,
    DropBoth,
    DropMessages,
    Payload,
}

/// Held while charges are sent, so that none explodes before all are queued.
static GATE: Mutex<()> = Mutex::new(());

/// Panics where it is told, with its name.
struct Bomb(Where);

struct Charge(bool);

impl Drop for Charge {
    fn drop(&mut self) {
        assert!(!self.0, "DropMessages");
    }
}

/// Panics when it is dropped, as a payload of a panic.
struct Nested;

impl Drop for Nested {
    fn drop(&mut self) {
        panic_any(Nested2);
    }
}

struct Nested2;

impl Drop for Nested2 {
    fn drop(&mut self) {
        panic!("never seen");
    }
}

impl Process for Bomb {
    type Message = Charge;

    fn handle(&mut self, mut charge: Charge, cx: &mut ProcessContext<'_, Charge>) -> Outcome {
        charge.0 = false;
        drop(GATE.lock().unwrap_or_else(PoisonError::into_inner));
        match self.0 {
            Where::Handle | Where::DropBoth => panic!("Handle"),
            Where::Payload => panic_any(Nested),
            Where::HandleSignal => {
                cx.trap_exit(true);
                cx.me().exit(ExitReason::Normal);
                Outcome::Continue
            }
            _ => Outcome::Stop(ExitReason::Normal),
        }
    }

    fn handle_signal(&mut self, signal: Signal, _: &mut ProcessContext<'_, Charge>) -> Outcome {
        panic!("HandleSignal {}", matches!(signal, Signal::Exit(_)))
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut ProcessContext<'_, Charge>) {
        assert_ne!(self.0, Where::Terminate, "Terminate");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!matches!(self.0, Where::DropState | Where::DropBoth), "DropState");
    }
}

fn message(reason: Option<ExitReason>) -> String {
    match reason {
        Some(ExitReason::Panic(panic)) => panic.message().lines().next().unwrap_or_default().to_owned(),
        other => format!("no panic but {other:?}"),
    }
}

fn explode(here: &ThreadProcess<()>, at: Where, charged: bool) -> String {
    let bomb = Bomb(at).start().unwrap();
    here.monitor(&bomb);
    let all_sent = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..5 {
        assert!(bomb.send(Charge(charged)).is_ok(), "it waits at the gate");
    }
    drop(all_sent);
    let seen = down(here).reason;
    assert_eq!(bomb.exit_reason(), Some(seen.clone()));
    message(Some(seen))
}

fn all_explode(here: &ThreadProcess<()>) {
    let bystander = idler();
    assert_eq!(explode(here, Where::Handle, false), "Handle");
    assert_eq!(explode(here, Where::HandleSignal, false), "HandleSignal true");
    assert!(explode(here, Where::Terminate, false).contains("Terminate"), "G6.5");
    assert!(explode(here, Where::DropState, false).contains("DropState"));
    assert_eq!(explode(here, Where::DropBoth, false), "Handle", "the first panic counts");
    assert_eq!(explode(here, Where::DropMessages, true), "DropMessages");
    assert_eq!(explode(here, Where::DropBoth, true), "Handle");
    assert_eq!(explode(here, Where::Payload, false), "(a payload that is not text)");
    assert!(bystander.is_alive());
}

#[test]
fn p3_1_wherever_it_happens_the_reason_holds_the_message() {
    seeds(20, |_| all_explode(&here()));
}

#[test]
fn seats_survive_every_kind_of_panic() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let here = here();
    for _ in 0..20 {
        all_explode(&here);
    }
    assert_eq!(runtime.rescues(), 0);
}

#[test]
fn a_kill_is_a_kill_though_the_state_panics_when_dropped() {
    seeds(20, |simulation| {
        let bomb = Bomb(Where::DropState).start().unwrap();
        bomb.send(Charge(true)).ok();
        bomb.exit(ExitReason::Kill);
        let future = spawn(|mailbox: Mailbox<()>| async move {
            let _charge = Charge(true);
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        future.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!([bomb.exit_reason(), future.exit_reason()], [Some(ExitReason::Killed), Some(ExitReason::Killed)]);
    });
}

#[test]
fn a_future_panics_like_a_callback() {
    fn body(_: Mailbox<()>) -> std::future::Ready<()> {
        panic!("the closure")
    }
    seeds(20, |simulation| {
        let closure = spawn(body);
        let polled = spawn(|mailbox: Mailbox<()>| async move {
            mailbox.receive().await;
            panic!("the poll")
        });
        polled.send(()).unwrap();
        simulation.run_until_idle();
        assert_eq!(message(closure.exit_reason()), "the closure");
        assert_eq!(message(polled.exit_reason()), "the poll");
    });
}

#[test]
fn a_thread_that_panics_ends_its_process_abnormally() {
    Simulation::new(0).run(|_| {
        let here = here::<()>();
        let inner = std::panic::catch_unwind(|| {
            let inner = common::here::<()>();
            let address = inner.me().clone();
            std::panic::panic_any(address);
        });
        let Err(payload) = inner;
        let address = payload.downcast_ref::<genstage_core::Address<()>>().unwrap();
        assert_eq!(address.exit_reason(), Some(ExitReason::other("the thread panicked")));
        assert!(here.me().is_alive());
    });
}

#[test]
fn the_clock_survives_a_message_that_panics_when_nobody_takes_it() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let here = here::<&str>();
    let dead = spawn(|mailbox: Mailbox<Charge>| async move { drop(mailbox.receive().await) });
    for _ in 0..3 {
        send_after(&dead, Charge(true), Duration::from_millis(1));
    }
    dead.exit(ExitReason::Kill);
    here.send_after(here.me(), "the clock ticks", Duration::from_millis(20));
    assert!(matches!(here.receive(None), Some(genstage_core::Mail::Message("the clock ticks"))));
}

#[test]
fn an_unexpected_signal_is_logged_and_nothing_else() {
    struct Plain;
    impl Process for Plain {
        type Message = ();
        fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
            cx.trap_exit(true);
            Init::Continue
        }
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Stop(ExitReason::Shutdown)
        }
    }
    seeds(20, |simulation| {
        let plain = Plain.start().unwrap();
        plain.exit(ExitReason::other("unexpected"));
        simulation.run_until_idle();
        assert!(plain.is_alive());
        plain.send(()).unwrap();
        simulation.run_until_idle();
        assert_eq!(plain.exit_reason(), Some(ExitReason::Shutdown));
    });
}

/// An exit reason that panics when the last copy of it is dropped.
#[derive(PartialEq)]
struct Mine;

impl std::fmt::Display for Mine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mine")
    }
}

impl std::fmt::Debug for Mine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mine")
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        panic!("an exit reason was dropped")
    }
}

/// Nobody holds the process: whoever ends it drops its reason, on a seat.
#[test]
fn an_exit_reason_that_panics_when_it_is_dropped_ends_no_seat() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let here = here::<()>();
    for _ in 0..3 {
        drop(spawn(|_: Mailbox<()>| async { ExitReason::other(Mine) }));
        let killed = spawn(|mailbox: Mailbox<()>| async move { mailbox.receive().await });
        killed.exit(ExitReason::other(Mine));
        drop(killed);
        let seen = spawn(|_: Mailbox<()>| async { ExitReason::other(Mine) });
        here.monitor(&seen);
        assert_eq!(down(&here).reason.to_string(), "mine");
    }
    assert_eq!(runtime.rescues(), 0);
    drop(here);
    assert!(runtime.shutdown(Duration::from_secs(5)).is_empty());
}

#[test]
fn a_behaviour_that_cannot_be_told_keeps_nobody_from_hearing_of_the_end() {
    struct Nameless;

    impl Process for Nameless {
        type Message = ();

        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            panic!("the end")
        }

        fn behaviour() -> &'static str {
            panic!("no words for it")
        }
    }

    seeds(20, |_| {
        let here = here::<()>();
        let nameless = Nameless.start().unwrap();
        let info = genstage_core::Peer::from(&nameless).info().unwrap();
        assert_eq!(info.initial_call, std::any::type_name::<Nameless>());
        here.monitor(&nameless);
        nameless.send(()).unwrap();
        assert_eq!(message(Some(down(&here).reason)), "the end");
    });
}

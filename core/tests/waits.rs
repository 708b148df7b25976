//! Waits inside callbacks: what a caller hears of a request that was dropped, and what ends a wait early.

mod common;

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{down, here, mortal, other, seeds};
use genstage_core::{
    Address, CALL_TIMEOUT, CallError, ExitReason, Mailbox, Outcome, Process, ProcessContext, ReplyTo, Runtime,
    ThreadProcess, spawn,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Runs a test on simulations and on real threads, one seat and two.
fn everywhere(test: impl Fn()) {
    seeds(50, |_| test());
    for workers in [1, 2] {
        let runtime = Runtime::builder().workers(workers).build().unwrap();
        let _inside = runtime.enter();
        test();
    }
}

/// What becomes of a request, and of the process.
#[derive(Clone, Copy)]
enum Fate {
    DropAndGoOn,
    DropAndStop,
    /// The handle is dropped by the unwinding.
    Panic,
    /// The handle is in the state of the process.
    KeepAndStop,
}

struct Careless(Vec<ReplyTo<()>>);

impl Process for Careless {
    type Message = (Fate, ReplyTo<()>);

    fn handle(&mut self, (fate, reply): Self::Message, _: &mut ProcessContext<'_, Self::Message>) -> Outcome {
        match fate {
            Fate::DropAndGoOn => return Outcome::Continue,
            Fate::DropAndStop => drop(reply),
            // Past the panic hook, which would print it.
            Fate::Panic => std::panic::resume_unwind(Box::new("careless")),
            Fate::KeepAndStop => self.0.push(reply),
        }
        Outcome::Stop(other("careless"))
    }
}

fn fate(fate: Fate) -> Result<(), CallError> {
    Careless(Vec::new()).start().unwrap().call_with(CALL_TIMEOUT, |reply| (fate, reply))
}

#[test]
fn g5_5_a_request_dropped_with_its_process_is_a_down_with_the_reason() {
    everywhere(|| {
        for _ in 0..100 {
            assert_eq!(fate(Fate::DropAndStop), Err(CallError::Down(other("careless"))));
            assert_eq!(fate(Fate::KeepAndStop), Err(CallError::Down(other("careless"))));
            let outcome = fate(Fate::Panic);
            assert!(matches!(&outcome, Err(CallError::Down(ExitReason::Panic(_)))), "{outcome:?}");
        }
    });
}

#[test]
fn g5_5_a_future_that_drops_a_request_and_ends_is_down_for_whoever_waits_for_it() {
    everywhere(|| {
        for _ in 0..50 {
            let careless = spawn(|mailbox: Mailbox<ReplyTo<()>>| async move {
                drop(mailbox.receive().await);
                other("careless")
            });
            let (report, reports) = channel();
            let asker = spawn(move |_: Mailbox<()>| async move {
                report.send(careless.request(CALL_TIMEOUT, |reply| reply).await).unwrap();
            });
            let here = here::<()>();
            here.monitor(&asker);
            down(&here);
            assert_eq!(reports.recv(), Ok(Err(CallError::Down(other("careless")))));
        }
    });
}

#[test]
fn a_request_dropped_by_a_process_that_goes_on_is_no_reply() {
    everywhere(|| {
        let careless = Careless(Vec::new()).start().unwrap();
        for _ in 0..100 {
            let outcome = careless.call_with(CALL_TIMEOUT, |reply| (Fate::DropAndGoOn, reply));
            assert_eq!(outcome, Err(CallError::NoReply));
        }
        assert!(careless.is_alive());
    });
}

#[test]
fn a_request_dropped_elsewhere_is_no_reply_at_once() {
    everywhere(|| {
        let dropper = spawn(|mailbox: Mailbox<ReplyTo<()>>| async move { drop(mailbox.receive().await) });
        let hands_on = spawn(|mailbox: Mailbox<ReplyTo<()>>| async move {
            dropper.send(mailbox.receive().await).unwrap();
            mailbox.sleep(HOUR).await;
        });
        assert_eq!(hands_on.call_with(CALL_TIMEOUT, |reply| reply), Err(CallError::NoReply));
        hands_on.exit(ExitReason::Kill);
    });
}

/// Drops the request, then calls whoever it is told to.
struct CallsBack;

impl Process for CallsBack {
    type Message = (Address<ReplyTo<()>>, ReplyTo<()>);

    fn handle(&mut self, (back, reply): Self::Message, _: &mut ProcessContext<'_, Self::Message>) -> Outcome {
        drop(reply);
        assert_eq!(back.call_with(HOUR, |reply| reply), Ok(()));
        Outcome::Continue
    }
}

/// Calls that one, then replies.
struct Asks(Address<(Address<ReplyTo<()>>, ReplyTo<()>)>, Sender<Result<(), CallError>>);
impl Process for Asks {
    type Message = ReplyTo<()>;
    fn handle(&mut self, reply: ReplyTo<()>, cx: &mut ProcessContext<'_, ReplyTo<()>>) -> Outcome {
        let me = cx.me().clone();
        self.1.send(self.0.call_with(HOUR, |reply| (me, reply))).unwrap();
        reply.send(());
        Outcome::Continue
    }
}

#[test]
fn who_drops_a_request_and_calls_its_caller_does_not_hang() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let back = CallsBack.start().unwrap();
    let (report, reports) = channel();
    let asks = Asks(back.clone(), report).start().unwrap();
    assert_eq!(asks.call_with(CALL_TIMEOUT, |reply| reply), Ok(()));
    assert_eq!(reports.recv(), Ok(Err(CallError::NoReply)));
    assert!(back.is_alive());
}

/// How a process waits.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Call,
    Receive,
    /// A call once the exit signal has hit already.
    LateCall,
}

const WAITS: [Wait; 3] = [Wait::Call, Wait::Receive, Wait::LateCall];

/// Waits in its callback for what never comes, tells that it begins, and reports how it ended.
struct Waits {
    silent: Address<ReplyTo<()>>,
    partner: Address<ExitReason>,
    ended: Sender<Option<CallError>>,
}

impl Process for Waits {
    type Message = (Wait, Address<()>);

    fn handle(&mut self, (wait, begins): Self::Message, cx: &mut ProcessContext<'_, Self::Message>) -> Outcome {
        cx.link(&self.partner).unwrap();
        if let Wait::LateCall = wait {
            cx.me().exit(ExitReason::Kill);
        }
        begins.send(()).unwrap();
        let ended = match wait {
            Wait::Call | Wait::LateCall => self.silent.call_with(HOUR, |reply| reply).err(),
            Wait::Receive => {
                let inner = ThreadProcess::<()>::aside().unwrap();
                assert!(inner.receive(Some(HOUR)).is_none());
                None
            }
        };
        self.ended.send(ended).unwrap();
        Outcome::Continue
    }
}

/// Keeps what it is asked and never replies.
fn silent() -> Address<ReplyTo<()>> {
    spawn(|mailbox: Mailbox<ReplyTo<()>>| async move {
        let mut all = Vec::new();
        loop {
            all.push(mailbox.receive().await);
        }
    })
}

/// A process waits, and some time later another kills it; or a third, linked to it, ends.
fn cut_short(wait: Wait, later: Duration, kill: bool) {
    let (silent, partner) = (silent(), mortal());
    let (ended, endings) = channel();
    let waits = Waits { silent: silent.clone(), partner: partner.clone(), ended }.start().unwrap();
    let victim = waits.clone();
    let killer = spawn(move |mailbox: Mailbox<()>| async move {
        mailbox.receive().await;
        mailbox.sleep(later).await;
        if kill {
            victim.exit(ExitReason::Kill);
        } else {
            partner.send(other("gone")).unwrap();
        }
    });
    let here = here::<()>();
    here.monitor(&waits);
    waits.send((wait, killer)).unwrap();
    let dies_killed = kill || matches!(wait, Wait::LateCall);
    assert_eq!(down(&here).reason, if dies_killed { ExitReason::Killed } else { other("gone") }, "{wait:?}");
    let expected = matches!(wait, Wait::Call | Wait::LateCall).then_some(CallError::Exiting);
    assert_eq!(endings.recv(), Ok(expected), "{wait:?}");
    assert!(silent.is_alive());
    silent.exit(ExitReason::Kill);
}

#[test]
fn p4_1_a_kill_cuts_the_waits_of_a_callback_short() {
    everywhere(|| {
        for wait in WAITS {
            // Around the moment at which the wait stops looking and parks.
            for micros in 0..20 {
                cut_short(wait, Duration::from_micros(micros * 5), true);
            }
            // The seat has been taken from whoever waits.
            cut_short(wait, Duration::from_millis(20), true);
        }
    });
}

#[test]
fn p4_an_exit_through_a_link_cuts_the_waits_of_a_callback_short() {
    everywhere(|| {
        for wait in WAITS {
            cut_short(wait, Duration::ZERO, false);
            cut_short(wait, Duration::from_millis(20), false);
        }
    });
}

#[test]
fn a_trapped_exit_leaves_a_wait_alone() {
    everywhere(|| {
        let echo = spawn(|mailbox: Mailbox<ReplyTo<()>>| async move {
            mailbox.sleep(Duration::from_millis(5)).await;
            mailbox.receive().await.send(());
        });
        let here = here::<()>();
        here.trap_exit(true);
        here.me().exit(other("trapped"));
        assert_eq!(echo.call_with(HOUR, |reply| reply), Ok(()));
        common::exit(&here);
    });
}

#[test]
fn a_thread_that_is_a_process_gives_up_its_call_as_well() {
    everywhere(|| {
        let silent = silent();
        let here = here::<()>();
        let partner = mortal();
        here.link(&partner).unwrap();
        partner.send(other("gone")).unwrap();
        assert_eq!(silent.call_with(HOUR, |reply| reply), Err(CallError::Exiting));
        assert_eq!(here.doom(), Some(other("gone")));
        drop(here);
        // It stands for no process any more.
        assert_eq!(silent.call_with(Duration::from_millis(1), |reply| reply), Err(CallError::Timeout));
        silent.exit(ExitReason::Kill);
    });
}

#[test]
fn a_sleeping_future_ends_at_once() {
    everywhere(|| {
        let sleeper = spawn(|mailbox: Mailbox<()>| async move { mailbox.sleep(HOUR).await });
        let here = here::<()>();
        here.monitor(&sleeper);
        sleeper.exit(ExitReason::Kill);
        assert_eq!(down(&here).reason, ExitReason::Killed);
    });
}

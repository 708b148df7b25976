//! What the tests share.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod calm;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};

use genstage_core::{
    Address, Down, Exit, ExitReason, Init, Mail, Mailbox, MonitorRef, Outcome, Process, ProcessContext, Signal,
    Simulation, ThreadProcess, spawn,
};

/// Runs a test on simulations with seeds from zero; a failure prints its seed.
pub(crate) fn seeds(count: u64, test: impl Fn(&Simulation)) {
    for seed in 0..count {
        let run = catch_unwind(AssertUnwindSafe(|| Simulation::new(seed).run(|simulation| test(simulation))));
        if let Err(failure) = run {
            eprintln!("failed with seed {seed}");
            resume_unwind(failure);
        }
    }
}

pub(crate) fn other(text: &'static str) -> ExitReason {
    ExitReason::other(text)
}

/// Ends normally at its first message.
pub(crate) fn idler() -> Address<()> {
    spawn(|mailbox: Mailbox<()>| async move { mailbox.receive().await })
}

/// Ends with the reason it is sent.
pub(crate) fn mortal() -> Address<ExitReason> {
    spawn(|mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await })
}

pub(crate) fn here<M: Send + 'static>() -> ThreadProcess<M> {
    ThreadProcess::start().expect("the runtime is open")
}

/// A server that reports all it sees: messages, signals, its end.
pub(crate) struct Witness {
    pub(crate) trap: bool,
    pub(crate) report: Sender<Seen>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Message(u32),
    Exit(ExitReason),
    Down(MonitorRef, ExitReason),
    Terminate(ExitReason),
}

pub(crate) enum Order {
    Note(u32),
    ExitSelf(ExitReason),
    Link(genstage_core::Peer),
    Monitor(genstage_core::Peer, Sender<MonitorRef>),
}

impl Process for Witness {
    type Message = Order;

    fn init(&mut self, cx: &mut ProcessContext<'_, Order>) -> Init {
        assert!(!cx.trap_exit(self.trap), "P10: off by default");
        Init::Continue
    }

    fn handle(&mut self, order: Order, cx: &mut ProcessContext<'_, Order>) -> Outcome {
        match order {
            Order::Note(n) => self.report.send(Seen::Message(n)).unwrap_or(()),
            Order::ExitSelf(reason) => cx.me().exit(reason),
            Order::Link(peer) => cx.link(&peer).unwrap_or(()),
            Order::Monitor(peer, reply) => reply.send(cx.monitor(&peer)).unwrap_or(()),
        }
        Outcome::Continue
    }

    fn handle_signal(&mut self, signal: Signal, _cx: &mut ProcessContext<'_, Order>) -> Outcome {
        let seen = match signal {
            Signal::Exit(Exit { reason, .. }) => Seen::Exit(reason),
            Signal::Down(Down { monitor, reason, .. }) => Seen::Down(monitor, reason),
            other => panic!("unknown {other:?}"),
        };
        self.report.send(seen).unwrap_or(());
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _cx: &mut ProcessContext<'_, Order>) {
        self.report.send(Seen::Terminate(reason.clone())).unwrap_or(());
    }
}

pub(crate) fn witness(trap: bool) -> (Address<Order>, Receiver<Seen>) {
    let (report, seen) = channel();
    (Witness { trap, report }.start().expect("init does not fail"), seen)
}

/// The next mail, which must be a DOWN.
pub(crate) fn down<M: Send + 'static>(here: &ThreadProcess<M>) -> Down {
    match here.receive(None) {
        Some(Mail::Signal(Signal::Down(down))) => down,
        Some(Mail::Signal(signal)) => panic!("not a DOWN: {signal:?}"),
        Some(Mail::Message(_)) => panic!("not a DOWN but a message"),
        None => panic!("no DOWN will come"),
    }
}

/// The next mail, which must be a trapped exit.
pub(crate) fn exit<M: Send + 'static>(here: &ThreadProcess<M>) -> Exit {
    match here.receive(None) {
        Some(Mail::Signal(Signal::Exit(exit))) => exit,
        Some(Mail::Signal(signal)) => panic!("not an EXIT: {signal:?}"),
        Some(Mail::Message(_)) => panic!("not an EXIT but a message"),
        None => panic!("no EXIT will come"),
    }
}

/// What an [`actor`] is told to do.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A process that does what it is told.
pub(crate) fn actor() -> Address<Job> {
    spawn(|mailbox: Mailbox<Job>| async move {
        loop {
            (mailbox.receive().await)();
        }
    })
}

/// What comes of some work done inside an actor.
pub(crate) fn within<T: Send + 'static>(
    simulation: &Simulation,
    actor: &Address<Job>,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (result, results) = channel();
    actor.send(Box::new(move || result.send(work()).unwrap_or(()))).unwrap_or_else(|_| panic!("the actor is dead"));
    simulation.run_until_idle();
    results.try_recv().expect("the actor has done it")
}

//! What the tests of tasks share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::mpsc::Sender;
use std::time::Duration;

use genstage_core::{
    Address, Mailbox, Outcome, Pid, Process, ProcessContext, ReplyTo, Signal, Task, current_pid, spawn,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Holds back who waits at it, until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Address<AtGate>);

pub(crate) enum AtGate {
    Wait(ReplyTo<()>),
    Open,
}

pub(crate) fn gate() -> Gate {
    Gate(spawn(|mailbox: Mailbox<AtGate>| async move {
        let mut waiting = Vec::new();
        while let AtGate::Wait(reply) = mailbox.receive().await {
            waiting.push(reply);
        }
        for reply in waiting {
            reply.send(());
        }
        loop {
            if let AtGate::Wait(reply) = mailbox.receive().await {
                reply.send(());
            }
        }
    }))
}

impl Gate {
    pub(crate) fn open(&self) {
        self.0.send(AtGate::Open).ok().unwrap();
    }

    pub(crate) fn pass(&self) -> impl Future<Output = ()> + Send + 'static {
        let gate = self.0.clone();
        async move { gate.request(Duration::MAX, AtGate::Wait).await.unwrap() }
    }
}

/// Waits in virtual time.
pub(crate) async fn sleep(time: Duration) {
    let sleeper = spawn(move |mailbox: Mailbox<ReplyTo<()>>| async move {
        let reply = mailbox.receive().await;
        mailbox.sleep(time).await;
        reply.send(());
    });
    let _ = sleeper.request(Duration::MAX, |reply| reply).await;
}

/// A task that never ends by itself.
pub(crate) fn endless() -> Task<u8> {
    Task::spawn(std::future::pending())
}

/// A process that does in its callback what it is sent.
pub(crate) struct Doer;

type Do = Box<dyn FnOnce(&ProcessContext<'_, Deed>) + Send>;
pub(crate) struct Deed(Do);

impl Process for Doer {
    type Message = Deed;

    fn handle(&mut self, deed: Deed, cx: &mut ProcessContext<'_, Deed>) -> Outcome {
        (deed.0)(cx);
        Outcome::Continue
    }

    fn handle_signal(&mut self, _: Signal, _: &mut ProcessContext<'_, Deed>) -> Outcome {
        Outcome::Continue
    }
}

pub(crate) fn doer(deed: impl FnOnce(&ProcessContext<'_, Deed>) + Send + 'static) -> Address<Deed> {
    let doer = Doer.start().unwrap();
    doer.send(Deed(Box::new(deed))).ok().unwrap();
    doer
}

/// A value that tells in which process it was dropped.
#[derive(Debug)]
pub(crate) struct Noisy(pub(crate) Sender<Option<Pid>>);

impl Drop for Noisy {
    fn drop(&mut self) {
        let _ = self.0.send(current_pid());
    }
}

/// Its destructor panics.
#[derive(Debug)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the destructor panics");
    }
}

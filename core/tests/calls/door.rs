//! A server that keeps those who knock until it is told to open.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use genstage_core::{
    Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Mailbox, Outcome, Pid, ReplyTo, ServerRef,
    StopError, spawn,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Keeps those who knock until it is told to open.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) waiting: Vec<ReplyTo<u32>>,
    pub(crate) heard: Vec<u32>,
    /// Where it says, as it terminates, why and what it has heard.
    pub(crate) last_words: Option<Sender<LastWords>>,
}

pub(crate) type LastWords = (ExitReason, Vec<u32>);

pub(crate) enum Order {
    Note(u32),
    Open,
    /// Answers all who wait from another process.
    OpenElsewhere,
    Stop(ExitReason),
    Trap,
}

pub(crate) struct Knock;

pub(crate) struct Heard;

pub(crate) struct Whoami;

pub(crate) struct CallYourself;

pub(crate) struct StopYourself;

/// Nobody takes the way back.
pub(crate) struct Forget;

impl GenServer for Door {
    type Message = Order;

    fn handle_cast(&mut self, order: Order, cx: &mut Context<'_, Self>) -> Outcome {
        match order {
            Order::Note(n) => self.heard.push(n),
            Order::Open => self.waiting.drain(..).for_each(|reply| reply.send(1)),
            Order::OpenElsewhere => {
                let waiting = std::mem::take(&mut self.waiting);
                spawn(|_: Mailbox<()>| async move {
                    for reply in waiting {
                        reply.send(2);
                    }
                });
            }
            Order::Stop(reason) => return Outcome::Stop(reason),
            Order::Trap => {
                cx.trap_exit(true);
            }
        }
        Outcome::Continue
    }

    fn handle_signal(&mut self, _: genstage_core::Signal, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        if let Some(words) = &self.last_words {
            let _ = words.send((reason.clone(), self.heard.clone()));
        }
    }
}

impl HandleCall<Knock> for Door {
    type Reply = u32;
    fn handle_call(&mut self, _: Knock, from: &mut Caller<u32>, _: &mut Context<'_, Self>) -> Answer<u32> {
        self.waiting.extend(from.take());
        assert!(from.take().is_none(), "there is one way back");
        Answer::Later
    }
}

impl HandleCall<Heard> for Door {
    type Reply = Vec<u32>;
    fn handle_call(&mut self, _: Heard, _: &mut Caller<Vec<u32>>, _: &mut Context<'_, Self>) -> Answer<Vec<u32>> {
        Answer::Reply(self.heard.clone())
    }
}

impl HandleCall<Whoami> for Door {
    type Reply = Option<Pid>;
    fn handle_call(
        &mut self,
        _: Whoami,
        from: &mut Caller<Option<Pid>>,
        _: &mut Context<'_, Self>,
    ) -> Answer<Option<Pid>> {
        Answer::Reply(from.pid())
    }
}

impl HandleCall<CallYourself> for Door {
    type Reply = Result<Vec<u32>, CallError>;
    fn handle_call(
        &mut self,
        _: CallYourself,
        _: &mut Caller<Self::Reply>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<Self::Reply> {
        Answer::Reply(cx.me().call(Heard))
    }
}

impl HandleCall<StopYourself> for Door {
    type Reply = Result<(), StopError>;
    fn handle_call(
        &mut self,
        _: StopYourself,
        _: &mut Caller<Self::Reply>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<Self::Reply> {
        Answer::Reply(cx.me().stop())
    }
}

impl HandleCall<Forget> for Door {
    type Reply = ();
    fn handle_call(&mut self, _: Forget, _: &mut Caller<()>, _: &mut Context<'_, Self>) -> Answer<()> {
        Answer::Later
    }
}

pub(crate) fn door() -> ServerRef<Door> {
    Door::default().start().unwrap()
}

/// A door, and what it says as it terminates.
pub(crate) fn heard_to_the_end() -> (ServerRef<Door>, Receiver<LastWords>) {
    let (words, last) = channel();
    (Door { last_words: Some(words), ..Door::default() }.start().unwrap(), last)
}

pub(crate) fn dead() -> ServerRef<Door> {
    let dead = door();
    dead.stop().unwrap();
    dead
}

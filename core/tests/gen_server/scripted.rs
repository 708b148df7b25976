//! A server that does what it is sent, and reports what it sees.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use genstage_core::{
    Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Init, Outcome, ServerRef, Signal,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Does what it is sent, and reports what it sees.
pub(crate) struct Scripted {
    pub(crate) init: Option<InitScript>,
    pub(crate) report: Sender<String>,
}

pub(crate) type InitScript = Box<dyn FnOnce(&mut Context<'_, Scripted>) -> Init + Send>;
pub(crate) type Script = Box<dyn FnOnce(&mut Context<'_, Scripted>) -> Outcome + Send>;
pub(crate) type CallScript = Box<dyn FnOnce(&mut Caller<u32>, &mut Context<'_, Scripted>) -> Answer<u32> + Send>;

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
pub(crate) struct Say(pub(crate) &'static str);

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

pub(crate) fn scripted(
    init: impl FnOnce(&mut Context<'_, Scripted>) -> Init + Send + 'static,
) -> (Scripted, Receiver<String>) {
    let (report, seen) = channel();
    (Scripted { init: Some(Box::new(init)), report }, seen)
}

pub(crate) fn idle() -> (ServerRef<Scripted>, Receiver<String>) {
    let (server, seen) = scripted(|_| Init::Continue);
    (server.start().unwrap(), seen)
}

pub(crate) fn cast(
    server: &ServerRef<Scripted>,
    script: impl FnOnce(&mut Context<'_, Scripted>) -> Outcome + Send + 'static,
) {
    server.cast(Box::new(script));
}

pub(crate) fn ask(
    server: &ServerRef<Scripted>,
    script: impl FnOnce(&mut Caller<u32>, &mut Context<'_, Scripted>) -> Answer<u32> + Send + 'static,
) -> Result<u32, CallError> {
    let script: CallScript = Box::new(script);
    server.call(script)
}

pub(crate) fn all(seen: &Receiver<String>) -> Vec<String> {
    seen.try_iter().collect()
}

//! Requests: one small trait for each, with a reply type of its own.

use std::any::type_name;

use super::{Context, GenServer};
use crate::process::current;
use crate::{ExitReason, Outcome, Pid, ReplyTo};

/// A server that answers requests of type `Request`.
///
/// To reply later, or from another process, [take](Caller::take) the way back:
///
/// ```
/// use genstage_core::{Answer, Caller, Context, GenServer, HandleCall, Outcome, ReplyTo};
///
/// struct Door(Vec<ReplyTo<&'static str>>);
///
/// struct Knock;
/// struct Open;
///
/// impl GenServer for Door {
///     type Message = Open;
///
///     fn handle_cast(&mut self, _: Open, _cx: &mut Context<'_, Self>) -> Outcome {
///         self.0.drain(..).for_each(|waiting| waiting.send("come in"));
///         Outcome::Continue
///     }
/// }
///
/// impl HandleCall<Knock> for Door {
///     type Reply = &'static str;
///
///     fn handle_call(&mut self, _: Knock, from: &mut Caller<&'static str>, cx: &mut Context<'_, Self>) -> Answer<&'static str> {
///         self.0.extend(from.take());
///         cx.me().cast(Open); // here by itself; in life by somebody else
///         Answer::Later
///     }
/// }
///
/// let door = Door(Vec::new()).start()?;
/// assert_eq!(door.call(Knock)?, "come in");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer `{Request}`",
    label = "there is no `impl HandleCall<{Request}> for {Self}`"
)]
pub trait HandleCall<Request>: GenServer {
    /// What the caller gets.
    type Reply: Send + 'static;

    /// One request.
    fn handle_call(
        &mut self,
        request: Request,
        from: &mut Caller<Self::Reply>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<Self::Reply>;
}

/// What becomes of a call.
///
/// Specification: G2.3.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer<R> {
    /// This is the reply.
    Reply(R),
    /// The reply comes later, through what [`Caller::take`] gave. If nobody took it, the caller fails at once.
    Later,
    /// Stop; with a reply, which goes out after `terminate`, or without, and the caller gets the reason.
    Stop(ExitReason, Option<R>),
}

/// Who called.
#[derive(Debug)]
pub struct Caller<R> {
    pid: Option<Pid>,
    reply: Option<ReplyTo<R>>,
}

impl<R> Caller<R> {
    /// The calling process as this thread stands for it, with the way back to it.
    pub fn new(reply: ReplyTo<R>) -> Self {
        Self { pid: current::pid(), reply: Some(reply) }
    }

    /// The process that called; `None` if it was a plain thread.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Takes the way back, to reply later or from another process. `None` if it was taken.
    pub fn take(&mut self) -> Option<ReplyTo<R>> {
        self.reply.take()
    }
}

/// A request whose type the loop does not know.
pub(crate) trait Request<S: GenServer>: Send {
    /// Handles it. The reply is kept if it must wait for `terminate`.
    fn run(&mut self, server: &mut S, cx: &mut Context<'_, S>) -> Outcome;
    /// Sends a reply that was kept back.
    fn finish(&mut self);
    /// Whether a reply has been given as the result of the callback.
    fn replied(&self) -> bool;
    /// The type of the request.
    fn name(&self) -> &'static str;
    /// Who called.
    fn caller(&self) -> Option<Pid>;
}

pub(super) struct Call<M, R> {
    request: Option<M>,
    caller: Caller<R>,
    kept: Option<R>,
    replied: bool,
}

impl<M, R> Call<M, R> {
    pub(super) fn new(request: M, reply: ReplyTo<R>) -> Self {
        Self { request: Some(request), caller: Caller::new(reply), kept: None, replied: false }
    }
}

impl<M, R> Call<M, R> {
    fn send(&mut self, reply: R) {
        self.replied = true;
        if let Some(to) = self.caller.take() {
            to.send(reply);
        }
    }
}

impl<M: Send, S: HandleCall<M>> Request<S> for Call<M, S::Reply> {
    fn run(&mut self, server: &mut S, cx: &mut Context<'_, S>) -> Outcome {
        let Some(request) = self.request.take() else { return Outcome::Continue };
        match server.handle_call(request, &mut self.caller, cx) {
            // From the moment a process is bound to end it says nothing more: its caller gets the reason.
            Answer::Reply(reply) if cx.is_doomed() => {
                drop(reply);
                Outcome::Continue
            }
            Answer::Reply(reply) => {
                self.send(reply);
                Outcome::Continue
            }
            Answer::Later => {
                // Nobody can reply any more if nobody took the way back: the caller need not wait.
                drop(self.caller.take());
                Outcome::Continue
            }
            Answer::Stop(reason, reply) => {
                self.kept = reply;
                Outcome::Stop(reason)
            }
        }
    }

    fn finish(&mut self) {
        if let Some(reply) = self.kept.take() {
            self.send(reply);
        }
    }

    fn replied(&self) -> bool {
        self.replied || self.kept.is_some()
    }

    fn name(&self) -> &'static str {
        type_name::<M>()
    }

    fn caller(&self) -> Option<Pid> {
        self.caller.pid()
    }
}

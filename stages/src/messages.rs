//! Messages besides events: calls, casts and infos, one small trait each (section 16).

use std::any::type_name;

use genstage_core::sys::Event;
use genstage_core::{Answer, Caller, ReplyTo};

use crate::Outcome;
use crate::context::Context;
use crate::mail::Command;

/// A stage that answers requests of type `M`. Events that it emits go out before the reply does.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Summer(u64);
///
/// impl Consumer for Summer {
///     type Event = u64;
///
///     fn handle_events(&mut self, events: Events<'_, u64>, _cx: &mut Context<'_, Self>) -> Outcome {
///         self.0 += events.iter().sum::<u64>();
///         Outcome::Continue
///     }
/// }
///
/// struct Total;
///
/// impl HandleCall<Total> for Summer {
///     type Reply = u64;
///
///     fn handle_call(&mut self, _: Total, _from: &mut Caller<u64>, _cx: &mut Context<'_, Self>) -> Answer<u64> {
///         Answer::Reply(self.0)
///     }
/// }
///
/// let summer = Summer(0).start(StageOptions::new())?;
/// assert_eq!(summer.call(Total), Ok(0));
/// # Ok::<(), StartError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no calls of this type",
    label = "it has no `HandleCall` for this message"
)]
pub trait HandleCall<M>: Sized + 'static {
    /// What the caller gets.
    type Reply: Send + 'static;

    /// One request. To answer later, or from elsewhere, [take](Caller::take) the way back and return [`Answer::Later`].
    fn handle_call(
        &mut self,
        request: M,
        from: &mut Caller<Self::Reply>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<Self::Reply>;
}

/// A stage that takes messages of type `M` that want no reply.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no casts of this type",
    label = "it has no `HandleCast` for this message"
)]
pub trait HandleCast<M>: Sized + 'static {
    /// One message.
    fn handle_cast(&mut self, message: M, cx: &mut Context<'_, Self>) -> Outcome;
}

/// A stage that takes messages of type `M` from timers, from itself, or behind its buffered events.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no infos of this type",
    label = "it has no `HandleInfo` for this message"
)]
pub trait HandleInfo<M>: Sized + 'static {
    /// One message.
    fn handle_info(&mut self, message: M, cx: &mut Context<'_, Self>) -> Outcome;
}

/// A stage that has more to do after a callback: see [`Context::continue_with`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot continue with a message of this type",
    label = "it has no `HandleContinue` for this message"
)]
pub trait HandleContinue<M>: Sized + 'static {
    /// Right after the callback that asked for it.
    fn handle_continue(&mut self, message: M, cx: &mut Context<'_, Self>) -> Outcome;
}

/// A stage that notices when nothing happens: see [`Context::idle_timeout`].
pub trait HandleTimeout: Sized + 'static {
    /// No callback has run for the time that the last one said.
    fn handle_timeout(&mut self, cx: &mut Context<'_, Self>) -> Outcome;
}

pub(crate) struct Call<M, R> {
    request: Option<M>,
    caller: Caller<R>,
    reply: Option<R>,
}

impl<M, R> Call<M, R> {
    pub(crate) fn boxed<S>(request: M, reply: ReplyTo<R>) -> Box<dyn Command<S>>
    where
        M: Send + 'static,
        R: Send + 'static,
        S: HandleCall<M, Reply = R>,
    {
        Box::new(Self { request: Some(request), caller: Caller::new(reply), reply: None })
    }
}

impl<M: Send, S: HandleCall<M>> Command<S> for Call<M, S::Reply> {
    fn run(&mut self, stage: &mut S, cx: &mut Context<'_, S>) -> Outcome {
        let Some(request) = self.request.take() else { return Outcome::Continue };
        match stage.handle_call(request, &mut self.caller, cx) {
            Answer::Reply(reply) => {
                self.reply = Some(reply);
                Outcome::Continue
            }
            Answer::Later => Outcome::Continue,
            Answer::Stop(reason, reply) => {
                self.reply = reply;
                Outcome::Stop(reason)
            }
        }
    }

    fn finish(&mut self) {
        if let Some(reply) = self.reply.take()
            && let Some(to) = self.caller.take()
        {
            to.send(reply);
        }
    }

    fn event(&self) -> Event {
        Event::Call { request: type_name::<M>(), from: self.caller.pid() }
    }

    fn replied(&self) -> Option<Event> {
        self.reply.as_ref().map(|_| Event::Reply { request: type_name::<M>(), to: self.caller.pid() })
    }
}

pub(crate) struct Cast<M>(Option<M>);

impl<M: Send + 'static> Cast<M> {
    pub(crate) fn boxed<S: HandleCast<M>>(message: M) -> Box<dyn Command<S>> {
        Box::new(Self(Some(message)))
    }
}

impl<M: Send, S: HandleCast<M>> Command<S> for Cast<M> {
    fn run(&mut self, stage: &mut S, cx: &mut Context<'_, S>) -> Outcome {
        self.0.take().map_or(Outcome::Continue, |message| stage.handle_cast(message, cx))
    }

    fn event(&self) -> Event {
        Event::Cast(type_name::<M>())
    }
}

pub(crate) struct Info<M>(Option<M>);

impl<M: Send + 'static> Info<M> {
    pub(crate) fn boxed<S: HandleInfo<M>>(message: M) -> Box<dyn Command<S>> {
        Box::new(Self(Some(message)))
    }
}

impl<M: Send, S: HandleInfo<M>> Command<S> for Info<M> {
    fn run(&mut self, stage: &mut S, cx: &mut Context<'_, S>) -> Outcome {
        self.0.take().map_or(Outcome::Continue, |message| stage.handle_info(message, cx))
    }

    fn event(&self) -> Event {
        Event::Info(type_name::<M>())
    }
}

pub(crate) struct Continue<M>(Option<M>);

impl<M: Send + 'static> Continue<M> {
    pub(crate) fn boxed<S: HandleContinue<M>>(message: M) -> Box<dyn Command<S>> {
        Box::new(Self(Some(message)))
    }
}

impl<M: Send, S: HandleContinue<M>> Command<S> for Continue<M> {
    fn run(&mut self, stage: &mut S, cx: &mut Context<'_, S>) -> Outcome {
        self.0.take().map_or(Outcome::Continue, |message| stage.handle_continue(message, cx))
    }

    fn event(&self) -> Event {
        Event::Continue(type_name::<M>())
    }
}

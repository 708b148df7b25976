//! What a callback of a stage can reach.

use std::any::Any;
use std::time::Duration;

use genstage_core::{ExitReason, LinkError, MonitorRef, Peer, Pid, Timer};
use genstage_dispatchers::SubscriptionId;

use crate::emit::Emit;
use crate::mail::Command;
use crate::messages::{HandleInfo, Info};
use crate::{Producer, ProducerConsumer};

/// What a callback of a stage can reach: the stage itself, its subscriptions, links, monitors and timers.
pub struct Context<'a, S> {
    inside: &'a mut dyn Inside<S>,
}

/// The stage behind a context. One object rather than a type parameter, so that users write `Context<'_, Self>`.
pub(crate) trait Inside<S> {
    fn pid(&self) -> Pid;
    fn subscription(&self) -> Option<SubscriptionId>;
    /// The `Emit` of the stage's events.
    fn out(&mut self) -> &mut dyn Any;
    /// False where there is no such subscription to a producer.
    fn ask(&mut self, id: SubscriptionId, count: usize) -> bool;
    /// False where there is no such subscription, on either side.
    fn cancel(&mut self, id: SubscriptionId, reason: ExitReason) -> bool;
    fn post(&self, command: Box<dyn Command<S>>, behind_buffer: bool);
    fn post_after(&self, command: Box<dyn Command<S>>, delay: Duration) -> Timer;
    fn link(&self, other: Peer) -> Result<(), LinkError>;
    fn unlink(&self, other: Peer);
    fn monitor(&self, other: Peer) -> MonitorRef;
    fn demonitor(&self, monitor: MonitorRef) -> bool;
    fn trap_exit(&self, trap: bool) -> bool;
}

impl<'a, S: 'static> Context<'a, S> {
    pub(crate) fn new(inside: &'a mut dyn Inside<S>) -> Self {
        Self { inside }
    }

    /// This stage's pid.
    pub fn pid(&self) -> Pid {
        self.inside.pid()
    }

    /// The subscription that this callback is about: in `handle_events`, where the batch came from.
    pub fn subscription(&self) -> Option<SubscriptionId> {
        self.inside.subscription()
    }

    /// Asks a producer for more events, on a manual subscription (section 8). Zero does nothing. False: no such
    /// subscription, or an automatic one, which asks by itself.
    pub fn ask(&mut self, subscription: SubscriptionId, events: usize) -> bool {
        self.inside.ask(subscription, events)
    }

    /// Ends a subscription of this stage's, on either side. From the consumer's side this is a request: events that are under
    /// way still come, then `handle_cancel` runs. False: no such subscription.
    pub fn cancel(&mut self, subscription: SubscriptionId, reason: ExitReason) -> bool {
        self.inside.cancel(subscription, reason)
    }

    /// Where calls, casts and infos put the events they emit. Does not compile in a consumer.
    ///
    /// # Panics
    ///
    /// If one type is two kinds of stage at once, in the one that was not started.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Announcer;
    ///
    /// impl Producer for Announcer {
    ///     type Event = String;
    ///
    ///     fn handle_demand(&mut self, _: usize, _: &mut Emit<String>, _: &mut Context<'_, Self>) -> Outcome {
    ///         Outcome::Continue // all events come from casts; the engine keeps them until somebody asks
    ///     }
    /// }
    ///
    /// impl HandleCast<String> for Announcer {
    ///     fn handle_cast(&mut self, news: String, cx: &mut Context<'_, Self>) -> Outcome {
    ///         cx.out().push(news);
    ///         Outcome::Continue
    ///     }
    /// }
    /// ```
    pub fn out<K>(&mut self) -> &mut Emit<S::Event>
    where
        S: EmitsAs<K>,
    {
        let out = self.inside.out();
        match out.downcast_mut() {
            Some(out) => out,
            // A stage that is two kinds at once and was started as the other one.
            None => panic!("this stage runs as a kind that does not emit such events"),
        }
    }

    /// Sends this stage a message, to be handled after those that are queued already.
    pub fn send<M: Send + 'static>(&self, message: M)
    where
        S: HandleInfo<M>,
    {
        self.inside.post(Info::boxed(message), false);
    }

    /// Sends this stage a message, to be handled after `delay`.
    pub fn send_after<M: Send + 'static>(&self, message: M, delay: Duration) -> Timer
    where
        S: HandleInfo<M>,
    {
        self.inside.post_after(Info::boxed(message), delay)
    }

    /// Sends this stage a message, to be handled after all events that are buffered now have gone to consumers (section 11).
    pub fn async_info<M: Send + 'static>(&self, message: M)
    where
        S: HandleInfo<M>,
    {
        self.inside.post(Info::boxed(message), true);
    }

    /// As [`Own::link`](genstage_core::Own::link).
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the other is dead and this stage does not trap exits.
    pub fn link(&self, other: impl Into<Peer>) -> Result<(), LinkError> {
        self.inside.link(other.into())
    }

    /// As [`Own::unlink`](genstage_core::Own::unlink).
    pub fn unlink(&self, other: impl Into<Peer>) {
        self.inside.unlink(other.into());
    }

    /// As [`Own::monitor`](genstage_core::Own::monitor): the end of the other comes to `handle_signal`.
    pub fn monitor(&self, other: impl Into<Peer>) -> MonitorRef {
        self.inside.monitor(other.into())
    }

    /// As [`Own::demonitor`](genstage_core::Own::demonitor).
    pub fn demonitor(&self, monitor: MonitorRef) -> bool {
        self.inside.demonitor(monitor)
    }

    /// As [`Own::trap_exit`](genstage_core::Own::trap_exit).
    pub fn trap_exit(&self, trap: bool) -> bool {
        self.inside.trap_exit(trap)
    }
}

impl<S> std::fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({})", self.inside.pid())
    }
}

/// What a stage emits. The parameter is found by the compiler: it keeps the two kinds that emit apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` emits no events",
    label = "only a producer or a producer_consumer can emit"
)]
pub trait EmitsAs<K> {
    /// The events.
    type Event: 'static;
}

/// Says that a stage emits as a producer.
#[derive(Debug)]
pub struct ProducerKind;

/// Says that a stage emits as a `producer_consumer`.
#[derive(Debug)]
pub struct ProducerConsumerKind;

impl<P: Producer> EmitsAs<ProducerKind> for P {
    type Event = P::Event;
}

impl<X: ProducerConsumer> EmitsAs<ProducerConsumerKind> for X {
    type Event = X::Out;
}

//! Handles of stages.

use std::fmt;
use std::time::Duration;

use genstage_core::{
    Address, CALL_TIMEOUT, CallError, ExitReason, Mail, Peer, Pid, Signal, ThreadProcess, current_pid,
};
use genstage_dispatchers::{Batch, SubscriptionId};

use crate::choice::Choice;
use crate::mail::{ProducerPort, StageMail, SubscribeTo};
use crate::messages::{Call, Cast, HandleCall, HandleCast, HandleInfo, Info};
use crate::options::DemandMode;
use crate::role::{AsConsumer, AsProducer, AsProducerConsumer, Emits, IsProducer, Receives, Role};
use crate::{SubscribeError, SubscriptionOptions, WaitError};

/// A stage, as others know it. Names one incarnation; cloning costs one reference count.
pub struct StageRef<R: Role>(pub(crate) Address<StageMail<R>>);

/// A running [`Producer`](crate::Producer).
pub type ProducerRef<P> = StageRef<AsProducer<P>>;
/// A running [`ProducerConsumer`](crate::ProducerConsumer).
pub type ProducerConsumerRef<X> = StageRef<AsProducerConsumer<X>>;
/// A running [`Consumer`](crate::Consumer).
pub type ConsumerRef<C> = StageRef<AsConsumer<C>>;

/// Something that can be subscribed to.
///
/// A consumer cannot:
///
/// ```compile_fail
/// use genstage::prelude::*;
///
/// let source = for_each(|_: u64| {}).start(StageOptions::new()).unwrap();
/// let sink = for_each(|_: u64| {}).start(StageOptions::new()).unwrap();
/// sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
/// ```
///
/// The same with a producer as the source does:
///
/// ```
/// use genstage::prelude::*;
///
/// let source = from_enumerable(0_u64..3).start(StageOptions::new()).unwrap();
/// let sink = for_each(|_: u64| {}).start(StageOptions::new()).unwrap();
/// sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
/// ```
///
/// And the events must be of the type that the consumer takes:
///
/// ```compile_fail
/// use genstage::prelude::*;
///
/// let source = from_enumerable(0_u64..3).start(StageOptions::new()).unwrap();
/// let sink = for_each(|_: String| {}).start(StageOptions::new()).unwrap();
/// sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
/// ```
///
/// Nor does a producer subscribe to anything:
///
/// ```compile_fail
/// use genstage::prelude::*;
///
/// let source = from_enumerable(0_u64..3).start(StageOptions::new()).unwrap();
/// let sink = from_enumerable(0_u64..3).start(StageOptions::new()).unwrap();
/// sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no source of events",
    label = "only a running producer or producer_consumer can be subscribed to"
)]
pub trait Source {
    /// The events it emits.
    type Event: Send + 'static;

    #[doc(hidden)]
    fn port(&self) -> Box<dyn ProducerPort<Self::Event>>;
}

impl<R: Emits> Source for StageRef<R> {
    type Event = R::Out;

    fn port(&self) -> Box<dyn ProducerPort<R::Out>> {
        Box::new(self.0.clone())
    }
}

impl<R: Role> StageRef<R> {
    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// Sends an exit signal; see [`Peer::exit`].
    pub fn exit(&self, reason: ExitReason) {
        self.0.exit(reason);
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.0.exit_reason()
    }

    /// Sends a request and waits five seconds for its reply. Works alike from a plain thread and from a callback.
    ///
    /// # Errors
    ///
    /// [`CallError`]: dead, calling itself, no reply in time, ended without one.
    pub fn call<M>(&self, request: M) -> Result<<R::Stage as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: HandleCall<M>,
    {
        self.call_within(request, CALL_TIMEOUT)
    }

    /// As [`call`](Self::call), with a time limit of its own.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_within<M>(&self, request: M, within: Duration) -> Result<<R::Stage as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: HandleCall<M>,
    {
        self.0.call_with(within, |reply| StageMail::Command(Call::boxed(request, reply)))
    }

    /// As [`call`](Self::call), from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<M>(&self, request: M) -> Result<<R::Stage as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: HandleCall<M>,
    {
        self.0.request(CALL_TIMEOUT, |reply| StageMail::Command(Call::boxed(request, reply))).await
    }

    /// Sends a message that wants no reply.
    pub fn cast<M>(&self, message: M)
    where
        M: Send + 'static,
        R::Stage: HandleCast<M>,
    {
        let _ = self.0.send(StageMail::Command(Cast::boxed(message)));
    }

    /// Sends an info.
    pub fn send<M>(&self, message: M)
    where
        M: Send + 'static,
        R::Stage: HandleInfo<M>,
    {
        let _ = self.0.send(StageMail::Command(Info::boxed(message)));
    }

    /// Sends an info that is handled after all events that are buffered in the stage by then have gone to consumers (section 11).
    pub fn async_info<M>(&self, message: M)
    where
        M: Send + 'static,
        R::Stage: HandleInfo<M>,
    {
        let _ = self.0.send(StageMail::Info(Info::boxed(message), None));
    }

    /// As [`async_info`](Self::async_info); returns once the info has taken its place, which may be long before it is handled.
    ///
    /// # Errors
    ///
    /// [`CallError`], as for a call.
    pub fn sync_info<M>(&self, message: M) -> Result<(), CallError>
    where
        M: Send + 'static,
        R::Stage: HandleInfo<M>,
    {
        self.0.call_with(CALL_TIMEOUT, |reply| StageMail::Info(Info::boxed(message), Some(reply)))
    }

    /// Waits until the stage has ended.
    ///
    /// # Errors
    ///
    /// [`WaitError::Ended`] if it ended abnormally: with anything but normal or a shutdown.
    pub fn wait(&self) -> Result<(), WaitError> {
        if current_pid() == Some(self.pid()) {
            return Err(WaitError::Never);
        }
        let here = ThreadProcess::<()>::aside().map_err(|_| WaitError::Never)?;
        here.monitor(&self.0);
        // Nobody else knows of this process: the first thing to come is the end.
        if !matches!(here.receive(None), Some(Mail::Signal(Signal::Down(_)))) {
            return Err(WaitError::Never);
        }
        match self.exit_reason() {
            Some(reason) if !reason.is_clean() => Err(WaitError::Ended(reason)),
            _ => Ok(()),
        }
    }
}

impl<R: Emits> StageRef<R> {
    /// Ends a subscription to this stage, as its consumer would.
    pub fn cancel(&self, subscription: SubscriptionId, reason: ExitReason) {
        ProducerPort::cancel(&self.0, subscription, reason);
    }

    /// Asks for events on a manual subscription, as its consumer would. Zero does nothing.
    pub fn ask(&self, subscription: SubscriptionId, events: usize) {
        if events > 0 {
            ProducerPort::ask(&self.0, subscription, events, Batch::new());
        }
    }

    /// How many events wait in its buffer, and in its dispatcher's queues: emitted, and delivered to nobody yet.
    ///
    /// # Errors
    ///
    /// [`CallError`], as for a call.
    pub fn estimate_buffered_count(&self) -> Result<usize, CallError> {
        self.0.call_with(CALL_TIMEOUT, StageMail::Buffered)
    }
}

impl<R: IsProducer> StageRef<R> {
    /// Lets demand through, or keeps it back. Takes effect when the stage comes to it (section 9.4).
    pub fn demand(&self, mode: DemandMode) {
        let _ = self.0.send(StageMail::Demand(mode));
    }
}

impl<R: Receives> StageRef<R> {
    /// Subscribes this stage to a producer. Returns when the request has been sent to the producer and this stage's own
    /// `handle_subscribe` has run; what the producer thinks of it shows later (section 14).
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]: bad options, or this stage is dead.
    pub fn sync_subscribe<S, C>(
        &self,
        producer: &S,
        options: SubscriptionOptions<C>,
    ) -> Result<SubscriptionId, SubscribeError>
    where
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        let producer = producer.port();
        let (options, wants) = options.part();
        let subscribe =
            |reply| StageMail::SubscribeTo(Box::new(SubscribeTo { producer, options, wants, reply: Some(reply) }));
        self.0.call_with(CALL_TIMEOUT, subscribe).map_err(SubscribeError::Call)?
    }

    /// As [`sync_subscribe`](Self::sync_subscribe), without waiting. Bad options are logged.
    pub fn async_subscribe<S, C>(&self, producer: &S, options: SubscriptionOptions<C>)
    where
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        let (options, wants) = options.part();
        let subscribe = SubscribeTo { producer: producer.port(), options, wants, reply: None };
        let _ = self.0.send(StageMail::SubscribeTo(Box::new(subscribe)));
    }
}

impl<R: Role> Clone for StageRef<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Role> fmt::Debug for StageRef<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", R::KIND, self.pid())
    }
}

impl<R: Role> From<&StageRef<R>> for Peer {
    fn from(stage: &StageRef<R>) -> Self {
        Peer::from(&stage.0)
    }
}

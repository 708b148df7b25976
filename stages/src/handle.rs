//! Handles of stages.

use std::fmt;
use std::time::Duration;

use genstage_core::{Address, CALL_TIMEOUT, CallError, Child, ExitReason, Name, Peer, Pid, StopError, current_pid};
use genstage_dispatchers::{Empties, SubscriptionId};

use crate::choice::Choice;
use crate::mail::{ProducerPort, StageMail, SubscribeTo};
use crate::messages::{Call, Cast, HandleCall, HandleCast, HandleInfo, Info};
use crate::options::DemandMode;
use crate::role::{AsConsumer, AsProducer, AsProducerConsumer, Emits, IsProducer, Receives, Role};
use crate::target::Target;
use crate::watch::ended;
use crate::{SubscribeError, SubscriptionOptions, WaitError};

/// A stage, as others know it: one incarnation, or whoever has a name.
///
/// What `start` gives names one incarnation; after a restart it stays with the dead, and says so. What
/// [`Producer::named`](crate::Producer::named) and its siblings give, or a supervisor's [`Child`] handle turned into this, finds
/// the new one: it is looked up at each use. A name that nobody has, or that belongs to a process of another kind, answers as the
/// dead do. Cloning costs one reference count.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Summer(u64);
///
/// impl Consumer for Summer {
///     type Event = u64;
///
///     fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
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
///     fn handle_call(&mut self, _: Total, _: &mut Caller<u64>, _: &mut Context<'_, Self>) -> Answer<u64> {
///         Answer::Reply(self.0)
///     }
/// }
///
/// let summer = Summer::named("summer");
/// assert_eq!(summer.call(Total), Err(CallError::NoProc));
/// Summer(0).start(StageOptions::new().name("summer"))?;
/// assert_eq!(summer.call(Total), Ok(0));
/// summer.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StageRef<R: Role>(pub(crate) Target<StageMail<R>>);

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

impl<R: Emits> Source for Child<StageRef<R>> {
    type Event = R::Out;

    fn port(&self) -> Box<dyn ProducerPort<R::Out>> {
        StageRef::from(self).port()
    }
}

/// Sets the demand mode of a producer whose type is forgotten.
pub(crate) type ModeSetter = Box<dyn Fn(DemandMode) + Send + Sync>;

/// A producer whose demand can be let through or kept back, whatever its events.
#[diagnostic::on_unimplemented(message = "only a producer has a demand mode", label = "`{Self}` has none")]
pub trait HasDemandMode {
    #[doc(hidden)]
    fn mode_setter(&self) -> Box<dyn Fn(DemandMode) + Send + Sync>;
}

impl<R: IsProducer> HasDemandMode for StageRef<R> {
    fn mode_setter(&self) -> ModeSetter {
        let stage = self.clone();
        Box::new(move |mode| stage.demand(mode))
    }
}

impl<R: IsProducer> HasDemandMode for Child<StageRef<R>> {
    fn mode_setter(&self) -> ModeSetter {
        StageRef::from(self).mode_setter()
    }
}

impl<R: Role> StageRef<R> {
    pub(crate) fn one(address: Address<StageMail<R>>) -> Self {
        Self(Target::One(address))
    }

    pub(crate) fn named(name: impl Into<Name>) -> Self {
        Self(Target::Named(name.into()))
    }

    /// Its pid; for a name that of who has it now, or [`Pid::NOBODY`].
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Who it is now: `None` if nobody has the name.
    pub fn whereis(&self) -> Option<Pid> {
        self.0.address().map(|address| address.pid())
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// Sends an exit signal; see [`Peer::exit`].
    pub fn exit(&self, reason: ExitReason) {
        self.0.exit(reason);
    }

    /// Why it ended; `None` while it runs. For a name that nobody has: [`ExitReason::NoProc`].
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
        self.sync_info_within(message, CALL_TIMEOUT)
    }

    /// As [`sync_info`](Self::sync_info), with a time limit of its own instead of five seconds.
    ///
    /// # Errors
    ///
    /// As [`sync_info`](Self::sync_info). After a timeout the info still takes its place, when the stage comes to it.
    pub fn sync_info_within<M>(&self, message: M, within: Duration) -> Result<(), CallError>
    where
        M: Send + 'static,
        R::Stage: HandleInfo<M>,
    {
        self.0.call_with(within, |reply| StageMail::Info(Info::boxed(message), Some(reply)))
    }

    /// Stops the stage normally: what waits in its inbox already is handled, then `terminate` runs. Waits for the end, without
    /// limit. Events that it has buffered, and input that waits for demand, are lost (section 1.5).
    ///
    /// # Errors
    ///
    /// [`StopError`]: dead already, stopping itself, or ended for another reason.
    pub fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, Duration::MAX)
    }

    /// As [`stop`](Self::stop), with a reason, and waiting no longer than this. After that it still stops, when it comes to it.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`].
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        self.0.stop_with(reason, within, StageMail::Stop)
    }

    /// Whether demand passes, or is kept back. What is no producer has nothing to keep back: it is
    /// [`Forward`](DemandMode::Forward) (section 9.4, Q9).
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let numbers = from_enumerable(0..9).start(StageOptions::new().demand(DemandMode::Accumulate))?;
    /// assert_eq!(numbers.demand_mode(), Ok(DemandMode::Accumulate));
    /// numbers.demand(DemandMode::Forward);
    /// assert_eq!(numbers.demand_mode(), Ok(DemandMode::Forward));
    /// # Ok::<(), StartError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallError`], as for a call.
    pub fn demand_mode(&self) -> Result<DemandMode, CallError> {
        self.0.call_with(CALL_TIMEOUT, StageMail::Mode)
    }

    /// Waits until the stage has ended.
    ///
    /// # Errors
    ///
    /// [`WaitError::Ended`] if it ended abnormally: with anything but normal or a shutdown.
    pub fn wait(&self) -> Result<(), WaitError> {
        let stage = self.awaited()?;
        if ended(&stage) { Self::verdict(&stage) } else { Err(WaitError::Never) }
    }

    /// Who is waited for, unless it is the caller.
    pub(crate) fn awaited(&self) -> Result<Peer, WaitError> {
        let stage = self.0.peer();
        if current_pid() == Some(stage.pid()) { Err(WaitError::Never) } else { Ok(stage) }
    }

    pub(crate) fn verdict(ended: &Peer) -> Result<(), WaitError> {
        match ended.exit_reason() {
            Some(reason) if !reason.is_clean() => Err(WaitError::Ended(reason)),
            _ => Ok(()),
        }
    }
}

impl<R: Emits> StageRef<R> {
    /// Ends a subscription to this stage, as its consumer would.
    pub fn cancel(&self, subscription: SubscriptionId, reason: ExitReason) {
        let _ = self.0.send(StageMail::Cancel(subscription, reason));
    }

    /// Asks for events on a manual subscription, as its consumer would. Zero does nothing.
    pub fn ask(&self, subscription: SubscriptionId, events: usize) {
        if events > 0 {
            let _ = self.0.send(StageMail::Ask(subscription, events, Empties::new()));
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

impl<R: Role> StageRef<R> {
    /// Lets demand through, or keeps it back. Takes effect when the stage comes to it (section 9.4).
    pub fn demand(&self, mode: DemandMode)
    where
        R: IsProducer,
    {
        let _ = self.0.send(StageMail::Demand(mode));
    }
}

impl<R: Role> StageRef<R> {
    /// Subscribes this stage to a producer. Returns when the request has been sent to the producer and this stage's own
    /// `handle_subscribe` has run; what the producer thinks of it shows later (section 14).
    ///
    /// **Twice to the same producer.** Each subscription has an id, a demand and an end of its own. What comes of a second one is the
    /// dispatcher's to say: a [`DemandDispatcher`](crate::DemandDispatcher) serves both, each event to one of them, and so does a
    /// [`PartitionDispatcher`](crate::PartitionDispatcher) with different partitions. For the same partition, and with a
    /// [`BroadcastDispatcher`](crate::BroadcastDispatcher), the second one is refused with
    /// [`AlreadySubscribed`](crate::dispatchers::Refusal::AlreadySubscribed), so that no event comes twice. That ends no consumer,
    /// whatever its mode, and the first one goes on.
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
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.order(SubscribeTo::new(producer, options), CALL_TIMEOUT)
    }

    /// As [`sync_subscribe`](Self::sync_subscribe), with a time limit of its own instead of five seconds.
    ///
    /// # Errors
    ///
    /// As [`sync_subscribe`](Self::sync_subscribe). After a timeout the stage still subscribes, when it comes to it.
    pub fn sync_subscribe_within<S, C>(
        &self,
        producer: &S,
        options: SubscriptionOptions<C>,
        within: Duration,
    ) -> Result<SubscriptionId, SubscribeError>
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.order(SubscribeTo::new(producer, options), within)
    }

    /// As [`sync_subscribe`](Self::sync_subscribe), without waiting. Bad options are logged.
    pub fn async_subscribe<S, C>(&self, producer: &S, options: SubscriptionOptions<C>)
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        let _ = self.0.send(StageMail::SubscribeTo(Box::new(SubscribeTo::new(producer, options))));
    }

    /// Subscribes anew in place of a subscription, in one step: the producer cancels the `current` one for this reason, and then
    /// accepts the new one. To change options on the fly:
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let numbers = from_enumerable(0..).start(StageOptions::new())?;
    /// let sink = for_each(|_: u64| {}).start(StageOptions::new())?;
    /// let options = SubscriptionOptions::new().cancel(Cancel::Temporary);
    /// let slow = sink.sync_subscribe(&numbers, options.max_demand(10))?;
    /// let fast = sink.sync_resubscribe(slow, ExitReason::Normal, &numbers, options.max_demand(1000))?;
    /// assert_ne!(slow, fast);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The consumer hears of the cancel, and its [`Cancel`](crate::Cancel) mode holds for it: a permanent subscription that is
    /// given up ends the consumer, also for a normal reason. A `current` one that the producer does not know is nothing to
    /// cancel, so one to another producer stays. Specification: sections 6.3 and 14.
    ///
    /// # Errors
    ///
    /// As [`sync_subscribe`](Self::sync_subscribe). With bad options the current subscription stays.
    pub fn sync_resubscribe<S, C>(
        &self,
        current: SubscriptionId,
        reason: ExitReason,
        producer: &S,
        options: SubscriptionOptions<C>,
    ) -> Result<SubscriptionId, SubscribeError>
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.order(SubscribeTo::new(producer, options).instead_of(current, reason), CALL_TIMEOUT)
    }

    /// As [`sync_resubscribe`](Self::sync_resubscribe), with a time limit of its own instead of five seconds.
    ///
    /// # Errors
    ///
    /// As [`sync_resubscribe`](Self::sync_resubscribe). After a timeout the stage still resubscribes, when it comes to it.
    pub fn sync_resubscribe_within<S, C>(
        &self,
        current: SubscriptionId,
        reason: ExitReason,
        producer: &S,
        options: SubscriptionOptions<C>,
        within: Duration,
    ) -> Result<SubscriptionId, SubscribeError>
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.order(SubscribeTo::new(producer, options).instead_of(current, reason), within)
    }

    /// As [`sync_resubscribe`](Self::sync_resubscribe), without waiting. Bad options are logged.
    pub fn async_resubscribe<S, C>(
        &self,
        current: SubscriptionId,
        reason: ExitReason,
        producer: &S,
        options: SubscriptionOptions<C>,
    ) where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        let subscribe = SubscribeTo::new(producer, options).instead_of(current, reason);
        let _ = self.0.send(StageMail::SubscribeTo(Box::new(subscribe)));
    }

    fn order(&self, subscribe: SubscribeTo<R::In>, within: Duration) -> Result<SubscriptionId, SubscribeError> {
        let mail = |reply| StageMail::SubscribeTo(Box::new(subscribe.reply(reply)));
        self.0.call_with(within, mail).map_err(SubscribeError::Call)?
    }
}

impl<R: Role> Clone for StageRef<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Role> fmt::Debug for StageRef<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", R::KIND, self.0)
    }
}

impl<R: Role> From<&StageRef<R>> for Peer {
    fn from(stage: &StageRef<R>) -> Self {
        stage.0.peer()
    }
}

impl<R: Role> From<&Child<Self>> for StageRef<R> {
    /// Whichever incarnation there is when it is used.
    fn from(child: &Child<Self>) -> Self {
        Self::named(child.name())
    }
}

impl<R: Role> From<Child<Self>> for StageRef<R> {
    fn from(child: Child<Self>) -> Self {
        Self::from(&child)
    }
}

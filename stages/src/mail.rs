//! What stages say to each other, and the ports they say it through (section 6).

use genstage_core::sys::Event;
use genstage_core::{Address, ExitReason, Peer, Pid, ReplyTo};
use genstage_dispatchers::{Batch, Empties, SubscriptionId};

use crate::book::Tie;
use crate::choice::{Choice, Wanted};
use crate::context::Context;
use crate::drain::DrainMail;
use crate::graph::{Absent, Observed, Observer};
use crate::handle::Source;
use crate::misfit::unfit;
use crate::options::DemandMode;
use crate::role::Role;
use crate::snapshot::StageSnapshot;
use crate::stage::Look;
use crate::target::Target;
use crate::{Outcome, SubscribeError, SubscriptionOptions};

/// A message to a stage.
pub(crate) enum StageMail<R: Role> {
    /// From a producer.
    Events(SubscriptionId, Batch<R::In>),
    /// From a consumer: so many more events, and emptied batches to send them in.
    Ask(SubscriptionId, usize, Empties<R::Out>),
    /// From a producer: the subscription is over.
    Cancelled(SubscriptionId, ExitReason),
    /// From a consumer.
    Subscribe(Box<Subscribe<R::Out>>),
    /// From a consumer, or from whoever knows the subscription.
    Cancel(SubscriptionId, ExitReason),
    /// From anybody: subscribe to this producer.
    SubscribeTo(Box<SubscribeTo<R::In>>),
    /// From anybody: a call, a cast or an info.
    Command(Box<dyn Command<R::Stage>>),
    /// From anybody: an info that takes its place behind what is buffered.
    Info(Box<dyn Command<R::Stage>>, Option<ReplyTo<()>>),
    /// From anybody.
    Demand(DemandMode),
    /// From anybody: what is the demand mode?
    Mode(ReplyTo<DemandMode>),
    /// From anybody: stop.
    Stop(ExitReason),
    /// From anybody: how many events are buffered?
    Buffered(ReplyTo<usize>),
    /// From anybody: its numbers.
    Report(ReplyTo<StageSnapshot>),
    /// From who asks many at once: its numbers, by message.
    Tell(Address<StageSnapshot>),
    /// From who drains the graph.
    Drain(DrainMail),
    /// From who looks into it.
    System(Look<R>),
    /// From the stage itself: events were dropped that demand still waits for.
    Pull,
    /// From the stage itself: no callback has run since the timer with this number was set.
    Idle(u64),
    /// From the stage itself: `init` left something to continue with.
    Wake,
}

impl<R: Role> std::fmt::Debug for StageMail<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StageMail")
    }
}

/// The subscribe message.
#[doc(hidden)]
pub struct Subscribe<T> {
    pub(crate) tie: std::sync::Arc<Tie>,
    pub(crate) consumer: Box<dyn ConsumerPort<T>>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) wants: Wanted<T>,
    /// A subscription that this one takes the place of, and why.
    pub(crate) current: Option<(SubscriptionId, ExitReason)>,
}

impl<T> std::fmt::Debug for Subscribe<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subscribe({})", self.tie.id)
    }
}

/// The order to subscribe.
pub(crate) struct SubscribeTo<T> {
    pub(crate) producer: Box<dyn ProducerPort<T>>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) wants: Wanted<T>,
    /// The subscription that is given up for it, and why.
    pub(crate) current: Option<(SubscriptionId, ExitReason)>,
    pub(crate) reply: Option<Subscriber>,
}

impl<T> SubscribeTo<T> {
    /// The order as options say it, from nobody who waits.
    pub(crate) fn new<S, C>(producer: &S, options: SubscriptionOptions<C>) -> Self
    where
        S: Source<Event = T> + ?Sized,
        C: Choice<T>,
    {
        let (options, wants) = options.part();
        Self { producer: producer.port(), options, wants, current: None, reply: None }
    }

    pub(crate) fn instead_of(self, current: SubscriptionId, reason: ExitReason) -> Self {
        Self { current: Some((current, reason)), ..self }
    }

    pub(crate) fn reply(self, reply: Subscriber) -> Self {
        Self { reply: Some(reply), ..self }
    }
}

impl<T> std::fmt::Debug for SubscribeTo<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubscribeTo({:?})", self.options)
    }
}

/// Whoever gave that order.
pub(crate) type Subscriber = ReplyTo<Result<SubscriptionId, SubscribeError>>;

/// Something for the user's callbacks, whatever its type.
pub(crate) trait Command<S>: Send {
    /// Runs the callback.
    fn run(&mut self, stage: &mut S, cx: &mut Context<'_, S>) -> Outcome;
    /// After what it emitted has been dispatched; after `terminate`, if it stopped the stage.
    fn finish(&mut self) {}
    /// What it is, to those who watch.
    fn event(&self) -> Event;
    /// What the callback replied to, if it replied.
    fn replied(&self) -> Option<Event> {
        None
    }
}

/// A consumer, as its producers know it.
pub(crate) trait ConsumerPort<T>: Send + Sync {
    fn events(&self, id: SubscriptionId, batch: Batch<T>);
    fn cancelled(&self, id: SubscriptionId, reason: ExitReason);
    fn peer(&self) -> Peer;
    /// `None` for a stream, which has no numbers.
    fn observer(&self) -> Option<Observer>;
}

/// A producer, as its consumers know it.
#[doc(hidden)]
pub trait ProducerPort<T>: Send + Sync {
    /// Whom it means now: a port that stays with one incarnation. Nobody is as good as dead.
    fn resolve(&self) -> Box<dyn ProducerPort<T>>;
    fn subscribe(&self, subscribe: Subscribe<T>);
    fn ask(&self, id: SubscriptionId, count: usize, empties: Empties<T>);
    fn cancel(&self, id: SubscriptionId, reason: ExitReason);
    /// Sets the demand mode; nothing where there is none.
    fn demand(&self, mode: DemandMode);
    fn peer(&self) -> Peer;
    fn observer(&self) -> std::sync::Arc<dyn Observed>;
}

/// A producer that is not there.
pub(crate) struct Nobody;

impl<T> ProducerPort<T> for Nobody {
    fn resolve(&self) -> Box<dyn ProducerPort<T>> {
        Box::new(Self)
    }

    fn subscribe(&self, _: Subscribe<T>) {}

    fn ask(&self, _: SubscriptionId, _: usize, _: Empties<T>) {}

    fn cancel(&self, _: SubscriptionId, _: ExitReason) {}

    fn demand(&self, _: DemandMode) {}

    fn peer(&self) -> Peer {
        Peer::from(Pid::NOBODY)
    }

    fn observer(&self) -> std::sync::Arc<dyn Observed> {
        std::sync::Arc::new(Absent(None))
    }
}

// Sending to the dead is a silent no-op (section 1.3): the watch on the other side tells of the death.

impl<R: Role> ConsumerPort<R::In> for Address<StageMail<R>> {
    #[inline]
    fn events(&self, id: SubscriptionId, batch: Batch<R::In>) {
        let _ = self.send_as((id, batch), |(id, batch)| StageMail::Events(id, batch));
    }

    fn cancelled(&self, id: SubscriptionId, reason: ExitReason) {
        let _ = self.send(StageMail::Cancelled(id, reason));
    }

    fn peer(&self) -> Peer {
        Peer::from(self)
    }

    fn observer(&self) -> Option<Observer> {
        Some(std::sync::Arc::new(self.clone()))
    }
}

impl<R: Role> ProducerPort<R::Out> for Address<StageMail<R>> {
    fn resolve(&self) -> Box<dyn ProducerPort<R::Out>> {
        Box::new(self.clone())
    }

    fn subscribe(&self, subscribe: Subscribe<R::Out>) {
        let _ = self.send(StageMail::Subscribe(Box::new(subscribe)));
    }

    #[inline]
    fn ask(&self, id: SubscriptionId, count: usize, empties: Empties<R::Out>) {
        let _ = self.send_as((id, count, empties), |(id, count, empties)| StageMail::Ask(id, count, empties));
    }

    fn cancel(&self, id: SubscriptionId, reason: ExitReason) {
        let _ = self.send(StageMail::Cancel(id, reason));
    }

    fn demand(&self, mode: DemandMode) {
        if R::EMITS && !R::PULLS {
            let _ = self.send(StageMail::Demand(mode));
        }
    }

    fn peer(&self) -> Peer {
        Peer::from(self)
    }

    fn observer(&self) -> std::sync::Arc<dyn Observed> {
        std::sync::Arc::new(self.clone())
    }
}

impl<R: Role> ProducerPort<R::Out> for Target<StageMail<R>> {
    fn resolve(&self) -> Box<dyn ProducerPort<R::Out>> {
        match self.address() {
            Some(address) => Box::new(address),
            None => match self {
                Self::One(_) => Box::new(Nobody),
                Self::Named(name) => unfit(name, || format!("{} {}", R::KIND, std::any::type_name::<R::Stage>())),
            },
        }
    }

    fn subscribe(&self, subscribe: Subscribe<R::Out>) {
        self.resolve().subscribe(subscribe);
    }

    fn ask(&self, id: SubscriptionId, count: usize, empties: Empties<R::Out>) {
        self.resolve().ask(id, count, empties);
    }

    fn cancel(&self, id: SubscriptionId, reason: ExitReason) {
        self.resolve().cancel(id, reason);
    }

    fn demand(&self, mode: DemandMode) {
        self.resolve().demand(mode);
    }

    fn peer(&self) -> Peer {
        Target::peer(self)
    }

    fn observer(&self) -> std::sync::Arc<dyn Observed> {
        match (self, self.address()) {
            (_, Some(address)) => std::sync::Arc::new(address),
            (Self::Named(name), None) => std::sync::Arc::new(Absent(Some(name.clone()))),
            (Self::One(_), None) => std::sync::Arc::new(Absent(None)),
        }
    }
}

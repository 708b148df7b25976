//! How stages are started and joined.

use std::fmt;
use std::marker::PhantomData;

use genstage_core::Name;
use genstage_dispatchers::{Custom, DemandDispatcher, Dispatcher, PartitionKey, Selector, Subscriber, Wants};

use crate::buffer::{Capacity, Keep as BufferKeep};
use crate::choice::{Anything, Choice, Redelivered, Wanted};
use crate::handle::Source;
use crate::mail::SubscribeTo;
use crate::role::{Emits, IsProducer, Receives, Role};

/// How to start a stage. Which options there are depends on its kind: an option that a kind does not know does not compile.
///
/// Specification: section 3.
///
/// ```
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0..100).start(StageOptions::new().name("numbers").demand(DemandMode::Accumulate))?;
/// # drop(numbers);
/// # Ok::<(), StartError>(())
/// ```
///
/// A consumer has no buffer:
///
/// ```compile_fail
/// use genstage::prelude::*;
///
/// let printer = for_each(|n: u64| println!("{n}")).start(StageOptions::new().buffer_size(10));
/// ```
#[must_use]
pub struct StageOptions<R: Role> {
    pub(crate) name: Option<Name>,
    pub(crate) dispatcher: Option<Box<dyn Dispatcher<R::Out>>>,
    pub(crate) buffer_size: Option<usize>,
    pub(crate) buffer_keep: Keep,
    pub(crate) demand: DemandMode,
    pub(crate) subscribe_to: Vec<SubscribeTo<R::In>>,
    role: PhantomData<fn(R)>,
}

impl<R: Role> StageOptions<R> {
    /// No name; a [`DemandDispatcher`]; the buffer of the kind, keeping the last; demand forwarded.
    pub fn new() -> Self {
        Self {
            name: None,
            dispatcher: None,
            buffer_size: R::BUFFER_SIZE,
            buffer_keep: Keep::Last,
            demand: DemandMode::Forward,
            subscribe_to: Vec::new(),
            role: PhantomData,
        }
    }

    /// Registers the stage under a name before its `init` runs: a text, or a place in a registry.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Who gets which event; a [`DemandDispatcher`] by default.
    pub fn dispatcher(mut self, dispatcher: impl Dispatcher<R::Out> + 'static) -> Self
    where
        R: Emits,
    {
        self.dispatcher = Some(Box::new(dispatcher));
        self
    }

    /// How many events the stage keeps that nobody has asked for: by default 10,000 for a producer, without bound for a
    /// `producer_consumer`. What exceeds it is discarded and reported. With 0, whatever meets no demand is discarded.
    pub fn buffer_size(mut self, events: usize) -> Self
    where
        R: Emits,
    {
        self.buffer_size = Some(events);
        self
    }

    /// Lets the buffer grow without bound.
    pub fn buffer_without_bound(mut self) -> Self
    where
        R: Emits,
    {
        self.buffer_size = None;
        self
    }

    /// Which events a full buffer keeps; the last by default.
    pub fn buffer_keep(mut self, keep: Keep) -> Self
    where
        R: Emits,
    {
        self.buffer_keep = keep;
        self
    }

    /// Whether demand reaches the producer from the start, or is kept back until all consumers are there.
    pub fn demand(mut self, mode: DemandMode) -> Self
    where
        R: IsProducer,
    {
        self.demand = mode;
        self
    }

    /// Subscribes the stage to a producer as it starts, after its `init`. Several are subscribed to in the order given.
    ///
    /// By a handle it is this incarnation. By a name ([`Producer::named`](crate::Producer::named), [`named`](crate::named)) or
    /// by a supervisor's [`Child`](genstage_core::Child) it is looked up each time the stage starts: so a stage that a
    /// supervisor starts again finds its producer again.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let few = from_enumerable(0..3).start(StageOptions::new())?;
    /// let more = from_enumerable(3..9).start(StageOptions::new().name("more"))?;
    /// let (send, sent) = std::sync::mpsc::channel();
    /// let both = SubscriptionOptions::new().max_demand(10).cancel(Cancel::Transient);
    /// let sink = for_each(move |n: i32| send.send(n).unwrap())
    ///     .start(StageOptions::new().subscribe_to(&few, both).subscribe_to(&named("more"), both))?;
    ///
    /// few.wait()?;
    /// more.wait()?;
    /// sink.stop()?;
    /// assert_eq!(sent.iter().sum::<i32>(), 36);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A producer subscribes to nothing:
    ///
    /// ```compile_fail
    /// use genstage::prelude::*;
    ///
    /// let numbers = from_enumerable(0..3).start(StageOptions::new()).unwrap();
    /// let options = StageOptions::new().subscribe_to(&numbers, SubscriptionOptions::new());
    /// let others = from_enumerable(0..3).start(options).unwrap();
    /// ```
    ///
    /// Bad options fail the start with [`StartError::Init`](crate::StartError::Init) and an [`OptionsError`] as the reason's
    /// detail; nothing is started then. A producer that is dead, or a name that nobody has, does not: the
    /// subscription is down with [`ExitReason::NoProc`](crate::ExitReason::NoProc), `handle_cancel` runs, and the [`Cancel`] mode
    /// decides. A name of what is no such producer is cancelled likewise, with a [`WrongSource`](crate::WrongSource) as the reason.
    /// Specification: sections 3 and 14.
    pub fn subscribe_to<S, C>(mut self, producer: &S, options: SubscriptionOptions<C>) -> Self
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.subscribe_to.push(SubscribeTo::new(producer, options));
        self
    }

    pub(crate) fn take_dispatcher(&mut self) -> Box<dyn Dispatcher<R::Out>> {
        self.dispatcher.take().unwrap_or_else(|| Box::new(DemandDispatcher::new()))
    }

    pub(crate) fn capacity(&self) -> Capacity {
        self.buffer_size.map_or(Capacity::Infinity, Capacity::Events)
    }

    pub(crate) fn keep(&self) -> BufferKeep {
        match self.buffer_keep {
            Keep::First => BufferKeep::First,
            Keep::Last => BufferKeep::Last,
        }
    }
}

impl<R: Role> Default for StageOptions<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Role> fmt::Debug for StageOptions<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageOptions")
            .field("name", &self.name)
            .field("dispatcher", &self.dispatcher)
            .field("buffer_size", &self.buffer_size)
            .field("buffer_keep", &self.buffer_keep)
            .field("demand", &self.demand)
            .field("subscribe_to", &self.subscribe_to)
            .finish()
    }
}

/// Which events a full buffer keeps. Specification: section 10.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keep {
    /// The oldest; what comes later is discarded.
    First,
    /// The newest; the oldest are discarded.
    #[default]
    Last,
}

/// What becomes of demand at a producer. Specification: section 9.4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DemandMode {
    /// It reaches `handle_demand`, and events reach consumers.
    #[default]
    Forward,
    /// Both are kept back, in order, until the mode is set to forward.
    Accumulate,
}

/// When the end of a producer, or of a subscription to it, ends its consumer too. Specification: section 13.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cancel {
    /// Always, with the same reason.
    #[default]
    Permanent,
    /// Unless the reason is normal or a shutdown.
    Transient,
    /// Never.
    Temporary,
}

/// How a consumer asks a producer. Specification: section 4.
///
/// ```
/// use genstage::prelude::*;
///
/// let options = SubscriptionOptions::new().max_demand(100).min_demand(80).cancel(Cancel::Temporary);
/// assert!(options.check().is_ok());
/// assert!(SubscriptionOptions::new().max_demand(0).check().is_err());
/// ```
///
/// With several consumers, a subscription may be about some of the events only. A [`selector`](Self::selector) is for
/// producers with a [`BroadcastDispatcher`](crate::BroadcastDispatcher), a [`partition`](Self::partition) for those with
/// a [`PartitionDispatcher`](crate::PartitionDispatcher), [`custom`](Self::custom) for those with a dispatcher of your own;
/// others refuse the subscription, and say so. Which of them it has is part of the type of the options (`C`), so that a selector of the wrong events does not compile:
///
/// ```compile_fail
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0_u64..9).start(StageOptions::new()).unwrap();
/// let sink = for_each(|_: u64| {}).start(StageOptions::new()).unwrap();
/// let odd = SubscriptionOptions::new().selector(|text: &String| text.len() % 2 == 1);
/// sink.sync_subscribe(&numbers, odd).unwrap();
/// ```
///
/// Nor do two at once:
///
/// ```compile_fail
/// use genstage::prelude::*;
///
/// let options = SubscriptionOptions::new().partition(3).selector(|number: &u64| number % 2 == 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct SubscriptionOptions<C = Anything> {
    max_demand: usize,
    min_demand: Option<usize>,
    pub(crate) cancel: Cancel,
    choice: C,
}

impl SubscriptionOptions {
    /// At most 1000 events under way, 500 asked for at a time; permanent; anything that the dispatcher gives.
    pub fn new() -> Self {
        Self { max_demand: 1000, min_demand: None, cancel: Cancel::Permanent, choice: Anything }
    }

    /// Takes only the events that this accepts, from a producer with a
    /// [`BroadcastDispatcher`](crate::BroadcastDispatcher). It runs in the producer, and more than once for an event
    /// that has to wait. If it panics, the subscription is cancelled.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let numbers = from_enumerable(0_u64..9).start(StageOptions::new().dispatcher(BroadcastDispatcher::new()))?;
    /// let odd = SubscriptionOptions::new().selector(|number: &u64| number % 2 == 1);
    /// let sum = stream(&numbers, odd)?.sum::<Result<u64, _>>()?;
    /// assert_eq!(sum, 1 + 3 + 5 + 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn selector<T>(self, accepts: impl Fn(&T) -> bool + Send + Sync + 'static) -> SubscriptionOptions<Selector<T>> {
        self.choose(Selector::new(accepts))
    }

    /// Takes the events of this partition, from a producer with a
    /// [`PartitionDispatcher`](crate::PartitionDispatcher). A partition has one consumer at a time.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let by_parity = PartitionDispatcher::by_key(["even", "odd"], |n: &u64| if n % 2 == 0 { "even" } else { "odd" })?;
    /// let numbers = from_enumerable(0_u64..9).start(StageOptions::new().dispatcher(by_parity))?;
    /// let odd = stream(&numbers, SubscriptionOptions::new().partition("odd").max_demand(4))?;
    /// assert_eq!(odd.take(2).collect::<Result<Vec<_>, _>>()?, [1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn partition(self, key: impl fmt::Debug + Send + Sync + 'static) -> SubscriptionOptions<PartitionKey> {
        self.choose(PartitionKey::new(key))
    }

    /// Says something to a [`Dispatcher`](crate::Dispatcher) of your own, with a value of any type, which it reads with
    /// [`Subscriber::custom_as`](crate::dispatchers::Subscriber::custom_as). Those that do not know the type refuse the
    /// subscription ([`Refusal::CustomUnknown`](crate::dispatchers::Refusal::CustomUnknown)).
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Weight(u32);
    ///
    /// let numbers = from_enumerable(0_u64..9).start(StageOptions::new())?; // with a DemandDispatcher
    /// let Some(Err(error)) = stream(&numbers, SubscriptionOptions::new().custom(Weight(3)))?.next() else { unreachable!() };
    /// assert!(error.to_string().contains("knows no option of type"), "{error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn custom(self, value: impl Send + Sync + 'static) -> SubscriptionOptions<Custom> {
        self.choose(Custom::new(value))
    }

    pub(crate) fn subscriber<T>(&self, wants: Wants<T>, redeliver: bool) -> Subscriber<T> {
        Subscriber::new(self.max(), self.min()).wants(wants).redeliver(redeliver)
    }
}

impl<C> SubscriptionOptions<C> {
    fn choose<D>(self, choice: D) -> SubscriptionOptions<D> {
        let Self { max_demand, min_demand, cancel, .. } = self;
        SubscriptionOptions { max_demand, min_demand, cancel, choice }
    }

    /// The bounds and the mode by themselves, and which events the subscription is about.
    pub(crate) fn part<T>(self) -> (SubscriptionOptions, Wanted<T>)
    where
        C: Choice<T>,
    {
        let Self { max_demand, min_demand, cancel, choice } = self;
        (SubscriptionOptions { max_demand, min_demand, cancel, choice: Anything }, choice.wants())
    }

    /// Delivers again, to others, what this consumer had not acknowledged when it died or the subscription was cancelled: **at least
    /// once** instead of at most once. Off by default. Say it last.
    ///
    /// An ask acknowledges: whatever a consumer has asked for beyond `max_demand` stands for events that it has handled. So the
    /// last events that it handled may come a second time, up to `max_demand` of them; with `max_demand(1)` it is only the one at
    /// hand.
    ///
    /// The producer keeps the events that are not acknowledged, by a shared handle on the batch, at most `max_demand` of them and
    /// the rest of their first batch; a consumer by hand that asks for more at once than `max_demand` has that many kept. The
    /// consumer clones the events that it takes by value.
    ///
    /// **The end of the producer ends it.** What consumers have in hand by then is delivered to nobody again, also where the
    /// producer ends because it has no more events: the last asks, which would acknowledge them, may never come, so it does not
    /// wait for them. What came back before goes out first: [`from_enumerable`](crate::from_enumerable()), [`feed`](crate::feed())
    /// and a [`drain`](crate::drain()) see to that; a producer of your own that ends on an info looks at
    /// [`Context::estimate_buffered_count`](crate::Context::estimate_buffered_count). To outlive the producer, keep the events where
    /// it can find them again.
    ///
    /// With a [`DemandDispatcher`](crate::DemandDispatcher) the events go back to the front of the producer's buffer, with a
    /// [`PartitionDispatcher`](crate::PartitionDispatcher) to the front of their partition, for its next consumer. A full buffer
    /// takes them all the same; as its oldest events they are the first to go if it must discard some. With a
    /// [`BroadcastDispatcher`](crate::BroadcastDispatcher) the others have had them already: the subscription is refused with
    /// [`Refusal::NoRedelivery`](crate::dispatchers::Refusal::NoRedelivery). Other dispatchers: see
    /// [`Dispatcher::take_back`](crate::Dispatcher::take_back).
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Weak;
    ///
    /// impl Consumer for Weak {
    ///     type Event = u64;
    ///
    ///     fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
    ///         Outcome::Stop(ExitReason::other("too much for me"))
    ///     }
    /// }
    ///
    /// let numbers = from_enumerable(0..3).start(StageOptions::new())?;
    /// let weak = Weak.start(StageOptions::new())?;
    /// weak.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(1).redeliver())?;
    /// weak.wait().unwrap_err();
    /// let events = stream(&numbers, SubscriptionOptions::new())?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(events, [0, 1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Events that cannot be cloned cannot be delivered twice:
    ///
    /// ```compile_fail
    /// use genstage::prelude::*;
    ///
    /// struct Once;
    ///
    /// let source = from_enumerable([Once, Once]).start(StageOptions::new()).unwrap();
    /// let sink = for_each(|_: Once| {}).start(StageOptions::new()).unwrap();
    /// sink.sync_subscribe(&source, SubscriptionOptions::new().redeliver()).unwrap();
    /// ```
    pub fn redeliver(self) -> SubscriptionOptions<Redelivered<C>> {
        let Self { max_demand, min_demand, cancel, choice } = self;
        SubscriptionOptions { max_demand, min_demand, cancel, choice: Redelivered(choice) }
    }

    /// The most events that may be under way, at least 1.
    pub fn max_demand(mut self, events: usize) -> Self {
        self.max_demand = events;
        self
    }

    /// More is asked for as soon as no more than this many are still owed; below `max_demand`. By default half of it, rounded
    /// down.
    pub fn min_demand(mut self, events: usize) -> Self {
        self.min_demand = Some(events);
        self
    }

    /// When the end of the producer ends this consumer.
    pub fn cancel(mut self, mode: Cancel) -> Self {
        self.cancel = mode;
        self
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    ///
    /// [`OptionsError`], which names the option, the bound and the value.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.max_demand == 0 {
            return Err(OptionsError::zero("max_demand"));
        }
        match self.min_demand {
            Some(min) if min >= self.max_demand => {
                Err(OptionsError { option: "min_demand", bound: Bound::AtMost(self.max_demand - 1), value: min })
            }
            _ => Ok(()),
        }
    }

    /// The most events that may be under way.
    pub fn max(&self) -> usize {
        self.max_demand
    }

    /// The number owed at which more is asked for.
    pub fn min(&self) -> usize {
        self.min_demand.unwrap_or(self.max_demand / 2)
    }

    /// When the end of the producer ends its consumer.
    pub fn mode(&self) -> Cancel {
        self.cancel
    }
}

impl Default for SubscriptionOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// An option out of its bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionsError {
    option: &'static str,
    bound: Bound,
    value: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bound {
    AtLeast(usize),
    AtMost(usize),
}

impl OptionsError {
    /// 0, where there must be one at least.
    pub(crate) const fn zero(option: &'static str) -> Self {
        Self { option, bound: Bound::AtLeast(1), value: 0 }
    }
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(bound) => (">=", bound),
            Bound::AtMost(bound) => ("<=", bound),
        };
        write!(f, "{} must be {sign} {bound}, got {}", self.option, self.value)
    }
}

impl std::error::Error for OptionsError {}

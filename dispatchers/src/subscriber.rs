//! What a dispatcher may know about a new consumer.

use std::{fmt, sync::Arc};

use crate::caught::Owned;
use crate::{Custom, PartitionKey, Refusal, SubscriptionId};

/// What a dispatcher may know about a new consumer.
///
/// ```
/// use genstage_dispatchers::Subscriber;
///
/// let subscriber: Subscriber<u64> = Subscriber::new(1000, 500);
/// assert_eq!((subscriber.max_demand, subscriber.min_demand), (1000, 500));
/// assert!(subscriber.takes_anything().is_ok());
///
/// let picky = Subscriber::new(1000, 500).selector(|number: &u64| number % 2 == 0);
/// assert!(picky.takes_anything().is_err());
/// ```
#[non_exhaustive]
pub struct Subscriber<T> {
    /// The most events the consumer will have outstanding.
    pub max_demand: usize,
    /// The number of outstanding events at which it asks again.
    pub min_demand: usize,
    /// The other subscriptions of the same consumer to the same producer.
    pub siblings: Vec<SubscriptionId>,
    /// Which events it wants.
    pub wants: Wants<T>,
    /// Whether what it has not acknowledged at its end is to be delivered again, to others.
    pub redeliver: bool,
}

/// Which events a consumer wants. Specification: sections 4, 15.3 and 15.4.
#[non_exhaustive]
pub enum Wants<T> {
    /// Whatever the dispatcher gives it.
    Anything,
    /// Those that the selector accepts.
    Selected(Selector<T>),
    /// Those of one partition.
    Partition(PartitionKey),
    /// What a dispatcher of one's own makes of this value.
    Custom(Custom),
}

impl<T> Subscriber<T> {
    /// A consumer with these bounds, in events. They are not checked here.
    pub const fn new(max_demand: usize, min_demand: usize) -> Self {
        Self { max_demand, min_demand, siblings: Vec::new(), wants: Wants::Anything, redeliver: false }
    }

    /// The same consumer, wanting these events.
    pub fn wants(mut self, wants: Wants<T>) -> Self {
        self.wants = wants;
        self
    }

    /// The same consumer, wanting what the selector accepts.
    pub fn selector(self, accepts: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.wants(Wants::Selected(Selector::new(accepts)))
    }

    /// The same consumer, wanting the events of this partition.
    pub fn partition(self, key: impl fmt::Debug + Send + Sync + 'static) -> Self {
        self.wants(Wants::Partition(PartitionKey::new(key)))
    }

    /// The same consumer, with an option that a dispatcher of one's own knows.
    pub fn custom(self, value: impl Send + Sync + 'static) -> Self {
        self.wants(Wants::Custom(Custom::new(value)))
    }

    /// The same consumer, which has these subscriptions as well.
    pub fn siblings(mut self, siblings: Vec<SubscriptionId>) -> Self {
        self.siblings = siblings;
        self
    }

    /// The same consumer, whose events come back if it ends without having acknowledged them.
    pub fn redeliver(mut self, redeliver: bool) -> Self {
        self.redeliver = redeliver;
        self
    }

    /// For a dispatcher that knows no options: whether the consumer can be served at all.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSelectors`], [`Refusal::NoPartitions`] or [`Refusal::CustomUnknown`]: to be passed on, as a consumer that
    /// asked for some events must not be given others.
    pub fn takes_anything(&self) -> Result<(), Refusal> {
        match &self.wants {
            Wants::Anything => Ok(()),
            Wants::Selected(_) => Err(Refusal::NoSelectors),
            Wants::Partition(_) => Err(Refusal::NoPartitions),
            Wants::Custom(custom) => Err(Refusal::CustomUnknown { given: custom.type_name() }),
        }
    }

    /// For a dispatcher with an option of its own: the value that the subscription gives for it, if it gives one.
    ///
    /// # Errors
    ///
    /// As [`takes_anything`](Self::takes_anything), to be passed on: another option, or a value of another type.
    ///
    /// ```
    /// use genstage_dispatchers::Subscriber;
    ///
    /// struct Weight(u32);
    ///
    /// let heavy: Subscriber<u64> = Subscriber::new(1000, 500).custom(Weight(3));
    /// assert_eq!(heavy.custom_as::<Weight>()?.map_or(1, |weight| weight.0), 3);
    /// let plain: Subscriber<u64> = Subscriber::new(1000, 500);
    /// assert_eq!(plain.custom_as::<Weight>()?.map_or(1, |weight| weight.0), 1);
    /// # Ok::<(), genstage_dispatchers::Refusal>(())
    /// ```
    pub fn custom_as<V: 'static>(&self) -> Result<Option<&V>, Refusal> {
        if let Wants::Custom(custom) = &self.wants
            && let Some(value) = custom.get()
        {
            return Ok(Some(value));
        }
        self.takes_anything().map(|()| None)
    }
}

impl<T> Clone for Subscriber<T> {
    fn clone(&self) -> Self {
        Self {
            max_demand: self.max_demand,
            min_demand: self.min_demand,
            siblings: self.siblings.clone(),
            wants: self.wants.clone(),
            redeliver: self.redeliver,
        }
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("max_demand", &self.max_demand)
            .field("min_demand", &self.min_demand)
            .field("siblings", &self.siblings)
            .field("wants", &self.wants)
            .field("redeliver", &self.redeliver)
            .finish()
    }
}

impl<T> Clone for Wants<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Anything => Self::Anything,
            Self::Selected(selector) => Self::Selected(selector.clone()),
            Self::Partition(key) => Self::Partition(key.clone()),
            Self::Custom(custom) => Self::Custom(custom.clone()),
        }
    }
}

impl<T> fmt::Debug for Wants<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("Anything"),
            Self::Selected(_) => f.write_str("Selected"),
            Self::Partition(key) => write!(f, "Partition({key})"),
            Self::Custom(custom) => custom.fmt(f),
        }
    }
}

/// Says which events a consumer wants. Cheap to clone.
///
/// ```
/// use genstage_dispatchers::Selector;
///
/// let even = Selector::new(|number: &u64| number % 2 == 0);
/// assert!(even.accepts(&4) && !even.accepts(&5));
/// ```
///
/// A panic of what the closure has captured, when that is dropped, harms nobody.
pub struct Selector<T>(Arc<dyn Accepts<T>>);

/// A closure whose captures are let go with it.
trait Accepts<T>: Send + Sync {
    fn accepts(&self, event: &T) -> bool;
}

impl<T, F: Fn(&T) -> bool + Send + Sync> Accepts<T> for Owned<F> {
    #[inline]
    fn accepts(&self, event: &T) -> bool {
        self.get().is_some_and(|accepts| accepts(event))
    }
}

impl<T> Selector<T> {
    /// A selector of these events. It should depend on the event alone: it may be called more than once for the same
    /// event, as often as that is offered.
    pub fn new(accepts: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Owned::new(accepts)))
    }

    /// Whether the consumer wants this event.
    #[inline]
    pub fn accepts(&self, event: &T) -> bool {
        self.0.accepts(event)
    }
}

impl<T> Clone for Selector<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Selector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Selector")
    }
}

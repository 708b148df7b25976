//! Each event to the consumer of its partition.

mod bins;
mod error;
mod names;
mod route;
mod sorter;
mod when_full;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

pub use self::error::PartitionError;
use self::names::Names;
use self::route::{ByHash, Failed, Route};
use self::sorter::Sorter;
pub use self::when_full::WhenFull;
use crate::{Deliveries, Dispatcher, InfoTicket, Notice, Refusal, Subscriber, SubscriptionId, Wants, caught::caught};

/// Sends each event to the consumer of the event's partition.
///
/// A subscription names its partition (`SubscriptionOptions::partition`), and a partition has one consumer at a time. A
/// **hash** says to which partition an event goes. There are four ways to say so, by what is known:
///
/// | | partitions | an event goes by |
/// |---|---|---|
/// | [`new(4)`](Self::new) | 0 to 3 | the hash of the event itself |
/// | [`by_hash(4, key)`](Self::by_hash) | 0 to 3 | the hash of a key of the event |
/// | [`by_key(names, key)`](Self::by_key) | as named | a key of the event, which is a name |
/// | [`with_hash(names, hash)`](Self::with_hash) | as named | a function that may also change the event, or drop it |
///
/// # Demand and memory
///
/// What is asked of the producer is the sum of what the partitions ask for. An event whose partition has not asked waits
/// in a queue of that partition, and takes the place of one that another partition has asked for. So no more wait than
/// were asked for, nothing is lost, and **a partition that is slow, or has no consumer, holds back the others** once as many
/// events wait for it as they have asked for (with no consumer, that is reported as [`Notice::PartitionWaits`]).
/// [`queue_size`](Self::queue_size) lets so many events wait for each partition before that, and
/// [`when_full`](Self::when_full) and [`when_unclaimed`](Self::when_unclaimed) say that events beyond are discarded
/// instead: counted, and reported as [`Notice::PartitionFull`]. Then nobody waits for a partition that is slow, or that
/// nobody takes.
///
/// The queue of a partition stays when its consumer leaves, and goes, in order, to the next one (decision Q4).
///
/// # When the hash fails
///
/// An event whose hash panics, or names an unknown partition, is discarded, and reported with the reason and the number
/// ([`Notice::HashPanicked`], [`Notice::UnknownPartition`]). The producer and its other events go on. Such events cost no
/// demand, as those that the hash drops on purpose: others are asked for in their place (decision Q5).
///
/// Cost: an event is moved once, and up to twice more if it waits; its hash runs once. `demand` takes two reads; an ask a search
/// among the subscriptions, and what it delivers. Buffers go round: nothing is allocated once there are enough.
///
/// Specification: section 15.4, with the decisions on Q4, Q5, Q18 and Q23 of section 20.
///
/// ```
/// use genstage_dispatchers::{Deliveries, Dispatcher, PartitionDispatcher, Subscriber, SubscriptionId};
///
/// let dispatcher = PartitionDispatcher::by_key(["even", "odd"], |n: &u64| if n % 2 == 0 { "even" } else { "odd" })?;
/// let mut dispatcher: Box<dyn Dispatcher<u64>> = Box::new(dispatcher);
/// let mut out = Deliveries::new();
/// let (even, odd) = (SubscriptionId::new(1), SubscriptionId::new(2));
/// dispatcher.subscribe(even, &Subscriber::new(10, 5).partition("even"))?;
/// dispatcher.subscribe(odd, &Subscriber::new(10, 5).partition("odd"))?;
/// dispatcher.ask(even, 3, &mut out);
/// dispatcher.ask(odd, 1, &mut out);
///
/// dispatcher.dispatch(&mut vec![1, 2, 3, 4], &mut out);
/// let sent: Vec<_> = out.drain().map(|delivery| (delivery.to, delivery.batch.into_vec())).collect();
/// assert_eq!(sent, [(odd, vec![1]), (even, vec![2, 4])]);
/// assert_eq!((dispatcher.held(), dispatcher.demand()), (1, 0)); // 3 waits, and is one of the four asked for
/// dispatcher.ask(odd, 1, &mut out);
/// assert_eq!(out.drain().next().unwrap().batch.into_vec(), [3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct PartitionDispatcher<T> {
    hash: Box<dyn Route<T>>,
    names: Names,
    sorter: Sorter<T>,
    /// Which partition a subscription has.
    subscriptions: BTreeMap<SubscriptionId, usize>,
    /// For all partitions, and for those without a consumer, if they are to differ.
    policy: (WhenFull, Option<WhenFull>),
}

impl<T> PartitionDispatcher<T> {
    /// Partitions 0 to `partitions - 1`. Equal events go to the same one.
    ///
    /// # Errors
    ///
    /// [`PartitionError::None`] for no partitions, [`PartitionError::TooMany`] for more than 65,536.
    ///
    /// ```
    /// use genstage_dispatchers::{PartitionDispatcher, PartitionError};
    ///
    /// let dispatcher: PartitionDispatcher<String> = PartitionDispatcher::new(4)?;
    /// assert_eq!(PartitionDispatcher::<String>::new(0).unwrap_err(), PartitionError::None);
    /// # drop(dispatcher);
    /// # Ok::<(), PartitionError>(())
    /// ```
    pub fn new(partitions: usize) -> Result<Self, PartitionError>
    where
        T: Hash + 'static,
    {
        let hash = move |event: T| Ok(Some((bucket(&event, partitions), event)));
        Ok(Self::build(Names::numbers(partitions)?, ByHash(hash)))
    }

    /// Partitions 0 to `partitions - 1`. Events with equal keys go to the same one.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use genstage_dispatchers::PartitionDispatcher;
    ///
    /// struct Order {
    ///     customer: String,
    /// }
    ///
    /// let dispatcher = PartitionDispatcher::by_hash(4, |order: &Order| order.customer.clone())?;
    /// # drop(dispatcher);
    /// # Ok::<(), genstage_dispatchers::PartitionError>(())
    /// ```
    pub fn by_hash<K: Hash>(
        partitions: usize,
        mut key: impl FnMut(&T) -> K + Send + 'static,
    ) -> Result<Self, PartitionError>
    where
        T: 'static,
    {
        let hash = move |event: T| Ok(Some((bucket(&key(&event), partitions), event)));
        Ok(Self::build(Names::numbers(partitions)?, ByHash(hash)))
    }

    /// Partitions with these names. An event goes to the one that its key names.
    ///
    /// # Errors
    ///
    /// [`PartitionError`]: no names, more than 65,536, or the same one twice.
    ///
    /// ```
    /// use genstage_dispatchers::PartitionDispatcher;
    ///
    /// #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    /// enum Level {
    ///     Info,
    ///     Error,
    /// }
    ///
    /// let dispatcher =
    ///     PartitionDispatcher::by_key([Level::Info, Level::Error], |(level, _): &(Level, String)| level.clone())?;
    /// # drop(dispatcher);
    /// # Ok::<(), genstage_dispatchers::PartitionError>(())
    /// ```
    pub fn by_key<K>(
        names: impl IntoIterator<Item = K>,
        mut key: impl FnMut(&T) -> K + Send + 'static,
    ) -> Result<Self, PartitionError>
    where
        T: 'static,
        K: Hash + Eq + fmt::Debug + Send + Sync + 'static,
    {
        Self::with_hash(names, move |event: T| {
            let key = key(&event);
            Some((event, key))
        })
    }

    /// Partitions with these names, and a function that says for each event what is sent to which of them; `None` drops
    /// the event.
    ///
    /// # Errors
    ///
    /// As [`by_key`](Self::by_key).
    ///
    /// ```
    /// use genstage_dispatchers::PartitionDispatcher;
    ///
    /// let dispatcher = PartitionDispatcher::with_hash(0..4, |number: u64| match number {
    ///     0 => None,
    ///     _ => Some((number * 10, number % 4)),
    /// })?;
    /// # drop(dispatcher);
    /// # Ok::<(), genstage_dispatchers::PartitionError>(())
    /// ```
    pub fn with_hash<K>(
        names: impl IntoIterator<Item = K>,
        mut hash: impl FnMut(T) -> Option<(T, K)> + Send + 'static,
    ) -> Result<Self, PartitionError>
    where
        T: 'static,
        K: Hash + Eq + fmt::Debug + Send + Sync + 'static,
    {
        let (names, places) = Names::keys(names)?;
        let hash = move |event: T| {
            let Some((event, key)) = hash(event) else { return Ok(None) };
            match places.get(&key) {
                Some(place) => Ok(Some((*place, event))),
                None => Err(format!("{key:?}")),
            }
        };
        Ok(Self::build(names, ByHash(hash)))
    }

    fn build(names: Names, hash: impl Route<T> + 'static) -> Self {
        let sorter = Sorter::new(names.len());
        let policy = (WhenFull::HoldBack, None);
        Self { hash: Box::new(hash), names, sorter, subscriptions: BTreeMap::new(), policy }
    }

    /// How many events may wait for each partition without holding back the others; 0 unless set.
    ///
    /// With 0, no more events wait than were asked for. With more, up to this many for each partition come on top of
    /// that: memory for independence.
    pub fn queue_size(mut self, events: usize) -> Self {
        self.sorter.set_slack(events);
        self
    }

    /// What becomes of an event for a partition for which [`queue_size`](Self::queue_size) events wait: by default the other
    /// partitions are held back, and nothing is lost.
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.policy.0 = policy;
        self.set_policy()
    }

    /// The same for partitions that have no consumer; unless it is said, they are treated as all others. When the consumer of a
    /// partition leaves, what waits beyond `queue_size` is discarded, unless others are to be held back.
    ///
    /// ```
    /// use genstage_dispatchers::{Deliveries, Dispatcher, Notice, PartitionDispatcher, Subscriber, SubscriptionId, WhenFull};
    ///
    /// let mut dispatcher =
    ///     PartitionDispatcher::by_key(0..2, |n: &u64| n % 2)?.queue_size(3).when_unclaimed(WhenFull::DiscardOldest);
    /// let mut out = Deliveries::new();
    /// let even = SubscriptionId::new(1);
    /// dispatcher.subscribe(even, &Subscriber::new(10, 5).partition(0))?;
    /// dispatcher.ask(even, 5, &mut out);
    /// dispatcher.dispatch(&mut (0..10).collect(), &mut out);
    /// assert_eq!(out.drain().next().unwrap().batch.into_vec(), [0, 2, 4, 6, 8]);
    /// // Of 1, 3, 5, 7 the last three wait; 9 was not reached, as nobody asks for more.
    /// assert_eq!(dispatcher.held(), 3);
    /// let notices: Vec<_> = out.drain_notices().collect();
    /// assert_eq!(notices, [Notice::PartitionFull { partition: "1".into(), events: 1 }]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn when_unclaimed(mut self, policy: WhenFull) -> Self {
        self.policy.1 = Some(policy);
        self.set_policy()
    }

    fn set_policy(mut self) -> Self {
        let (all, unclaimed) = self.policy;
        self.sorter.set_when_full(all, unclaimed.unwrap_or(all));
        self
    }

    /// Tells what was discarded because its partition was full.
    fn report_discarded(&mut self, out: &mut Deliveries<T>) {
        for (place, events) in self.sorter.take_discarded() {
            out.notice(Notice::PartitionFull { partition: self.names.shown(place), events });
        }
    }

    /// Sorts events until there is no demand or no event; a panic of the hash costs the event it was called with.
    fn sort(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        let mut rest = events.drain(..);
        let mut unknown = Failed::new();
        let mut panicked = Failed::new();
        let (hash, sorter) = (&mut self.hash, &mut self.sorter);
        while let Err(message) = caught(|| hash.run(&mut rest, sorter, &mut unknown, out)) {
            panicked.count(|| message);
        }
        let mut left: Vec<T> = rest.collect();
        events.append(&mut left);
        if let Some((events, partition)) = unknown.take() {
            out.notice(Notice::UnknownPartition { partition, events, known: self.names.to_string() });
        }
        if let Some((events, message)) = panicked.take() {
            out.notice(Notice::HashPanicked { message, events });
        }
    }
}

impl<T: Send> Dispatcher<T> for PartitionDispatcher<T> {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal> {
        let key = match &subscriber.wants {
            Wants::Partition(key) => key,
            Wants::Selected(_) | Wants::Custom(_) => return subscriber.takes_anything(), // it refuses them
            Wants::Anything => return Err(Refusal::PartitionMissing { known: self.names.to_string() }),
        };
        if self.subscriptions.contains_key(&id) {
            return Err(Refusal::AlreadySubscribed);
        }
        // The name's `Hash` and `Eq` are the subscriber's, and so is their panic.
        let Some(place) = caught(|| self.names.find(key)).map_err(Refusal::PartitionPanicked)? else {
            return Err(Refusal::PartitionUnknown { partition: key.to_string(), known: self.names.to_string() });
        };
        if let Some(by) = self.sorter.consumer(place) {
            // Whoever has it already has all of it.
            let again = subscriber.siblings.contains(&by);
            let taken = || Refusal::PartitionTaken { partition: key.to_string(), by };
            return Err(if again { Refusal::AlreadySubscribed } else { taken() });
        }
        self.sorter.join(place, id);
        self.subscriptions.insert(id, place);
        Ok(())
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<T>) {
        if let Some(place) = self.subscriptions.get(&id) {
            self.sorter.ask(*place, count, out);
        }
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<T>) {
        self.take_back(id, &mut Vec::new(), out);
    }

    fn take_back(&mut self, id: SubscriptionId, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        if let Some(place) = self.subscriptions.remove(&id) {
            self.sorter.leave(place);
            self.sorter.put_back(place, events);
            self.sorter.trim(place, out);
            self.report_discarded(out);
        }
    }

    #[inline]
    fn demand(&self) -> usize {
        self.sorter.demand()
    }

    fn held(&self) -> usize {
        self.sorter.held()
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        if self.sorter.demand() == 0 || events.is_empty() {
            return;
        }
        self.sort(events, out);
        self.sorter.deliver(out);
        self.report_discarded(out);
        if let Some((place, events)) = self.sorter.stalled() {
            out.notice(Notice::PartitionWaits { partition: self.names.shown(place), events });
        }
    }

    fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<T>) {
        self.sorter.info(ticket, out);
    }
}

impl<T> fmt::Debug for PartitionDispatcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionDispatcher")
            .field("partitions", &format_args!("{}", self.names))
            .field("demand", &self.sorter.demand())
            .field("held", &self.sorter.held())
            .finish_non_exhaustive()
    }
}

/// Where a key belongs, of so many. The same in every run of a program.
fn bucket(key: &impl Hash, of: usize) -> usize {
    let hash = ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(key);
    // The high half of the product is below `of`, which is a `usize`.
    usize::try_from((u128::from(hash) * of as u128) >> 64).unwrap_or(0)
}

type Places<K> = Arc<std::collections::HashMap<K, usize, ahash::RandomState>>;

#[cfg(test)]
mod tests;

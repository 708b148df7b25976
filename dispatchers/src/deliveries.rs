//! What a dispatcher wants done.

use std::{borrow::Cow, fmt, vec};

use crate::{Batch, Empties, Refusal, SubscriptionId};

/// How many emptied buffers are kept for the next deliveries.
///
/// One dispatch uses a buffer for each consumer it serves, and they come back with the consumers' asks. Sixteen serve
/// the usual fan-outs without allocating; beyond that a buffer is one allocation for a whole batch, while idle ones
/// would hold memory for ever.
const SPARES: usize = 16;

/// The sink into which a [`Dispatcher`](crate::Dispatcher) writes what should be done; the stage reads it and does it.
///
/// Entries keep their order, and all deliveries of one call come before the infos it released. The same value serves
/// every call, and emptied buffers return to it with [`Deliveries::recycle`], so that steady state allocates nothing.
///
/// Specification: section 15.1 (obligations).
///
/// ```
/// use genstage_dispatchers::{Deliveries, SubscriptionId};
///
/// let mut out = Deliveries::new();
/// out.deliver(SubscriptionId::new(1), vec!['a', 'b']);
/// out.deliver(SubscriptionId::new(2), vec![]); // empty batches are never sent
/// for delivery in out.drain() {
///     assert_eq!(delivery.to.get(), 1);
///     assert_eq!(delivery.batch.as_slice(), ['a', 'b']);
/// }
/// assert!(out.is_empty());
/// ```
#[derive(Debug)]
pub struct Deliveries<T> {
    batches: Vec<Delivery<T>>,
    notices: Vec<Notice>,
    released: Vec<InfoTicket>,
    expelled: Vec<(SubscriptionId, Refusal)>,
    filtered: u64,
    /// Delivered, or reported as lost.
    settled: u64,
    spares: Vec<Batch<T>>,
    /// Batches without a buffer: its vector has been lent, or it was a handle on a shared one.
    husks: Vec<Batch<T>>,
}

/// One batch for one consumer.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery<T> {
    /// The subscription the events are for.
    pub to: SubscriptionId,
    /// The events; never empty.
    pub batch: Batch<T>,
}

/// Stands for an info message that waits until the events ahead of it have left.
///
/// The stage keeps the message itself and hands it on when the ticket is released.
///
/// Specification: section 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoTicket(u64);

impl InfoTicket {
    /// The ticket with this number. Uniqueness is up to who hands the numbers out.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number given to [`InfoTicket::new`].
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Something the operator should know. The stage logs it, `Display` is the text.
///
/// ```
/// use genstage_dispatchers::{Notice, SubscriptionId};
///
/// let notice = Notice::DemandExceeds { subscription: SubscriptionId::new(3), asked: 20, limit: 10 };
/// assert_eq!(
///     notice.to_string(),
///     "subscription 3 asked for 20 events at once, over the limit of 10: \
///      consumers that ask for more are served first",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A consumer asked for more at once than the others do, which starves them. The ask was honoured.
    ///
    /// Specification: section 15.2 (`limit`).
    DemandExceeds {
        /// Who asked.
        subscription: SubscriptionId,
        /// For how many events.
        asked: usize,
        /// The most that is expected, in events.
        limit: usize,
    },
    /// The hash named a partition that does not exist. Its events are lost.
    ///
    /// Specification: section 15.4.
    UnknownPartition {
        /// The first such name of this dispatch.
        partition: String,
        /// How many events were lost in this dispatch.
        events: usize,
        /// The partitions there are.
        known: String,
    },
    /// The dispatcher delivered to a subscription that does not exist. The events are lost. Of a dispatcher that keeps its
    /// [contract](crate::Dispatcher) it never comes; the stage says it of one that does not.
    UnknownSubscription {
        /// The first such subscription of this dispatch.
        subscription: SubscriptionId,
        /// How many events were lost in this dispatch.
        events: usize,
    },
    /// The hash panicked. The events it was called with are lost.
    HashPanicked {
        /// The message of the first panic of this dispatch.
        message: String,
        /// How many events were lost in this dispatch.
        events: usize,
    },
    /// A partition without a consumer holds so many events that the others get no more until it has one; of several, the first.
    PartitionWaits {
        /// Its name.
        partition: String,
        /// How many events it holds.
        events: usize,
    },
    /// As many events wait for a partition as may, so some are lost: see [`WhenFull`](crate::WhenFull).
    PartitionFull {
        /// Its name.
        partition: String,
        /// How many events were lost in this dispatch, or with the consumer that left.
        events: usize,
    },
    /// A dispatcher of one's own lost events by a rule of its own: see [`Deliveries::discard`].
    Discarded {
        /// Its reason.
        why: Cow<'static, str>,
        /// How many events were lost so in this dispatch.
        events: usize,
    },
    /// The dispatcher took events of which it has said nothing: they were neither delivered, nor dropped with a word, nor
    /// [held](crate::Dispatcher::held). Of a dispatcher that keeps its [contract](crate::Dispatcher) it never comes; the stage
    /// says it of one that does not.
    Unaccounted {
        /// How many events are missing since the last such notice.
        events: usize,
    },
}

impl Notice {
    /// How many events were lost.
    pub const fn lost(&self) -> usize {
        match self {
            Self::UnknownPartition { events, .. }
            | Self::UnknownSubscription { events, .. }
            | Self::HashPanicked { events, .. }
            | Self::PartitionFull { events, .. }
            | Self::Discarded { events, .. }
            | Self::Unaccounted { events } => *events,
            Self::DemandExceeds { .. } | Self::PartitionWaits { .. } => 0,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DemandExceeds { subscription, asked, limit } => write!(
                f,
                "subscription {subscription} asked for {asked} events at once, over the limit of {limit}: \
                 consumers that ask for more are served first"
            ),
            Self::UnknownPartition { partition, events, known } => write!(
                f,
                "{events} events discarded, the hash put them into unknown partitions, the first into {partition}: \
                 there are {known}"
            ),
            Self::UnknownSubscription { subscription, events } => write!(
                f,
                "{events} events discarded, the dispatcher sent them to subscriptions that do not exist, the first to \
                 {subscription}"
            ),
            Self::HashPanicked { message, events } => {
                write!(f, "{events} events discarded, the hash panicked: {message}")
            }
            Self::PartitionWaits { partition, events } => write!(
                f,
                "{events} events wait for a consumer of partition {partition}, and hold back the other partitions"
            ),
            Self::PartitionFull { partition, events } => {
                write!(f, "{events} events discarded, partition {partition} is full")
            }
            Self::Unaccounted { events } => {
                write!(f, "{events} events discarded, the dispatcher took them and neither delivered nor held them")
            }
            Self::Discarded { why, events } => write!(f, "{events} events discarded, {why}"),
        }
    }
}

impl<T> Deliveries<T> {
    /// An empty sink. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            batches: Vec::new(),
            notices: Vec::new(),
            released: Vec::new(),
            expelled: Vec::new(),
            filtered: 0,
            settled: 0,
            spares: Vec::new(),
            husks: Vec::new(),
        }
    }

    /// Sends a batch to a subscription. An empty batch is not sent (decision Q11).
    #[inline]
    pub fn deliver(&mut self, to: SubscriptionId, batch: impl Into<Batch<T>>) {
        let batch = batch.into();
        if batch.is_empty() {
            self.recycle(batch);
        } else {
            self.settled += batch.len() as u64;
            self.batches.push(Delivery { to, batch });
        }
    }

    /// Tells the operator something.
    pub fn notice(&mut self, notice: Notice) {
        // Of what went to nobody, and of what is missing, the stage says so itself: the former was delivered.
        if !matches!(notice, Notice::UnknownSubscription { .. } | Notice::Unaccounted { .. }) {
            self.settled += notice.lost() as u64;
        }
        self.notices.push(notice);
    }

    /// Lets an info message go: everything that was ahead of it has been delivered.
    pub fn release(&mut self, ticket: InfoTicket) {
        self.released.push(ticket);
    }

    /// Sends a consumer away that was accepted before: the stage cancels the subscription with this reason. For the
    /// dispatcher its id is unknown from now on; the stage's `cancel` for it may still come.
    pub fn expel(&mut self, id: SubscriptionId, why: Refusal) {
        self.expelled.push((id, why));
    }

    /// Says that so many events were dropped because nobody was meant to get them. They are counted, and not reported.
    #[inline]
    pub fn filter(&mut self, events: usize) {
        self.filtered += events as u64;
    }

    /// Says that so many events were dropped although somebody might have got them, and why: `"too old"`. The stage counts them as
    /// discarded, and reports them, those of one reason and one call together: [`Notice::Discarded`]. Of no events nothing is said.
    ///
    /// To drop them is up to the dispatcher; this only says so. It costs a comparison for each reason of the call, and a reason that
    /// is a literal allocates nothing by itself.
    ///
    /// ```
    /// use genstage_dispatchers::Deliveries;
    ///
    /// let mut out = Deliveries::<u64>::new();
    /// out.discard(2, "too old");
    /// out.discard(0, "too big");
    /// out.discard(1, "too old");
    /// let notices: Vec<String> = out.drain_notices().map(|notice| notice.to_string()).collect();
    /// assert_eq!(notices, ["3 events discarded, too old"]);
    /// ```
    pub fn discard(&mut self, events: usize, why: impl Into<Cow<'static, str>>) {
        if events == 0 {
            return;
        }
        let why = why.into();
        let same = self.notices.iter_mut().find_map(|notice| match notice {
            Notice::Discarded { why: other, events } if *other == why => Some(events),
            _ => None,
        });
        match same {
            Some(before) => {
                *before += events;
                self.settled += events as u64;
            }
            None => self.notice(Notice::Discarded { why, events }),
        }
    }

    /// How many events were [dropped](Self::filter) so, since the beginning.
    pub const fn filtered(&self) -> u64 {
        self.filtered
    }

    /// How many events were delivered, filtered or reported as lost, since the beginning: one that went to several consumers as
    /// often. What a dispatcher has taken beyond that it must hold.
    ///
    /// ```
    /// use genstage_dispatchers::{Deliveries, SubscriptionId};
    ///
    /// let mut out = Deliveries::new();
    /// out.deliver(SubscriptionId::new(1), vec!['a', 'b']);
    /// out.filter(3);
    /// out.discard(4, "too old");
    /// assert_eq!(out.accounted(), 9);
    /// ```
    #[inline]
    pub const fn accounted(&self) -> u64 {
        self.settled + self.filtered
    }

    /// Gives a vector without an allocation that of a spare batch, to be filled and taken with
    /// [`take_all`](Self::take_all).
    ///
    /// Late, when something is about to be emitted, rather than as soon as the last batch went: by now the batches that
    /// consumers have handled may be back, and two buffers go round and round where there would be three.
    ///
    /// ```
    /// use genstage_dispatchers::{Batch, Deliveries};
    ///
    /// let mut out = Deliveries::new();
    /// out.recycle(Batch::from(vec![1, 2, 3]));
    /// let mut events = Vec::new();
    /// out.lend(&mut events);
    /// assert!(events.is_empty() && events.capacity() >= 3);
    /// ```
    #[inline]
    pub fn lend(&mut self, events: &mut Vec<T>) {
        if events.capacity() == 0
            && let Some(mut spare) = self.spares.pop()
        {
            spare.swap(events);
            self.husks.push(spare);
        }
    }

    /// All of `events` as a batch, leaving an empty vector in their place. Copies no event.
    ///
    /// ```
    /// let mut out = genstage_dispatchers::Deliveries::new();
    /// let mut events = vec![1, 2, 3];
    /// assert_eq!(out.take_all(&mut events).into_vec(), [1, 2, 3]);
    /// assert!(events.is_empty());
    /// ```
    #[inline]
    pub fn take_all(&mut self, events: &mut Vec<T>) -> Batch<T> {
        let mut batch = self.husks.pop().unwrap_or_default();
        batch.swap(events);
        batch
    }

    /// An empty batch to be filled: one that was recycled, if there is one.
    #[inline]
    pub fn spare(&mut self) -> Batch<T> {
        self.spares.pop().unwrap_or_default()
    }

    /// A further handle on a batch, which becomes a shared one: [`Batch::share`] in what is left of an emptied batch, so that nothing
    /// is allocated once handles come back.
    ///
    /// ```
    /// use genstage_dispatchers::{Batch, Deliveries};
    ///
    /// let mut out = Deliveries::new();
    /// let mut first = Batch::from(vec![1, 2]);
    /// let second = out.share(&mut first);
    /// assert_eq!(first, second);
    /// ```
    #[inline]
    pub fn share(&mut self, batch: &mut Batch<T>) -> Batch<T>
    where
        T: Clone + Send + Sync + 'static,
    {
        batch.share_in(self.husks.pop().unwrap_or_default())
    }

    /// Takes a batch back, to be handed out by [`Deliveries::spare`]. Events left in it are dropped, unless others hold it too.
    ///
    /// At most sixteen are kept.
    #[inline]
    pub fn recycle(&mut self, mut batch: Batch<T>) {
        batch.clear();
        self.keep(batch);
    }

    #[inline]
    fn keep(&mut self, batch: Batch<T>) {
        let kept = if batch.capacity() > 0 { &mut self.spares } else { &mut self.husks };
        if batch.is_something() && kept.len() < SPARES {
            kept.push(batch);
        }
    }

    /// Takes back all that came with an ask.
    #[inline]
    pub fn recycle_all(&mut self, mut empties: Empties<T>) {
        while let Some(empty) = empties.pop() {
            self.keep(empty);
        }
    }

    /// The deliveries, oldest first; the sink is left without them.
    #[inline]
    pub fn drain(&mut self) -> vec::Drain<'_, Delivery<T>> {
        self.batches.drain(..)
    }

    /// The notices, oldest first; the sink is left without them.
    pub fn drain_notices(&mut self) -> vec::Drain<'_, Notice> {
        self.notices.drain(..)
    }

    /// The released infos, oldest first; the sink is left without them. To be read after the deliveries.
    pub fn drain_released(&mut self) -> vec::Drain<'_, InfoTicket> {
        self.released.drain(..)
    }

    /// Who was sent away, and why; the sink is left without them. To be read after the deliveries.
    pub fn drain_expelled(&mut self) -> vec::Drain<'_, (SubscriptionId, Refusal)> {
        self.expelled.drain(..)
    }

    /// The delivery, where there is exactly one. Cheaper than to [`drain`](Self::drain) it.
    #[inline]
    pub fn take_only(&mut self) -> Option<Delivery<T>> {
        if self.batches.len() == 1 { self.batches.pop() } else { None }
    }

    /// Whether there are notices, released infos or expelled consumers to see to.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.notices.is_empty() || !self.released.is_empty() || !self.expelled.is_empty()
    }

    /// Whether there is nothing to do: no delivery, and no news.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty() && !self.has_news()
    }
}

impl<T> Default for Deliveries<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_vector_is_taken_back_in_its_own_batch() {
        let mut out = Deliveries::new();
        let spare = Vec::with_capacity(8);
        let place = spare.as_ptr();
        out.recycle(spare.into());
        let mut events = Vec::new();
        out.lend(&mut events);
        assert_eq!((events.as_ptr(), events.len(), events.capacity()), (place, 0, 8));
        out.lend(&mut events);
        events.extend([1, 2]);
        let batch = out.take_all(&mut events);
        assert_eq!((batch.as_slice(), batch.as_slice().as_ptr()), (&[1, 2][..], place));
        assert_eq!((events.capacity(), out.husks.len(), out.spares.len()), (0, 0, 0));
    }

    #[test]
    fn spares_are_bounded_cleared_and_worth_keeping() {
        let mut out = Deliveries::new();
        out.recycle(Batch::<u8>::new());
        assert_eq!(out.spares.len(), 0);
        for _ in 0..2 * SPARES {
            out.recycle(vec![1, 2, 3].into());
        }
        assert_eq!(out.spares.len(), SPARES);
        assert!(out.spare().is_empty());
    }

    #[test]
    fn handles_on_shared_batches_are_used_again() {
        let mut out = Deliveries::new();
        for _ in 0..3 {
            let mut first = out.spare();
            first.extend([1, 2]);
            let second = out.share(&mut first);
            out.recycle(second);
            assert_eq!((out.spares.len(), out.husks.len()), (0, 1));
            out.recycle(first);
            assert_eq!((out.spares.len(), out.husks.len()), (1, 1));
        }
    }

    #[test]
    fn discards_of_one_reason_are_one_notice() {
        let mut out = Deliveries::<u8>::new();
        for (events, why) in [(0, "none"), (2, "old"), (1, "big"), (3, "old")] {
            out.discard(events, why);
        }
        let notices: Vec<Notice> = out.drain_notices().collect();
        let discarded = |events, why: &'static str| Notice::Discarded { why: why.into(), events };
        assert_eq!(notices, [discarded(5, "old"), discarded(1, "big")]);
        assert_eq!(notices.iter().map(Notice::lost).sum::<usize>(), 6);
    }

    /// Q11.
    #[test]
    fn an_empty_batch_is_not_sent_and_its_buffer_is_kept() {
        let mut out = Deliveries::<u8>::new();
        out.deliver(SubscriptionId::new(1), Vec::with_capacity(4));
        assert!(out.is_empty());
        assert_eq!(out.spare().capacity(), 4);
    }

    #[test]
    fn each_kind_is_drained_by_itself() {
        let mut out = Deliveries::new();
        let (to, ticket) = (SubscriptionId::new(1), InfoTicket::new(2));
        let notice = Notice::DemandExceeds { subscription: to, asked: 2, limit: 1 };
        out.deliver(to, vec![1]);
        out.release(ticket);
        out.notice(notice.clone());
        assert!(out.drain().eq([Delivery { to, batch: vec![1].into() }]));
        assert!(!out.is_empty());
        assert!(out.drain_released().eq([ticket]));
        assert!(out.drain_notices().eq([notice]));
        assert!(out.is_empty());
        out.expel(to, Refusal::NoSelectors);
        assert!(out.has_news());
        assert!(out.drain_expelled().eq([(to, Refusal::NoSelectors)]));
        assert!(out.is_empty());
    }
}

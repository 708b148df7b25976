//! The default dispatcher: the biggest outstanding demand first.

use crate::{Deliveries, Dispatcher, Notice, Refusal, Subscriber, SubscriptionId, random::Random};

/// Sends each event to one consumer: the one with the biggest outstanding demand, and among equals the one that has
/// waited longest there.
///
/// The first in line is served as far as it asked before the next one gets anything, so that batches stay large.
/// Consumers should ask for the same amounts: one that asks for more is ahead of the others every time, which is
/// reported as [`Notice::DemandExceeds`]. Events nobody asked for are left to the stage.
///
/// Cost: `demand` takes one read. An ask walks the consumers, which lie next to each other in memory. A dispatch moves
/// the whole vector when the first consumer wants it all, and otherwise each event once.
///
/// Specification: section 15.2, with the decisions on Q1 and Q6 of section 20.
///
/// ```
/// use genstage_dispatchers::{DemandDispatcher, Deliveries, Dispatcher, Subscriber, SubscriptionId};
///
/// let mut dispatcher = DemandDispatcher::new().max_demand(10);
/// let dispatcher: &mut dyn Dispatcher<u64> = &mut dispatcher;
/// let mut out = Deliveries::new();
/// let (a, b) = (SubscriptionId::new(1), SubscriptionId::new(2));
/// dispatcher.subscribe(a, &Subscriber::new(10, 5))?;
/// dispatcher.subscribe(b, &Subscriber::new(10, 5))?;
/// dispatcher.ask(a, 2, &mut out);
/// dispatcher.ask(b, 3, &mut out);
///
/// dispatcher.dispatch(&mut vec![1, 2, 3, 4], &mut out);
/// let sent: Vec<_> = out.drain().map(|delivery| (delivery.to, delivery.batch.into_vec())).collect();
/// assert_eq!(sent, [(b, vec![1, 2, 3]), (a, vec![4])]);
/// assert_eq!(dispatcher.demand(), 1);
/// # Ok::<(), genstage_dispatchers::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct DemandDispatcher {
    /// By outstanding demand, biggest first; while a shuffle lasts in any order, but those without demand are at the
    /// end always. So the head has none only if nobody has.
    consumers: Vec<Consumer>,
    /// The sum of what is outstanding. Wide enough for any number of absurd asks.
    total: u128,
    limit: Option<usize>,
    /// Whether the first dispatch is still to shuffle.
    shuffle: bool,
    random: Random,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Consumer {
    id: SubscriptionId,
    outstanding: usize,
}

impl DemandDispatcher {
    /// A dispatcher without consumers. It does not shuffle, and takes the first ask as the limit for notices.
    pub const fn new() -> Self {
        Self { consumers: Vec::new(), total: 0, limit: None, shuffle: false, random: Random::new(0) }
    }

    /// Whether the first dispatch that finds demand puts the consumers that have some into a random order, once.
    ///
    /// Of many equal producers that come up together with the same consumers, each would serve the same one first.
    pub const fn shuffle_demands_on_first_dispatch(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The number of events above which one ask gives a notice. Without it, the first ask sets the limit.
    pub const fn max_demand(mut self, events: usize) -> Self {
        self.limit = Some(events);
        self
    }

    /// Moves a consumer to where it belongs: before the first that has strictly less outstanding, so behind its equals.
    #[inline]
    fn settle(&mut self, place: usize) {
        if self.consumers.len() > 1 {
            let consumer = self.consumers.remove(place);
            let less = |other: &Consumer| other.outstanding < consumer.outstanding;
            let place = self.consumers.iter().position(less).unwrap_or(self.consumers.len());
            self.consumers.insert(place, consumer);
        }
    }

    #[inline]
    fn position(&self, id: SubscriptionId) -> Option<usize> {
        self.consumers.iter().position(|consumer| consumer.id == id)
    }

    #[inline]
    fn shuffle_once(&mut self) {
        if self.shuffle {
            self.shuffle = false;
            let idle = self.consumers.iter().position(|consumer| consumer.outstanding == 0);
            let wanting = idle.unwrap_or(self.consumers.len());
            self.random.shuffle(&mut self.consumers[..wanting]);
        }
    }
}

impl Default for DemandDispatcher {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Dispatcher<T> for DemandDispatcher {
    fn init(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    fn subscribe(&mut self, id: SubscriptionId, _: &Subscriber) -> Result<(), Refusal> {
        if self.position(id).is_some() {
            return Err(Refusal::AlreadySubscribed);
        }
        self.consumers.push(Consumer { id, outstanding: 0 });
        Ok(())
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<T>) {
        let Some(place) = self.position(id).filter(|_| count > 0) else {
            return;
        };
        let limit = *self.limit.get_or_insert(count);
        if count > limit {
            out.notice(Notice::DemandExceeds { subscription: id, asked: count, limit });
        }
        let before = self.consumers[place].outstanding;
        let outstanding = before.saturating_add(count);
        self.total += (outstanding - before) as u128;
        self.consumers[place].outstanding = outstanding;
        self.settle(place);
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<T>) {
        if let Some(place) = self.position(id) {
            self.total -= self.consumers.remove(place).outstanding as u128;
        }
    }

    #[inline]
    fn demand(&self) -> usize {
        usize::try_from(self.total).unwrap_or(usize::MAX)
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        let placed = events.len().min(Dispatcher::<T>::demand(self));
        if placed == 0 {
            return;
        }
        self.shuffle_once();
        self.total -= placed as u128;
        let head = &mut self.consumers[0];
        if head.outstanding >= events.len() {
            // It wants them all: the vector goes as it is.
            head.outstanding -= placed;
            let batch = out.take_all(events);
            out.deliver(head.id, batch);
            self.settle(0);
            return;
        }
        let mut rest = events.drain(..placed);
        let (mut sated, mut partly) = (0, false);
        while rest.len() > 0 {
            let consumer = &mut self.consumers[sated];
            let count = consumer.outstanding.min(rest.len());
            consumer.outstanding -= count;
            partly = consumer.outstanding > 0;
            sated += usize::from(!partly);
            let mut batch = out.spare();
            batch.extend(rest.by_ref().take(count));
            out.deliver(consumer.id, batch);
        }
        drop(rest);
        // The sated go behind everybody, in the order in which they were served.
        self.consumers.rotate_left(sated);
        if partly {
            self.settle(0);
        }
    }
}

#[cfg(test)]
mod tests;

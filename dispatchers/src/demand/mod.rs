//! The default dispatcher: the biggest outstanding demand first.

mod line;

use self::line::{Line, Turn};
use crate::{Deliveries, Dispatcher, Notice, Refusal, Subscriber, SubscriptionId, random::Random};

/// Sends each event to one consumer: the one with the biggest outstanding demand, and among equals the one that has
/// waited longest there.
///
/// The first in line is served as far as it asked before the next one gets anything, so that batches stay large.
/// Consumers should ask for the same amounts: one that asks for more is ahead of the others every time, which is
/// reported as [`Notice::DemandExceeds`]. Events nobody asked for are left to the stage.
///
/// Cost: `demand` takes one read. With one consumer an ask is an addition, and a dispatch moves the vector. Otherwise an
/// ask finds its consumer, and the consumer's place in the line, by binary search; the line moves up by at most half its
/// length. A dispatch moves the whole vector when the first consumer wants it all, and otherwise each event once.
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
#[derive(Clone, Debug)]
#[must_use]
pub struct DemandDispatcher {
    /// By id. Ids rise with time, so a new one goes to the end as a rule.
    consumers: Vec<Consumer>,
    /// Those that have demand, by whose turn it is. A lone consumer is not in it: all that is outstanding is its own.
    line: Line,
    /// The sum of what is outstanding. Wide enough for any number of absurd asks.
    total: u128,
    limit: Option<usize>,
    /// Whether the first dispatch is still to shuffle.
    shuffle: bool,
    fair: bool,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
struct Consumer {
    id: SubscriptionId,
    /// Where it stands in the line; nothing outstanding means that it does not.
    turn: Turn,
}

impl DemandDispatcher {
    /// A dispatcher without consumers. It does not shuffle, and takes the first ask as the limit for notices.
    pub const fn new() -> Self {
        Self {
            consumers: Vec::new(),
            line: Line::new(),
            total: 0,
            limit: None,
            shuffle: false,
            fair: false,
            random: Random::new(0),
        }
    }

    /// Whether the first dispatch that finds demand serves the consumers that have some in a random order, once. Later
    /// ones go by demand again; equals stay in the order of the shuffle.
    ///
    /// Of many equal producers that come up together with the same consumers, each would serve the same one first.
    pub const fn shuffle_demands_on_first_dispatch(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Spreads the events of one dispatch evenly over the consumers that have demand, instead of giving the first in
    /// line all it asked for. Batches become smaller and all consumers work, also when there is little to do.
    ///
    /// ```
    /// # use genstage_dispatchers::{DemandDispatcher, Deliveries, Dispatcher, Subscriber, SubscriptionId};
    /// let mut dispatcher: Box<dyn Dispatcher<u64>> = Box::new(DemandDispatcher::new().fair());
    /// let mut out = Deliveries::new();
    /// for number in 1..=3 {
    ///     let id = SubscriptionId::new(number);
    ///     dispatcher.subscribe(id, &Subscriber::new(10, 5))?;
    ///     dispatcher.ask(id, 10, &mut out);
    /// }
    /// dispatcher.dispatch(&mut vec![1, 2, 3, 4, 5], &mut out);
    /// let sent: Vec<_> = out.drain().map(|delivery| delivery.batch.into_vec()).collect();
    /// assert_eq!(sent, [vec![1, 2], vec![3, 4], vec![5]]);
    /// # Ok::<(), genstage_dispatchers::Refusal>(())
    /// ```
    pub const fn fair(mut self) -> Self {
        self.fair = true;
        self
    }

    /// The number of events above which one ask gives a notice. Without it, the first ask sets the limit.
    pub const fn max_demand(mut self, events: usize) -> Self {
        self.limit = Some(events);
        self
    }

    /// The consumer's place in the table, or the place where it would go.
    #[inline]
    fn place(&self, id: SubscriptionId) -> Result<usize, usize> {
        self.consumers.binary_search_by_key(&id, |consumer| consumer.id)
    }

    /// The only consumer there is.
    #[inline]
    fn alone(&self) -> Option<SubscriptionId> {
        if let [only] = self.consumers[..] { Some(only.id) } else { None }
    }

    #[inline]
    fn serve_alone<T>(&mut self, id: SubscriptionId, events: &mut Vec<T>, placed: usize, out: &mut Deliveries<T>) {
        self.shuffle = false;
        let batch = if placed == events.len() {
            out.take_all(events)
        } else {
            let mut batch = out.spare();
            batch.extend(events.drain(..placed));
            batch
        };
        out.deliver(id, batch);
    }

    fn notice_excess<T>(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<T>) {
        let limit = *self.limit.get_or_insert(count);
        if count > limit {
            out.notice(Notice::DemandExceeds { subscription: id, asked: count, limit });
        }
    }

    /// Writes down that a consumer has now so much outstanding, and puts it behind its equals.
    #[inline]
    fn line_up(&mut self, place: usize, outstanding: usize) {
        let consumer = &mut self.consumers[place];
        consumer.turn = self.line.join(consumer.id, outstanding);
    }

    /// The first in line gets as much as it asked for, then the next.
    #[inline]
    fn serve<T>(&mut self, events: &mut Vec<T>, placed: usize, out: &mut Deliveries<T>) {
        let Some((mut id, mut turn)) = self.line.leave_front() else { return };
        if turn.outstanding >= events.len() {
            // It wants them all: the vector goes as it is.
            let batch = out.take_all(events);
            out.deliver(id, batch);
            self.served(id, turn.outstanding - placed);
            return;
        }
        let mut rest = events.drain(..placed);
        loop {
            let count = turn.outstanding.min(rest.len());
            let mut batch = out.spare();
            batch.extend(rest.by_ref().take(count));
            out.deliver(id, batch);
            self.served(id, turn.outstanding - count);
            if rest.len() == 0 {
                break;
            }
            let Some(next) = self.line.leave_front() else { break };
            (id, turn) = next;
        }
    }

    /// As evenly as what they asked for allows. The first in line, who asked for most, get what does not come out even.
    fn serve_fairly<T>(&mut self, events: &mut Vec<T>, placed: usize, out: &mut Deliveries<T>) {
        // Each gets one at least.
        let mut served: Vec<_> = (0..placed.min(self.line.len())).map_while(|_| self.line.leave_front()).collect();
        // From the smallest demand up: what one cannot take is left for those that asked for more.
        let mut left = placed;
        let mut shares = vec![0; served.len()];
        for place in (0..served.len()).rev() {
            shares[place] = (left / (place + 1)).min(served[place].1.outstanding);
            left -= shares[place];
        }
        let mut rest = events.drain(..placed);
        for ((id, turn), share) in served.drain(..).zip(shares) {
            let mut batch = out.spare();
            batch.extend(rest.by_ref().take(share));
            out.deliver(id, batch);
            self.served(id, turn.outstanding - share);
        }
    }

    #[inline]
    fn served(&mut self, id: SubscriptionId, left: usize) {
        if let Ok(place) = self.place(id) {
            self.line_up(place, left);
        }
    }

    /// True if it was the first dispatch: then the line is in disorder.
    #[inline]
    fn shuffle_once(&mut self) -> bool {
        let first = self.shuffle;
        if first {
            self.shuffle = false;
            self.random.shuffle(self.line.turns());
        }
        first
    }

    /// Puts the line in order after a shuffle.
    fn sort(&mut self) {
        for (id, turn) in self.line.sort() {
            if let Ok(place) = self.place(id) {
                self.consumers[place].turn = turn;
            }
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

    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal> {
        subscriber.takes_anything()?;
        let Err(place) = self.place(id) else { return Err(Refusal::AlreadySubscribed) };
        if self.alone().is_some() {
            self.line_up(0, Dispatcher::<T>::demand(self));
        }
        self.consumers.insert(place, Consumer { id, turn: Turn::NONE });
        Ok(())
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<T>) {
        let Ok(place) = self.place(id) else { return };
        if count == 0 {
            return;
        }
        self.notice_excess(id, count, out);
        if self.alone().is_some() {
            self.total = (self.total + count as u128).min(usize::MAX as u128);
            return;
        }
        let turn = self.consumers[place].turn;
        let outstanding = turn.outstanding.saturating_add(count);
        self.total += (outstanding - turn.outstanding) as u128;
        self.line.leave(turn);
        self.line_up(place, outstanding);
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<T>) {
        let Ok(place) = self.place(id) else { return };
        let turn = self.consumers.remove(place).turn;
        self.total -= turn.outstanding as u128;
        match &mut self.consumers[..] {
            [] => self.total = 0,
            [only] => {
                only.turn = Turn::NONE;
                self.line.clear();
            }
            _ => self.line.leave(turn),
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
        self.total -= placed as u128;
        if let Some(only) = self.alone() {
            return self.serve_alone(only, events, placed, out);
        }
        let shuffled = self.shuffle_once();
        if self.fair {
            if shuffled {
                self.sort();
            }
            self.serve_fairly(events, placed, out);
        } else {
            self.serve(events, placed, out);
            if shuffled {
                self.sort();
            }
        }
    }
}

#[cfg(test)]
mod tests;

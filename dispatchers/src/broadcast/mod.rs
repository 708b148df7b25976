//! Every event to every consumer.

mod credit;
mod picks;

use std::fmt;

use self::credit::Credits;
use self::picks::Picks;
use crate::{
    Deliveries, Dispatcher, Refusal, Selector, Subscriber, SubscriptionId, Wants, caught::caught, let_go, let_go_all,
};

/// Sends each event to every consumer, or to every one whose selector accepts it, as fast as the slowest asks.
///
/// An event goes out when all that want it have asked for it, so one consumer that does not ask holds back all others.
/// That is the point of it: nobody loses events. A consumer that may fall behind wants a larger `max_demand`, a selector,
/// or a stage with a buffer between. One that comes late gets what is sent from then on, and until its first ask nothing
/// is sent.
///
/// A **selector** belongs to a subscription. What it rejects costs its consumer no demand, and waits for nobody: a
/// consumer that selects one event in a thousand asks for one event in a thousand. A selector that panics costs its
/// consumer the subscription ([`Refusal::SelectorPanicked`]), and the others nothing.
///
/// A consumer that is served already is refused ([`Refusal::AlreadySubscribed`]), as it would get everything twice.
///
/// Cost: consumers that take a whole batch share it, so that a batch costs one small handle for each of them however many
/// events it has, and handles are used again. A consumer whose selector takes a part gets clones (the last one the
/// events themselves, if nobody takes the whole): put large events into an `Arc`. Each selector is called once for each
/// event of a dispatch. An ask takes a binary search, and a walk over the consumers when the slowest has asked, which is
/// what a dispatch takes, too.
///
/// Specification: section 15.3, with the decisions on Q2, Q3, Q11 and Q18 of section 20.
///
/// ```
/// use genstage_dispatchers::{BroadcastDispatcher, Deliveries, Dispatcher, Subscriber, SubscriptionId};
///
/// let mut dispatcher: Box<dyn Dispatcher<u64>> = Box::new(BroadcastDispatcher::new());
/// let mut out = Deliveries::new();
/// let (all, even) = (SubscriptionId::new(1), SubscriptionId::new(2));
/// dispatcher.subscribe(all, &Subscriber::new(10, 5))?;
/// dispatcher.subscribe(even, &Subscriber::new(10, 5).selector(|number: &u64| number % 2 == 0))?;
/// dispatcher.ask(all, 4, &mut out);
/// assert_eq!(dispatcher.demand(), 0); // the other one has not asked yet
/// dispatcher.ask(even, 2, &mut out);
/// assert_eq!(dispatcher.demand(), 2);
///
/// // Four fit, although two were promised: `even` wants but two of them.
/// dispatcher.dispatch(&mut vec![1, 2, 3, 4], &mut out);
/// let mut sent: Vec<_> = out.drain().map(|delivery| (delivery.to, delivery.batch.into_vec())).collect();
/// sent.sort();
/// assert_eq!(sent, [(all, vec![1, 2, 3, 4]), (even, vec![2, 4])]);
/// # Ok::<(), genstage_dispatchers::Refusal>(())
/// ```
#[must_use]
pub struct BroadcastDispatcher<T> {
    /// By id, which is by age.
    consumers: Vec<Consumer<T>>,
    credits: Credits,
}

struct Consumer<T> {
    id: SubscriptionId,
    selection: Option<Selection<T>>,
}

struct Selection<T> {
    selector: Selector<T>,
    /// What it took of the events at hand.
    picks: Picks,
}

impl<T> BroadcastDispatcher<T> {
    /// A dispatcher without consumers.
    pub const fn new() -> Self {
        Self { consumers: Vec::new(), credits: Credits::new() }
    }

    fn place(&self, id: SubscriptionId) -> Result<usize, usize> {
        self.consumers.binary_search_by_key(&id, |consumer| consumer.id)
    }

    fn remove(&mut self, place: usize) -> SubscriptionId {
        self.credits.remove(place);
        self.consumers.remove(place).id
    }

    /// How many of the events can go out, from the front: up to the first that somebody wants and has not asked for.
    /// Whoever's selector panics is sent away.
    fn measure(&mut self, events: &[T], out: &mut Deliveries<T>) -> usize {
        let mut count = events.len();
        let mut panicked = Vec::new();
        for (place, consumer) in self.consumers.iter_mut().enumerate() {
            let credit = self.credits.get(place);
            count = match &mut consumer.selection {
                None => count.min(credit),
                Some(Selection { selector, picks }) => {
                    match caught(|| picks.pick(&events[..count], credit, |event| selector.accepts(event))) {
                        Ok(reached) => reached,
                        Err(message) => {
                            panicked.push((place, message));
                            count
                        }
                    }
                }
            };
        }
        for (place, message) in panicked.into_iter().rev() {
            out.expel(self.remove(place), Refusal::SelectorPanicked(message));
        }
        if self.consumers.is_empty() { 0 } else { count }
    }
}

impl<T: Clone + Send + Sync + 'static> BroadcastDispatcher<T> {
    /// Sends the first `count` events.
    fn send(&mut self, events: &mut Vec<T>, count: usize, out: &mut Deliveries<T>) {
        let mut whole = 0;
        let mut parts = 0;
        for (place, consumer) in self.consumers.iter_mut().enumerate() {
            let taken = consumer.selection.as_mut().map_or(count, |selection| selection.picks.keep_below(count));
            self.credits.refund(place, count - taken);
            whole += usize::from(taken == count);
            parts += usize::from(taken > 0 && taken < count);
        }
        self.credits.advance(count);
        if whole == 0 {
            out.filter(self.unwanted(count));
        }
        for (id, picks) in self.parts(count) {
            let mut batch = out.spare();
            parts -= 1;
            if parts == 0 && whole == 0 {
                // Nobody needs the events after this one.
                let mut place = 0..;
                for event in events.drain(..count) {
                    if place.next().is_some_and(|place| picks.contains(place)) {
                        batch.extend([event]);
                    } else {
                        let_go(event);
                    }
                }
                out.deliver(id, batch);
                return;
            }
            batch.extend(picks.iter().filter_map(|place| events.get(place)).cloned());
            out.deliver(id, batch);
        }
        if whole == 0 {
            let_go_all(events.drain(..count));
            return;
        }
        let mut batch = if count == events.len() {
            out.take_all(events)
        } else {
            let mut batch = out.spare();
            batch.extend(events.drain(..count));
            batch
        };
        for consumer in &self.consumers {
            if consumer.selection.as_ref().is_some_and(|selection| selection.picks.len() < count) {
                continue;
            }
            whole -= 1;
            let batch = if whole == 0 { std::mem::take(&mut batch) } else { out.share(&mut batch) };
            out.deliver(consumer.id, batch);
        }
    }

    /// How many of the events nobody takes, where each consumer takes some at most.
    fn unwanted(&self, count: usize) -> usize {
        let mut wanted = vec![false; count];
        for (_, picks) in self.parts(count) {
            for place in picks.iter() {
                wanted[place] = true;
            }
        }
        wanted.into_iter().filter(|wanted| !wanted).count()
    }

    /// Those who take some of the events, but not all.
    fn parts(&self, count: usize) -> impl Iterator<Item = (SubscriptionId, &Picks)> {
        let picks =
            self.consumers.iter().filter_map(|consumer| Some((consumer.id, &consumer.selection.as_ref()?.picks)));
        picks.filter(move |(_, picks)| picks.len() > 0 && picks.len() < count)
    }
}

impl<T> fmt::Debug for BroadcastDispatcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastDispatcher")
            .field("consumers", &self.consumers.iter().map(|consumer| consumer.id).collect::<Vec<_>>())
            .field("credits", &self.credits)
            .finish()
    }
}

impl<T> Default for BroadcastDispatcher<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + Sync + 'static> Dispatcher<T> for BroadcastDispatcher<T> {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal> {
        let selection = match &subscriber.wants {
            Wants::Anything => None,
            Wants::Selected(selector) => Some(Selection { selector: selector.clone(), picks: Picks::new() }),
            Wants::Partition(_) | Wants::Custom(_) => return subscriber.takes_anything(), // it refuses them
        };
        if subscriber.redeliver {
            return Err(Refusal::NoRedelivery);
        }
        let served = |sibling: &SubscriptionId| self.place(*sibling).is_ok();
        let Err(place) = self.place(id) else { return Err(Refusal::AlreadySubscribed) };
        if subscriber.siblings.iter().any(served) {
            return Err(Refusal::AlreadySubscribed);
        }
        self.consumers.insert(place, Consumer { id, selection });
        self.credits.insert(place);
        Ok(())
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, _: &mut Deliveries<T>) {
        if let Ok(place) = self.place(id) {
            self.credits.add(place, count);
        }
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<T>) {
        if let Ok(place) = self.place(id) {
            self.remove(place);
        }
    }

    #[inline]
    fn demand(&self) -> usize {
        self.credits.least()
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        if self.credits.least() == 0 || events.is_empty() {
            return;
        }
        // It stops only at an event for which somebody has no credit left, so what is left then meets no demand.
        let count = self.measure(events, out);
        if count > 0 {
            self.send(events, count, out);
        }
    }
}

#[cfg(test)]
mod tests;

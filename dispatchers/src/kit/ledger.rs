//! The model that a dispatcher is compared with.

use std::collections::{BTreeMap, BTreeSet};

use super::{CONSUMERS, Call, Kit};
use crate::{Deliveries, Dispatcher, InfoTicket, Selector, SubscriptionId, Wants, random::Random};

type Played = Result<(), String>;

/// What one living consumer is owed.
struct Consumer<T> {
    outstanding: usize,
    /// The next event it may get: they come in order.
    next: u64,
    /// How many it got in the current call.
    got: usize,
    selector: Option<Selector<T>>,
}

impl<T> Consumer<T> {
    fn accepts(&self, event: &T) -> bool {
        self.selector.as_ref().is_none_or(|selector| selector.accepts(event))
    }
}

/// Events are numbered in the order in which they are emitted. As `dispatch` takes from the front, the stage's buffer
/// is always the numbers from `taken` to `emitted`.
pub(super) struct Ledger<T, M, N> {
    kit: Kit<T>,
    make: M,
    number: N,
    living: BTreeMap<SubscriptionId, Consumer<T>>,
    ids: u64,
    tickets: u64,
    emitted: u64,
    taken: u64,
    /// Taken and not delivered yet; unused when each event goes to every consumer.
    held: BTreeSet<u64>,
    /// Infos that wait, with `taken` at the time they came.
    waiting: BTreeMap<InfoTicket, u64>,
}

impl<T, M, N> Ledger<T, M, N>
where
    M: Fn(u64) -> T,
    N: Fn(&T) -> u64,
{
    pub(super) const fn new(kit: Kit<T>, make: M, number: N) -> Self {
        Self {
            kit,
            make,
            number,
            living: BTreeMap::new(),
            ids: 0,
            tickets: 0,
            emitted: 0,
            taken: 0,
            held: BTreeSet::new(),
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn choose(&mut self, random: &mut Random) -> Call {
        let buffered = usize::try_from(self.emitted - self.taken).unwrap_or(usize::MAX);
        match random.below(100) {
            0..15 if self.living.len() < CONSUMERS => {
                self.ids += 1;
                Call::Subscribe(SubscriptionId::new(self.ids))
            }
            0..45 => Call::Ask(
                self.anybody(random),
                match random.below(40) {
                    0 => usize::MAX,
                    _ => random.below(12),
                },
            ),
            45..55 => Call::Cancel(self.anybody(random)),
            55..62 => {
                self.tickets += 1;
                Call::Info(InfoTicket::new(self.tickets))
            }
            _ => {
                let emitted = random.below(16);
                let all = buffered + emitted;
                let offered = if random.below(4) == 0 { random.below(all + 1) } else { all };
                Call::Dispatch { emitted: emitted as u64, offered }
            }
        }
    }

    /// Mostly the living; also those that left, and one that never was.
    fn anybody(&self, random: &mut Random) -> SubscriptionId {
        let living = self.living.keys().nth(random.below(self.living.len()));
        let any = SubscriptionId::new(random.below(usize::try_from(self.ids).unwrap_or(0) + 2) as u64);
        living.copied().filter(|_| random.below(8) > 0).unwrap_or(any)
    }

    pub(super) fn play(&mut self, call: Call, dispatcher: &mut dyn Dispatcher<T>) -> Played {
        let mut out = Deliveries::new();
        let taken = self.taken;
        match call {
            Call::Subscribe(id) => {
                let subscriber = (self.kit.subscriber)(id.get());
                if dispatcher.subscribe(id, &subscriber).is_ok() {
                    let selector = match subscriber.wants {
                        Wants::Selected(selector) if self.kit.every => Some(selector),
                        _ => None,
                    };
                    self.living.insert(id, Consumer { outstanding: 0, next: 0, got: 0, selector });
                }
            }
            Call::Ask(id, count) => {
                if let Some(consumer) = self.living.get_mut(&id) {
                    consumer.outstanding = consumer.outstanding.saturating_add(count);
                }
                dispatcher.ask(id, count, &mut out);
            }
            Call::Cancel(id) => {
                self.living.remove(&id);
                dispatcher.cancel(id, &mut out);
            }
            Call::Info(ticket) => {
                self.waiting.insert(ticket, self.taken);
                dispatcher.info(ticket, &mut out);
            }
            Call::Dispatch { emitted, offered } => {
                self.emitted += emitted;
                self.dispatch(offered, dispatcher, &mut out)?;
            }
        }
        self.delivered(&mut out)?;
        self.placed(taken)?;
        self.released(&mut out)?;
        for (id, _) in out.drain_expelled() {
            self.living.remove(&id);
        }
        self.held(dispatcher.held())?;
        self.promised(dispatcher.demand())
    }

    fn dispatch(&mut self, offered: usize, dispatcher: &mut dyn Dispatcher<T>, out: &mut Deliveries<T>) -> Played {
        let demand = dispatcher.demand();
        let end = self.taken + offered as u64;
        let mut events: Vec<T> = (self.taken..end).map(&self.make).collect();
        dispatcher.dispatch(&mut events, out);
        let taken = offered.saturating_sub(events.len());
        let rest = self.taken + taken as u64..end;
        ensure(events.iter().map(&self.number).eq(rest.clone()), || {
            format!("of events {}..{end} it left others than the last {}", self.taken, events.len())
        })?;
        let promised = demand.min(offered);
        let more = self.kit.drops || self.kit.holds;
        ensure(taken == promised || (taken > promised && promised > 0 && more), || {
            format!("it took {taken} of {offered} events with a demand of {demand}")
        })?;
        let demand = dispatcher.demand();
        ensure(events.is_empty() || demand == 0, || {
            format!("it left {} events although it states a demand of {demand}", events.len())
        })?;
        if !self.kit.every {
            self.held.extend(self.taken..rest.start);
        }
        self.taken = rest.start;
        Ok(())
    }

    fn delivered(&mut self, out: &mut Deliveries<T>) -> Played {
        for delivery in out.drain() {
            let (to, count) = (delivery.to, delivery.batch.len());
            let consumer = self.living.get_mut(&to).ok_or_else(|| format!("subscription {to} is not alive"))?;
            let asked = consumer.outstanding;
            ensure(count <= asked, || format!("subscription {to} got {count} events, it had asked for {asked}"))?;
            consumer.outstanding -= count;
            consumer.got += count;
            for event in &delivery.batch {
                let number = (self.number)(event);
                ensure(consumer.accepts(event), || format!("subscription {to} got event {number}, which it rejects"))?;
                ensure(number < self.taken, || format!("event {number} was delivered and left to the stage"))?;
                ensure(number >= consumer.next, || format!("subscription {to} got event {number} out of order"))?;
                consumer.next = number + 1;
                let first = self.kit.every || self.held.remove(&number);
                ensure(first, || format!("event {number} was delivered twice"))?;
            }
        }
        Ok(())
    }

    /// What was taken must have gone out, as far as the dispatcher may not hold or drop it.
    fn placed(&mut self, before: u64) -> Played {
        let taken: Vec<T> = (before..self.taken).map(&self.make).collect();
        let strict = !self.kit.holds && !self.kit.drops;
        for (id, consumer) in &mut self.living {
            let got = std::mem::take(&mut consumer.got);
            // One that selects misses nothing: what is not for it is dropped, but nothing else.
            let all = self.kit.every && !self.kit.holds && (strict || consumer.selector.is_some());
            let wanted = if all { taken.iter().filter(|event| consumer.accepts(event)).count() } else { got };
            ensure(got == wanted, || format!("subscription {id} got {got} of {wanted} events"))?;
        }
        let held = self.held.first().copied();
        ensure(!strict || held.is_none(), || format!("event {} was lost", held.unwrap_or_default()))?;
        if self.kit.drops && !self.kit.holds {
            self.held.clear();
        }
        Ok(())
    }

    fn held(&self, stated: usize) -> Played {
        let known = !self.kit.every && !self.kit.drops;
        ensure(!known || stated == self.held.len(), || {
            format!("it states to hold {stated} events, and holds {}", self.held.len())
        })
    }

    fn released(&mut self, out: &mut Deliveries<T>) -> Played {
        for ticket in out.drain_released() {
            let (name, came) = (ticket.get(), self.waiting.remove(&ticket));
            let came = came.ok_or_else(|| format!("info {name} was released twice, or never came"))?;
            let ahead = self.held.first().copied().filter(|held| *held < came && !self.kit.drops);
            ensure(ahead.is_none(), || format!("info {name} overtook event {}", ahead.unwrap_or_default()))?;
        }
        let stuck = self.waiting.keys().next().map(|ticket| ticket.get());
        let idle = !self.kit.holds || (self.held.is_empty() && !self.kit.every);
        ensure(!idle || stuck.is_none(), || format!("info {} waits for nothing", stuck.unwrap_or_default()))
    }

    fn promised(&self, demand: usize) -> Played {
        let asked: u128 = self.living.values().map(|consumer| consumer.outstanding as u128).sum();
        ensure(demand as u128 <= asked, || format!("it states a demand of {demand}, the living asked for {asked}"))
    }
}

fn ensure(holds: bool, fault: impl FnOnce() -> String) -> Played {
    if holds { Ok(()) } else { Err(fault()) }
}

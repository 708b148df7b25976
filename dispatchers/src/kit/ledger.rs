//! The model that a dispatcher is compared with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{CONSUMERS, Call, Kit};
use crate::{Deliveries, Dispatcher, InfoTicket, Refusal, Selector, SubscriptionId, Wants, random::Random};

type Played = Result<(), String>;

/// More that come back at once show nothing new.
const MOST_BACK: usize = 40;

/// What one living consumer is owed.
struct Consumer<T> {
    outstanding: usize,
    /// The place in line of the last event that it got: they come in order.
    last: u64,
    /// Of the events that a dispatcher took back, by the call in which it did: the place there of the last that it got.
    last_back: BTreeMap<u64, usize>,
    /// How many it got in the current call.
    got: usize,
    /// All that it got, if it gives them back.
    gives_back: Option<Vec<u64>>,
    selector: Option<Selector<T>>,
}

impl<T> Consumer<T> {
    fn accepts(&self, event: &T) -> bool {
        self.selector.as_ref().is_none_or(|selector| selector.accepts(event))
    }
}

/// Events are numbered in the order in which they are emitted.
pub(super) struct Ledger<T, M, N> {
    kit: Kit<T>,
    make: M,
    number: N,
    living: BTreeMap<SubscriptionId, Consumer<T>>,
    ids: u64,
    tickets: u64,
    /// The stage's buffer: emitted and not taken, or given back. Oldest first.
    buffer: VecDeque<u64>,
    /// The place in line of each event: in the order in which they were taken, last. 0: the stage has it.
    line: Vec<u64>,
    /// How many were taken.
    taken: u64,
    /// Those of the current call.
    just_taken: Vec<u64>,
    /// Taken and not delivered yet, by place in line; unused when each event goes to every consumer.
    held: BTreeSet<u64>,
    /// The same for those that were taken back instead of going to the buffer, by number, with the call in which they were and their
    /// place among those of that call. An info that had passed them may go before them.
    held_again: BTreeMap<u64, (u64, usize)>,
    backs: u64,
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
            buffer: VecDeque::new(),
            line: Vec::new(),
            taken: 0,
            just_taken: Vec::new(),
            held: BTreeSet::new(),
            held_again: BTreeMap::new(),
            backs: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn choose(&mut self, random: &mut Random) -> Call {
        match random.below(100) {
            0..15 if self.living.len() < CONSUMERS => {
                self.ids += 1;
                Call::Subscribe { id: SubscriptionId::new(self.ids), redeliver: random.below(2) == 0 }
            }
            0..45 => Call::Ask(
                self.anybody(random),
                match random.below(40) {
                    0 => usize::MAX,
                    _ => random.below(12),
                },
            ),
            45..55 => self.leave(random),
            55..62 => {
                self.tickets += 1;
                Call::Info(InfoTicket::new(self.tickets))
            }
            _ => {
                let emitted = random.below(16);
                let all = self.buffer.len() + emitted;
                let offered = if random.below(4) == 0 { random.below(all + 1) } else { all };
                Call::Dispatch { emitted, offered }
            }
        }
    }

    /// Mostly the living; also those that left, and one that never was.
    fn anybody(&self, random: &mut Random) -> SubscriptionId {
        let living = self.living.keys().nth(random.below(self.living.len()));
        let any = SubscriptionId::new(random.below(usize::try_from(self.ids).unwrap_or(0) + 2) as u64);
        living.copied().filter(|_| random.below(8) > 0).unwrap_or(any)
    }

    /// What a consumer had acknowledged does not come back: that is the beginning of what it got.
    fn leave(&self, random: &mut Random) -> Call {
        let id = self.anybody(random);
        match self.living.get(&id) {
            Some(Consumer { gives_back: Some(got), .. }) => {
                let events = if random.below(2) == 0 { got.len() } else { random.below(got.len() + 1) };
                Call::TakeBack { id, events: events.min(MOST_BACK) }
            }
            // One that was refused has nothing to give back.
            None if random.below(2) == 0 => Call::TakeBack { id, events: 0 },
            _ => Call::Cancel(id),
        }
    }

    pub(super) fn play(&mut self, call: Call, dispatcher: &mut dyn Dispatcher<T>) -> Played {
        let mut out = Deliveries::new();
        self.just_taken.clear();
        match call {
            Call::Init(seed) => dispatcher.init(seed),
            Call::Subscribe { id, redeliver } => self.subscribe(id, redeliver, dispatcher)?,
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
            Call::TakeBack { id, events } => self.take_back(id, events, dispatcher, &mut out)?,
            Call::Info(ticket) => {
                self.waiting.insert(ticket, self.taken);
                dispatcher.info(ticket, &mut out);
            }
            Call::Dispatch { emitted, offered } => {
                let next = self.line.len() as u64;
                self.buffer.extend(next..next + emitted as u64);
                self.line.resize(self.line.len() + emitted, 0);
                self.dispatch(offered, dispatcher, &mut out)?;
            }
        }
        self.delivered(&mut out)?;
        self.placed()?;
        self.released(&mut out)?;
        for (id, _) in out.drain_expelled() {
            self.living.remove(&id);
        }
        self.held(dispatcher.held())?;
        self.promised(dispatcher.demand())
    }

    fn subscribe(&mut self, id: SubscriptionId, redeliver: bool, dispatcher: &mut dyn Dispatcher<T>) -> Played {
        let subscriber = (self.kit.subscriber)(id.get());
        let redeliver = redeliver || subscriber.redeliver;
        let subscriber = subscriber.redeliver(redeliver);
        if dispatcher.subscribe(id, &subscriber).is_err() {
            return Ok(());
        }
        ensure(!(redeliver && self.kit.every), || {
            format!("subscription {id} is to be redelivered: refuse it with `{}`", Refusal::NoRedelivery)
        })?;
        let selector = match subscriber.wants {
            Wants::Selected(selector) if self.kit.every => Some(selector),
            _ => None,
        };
        let gives_back = redeliver.then(Vec::new);
        let consumer = Consumer { outstanding: 0, last: 0, last_back: BTreeMap::new(), got: 0, gives_back, selector };
        self.living.insert(id, consumer);
        Ok(())
    }

    /// What is left of the events goes to the front of the buffer; the others the dispatcher has again.
    fn take_back(
        &mut self,
        id: SubscriptionId,
        count: usize,
        dispatcher: &mut dyn Dispatcher<T>,
        out: &mut Deliveries<T>,
    ) -> Played {
        let got = self.living.remove(&id).and_then(|consumer| consumer.gives_back).unwrap_or_default();
        let back = &got[got.len().saturating_sub(count)..];
        let mut events: Vec<T> = back.iter().map(|number| (self.make)(*number)).collect();
        dispatcher.take_back(id, &mut events, out);
        let left: Vec<u64> = events.iter().map(&self.number).collect();
        let mut rest = left.iter().peekable();
        self.backs += 1;
        for (place, number) in back.iter().enumerate() {
            if rest.next_if_eq(&number).is_none() {
                self.held_again.insert(*number, (self.backs, place));
            }
        }
        ensure(rest.next().is_none(), || format!("of events {back:?} that came back it left {left:?}"))?;
        for number in left.into_iter().rev() {
            self.line[usize::try_from(number).unwrap_or(usize::MAX)] = 0;
            self.buffer.push_front(number);
        }
        Ok(())
    }

    fn dispatch(&mut self, offered: usize, dispatcher: &mut dyn Dispatcher<T>, out: &mut Deliveries<T>) -> Played {
        let demand = dispatcher.demand();
        let mut events: Vec<T> = self.buffer.iter().take(offered).map(|number| (self.make)(*number)).collect();
        dispatcher.dispatch(&mut events, out);
        let taken = offered.saturating_sub(events.len());
        let rest = self.buffer.range(taken..offered).copied();
        ensure(events.iter().map(&self.number).eq(rest), || {
            format!("of {offered} events it left others than the last {}", events.len())
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
        for number in self.buffer.drain(..taken) {
            self.taken += 1;
            self.line[usize::try_from(number).unwrap_or(usize::MAX)] = self.taken;
            self.just_taken.push(number);
            if !self.kit.every {
                self.held.insert(self.taken);
            }
        }
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
                let place = usize::try_from(number).ok().and_then(|number| self.line.get(number)).copied().unwrap_or(0);
                ensure(place > 0, || format!("event {number} was delivered and left to the stage"))?;
                let again = self.held_again.remove(&number);
                let before = match again {
                    Some((back, at)) => consumer.last_back.insert(back, at).is_none_or(|last| last < at),
                    None => std::mem::replace(&mut consumer.last, place) < place,
                };
                ensure(before, || format!("subscription {to} got event {number} out of order"))?;
                let first = again.is_some() || self.kit.every || self.held.remove(&place);
                ensure(first, || format!("event {number} was delivered twice"))?;
                if let Some(got) = &mut consumer.gives_back {
                    got.push(number);
                }
            }
        }
        Ok(())
    }

    /// What was taken must have gone out, as far as the dispatcher may not hold or drop it.
    fn placed(&mut self) -> Played {
        let taken: Vec<T> = self.just_taken.iter().map(|number| (self.make)(*number)).collect();
        let strict = !self.kit.holds && !self.kit.drops;
        for (id, consumer) in &mut self.living {
            let got = std::mem::take(&mut consumer.got);
            // One that selects misses nothing: what is not for it is dropped, but nothing else.
            let all = self.kit.every && !self.kit.holds && (strict || consumer.selector.is_some());
            let wanted = if all { taken.iter().filter(|event| consumer.accepts(event)).count() } else { got };
            ensure(got == wanted, || format!("subscription {id} got {got} of {wanted} events"))?;
        }
        if strict {
            let held = self.held.first().map(|place| self.at(*place));
            let held = held.or_else(|| self.held_again.keys().next().copied());
            ensure(held.is_none(), || format!("event {} was lost", held.unwrap_or_default()))?;
        }
        if self.kit.drops && !self.kit.holds {
            self.held.clear();
            self.held_again.clear();
        }
        Ok(())
    }

    /// The event that was taken as the one with this number.
    fn at(&self, place: u64) -> u64 {
        self.line.iter().position(|other| *other == place).unwrap_or_default() as u64
    }

    fn held(&self, stated: usize) -> Played {
        let known = !self.kit.every && !self.kit.drops;
        let holds = self.held.len() + self.held_again.len();
        ensure(!known || stated == holds, || format!("it states to hold {stated} events, and holds {holds}"))
    }

    fn released(&mut self, out: &mut Deliveries<T>) -> Played {
        for ticket in out.drain_released() {
            let (name, came) = (ticket.get(), self.waiting.remove(&ticket));
            let came = came.ok_or_else(|| format!("info {name} was released twice, or never came"))?;
            let ahead = self.held.first().copied().filter(|held| *held <= came && !self.kit.drops);
            ensure(ahead.is_none(), || format!("info {name} overtook event {}", self.at(ahead.unwrap_or_default())))?;
        }
        let stuck = self.waiting.keys().next().map(|ticket| ticket.get());
        let idle = !self.kit.holds || (self.held.is_empty() && self.held_again.is_empty() && !self.kit.every);
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

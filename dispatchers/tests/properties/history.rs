//! Histories of calls, played to a dispatcher and to its model.

use std::collections::BTreeMap;
use std::fmt::Debug;

use genstage_dispatchers::{Deliveries, Dispatcher, InfoTicket, Notice, Refusal, Subscriber, SubscriptionId};
use proptest::prelude::*;

/// Places for consumers. Whoever comes to one gets an id of its own.
pub(crate) const SLOTS: usize = 5;

#[derive(Clone, Debug)]
pub(crate) enum Op<W> {
    /// In a slot that is taken: the same id once more, which is refused.
    Subscribe(usize, W),
    /// In an empty slot this, and the next two, are about the one who left last, or about nobody.
    Ask(usize, usize),
    Cancel(usize),
    /// A cancel that gives back so many of the events that were delivered last.
    TakeBack(usize, usize),
    /// So many new events; offered are the first so many of those that wait.
    Emit(usize, usize),
    Info,
}

pub(crate) fn history<W: Debug + Clone>(wants: impl Strategy<Value = W>) -> impl Strategy<Value = Vec<Op<W>>> {
    let slot = || 0..SLOTS;
    let ask = prop_oneof![30 => 0..9_usize, 1 => Just(usize::MAX)];
    let offered = prop_oneof![3 => Just(usize::MAX), 1 => 0..12_usize];
    let op = prop_oneof![
        3 => (slot(), wants).prop_map(|(slot, wants)| Op::Subscribe(slot, wants)),
        7 => (slot(), ask).prop_map(|(slot, count)| Op::Ask(slot, count)),
        1 => slot().prop_map(Op::Cancel),
        1 => (slot(), 0..6_usize).prop_map(|(slot, count)| Op::TakeBack(slot, count)),
        6 => (0..12_usize, offered).prop_map(|(new, offered)| Op::Emit(new, offered)),
        1 => Just(Op::Info),
    ];
    proptest::collection::vec(op, 0..120)
}

pub(crate) type Sent = Vec<(u64, Vec<u64>)>;

/// What a call did.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) sent: Sent,
    pub(crate) notices: Vec<Notice>,
    pub(crate) released: Vec<u64>,
    pub(crate) expelled: Vec<u64>,
    /// How many events were dropped because nobody was meant to get them.
    pub(crate) filtered: u64,
}

/// The rule of a dispatcher, as plainly as it can be said.
pub(crate) trait Model {
    type Wants: Clone + Debug;

    fn subscriber(&self, slots: &[Option<u64>], wants: &Self::Wants) -> Subscriber<u64>;
    fn subscribe(&mut self, id: u64, slots: &[Option<u64>], wants: &Self::Wants) -> Result<(), Refusal>;
    fn ask(&mut self, id: u64, count: usize) -> Seen;
    /// What stays in `back` goes to the front of the stage's buffer.
    fn cancel(&mut self, id: u64, back: &mut Vec<u64>) -> Seen;
    /// How many of the events are taken, from the front. Checks what was seen: not every rule says it to the letter.
    fn dispatch(&mut self, events: &[u64], seen: &Seen) -> usize;
    fn info(&mut self, ticket: u64) -> Seen;
    fn demand(&self) -> usize;
    fn held(&self) -> usize;
}

fn see(out: &mut Deliveries<u64>, filtered: u64) -> Seen {
    Seen {
        sent: out.drain().map(|delivery| (delivery.to.get(), delivery.batch.into_vec())).collect(),
        notices: out.drain_notices().collect(),
        released: out.drain_released().map(InfoTicket::get).collect(),
        expelled: out.drain_expelled().map(|(id, _)| id.get()).collect(),
        filtered: out.filtered() - filtered,
    }
}

/// What the invariants of section 21 say of every dispatcher is checked here; the rest by the model.
struct World<M> {
    model: M,
    slots: [Option<u64>; SLOTS],
    ids: u64,
    left_last: u64,
    /// Emitted and not taken.
    buffer: Vec<u64>,
    next: u64,
    tickets: u64,
    /// By id: what it may still get, and what it got.
    asked: BTreeMap<u64, u128>,
    got: BTreeMap<u64, Vec<u64>>,
}

pub(crate) fn play<M: Model>(mut dispatcher: impl Dispatcher<u64>, model: M, seed: u64, history: &[Op<M::Wants>]) {
    let mut world = World {
        model,
        slots: [None; SLOTS],
        ids: 0,
        left_last: 99,
        buffer: Vec::new(),
        next: 0,
        tickets: 0,
        asked: BTreeMap::new(),
        got: BTreeMap::new(),
    };
    let mut out = Deliveries::new();
    dispatcher.init(seed);
    for op in history {
        world.step(&mut dispatcher, &mut out, op);
    }
}

impl<M: Model> World<M> {
    fn who(&self, slot: usize) -> u64 {
        self.slots[slot].unwrap_or(self.left_last)
    }

    fn step(&mut self, dispatcher: &mut impl Dispatcher<u64>, out: &mut Deliveries<u64>, op: &Op<M::Wants>) {
        let filtered = out.filtered();
        match op {
            Op::Subscribe(slot, wants) => self.subscribe(dispatcher, *slot, wants),
            Op::Ask(slot, count) => {
                let id = self.who(*slot);
                if let Some(asked) = self.asked.get_mut(&id) {
                    *asked += *count as u128;
                }
                dispatcher.ask(SubscriptionId::new(id), *count, out);
                let seen = self.look(out, filtered);
                assert_eq!(seen, self.model.ask(id, *count), "{op:?} by {id}");
            }
            Op::Cancel(slot) | Op::TakeBack(slot, _) => {
                let id = self.who(*slot);
                let mut back = self.leave(*slot, op);
                let mut expected = back.clone();
                match op {
                    Op::Cancel(_) => dispatcher.cancel(SubscriptionId::new(id), out),
                    _ => dispatcher.take_back(SubscriptionId::new(id), &mut back, out),
                }
                let seen = self.look(out, filtered);
                assert_eq!(seen, self.model.cancel(id, &mut expected), "{op:?} of {id}");
                assert_eq!(back, expected, "what comes back with {op:?} of {id}");
                self.buffer.splice(..0, back);
            }
            Op::Emit(new, offered) => {
                self.buffer.extend(self.next..self.next + *new as u64);
                self.next += *new as u64;
                let mut rest = self.buffer.split_off(self.buffer.len().min(*offered));
                let offered = std::mem::take(&mut self.buffer);
                let mut left = offered.clone();
                dispatcher.dispatch(&mut left, out);
                let seen = self.look(out, filtered);
                let taken = self.model.dispatch(&offered, &seen);
                assert_eq!(left, offered[taken..], "what is left of {offered:?}; {seen:?}");
                assert!(left.is_empty() || dispatcher.demand() == 0, "{left:?} left, and demand");
                for id in seen.expelled {
                    self.slots.iter_mut().filter(|slot| **slot == Some(id)).for_each(|slot| *slot = None);
                    self.left_last = id;
                }
                left.append(&mut rest);
                self.buffer = left;
            }
            Op::Info => {
                self.tickets += 1;
                dispatcher.info(InfoTicket::new(self.tickets), out);
                let seen = self.look(out, filtered);
                assert_eq!(seen, self.model.info(self.tickets));
            }
        }
        assert_eq!((dispatcher.demand(), dispatcher.held()), (self.model.demand(), self.model.held()), "after {op:?}");
        let unmet: u128 = self.slots.iter().flatten().map(|id| self.asked[id]).sum();
        assert!(dispatcher.demand() as u128 <= unmet, "demand beyond what the living asked for");
    }

    fn subscribe(&mut self, dispatcher: &mut impl Dispatcher<u64>, slot: usize, wants: &M::Wants) {
        let id = self.slots[slot].unwrap_or(self.ids);
        let subscriber = self.model.subscriber(&self.slots, wants);
        let outcome = dispatcher.subscribe(SubscriptionId::new(id), &subscriber);
        if self.slots[slot].is_some() {
            assert!(outcome.is_err(), "{id} was accepted twice");
            return;
        }
        assert_eq!(outcome, self.model.subscribe(id, &self.slots, wants), "subscribe {id} {wants:?}");
        self.ids += 1;
        if outcome.is_err() {
            self.left_last = id;
            return;
        }
        self.slots[slot] = Some(id);
        self.asked.insert(id, 0);
        self.got.insert(id, Vec::new());
    }

    /// What the one in this slot had, as far as it comes back.
    fn leave(&mut self, slot: usize, op: &Op<M::Wants>) -> Vec<u64> {
        let Some(id) = self.slots[slot].take() else { return Vec::new() };
        self.left_last = id;
        let got = self.got.get_mut(&id).unwrap();
        match op {
            Op::TakeBack(_, count) => got.split_off(got.len().saturating_sub(*count)),
            _ => Vec::new(),
        }
    }

    /// Nobody gets more than it asked for, nor an empty batch, nor anything when it has left.
    fn look(&mut self, out: &mut Deliveries<u64>, filtered: u64) -> Seen {
        let seen = see(out, filtered);
        for (to, batch) in &seen.sent {
            assert!(!batch.is_empty() && self.slots.contains(&Some(*to)), "{seen:?}");
            let asked = self.asked.get_mut(to).unwrap();
            assert!(batch.len() as u128 <= *asked, "{to} had asked for {asked}: {seen:?}");
            *asked -= batch.len() as u128;
            self.got.get_mut(to).unwrap().extend(batch);
        }
        seen
    }
}

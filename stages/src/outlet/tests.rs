//! The ledger of demand over random histories: what is asked for, emitted, buffered and delivered always adds up.

use std::collections::BTreeMap;

use genstage_dispatchers::{DemandDispatcher, PartitionDispatcher, Subscriber, SubscriptionId};
use proptest::prelude::*;

use super::{Outlet, Step};
use crate::buffer::{Capacity, Keep};
use crate::testing::same_each_time;

const SLOTS: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    /// By slot: whoever is there leaves first.
    Subscribe(usize),
    Ask(usize, usize),
    Cancel(usize),
    /// The producer answers so many of those it owes.
    Answer(usize),
    /// It emits so many, asked or not.
    Emit(usize),
    Info,
    Accumulate,
    Forward,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => (0..SLOTS).prop_map(Op::Subscribe),
        8 => (0..SLOTS, 0..9_usize).prop_map(|(slot, count)| Op::Ask(slot, count)),
        1 => (0..SLOTS).prop_map(Op::Cancel),
        6 => (0..12_usize).prop_map(Op::Answer),
        2 => (0..8_usize).prop_map(Op::Emit),
        2 => Just(Op::Info),
        1 => Just(Op::Accumulate),
        2 => Just(Op::Forward),
    ];
    prop::collection::vec(op, 0..100)
}

struct Ledger {
    outlet: Outlet<u64, u64>,
    partitions: bool,
    slots: [Option<SubscriptionId>; SLOTS],
    ids: u64,
    /// What the producer was told to make and has not.
    due: usize,
    next: u64,
    infos: u64,
    /// By subscription: what it may still get.
    asked: BTreeMap<SubscriptionId, usize>,
    delivered: Vec<u64>,
    released: Vec<u64>,
    /// For each info how many events had been emitted when it came.
    behind: Vec<u64>,
    discarded: usize,
    /// Whether demand was ever kept back: events emitted meanwhile come behind those that this demand brings.
    held: bool,
}

impl Ledger {
    fn step(&mut self, op: &Op) {
        match *op {
            Op::Subscribe(slot) => {
                self.leave(slot);
                let id = SubscriptionId::new(self.ids);
                self.ids += 1;
                let subscriber = Subscriber::new(10, 5);
                let subscriber = if self.partitions { subscriber.partition(slot) } else { subscriber };
                self.outlet.subscribe(id, &subscriber).unwrap();
                self.slots[slot] = Some(id);
                self.asked.insert(id, 0);
            }
            Op::Ask(slot, count) => {
                if let Some(id) = self.slots[slot] {
                    *self.asked.get_mut(&id).unwrap() += count;
                    self.outlet.ask(id, count);
                }
            }
            Op::Cancel(slot) => self.leave(slot),
            Op::Answer(count) => self.emit(count.min(self.due)),
            Op::Emit(count) => self.emit(count),
            Op::Info => {
                self.behind.push(self.next);
                self.outlet.info(self.infos);
                self.infos += 1;
            }
            Op::Accumulate => {
                self.held = true;
                self.outlet.accumulate();
            }
            Op::Forward => self.forward(),
        }
        self.settle();
    }

    fn leave(&mut self, slot: usize) {
        if let Some(id) = self.slots[slot].take() {
            self.outlet.cancel(id);
            self.look();
            self.asked.remove(&id);
        }
    }

    fn emit(&mut self, count: usize) {
        self.due = self.due.saturating_sub(count);
        let mut events = (self.next..self.next + count as u64).collect();
        self.next += count as u64;
        self.outlet.emit(&mut events);
    }

    fn forward(&mut self) {
        self.outlet.forward();
        loop {
            self.look();
            match self.outlet.let_go() {
                Step::Done => break,
                Step::Demand(count) => self.due += count,
                Step::Again => {}
            }
        }
    }

    fn look(&mut self) {
        for delivery in self.outlet.deliveries.drain() {
            let asked = self.asked.get_mut(&delivery.to).expect("it is subscribed");
            assert!(delivery.batch.len() <= *asked, "more than was asked for");
            *asked -= delivery.batch.len();
            self.delivered.extend(delivery.batch.into_vec());
        }
        self.released.extend(self.outlet.take_infos());
        let notices = self.outlet.take_notices();
        assert!(self.partitions || notices.iter().all(|notice| notice.lost() == 0));
        self.discarded += std::mem::take(&mut self.outlet.discarded);
    }

    /// As the stage does after every message.
    fn settle(&mut self) {
        self.look();
        let demand = self.outlet.dispatcher.demand();
        let expected = demand.saturating_sub(self.outlet.buffer.len() + self.outlet.owed());
        let told = self.outlet.take_demand();
        self.due += told;
        let forwards = self.outlet.held.is_none();
        assert_eq!(told, if forwards { expected } else { 0 });
        // Progress: what is wanted is buffered, or somebody has been told to make it.
        assert!(demand <= self.outlet.buffer.len() + self.outlet.owed(), "unmet demand that nobody knows of");
        assert!(!forwards || self.outlet.buffer.is_empty() || demand == 0, "events wait beside demand");
        assert!(!forwards || self.due >= self.outlet.owed(), "owed, and never told");
        self.balance();
    }

    /// Each event is delivered, stored or discarded; and nothing overtakes.
    fn balance(&self) {
        let stored = self.outlet.stored();
        assert_eq!(self.next, (self.delivered.len() + stored + self.discarded) as u64);
        if !self.held && !self.partitions {
            assert!(self.delivered.is_sorted_by(|a, b| a < b), "{:?}", self.delivered);
        }
        assert!(self.released.is_sorted_by(|a, b| a < b), "infos out of order: {:?}", self.released);
        if !self.held && self.discarded == 0 {
            let gone = |info: &u64| self.behind[usize::try_from(*info).unwrap()];
            let ahead = self.released.last().map_or(0, gone);
            let missing = (0..ahead).find(|event| !self.delivered.contains(event));
            assert_eq!(missing, None, "an info overtook it");
        }
    }
}

proptest! {
    #![proptest_config(same_each_time())]

    #[test]
    fn the_ledger_adds_up_whatever_happens(
        partitions: bool,
        capacity in prop_oneof![Just(None), (0_usize..12).prop_map(Some)],
        first: bool,
        accumulate: bool,
        ops in ops(),
    ) {
        let dispatcher: Box<dyn genstage_dispatchers::Dispatcher<u64>> = if partitions {
            Box::new(PartitionDispatcher::by_key(0..SLOTS as u64, |event: &u64| event / 2 % SLOTS as u64).unwrap())
        } else {
            Box::new(DemandDispatcher::new())
        };
        let capacity = capacity.map_or(Capacity::Infinity, Capacity::Events);
        let keep = if first { Keep::First } else { Keep::Last };
        let mut ledger = Ledger {
            outlet: Outlet::new(dispatcher, capacity, keep, accumulate),
            partitions,
            slots: [None; SLOTS],
            ids: 0,
            due: 0,
            next: 0,
            infos: 0,
            asked: BTreeMap::new(),
            delivered: Vec::new(),
            released: Vec::new(),
            behind: Vec::new(),
            discarded: 0,
            held: accumulate,
        };
        for op in &ops {
            ledger.step(op);
        }
        // In the end all are let through to one who takes everything that is left.
        ledger.forward();
        for slot in 0..SLOTS {
            ledger.step(&Op::Subscribe(slot));
            ledger.step(&Op::Ask(slot, 1_000_000));
        }
        prop_assert_eq!(ledger.outlet.stored(), 0);
        prop_assert_eq!(ledger.released.len() as u64, ledger.infos);
    }
}

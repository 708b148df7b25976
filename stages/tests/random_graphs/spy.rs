//! A dispatcher, watched.

use std::collections::BTreeMap;

use genstage::dispatchers::{Deliveries, Dispatcher, InfoTicket, Refusal, Subscriber};
use genstage::{BroadcastDispatcher, DemandDispatcher, PartitionDispatcher, SubscriptionId};

use crate::book::{Kind, Node, Shared, partition_of};

pub(crate) struct Spy {
    node: Node,
    shared: Shared,
    kind: Kind,
    inside: Box<dyn Dispatcher<u64>>,
}

impl std::fmt::Debug for Spy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inside.fmt(f)
    }
}

impl Spy {
    pub(crate) fn new(node: Node, shared: &Shared, kind: Kind, shuffle: bool) -> Self {
        let hash = |event| Some((event, partition_of(event)?));
        let inside: Box<dyn Dispatcher<u64>> = match kind {
            Kind::Demand => Box::new(DemandDispatcher::new().shuffle_demands_on_first_dispatch(shuffle)),
            Kind::Broadcast => Box::new(BroadcastDispatcher::new()),
            Kind::Partition => Box::new(PartitionDispatcher::with_hash(0..3, hash).unwrap()),
        };
        shared.book().outlets.entry(node).or_default().kind = kind;
        Self { node, shared: shared.clone(), kind, inside }
    }

    /// Enters what the dispatcher did, and passes it on. Says who got how many.
    fn pass(&self, mut mine: Deliveries<u64>, out: &mut Deliveries<u64>) -> BTreeMap<SubscriptionId, usize> {
        let mut book = self.shared.book();
        let mut got = BTreeMap::new();
        for delivery in mine.drain() {
            book.deliver(delivery.to, delivery.batch.len());
            got.insert(delivery.to, delivery.batch.len());
            out.deliver(delivery.to, delivery.batch);
        }
        out.filter(usize::try_from(mine.filtered()).unwrap());
        mine.drain_released().for_each(|ticket| out.release(ticket));
        mine.drain_expelled().for_each(|(id, why)| out.expel(id, why));
        self.look(&mut book);
        got
    }

    fn look(&self, book: &mut crate::book::Book) {
        let outlet = book.outlets.entry(self.node).or_default();
        (outlet.held, outlet.demand) = (self.inside.held(), self.inside.demand());
    }

    /// What goes to all must reach each of them at once, and nothing else.
    fn check_all(&self, taken: &[u64], got: &BTreeMap<SubscriptionId, usize>) {
        let mut book = self.shared.book();
        let mut faults = Vec::new();
        for (id, edge) in book.edges.iter().filter(|(_, edge)| edge.producer == self.node && edge.served) {
            let due = taken.iter().filter(|event| edge.choice.fits(**event)).count();
            let got = got.get(id).copied().unwrap_or(0);
            if due != got {
                faults.push(format!("subscription {id} got {got} of {due} events of a broadcast"));
            }
        }
        book.faults.extend(faults);
    }
}

impl Dispatcher<u64> for Spy {
    fn init(&mut self, seed: u64) {
        self.inside.init(seed);
    }

    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        let outcome = self.inside.subscribe(id, subscriber);
        let mut book = self.shared.book();
        book.edge(id).producer = self.node;
        book.edge(id).served = outcome.is_ok();
        self.look(&mut book);
        outcome
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        self.shared.book().ask(id, count);
        let mut mine = Deliveries::new();
        self.inside.ask(id, count, &mut mine);
        self.pass(mine, out);
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        self.shared.book().edge(id).served = false;
        let mut mine = Deliveries::new();
        self.inside.cancel(id, &mut mine);
        self.pass(mine, out);
    }

    fn demand(&self) -> usize {
        self.inside.demand()
    }

    fn held(&self) -> usize {
        self.inside.held()
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        let offered = events.clone();
        let mut mine = Deliveries::new();
        self.inside.dispatch(events, &mut mine);
        let taken = &offered[..offered.len() - events.len()];
        let got = self.pass(mine, out);
        if self.kind == Kind::Broadcast {
            self.check_all(taken, &got);
        }
        let mut book = self.shared.book();
        let outlet = book.outlets.entry(self.node).or_default();
        outlet.taken += taken.len();
        if self.kind == Kind::Partition {
            outlet.dropped += taken.iter().filter(|event| partition_of(**event).is_none()).count();
        }
    }

    fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<u64>) {
        self.inside.info(ticket, out);
    }
}

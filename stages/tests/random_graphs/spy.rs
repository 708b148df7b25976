//! The default dispatcher, watched.

use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};
use genstage::{DemandDispatcher, SubscriptionId};

use crate::book::{Node, Shared};

pub(crate) struct Spy {
    pub(crate) node: Node,
    pub(crate) shared: Shared,
    pub(crate) inside: DemandDispatcher,
}

impl std::fmt::Debug for Spy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inside.fmt(f)
    }
}

impl Dispatcher<u64> for Spy {
    fn init(&mut self, seed: u64) {
        Dispatcher::<u64>::init(&mut self.inside, seed);
    }

    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        let mut book = self.shared.book();
        book.edge(id).producer = self.node;
        book.edge(id).served = true;
        Dispatcher::<u64>::subscribe(&mut self.inside, id, subscriber)
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        self.shared.book().ask(id, count);
        self.inside.ask(id, count, out);
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        self.shared.book().edge(id).served = false;
        self.inside.cancel(id, out);
    }

    fn demand(&self) -> usize {
        Dispatcher::<u64>::demand(&self.inside)
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        let mut mine = Deliveries::new();
        self.inside.dispatch(events, &mut mine);
        let mut book = self.shared.book();
        for delivery in mine.drain() {
            book.deliver(delivery.to, delivery.batch.len());
            out.deliver(delivery.to, delivery.batch);
        }
    }
}

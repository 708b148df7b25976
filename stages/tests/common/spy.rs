//! A dispatcher that writes down the asks that reach it.

use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};
use genstage::{DemandDispatcher, SubscriptionId};

use super::{Log, Seen};

#[derive(Debug)]
pub(crate) struct Spy {
    inside: DemandDispatcher,
    who: &'static str,
    log: Log,
    /// Refuses everybody, for this reason.
    refusal: Option<Refusal>,
}

impl Spy {
    pub(crate) fn new(who: &'static str, log: &Log) -> Self {
        Self { inside: DemandDispatcher::new(), who, log: log.clone(), refusal: None }
    }

    pub(crate) fn refusing(self, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..self }
    }
}

impl Dispatcher<u64> for Spy {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        match self.refusal.clone() {
            Some(refusal) => Err(refusal),
            None => Dispatcher::<u64>::subscribe(&mut self.inside, id, subscriber),
        }
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        self.log.note(self.who, Seen::Asked(count));
        self.inside.ask(id, count, out);
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        self.inside.cancel(id, out);
    }

    fn demand(&self) -> usize {
        Dispatcher::<u64>::demand(&self.inside)
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        self.inside.dispatch(events, out);
    }
}

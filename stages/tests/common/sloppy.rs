//! A dispatcher that does wrong.

use genstage::SubscriptionId;
use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};

/// Far above all subscriptions of a test.
const NOBODY: u64 = 1_000_000;

/// Serves whoever came first, and sends each third event to nobody.
#[derive(Debug, Default)]
pub(crate) struct Sloppy(Option<SubscriptionId>, usize);

impl Dispatcher<u64> for Sloppy {
    fn subscribe(&mut self, id: SubscriptionId, _: &Subscriber<u64>) -> Result<(), Refusal> {
        self.0.get_or_insert(id);
        Ok(())
    }

    fn ask(&mut self, _: SubscriptionId, count: usize, _: &mut Deliveries<u64>) {
        self.1 += count;
    }

    fn cancel(&mut self, _: SubscriptionId, _: &mut Deliveries<u64>) {
        self.1 = 0;
    }

    fn demand(&self) -> usize {
        self.1
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        let (Some(to), given) = (self.0, self.1.min(events.len())) else { return };
        self.1 -= given;
        for event in events.drain(..given) {
            let third = event.is_multiple_of(3);
            out.deliver(if third { SubscriptionId::new(NOBODY + event) } else { to }, vec![event]);
        }
    }
}

//! A process that is there, and is not the source that is wanted.

use std::sync::Arc;

use genstage_core::{ExitReason, Name, Peer};
use genstage_dispatchers::{Empties, SubscriptionId};

use crate::WrongSource;
use crate::graph::{Absent, Observed};
use crate::mail::{Nobody, ProducerPort, Subscribe};
use crate::options::DemandMode;

/// Cancels each subscription at once, and says why.
struct Misfit(Peer, WrongSource);

/// What stands for a name by which no such source was found: somebody who tells that, or nobody.
pub(crate) fn unfit<T: Send + 'static>(name: &Name, wanted: impl FnOnce() -> String) -> Box<dyn ProducerPort<T>> {
    match name.whereis() {
        Some(process) => {
            let wrong = WrongSource { name: name.to_string(), process: process.pid(), wanted: wanted() };
            Box::new(Misfit(process, wrong))
        }
        None => Box::new(Nobody),
    }
}

impl<T: Send + 'static> ProducerPort<T> for Misfit {
    fn resolve(&self) -> Box<dyn ProducerPort<T>> {
        Box::new(Self(self.0.clone(), self.1.clone()))
    }

    fn subscribe(&self, subscribe: Subscribe<T>) {
        subscribe.consumer.cancelled(subscribe.tie.id, ExitReason::other(self.1.clone()));
    }

    fn ask(&self, _: SubscriptionId, _: usize, _: Empties<T>) {}

    fn cancel(&self, _: SubscriptionId, _: ExitReason) {}

    fn demand(&self, _: DemandMode) {}

    fn peer(&self) -> Peer {
        self.0.clone()
    }

    fn observer(&self) -> Arc<dyn Observed> {
        Arc::new(Absent(None))
    }
}

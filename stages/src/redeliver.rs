//! What is kept of a subscription whose events are to be delivered again if its consumer dies.

use std::collections::VecDeque;

use genstage_dispatchers::{Batch, let_go, let_go_all};

/// Makes a further handle on the events of a batch.
pub(crate) type Share<T> = fn(&mut Batch<T>) -> Batch<T>;

/// Delivered batches that are not acknowledged, oldest first.
pub(crate) struct Kept<T> {
    share: Share<T>,
    batches: VecDeque<Batch<T>>,
    /// Events that were acknowledged, and how many of them are in the first batch.
    acknowledged: u64,
    of_first: usize,
}

impl<T> Kept<T> {
    pub(crate) fn new(share: Share<T>) -> Self {
        Self { share, batches: VecDeque::new(), acknowledged: 0, of_first: 0 }
    }

    pub(crate) fn keep(&mut self, batch: &mut Batch<T>) {
        self.batches.push_back((self.share)(batch));
    }

    /// So many events have been acknowledged in all.
    pub(crate) fn acknowledge(&mut self, events: u64) {
        let new = events.saturating_sub(self.acknowledged);
        self.acknowledged += new;
        self.of_first += usize::try_from(new).unwrap_or(usize::MAX);
        while let Some(first) = self.batches.front()
            && first.len() <= self.of_first
        {
            self.of_first -= first.len();
            self.batches.pop_front().into_iter().for_each(let_go);
        }
    }

    /// The others.
    pub(crate) fn into_events(self) -> Vec<T> {
        let mut events = Vec::new();
        for batch in self.batches {
            events.append(&mut batch.into_vec());
        }
        let_go_all(events.drain(..self.of_first.min(events.len())));
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept<u64> {
        let mut kept = Kept::new(Batch::share);
        for events in [0..4, 4..6, 6..10] {
            kept.keep(&mut events.collect());
        }
        kept
    }

    #[test]
    fn what_is_acknowledged_is_let_go_batch_by_batch() {
        let after = |events| {
            let mut kept = kept();
            kept.acknowledge(events);
            (kept.batches.len(), kept.into_events())
        };
        assert_eq!(after(0), (3, (0..10).collect()));
        assert_eq!(after(3), (3, (3..10).collect()));
        assert_eq!(after(4), (2, (4..10).collect()));
        assert_eq!(after(7), (1, (7..10).collect()));
        assert_eq!(after(10), (0, vec![]));
    }

    #[test]
    fn acknowledgements_are_totals_and_never_fall() {
        let mut kept = kept();
        kept.acknowledge(5);
        kept.acknowledge(2);
        kept.acknowledge(6);
        assert_eq!(kept.into_events(), [6, 7, 8, 9]);
    }
}

//! The buffer of a stage: events that the dispatcher could not place, and the infos that wait behind them (sections 10
//! and 11 of the specification).

use std::collections::VecDeque;

use genstage_dispatchers::let_go_all;

/// How many events a buffer holds. Infos are not counted (decision Q12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// So many; with 0, all that finds no demand is discarded (decision Q8).
    Events(usize),
    Infinity,
}

/// Which events survive when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The oldest: what comes is discarded.
    First,
    /// The newest: the oldest is discarded for each that comes.
    Last,
}

/// A queue of events. An info stands behind the last event that was buffered when it came, is released when that event
/// leaves, and is never discarded.
#[derive(Debug)]
pub(crate) struct Buffer<T, I> {
    events: VecDeque<T>,
    /// Each with the number of the event it stands behind, which is in the buffer; by number, then by age.
    infos: VecDeque<(u64, I)>,
    /// The number of the first event. Wraps around: only distances from it are looked at.
    first: u64,
    capacity: Capacity,
    keep: Keep,
}

impl<T, I> Buffer<T, I> {
    /// Allocates nothing before it is needed.
    pub(crate) const fn new(capacity: Capacity, keep: Keep) -> Self {
        Self { events: VecDeque::new(), infos: VecDeque::new(), first: 0, capacity, keep }
    }

    pub(crate) fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Appends events, and says how many were discarded for want of room. `events` is left empty with its allocation.
    ///
    /// Infos behind discarded events are appended to `released`: deliver them now.
    pub(crate) fn store(&mut self, events: &mut Vec<T>, released: &mut Vec<I>) -> usize {
        if events.is_empty() {
            return 0;
        }
        let excess = match self.capacity {
            Capacity::Infinity => 0,
            Capacity::Events(most) => (self.len() + events.len()).saturating_sub(most),
        };
        let discarded = match self.keep {
            Keep::First => {
                // Leftovers may have overfilled the buffer: they stay.
                let new = excess.min(events.len());
                let_go_all(events.drain(events.len() - new..));
                new
            }
            Keep::Last => {
                let old = excess.min(self.len());
                let_go_all(self.events.drain(..old));
                self.advance(old, released);
                // Those that later ones of the same message would push out.
                let_go_all(events.drain(..excess - old));
                excess
            }
        };
        self.events.extend(events.drain(..));
        discarded
    }

    /// Takes up to `n` events into `into` and says how many. Stops right behind an event that has infos, which are then
    /// appended to `released`: dispatch the events, deliver the infos, and take the rest (section 9.2).
    pub(crate) fn take(&mut self, n: usize, into: &mut Vec<T>, released: &mut Vec<I>) -> usize {
        let stop = self.infos.front().map_or(self.len(), |(behind, _)| self.place(*behind) + 1);
        let count = n.min(stop);
        into.extend(self.events.drain(..count));
        self.advance(count, released);
        count
    }

    /// Puts back, in front and in order, events that were taken and could not be placed after all. Nothing is
    /// discarded: they had their room before.
    ///
    /// `released` are the infos of that take. They stood behind the last event taken, which is the last one left over,
    /// so they may not go ahead of it: they go back too. Without leftovers they stay in `released`, to be delivered.
    pub(crate) fn put_back(&mut self, events: &mut Vec<T>, released: &mut Vec<I>) {
        if events.is_empty() {
            return;
        }
        let last = self.first.wrapping_sub(1);
        for info in released.drain(..).rev() {
            self.infos.push_front((last, info));
        }
        self.first = self.first.wrapping_sub(events.len() as u64);
        for event in events.drain(..).rev() {
            self.events.push_front(event);
        }
    }

    /// Puts an info behind the last event.
    ///
    /// # Errors
    ///
    /// Gives the info back if the buffer is empty: deliver it now.
    pub(crate) fn push_info(&mut self, info: I) -> Result<(), I> {
        if self.is_empty() {
            return Err(info);
        }
        let last = self.first.wrapping_add(self.len() as u64 - 1);
        self.infos.push_back((last, info));
        Ok(())
    }

    /// Where the event with this number is, counted from the front.
    fn place(&self, number: u64) -> usize {
        usize::try_from(number.wrapping_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// The first `count` events have left.
    fn advance(&mut self, count: usize, released: &mut Vec<I>) {
        let gone = |(behind, _): &(u64, I)| self.place(*behind) < count;
        let infos = self.infos.partition_point(gone);
        released.extend(self.infos.drain(..infos).map(|(_, info)| info));
        self.first = self.first.wrapping_add(count as u64);
    }
}

#[cfg(test)]
mod tests;

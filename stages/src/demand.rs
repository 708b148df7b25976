//! Automatic demand: how a message is split into batches, and what each of them asks for (section 7 of the
//! specification).

/// The demand of one automatic subscription, in events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Asked for, the asks of scheduled pieces included, and not received.
    outstanding: usize,
    min: usize,
    max: usize,
}

/// One batch of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// How many events it has.
    pub(crate) size: usize,
    /// What to ask for once the batch has been handled; 0 means no ask.
    pub(crate) ask: usize,
    /// How many of its events were never asked for. They are handled, but not counted.
    pub(crate) excess: usize,
}

impl Demand {
    /// A subscription whose first ask, for `max`, goes out now. `min` is below `max`: the options see to it.
    pub(crate) fn new(min: usize, max: usize) -> Self {
        Self { outstanding: max, min, max }
    }

    #[cfg(test)]
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// A message that is one piece: none is cut. `None` where it has to be.
    #[inline]
    pub(crate) fn whole(&mut self, events: usize) -> Option<Piece> {
        if events == 0 || events > (self.max - self.min).min(self.outstanding) {
            return None;
        }
        let outstanding = self.outstanding - events;
        let ask = if outstanding <= self.min { self.max - outstanding } else { 0 };
        self.outstanding = outstanding + ask;
        Some(Piece { size: events, ask, excess: 0 })
    }

    /// Splits a message of `events` events. All of it is counted at once: the pieces only say what is left to do.
    pub(crate) fn split(&mut self, events: usize) -> Split {
        let split = Split {
            left: events,
            credit: self.outstanding,
            outstanding: self.outstanding,
            min: self.min,
            max: self.max,
        };
        let mut ahead = split.clone();
        ahead.by_ref().for_each(drop);
        self.outstanding = ahead.outstanding;
        split
    }
}

/// The pieces of one message, in order.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    left: usize,
    /// What was owed when the message came. Asks of earlier pieces do not count: they have not been sent yet.
    credit: usize,
    outstanding: usize,
    min: usize,
    max: usize,
}

impl Iterator for Split {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        // Never 0, or the pieces would have no end.
        let most = self.max.saturating_sub(self.min).max(1);
        let size = self.left.min(most);
        if size == 0 {
            return None;
        }
        self.left -= size;
        let excess = size.saturating_sub(self.credit);
        let counted = size - excess;
        self.credit -= counted;
        // `credit` falls by as much as `outstanding` does, which alone is raised again: so this is never below 0.
        let outstanding = self.outstanding - counted;
        let ask = if outstanding <= self.min { self.max - outstanding } else { 0 };
        self.outstanding = outstanding + ask;
        Some(Piece { size, ask, excess })
    }
}

#[cfg(test)]
mod tests;

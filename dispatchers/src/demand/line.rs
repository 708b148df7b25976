//! Consumers with demand, in the order in which they are served.

use std::collections::VecDeque;

use crate::SubscriptionId;

/// By outstanding demand, biggest first; among equals by when they joined. Consumers without demand are not in it: they
/// would only stand in the way, and their order matters to nobody.
#[derive(Clone, Debug)]
pub(super) struct Line {
    places: VecDeque<(SubscriptionId, Turn)>,
    /// How many joined so far.
    joined: u64,
}

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) outstanding: usize,
    joined: u64,
}

impl Turn {
    /// Of a consumer that is not in line.
    pub(super) const NONE: Self = Self { outstanding: 0, joined: 0 };

    fn before(self, other: Self) -> bool {
        self.outstanding > other.outstanding || (self.outstanding == other.outstanding && self.joined < other.joined)
    }
}

impl Line {
    pub(super) const fn new() -> Self {
        Self { places: VecDeque::new(), joined: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Joins before the first that has strictly less outstanding, so behind its equals. With nothing outstanding, it
    /// stays away.
    #[inline]
    pub(super) fn join(&mut self, id: SubscriptionId, outstanding: usize) -> Turn {
        if outstanding == 0 {
            return Turn::NONE;
        }
        self.joined += 1;
        let turn = Turn { outstanding, joined: self.joined };
        // Behind everybody, where all ask for the same.
        if self.places.back().is_none_or(|(_, last)| last.before(turn)) {
            self.places.push_back((id, turn));
        } else {
            let place = self.places.partition_point(|(_, other)| other.before(turn));
            self.places.insert(place, (id, turn));
        }
        turn
    }

    /// Nothing happens if nobody has this turn.
    #[inline]
    pub(super) fn leave(&mut self, turn: Turn) {
        if turn.outstanding > 0 {
            let place = self.places.partition_point(|(_, other)| other.before(turn));
            if self.places.get(place).is_some_and(|(_, found)| *found == turn) {
                self.places.remove(place);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
    }

    #[inline]
    pub(super) fn leave_front(&mut self) -> Option<(SubscriptionId, Turn)> {
        self.places.pop_front()
    }

    /// For shuffling. The line must be sorted before anybody joins or leaves but at the front.
    pub(super) fn turns(&mut self) -> &mut [(SubscriptionId, Turn)] {
        self.places.make_contiguous()
    }

    /// Puts a line in disorder in order, equals as they stand, and gives everybody's turn anew.
    pub(super) fn sort(&mut self) -> impl Iterator<Item = (SubscriptionId, Turn)> + use<> {
        let joined = &mut self.joined;
        self.places.make_contiguous().sort_by_key(|(_, turn)| std::cmp::Reverse(turn.outstanding));
        for (_, turn) in &mut self.places {
            *joined += 1;
            turn.joined = *joined;
        }
        self.places.clone().into_iter()
    }

    #[cfg(test)]
    pub(super) fn in_order(&self) -> impl Iterator<Item = (SubscriptionId, usize)> {
        self.places.iter().map(|(id, turn)| (*id, turn.outstanding))
    }
}

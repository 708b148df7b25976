//! Those who want one lock: who has it, and who is next. Plain data.

use std::collections::VecDeque;
use std::task::Waker;
use std::thread::ThreadId;

use crate::Peer;
use crate::contained::wake;
use crate::sync::{Arc, Mutex};

/// One wish for a lock.
pub(super) struct Ticket {
    /// The process that wants it, if it is one.
    pub(super) who: Option<Peer>,
    /// The thread that waits for it; none where a future does.
    pub(super) thread: Option<ThreadId>,
    state: Mutex<(Turn, Option<Waker>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Waiting,
    Holding,
    /// It was bound to end when its turn came.
    Skipped,
}

impl Ticket {
    pub(super) fn new(who: Option<Peer>, thread: Option<ThreadId>) -> Arc<Self> {
        Arc::new(Self { who, thread, state: Mutex::new((Turn::Waiting, None)) })
    }

    /// What has come of it, or else who to wake for it.
    pub(super) fn turn(&self, waker: impl FnOnce() -> Waker) -> Turn {
        let (turn, before) = {
            let mut state = self.state.lock();
            let before = if state.0 == Turn::Waiting { state.1.replace(waker()) } else { None };
            (state.0, before)
        };
        drop(before);
        turn
    }

    fn settle(&self, turn: Turn) {
        let waker = {
            let mut state = self.state.lock();
            state.0 = turn;
            state.1.take()
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    fn is_alive(&self) -> bool {
        self.who.as_ref().is_none_or(Peer::is_alive)
    }

    /// Whether the holder cannot go on before this caller does.
    pub(super) fn blocks(&self, caller: &Self) -> bool {
        match (&self.who, &caller.who) {
            (Some(one), Some(other)) => one.pid() == other.pid(),
            (None, None) => self.thread.is_some() && self.thread == caller.thread,
            _ => false,
        }
    }
}

/// First come, first served. `None` as holder: the line is closed, and whoever comes opens another.
#[derive(Default)]
pub(super) struct Line {
    pub(super) holder: Option<Arc<Ticket>>,
    waiting: VecDeque<Arc<Ticket>>,
}

/// What somebody who leaves makes happen. To be told outside the line's lock.
#[derive(Default)]
pub(super) struct Left {
    skipped: Vec<Arc<Ticket>>,
    next: Option<Arc<Ticket>>,
    /// The line is empty, and closed.
    pub(super) closed: bool,
}

impl Line {
    pub(super) fn of(first: &Arc<Ticket>) -> Self {
        first.settle(Turn::Holding);
        Self { holder: Some(Arc::clone(first)), waiting: VecDeque::new() }
    }

    pub(super) fn join(&mut self, ticket: &Arc<Ticket>) {
        self.waiting.push_back(Arc::clone(ticket));
    }

    pub(super) fn is_contended(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Who held it, or waited, does so no longer. Of those who wait, the dead are passed over.
    pub(super) fn leave(&mut self, ticket: &Arc<Ticket>) -> Left {
        let mut left = Left::default();
        if !self.holder.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, ticket)) {
            self.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
            return left;
        }
        self.holder = loop {
            match self.waiting.pop_front() {
                Some(next) if next.is_alive() => break Some(next),
                Some(dead) => left.skipped.push(dead),
                None => break None,
            }
        };
        left.next.clone_from(&self.holder);
        left.closed = self.holder.is_none();
        left
    }
}

impl Left {
    pub(super) fn tell(self) {
        self.skipped.iter().for_each(|ticket| ticket.settle(Turn::Skipped));
        if let Some(next) = self.next {
            next.settle(Turn::Holding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(ticket: &Ticket) -> Turn {
        ticket.turn(|| Waker::noop().clone())
    }

    #[test]
    fn r3_3_a_line_serves_in_order_and_closes_behind_the_last() {
        let [a, b, c]: [_; 3] = std::array::from_fn(|_| Ticket::new(None, None));
        let mut line = Line::of(&a);
        line.join(&b);
        line.join(&c);
        assert_eq!([turn(&a), turn(&b), turn(&c)], [Turn::Holding, Turn::Waiting, Turn::Waiting]);
        line.leave(&a).tell();
        assert_eq!([turn(&b), turn(&c)], [Turn::Holding, Turn::Waiting]);
        let left = line.leave(&b);
        assert!(!left.closed);
        left.tell();
        assert_eq!(turn(&c), Turn::Holding);
        assert!(line.leave(&c).closed);
    }

    #[test]
    fn r3_3_who_gives_up_waiting_is_not_served_and_late_leavers_change_nothing() {
        let [a, b, c]: [_; 3] = std::array::from_fn(|_| Ticket::new(None, None));
        let mut line = Line::of(&a);
        line.join(&b);
        line.join(&c);
        line.leave(&b).tell();
        line.leave(&a).tell();
        line.leave(&a).tell();
        assert_eq!([turn(&b), turn(&c)], [Turn::Waiting, Turn::Holding]);
    }
}

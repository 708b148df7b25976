//! Which input waits, which runs, which outcome comes next. Pure.
//!
//! ```text
//!   turn ──▶ Start ── an input ──▶ started ──▶ running ──▶ finished ──▶ outcome ──▶ Emit
//!              └──── no input ──▶ close
//! ```
//!
//! A slot is free when a task is down, not when its outcome has been emitted: behind a slow head, outcomes pile up (T4.3).
//! What can be emitted goes first: to pull an input may take its time, and a consumer that stops wants no more of them.

use std::collections::VecDeque;

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<R> {
    /// Pull an input and start its task, or say that there is none.
    Start,
    /// The next outcome.
    Emit(R),
    /// Nothing, until a task is down.
    Wait,
    /// All inputs have been worked on and emitted.
    End,
}

pub(super) struct Window<R> {
    most: usize,
    ordered: bool,
    /// There are no more inputs.
    closed: bool,
    /// How many tasks are not down.
    alive: usize,
    /// The index of the first entry: the one to be emitted next, where the order counts.
    first: usize,
    /// From there on: `None` is a task that is not down. Without an order, what is emitted leaves from the front of `done`.
    entries: VecDeque<Option<R>>,
    done: VecDeque<R>,
}

impl<R> Window<R> {
    /// At most this many tasks at a time; outcomes in the order of the inputs, or of completion.
    pub(super) fn new(most: usize, ordered: bool) -> Self {
        Self { most, ordered, closed: false, alive: 0, first: 0, entries: VecDeque::new(), done: VecDeque::new() }
    }

    pub(super) fn turn(&mut self) -> Turn<R> {
        if let Some(outcome) = self.pop() {
            return Turn::Emit(outcome);
        }
        if !self.closed && self.alive < self.most {
            return Turn::Start;
        }
        if self.closed && self.alive == 0 { Turn::End } else { Turn::Wait }
    }

    fn pop(&mut self) -> Option<R> {
        if !self.ordered {
            return self.done.pop_front();
        }
        let outcome = self.entries.front_mut()?.take()?;
        self.entries.pop_front();
        self.first += 1;
        Some(outcome)
    }

    /// A task has been started for the next input. Gives its index.
    pub(super) fn started(&mut self) -> usize {
        self.alive += 1;
        let index = self.first + self.entries.len();
        if self.ordered {
            self.entries.push_back(None);
        } else {
            self.first += 1;
        }
        index
    }

    /// A task is down.
    pub(super) fn finished(&mut self, index: usize, outcome: R) {
        self.alive = self.alive.saturating_sub(1);
        if !self.ordered {
            return self.done.push_back(outcome);
        }
        if let Some(entry) = index.checked_sub(self.first).and_then(|at| self.entries.get_mut(at)) {
            *entry = Some(outcome);
        }
    }

    /// There are no more inputs.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The stream is over: gives what will not be emitted.
    pub(super) fn abort(&mut self) -> impl Iterator<Item = R> + use<R> {
        self.closed = true;
        self.alive = 0;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().flatten().chain(std::mem::take(&mut self.done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts as many as there is room for.
    fn fill(window: &mut Window<char>, inputs: &mut usize) -> Vec<usize> {
        let mut started = Vec::new();
        while *inputs > 0 && window.turn() == Turn::Start {
            *inputs -= 1;
            started.push(window.started());
        }
        started
    }

    #[test]
    fn t4_3_at_most_so_many_run_and_the_next_starts_when_one_is_down() {
        for ordered in [true, false] {
            let mut window = Window::new(2, ordered);
            let mut inputs = 4;
            assert_eq!(fill(&mut window, &mut inputs), [0, 1]);
            assert_eq!(window.turn(), Turn::Wait);
            window.finished(1, 'b');
            if !ordered {
                assert_eq!(window.turn(), Turn::Emit('b'), "what is there goes first");
            }
            assert_eq!(fill(&mut window, &mut inputs), [2], "ordered: {ordered}");
        }
    }

    #[test]
    fn t4_3_behind_a_slow_head_outcomes_pile_up_while_others_start() {
        let mut window = Window::new(2, true);
        let mut inputs = 5;
        fill(&mut window, &mut inputs);
        for (index, outcome) in [(1, 'b'), (2, 'c'), (3, 'd')] {
            window.finished(index, outcome);
            assert_eq!(fill(&mut window, &mut inputs), [index + 1]);
            assert_eq!(window.turn(), Turn::Wait, "the head is not done");
        }
        window.close();
        window.finished(0, 'a');
        let emitted: Vec<_> = std::iter::from_fn(|| match window.turn() {
            Turn::Emit(outcome) => Some(outcome),
            _ => None,
        })
        .collect();
        assert_eq!(emitted, ['a', 'b', 'c', 'd']);
        assert_eq!(window.turn(), Turn::Wait);
        window.finished(4, 'e');
        assert_eq!(window.turn(), Turn::Emit('e'));
        assert_eq!(window.turn(), Turn::End);
    }

    #[test]
    fn t4_8_unordered_outcomes_come_as_tasks_end() {
        let mut window = Window::new(3, false);
        fill(&mut window, &mut 3);
        window.close();
        window.finished(2, 'c');
        window.finished(0, 'a');
        assert_eq!(window.turn(), Turn::Emit('c'));
        assert_eq!(window.turn(), Turn::Emit('a'));
        assert_eq!(window.turn(), Turn::Wait);
        window.finished(1, 'b');
        assert_eq!(window.turn(), Turn::Emit('b'));
        assert_eq!(window.turn(), Turn::End);
    }

    #[test]
    fn t4_7_no_inputs_no_outcomes() {
        for ordered in [true, false] {
            let mut window = Window::<char>::new(8, ordered);
            assert_eq!(window.turn(), Turn::Start);
            window.close();
            assert_eq!(window.turn(), Turn::End);
            assert_eq!(window.turn(), Turn::End);
        }
    }

    #[test]
    fn t4_6_an_aborted_window_gives_back_what_it_held_and_ends() {
        for ordered in [true, false] {
            let mut window = Window::new(3, ordered);
            fill(&mut window, &mut 3);
            window.finished(1, 'b');
            window.finished(2, 'c');
            assert_eq!(window.abort().collect::<Vec<_>>(), ['b', 'c']);
            assert_eq!(window.turn(), Turn::End);
        }
    }
}

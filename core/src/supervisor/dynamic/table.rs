//! The children of a dynamic supervisor, and what follows from the end of one: plain data.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::DynamicChildInfo;
use crate::supervisor::{ChildCounts, ChildState, ChildType, Restart, Shutdown};
use crate::{ExitReason, Pid};

/// One child, reached through a `P`. An `S` starts it again.
#[derive(Debug)]
pub struct Child<P, S> {
    /// `None`: it ended, and its last start failed; another attempt is on its way.
    running: Option<P>,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// What kind of child it is.
    pub child_type: ChildType,
    /// `None` for those that are never restarted (D7).
    start: Option<S>,
}

impl<P, S> Child<P, S> {
    /// A child that runs.
    pub fn new(peer: P, restart: Restart, shutdown: Shutdown, child_type: ChildType, start: Option<S>) -> Self {
        Self { running: Some(peer), restart, shutdown, child_type, start }
    }

    /// What it is reached through; `None` while it is restarting.
    pub fn running(&self) -> Option<&P> {
        self.running.as_ref()
    }

    /// What starts it again; `None` for those that are never restarted.
    pub fn start(&self) -> Option<&S> {
        self.start.as_ref()
    }
}

/// What follows from an exit signal.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<P> {
    /// It came from no running child (D12).
    Stranger,
    /// The child that was reached through this is gone, and its slot is free (D5).
    Gone(P),
    /// It is to be started again. Until then it is restarting, under its old pid (D8).
    Restart,
}

/// The children by pid. A restarting one keeps its place under its old pid, and counts (D5).
#[derive(Debug)]
pub struct Children<P, S> {
    entries: HashMap<Pid, Child<P, S>, ahash::RandomState>,
    max: usize,
}

impl<P, S> Children<P, S> {
    /// None yet, and never more than so many.
    pub fn new(max: usize) -> Self {
        Self { entries: HashMap::default(), max }
    }

    /// Whether there are as many as there may be.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.max
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this one is there.
    pub fn contains(&self, pid: Pid) -> bool {
        self.entries.contains_key(&pid)
    }

    /// One more.
    pub fn insert(&mut self, pid: Pid, child: Child<P, S>) {
        self.entries.insert(pid, child);
    }

    /// An exit signal came that the supervisor did not order.
    pub fn ended(&mut self, pid: Pid, reason: &ExitReason) -> Ended<P> {
        let Entry::Occupied(mut entry) = self.entries.entry(pid) else { return Ended::Stranger };
        let child = entry.get_mut();
        let Some(peer) = child.running.take() else { return Ended::Stranger };
        if child.restart.applies_to(reason) && child.start.is_some() {
            return Ended::Restart;
        }
        entry.remove();
        Ended::Gone(peer)
    }

    /// What starts a child that is restarting; `None` where the attempt has been cancelled (D8).
    pub fn restarting(&self, pid: Pid) -> Option<&S> {
        self.entries.get(&pid).filter(|child| child.running.is_none())?.start.as_ref()
    }

    /// A new incarnation takes the place of an old one.
    pub fn restarted(&mut self, old: Pid, pid: Pid, peer: P) {
        if let Some(mut child) = self.entries.remove(&old) {
            child.running = Some(peer);
            self.entries.insert(pid, child);
        }
    }

    /// Takes one out, whatever it is doing.
    pub fn remove(&mut self, pid: Pid) -> Option<Child<P, S>> {
        self.entries.remove(&pid)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Child<P, S>> {
        self.entries.values()
    }

    /// What is told of them, in no order.
    pub fn infos(&self, pid: impl Fn(&P) -> Pid) -> Vec<DynamicChildInfo> {
        let info = |child: &Child<P, S>| DynamicChildInfo {
            state: child.running().map_or(ChildState::Restarting, |peer| ChildState::Running(pid(peer))),
            child_type: child.child_type,
            restart: child.restart,
        };
        self.iter().map(info).collect()
    }

    /// How many there are.
    pub fn counts(&self) -> ChildCounts {
        self.iter().fold(ChildCounts::default(), |mut counts, child| {
            counts.specs += 1;
            counts.active += usize::from(child.running().is_some());
            match child.child_type {
                ChildType::Worker => counts.workers += 1,
                ChildType::Supervisor => counts.supervisors += 1,
            }
            counts
        })
    }

    /// All of them, in the order of their pids, so that a simulated run stops them in the same order every time.
    pub fn take_all(&mut self) -> impl Iterator<Item = Child<P, S>> + use<P, S> {
        let mut all: Vec<_> = self.entries.drain().collect();
        all.sort_unstable_by_key(|(pid, _)| *pid);
        all.into_iter().map(|(_, child)| child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: ExitReason = ExitReason::Killed;

    fn pid(serial: u64) -> Pid {
        Pid::new(0, serial)
    }

    fn entry(restart: Restart) -> Child<u64, &'static str> {
        Child::new(1, restart, Shutdown::default(), ChildType::Worker, Some("start"))
    }

    fn one(restart: Restart) -> Children<u64, &'static str> {
        let mut children = Children::new(1);
        children.insert(pid(1), entry(restart));
        children
    }

    #[test]
    fn d5_every_entry_counts_also_a_restarting_one() {
        assert!(Children::<(), ()>::new(0).is_full());
        assert!(!Children::<(), ()>::new(1).is_full());
        let mut children = one(Restart::Permanent);
        assert!(children.is_full());
        assert!(matches!(children.ended(pid(1), &CRASH), Ended::Restart));
        assert!(children.is_full());
        assert!(children.remove(pid(1)).is_some_and(|child| child.running().is_none()));
        assert!(!children.is_full());
    }

    #[test]
    fn d8_the_restart_types_decide_who_comes_back() {
        let cases = [
            (Restart::Permanent, ExitReason::Normal, true),
            (Restart::Permanent, CRASH, true),
            (Restart::Transient, ExitReason::Normal, false),
            (Restart::Transient, ExitReason::shutdown_with(1), false),
            (Restart::Transient, CRASH, true),
            (Restart::Temporary, CRASH, false),
        ];
        for (restart, reason, again) in cases {
            let mut children = one(restart);
            let ended = children.ended(pid(1), &reason);
            assert_eq!(matches!(ended, Ended::Restart), again, "{restart:?} {reason}");
            assert_eq!(matches!(ended, Ended::Gone(_)), !again, "{restart:?} {reason}");
            assert_eq!(children.is_full(), again, "{restart:?} {reason}");
        }
    }

    #[test]
    fn d8_a_restarting_child_stays_under_its_old_pid_until_it_is_replaced() {
        let mut children = one(Restart::Permanent);
        assert_eq!(children.restarting(pid(1)), None, "it runs");
        assert!(matches!(children.ended(pid(1), &CRASH), Ended::Restart));
        assert!(matches!(children.ended(pid(1), &CRASH), Ended::Stranger), "it ends once");
        assert_eq!(children.restarting(pid(1)), Some(&"start"));
        children.restarted(pid(1), pid(2), 2);
        assert_eq!(children.restarting(pid(1)), None);
        assert!(children.remove(pid(1)).is_none());
        assert!(children.remove(pid(2)).is_some_and(|child| child.running() == Some(&2)));
    }

    #[test]
    fn d8_a_child_that_was_removed_has_no_attempt_left() {
        let mut children = one(Restart::Permanent);
        let _ = children.ended(pid(1), &CRASH);
        children.remove(pid(1));
        assert_eq!(children.restarting(pid(1)), None);
        children.restarted(pid(1), pid(2), 2);
        assert!(children.iter().next().is_none());
    }

    #[test]
    fn all_are_taken_in_the_order_of_their_pids() {
        let mut children = Children::new(usize::MAX);
        for serial in [7, 3, 5] {
            let child = Child::new(serial, Restart::Temporary, Shutdown::default(), ChildType::Worker, None::<()>);
            children.insert(pid(serial), child);
        }
        let taken: Vec<_> = children.take_all().filter_map(|child| child.running().copied()).collect();
        assert_eq!(taken, [3, 5, 7]);
    }

    #[test]
    fn d12_an_exit_of_a_stranger_changes_nothing() {
        let mut children = one(Restart::Permanent);
        assert!(matches!(children.ended(pid(9), &CRASH), Ended::Stranger));
        assert_eq!(children.take_all().count(), 1);
        assert_eq!(children.iter().count(), 0);
    }
}

//! Who is to be drained. Nobody is asked: it is in the books of the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use genstage_core::{Peer, Pid};

use crate::book::Book;
use crate::graph::{Observer, Stages, reach};

/// The living stages that events of the producers reach, and on whom each of them lives.
pub(super) struct Found {
    pub(super) stages: BTreeMap<Pid, (Observer, Arc<Book>)>,
    lives_on: BTreeMap<Pid, Vec<Pid>>,
}

impl Found {
    pub(super) fn below(roots: &Stages) -> Self {
        let found = reach(roots.values().cloned().collect(), Book::downstream);
        let stages: BTreeMap<_, _> = found
            .into_iter()
            .filter(|(_, stage)| stage.peer().is_alive())
            .filter_map(|(pid, stage)| Book::of(&stage.peer()).map(|book| (pid, (stage, book))))
            .collect();
        let lives_on = stages.iter().map(|(pid, (_, book))| (*pid, living_producers(book))).collect();
        Self { stages, lives_on }
    }

    /// The producers, and every stage all of whose producers are among these, stages of a cycle included.
    pub(super) fn closed(&self) -> BTreeSet<Pid> {
        let mut set: BTreeSet<Pid> = self.stages.keys().copied().collect();
        loop {
            let lives_on_others = |pid: &Pid| self.lives_on[pid].iter().any(|producer| !set.contains(producer));
            let outside: BTreeSet<Pid> = set.iter().filter(|pid| lives_on_others(pid)).copied().collect();
            if outside.is_empty() {
                return set;
            }
            set.retain(|pid| !outside.contains(pid));
        }
    }

    /// Of these the one that is asking, if it is one, and all that live on it.
    pub(super) fn behind(&self, me: Option<Pid>, set: &BTreeSet<Pid>) -> BTreeSet<Pid> {
        let mut behind: BTreeSet<Pid> = me.into_iter().filter(|me| set.contains(me)).collect();
        loop {
            let lives_on_it = |pid: &&Pid| self.lives_on[pid].iter().any(|producer| behind.contains(producer));
            let more: Vec<Pid> = set.difference(&behind).filter(lives_on_it).copied().collect();
            if more.is_empty() {
                return behind;
            }
            behind.extend(more);
        }
    }
}

pub(super) fn living_producers(book: &Book) -> Vec<Pid> {
    book.upstream().iter().map(|stage| stage.peer()).filter(Peer::is_alive).map(|peer| peer.pid()).collect()
}

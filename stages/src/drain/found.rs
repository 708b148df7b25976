//! Who is to be drained. Nobody is asked: it is in the books of the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use genstage_core::{Peer, Pid};

use crate::book::Book;
use crate::graph::{Observer, Stages, reach};
use crate::snapshot::StageKind;

/// The living stages that events of the producers reach, and on whom each of them lives.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) stages: BTreeMap<Pid, (Observer, Arc<Book>)>,
    lives_on: BTreeMap<Pid, Vec<Pid>>,
}

impl Found {
    /// Those of them that are wanted.
    pub(super) fn below(roots: &Stages, wanted: impl Fn(&Pid) -> bool) -> Self {
        let found = reach(roots.values().cloned().collect(), Book::downstream);
        let stages: BTreeMap<_, _> = found
            .into_iter()
            .filter(|(pid, stage)| wanted(pid) && stage.peer().is_alive())
            .filter_map(|(pid, stage)| Book::of(&stage.peer()).map(|book| (pid, (stage, book))))
            .collect();
        let lives_on = stages.iter().map(|(pid, (_, book))| (*pid, living_producers(book))).collect();
        Self { stages, lives_on }
    }

    /// Every stage all of whose producers are among these, or drained anyhow; stages of a cycle included.
    pub(super) fn closed(&self, is_drained: impl Fn(&Pid) -> bool) -> BTreeSet<Pid> {
        let mut set: BTreeSet<Pid> = self.stages.keys().copied().collect();
        loop {
            let is_other = |producer: &Pid| !set.contains(producer) && !is_drained(producer);
            let lives_on_others = |pid: &Pid| self.lives_on[pid].iter().any(is_other);
            let outside: BTreeSet<Pid> = set.iter().filter(|pid| lives_on_others(pid)).copied().collect();
            if outside.is_empty() {
                return set;
            }
            set.retain(|pid| !outside.contains(pid));
        }
    }

    /// Those of a set, downstream first: they must know before their producers end.
    pub(super) fn upwards(&self, set: &BTreeSet<Pid>) -> impl Iterator<Item = (&Pid, &Observer, &Arc<Book>)> {
        let of_set = || self.stages.iter().filter(|(pid, _)| set.contains(pid));
        let emits_only = |observer: &Observer| observer.kind() == Some(StageKind::Producer);
        let (below, above): (Vec<_>, Vec<_>) = of_set().partition(|(_, (observer, _))| !emits_only(observer));
        below.into_iter().chain(above).map(|(pid, (observer, book))| (pid, observer, book))
    }

    /// On whom of a set those of that set live.
    pub(super) fn lives_on(&self, set: &BTreeSet<Pid>) -> BTreeMap<Pid, Vec<Pid>> {
        let of_set = self.lives_on.iter().filter(|(pid, _)| set.contains(pid));
        let within = |all: &[Pid]| all.iter().filter(|pid| set.contains(pid)).copied().collect();
        of_set.map(|(pid, producers)| (*pid, within(producers))).collect()
    }

    /// Of these the one that asks, if it is one, or that waits for whoever asks, as its child; and all that live on it. They end when
    /// the caller has gone on.
    pub(super) fn held_up_by(&self, caller: Option<Pid>, set: &BTreeSet<Pid>) -> BTreeSet<Pid> {
        let waits_for_it = |pid: &Pid| self.stages.get(pid).is_some_and(|(_, book)| book.waits_for_children());
        let parent = caller.and_then(parent).filter(waits_for_it);
        let mut held_up: BTreeSet<Pid> = caller.into_iter().chain(parent).filter(|pid| set.contains(pid)).collect();
        loop {
            let lives_on_it = |pid: &&Pid| self.lives_on[pid].iter().any(|producer| held_up.contains(producer));
            let more: Vec<Pid> = set.difference(&held_up).filter(lives_on_it).copied().collect();
            if more.is_empty() {
                return held_up;
            }
            held_up.extend(more);
        }
    }
}

fn parent(pid: Pid) -> Option<Pid> {
    Peer::from(pid).info()?.ancestors.first().map(|parent| parent.pid)
}

pub(super) fn living_producers(book: &Book) -> Vec<Pid> {
    book.upstream().iter().map(|stage| stage.peer()).filter(Peer::is_alive).map(|peer| peer.pid()).collect()
}

//! Stages that live on each other in a cycle, in a drain: each waits for the end of the other, so none ends by itself.
//!
//! When a cycle is empty and nothing moves in it, one of its stages is told to wait for its producers no longer; the end
//! then goes round. That nothing moves is seen from numbers that are asked for twice: each that was sent has been
//! received, nothing is left in any, and the next time all is the same.

use std::collections::{BTreeMap, BTreeSet};

use genstage_core::Pid;

use crate::snapshot::StageSnapshot;

/// The counters of the stages of a cycle, which no event passes without a trace.
pub(super) type Still = Vec<(Pid, u64, u64, u64)>;

/// On whom each stage lives that has not ended.
type LivesOn = BTreeMap<Pid, Vec<Pid>>;

/// These stages, if nothing is left in them and between them.
pub(super) fn still(stages: Vec<&StageSnapshot>) -> Option<Still> {
    let received: BTreeMap<_, u64> =
        stages.iter().flat_map(|stage| &stage.producers).map(|made| (made.id, made.flow.events)).collect();
    let empty = |stage: &&StageSnapshot| {
        let left = stage.waiting + stage.buffered + stage.held + stage.inbox;
        let taken = stage.handled + stage.discarded.late + stage.discarded.not_started;
        let arrived =
            stage.consumers.iter().all(|made| received.get(&made.id).is_none_or(|got| *got == made.flow.events));
        left == 0 && taken == stage.input.events && arrived
    };
    let counters = |stage: &StageSnapshot| (stage.pid, stage.input.events, stage.output.events, stage.handled);
    stages.iter().all(empty).then(|| stages.into_iter().map(counters).collect())
}

/// Whether there is a cycle.
pub(super) fn is_any(lives_on: &LivesOn) -> bool {
    !bound(lives_on).is_empty()
}

/// The cycles that live on themselves alone: they are next. Cycles that share a stage are one.
pub(super) fn first(lives_on: &LivesOn) -> BTreeSet<BTreeSet<Pid>> {
    let bound = bound(lives_on);
    let ahead: BTreeMap<Pid, BTreeSet<Pid>> = bound.iter().map(|pid| (*pid, ahead(lives_on, *pid))).collect();
    let is_in_cycle = |pid: &Pid| ahead.get(pid).is_some_and(|all| all.contains(pid));
    let lives_on_itself = |pid: &Pid, all: &BTreeSet<Pid>| {
        is_in_cycle(pid) && all.iter().all(|other| ahead.get(other).is_some_and(|others| others.contains(pid)))
    };
    ahead.iter().filter(|(pid, all)| lives_on_itself(pid, all)).map(|(_, all)| all.clone()).collect()
}

/// All that it lives on, near and far.
fn ahead(lives_on: &LivesOn, pid: Pid) -> BTreeSet<Pid> {
    let mut found = BTreeSet::new();
    let mut next = vec![pid];
    while let Some(pid) = next.pop() {
        next.extend(lives_on.get(&pid).into_iter().flatten().filter(|producer| found.insert(**producer)));
    }
    found
}

/// Those that do not end when all without producers do, and then all without producers, and so on: cycles, and what is
/// behind them.
fn bound(lives_on: &LivesOn) -> BTreeSet<Pid> {
    let mut bound: BTreeSet<Pid> = lives_on.keys().copied().collect();
    let mut waits_for: BTreeMap<Pid, usize> = lives_on.iter().map(|(pid, producers)| (*pid, producers.len())).collect();
    let mut consumers = BTreeMap::<Pid, Vec<Pid>>::new();
    for (pid, producers) in lives_on {
        for producer in producers {
            consumers.entry(*producer).or_default().push(*pid);
        }
    }
    let mut ending: Vec<Pid> = waits_for.iter().filter(|(_, count)| **count == 0).map(|(pid, _)| *pid).collect();
    while let Some(pid) = ending.pop() {
        bound.remove(&pid);
        for consumer in consumers.get(&pid).into_iter().flatten() {
            if let Some(count) = waits_for.get_mut(consumer) {
                *count -= 1;
                if *count == 0 {
                    ending.push(*consumer);
                }
            }
        }
    }
    bound
}

//! Stages that live on each other in a cycle, in a drain: each waits for the end of the other, so none ends by itself.
//!
//! When a cycle is empty and nothing moves in it, one of its stages is told to wait for its producers no longer; the end
//! then goes round. That nothing moves is seen from numbers that are asked for one stage after the other: each that was
//! sent has been received, nothing is left in any, and the next time all is the same.

use std::collections::{BTreeMap, BTreeSet};

use genstage_core::Pid;

use crate::snapshot::StageSnapshot;

/// The counters of all stages, which no event passes without a trace.
pub(super) type Still = Vec<(Pid, u64, u64, u64)>;

/// These stages, if nothing is left in them and between them.
pub(super) fn still<'a>(stages: impl Iterator<Item = &'a StageSnapshot> + Clone) -> Option<Still> {
    let received: BTreeMap<_, u64> =
        stages.clone().flat_map(|stage| &stage.producers).map(|made| (made.id, made.flow.events)).collect();
    let empty = |stage: &StageSnapshot| {
        let left = stage.waiting + stage.buffered + stage.held + stage.inbox;
        let taken = stage.handled + stage.discarded.late + stage.discarded.not_started;
        let arrived =
            stage.consumers.iter().all(|made| received.get(&made.id).is_none_or(|got| *got == made.flow.events));
        left == 0 && taken == stage.input.events && arrived
    };
    let counters = |stage: &StageSnapshot| (stage.pid, stage.input.events, stage.output.events, stage.handled);
    stages.clone().all(empty).then(|| stages.map(counters).collect())
}

/// A stage that waits for such alone as wait for it, if there is one: that is one of a cycle, and no other cycle is
/// upstream of it.
pub(super) fn first<'a>(stages: impl Iterator<Item = &'a StageSnapshot> + Clone) -> Option<Pid> {
    let bound = bound(stages);
    let waits_for_itself = |stage: &&&StageSnapshot| {
        let mut behind = BTreeSet::new();
        let mut ahead = vec![stage.pid];
        while let Some(pid) = ahead.pop() {
            let consumers = bound.get(&pid).map_or(&[][..], |stage| &stage.consumers);
            ahead.extend(consumers.iter().map(|made| made.peer).filter(|pid| behind.insert(*pid)));
        }
        stage.producers.iter().all(|made| behind.contains(&made.peer))
    };
    bound.values().find(waits_for_itself).map(|stage| stage.pid)
}

/// Those that do not end when all without producers do, and then all without producers, and so on: cycles, and what is
/// behind them.
fn bound<'a>(stages: impl Iterator<Item = &'a StageSnapshot> + Clone) -> BTreeMap<Pid, &'a StageSnapshot> {
    let mut bound: BTreeMap<Pid, &StageSnapshot> = stages.clone().map(|stage| (stage.pid, stage)).collect();
    let lives_on = |stage: &StageSnapshot| stage.producers.iter().filter(|made| bound.contains_key(&made.peer)).count();
    let mut producers: BTreeMap<Pid, usize> = stages.map(|stage| (stage.pid, lives_on(stage))).collect();
    let mut ending: Vec<Pid> = producers.iter().filter(|(_, count)| **count == 0).map(|(pid, _)| *pid).collect();
    while let Some(stage) = ending.pop().and_then(|pid| bound.remove(&pid)) {
        for made in &stage.consumers {
            if let Some(count) = producers.get_mut(&made.peer) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ending.push(made.peer);
                }
            }
        }
    }
    bound
}

//! The steps of a drain.

use std::collections::BTreeSet;
use std::time::Duration;

use genstage_core::{Address, CallError, Mailbox, Pid, spawn};

use super::collector::Collector;
use super::found::Found;
use super::{DrainMail, DrainReport, cycle};
use crate::graph::{Observer, Stages, Word};
use crate::place::Place;
use crate::snapshot::{StageKind, StageSnapshot};

/// Drains the roots, and all that lives on them alone. Whoever waits for the caller is not waited for.
pub(super) async fn run<P: Place>(here: P, roots: Stages, within: Duration, caller: Option<Pid>) -> DrainReport {
    let mut report = DrainReport::default();
    let deadline = here.now().saturating_add(within);
    let found = Found::below(&roots, |_| true);
    let set = found.closed(|_| false);
    let held_up = found.held_up_by(caller, &set);
    for (pid, root) in roots.iter().filter(|(pid, _)| !found.stages.contains_key(pid)) {
        match root.peer().exit_reason().filter(|_| root.kind().is_some()) {
            Some(reason) => {
                report.ended.push((*pid, reason));
                let takes =
                    |(other, stage): (&Pid, &Observer)| other != pid && stage.kind() != Some(StageKind::Producer);
                if root.kind() != Some(StageKind::Consumer) && !roots.iter().any(takes) {
                    report.untraced.push(*pid);
                }
            }
            None => report.unreachable.push((*pid, CallError::NoProc)),
        }
    }
    report.unreachable.extend(held_up.iter().map(|pid| (*pid, CallError::CallingSelf)));
    let whom_to_tell = cutter(&found, &set, &held_up, deadline).unwrap_or_else(|| here.me().clone());
    let mut collector = Collector::new(here);
    for (pid, observer, book) in found.upwards(&set) {
        if held_up.contains(pid) {
            book.tell_to_drain();
            observer.say(Word::Drain(DrainMail::Begin(whom_to_tell.clone())));
        } else {
            collector.begin(observer, book);
        }
    }
    collector.take_more(&found, held_up);
    collector.wait_for_ends(deadline).await;
    collector.leave_alone();
    collector.stop_the_rest().await;
    (report.stages, report.left_alone) = collector.finish();
    report.not_drained = report.left_alone.iter().filter(|pid| roots.contains_key(pid)).copied().collect();
    report
}

/// Cuts the cycles that wait for the caller, when that has gone on. Nobody waits for it.
fn cutter(
    found: &Found,
    set: &BTreeSet<Pid>,
    held_up: &BTreeSet<Pid>,
    deadline: Duration,
) -> Option<Address<StageSnapshot>> {
    if !cycle::is_any(&found.lives_on(held_up)) {
        return None;
    }
    let (found, set) = (found.clone(), set.clone());
    let cutter = move |mailbox: Mailbox<StageSnapshot>| async move {
        let mut collector = Collector::new(mailbox);
        // Also those that are waited for: as long as they live, more may come into the cycle.
        for (_, observer, book) in found.upwards(&set) {
            collector.watch(observer, book);
        }
        collector.take_more(&found, BTreeSet::new());
        collector.wait_for_ends(deadline).await;
        collector.leave_alone();
    };
    Some(spawn(cutter))
}

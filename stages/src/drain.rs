//! Stopping in order: from the producers down, so that what they have taken is handled.

mod collector;
mod cycle;
mod found;
mod run;

use std::fmt;
use std::time::Duration;

use genstage_core::{Address, CallError, Child, ExitReason, Name, Pid, current_pid};

use crate::Named;
use crate::graph::{AnyStage, Observer, Stages, known, unasked};
use crate::handle::StageRef;
use crate::place::{Unwanted, in_process, in_thread};
use crate::role::{IsProducer, Role};
use crate::snapshot::StageSnapshot;
use run::run;

/// To a stage that is to be drained.
#[derive(Clone, Debug)]
pub(crate) enum DrainMail {
    /// A producer takes nothing more. End when nothing is left, and tell this one how it was.
    Begin(Address<StageSnapshot>),
    /// A stage that this one has subscribed to is drained, and whoever does that will say whether this one is as well. Until then the
    /// normal end of a producer does not end it.
    Perhaps(Address<StageSnapshot>),
    /// Its producers wait for it: wait for them no longer.
    Cut,
    /// It is left alone by the one with this pid.
    GoOn(Pid),
    /// The time is over.
    Stop,
}

/// A running stage, for lists of different ones: `&[&numbers, &words]`. By its handle, by a supervisor's child handle, or
/// by what [`named`](crate::named) gives. Sealed.
pub trait Drainable: AnyStage {}

impl<R: Role> Drainable for StageRef<R> {}
impl<R: Role> Drainable for Child<StageRef<R>> {}
impl<T: Send + 'static> Drainable for Named<T> {}

/// Stops producers and all that lives on them, in order, so that every event they have emitted is handled.
///
/// Usually producers are given. Where one may have come to its end by itself, give what lives on it as well: nothing leads
/// from the dead to those who still have its events, and alone it is no complete drain
/// ([`untraced`](DrainReport::untraced)). A stage that is no producer is drained if all that it lives on is, or
/// nobody is left that it lives on.
///
/// A supervisor takes the end of a child as it always does: a permanent one is started again. Children that are to be drained should
/// be [`Transient`](genstage_core::Restart::Transient), or their supervisor be stopped next.
///
/// 1. The producers take nothing more: [`handle_drain`](crate::Producer::handle_drain) runs, and unless it says that there are
///    events left in a state of their own, `handle_demand` is not called again. What they have emitted goes out as consumers ask
///    for it; what casts and calls make them emit meanwhile does, too. Held demand and events are let go. A producer that has
///    nothing left ends normally.
/// 2. A stage downstream ends normally once its last producer has ended and nothing is left in it, by its own
///    [`handle_drain`](crate::Consumer::handle_drain) as well, **whatever the cancel modes of
///    its subscriptions**: one with `Permanent` does not go with the first of several producers, as the events of the others would
///    be lost; one with `Temporary` ends, too, as it has nobody left to live on. A
///    [`ConsumerSupervisor`](crate::ConsumerSupervisor) waits for its children. Where a producer ends abnormally, or a
///    subscription is cancelled for an abnormal reason, the modes hold as ever.
/// 3. After `within` the rest is stopped: asked for its numbers, told to shut down, and killed if it does not; one that traps
///    exits runs `terminate`, and stops its children. Who is in a callback then ends when that returns; it is given a moment and
///    reported as [`DrainEnd::Stuck`]. So a drain takes `within` and some tenths of a second at most.
///    The [shutdown](crate::ConsumerSupervisor::shutdown) of a [`ConsumerSupervisor`](crate::ConsumerSupervisor) is cut to a tenth of
///    a second as well: then it is killed, and reported as [`DrainEnd::Stopped`], though
///    blocking code of its children runs on until it returns.
///
/// A callback that does not return holds up nobody else: the subscriptions of a stage and its numbers are read without asking it.
/// So a drain reaches what is behind it, and counts what it was sent, what it has handled and what is left, also where it blocks
/// from beginning to end.
///
/// An iterator of [`from_enumerable`](crate::from_enumerable), or of a pipeline, is pulled no more once the next 32 items are there
/// at most, and what has been pulled goes out. One that takes long for each wants a [`max_batch`](crate::Enumerable::max_batch) of 1.
/// A callback of one's own that gathers may be too late: it should emit in small batches.
///
/// Subscriptions may come and go meanwhile. A stage that subscribes to one that is drained, and lives on no other, is drained as well:
/// it gets what there is, and is waited for. One that has subscribed to another producer is left alone when the time is over.
///
/// Stages that live on each other in a cycle, and else on drained ones, are drained too: they end when nothing is left
/// in the cycle. One that never runs empty is stopped when the time is over.
///
/// A stage with further producers, which are not drained, stays out of it, and so does what lives on it: for them a
/// producer ends as any does, and the cancel mode decides. Drain all producers of a graph together. A
/// [`stream`](crate::stream()) sees the end of its producer as ever.
///
/// A stage that drains what it lives on, in a callback, waits neither for itself nor for what lives on it: these are drained once
/// the callback is over, however long that takes, and are listed in [`unreachable`](DrainReport::unreachable). So it is with the
/// child of a [`ConsumerSupervisor`](crate::ConsumerSupervisor), which waits for its children, in a thread or in a future; not with
/// what such a child has started in its turn. A cycle that the caller is part of ends by itself only if the callback is over within
/// the time.
///
/// ```
/// use std::time::Duration;
///
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0_u64..).start(StageOptions::new())?;
/// let sink = for_each(|_| {}).start(StageOptions::new())?;
/// sink.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(10))?;
///
/// let report = genstage::drain(&[&numbers], Duration::from_secs(5));
/// assert!(report.is_complete());
/// let (source, end) = (&report.stages[0], &report.stages[1]);
/// assert_eq!(source.snapshot.emitted, end.handled());
/// assert!(!sink.is_alive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn drain(stages: &[&dyn Drainable], within: Duration) -> DrainReport {
    drain_all(stages.iter().map(|stage| stage.observer()).collect(), within)
}

pub(crate) fn drain_all(stages: Vec<Observer>, within: Duration) -> DrainReport {
    let (stages, unknown) = known(stages);
    let (roots, caller) = (by_pid(stages), current_pid());
    let report = in_thread(|here| run(here, roots.clone(), within, caller)).unwrap_or_else(|| unreached(&roots));
    DrainReport { unknown, ..report }
}

pub(crate) async fn drain_all_async(stages: Vec<Observer>, within: Duration) -> DrainReport {
    let (stages, unknown) = known(stages);
    let (roots, caller) = (by_pid(stages), current_pid());
    let drained = roots.clone();
    let report = in_process(Unwanted::GoesOn, move |here| run(here, drained, within, caller)).await;
    DrainReport { unknown, ..report.unwrap_or_else(|| unreached(&roots)) }
}

fn by_pid(stages: Vec<Observer>) -> Stages {
    stages.into_iter().map(|stage| (stage.peer().pid(), stage)).collect()
}

/// The runtime has ended, and the stages with it; or who was to wait for them has been ended.
fn unreached(roots: &Stages) -> DrainReport {
    DrainReport { unreachable: roots.values().map(unasked).collect(), ..DrainReport::default() }
}

/// What a [`drain`] did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct DrainReport {
    /// The producers and all that lived on them alone, by pid.
    pub stages: Vec<DrainedStage>,
    /// Stages downstream that have other producers as well, or live on such stages. They live on, and what the drained
    /// producers have sent to them is theirs to handle: they do not count in [`left`](Self::left), nor in
    /// [`is_complete`](Self::is_complete) unless they were [given](Self::not_drained).
    pub left_alone: Vec<Pid>,
    /// Given stages that were [left alone](Self::left_alone), by pid. To drain one of these, give all that it lives on.
    pub not_drained: Vec<Pid>,
    /// Given stages that had ended before, and why. Those that ended normally had nothing left to give; what others had is lost, with
    /// or without a drain. Who still has their events is not found through them, and is to be given as well.
    pub ended: Vec<(Pid, ExitReason)>,
    /// Of those that had [ended](Self::ended) before, the ones that emit, where no other stage was given that takes events: who
    /// still has theirs is not known, and not waited for.
    pub untraced: Vec<Pid>,
    /// The stage that called, or whose child did, with what lives on it ([`CallError::CallingSelf`]): they are drained, but nobody
    /// has waited for them. And given stages that ended with their runtime ([`CallError::NoProc`]), or could not be waited for to
    /// the end ([`CallError::NoReply`]).
    pub unreachable: Vec<(Pid, CallError)>,
    /// Given names under which there was no such stage, in the order and as often as they were given.
    pub unknown: Vec<Name>,
}

impl DrainReport {
    /// Whether all [`stages`](Self::stages) ended in time, normally, with nothing left; those that had [ended](Self::ended) before
    /// did so normally, too, and not [without a trace](Self::untraced); and all that were given were reached, none of them
    /// [left alone](Self::not_drained). Others that were [left alone](Self::left_alone) are not asked.
    pub fn is_complete(&self) -> bool {
        self.unreachable.is_empty()
            && self.unknown.is_empty()
            && self.not_drained.is_empty()
            && self.untraced.is_empty()
            && self.ended.iter().all(|(_, reason)| *reason == ExitReason::Normal)
            && self.stages.iter().all(|stage| stage.end == DrainEnd::Drained && stage.left() == 0)
    }

    /// Events that were left, in all stages together.
    pub fn left(&self) -> u64 {
        self.stages.iter().map(DrainedStage::left).sum()
    }
}

/// How one stage ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DrainedStage {
    /// Its last numbers: from its end, or from when the report was made. Of a stage that could not be asked, what only it knows is
    /// zero: what waits, what it owes, what it holds itself, its inbox, its times.
    pub snapshot: StageSnapshot,
    /// Events that were sent to it and lay in its inbox.
    pub under_way: u64,
    /// Events that it kept in a state of its own, as it said itself; the children of a
    /// [`ConsumerSupervisor`](crate::ConsumerSupervisor) that were still running.
    pub held: u64,
    /// How it ended.
    pub end: DrainEnd,
}

impl DrainedStage {
    /// Events that it handled in its life.
    pub fn handled(&self) -> u64 {
        self.snapshot.handled
    }

    /// Events that it had when it ended, or has if it is [stuck](DrainEnd::Stuck): in its inbox, at hand, waiting for demand,
    /// buffered, or in a state of its own. The last may count as handled as well, if they are in the hands of children.
    pub fn left(&self) -> u64 {
        let taken = self.snapshot.handled + self.snapshot.discarded.late + self.snapshot.discarded.not_started;
        (self.under_way + self.snapshot.input.events).saturating_sub(taken) + self.snapshot.buffered as u64 + self.held
    }
}

/// How a stage ended in a [`drain`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DrainEnd {
    /// Normally, in time.
    Drained,
    /// In time, for another reason.
    Ended(ExitReason),
    /// The time was over, and it was stopped. Blocking code of its children, if it is a
    /// [`ConsumerSupervisor`](crate::ConsumerSupervisor), may still run: they end when that returns.
    Stopped,
    /// The time was over, and it was told to stop, but a callback of it had not returned when the report was made. It ends when
    /// that returns; the batch at hand counts as left.
    Stuck,
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            let StageSnapshot { kind, pid, name, handled, emitted, .. } = &stage.snapshot;
            let end = &stage.end;
            match name {
                Some(name) => write!(f, "{kind} {name}")?,
                None => write!(f, "{kind} {pid}")?,
            }
            writeln!(f, ": {handled} handled, {emitted} emitted, {} left, {end:?}", stage.left())?;
        }
        for pid in &self.left_alone {
            let given = if self.not_drained.contains(pid) { "given, but " } else { "" };
            writeln!(f, "{pid}: {given}left alone, it lives on other producers as well")?;
        }
        for (pid, reason) in &self.ended {
            let trace = if self.untraced.contains(pid) { ", and who still has its events is not known" } else { "" };
            writeln!(f, "{pid}: had ended before: {reason}{trace}")?;
        }
        for (pid, error) in &self.unreachable {
            if *error == CallError::CallingSelf {
                writeln!(f, "{pid}: drained when the caller goes on, so it is not waited for")?;
            } else {
                writeln!(f, "{pid}: {error}")?;
            }
        }
        for name in &self.unknown {
            writeln!(f, "{name}: there is no such stage")?;
        }
        Ok(())
    }
}

impl<R: IsProducer> StageRef<R> {
    /// Stops this producer and all that lives on it, in order: see [`drain`].
    pub fn drain(&self, within: Duration) -> DrainReport {
        drain(&[self], within)
    }
}

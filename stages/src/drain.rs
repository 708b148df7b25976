//! Stopping in order: from the producers down, so that what they have taken is handled.

mod cycle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genstage_core::{Address, CallError, Child, ExitReason, Mail, Pid, Signal, ThreadProcess};

use crate::Named;
use crate::graph::{AnyStage, Observer, Visit, visit};
use crate::handle::StageRef;
use crate::mail::Nobody;
use crate::role::IsProducer;
use crate::snapshot::{Report, StageSnapshot, SubscriptionSnapshot};

/// How long stages have to answer, and then to stop, once the time of a drain is over.
const GRACE: Duration = Duration::from_millis(100);

/// How long stages of a cycle are left to themselves before they are looked at. Guessed: much longer than a batch takes.
const ROUND: Duration = Duration::from_millis(20);

/// To a stage that is to be drained.
#[derive(Clone, Debug)]
pub(crate) enum DrainMail {
    /// Take nothing more.
    Hold,
    /// End when nothing is left, and tell this one how it was.
    Begin(Address<Last>),
    /// Tell this one how it is.
    Tell(Address<Last>),
    /// Its producers wait for it: wait for them no longer.
    Cut,
    /// The time is over.
    Stop,
}

/// The numbers of a stage that is being drained, with the subscriptions that ended meanwhile, of both sides.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) snapshot: StageSnapshot,
    /// What its user's part still has.
    pub(crate) held: usize,
    pub(crate) ended: Vec<SubscriptionSnapshot>,
    pub(crate) gone: Vec<SubscriptionSnapshot>,
}

/// A running producer, for lists of different ones: `&[&numbers, &words]`. By its handle, by a supervisor's child
/// handle, or by what [`named`](crate::named) gives, where a name of what is no producer is the name of nobody. Sealed.
pub trait Drainable: AnyStage {}

impl<R: IsProducer> Drainable for StageRef<R> {}
impl<R: IsProducer> Drainable for Child<StageRef<R>> {}
impl<T: Send + 'static> Drainable for Named<T> {}

/// Stops producers and all that lives on them, in order, so that every event they have emitted is handled.
///
/// 1. The producers take nothing more: [`handle_drain`](crate::Producer::handle_drain) runs, and unless it says that there are
///    events left in a state of their own, `handle_demand` is not called again. What they have emitted goes out as consumers ask
///    for it; what casts and calls make them emit meanwhile does, too. Held demand and events are let go. A producer that has
///    nothing left ends normally.
/// 2. A stage downstream ends normally once its last producer has ended and nothing is left in it, by its own
///    [`handle_drain`](crate::Consumer::handle_drain) as well, **whatever the cancel modes of
///    its subscriptions**: one with `Permanent` does not go with the first of several producers, as the events of the
///    others would
///    be lost; one with `Temporary` ends, too, as it has nobody left to live on. A
///    [`ConsumerSupervisor`](crate::ConsumerSupervisor) waits for its children. Where a producer ends abnormally, or a
///    subscription is cancelled for an abnormal reason, the modes hold as ever.
/// 3. After `within` the rest is stopped: asked for its numbers, told to shut down, and killed if it does not; one that traps
///    exits runs `terminate`, and stops its children. Who is in a callback then ends when that returns; it is given a moment and
///    reported as [`DrainEnd::Stuck`]. So a drain takes `within` and some tenths of a second at most.
///
/// Stages that live on each other in a cycle, and else on drained ones, are drained too: they end when nothing is left
/// in the cycle. One that never runs empty is stopped when the time is over.
///
/// A stage with further producers, which are not drained, stays out of it, and so does what lives on it: for them a
/// producer ends as any does, and the cancel mode decides. Drain all producers of a graph together. A
/// [`stream`](crate::stream()) sees the end of its producer as ever.
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
pub fn drain(producers: &[&dyn Drainable], within: Duration) -> DrainReport {
    drain_all(producers.iter().map(|producer| producer.observer()), within)
}

pub(crate) fn drain_all(producers: impl Iterator<Item = Observer>, within: Duration) -> DrainReport {
    let mut report = DrainReport::default();
    let roots: BTreeMap<Pid, Observer> = producers.map(root).collect();
    let Ok(here) = ThreadProcess::aside() else {
        // The runtime has ended, and the producers with it.
        report.unreachable = roots.keys().map(|pid| (*pid, CallError::NoProc)).collect();
        return report;
    };
    let deadline = here.now().saturating_add(within);
    for root in roots.values() {
        root.drain(DrainMail::Hold);
    }
    let found = visit(roots.values().cloned().collect(), within, |report| report.downstream.clone());
    let set = closed(&found, &roots);
    report.unreachable.clone_from(&found.failed);
    report.left_alone = found.reports.keys().filter(|pid| !set.contains(pid)).copied().collect();
    let mut collector = Collector { here, stages: BTreeMap::new() };
    // Downstream first: they must know before their producers end.
    for is_root in [false, true] {
        for (pid, (observer, first)) in found.reports.iter().filter(|(pid, _)| set.contains(pid)) {
            if roots.contains_key(pid) == is_root {
                let (snapshot, ended, gone) = (first.snapshot.clone(), Vec::new(), Vec::new());
                let last = Last { snapshot, held: 0, ended, gone };
                collector.begin(observer, last);
            }
        }
    }
    collector.wait_for_ends(deadline);
    collector.stop_the_rest();
    // Producers that have not even answered.
    for root in found.failed.iter().filter_map(|(pid, _)| roots.get(pid)) {
        root.drain(DrainMail::Stop);
        root.peer().exit(ExitReason::Shutdown);
    }
    report.stages = collector.finish();
    report
}

/// What is no producer is nobody.
fn root(observer: Observer) -> (Pid, Observer) {
    let observer = if observer.is_producer() { observer } else { Arc::new(Nobody) };
    (observer.peer().pid(), observer)
}

/// The producers, and every stage all of whose producers are among these, stages of a cycle included.
fn closed(found: &Visit, roots: &BTreeMap<Pid, Observer>) -> BTreeSet<Pid> {
    let mut set: BTreeSet<Pid> = found.reports.keys().copied().collect();
    loop {
        let lives_on_others = |pid: &Pid| {
            let others = |report: &Report| report.snapshot.producers.iter().any(|made| !set.contains(&made.peer));
            !roots.contains_key(pid) && found.reports.get(pid).is_some_and(|(_, report)| others(report))
        };
        let outside: BTreeSet<Pid> = set.iter().filter(|pid| lives_on_others(pid)).copied().collect();
        if outside.is_empty() {
            return set;
        }
        set.retain(|pid| !outside.contains(pid));
    }
}

/// Waits for the ends of stages.
struct Collector {
    here: ThreadProcess<Last>,
    stages: BTreeMap<Pid, Open>,
}

struct Open {
    observer: Observer,
    last: Last,
    /// Whether these are numbers that it told of itself, since it was asked last.
    told: bool,
    end: Option<DrainEnd>,
}

impl Collector {
    fn begin(&mut self, observer: &Observer, last: Last) {
        self.here.monitor(observer.peer());
        observer.drain(DrainMail::Begin(self.here.me().clone()));
        let open = Open { observer: observer.clone(), last, told: false, end: None };
        self.stages.insert(observer.peer().pid(), open);
    }

    /// Waits until all have ended, or the time is over.
    fn wait_for_ends(&mut self, deadline: Duration) {
        if cycle::first(self.open()).is_none() {
            return self.wait_until(deadline, |stage| stage.end.is_some());
        }
        let mut before = None;
        while self.open().next().is_some() && self.here.now() < deadline {
            self.wait_until(deadline.min(self.here.now() + ROUND), |stage| stage.end.is_some());
            self.ask();
            self.wait_until(deadline, |stage| stage.told || stage.end.is_some());
            let still = cycle::still(self.open());
            if still.is_none() || still != before {
                before = still;
                continue;
            }
            before = None;
            if let Some(stage) = cycle::first(self.open()).and_then(|pid| self.stages.get(&pid)) {
                stage.observer.drain(DrainMail::Cut);
            }
        }
    }

    /// Those that have not ended, as they were when they told last.
    fn open(&self) -> impl Iterator<Item = &StageSnapshot> + Clone {
        self.stages.values().filter(|stage| stage.end.is_none()).map(|stage| &stage.last.snapshot)
    }

    /// Asks those that have not ended how they are.
    fn ask(&mut self) {
        let me = self.here.me().clone();
        for stage in self.stages.values_mut().filter(|stage| stage.end.is_none()) {
            stage.told = false;
            stage.observer.drain(DrainMail::Tell(me.clone()));
        }
    }

    fn wait_until(&mut self, deadline: Duration, done: fn(&Open) -> bool) {
        while !self.stages.values().all(done)
            && let Some(mail) = self.here.receive(Some(deadline.saturating_sub(self.here.now())))
        {
            self.take(mail);
        }
    }

    fn take(&mut self, mail: Mail<Last>) {
        match mail {
            Mail::Message(last) => {
                if let Some(open) = self.stages.get_mut(&last.snapshot.pid) {
                    (open.last, open.told) = (last, true);
                }
            }
            Mail::Signal(Signal::Down(down)) => {
                if let Some(open) = self.stages.get_mut(&down.process) {
                    // Its handle knows the reason also where it had ended before it was watched.
                    let reason = open.observer.peer().exit_reason().unwrap_or(down.reason);
                    open.end = Some(match (&open.end, reason) {
                        (Some(_), _) => DrainEnd::Stopped,
                        (None, ExitReason::Normal) => DrainEnd::Drained,
                        (None, reason) => DrainEnd::Ended(reason),
                    });
                }
            }
            Mail::Signal(_) => {}
        }
    }

    /// The time is over.
    fn stop_the_rest(&mut self) {
        if self.open().next().is_none() {
            return;
        }
        self.ask();
        self.wait_until(self.here.now() + GRACE, |stage| stage.told || stage.end.is_some());
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            for stage in self.stages.values_mut().filter(|stage| !stage.is_over()) {
                stage.end = Some(DrainEnd::Stuck);
                // For one that traps exits; the signal ends the others.
                stage.observer.drain(DrainMail::Stop);
                stage.observer.peer().exit(reason.clone());
            }
            self.wait_until(self.here.now() + GRACE, Open::is_over);
        }
    }

    fn finish(self) -> Vec<DrainedStage> {
        let received: BTreeMap<_, u64> = self
            .stages
            .values()
            .flat_map(|stage| stage.last.ended.iter().chain(&stage.last.snapshot.producers))
            .map(|made| (made.id, made.flow.events))
            .collect();
        let mut under_way = BTreeMap::<Pid, u64>::new();
        for made in self.stages.values().flat_map(|stage| stage.last.gone.iter().chain(&stage.last.snapshot.consumers))
        {
            let received = received.get(&made.id).copied().unwrap_or(0);
            *under_way.entry(made.peer).or_default() += made.flow.events.saturating_sub(received);
        }
        self.stages
            .into_iter()
            .map(|(pid, open)| DrainedStage {
                under_way: under_way.get(&pid).copied().unwrap_or(0),
                held: open.last.held.max(open.last.snapshot.held) as u64,
                snapshot: open.last.snapshot,
                end: open.end.unwrap_or(DrainEnd::Stuck),
            })
            .collect()
    }
}

impl Open {
    fn is_over(&self) -> bool {
        !matches!(self.end, None | Some(DrainEnd::Stuck))
    }
}

/// What a [`drain`] did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct DrainReport {
    /// The producers and all that lived on them alone, by pid.
    pub stages: Vec<DrainedStage>,
    /// Stages downstream that have other producers as well, or live on such stages. They live on, and what the drained
    /// producers have sent to them is theirs to handle: they do not count in [`is_complete`](Self::is_complete) and
    /// [`left`](Self::left).
    pub left_alone: Vec<Pid>,
    /// Stages that gave no answer: dead before, busy for all the time, or the one that called. Of these only the producers are
    /// stopped; for the others the end of their producers decides.
    pub unreachable: Vec<(Pid, CallError)>,
}

impl DrainReport {
    /// Whether all [`stages`](Self::stages) ended in time, normally, with nothing left. Who was
    /// [left alone](Self::left_alone) is not asked.
    pub fn is_complete(&self) -> bool {
        self.unreachable.is_empty()
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
    /// Its last numbers: from its end, or from when the time was over; from the beginning if it was too busy to tell.
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

    /// Events that it had when it ended: in its inbox, at hand, waiting for demand, buffered, or in a state of its own. The last
    /// may count as handled as well, if they are in the hands of children.
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
    /// The time was over, and it was stopped.
    Stopped,
    /// The time was over, and it was told to stop, but a callback of it had not returned when the report was made.
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
            writeln!(f, "{pid}: left alone, it lives on other producers as well")?;
        }
        for (pid, error) in &self.unreachable {
            writeln!(f, "{pid}: {error}")?;
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

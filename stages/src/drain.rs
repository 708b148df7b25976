//! Stopping in order: from the producers down, so that what they have taken is handled.

mod cycle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genstage_core::{Address, CallError, Child, ExitReason, Mail, Peer, Pid, Signal, ThreadProcess, current_pid};

use crate::Named;
use crate::book::Book;
use crate::graph::{AnyStage, Observer, Word, reach};
use crate::handle::StageRef;
use crate::mail::Nobody;
use crate::role::IsProducer;
use crate::snapshot::{StageKind, StageSnapshot};

/// How long stages have to answer, and then to stop, once the time of a drain is over.
const GRACE: Duration = Duration::from_millis(100);

/// How long stages of a cycle are left to themselves before they are looked at. Guessed: much longer than a batch takes.
const ROUND: Duration = Duration::from_millis(20);

/// To a stage that is to be drained.
#[derive(Clone, Debug)]
pub(crate) enum DrainMail {
    /// A producer takes nothing more. End when nothing is left, and tell this one how it was.
    Begin(Address<StageSnapshot>),
    /// Its producers wait for it: wait for them no longer.
    Cut,
    /// The time is over.
    Stop,
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
/// A callback that does not return holds up nobody else: the subscriptions of a stage and its numbers are read without asking it.
/// So a drain reaches what is behind it, and counts what it was sent, what it has handled and what is left, also where it blocks
/// from beginning to end. Subscriptions that are made after the drain has begun are not seen.
///
/// Stages that live on each other in a cycle, and else on drained ones, are drained too: they end when nothing is left
/// in the cycle. One that never runs empty is stopped when the time is over.
///
/// A stage with further producers, which are not drained, stays out of it, and so does what lives on it: for them a
/// producer ends as any does, and the cancel mode decides. Drain all producers of a graph together. A
/// [`stream`](crate::stream()) sees the end of its producer as ever.
///
/// A stage that drains what it lives on, in a callback, waits neither for itself nor for what lives on it: these are drained once
/// the callback is over, however long that takes, and are listed in [`unreachable`](DrainReport::unreachable).
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
    let found = Found::below(&roots);
    let set = found.closed(&roots);
    let behind_me = found.behind(current_pid(), &set);
    report.left_alone = found.stages.keys().filter(|pid| !set.contains(pid)).copied().collect();
    let dead = roots.keys().filter(|pid| !found.stages.contains_key(pid)).map(|pid| (*pid, CallError::NoProc));
    report.unreachable = dead.chain(behind_me.iter().map(|pid| (*pid, CallError::CallingSelf))).collect();
    let mut collector = Collector { here, stages: BTreeMap::new() };
    // Downstream first: they must know before their producers end.
    for is_root in [false, true] {
        for (pid, (observer, book)) in &found.stages {
            if set.contains(pid) && roots.contains_key(pid) == is_root {
                collector.begin(observer, (!behind_me.contains(pid)).then_some(book));
            }
        }
    }
    collector.wait_for_ends(deadline);
    collector.stop_the_rest();
    report.stages = collector.finish();
    report
}

/// What is no producer is nobody.
fn root(observer: Observer) -> (Pid, Observer) {
    let is_producer = observer.kind() == Some(StageKind::Producer);
    let observer = if is_producer { observer } else { Arc::new(Nobody) };
    (observer.peer().pid(), observer)
}

/// The living stages that events of the producers reach, and on whom each of them lives.
struct Found {
    stages: BTreeMap<Pid, (Observer, Arc<Book>)>,
    lives_on: BTreeMap<Pid, Vec<Pid>>,
}

impl Found {
    fn below(roots: &BTreeMap<Pid, Observer>) -> Self {
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
    fn closed(&self, roots: &BTreeMap<Pid, Observer>) -> BTreeSet<Pid> {
        let mut set: BTreeSet<Pid> = self.stages.keys().copied().collect();
        loop {
            let lives_on_others = |pid: &Pid| self.lives_on[pid].iter().any(|producer| !set.contains(producer));
            let outside = |pid: &&Pid| !roots.contains_key(pid) && lives_on_others(pid);
            let outside: BTreeSet<Pid> = set.iter().filter(outside).copied().collect();
            if outside.is_empty() {
                return set;
            }
            set.retain(|pid| !outside.contains(pid));
        }
    }

    /// Of these the one that is asking, if it is one, and all that live on it.
    fn behind(&self, me: Option<Pid>, set: &BTreeSet<Pid>) -> BTreeSet<Pid> {
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

fn living_producers(book: &Book) -> Vec<Pid> {
    book.upstream().iter().map(|stage| stage.peer()).filter(Peer::is_alive).map(|peer| peer.pid()).collect()
}

/// Waits for the ends of stages.
struct Collector {
    here: ThreadProcess<StageSnapshot>,
    stages: BTreeMap<Pid, Open>,
}

struct Open {
    observer: Observer,
    book: Arc<Book>,
    /// What it said of itself last.
    last: Option<StageSnapshot>,
    /// Whether it has answered since it was asked; nobody is asked twice.
    told: bool,
    end: Option<DrainEnd>,
}

impl Collector {
    /// Tells a stage to end when nothing is left. Without its book: nobody waits for it.
    fn begin(&mut self, observer: &Observer, book: Option<&Arc<Book>>) {
        if let Some(book) = book {
            let (observer, book) = (Arc::clone(observer), Arc::clone(book));
            self.here.monitor(observer.peer());
            let open = Open { observer, book, last: None, told: true, end: None };
            self.stages.insert(open.observer.peer().pid(), open);
        }
        observer.say(Word::Drain(DrainMail::Begin(self.here.me().clone())));
    }

    /// Waits until all have ended, or the time is over.
    fn wait_for_ends(&mut self, deadline: Duration) {
        let mut before = Vec::new();
        while cycle::is_any(&self.lives_on()) && self.here.now() < deadline {
            self.wait_until(deadline.min(self.here.now() + ROUND), Open::has_ended);
            let rings = cycle::first(&self.lives_on());
            self.ask(|pid| rings.iter().any(|ring| ring.contains(pid)));
            self.wait_until(deadline.min(self.here.now() + ROUND), |stage| stage.told || stage.has_ended());
            let still: Vec<_> = rings.iter().filter_map(|ring| cycle::still(self.told(ring)?)).collect();
            let (again, new): (Vec<_>, Vec<_>) = still.into_iter().partition(|ring| before.contains(ring));
            for stage in again.iter().filter_map(|ring| self.stages.get(&ring.first()?.0)) {
                stage.observer.say(Word::Drain(DrainMail::Cut));
            }
            before = new;
        }
        self.wait_until(deadline, Open::has_ended);
    }

    /// On whom of them those live that have not ended.
    fn lives_on(&self) -> BTreeMap<Pid, Vec<Pid>> {
        let open = |pid: &Pid| self.stages.get(pid).is_some_and(|stage| !stage.has_ended());
        let producers = |stage: &Open| living_producers(&stage.book).into_iter().filter(open).collect();
        self.stages.iter().filter(|(pid, _)| open(pid)).map(|(pid, stage)| (*pid, producers(stage))).collect()
    }

    /// Asks those that have not ended how they are.
    fn ask(&mut self, whom: impl Fn(&Pid) -> bool) {
        let me = self.here.me().clone();
        for (_, stage) in self.stages.iter_mut().filter(|(pid, stage)| whom(pid) && stage.told && !stage.has_ended()) {
            stage.told = false;
            stage.observer.say(Word::Tell(me.clone()));
        }
    }

    /// What they said when they were asked last, if all of them did.
    fn told(&self, whom: &BTreeSet<Pid>) -> Option<Vec<&StageSnapshot>> {
        whom.iter().map(|pid| self.stages.get(pid).filter(|stage| stage.told)?.last.as_ref()).collect()
    }

    fn wait_until(&mut self, deadline: Duration, done: fn(&Open) -> bool) {
        while !self.stages.values().all(done)
            && let Some(mail) = self.here.receive(Some(deadline.saturating_sub(self.here.now())))
        {
            self.take(mail);
        }
    }

    fn take(&mut self, mail: Mail<StageSnapshot>) {
        match mail {
            Mail::Message(last) => {
                if let Some(open) = self.stages.get_mut(&last.pid) {
                    (open.last, open.told) = (Some(last), true);
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
        if self.stages.values().all(Open::has_ended) {
            return;
        }
        self.ask(|_| true);
        self.wait_until(self.here.now() + GRACE, |stage| stage.told || stage.has_ended());
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            for stage in self.stages.values_mut().filter(|stage| !stage.is_over()) {
                stage.end = Some(DrainEnd::Stuck);
                // For one that traps exits; the signal ends the others.
                stage.observer.say(Word::Drain(DrainMail::Stop));
                stage.observer.peer().exit(reason.clone());
            }
            self.wait_until(self.here.now() + GRACE, Open::is_over);
        }
    }

    fn finish(self) -> Vec<DrainedStage> {
        self.stages.into_iter().map(|(pid, stage)| stage.finish(pid)).collect()
    }
}

impl Open {
    fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    fn is_over(&self) -> bool {
        !matches!(self.end, None | Some(DrainEnd::Stuck))
    }

    /// Its book is kept until the end: also where the stage has not said anything.
    fn finish(self, pid: Pid) -> DrainedStage {
        let mut snapshot = self.book.numbers(pid);
        if let Some(last) = self.last {
            let StageSnapshot { waiting, held, owed, inbox, times, .. } = last;
            snapshot = StageSnapshot { waiting, held, owed, inbox, times, ..snapshot };
        }
        DrainedStage {
            under_way: self.book.under_way(),
            held: self.book.counts.still_holds.get().max(snapshot.held as u64),
            snapshot,
            end: self.end.unwrap_or(DrainEnd::Stuck),
        }
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
    /// Producers that were dead before ([`CallError::NoProc`]), and the stage that called, with what lives on it
    /// ([`CallError::CallingSelf`]): they are drained, but nobody has waited for them.
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
    /// The time was over, and it was stopped.
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

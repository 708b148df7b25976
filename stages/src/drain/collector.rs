//! Waiting for the ends of stages, and stopping who has not ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use genstage_core::{ExitReason, Mail, Pid, Signal};
use genstage_dispatchers::SubscriptionId;

use super::found::{Found, living_producers};
use super::{DrainEnd, DrainMail, DrainedStage, cycle};
use crate::book::{Book, Tie};
use crate::graph::{Observer, Stages, Word};
use crate::place::Place;
use crate::snapshot::StageSnapshot;

/// How long stages have to answer, and then to stop, once the time of a drain is over.
const GRACE: Duration = Duration::from_millis(100);

/// How long stages of a cycle are left to themselves before they are looked at. Guessed: much longer than a batch takes.
const ROUND: Duration = Duration::from_millis(20);

/// Waits for the ends of stages.
pub(super) struct Collector<P> {
    here: P,
    stages: BTreeMap<Pid, Open>,
    /// Subscriptions that have been looked at: who comes with another one is looked at, too.
    seen: BTreeSet<Key>,
    /// Who is drained without being waited for.
    apart: BTreeSet<Pid>,
    /// Who is left alone.
    left: BTreeSet<Pid>,
}

/// A subscription: its id is the consumer's.
type Key = (SubscriptionId, Pid);

struct Open {
    observer: Observer,
    book: Arc<Book>,
    /// What it said of itself last.
    last: Option<StageSnapshot>,
    /// Whether it has answered since it was asked; nobody is asked twice.
    told: bool,
    end: Option<DrainEnd>,
}

impl<P: Place> Collector<P> {
    pub(super) fn new(here: P) -> Self {
        let (seen, apart, left) = Default::default();
        Self { here, stages: BTreeMap::new(), seen, apart, left }
    }

    /// Its end is waited for.
    pub(super) fn watch(&mut self, observer: &Observer, book: &Arc<Book>) {
        let (observer, book) = (Arc::clone(observer), Arc::clone(book));
        self.here.monitor(observer.peer());
        let open = Open { observer, book, last: None, told: true, end: None };
        self.stages.insert(open.observer.peer().pid(), open);
    }

    /// Tells a stage to end when nothing is left, and waits for that.
    pub(super) fn begin(&mut self, observer: &Observer, book: &Arc<Book>) {
        self.watch(observer, book);
        book.tell_to_drain();
        observer.say(Word::Drain(DrainMail::Begin(self.here.me().clone())));
    }

    /// All that were found have been told, or are left alone. Who subscribes to them from here on is drained as well.
    pub(super) fn take_more(&mut self, found: &Found, apart: BTreeSet<Pid>) {
        let others = |pid: &&Pid| !self.stages.contains_key(pid) && !apart.contains(pid);
        self.left = found.stages.keys().filter(others).copied().collect();
        self.apart = apart;
        let is_known = |tie: &Arc<Tie>| found.stages.contains_key(&tie.consumer.pid());
        let ties = self.stages.values().flat_map(|stage| stage.book.consumers());
        self.seen = ties.filter(is_known).map(|tie| tie.key()).collect();
        // Whoever came while they were told; of later ones they tell.
        for pid in self.stages.keys().copied().collect::<Vec<_>>() {
            self.join(pid);
        }
    }

    /// Who has subscribed to this one meanwhile is drained as well, if it lives on drained stages alone. Gives who that is.
    fn join(&mut self, pid: Pid) -> BTreeSet<Pid> {
        let Some(open) = self.stages.get(&pid) else { return BTreeSet::new() };
        let known = |pid: &Pid| self.stages.contains_key(pid) || self.apart.contains(pid);
        let mut new = Stages::new();
        for tie in open.book.consumers() {
            let consumer = tie.consumer.pid();
            if self.seen.insert(tie.key())
                && !known(&consumer)
                && let Some(observer) = &tie.observer
            {
                new.insert(consumer, Arc::clone(observer));
            }
        }
        if new.is_empty() {
            return BTreeSet::new();
        }
        let found = Found::below(&new, |pid| !known(pid));
        let joined = found.closed(|producer| self.stages.contains_key(producer));
        for (pid, (observer, _)) in &found.stages {
            if joined.contains(pid) {
                self.left.remove(pid);
            } else {
                // The stage that it has subscribed to has told it to wait for this.
                observer.say(Word::Drain(DrainMail::GoOn(self.here.pid())));
                self.left.insert(*pid);
            }
        }
        for (_, observer, book) in found.upwards(&joined) {
            self.begin(observer, book);
        }
        joined
    }

    /// Waits until all have ended, or the time is over.
    pub(super) async fn wait_for_ends(&mut self, deadline: Duration) {
        let mut before = Vec::new();
        while cycle::is_any(&self.lives_on()) && self.here.now() < deadline {
            self.wait_until(deadline.min(self.here.now() + ROUND), Open::has_ended).await;
            let rings = cycle::first(&self.lives_on());
            self.ask(|pid| rings.iter().any(|ring| ring.contains(pid)));
            self.wait_until(deadline.min(self.here.now() + ROUND), |stage| stage.told || stage.has_ended()).await;
            let still: Vec<_> = rings.iter().filter_map(|ring| cycle::still(self.told(ring)?)).collect();
            let (again, new): (Vec<_>, Vec<_>) = still.into_iter().partition(|ring| before.contains(ring));
            for stage in again.iter().filter_map(|ring| self.stages.get(&ring.first()?.0)) {
                stage.observer.say(Word::Drain(DrainMail::Cut));
            }
            before = new;
        }
        self.wait_until(deadline, Open::has_ended).await;
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
        let told = |stage: &&Open| stage.told && !stage.has_ended();
        whom.iter().map(|pid| self.stages.get(pid).filter(told)?.last.as_ref()).collect()
    }

    async fn wait_until(&mut self, deadline: Duration, done: fn(&Open) -> bool) {
        let open = self.stages.iter().filter(|(_, stage)| !done(stage));
        let mut open: BTreeSet<Pid> = open.map(|(pid, _)| *pid).collect();
        while !open.is_empty()
            && let Some(mail) = self.here.next(deadline.saturating_sub(self.here.now())).await
        {
            if let Some(pid) = self.take(mail) {
                if self.stages.get(&pid).is_some_and(done) {
                    open.remove(&pid);
                }
                let joined = self.join(pid);
                open.extend(joined.iter().filter(|pid| !self.stages.get(pid).is_some_and(done)));
            }
        }
    }

    /// Of whom it was.
    fn take(&mut self, mail: Mail<StageSnapshot>) -> Option<Pid> {
        match mail {
            Mail::Message(last) => {
                let pid = last.pid;
                if let Some(open) = self.stages.get_mut(&pid) {
                    (open.last, open.told) = (Some(last), true);
                }
                Some(pid)
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
                Some(down.process)
            }
            Mail::Signal(_) => None,
        }
    }

    /// Who has found another producer meanwhile lives on that, and with it who lives on it: they are to go on.
    pub(super) fn leave_alone(&mut self) {
        loop {
            let is_known = |producer: &Pid| self.stages.contains_key(producer);
            let lives_on_others = |stage: &Open| !living_producers(&stage.book).iter().all(is_known);
            let others = self.stages.iter().filter(|(_, stage)| !stage.has_ended() && lives_on_others(stage));
            let others: Vec<Pid> = others.map(|(pid, _)| *pid).collect();
            if others.is_empty() {
                return;
            }
            for stage in others.iter().filter_map(|pid| self.stages.remove(pid)) {
                stage.observer.say(Word::Drain(DrainMail::GoOn(self.here.pid())));
            }
            self.left.extend(others);
        }
    }

    /// The time is over.
    pub(super) async fn stop_the_rest(&mut self) {
        if self.stages.values().all(Open::has_ended) {
            return;
        }
        self.ask(|_| true);
        self.wait_until(self.here.now() + GRACE, |stage| stage.told || stage.has_ended()).await;
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            for stage in self.stages.values_mut().filter(|stage| !stage.is_over()) {
                stage.end = Some(DrainEnd::Stuck);
                // For one that traps exits; the signal ends the others.
                stage.observer.say(Word::Drain(DrainMail::Stop));
                stage.observer.peer().exit(reason.clone());
            }
            self.wait_until(self.here.now() + GRACE, Open::is_over).await;
        }
    }

    /// What became of the stages, and who was left alone.
    pub(super) fn finish(self) -> (Vec<DrainedStage>, Vec<Pid>) {
        let stages = self.stages.into_iter().map(|(pid, stage)| stage.finish(pid)).collect();
        (stages, self.left.into_iter().collect())
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

//! The cell of a process: its inbox, its body, and the order in which it lives and dies.
//!
//! Who may touch what: one lock guards the inbox and, while the process does not run, its body; anybody may take it, and
//! only for a moment. The thread that runs a slice takes the body out and holds no lock while it runs.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread::Thread;
use std::time::Duration;

use super::any::AnyProcess;
use super::crash::CrashReport;
use super::current;
use super::dictionary;
use super::family::Family;
use super::inbox::{Ended, Inbox, Last, Mail, Phase, Pushed};
use super::lineage::{Ancestor, Lineage};
use super::patience::Patience;
use super::peer::Peer;
use super::rare::Rare;
use crate::runtime::engine::Engine;
use crate::scheduler::{Cost, Ran, Runnable, Task};
use crate::signal::Down;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, Weak};
use crate::timer::{Due, Review};
use crate::{ExitReason, Pid, StartError, reason::Panic};

/// What a process does in its turns.
pub(crate) trait Body<M>: Send {
    /// Takes its mail, at the start of a slice.
    fn begin(&mut self, inbox: &mut Inbox<M>);
    /// Once, before the first turn, with the starter waiting.
    fn init(&mut self, cell: &Arc<Cell<M>>) -> Turn;
    /// One slice.
    fn run(&mut self, cell: &Arc<Cell<M>>) -> Turn;
    /// Once, after the last turn, unless an exit signal ended the process.
    fn terminate(&mut self, cell: &Arc<Cell<M>>, reason: &ExitReason);
    /// Mail it has taken from the inbox and not handled.
    fn take_work(&mut self) -> VecDeque<Mail<M>> {
        VecDeque::new()
    }
    /// How much of that there is, and the bytes of its buffer.
    fn work(&self) -> (usize, usize) {
        (0, 0)
    }
    /// What it has taken out of that last.
    fn last(&self) -> Last {
        Last::Nothing
    }
    /// Gives spare memory back; asked only while it holds no mail.
    fn hibernate(&mut self) {}
}

/// What a process is from its birth.
pub(crate) struct Birth {
    /// Names the type of its body.
    pub(super) kind: fn() -> &'static str,
    pub(super) ancestors: Option<Lineage>,
}

impl Birth {
    /// Of a body of this kind, to whoever calls.
    pub(crate) fn of(kind: fn() -> &'static str, starter: Option<&Peer>) -> Self {
        let ancestors = starter.and_then(Peer::process).map(|starter| starter.lineage());
        Self { kind, ancestors }
    }
}

/// How a slice ended.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The body has no mail left in its hands.
    Drained,
    /// The budget is spent; the body still holds mail.
    More,
    /// As drained; it wants to run again then, whatever comes.
    Waiting(Duration),
    /// A callback asked for the end.
    Stop(ExitReason),
    /// `init` does not want to run.
    Ignore,
    /// `init` fails the start, for this reason, and ends normally.
    Fail(ExitReason),
    /// An exit signal hit.
    Doomed,
}

/// Who runs a process.
#[derive(Debug)]
pub(crate) enum Home {
    /// The runtime's seats, in slices.
    Seats,
    /// A thread that made itself a process; its body runs there.
    Thread(Thread),
}

pub(crate) struct Cell<M> {
    pub(super) pid: Pid,
    pub(super) home: Home,
    pub(super) birth: Birth,
    me: Weak<Cell<M>>,
    pub(super) engine: Arc<Engine>,
    /// Mirrors `inbox.is_doomed()`, to be asked between messages without the lock.
    doomed: AtomicBool,
    cost: Cost,
    pub(super) inbox: Mutex<Resting<M>>,
}

/// What the lock guards.
pub(crate) struct Resting<M> {
    inbox: Inbox<M>,
    /// `None` while a slice runs, and once dead.
    pub(super) body: Option<Box<dyn Body<M>>>,
}

impl<M> Deref for Resting<M> {
    type Target = Inbox<M>;

    fn deref(&self) -> &Inbox<M> {
        &self.inbox
    }
}

impl<M> DerefMut for Resting<M> {
    fn deref_mut(&mut self) -> &mut Inbox<M> {
        &mut self.inbox
    }
}

impl<M: Send + 'static> Cell<M> {
    /// A process that is being started: alive, in no run queue, without a body.
    pub(crate) fn starting(engine: &Arc<Engine>, home: Home, birth: Birth) -> Arc<Self> {
        let pid = engine.next_pid();
        Arc::new_cyclic(|me| Self {
            pid,
            home,
            birth,
            me: Weak::clone(me),
            engine: Arc::clone(engine),
            doomed: AtomicBool::new(false),
            cost: Cost::unknown(),
            inbox: Mutex::new(Resting { inbox: Inbox::starting(), body: None }),
        })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn inbox(&self) -> &Mutex<Resting<M>> {
        &self.inbox
    }

    /// Whether an exit signal has hit; asked between callbacks.
    #[inline]
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Relaxed)
    }

    /// Whether its end has come while it had no body here: its starter or its supervisor has given it up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.inbox.lock().phase() == Phase::Dead
    }

    /// Puts mail into the inbox and the process into a run queue if need be. The dead hand the message back.
    #[inline]
    pub(crate) fn post(self: &Arc<Self>, message: M) -> Result<(), M> {
        let mut inbox = self.inbox.lock();
        if !inbox.is_alive() {
            drop(inbox);
            return Err(message);
        }
        let pushed: Pushed<()> = inbox.accept(Mail::Message(message));
        drop(inbox);
        if pushed == Pushed::Schedule {
            self.schedule_this();
        }
        Ok(())
    }

    /// A future's waker fired.
    pub(crate) fn wake_future(self: &Arc<Self>) {
        if self.rouse() {
            self.schedule_this();
        }
    }

    /// As [`wake_future`](Self::wake_future), by a waker that gives itself up: its reference goes into the run queue.
    pub(crate) fn wake_future_with(self: Arc<Self>) {
        if !self.rouse() {
            return;
        }
        match &self.home {
            Home::Seats => {
                let engine = Arc::as_ptr(&self.engine).addr();
                if let Err(this) = current::schedule(engine, self) {
                    this.schedule_this();
                }
            }
            Home::Thread(thread) => thread.unpark(),
        }
    }

    /// Whether it must be put into a run queue to see that something has come.
    #[inline]
    fn rouse(&self) -> bool {
        self.inbox.lock().wake::<()>() == Pushed::Schedule
    }

    /// As [`schedule`](Self::schedule), for those who hold it: that spares the way through the weak reference.
    #[inline]
    fn schedule_this(self: &Arc<Self>) {
        match &self.home {
            Home::Seats => self.engine.schedule(Arc::clone(self) as Task),
            Home::Thread(thread) => thread.unpark(),
        }
    }

    pub(super) fn schedule(&self) {
        match &self.home {
            Home::Seats => {
                if let Some(me) = self.me.upgrade() {
                    self.engine.schedule(me as Task);
                }
            }
            Home::Thread(thread) => thread.unpark(),
        }
    }

    /// Ends a start: runs `init` on the calling thread, and either sets the process going or buries it.
    ///
    /// Without a limit that is the starter's own thread, which saves the hand-over to a seat and back that a waiting starter
    /// would pay. `in_time` is asked once `init` has succeeded.
    pub(crate) fn launch(
        self: &Arc<Self>,
        family: &Family,
        mut body: Box<dyn Body<M>>,
        in_time: impl Fn() -> bool,
    ) -> Result<(), StartError> {
        let _inside = current::enter_start(&self.engine, self.pid);
        let (reason, told) = match Panic::catch_exit(|| body.init(self)) {
            Ok(Turn::Stop(reason)) | Err(reason) => (reason, None),
            Ok(Turn::Ignore) => (ExitReason::Normal, Some(StartError::Ignore)),
            Ok(Turn::Fail(reason)) => (ExitReason::Normal, Some(StartError::Init(reason))),
            Ok(Turn::Doomed) => (ExitReason::Killed, None),
            Ok(Turn::Drained | Turn::More | Turn::Waiting(_)) if in_time() => {
                if self.end_slice(body, false, None) {
                    self.engine.schedule(Arc::clone(self) as Task);
                }
                return Ok(());
            }
            Ok(Turn::Drained | Turn::More | Turn::Waiting(_)) => {
                family.part(&**self);
                self.bury(Some(body), ExitReason::Killed);
                return Err(StartError::Timeout);
            }
        };
        let reason = self.fail(family, Some(body), reason);
        // An end that came from elsewhere meanwhile is what the starter hears of.
        Err(told.filter(|_| reason == ExitReason::Normal).unwrap_or(StartError::Init(reason)))
    }

    /// A start that failed. A parent that traps exits hears of it from the start alone (G1.5); one that does not dies
    /// with it (G1.6). A monitor is removed.
    pub(crate) fn fail(&self, family: &Family, body: Option<Box<dyn Body<M>>>, reason: ExitReason) -> ExitReason {
        family.forget(self);
        self.bury(body, reason)
    }

    /// The end of a slice, or of the start. True: the process must run again.
    #[inline]
    fn end_slice(self: &Arc<Self>, body: Box<dyn Body<M>>, more: bool, until: Option<Duration>) -> bool {
        let mut resting = self.inbox.lock();
        if resting.phase() == Phase::Dead {
            drop(resting);
            Self::drop_late(body);
            return false;
        }
        resting.body = Some(body);
        if resting.end(more) == Ended::Requeue {
            return true;
        }
        if resting.inbox.hibernate {
            Self::hibernate(&mut resting);
        }
        if let Some(until) = until
            && resting.rare_mut().patience.wait(until)
        {
            drop(resting);
            self.engine.timers.file(until, Arc::clone(self) as Arc<dyn Due>);
            // Who it waits for may have been given up before the timer was there to tell it by.
            self.orphan();
        }
        false
    }

    /// P13: gives spare memory back until the next mail.
    #[cold]
    fn hibernate(resting: &mut Resting<M>) {
        resting.inbox.shrink();
        if let Some(body) = &mut resting.body {
            body.hibernate();
        }
    }

    /// The callback of an abandoned process has returned after all.
    #[cold]
    fn drop_late(body: Box<dyn Body<M>>) {
        let _ = Self::empty(Some(body), VecDeque::new());
    }

    /// The end: after a callback's wish or fault with `terminate`, after an exit signal without (G6.3). Where both came, the
    /// signal counts: whoever sent it has seen the process as dead since.
    fn stop(self: &Arc<Self>, mut body: Box<dyn Body<M>>, reason: ExitReason) {
        let terminated = if self.is_doomed() {
            Ok(())
        } else {
            self.inbox.lock().terminate();
            Panic::catch_exit(|| body.terminate(self, &reason))
        };
        self.bury(Some(body), terminated.err().unwrap_or(reason));
    }

    /// Death, in the order of P3.3: no longer alive; state dropped and names freed; only then are others told. So whoever
    /// hears of it can take the name and finds sockets and files released. Returns the reason it died with.
    pub(crate) fn bury(&self, body: Option<Box<dyn Body<M>>>, reason: ExitReason) -> ExitReason {
        let closed = self.inbox.lock().close(reason);
        let Some(mail) = closed else {
            let _ = Self::empty(body, VecDeque::new());
            return self.reason();
        };
        let (left, last) = body.as_ref().map_or((0, Last::Nothing), |body| (body.work().0, body.last()));
        let left = left + mail.len();
        if let Err(panic) = Self::empty(body, mail) {
            self.inbox.lock().amend(panic);
        }
        self.conclude(last, left)
    }

    /// The second half of death; whoever comes first does it.
    pub(super) fn conclude(&self, last: Last, left: usize) -> ExitReason {
        let (first, name, rare) = {
            let mut inbox = self.inbox.lock();
            let first = inbox.conclude();
            let mut rare = if first { inbox.rare.take() } else { None };
            (first, rare.as_mut().and_then(|rare| rare.name.take()), rare)
        };
        if !first {
            return self.reason();
        }
        if let Some(name) = &name {
            self.engine.names.free(name, self.pid);
        }
        self.engine.table.remove(self.pid);
        self.report(name, rare, last, left);
        let reason = self.reason();
        let relations = self.inbox.lock().finish();
        if let Some(observer) = relations.observer() {
            observer.ending(self.pid);
        }
        for (monitor, target) in relations.monitors() {
            if let Some(target) = target.process() {
                target.remove_watcher(*monitor);
            }
        }
        for (monitor, watcher) in relations.watchers() {
            if let Some(watcher) = watcher.process() {
                watcher.down(Down { monitor: *monitor, process: self.pid, reason: reason.clone() });
            }
        }
        for (_, linked) in relations.links() {
            if let Some(linked) = linked.process() {
                linked.exit_signal(self.pid, reason.clone(), true);
            }
        }
        if let Some(observer) = relations.observer() {
            observer.ended(&reason);
        }
        reason
    }

    /// Drops the dictionary, and reports a crash (P14).
    fn report(&self, name: Option<Arc<str>>, rare: Option<Box<Rare>>, last: Last, left: usize) {
        let Rare { label, dictionary, .. } = rare.map(|rare| *rare).unwrap_or_default();
        let shown = if self.reason().is_clean() { Vec::new() } else { dictionary::shown(&dictionary.values()) };
        for value in dictionary.into_values() {
            if let Err(panic) = Panic::catch(|| drop(value)) {
                self.inbox.lock().amend(panic);
            }
        }
        let (reason, last, links) = {
            let inbox = self.inbox.lock();
            let last = if last == Last::Nothing { inbox.last() } else { last };
            let Some(reason) = inbox.reason().filter(|reason| !reason.is_clean()).cloned() else { return };
            (reason, last, inbox.relations.links().map(|(pid, _)| *pid).collect())
        };
        self.engine.report(&CrashReport {
            pid: self.pid,
            name,
            ancestors: self.ancestors(),
            initial_call: (self.birth.kind)(),
            label,
            reason,
            last_message: last.type_name(),
            message_queue_len: left,
            links,
            dictionary: shown,
        });
    }

    pub(super) fn ancestors(&self) -> Vec<Ancestor> {
        self.birth.ancestors.as_ref().map(|ancestors| ancestors.to_vec()).unwrap_or_default()
    }

    fn reason(&self) -> ExitReason {
        self.exit_reason().unwrap_or(ExitReason::Killed)
    }

    /// Drops the state and the mail, each by itself: two panics in one unwinding would end the program. Gives the first.
    pub(super) fn empty(mut body: Option<Box<dyn Body<M>>>, mail: VecDeque<Mail<M>>) -> Result<(), Panic> {
        let work = body.as_mut().map(|body| body.take_work()).unwrap_or_default();
        let state = Panic::catch(|| drop(body));
        work.into_iter().chain(mail).fold(state, |so_far, mail| so_far.and(Panic::catch(|| drop(mail))))
    }

    pub(super) fn doom(&self, inbox: &mut Inbox<M>, reason: ExitReason) -> Pushed<()> {
        inbox.doom(reason);
        self.doomed.store(true, Ordering::Relaxed);
        if let Some(thread) = inbox.waiter.take() {
            thread.unpark();
        }
        inbox.wake()
    }
}

/// The process has waited for as long as it wanted to.
impl<M: Send + 'static> Due for Cell<M> {
    fn fire(&self) -> bool {
        let waits = self.inbox.lock().patience().is_some_and(Patience::end);
        if waits && self.rouse() {
            self.schedule();
        }
        waits
    }

    fn review(&self, filed: Duration) -> Review {
        self.inbox.lock().patience().map_or(Review::Gone, |patience| patience.review(filed))
    }

    fn is_live(&self, filed: Duration) -> bool {
        self.inbox.lock().patience().is_some_and(|patience| patience.needs(filed))
    }

    fn may_wait_for(&self, _: Pid) -> bool {
        true
    }

    fn orphan(&self) {
        if let Some(patience) = self.inbox.lock().patience() {
            patience.look();
        }
        if self.rouse() {
            self.schedule();
        }
    }
}

impl<M: Send + 'static> Runnable for Cell<M> {
    fn run(self: Arc<Self>) -> Ran {
        let again = self.slice();
        Ran { task: self, again }
    }

    fn cost(&self) -> &Cost {
        &self.cost
    }
}

impl<M: Send + 'static> Cell<M> {
    /// One slice. True: the process must run again.
    #[inline]
    fn slice(self: &Arc<Self>) -> bool {
        let _inside = current::enter_pid(self.pid);
        let mut body = {
            let mut resting = self.inbox.lock();
            let Some(mut body) = resting.body.take() else { return false };
            body.begin(&mut resting);
            body
        };
        let reason = match Panic::catch_exit(|| body.run(self)) {
            Ok(Turn::Drained) => return self.end_slice(body, false, None),
            Ok(Turn::Waiting(until)) => return self.end_slice(body, false, Some(until)),
            Ok(Turn::More) => return self.end_slice(body, true, None),
            Ok(Turn::Stop(reason) | Turn::Fail(reason)) | Err(reason) => reason,
            Ok(Turn::Ignore) => ExitReason::Normal,
            Ok(Turn::Doomed) => ExitReason::Killed,
        };
        self.stop(body, reason);
        false
    }
}

impl<M> fmt::Debug for Cell<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({})", self.pid)
    }
}

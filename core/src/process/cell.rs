//! The cell of a process: its inbox, its body, and the order in which it lives and dies.
//!
//! Who may touch what: one lock guards the inbox and, while the process does not run, its body; anybody may take it, and
//! only for a moment. The thread that runs a slice takes the body out and holds no lock while it runs.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::thread::Thread;
use std::time::Duration;

use super::any::AnyProcess;
use super::crash::CrashReport;
use super::current;
use super::dictionary;
use super::family::Family;
use super::inbox::{Ended, Inbox, Last, Mail, Phase, Pushed};
use super::lineage::Origin;
use super::patience::{Limit, Patience};
use super::rare::Rare;
use super::relations::{Relations, Tie};
use super::since::Since;
use crate::runtime::engine::Engine;
use crate::scheduler::{Cost, Task};
use crate::signal::{Exit, Signal};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Latch, LatchGuard};
use crate::{ExitReason, Pid, StartError, reason::Panic};

/// What a process does in its turns. It stays where it is, so that a future can be one without a box of its own.
pub(crate) trait Body<M>: Send {
    /// Takes its mail, at the start of a slice.
    fn begin(self: Pin<&mut Self>, inbox: &mut Inbox<M>);
    /// Once, before the first turn, with the starter waiting. [`Turn::More`]: its first turn is to come without mail.
    fn init(self: Pin<&mut Self>, cell: &Cell<M>) -> Turn {
        let _ = cell;
        Turn::More
    }
    /// One slice.
    fn run(self: Pin<&mut Self>, cell: &Arc<Cell<M>>) -> Turn;
    /// Once, after a last turn that was a [`Turn::Stop`] or a panic.
    fn terminate(self: Pin<&mut Self>, reason: &ExitReason) {
        let _ = reason;
    }
    /// Mail it has taken from the inbox and not handled.
    fn take_work(self: Pin<&mut Self>) -> VecDeque<Mail<M>> {
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
    fn hibernate(self: Pin<&mut Self>) {}
}

pub(crate) type BoxedBody<M> = Pin<Box<dyn Body<M>>>;

/// What a process has from its birth, before anybody knows of it.
pub(crate) struct Birth {
    pub(super) pid: Pid,
    /// Names the type of its body.
    pub(super) kind: fn() -> &'static str,
    pub(super) origin: Origin,
    pub(crate) relations: Relations,
    pub(super) rare: Option<Box<Rare>>,
}

/// How a slice ended.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The body has no mail left in its hands.
    Drained,
    /// The budget is spent; the body still holds mail.
    More,
    /// As drained; it is to run again then, whatever comes: in nanoseconds since the runtime began.
    Waiting(u64),
    /// A callback asked for the end.
    Stop(ExitReason),
    /// The body has come to its end: it has no callbacks, and nothing of the user's is left in it.
    Ended(ExitReason),
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
    pub(super) kind: fn() -> &'static str,
    pub(super) origin: Origin,
    /// Mirrors `inbox.is_doomed()`, to be asked between messages without the lock.
    doomed: AtomicBool,
    pub(super) cost: Cost,
    pub(super) since: Since,
    pub(super) inbox: Latch<Resting<M>>,
}

/// What the lock guards.
pub(crate) struct Resting<M> {
    inbox: Inbox<M>,
    /// `None` while a slice runs, and once dead.
    pub(super) body: Option<BoxedBody<M>>,
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
    /// A process that is being started: alive, in no run queue. With a body it only has to [begin](Self::begin).
    #[inline]
    pub(crate) fn starting(home: Home, birth: Birth, body: Option<BoxedBody<M>>) -> Arc<Self> {
        let Birth { pid, kind, origin, relations, rare } = birth;
        let inbox = Inbox::starting(relations, rare, body.is_some());
        Arc::new(Self {
            pid,
            home,
            kind,
            origin,
            doomed: AtomicBool::new(false),
            cost: Cost::unknown(),
            since: Since::default(),
            inbox: Latch::new(Resting { inbox, body }),
        })
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        self.origin.engine()
    }

    pub(crate) fn inbox(&self) -> &Latch<Resting<M>> {
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

    /// Puts a message into the inbox, and the process into a run queue if need be. The dead hand the message back.
    #[expect(clippy::inline_always, reason = "a message that is made in place is not copied")]
    #[inline(always)]
    pub(crate) fn post(self: &Arc<Self>, message: M) -> Result<(), M> {
        let Some(mut inbox) = self.living_inbox() else { return Err(message) };
        let pushed = inbox.push(Mail::Message(message));
        self.leave(inbox, &pushed);
        Ok(())
    }

    /// As [`post`](Self::post), of what the value is wrapped to.
    #[expect(clippy::inline_always, reason = "a message that is made in place is not copied")]
    #[inline(always)]
    pub(crate) fn post_as<T>(self: &Arc<Self>, value: T, wrap: impl FnOnce(T) -> M) -> Result<(), T> {
        let Some(mut inbox) = self.living_inbox() else { return Err(value) };
        let pushed = inbox.push_made(|| Mail::Message(wrap(value)));
        self.leave(inbox, &pushed);
        Ok(())
    }

    /// Its inbox, unless it is dead or bound to end.
    #[inline]
    fn living_inbox(&self) -> Option<LatchGuard<'_, Resting<M>>> {
        let inbox = self.inbox.lock();
        inbox.is_alive().then_some(inbox)
    }

    #[inline]
    fn leave(self: &Arc<Self>, inbox: LatchGuard<'_, Resting<M>>, pushed: &Pushed) {
        drop(inbox);
        if *pushed == Pushed::Schedule {
            self.schedule();
        }
    }

    /// A future's waker fired.
    pub(crate) fn wake_future(self: &Arc<Self>) {
        if self.rouse() {
            self.schedule();
        }
    }

    /// As [`wake_future`](Self::wake_future), by a waker that ends with it: its reference goes into the run queue.
    pub(crate) fn wake_future_once(self: Arc<Self>) {
        if self.rouse() {
            let mut this = Some(self);
            current::see_engine(|engine| {
                // Who schedules while a runtime stops may have to run what is left of it: not while looking at the engine.
                if !engine.scheduler().is_some_and(|scheduler| scheduler.is_stopping())
                    && let Some(this) = this.take()
                {
                    engine.schedule_some(this.to_schedule(engine));
                }
            });
            if let Some(this) = this {
                this.schedule();
            }
        }
    }

    /// Whether it must be put into a run queue to see that something has come.
    #[inline]
    fn rouse(&self) -> bool {
        self.inbox.lock().wake() == Pushed::Schedule
    }

    /// The time until which its future waits for replies has come. False: it does not wait any more.
    pub(super) fn end_patience(self: &Arc<Self>) -> bool {
        let waits = self.inbox.lock().patience().is_some_and(Patience::end);
        if waits {
            self.wake_future();
        }
        waits
    }

    /// Somebody whose reply its future may wait for was given up.
    pub(super) fn look_up(self: &Arc<Self>) {
        if let Some(patience) = self.inbox.lock().patience() {
            patience.look();
        }
        self.wake_future();
    }

    #[inline]
    pub(super) fn schedule(self: &Arc<Self>) {
        match &self.home {
            Home::Seats => {
                self.since.pass(&self.engine().clock);
                self.engine().schedule(Arc::clone(self) as Task);
            }
            Home::Thread(thread) => thread.unpark(),
        }
    }

    /// As [`schedule`](Self::schedule), for those who have no further use for it. It takes the caller's engine, as its own goes
    /// with it: nearly always the same. Given: what the caller must put into a run queue of that engine.
    pub(super) fn to_schedule(self: Arc<Self>, engine: &Engine) -> Option<Task> {
        match &self.home {
            Home::Seats if std::ptr::eq(&raw const **self.engine(), engine) => {
                self.since.pass(&engine.clock);
                Some(self as Task)
            }
            _ => {
                self.schedule();
                None
            }
        }
    }

    /// Ends the start of a process that was made with its body: its first turn comes on a seat.
    #[inline]
    pub(crate) fn begin(self: &Arc<Self>) {
        self.engine().schedule(Arc::clone(self) as Task);
    }

    /// As [`begin`](Self::begin), of one that gets its body only now.
    pub(crate) fn set_going(self: &Arc<Self>, body: BoxedBody<M>) {
        if self.end_slice(body, true, None) {
            self.engine().schedule(Arc::clone(self) as Task);
        }
    }

    /// Ends a start: runs `init` on the calling thread, and either sets the process going or buries it.
    ///
    /// Without a limit that is the starter's own thread, which saves the hand-over to a seat and back that a waiting starter
    /// would pay. `in_time` is asked once `init` has succeeded.
    pub(crate) fn launch(
        self: &Arc<Self>,
        family: &Family,
        mut body: BoxedBody<M>,
        in_time: impl Fn() -> bool,
    ) -> Result<(), StartError> {
        let _inside = current::enter_start(self.engine(), self.pid);
        match Panic::catch_exit(|| body.as_mut().init(self)).unwrap_or_else(Turn::Stop) {
            turn @ (Turn::Drained | Turn::More) if in_time() => {
                if self.end_slice(body, matches!(turn, Turn::More), None) {
                    self.engine().schedule(Arc::clone(self) as Task);
                }
                Ok(())
            }
            Turn::Drained | Turn::More => {
                family.part(&**self, self.engine());
                self.bury(Some(body), ExitReason::Killed);
                Err(StartError::Timeout)
            }
            turn => Err(self.fail_as(family, Some(body), turn)),
        }
    }

    /// A start whose `init` has ended it, and what the starter hears of it.
    pub(crate) fn fail_as(&self, family: &Family, body: Option<BoxedBody<M>>, turn: Turn) -> StartError {
        let (reason, told) = match turn {
            Turn::Stop(reason) | Turn::Ended(reason) => (reason, None),
            Turn::Ignore => (ExitReason::Normal, Some(StartError::Ignore)),
            Turn::Fail(reason) => (ExitReason::Normal, Some(StartError::Init(reason))),
            Turn::Doomed | Turn::Drained | Turn::More | Turn::Waiting(_) => (ExitReason::Killed, None),
        };
        let reason = self.fail(family, body, reason);
        // An end that came from elsewhere meanwhile is what the starter hears of.
        told.filter(|_| reason == ExitReason::Normal).unwrap_or(StartError::Init(reason))
    }

    /// A start that failed. A parent that traps exits hears of it from the start alone (G1.5); one that does not dies
    /// with it (G1.6). A monitor is removed.
    pub(crate) fn fail(&self, family: &Family, body: Option<BoxedBody<M>>, reason: ExitReason) -> ExitReason {
        family.forget(self, self.engine());
        self.bury(body, reason)
    }

    /// The end of a slice, or of the start. True: the process must run again.
    #[inline]
    pub(super) fn end_slice(self: &Arc<Self>, body: BoxedBody<M>, more: bool, until: Option<u64>) -> bool {
        let mut resting = self.inbox.lock();
        if resting.phase() == Phase::Dead {
            drop(resting);
            Self::drop_late(body);
            return false;
        }
        resting.body = Some(body);
        if resting.end(more) == Ended::Requeue {
            self.since.pass(&self.engine().clock);
            return true;
        }
        if resting.inbox.hibernate {
            Self::hibernate(&mut resting);
        }
        if let Some(until) = until
            && resting.rare_mut().patience.wait(until)
        {
            drop(resting);
            self.limit(until);
        }
        false
    }

    /// Has the process woken at the end of its patience.
    #[cold]
    fn limit(self: &Arc<Self>, until: u64) {
        self.engine().timers.file(Duration::from_nanos(until), Arc::new(Limit(Arc::clone(self))));
        // Who it waits for may have been given up before the timer was there to tell it by.
        self.look_up();
    }

    /// P13: gives spare memory back until the next mail.
    #[cold]
    fn hibernate(resting: &mut Resting<M>) {
        resting.inbox.shrink();
        if let Some(body) = &mut resting.body {
            body.as_mut().hibernate();
        }
    }

    /// The callback of an abandoned process has returned after all.
    #[cold]
    fn drop_late(body: BoxedBody<M>) {
        let _ = Self::empty(Some(body), VecDeque::new());
    }

    /// The end: after a callback's wish or fault with `terminate`, after an exit signal without (G6.3). Where both came, the
    /// signal counts: whoever sent it has seen the process as dead since.
    pub(super) fn stop(&self, mut body: BoxedBody<M>, reason: ExitReason) -> Option<Task> {
        let terminated = if self.is_doomed() {
            Ok(())
        } else {
            self.inbox.lock().terminate();
            Panic::catch_exit(|| body.as_mut().terminate(&reason))
        };
        self.die(Some(body), terminated.err().unwrap_or(reason)).1
    }

    /// Death, in the order of P3.3: no longer alive; state dropped and names freed; only then are others told. So whoever
    /// hears of it can take the name and finds sockets and files released. Returns the reason it died with.
    pub(crate) fn bury(&self, body: Option<BoxedBody<M>>, reason: ExitReason) -> ExitReason {
        let (reason, woken) = self.die(body, reason);
        self.engine().schedule_some(woken);
        reason
    }

    /// As [`bury`](Self::bury), and gives who of those told is to run next.
    pub(super) fn die(&self, body: Option<BoxedBody<M>>, reason: ExitReason) -> (ExitReason, Option<Task>) {
        let mut resting = self.inbox.lock();
        if !resting.close(reason) {
            drop(resting);
            let _ = Self::empty(body, VecDeque::new());
            return (self.reason(), None);
        }
        let body = body.or_else(|| resting.body.take());
        if body.is_none() && resting.len() == 0 {
            return self.conclude(resting, Last::Nothing, 0);
        }
        let mail = resting.take_mail();
        drop(resting);
        let (left, last) = body.as_ref().map_or((0, Last::Nothing), |body| (body.work().0, body.last()));
        let left = left + mail.len();
        let emptied = Self::empty(body, mail);
        let mut resting = self.inbox.lock();
        if let Err(panic) = emptied {
            resting.amend(panic);
        }
        self.conclude(resting, last, left)
    }

    /// The second half of death; whoever comes first does it.
    pub(super) fn conclude<'a>(
        &'a self,
        mut resting: LatchGuard<'a, Resting<M>>,
        last: Last,
        left: usize,
    ) -> (ExitReason, Option<Task>) {
        if !resting.conclude() {
            drop(resting);
            return (self.reason(), None);
        }
        let rare = resting.rare.take();
        if rare.is_some() || !resting.has_ended_well() {
            drop(resting);
            self.settle(rare, last, left);
            resting = self.inbox.lock();
        }
        let relations = resting.finish();
        let reason = resting.reason().cloned().unwrap_or(ExitReason::Killed);
        drop(resting);
        self.engine().table.remove(self.pid);
        let woken = self.tell(relations, &reason);
        (reason, woken)
    }

    /// Frees the name, drops the dictionary, and reports a crash (P14).
    #[cold]
    fn settle(&self, rare: Option<Box<Rare>>, last: Last, left: usize) {
        let Rare { name, label, dictionary, .. } = rare.map(|rare| *rare).unwrap_or_default();
        if let Some(name) = &name {
            self.engine().names.free(name, self.pid);
        }
        let shown = if self.reason().is_clean() { Vec::new() } else { dictionary::shown(&dictionary.values()) };
        for value in dictionary.into_values() {
            if let Err(panic) = Panic::catch(|| drop(value)) {
                self.inbox.lock().amend(panic);
            }
        }
        let (reason, last, links, callers) = {
            let inbox = self.inbox.lock();
            let last = if last == Last::Nothing { inbox.last() } else { last };
            let Some(reason) = inbox.reason().filter(|reason| !reason.is_clean()).cloned() else { return };
            (reason, last, inbox.relations.links(), inbox.relations.callers(&self.origin))
        };
        self.engine().report(&CrashReport {
            pid: self.pid,
            name,
            ancestors: self.origin.ancestors().to_vec(),
            callers,
            initial_call: (self.kind)(),
            label,
            reason,
            last_message: last.type_name(),
            message_queue_len: left,
            links,
            dictionary: shown,
        });
    }

    /// Tells the others, each kind in the order of its keys. Gives the last one that is to run because of it; the caller puts it into
    /// a run queue.
    fn tell(&self, mut relations: Relations, reason: &ExitReason) -> Option<Task> {
        let engine = self.engine();
        let mut last = None;
        let mut wake = |woken: Option<Task>| {
            if woken.is_some() {
                engine.schedule_some(std::mem::replace(&mut last, woken));
            }
        };
        let observer = relations.take_observer();
        if let Some(observer) = &observer {
            observer.ending(self.pid);
        }
        relations.part(|tie| match tie {
            Tie::Monitor(monitor, target) => {
                if let Some(target) = target.process_in(engine) {
                    target.remove_watcher(monitor);
                }
            }
            Tie::Watcher(monitor, watcher) => {
                if let Some(watcher) = watcher.into_process() {
                    wake(watcher.down(monitor, self.pid, reason, engine));
                }
            }
            Tie::Link(linked) => {
                if let Some(linked) = linked.into_process() {
                    wake(linked.exit_of(self.pid, reason.clone(), engine));
                }
            }
        });
        if let Some(observer) = observer {
            // Code of the user's may follow: nobody waits for that.
            engine.schedule_some(last.take());
            observer.ended(reason);
        }
        last
    }

    fn reason(&self) -> ExitReason {
        self.exit_reason().unwrap_or(ExitReason::Killed)
    }

    /// Drops the state and the mail, each by itself: two panics in one unwinding would end the program. Gives the first.
    pub(super) fn empty(mut body: Option<BoxedBody<M>>, mail: VecDeque<Mail<M>>) -> Result<(), Panic> {
        let work = body.as_mut().map(|body| body.as_mut().take_work()).unwrap_or_default();
        let state = Panic::catch(|| drop(body));
        work.into_iter().chain(mail).fold(state, |so_far, mail| so_far.and(Panic::catch(|| drop(mail))))
    }

    /// An exit signal arrives (P4). Whether the process must be put into a run queue.
    pub(super) fn hear_exit(&self, from: Pid, reason: ExitReason, through_link: bool) -> bool {
        let mut inbox = self.inbox.lock();
        if !inbox.is_alive() || (through_link && !inbox.relations.unlink(from)) {
            return false;
        }
        let pushed = match reason {
            ExitReason::Kill if !through_link => self.doom(&mut inbox, ExitReason::Killed),
            reason if inbox.trap_exit => inbox.push_made(|| Mail::Signal(Signal::Exit(Exit { from, reason }))),
            ExitReason::Normal if through_link || from != self.pid => Pushed::Noted,
            reason => self.doom(&mut inbox, reason),
        };
        pushed == Pushed::Schedule
    }

    fn doom(&self, inbox: &mut Inbox<M>, reason: ExitReason) -> Pushed {
        inbox.doom(reason);
        self.doomed.store(true, Ordering::Relaxed);
        if let Some(thread) = inbox.waiter.take() {
            thread.unpark();
        }
        inbox.wake()
    }
}

impl<M> fmt::Debug for Cell<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({})", self.pid)
    }
}

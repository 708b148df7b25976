//! The cell of a process: its inbox, its body, and the order in which it lives and dies.
//!
//! Who may touch what: one lock guards the inbox and, while the process does not run, its body; anybody may take it, and
//! only for a moment. The thread that runs a slice takes the body out and holds no lock while it runs.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread::Thread;

use super::current;
use super::inbox::{Ended, Inbox, Mail, Pushed};
use super::peer::Peer;
use crate::names::Names;
use crate::runtime::engine::Engine;
use crate::scheduler::{Cost, Runnable, Task};
use crate::signal::{Down, Exit};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, Weak};
use crate::{ExitReason, MonitorRef, Pid, Signal, StartError, log, reason::Panic};

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
}

/// How a slice ended.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The body has no mail left in its hands.
    Drained,
    /// The budget is spent; the body still holds mail.
    More,
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
    pid: Pid,
    home: Home,
    me: Weak<Cell<M>>,
    engine: Arc<Engine>,
    /// Mirrors `inbox.doom.is_some()`, to be asked between messages without the lock.
    doomed: AtomicBool,
    cost: Cost,
    inbox: Mutex<Resting<M>>,
}

/// What the lock guards.
pub(crate) struct Resting<M> {
    inbox: Inbox<M>,
    /// `None` while a slice runs, and once dead.
    body: Option<Box<dyn Body<M>>>,
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
    pub(crate) fn starting(engine: &Arc<Engine>, home: Home) -> Arc<Self> {
        let pid = engine.next_pid();
        Arc::new_cyclic(|me| Self {
            pid,
            home,
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
        let pushed: Pushed<()> = self.inbox.lock().wake();
        if pushed == Pushed::Schedule {
            self.schedule_this();
        }
    }

    /// As [`schedule`](Self::schedule), for those who hold it: that spares the way through the weak reference.
    #[inline]
    fn schedule_this(self: &Arc<Self>) {
        match &self.home {
            Home::Seats => self.engine.schedule(Arc::clone(self) as Task),
            Home::Thread(thread) => thread.unpark(),
        }
    }

    fn schedule(&self) {
        match &self.home {
            Home::Seats => {
                if let Some(me) = self.me.upgrade() {
                    self.engine.schedule(me as Task);
                }
            }
            Home::Thread(thread) => thread.unpark(),
        }
    }

    /// Ends a start: runs `init` on the starter's thread, and either sets the process going or buries it.
    ///
    /// Running it here saves the hand-over to a seat and back that a waiting starter would pay.
    pub(crate) fn launch(
        self: &Arc<Self>,
        parent: Option<&Peer>,
        make: impl FnOnce() -> Box<dyn Body<M>>,
    ) -> Result<(), StartError> {
        let _inside = current::enter_process(&self.engine, self.pid);
        let mut body = match Panic::catch(make) {
            Ok(body) => body,
            Err(panic) => return Err(StartError::Init(self.fail(parent, None, ExitReason::Panic(panic)))),
        };
        let (reason, told) = match Panic::catch(|| body.init(self)) {
            Ok(Turn::Stop(reason)) => (reason, None),
            Ok(Turn::Ignore) => (ExitReason::Normal, Some(StartError::Ignore)),
            Ok(Turn::Fail(reason)) => (ExitReason::Normal, Some(StartError::Init(reason))),
            Ok(Turn::Doomed) => (ExitReason::Killed, None),
            Ok(Turn::Drained | Turn::More) => {
                self.end_slice(body, false).into_iter().for_each(|task| self.engine.schedule(task));
                return Ok(());
            }
            Err(panic) => (ExitReason::Panic(panic), None),
        };
        let reason = self.fail(parent, Some(body), reason);
        // An end that came from elsewhere meanwhile is what the starter hears of.
        Err(told.filter(|_| reason == ExitReason::Normal).unwrap_or(StartError::Init(reason)))
    }

    /// A start that failed. A parent that traps exits hears of it from the start alone (G1.5); one that does not dies
    /// with it (G1.6).
    fn fail(&self, parent: Option<&Peer>, body: Option<Box<dyn Body<M>>>, reason: ExitReason) -> ExitReason {
        if let Some(parent) = parent.and_then(Peer::process)
            && parent.traps_exits()
        {
            parent.remove_link(self.pid);
            self.remove_link(parent.pid());
        }
        self.bury(body, reason)
    }

    /// The end of a slice, or of the start. Gives the process back if it must run again.
    #[inline]
    fn end_slice(self: &Arc<Self>, body: Box<dyn Body<M>>, more: bool) -> Option<Task> {
        let mut resting = self.inbox.lock();
        if resting.reason.is_some() {
            drop(resting);
            return Self::drop_late(body);
        }
        resting.body = Some(body);
        match resting.end(more) {
            Ended::Idle => None,
            Ended::Requeue => Some(Arc::clone(self) as Task),
        }
    }

    /// The callback of an abandoned process has returned after all.
    #[cold]
    fn drop_late(body: Box<dyn Body<M>>) -> Option<Task> {
        let _ = Self::empty(Some(body), VecDeque::new());
        None
    }

    /// The end: after a callback's wish or fault with `terminate`, after an exit signal without (G6.3). Where both came, the
    /// signal counts: whoever sent it has seen the process as dead since.
    fn stop(self: &Arc<Self>, mut body: Box<dyn Body<M>>, reason: ExitReason) {
        let terminated = if self.is_doomed() { Ok(()) } else { Panic::catch(|| body.terminate(self, &reason)) };
        self.bury(Some(body), terminated.map_or_else(ExitReason::Panic, |()| reason));
    }

    /// Death, in the order of P3.3: no longer alive; state dropped and names freed; only then are others told. So whoever
    /// hears of it can take the name and finds sockets and files released. Returns the reason it died with.
    pub(crate) fn bury(&self, body: Option<Box<dyn Body<M>>>, reason: ExitReason) -> ExitReason {
        let closed = self.inbox.lock().close(reason);
        let Some(mail) = closed else {
            let _ = Self::empty(body, VecDeque::new());
            return self.reason();
        };
        if let Err(panic) = Self::empty(body, mail) {
            self.inbox.lock().amend(panic);
        }
        let reason = self.reason();
        let name = self.engine.names.remove_pid(self.pid);
        self.engine.table.remove(self.pid);
        if !reason.is_clean() {
            // Shows the user's reason to the user's subscriber: either may panic.
            let _ = Panic::catch(|| log::crash(self.pid, name.as_deref(), &reason));
        }
        let relations = self.inbox.lock().finish();
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
        reason
    }

    fn reason(&self) -> ExitReason {
        self.exit_reason().unwrap_or(ExitReason::Killed)
    }

    /// Drops the state and the mail, each by itself: two panics in one unwinding would end the program. Gives the first.
    fn empty(mut body: Option<Box<dyn Body<M>>>, mail: VecDeque<Mail<M>>) -> Result<(), Panic> {
        let work = body.as_mut().map(|body| body.take_work()).unwrap_or_default();
        let state = Panic::catch(|| drop(body));
        work.into_iter().chain(mail).fold(state, |so_far, mail| so_far.and(Panic::catch(|| drop(mail))))
    }

    fn doom(&self, inbox: &mut Inbox<M>, reason: ExitReason) -> Pushed<()> {
        inbox.doom = Some(reason);
        self.doomed.store(true, Ordering::Relaxed);
        inbox.wake()
    }
}

impl<M: Send + 'static> Runnable for Cell<M> {
    fn run(self: Arc<Self>) -> Option<Task> {
        let _inside = current::enter_pid(self.pid);
        let mut body = {
            let mut resting = self.inbox.lock();
            let mut body = resting.body.take()?;
            body.begin(&mut resting);
            body
        };
        let reason = match Panic::catch(|| body.run(&self)) {
            Ok(Turn::Drained) => return self.end_slice(body, false),
            Ok(Turn::More) => return self.end_slice(body, true),
            Ok(Turn::Stop(reason) | Turn::Fail(reason)) => reason,
            Ok(Turn::Ignore) => ExitReason::Normal,
            Ok(Turn::Doomed) => ExitReason::Killed,
            Err(panic) => ExitReason::Panic(panic),
        };
        self.stop(body, reason);
        None
    }

    fn cost(&self) -> &Cost {
        &self.cost
    }
}

/// What can be done to a process without knowing its messages.
pub(crate) trait AnyProcess: Send + Sync {
    fn pid(&self) -> Pid;
    fn is_alive(&self) -> bool;
    fn exit_reason(&self) -> Option<ExitReason>;
    fn inbox_len(&self) -> usize;
    /// An exit signal arrives (P4), through a link or from a caller of `exit`.
    fn exit_signal(&self, from: Pid, reason: ExitReason, through_link: bool);
    /// A monitor of this process's fires.
    fn down(&self, down: Down);
    /// False where the process is dead and has told everybody.
    fn add_link(&self, peer: Peer) -> bool;
    fn remove_link(&self, pid: Pid) -> bool;
    /// False where the process is dead and has told everybody.
    fn add_watcher(&self, monitor: MonitorRef, watcher: Peer) -> bool;
    fn remove_watcher(&self, monitor: MonitorRef) -> bool;
    fn add_monitor(&self, monitor: MonitorRef, target: Peer);
    fn remove_monitor(&self, monitor: MonitorRef) -> Option<Peer>;
    fn flush_down(&self, monitor: MonitorRef);
    /// The old value.
    fn set_trap_exit(&self, trap: bool) -> bool;
    fn traps_exits(&self) -> bool;
    /// The names of the runtime it lives in.
    fn names(&self) -> &Names;
    /// Gives up on a process that is bound to end but whose callback does not return: it dies for everybody else, and what it
    /// holds is dropped when the callback returns after all. False if it is not bound to end, or dead already.
    fn abandon(&self) -> bool;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Send + 'static> AnyProcess for Cell<M> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn is_alive(&self) -> bool {
        self.inbox.lock().is_alive()
    }

    fn exit_reason(&self) -> Option<ExitReason> {
        self.inbox.lock().reason.clone()
    }

    fn inbox_len(&self) -> usize {
        self.inbox.lock().len()
    }

    fn exit_signal(&self, from: Pid, reason: ExitReason, through_link: bool) {
        let pushed = {
            let mut inbox = self.inbox.lock();
            if !inbox.is_alive() || (through_link && !inbox.relations.unlink(from)) {
                return;
            }
            match reason {
                ExitReason::Kill if !through_link => self.doom(&mut inbox, ExitReason::Killed),
                reason if inbox.trap_exit => match inbox.push(Mail::Signal(Signal::Exit(Exit { from, reason }))) {
                    Pushed::Schedule => Pushed::Schedule,
                    _ => Pushed::Noted,
                },
                ExitReason::Normal if through_link || from != self.pid => Pushed::Noted,
                reason => self.doom(&mut inbox, reason),
            }
        };
        if pushed == Pushed::Schedule {
            self.schedule();
        }
    }

    fn down(&self, down: Down) {
        let pushed = {
            let mut inbox = self.inbox.lock();
            if inbox.relations.remove_monitor(down.monitor).is_none() {
                return;
            }
            inbox.push(Mail::Signal(Signal::Down(down)))
        };
        if matches!(pushed, Pushed::Schedule) {
            self.schedule();
        }
    }

    fn add_link(&self, peer: Peer) -> bool {
        let mut inbox = self.inbox.lock();
        let alive = !inbox.is_finished();
        if alive {
            inbox.relations.link(peer);
        }
        alive
    }

    fn remove_link(&self, pid: Pid) -> bool {
        self.inbox.lock().relations.unlink(pid)
    }

    fn add_watcher(&self, monitor: MonitorRef, watcher: Peer) -> bool {
        let mut inbox = self.inbox.lock();
        let alive = !inbox.is_finished();
        if alive {
            inbox.relations.add_watcher(monitor, watcher);
        }
        alive
    }

    fn remove_watcher(&self, monitor: MonitorRef) -> bool {
        self.inbox.lock().relations.remove_watcher(monitor)
    }

    fn add_monitor(&self, monitor: MonitorRef, target: Peer) {
        self.inbox.lock().relations.add_monitor(monitor, target);
    }

    fn remove_monitor(&self, monitor: MonitorRef) -> Option<Peer> {
        self.inbox.lock().relations.remove_monitor(monitor)
    }

    fn flush_down(&self, monitor: MonitorRef) {
        // Each monitor fires once. What it carried is dropped outside the lock: it may be the user's.
        let fired = self
            .inbox
            .lock()
            .take_first(|mail| matches!(mail, Mail::Signal(Signal::Down(down)) if down.monitor == monitor));
        drop(fired);
    }

    fn set_trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.inbox.lock().trap_exit, trap)
    }

    fn traps_exits(&self) -> bool {
        self.inbox.lock().trap_exit
    }

    fn names(&self) -> &Names {
        &self.engine.names
    }

    fn abandon(&self) -> bool {
        let mut resting = self.inbox.lock();
        let bound = resting.doom.is_some() && resting.reason.is_none();
        let body = resting.body.take_if(|_| bound);
        drop(resting);
        if bound {
            self.bury(body, ExitReason::Killed);
        }
        bound
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<M> fmt::Debug for Cell<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({})", self.pid)
    }
}

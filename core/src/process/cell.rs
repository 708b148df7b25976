//! The cell of a process: its inbox, its body, and the order in which it lives and dies.
//!
//! Who may touch what: anybody may lock the inbox, and only for a moment; the body is locked by the one thread that runs
//! the process's slice, and no other lock of the runtime is held while it runs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Thread;

use super::current;
use super::inbox::{Ended, Inbox, Mail, Pushed};
use super::peer::Peer;
use crate::runtime::engine::Engine;
use crate::scheduler::{Cost, Runnable, Task};
use crate::signal::{Down, Exit};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, Weak};
use crate::{ExitReason, MonitorRef, Pid, Signal, log, reason::Panic};

/// What a process does in its turns.
pub(crate) trait Body<M>: Send {
    /// Once, before the first turn, with the starter waiting.
    fn init(&mut self, cell: &Arc<Cell<M>>) -> Turn;
    /// One slice.
    fn run(&mut self, cell: &Arc<Cell<M>>) -> Turn;
    /// Once, after the last turn, unless an exit signal ended the process.
    fn terminate(&mut self, cell: &Arc<Cell<M>>, reason: &ExitReason);
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
    inbox: Mutex<Inbox<M>>,
    body: Mutex<Option<Box<dyn Body<M>>>>,
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
            inbox: Mutex::new(Inbox::starting()),
            body: Mutex::new(None),
        })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn inbox(&self) -> &Mutex<Inbox<M>> {
        &self.inbox
    }

    /// Whether an exit signal has hit; asked between callbacks.
    #[inline]
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Relaxed)
    }

    /// Puts mail into the inbox and the process into a run queue if need be. The dead hand it back.
    #[inline]
    pub(crate) fn post(&self, mail: Mail<M>) -> Result<(), Mail<M>> {
        let pushed = self.inbox.lock().push(mail);
        match pushed {
            Pushed::Noted => Ok(()),
            Pushed::Schedule => {
                self.schedule();
                Ok(())
            }
            Pushed::Refused(mail) => Err(mail),
        }
    }

    /// A future's waker fired.
    pub(crate) fn wake_future(&self) {
        let pushed: Pushed<()> = self.inbox.lock().wake();
        if pushed == Pushed::Schedule {
            self.schedule();
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
    pub(crate) fn launch(self: &Arc<Self>, mut body: Box<dyn Body<M>>) -> Result<(), ExitReason> {
        let turn = {
            let _inside = current::enter_process(&self.engine, self.pid);
            catch_unwind(AssertUnwindSafe(|| body.init(self)))
        };
        let reason = match turn {
            Ok(Turn::Stop(reason)) => reason,
            Ok(_) => {
                *self.body.lock() = Some(body);
                self.end_slice(false).into_iter().for_each(|task| self.engine.schedule(task));
                return Ok(());
            }
            Err(payload) => ExitReason::Panic(Panic::from_payload(&*payload)),
        };
        self.bury(Some(body), reason.clone());
        Err(reason)
    }

    /// The end of a slice, or of the start. Gives the process back if it must run again.
    fn end_slice(self: &Arc<Self>, more: bool) -> Option<Task> {
        match self.inbox.lock().end(more) {
            Ended::Idle => None,
            Ended::Requeue => Some(Arc::clone(self) as Task),
        }
    }

    /// The end after a callback's wish or fault: `terminate`, then the burial.
    fn stop(self: &Arc<Self>, reason: ExitReason) {
        let mut body = self.body.lock().take();
        let reason = match &mut body {
            Some(body) => {
                let terminated = catch_unwind(AssertUnwindSafe(|| body.terminate(self, &reason)));
                match terminated {
                    Ok(()) => reason,
                    Err(payload) => ExitReason::Panic(Panic::from_payload(&*payload)),
                }
            }
            None => reason,
        };
        self.bury(body, reason);
    }

    /// The end after an exit signal: no `terminate` (G6.3).
    fn die(self: &Arc<Self>) {
        let body = self.body.lock().take();
        let reason = self.inbox.lock().doom.clone().unwrap_or(ExitReason::Killed);
        self.bury(body, reason);
    }

    /// Death, in the order of P3.3: no longer alive; state dropped and names freed; only then are others told. So whoever
    /// hears of it can take the name and finds sockets and files released.
    pub(crate) fn bury(&self, body: Option<Box<dyn Body<M>>>, reason: ExitReason) {
        let (mail, relations) = {
            let mut inbox = self.inbox.lock();
            if inbox.reason.is_some() {
                return;
            }
            inbox.close(reason.clone())
        };
        // A destructor of the user's that panics has no one left to tell but the log.
        if catch_unwind(AssertUnwindSafe(|| drop(body))).is_err() {
            log::error!("process {}: its state panicked while it was dropped", self.pid);
        }
        if catch_unwind(AssertUnwindSafe(|| drop(mail))).is_err() {
            log::error!("process {}: a message panicked while it was dropped", self.pid);
        }
        let name = self.engine.names.remove_pid(self.pid);
        self.engine.table.remove(self.pid);
        if !reason.is_clean() {
            log::crash(self.pid, name.as_deref(), &reason);
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
        let turn = {
            let mut body = self.body.lock();
            let body = body.as_mut()?;
            catch_unwind(AssertUnwindSafe(|| body.run(&self)))
        };
        match turn {
            Ok(Turn::Drained) => match self.inbox.lock().end(false) {
                Ended::Idle => None,
                Ended::Requeue => Some(Arc::clone(&self) as Task),
            },
            Ok(Turn::More) => self.end_slice(true),
            Ok(Turn::Stop(reason)) => {
                self.stop(reason);
                None
            }
            Ok(Turn::Doomed) => {
                self.die();
                None
            }
            Err(payload) => {
                self.stop(ExitReason::Panic(Panic::from_payload(&*payload)));
                None
            }
        }
    }

    fn pid(&self) -> Pid {
        self.pid
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
    /// False where the process is dead.
    fn add_link(&self, peer: Peer) -> bool;
    fn remove_link(&self, pid: Pid) -> bool;
    /// False where the process is dead.
    fn add_watcher(&self, monitor: MonitorRef, watcher: Peer) -> bool;
    fn remove_watcher(&self, monitor: MonitorRef) -> bool;
    fn add_monitor(&self, monitor: MonitorRef, target: Peer);
    fn remove_monitor(&self, monitor: MonitorRef) -> Option<Peer>;
    fn flush_down(&self, monitor: MonitorRef);
    /// The old value.
    fn set_trap_exit(&self, trap: bool) -> bool;
    fn traps_exits(&self) -> bool;
    fn as_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync>;
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
        let alive = inbox.reason.is_none();
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
        let alive = inbox.reason.is_none();
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
        let unwanted = |signal: &Signal| matches!(signal, Signal::Down(down) if down.monitor == monitor);
        self.inbox.lock().remove_signals(unwanted);
    }

    fn set_trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.inbox.lock().trap_exit, trap)
    }

    fn traps_exits(&self) -> bool {
        self.inbox.lock().trap_exit
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync> {
        self
    }
}

impl<M> fmt::Debug for Cell<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({})", self.pid)
    }
}

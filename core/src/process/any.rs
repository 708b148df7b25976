//! A process whose messages are not known: what links, monitors, exit signals and questions reach it through.

use std::any::Any;
use std::thread::Thread;

use super::cell::{Cell, Home};
use super::dictionary;
use super::inbox::{Inbox, Last, Mail, Phase, Pushed};
use super::info::{ProcessInfo, Status};
use super::lineage::{self, Ancestor, Lineage};
use super::peer::Peer;
use super::rare::Rare;
use super::relations::Tie;
use crate::names::Names;
use crate::runtime::engine::Engine;
use crate::runtime::shutdown::Callback;
use crate::scheduler::Task;
use crate::signal::Down;
use crate::sync::Arc;
use crate::{ExitReason, MonitorRef, Pid, RegisterError, Signal};

/// What can be done to a process without knowing its messages.
pub(crate) trait AnyProcess: Send + Sync {
    fn pid(&self) -> Pid;
    fn is_alive(&self) -> bool;
    fn exit_reason(&self) -> Option<ExitReason>;
    fn inbox_len(&self) -> usize;
    /// An exit signal arrives (P4), through a link or from a caller of `exit`.
    fn exit_signal(self: Arc<Self>, from: Pid, reason: ExitReason, through_link: bool);
    /// As [`exit_signal`](Self::exit_signal), through the link to one that has ended. The engine is the one at hand. Given: what the
    /// caller must put into a run queue.
    fn exit_of(self: Arc<Self>, from: Pid, reason: ExitReason, engine: &Engine) -> Option<Task>;
    /// A monitor of this process's fires. Given: as with [`exit_of`](Self::exit_of).
    fn down(self: Arc<Self>, monitor: MonitorRef, process: Pid, reason: &ExitReason, engine: &Engine) -> Option<Task>;
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
    /// Whether an exit signal has hit.
    fn is_bound_to_end(&self) -> bool;
    /// The thread that waits in a callback of this process, to be unparked by an exit signal.
    fn set_waiter(&self, waiter: Option<Thread>);
    /// What there is to know of it; `None` once it is bound to end.
    fn info(&self) -> Option<ProcessInfo>;
    /// Shows what few processes have, where it has any, under its lock.
    fn read_rare(&self, read: &mut dyn FnMut(&Rare));
    /// Changes that, under its lock.
    fn edit_rare(&self, change: &mut dyn FnMut(&mut Rare));
    /// Starts a child, which it may monitor: gives its pid and where it comes from.
    fn bear(&self, watched: bool) -> (Pid, Arc<Lineage>);
    /// Where its children come from.
    fn lineage(&self) -> Arc<Lineage>;
    /// The pid of who started it.
    fn parent(&self) -> Option<Pid>;
    /// Gives it the one name it may have (P8.1), unless it is bound to end.
    fn take_name(&self, name: Arc<str>) -> Result<(), RegisterError>;
    fn lose_name(&self);
    /// Asks for spare memory to be given back once nothing is left to do.
    fn set_hibernate(&self);
    /// What keeps it from ending.
    fn callback(&self) -> Callback;
    fn initial_call(&self) -> &'static str;
    /// Mail taken since the start.
    fn handled(&self) -> u64;
    /// The names of the runtime it lives in.
    fn names(&self) -> &Names;
    /// Gives up on a process that is bound to end but whose callback does not return: it dies for everybody else, and what it
    /// holds is dropped when the callback returns after all. False if it is not bound to end, or dead already.
    fn abandon(&self) -> bool;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Send + 'static> Cell<M> {
    /// Made for its first child.
    fn lineage_of(&self, inbox: &mut Inbox<M>) -> Arc<Lineage> {
        if let Some(lineage) = inbox.rare_mut().lineage.clone() {
            return lineage;
        }
        let callers = inbox.relations.callers(&self.origin);
        let rare = inbox.rare_mut();
        let own = Ancestor { pid: self.pid, name: rare.name.clone() };
        Arc::clone(rare.lineage.insert(lineage::of_children(own, &self.origin, callers)))
    }
}

impl<M: Send + 'static> AnyProcess for Cell<M> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn is_alive(&self) -> bool {
        self.inbox.lock().is_alive()
    }

    fn exit_reason(&self) -> Option<ExitReason> {
        self.inbox.lock().reason().cloned()
    }

    fn inbox_len(&self) -> usize {
        self.inbox.lock().len()
    }

    fn exit_signal(self: Arc<Self>, from: Pid, reason: ExitReason, through_link: bool) {
        if self.hear_exit(from, reason, through_link) {
            self.schedule();
        }
    }

    fn exit_of(self: Arc<Self>, from: Pid, reason: ExitReason, engine: &Engine) -> Option<Task> {
        if self.hear_exit(from, reason, true) { self.to_schedule(engine) } else { None }
    }

    fn down(self: Arc<Self>, monitor: MonitorRef, process: Pid, reason: &ExitReason, engine: &Engine) -> Option<Task> {
        let pushed: Pushed = {
            let mut inbox = self.inbox.lock();
            if inbox.relations.remove_monitor(monitor).is_none() || !inbox.is_alive() {
                return None;
            }
            inbox.push_made(|| Mail::Signal(Signal::Down(Down { monitor, process, reason: reason.clone() })))
        };
        if pushed == Pushed::Schedule { self.to_schedule(engine) } else { None }
    }

    fn add_link(&self, peer: Peer) -> bool {
        let mut inbox = self.inbox.lock();
        let alive = !inbox.is_finished();
        if alive {
            inbox.relations.add(Tie::Link(peer));
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
            inbox.relations.add(Tie::Watcher(monitor, watcher));
        }
        alive
    }

    fn remove_watcher(&self, monitor: MonitorRef) -> bool {
        self.inbox.lock().relations.remove_watcher(monitor)
    }

    fn add_monitor(&self, monitor: MonitorRef, target: Peer) {
        self.inbox.lock().relations.add(Tie::Monitor(monitor, target));
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

    fn is_bound_to_end(&self) -> bool {
        self.is_doomed()
    }

    fn set_waiter(&self, waiter: Option<Thread>) {
        self.inbox().lock().waiter = waiter;
    }

    fn info(&self) -> Option<ProcessInfo> {
        let (mut info, values) = {
            let resting = self.inbox.lock();
            let status = match resting.phase() {
                _ if resting.is_doomed() => return None,
                Phase::Starting => Status::Starting,
                Phase::Idle => Status::Waiting,
                Phase::Queued => Status::Runnable,
                Phase::Running => Status::Running,
                Phase::Terminating => Status::Exiting,
                Phase::Dead => return None,
            };
            // What a body at rest still holds waits as the queue does.
            let (held, buffer) = resting.body.as_ref().map_or((0, 0), |body| body.work());
            let rare = resting.rare.as_deref();
            let text = |text: Option<&Arc<str>>| text.map(ToString::to_string);
            let info = ProcessInfo {
                pid: self.pid,
                registered_name: text(rare.and_then(|rare| rare.name.as_ref())),
                status,
                message_queue_len: resting.len() + held,
                links: resting.relations.links(),
                monitors: resting.relations.monitored(),
                monitored_by: resting.relations.watchers(),
                trap_exit: resting.trap_exit,
                priority: rare.map(|rare| rare.priority).unwrap_or_default(),
                dictionary: Vec::new(),
                ancestors: Vec::new(),
                callers: resting.relations.callers(&self.origin),
                initial_call: "",
                label: text(rare.and_then(|rare| rare.label.as_ref())),
                reductions: resting.handled().saturating_sub(held as u64),
                memory: resting.memory() + buffer,
            };
            (info, rare.map(|rare| rare.dictionary.values()).unwrap_or_default())
        };
        info.ancestors = self.origin.ancestors().to_vec();
        // Outside the lock: it may be the user's.
        info.initial_call = (self.kind)();
        info.dictionary = dictionary::shown(&values);
        Some(info)
    }

    fn read_rare(&self, read: &mut dyn FnMut(&Rare)) {
        if let Some(rare) = &self.inbox.lock().rare {
            read(rare);
        }
    }

    fn edit_rare(&self, change: &mut dyn FnMut(&mut Rare)) {
        change(self.inbox.lock().rare_mut());
    }

    fn bear(&self, watched: bool) -> (Pid, Arc<Lineage>) {
        let child = self.engine().next_pid();
        let mut inbox = self.inbox.lock();
        if watched {
            inbox.relations.add_with(|| Tie::Monitor(MonitorRef::of_start(child), Peer::by_pid(child)));
        }
        (child, self.lineage_of(&mut inbox))
    }

    fn lineage(&self) -> Arc<Lineage> {
        self.lineage_of(&mut self.inbox.lock())
    }

    fn parent(&self) -> Option<Pid> {
        self.origin.ancestors().first().map(|parent| parent.pid)
    }

    fn take_name(&self, name: Arc<str>) -> Result<(), RegisterError> {
        let mut inbox = self.inbox.lock();
        if !inbox.is_alive() {
            return Err(RegisterError::Dead(self.pid));
        }
        let rare = inbox.rare_mut();
        if let Some(own) = &rare.name {
            return Err(RegisterError::HasName(own.to_string()));
        }
        rare.name = Some(name);
        rare.lineage = None;
        Ok(())
    }

    fn lose_name(&self) {
        if let Some(rare) = &mut self.inbox.lock().rare {
            rare.name = None;
            rare.lineage = None;
        }
    }

    fn set_hibernate(&self) {
        self.inbox.lock().hibernate = true;
    }

    fn callback(&self) -> Callback {
        if matches!(self.home, Home::Thread(_)) {
            return Callback::Thread;
        }
        match self.inbox.lock().phase() {
            Phase::Starting => Callback::Init,
            Phase::Idle | Phase::Queued => Callback::Waiting,
            Phase::Running => Callback::Message,
            Phase::Terminating => Callback::Terminate,
            Phase::Dead => Callback::Drop,
        }
    }

    fn initial_call(&self) -> &'static str {
        (self.kind)()
    }

    fn handled(&self) -> u64 {
        self.inbox.lock().handled()
    }

    fn names(&self) -> &Names {
        &self.engine().names
    }

    fn abandon(&self) -> bool {
        let mut resting = self.inbox.lock();
        if (!resting.is_doomed() && resting.phase() != Phase::Dead) || resting.is_finished() {
            return false;
        }
        let body = resting.body.take();
        resting.close(ExitReason::Killed);
        let mail = resting.take_mail();
        drop(resting);
        let (held, last) = body.as_ref().map_or((0, Last::Nothing), |body| (body.work().0, body.last()));
        let left = held + mail.len();
        if left > 0 || body.is_some() {
            // The user's destructors may be stuck as well: they run where nobody waits for them.
            self.engine().run_soon(move || drop(Self::empty(body, mail)));
        }
        let (_, woken) = self.conclude(self.inbox.lock(), last, left);
        self.engine().schedule_some(woken);
        self.engine().timers.orphan(self.pid);
        true
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

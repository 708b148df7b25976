//! Where the outcome of a task is put, and whoever waits for it.
//!
//! The task's process fills in the value, then its end; the handle takes what comes first. A value that is there wins over any
//! reason the process ended for, and what comes after the handle is gone vanishes (T1.1, P7.4).

use std::mem;
use std::task::Waker;
use std::thread::Thread;

use super::group::Group;
use super::work::NoMail;
use crate::process::Observer;
use crate::reason::Panic;
use crate::sync::{Arc, Mutex};
use crate::{Address, ExitReason, Peer, Pid, log};

/// What became of a task.
pub(super) type Outcome<T> = Result<T, ExitReason>;

/// Who is told that there is news.
pub(super) enum Waiter<T> {
    Nobody,
    Thread(Thread),
    Future(Waker),
    /// One of several that are waited for together.
    Member(Arc<Group>, usize),
    /// Takes the outcome, once the process is down.
    Heir(Box<dyn FnOnce(Outcome<T>) + Send>),
}

pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    /// Who is linked, and is not to hear of the end through the link if it traps exits.
    hushed: Option<Peer>,
}

struct State<T> {
    value: Option<T>,
    /// Why the process ended.
    end: Option<ExitReason>,
    /// The outcome was taken, or nobody wants it any more.
    closed: bool,
    /// It was still running when its time was over.
    late: bool,
    waiter: Waiter<T>,
    /// The process, where the one who asked for it may give up before it is told of it.
    process: Option<Address<NoMail>>,
}

impl<T> Slot<T> {
    pub(super) fn new(value: Option<T>, hushed: Option<Peer>) -> Arc<Self> {
        let state = State { value, end: None, closed: false, late: false, waiter: Waiter::Nobody, process: None };
        Arc::new(Self { state: Mutex::new(state), hushed })
    }

    /// Notes the process. False if nobody wants the outcome any more.
    pub(super) fn hold(&self, process: &Address<NoMail>) -> bool {
        let mut state = self.state.lock();
        if !state.closed {
            state.process = Some(process.clone());
        }
        !state.closed
    }

    /// The process that was noted.
    pub(super) fn process(&self) -> Option<Address<NoMail>> {
        self.state.lock().process.clone()
    }

    /// The task's value, from inside its process: where nobody wants it, it is dropped there.
    pub(super) fn reply(&self, value: T) {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            return drop(value);
        }
        state.value = Some(value);
        let waiter = state.take_waiter(false);
        drop(state);
        waiter.tell();
    }

    /// The outcome, if it is there. It is given once; afterwards the task counts as a stranger's.
    pub(super) fn take(&self) -> Option<Outcome<T>> {
        self.state.lock().take()
    }

    /// Whether [`take`](Self::take) gives something.
    pub(super) fn is_there(&self) -> bool {
        let state = self.state.lock();
        state.closed || state.value.is_some() || state.end.is_some()
    }

    /// The outcome, or else who is to be told of it.
    pub(super) fn poll(&self, waiter: impl FnOnce() -> Waiter<T>) -> Option<Outcome<T>> {
        let mut state = self.state.lock();
        let taken = state.take();
        let before = taken.is_none().then(|| mem::replace(&mut state.waiter, Waiter::Nobody));
        drop(state);
        // A waker is the user's: it is cloned and dropped outside the lock.
        drop(before);
        if taken.is_some() {
            return taken;
        }
        let waiter = waiter();
        let mut state = self.state.lock();
        let taken = state.take();
        if taken.is_none() {
            state.waiter = waiter;
        }
        taken
    }

    /// Whether the process is down.
    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// Waits for the end of the process rather than for the outcome. True if it is down.
    pub(super) fn poll_end(&self, waiter: impl FnOnce() -> Waiter<T>) -> bool {
        if self.has_ended() {
            return true;
        }
        let waiter = waiter();
        let mut state = self.state.lock();
        if state.end.is_some() {
            return true;
        }
        let before = mem::replace(&mut state.waiter, waiter);
        drop(state);
        drop(before);
        false
    }

    /// From now on this one is told; at once, if there is news already.
    pub(super) fn tell(&self, waiter: Waiter<T>) {
        let mut state = self.state.lock();
        let before = mem::replace(&mut state.waiter, waiter);
        let news = state.value.is_some() || state.end.is_some() || state.closed;
        let ended = state.end.is_some();
        let waiter = if news { state.take_waiter(ended) } else { Waiter::Nobody };
        let outcome = matches!(waiter, Waiter::Heir(_)).then(|| state.take()).flatten();
        drop(state);
        drop(before);
        waiter.deliver(outcome);
    }

    /// Its time is over. True if it had not come to its end: then it is late.
    pub(super) fn expire(&self) -> bool {
        let mut state = self.state.lock();
        let running = state.end.is_none();
        state.late |= running && state.value.is_none();
        running
    }

    /// Whether its time was over before there was an outcome.
    pub(super) fn is_late(&self) -> bool {
        self.state.lock().late
    }

    /// What still comes, vanishes. Gives what is there.
    pub(super) fn close(&self) -> Option<Outcome<T>> {
        let mut state = self.state.lock();
        if matches!(state.waiter, Waiter::Heir(_)) {
            // The outcome has been promised to somebody else.
            return None;
        }
        let taken = state.take();
        state.closed = true;
        let waiter = mem::replace(&mut state.waiter, Waiter::Nobody);
        drop(state);
        drop(waiter);
        taken
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<Outcome<T>> {
        if self.closed {
            return Some(Err(ExitReason::NoProc));
        }
        let outcome = self.value.take().map(Ok).or_else(|| self.end.clone().map(Err))?;
        self.closed = true;
        Some(outcome)
    }

    /// A member hears of both, the value and the end; an heir of the end alone.
    fn take_waiter(&mut self, ended: bool) -> Waiter<T> {
        match &self.waiter {
            Waiter::Heir(_) if !ended => Waiter::Nobody,
            Waiter::Member(group, index) if !ended => Waiter::Member(Arc::clone(group), *index),
            _ => mem::replace(&mut self.waiter, Waiter::Nobody),
        }
    }
}

impl<T> Waiter<T> {
    fn tell(self) {
        self.deliver(None);
    }

    fn deliver(self, outcome: Option<Outcome<T>>) {
        let told = Panic::catch(|| match self {
            Self::Nobody => {}
            Self::Thread(thread) => thread.unpark(),
            Self::Future(waker) => waker.wake(),
            Self::Member(group, index) => group.push(index),
            Self::Heir(heir) => outcome.map_or((), heir),
        });
        if let Err(panic) = told {
            log::error!("what a task's outcome was to be made into panicked: {}", panic.message());
        }
    }
}

impl<T: Send> Observer for Slot<T> {
    fn ending(&self, process: Pid) {
        if let Some(owner) = self.hushed.as_ref().and_then(Peer::process)
            && owner.traps_exits()
        {
            owner.remove_link(process);
        }
    }

    fn ended(&self, reason: &ExitReason) {
        let mut state = self.state.lock();
        state.end = Some(reason.clone());
        let process = state.process.take();
        let waiter = state.take_waiter(true);
        let outcome = matches!(waiter, Waiter::Heir(_)).then(|| state.take()).flatten();
        drop(state);
        drop(process);
        waiter.deliver(outcome);
    }
}

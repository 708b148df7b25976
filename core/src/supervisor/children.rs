//! The children of a supervisor in their start order, and what follows from an exit or an order. Pure.
//!
//! ```text
//!            ┌──── start, restart ────┐
//!            ▼                        │
//!   (new) Running ──exit, restarted──▶ Restarting ──terminate──▶ Stopped ──delete──▶ (gone)
//!            └──── clean exit, terminate ───────────────────────────▲
//! ```
//!
//! A temporary child runs or is gone: it never waits.

use super::error::{DeleteChildError, RestartChildError, StartChildError, TerminateChildError};
use super::flags::InvalidSupervisor;
use super::options::{AutoShutdown, Strategy};
use super::spec::{ChildId, ChildPlan, ChildType, Restart};
use super::{ChildCounts, ChildInfo, ChildState};
use crate::{ExitReason, Peer, Pid};

pub(crate) struct Children {
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    entries: Vec<Entry>,
    /// The greatest pid a child ever had. Pids rise, so who is newer is no child: no look at the others, of which there may be many.
    newest: Pid,
}

struct Entry {
    plan: ChildPlan,
    state: State,
}

enum State {
    Running(Peer),
    /// The last try to start it failed, and the next is under way.
    Restarting,
    Stopped,
}

/// A child that is off the books and must be stopped.
pub(crate) type Leaver = (ChildPlan, Peer);

/// What follows from an exit.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ended {
    /// Nothing: it is not a child.
    Stranger,
    /// Nothing: this child stays down.
    StaysDown(ChildId),
    /// This child must be restarted; until then it counts as restarting.
    Restart(ChildId),
    /// The supervisor must end: this child was significant (S8.1, S8.2).
    ShutDown(ChildId),
}

/// What a restart takes: whom to stop, in this order, and then whom to start, in this order.
#[must_use]
pub(crate) struct Group {
    pub(crate) stop: Vec<Leaver>,
    pub(crate) start: Vec<ChildPlan>,
}

impl Children {
    pub(crate) fn new(strategy: Strategy, auto_shutdown: AutoShutdown) -> Self {
        Self { strategy, auto_shutdown, entries: Vec::new(), newest: Pid::NOBODY }
    }

    /// Whether this supervisor may have such a child (S1.4).
    pub(crate) fn check(&self, plan: &ChildPlan) -> Result<(), InvalidSupervisor> {
        match plan.restart {
            _ if !plan.significant => Ok(()),
            _ if self.auto_shutdown == AutoShutdown::Never => {
                Err(InvalidSupervisor::SignificantWithoutAutoShutdown(plan.id.clone()))
            }
            Restart::Permanent => Err(InvalidSupervisor::SignificantPermanent(plan.id.clone())),
            Restart::Transient | Restart::Temporary => Ok(()),
        }
    }

    /// Adds a child at the end of the order. Started or not: a temporary one that ignored its start is not kept (S2.2).
    pub(crate) fn add(&mut self, plan: ChildPlan, started: Option<Peer>) {
        self.note(started.as_ref());
        let entry = Entry { plan, state: State::from_start(started) };
        if !entry.is_forgotten() {
            self.entries.push(entry);
        }
    }

    /// Whether one of the children runs as this process.
    pub(crate) fn is_child(&self, pid: Pid) -> bool {
        pid <= self.newest && self.entries.iter().any(|entry| entry.runs_as(pid))
    }

    /// A process has ended that nobody here told to (S3.1): the table of section 7.3, and section 7.8.
    pub(crate) fn ended(&mut self, pid: Pid, reason: &ExitReason) -> Ended {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.runs_as(pid)) else { return Ended::Stranger };
        let id = entry.plan.id.clone();
        if entry.plan.restart.applies_to(reason) {
            entry.state = State::Restarting;
            return Ended::Restart(id);
        }
        entry.state = State::Stopped;
        let significant = entry.plan.significant;
        self.forget_temporary();
        let enough = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self.entries.iter().any(Entry::keeps_up),
        };
        if significant && enough { Ended::ShutDown(id) } else { Ended::StaysDown(id) }
    }

    /// Whether a failed start of this child waits for its next try.
    pub(crate) fn is_restarting(&self, id: &ChildId) -> bool {
        self.entry(id).is_some_and(|entry| matches!(entry.state, State::Restarting))
    }

    /// What it takes to restart this child, as the strategy says (section 7.4).
    ///
    /// All of the group counts as stopped from here on, until it is [`started`](Self::started) or [`failed`](Self::failed). So
    /// the retry of a part starts from the child that failed (S5.5).
    pub(crate) fn group(&mut self, id: &ChildId) -> Group {
        let at = self.entries.iter().position(|entry| entry.plan.id == *id);
        let (first, count) = match (at, self.strategy) {
            (None, _) => (0, 0),
            (Some(at), Strategy::OneForOne) => (at, 1),
            (Some(at), Strategy::RestForOne) => (at, usize::MAX),
            (Some(_), Strategy::OneForAll) => (0, usize::MAX),
        };
        let group = || self.entries.iter().skip(first).take(count);
        let start = group().filter(|entry| !entry.is_temporary()).map(|entry| entry.plan.clone()).collect();
        let mut stop: Vec<_> = self.entries.iter_mut().skip(first).take(count).filter_map(Entry::leave).collect();
        stop.reverse();
        self.forget_temporary();
        Group { stop, start }
    }

    /// A child was started, or ignored its start.
    pub(crate) fn started(&mut self, id: &ChildId, child: Option<Peer>) {
        self.note(child.as_ref());
        self.set(id, State::from_start(child));
    }

    /// A child failed to start again.
    pub(crate) fn failed(&mut self, id: &ChildId) {
        self.set(id, State::Restarting);
    }

    /// The end: everybody leaves, in this order (S7.1).
    pub(crate) fn leave_all(&mut self) -> Vec<Leaver> {
        std::mem::take(&mut self.entries).iter_mut().rev().filter_map(Entry::leave).collect()
    }

    /// Whether a child of this plan may be added now.
    pub(crate) fn may_start(&self, plan: &ChildPlan) -> Result<(), StartChildError> {
        self.check(plan).map_err(StartChildError::Invalid)?;
        match self.entry(&plan.id).map(|entry| &entry.state) {
            None => Ok(()),
            Some(State::Running(peer)) => Err(StartChildError::AlreadyStarted(peer.pid())),
            Some(State::Restarting | State::Stopped) => Err(StartChildError::AlreadyPresent),
        }
    }

    /// The plan of a child that may be started again on request.
    pub(crate) fn may_restart(&self, id: &ChildId) -> Result<ChildPlan, RestartChildError> {
        let entry = self.entry(id).ok_or(RestartChildError::NotFound)?;
        match entry.state {
            State::Running(_) => Err(RestartChildError::Running),
            State::Restarting => Err(RestartChildError::Restarting),
            State::Stopped => Ok(entry.plan.clone()),
        }
    }

    /// Takes a child down on request: cancels its retry, or gives it to be stopped.
    pub(crate) fn terminate(&mut self, id: &ChildId) -> Result<Option<Leaver>, TerminateChildError> {
        let entry = self.entries.iter_mut().find(|entry| entry.plan.id == *id).ok_or(TerminateChildError::NotFound)?;
        let leaver = entry.leave();
        self.forget_temporary();
        Ok(leaver)
    }

    /// Forgets a child that is stopped.
    pub(crate) fn delete(&mut self, id: &ChildId) -> Result<(), DeleteChildError> {
        let entry = self.entry(id).ok_or(DeleteChildError::NotFound)?;
        match entry.state {
            State::Running(_) => Err(DeleteChildError::Running),
            State::Restarting => Err(DeleteChildError::Restarting),
            State::Stopped => {
                self.entries.retain(|entry| entry.plan.id != *id);
                Ok(())
            }
        }
    }

    /// Everybody, in reverse start order.
    pub(crate) fn list(&self) -> Vec<ChildInfo> {
        self.entries.iter().rev().map(Entry::info).collect()
    }

    pub(crate) fn count(&self) -> ChildCounts {
        self.entries.iter().fold(ChildCounts::default(), |mut counts, entry| {
            counts.specs += 1;
            counts.active += usize::from(matches!(&entry.state, State::Running(peer) if peer.is_alive()));
            match entry.plan.child_type {
                ChildType::Worker => counts.workers += 1,
                ChildType::Supervisor => counts.supervisors += 1,
            }
            counts
        })
    }

    pub(crate) fn plan(&self, id: &ChildId) -> Option<&ChildPlan> {
        self.entry(id).map(|entry| &entry.plan)
    }

    fn note(&mut self, started: Option<&Peer>) {
        self.newest = started.map_or(self.newest, |child| self.newest.max(child.pid()));
    }

    fn entry(&self, id: &ChildId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.plan.id == *id)
    }

    fn set(&mut self, id: &ChildId, state: State) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.plan.id == *id) {
            entry.state = state;
        }
    }

    fn forget_temporary(&mut self) {
        self.entries.retain(|entry| !entry.is_forgotten());
    }
}

impl State {
    fn from_start(started: Option<Peer>) -> Self {
        started.map_or(Self::Stopped, Self::Running)
    }
}

impl Entry {
    fn runs_as(&self, pid: Pid) -> bool {
        matches!(&self.state, State::Running(peer) if peer.pid() == pid)
    }

    fn is_temporary(&self) -> bool {
        self.plan.restart == Restart::Temporary
    }

    /// A temporary child runs or is gone.
    fn is_forgotten(&self) -> bool {
        self.is_temporary() && matches!(self.state, State::Stopped)
    }

    /// Whether it keeps a supervisor up whose significant children all must have ended.
    fn keeps_up(&self) -> bool {
        self.plan.significant && !matches!(self.state, State::Stopped)
    }

    fn leave(&mut self) -> Option<Leaver> {
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Running(peer) => Some((self.plan.clone(), peer)),
            State::Restarting | State::Stopped => None,
        }
    }

    fn info(&self) -> ChildInfo {
        let state = match &self.state {
            State::Running(peer) => ChildState::Running(peer.pid()),
            State::Restarting => ChildState::Restarting,
            State::Stopped => ChildState::Stopped,
        };
        ChildInfo { id: self.plan.id.clone(), state, child_type: self.plan.child_type }
    }
}

#[cfg(test)]
mod tests;

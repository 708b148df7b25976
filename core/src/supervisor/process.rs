//! The process of a supervisor: one order or exit after the other, decided by the table of children.

use std::ops::ControlFlow;

use super::children::{Children, Ended, Group, Leaver};
use super::error::{DeleteChildError, FailedToStartChild, RestartChildError, StartChildError, TerminateChildError};
use super::intensity::Intensity;
use super::spec::{ChildId, ChildPlan};
use super::stop::{self, Leaving};
use super::{ChildCounts, ChildInfo};
use crate::process::AnyProcess;
use crate::reason::Panic;
use crate::{Exit, ExitReason, Mail, Mailbox, Peer, Pid, ReplyTo, Signal, StartError, log};

/// What a supervisor is asked. Types leave no room for what it does not know.
pub(crate) enum Order {
    Start(ChildPlan, ReplyTo<Result<Option<Peer>, StartChildError>>),
    Restart(ChildId, ReplyTo<Result<Option<Peer>, RestartChildError>>),
    Terminate(ChildId, ReplyTo<Result<(), TerminateChildError>>),
    Delete(ChildId, ReplyTo<Result<(), DeleteChildError>>),
    Which(ReplyTo<Vec<ChildInfo>>),
    Count(ReplyTo<ChildCounts>),
    Spec(ChildId, ReplyTo<Option<ChildPlan>>),
    Stop(ExitReason),
    /// From itself: the next try to start this child (S5.4).
    TryAgain(ChildId),
}

/// Whether it goes on, or ends for this reason once its children are stopped.
type Next = ControlFlow<ExitReason>;
const GO_ON: Next = ControlFlow::Continue(());

pub(super) struct Live {
    mailbox: Mailbox<Order>,
    parent: Pid,
    children: Children,
    intensity: Intensity,
    /// What it ends with when there are too many restarts; with `escalates` the reason of the last child that failed.
    gives_up_with: ExitReason,
    escalates: bool,
}

impl Live {
    pub(super) fn new(
        mailbox: Mailbox<Order>,
        parent: Pid,
        children: Children,
        intensity: Intensity,
        escalates: bool,
    ) -> Self {
        Self { mailbox, parent, children, intensity, gives_up_with: ExitReason::Shutdown, escalates }
    }

    /// The first start: in order, up to the first that fails.
    pub(super) fn start_all(&mut self, plans: Vec<ChildPlan>) -> Result<(), FailedToStartChild> {
        for plan in plans {
            match self.start(&plan) {
                Ok(started) => self.children.add(plan, started),
                Err(error) => return Err(FailedToStartChild { id: plan.id, error }),
            }
        }
        Ok(())
    }

    /// The start has failed. A parent that traps exits hears of it from the start alone (G1.5).
    pub(super) fn part_from(&self, parent: Option<&Peer>) {
        if let Some(process) = parent.and_then(Peer::process)
            && process.traps_exits()
        {
            process.remove_link(self.mailbox.pid());
            self.mailbox.me().0.remove_link(process.pid());
        }
    }

    /// Its whole life, from the end of the start on.
    pub(super) async fn run(mut self, start: Result<(), ExitReason>) -> ExitReason {
        let reason = match start {
            Ok(()) => self.serve().await,
            Err(reason) => reason,
        };
        let all = self.children.leave_all();
        self.stop(all).await;
        reason
    }

    async fn serve(&mut self) -> ExitReason {
        loop {
            let next = match self.mailbox.receive_mail().await {
                Mail::Message(order) => self.obey(order).await,
                // S3.4: whatever its reason.
                Mail::Signal(Signal::Exit(exit)) if exit.from == self.parent => Next::Break(exit.reason),
                Mail::Signal(Signal::Exit(exit)) => self.ended(exit).await,
                Mail::Signal(Signal::Down(down)) => {
                    self.report(|me| log::warn!("supervisor {me}: unexpected down of {}", down.process));
                    GO_ON
                }
            };
            if let Next::Break(reason) = next {
                return reason;
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Next {
        match order {
            Order::Start(plan, reply) => reply.send(self.start_child(plan)),
            Order::Restart(id, reply) => reply.send(self.restart_child(&id)),
            Order::Terminate(id, reply) => reply.send(self.terminate_child(&id).await),
            Order::Delete(id, reply) => reply.send(self.children.delete(&id)),
            Order::Which(reply) => reply.send(self.children.list()),
            Order::Count(reply) => reply.send(self.children.count()),
            Order::Spec(id, reply) => reply.send(self.children.plan(&id).cloned()),
            Order::Stop(reason) => return Next::Break(reason),
            Order::TryAgain(id) if self.children.is_restarting(&id) => return self.restart(id).await,
            // It was terminated, or came back with its group.
            Order::TryAgain(_) => {}
        }
        GO_ON
    }

    fn start_child(&mut self, plan: ChildPlan) -> Result<Option<Peer>, StartChildError> {
        self.children.may_start(&plan)?;
        let started = self.start(&plan).map_err(|error| match error {
            StartError::AlreadyStarted(pid) => StartChildError::AlreadyStarted(pid),
            error => StartChildError::Start(error),
        })?;
        self.children.add(plan, started.clone());
        Ok(started)
    }

    fn restart_child(&mut self, id: &ChildId) -> Result<Option<Peer>, RestartChildError> {
        let plan = self.children.may_restart(id)?;
        let started = self.start(&plan).map_err(RestartChildError::Start)?;
        self.children.started(id, started.clone());
        Ok(started)
    }

    async fn terminate_child(&mut self, id: &ChildId) -> Result<(), TerminateChildError> {
        let leaver = self.children.terminate(id)?;
        self.stop(leaver).await;
        Ok(())
    }

    async fn ended(&mut self, Exit { from, reason }: Exit) -> Next {
        match self.children.ended(from, &reason) {
            Ended::Restart(id) => {
                self.report(|me| {
                    log::error!("supervisor {me}: child `{id}` ({from}) ended and is restarted: {reason}");
                });
                if self.escalates {
                    self.gives_up_with = reason;
                }
                self.restart(id).await
            }
            Ended::StaysDown(id) => {
                self.report_end(from, &id, &reason);
                GO_ON
            }
            Ended::ShutDown(id) => {
                self.report_end(from, &id, &reason);
                Next::Break(ExitReason::Shutdown)
            }
            Ended::Stranger => GO_ON,
        }
    }

    /// One restart of a child and whoever goes with it, which counts as one (S4.5). Where a start fails, the next try waits
    /// behind what is queued.
    async fn restart(&mut self, id: ChildId) -> Next {
        if !self.intensity.allows_restart_at(self.mailbox.me().0.engine().clock.now()) {
            self.report(|me| log::error!("supervisor {me}: too many restarts, the last of child `{id}`"));
            return Next::Break(self.gives_up_with.clone());
        }
        let Group { stop, start } = self.children.group(&id);
        self.stop(stop).await;
        for plan in start {
            match self.start(&plan) {
                Ok(started) => self.children.started(&plan.id, started),
                Err(error) => {
                    let id = plan.id;
                    self.report(|me| log::error!("supervisor {me}: child `{id}` did not start again: {error}"));
                    self.children.failed(&id);
                    // It lives, or it is being killed and needs no more tries.
                    let _ = self.mailbox.me().send(Order::TryAgain(id));
                    break;
                }
            }
        }
        GO_ON
    }

    /// Runs a start function. `None`: it ignores the start.
    fn start(&self, plan: &ChildPlan) -> Result<Option<Peer>, StartError> {
        match Panic::catch(|| (plan.start)()) {
            Ok(Ok(child)) => self.adopt(child).map(Some),
            Ok(Err(StartError::Ignore)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(StartError::Init(ExitReason::Panic(panic))),
        }
    }

    /// Makes sure that the end of a child is heard of: one that its function has not linked is linked here. One that is dead
    /// by then counts as ended with [`ExitReason::NoProc`]. A handle that finds nobody has failed to start.
    fn adopt(&self, child: Peer) -> Result<Peer, StartError> {
        let pid = child.pid();
        if pid == Pid::NOBODY {
            return Err(StartError::Init(ExitReason::NoProc));
        }
        if pid == self.mailbox.pid() || self.children.is_child(pid) {
            let fault =
                format!("the start function gave process {pid}, which is the supervisor itself or another child");
            return Err(StartError::Init(ExitReason::other(fault)));
        }
        // Asked first: to link once more to one that has just ended would hide its reason.
        let heard = self.mailbox.me().0.inbox().lock().hears_of(pid);
        if !heard {
            // It traps exits, so this cannot fail.
            let _ = self.mailbox.link(&child);
        }
        Ok(child)
    }

    /// Stops children one after the other (S7.1).
    async fn stop(&self, leavers: impl IntoIterator<Item = Leaver>) {
        for (plan, peer) in leavers {
            stop::stop(&self.mailbox, Leaving::new(&plan, peer)).await;
        }
    }

    /// S3.2: the clean end of a child that is not restarted is silent.
    fn report_end(&self, child: Pid, id: &ChildId, reason: &ExitReason) {
        if !reason.is_clean() {
            self.report(|me| log::error!("supervisor {me}: child `{id}` ({child}) ended: {reason}"));
        }
    }

    /// Shows the user's reason to the user's subscriber: either may panic.
    fn report(&self, show: impl FnOnce(Pid)) {
        let _ = Panic::catch(|| show(self.mailbox.pid()));
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

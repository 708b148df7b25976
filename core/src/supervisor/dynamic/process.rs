//! The process of a dynamic supervisor: one request or exit after the other, each decided by the table.

use std::ops::ControlFlow;

use super::DynamicChildInfo;
use super::spec::{Child, Order, Restarter, guarded};
use super::table::{Children, Ended};
use crate::reason::Panic;
use crate::supervisor::ChildCounts;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::stop::{self, Leaving};
use crate::sync::Arc;
use crate::{Exit, ExitReason, Mail, Mailbox, Peer, Pid, ReplyTo, Signal, StartError, log};

pub(super) enum Request<E> {
    Start(Box<dyn Order<E>>),
    /// From the supervisor itself: try again to restart the child that had this pid (D8).
    TryAgain(Pid),
    /// False: no such child.
    Terminate(Pid, ReplyTo<bool>),
    Which(ReplyTo<Vec<DynamicChildInfo>>),
    Count(ReplyTo<ChildCounts>),
    Stop(ExitReason),
}

/// Who orders a dynamic supervisor to end, and what it is made of.
pub(super) struct Dynamic<E> {
    pub(super) parent: Pid,
    pub(super) extra: Arc<E>,
    pub(super) children: Children<Peer, Restarter<E>>,
    pub(super) intensity: Intensity,
}

type Next = ControlFlow<ExitReason>;

impl<E: Send + Sync + 'static> Dynamic<E> {
    pub(super) async fn run(mut self, mailbox: Mailbox<Request<E>>) -> ExitReason {
        let reason = loop {
            let next = match mailbox.receive_mail().await {
                Mail::Message(Request::Terminate(pid, reply)) => {
                    reply.send(self.terminate_child(&mailbox, pid).await);
                    Next::Continue(())
                }
                Mail::Message(request) => self.handle(&mailbox, request),
                Mail::Signal(signal) => self.handle_signal(&mailbox, signal),
            };
            if let Next::Break(reason) = next {
                break reason;
            }
        };
        let running = self.children.take_all().filter_map(|child| leaving(&child));
        stop::stop_all(&mailbox, running).await;
        reason
    }

    fn handle(&mut self, mailbox: &Mailbox<Request<E>>, request: Request<E>) -> Next {
        match request {
            Request::Start(order) if self.children.is_full() => order.refuse(),
            Request::Start(order) => {
                let started = order.start(&self.extra, &|peer| self.adopt(mailbox, peer));
                if let Some(child) = started
                    && let Some(pid) = child.running().map(Peer::pid)
                {
                    self.children.insert(pid, child);
                }
            }
            Request::TryAgain(pid) => return self.restart_child(mailbox, pid),
            Request::Which(reply) => reply.send(self.children.infos(Peer::pid)),
            Request::Count(reply) => reply.send(self.children.counts()),
            Request::Stop(reason) => return Next::Break(reason),
            Request::Terminate(..) => {}
        }
        Next::Continue(())
    }

    fn handle_signal(&mut self, mailbox: &Mailbox<Request<E>>, signal: Signal) -> Next {
        match signal {
            // S3.4: whatever its reason.
            Signal::Exit(exit) if exit.from == self.parent => Next::Break(exit.reason),
            Signal::Exit(Exit { from, reason }) => match self.children.ended(from, &reason) {
                Ended::Restart => {
                    report(mailbox.pid(), from, "ended and is restarted", &reason);
                    self.restart_child(mailbox, from)
                }
                Ended::Gone(_) => {
                    // S3.2: a clean end without a restart is silent.
                    if !reason.is_clean() {
                        report(mailbox.pid(), from, "ended", &reason);
                    }
                    Next::Continue(())
                }
                Ended::Stranger => {
                    // A child that ended before it was adopted is heard of twice.
                    if reason != ExitReason::NoProc {
                        report(mailbox.pid(), from, "which is no child, sent an exit", &reason);
                    }
                    Next::Continue(())
                }
            },
            // One that was given up while it was stopped.
            Signal::Down(_) => Next::Continue(()),
        }
    }

    /// One attempt, which counts (D8). Where it fails the next one waits behind the requests that are queued.
    fn restart_child(&mut self, mailbox: &Mailbox<Request<E>>, pid: Pid) -> Next {
        let Some(start) = self.children.restarting(pid) else { return Next::Continue(()) };
        if !self.intensity.allows_restart_at(mailbox.me().0.engine().clock.now()) {
            log::error!("supervisor {}: too many restarts", mailbox.pid());
            // It is dead already.
            self.children.remove(pid);
            return Next::Break(ExitReason::Shutdown);
        }
        match guarded(|| start(&self.extra)).and_then(|peer| self.adopt(mailbox, &peer).map(|()| peer)) {
            Ok(peer) => self.children.restarted(pid, peer.pid(), peer),
            Err(StartError::Ignore) => drop(self.children.remove(pid)),
            Err(error) => {
                let _ = Panic::catch(|| log::error!("supervisor {}: no restart of {pid}: {error}", mailbox.pid()));
                let _ = mailbox.me().send(Request::TryAgain(pid));
            }
        }
        Next::Continue(())
    }

    /// Makes sure that the end of a child is heard of: one that its function has not linked is linked here. Where it has ended
    /// by now, unlinked, it counts as ended with [`ExitReason::NoProc`]; if its exit is queued already, that one comes first. A
    /// handle that finds nobody has failed to start.
    fn adopt(&self, mailbox: &Mailbox<Request<E>>, child: &Peer) -> Result<(), StartError> {
        let pid = child.pid();
        if pid == Pid::NOBODY {
            return Err(StartError::Init(ExitReason::NoProc));
        }
        if pid == mailbox.pid() || self.children.contains(pid) {
            let fault =
                format!("the start function gave process {pid}, which is the supervisor itself or another child");
            return Err(StartError::Init(ExitReason::other(fault)));
        }
        let linked = mailbox.me().0.inbox().lock().relations.is_linked(pid);
        if !linked {
            // It traps exits, so this cannot fail.
            let _ = mailbox.link(child);
        }
        Ok(())
    }

    async fn terminate_child(&mut self, mailbox: &Mailbox<Request<E>>, pid: Pid) -> bool {
        let Some(child) = self.children.remove(pid) else { return false };
        if let Some(leaving) = leaving(&child) {
            stop::stop(mailbox, leaving).await;
        }
        true
    }
}

/// What is needed to stop it; nothing, where it does not run.
fn leaving<E>(child: &Child<E>) -> Option<Leaving> {
    child.running().map(|peer| Leaving::anonymous(peer.clone(), child.restart, child.shutdown))
}

/// Shows the user's reason to the user's subscriber: either may panic.
fn report(supervisor: Pid, child: Pid, what: &str, reason: &ExitReason) {
    let _ = Panic::catch(|| log::error!("supervisor {supervisor}: {child} {what}: {reason}"));
}

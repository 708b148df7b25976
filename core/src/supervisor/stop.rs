//! Stopping children: asked, given their time, killed, and in the end given up.
//!
//! ```text
//!   monitor, unlink ──▶ shutdown ──limit──▶ kill ──grace──▶ abandon
//!                          └──── ended ◀──────┴───────────────┘
//! ```
//!
//! The wait is on the monitor, so a child that removed its link cannot hang its supervisor (S7.2), and the last step needs
//! nobody's help. So a supervisor waits without limit only where [`Shutdown::Infinity`] says so.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::spec::{ChildId, ChildPlan, Restart, Shutdown};
use super::start::wait_until_gone;
use crate::process::AnyProcess;
use crate::reason::Panic;
use crate::{Exit, ExitReason, Mail, Mailbox, MonitorRef, Peer, Pid, Signal, log, spawn};

/// How long a killed child may stay in its callback before it is given up. Guessed: a kill acts between callbacks, and those
/// that are healthy take milliseconds.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// A child that is to be stopped.
#[derive(Debug)]
pub struct Leaving {
    /// `None` where children are known by their pids alone.
    id: Option<ChildId>,
    peer: Peer,
    restart: Restart,
    shutdown: Shutdown,
    killed: bool,
}

impl Leaving {
    pub(crate) fn new(plan: &ChildPlan, peer: Peer) -> Self {
        Self { id: Some(plan.id.clone()), peer, restart: plan.restart, shutdown: plan.shutdown, killed: false }
    }

    /// A child without an id.
    pub fn anonymous(peer: Peer, restart: Restart, shutdown: Shutdown) -> Self {
        Self { id: None, peer, restart, shutdown, killed: false }
    }

    /// Sends the first signal. How long to wait before the next step; `None`: for ever.
    fn signal(&mut self, from: Pid) -> Option<Duration> {
        match self.shutdown {
            Shutdown::BrutalKill => Some(self.kill(from)),
            Shutdown::Within(limit) => {
                self.send(from, ExitReason::Shutdown);
                Some(limit)
            }
            Shutdown::Infinity => {
                self.send(from, ExitReason::Shutdown);
                None
            }
        }
    }

    fn kill(&mut self, from: Pid) -> Duration {
        self.killed = true;
        self.send(from, ExitReason::Kill);
        GRACE
    }

    /// A child that traps exits obeys its parent alone (G6.2).
    fn send(&self, from: Pid, reason: ExitReason) {
        if let Some(process) = self.peer.process() {
            process.clone().exit_signal(from, reason, false);
        }
    }

    /// It does not even end when it is killed.
    fn abandon<M: Send + 'static>(&self, mailbox: &Mailbox<M>, monitor: MonitorRef) {
        mailbox.demonitor_flush(monitor);
        if self.peer.exit_reason().is_none() {
            log::error!("{self} does not end when it is killed: given up");
        }
        if let Some(process) = self.peer.process() {
            process.abandon();
        }
    }

    /// The handle knows the reason also where the monitor came too late for it.
    fn report(&self, seen: &ExitReason) {
        let reason = self.peer.exit_reason().unwrap_or_else(|| seen.clone());
        if !is_good_end(self.restart, self.shutdown, &reason) {
            // Shows the user's reason to the user's subscriber: either may panic.
            let _ = Panic::catch(|| log::error!("{self} was told to stop, and ended: {reason}"));
        }
    }
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "child `{id}` ({})", self.peer.pid()),
            None => write!(f, "child {}", self.peer.pid()),
        }
    }
}

/// Whether a child that was told to stop ended as it should (S7.4).
fn is_good_end(restart: Restart, shutdown: Shutdown, reason: &ExitReason) -> bool {
    match reason {
        ExitReason::Shutdown | ExitReason::ShutdownWith(_) => true,
        ExitReason::Killed => shutdown == Shutdown::BrutalKill,
        ExitReason::Normal => restart != Restart::Permanent,
        _ => false,
    }
}

/// Stops one child and waits until it is gone: for its limit, and [`GRACE`] more if it must be killed.
pub(crate) async fn stop<M: Send + 'static>(mailbox: &Mailbox<M>, child: Leaving) {
    stop_all(mailbox, [child]).await;
}

/// Stops children at the same time and waits until all are gone: first a signal to each, then the wait, with one timer for each
/// distinct limit. The whole takes as long as the longest limit, and [`GRACE`] more if one must be killed.
///
/// What else arrives meanwhile stays queued. Specification: S7.1 to S7.4, D11.
pub(crate) async fn stop_all<M: Send + 'static>(mailbox: &Mailbox<M>, children: impl IntoIterator<Item = Leaving>) {
    stop_all_of(mailbox.pid(), mailbox, children).await;
}

/// As `stop_all`, for a supervisor that waits elsewhere meanwhile.
async fn stop_all_of<M: Send + 'static>(
    supervisor: Pid,
    mailbox: &Mailbox<M>,
    children: impl IntoIterator<Item = Leaving>,
) {
    let clock = &mailbox.me().0.engine().clock;
    let mut left = BTreeMap::new();
    for child in children {
        let monitor = mailbox.monitor(&child.peer);
        unlink(mailbox, &child.peer);
        left.insert(monitor, child);
    }
    let mut deadlines = BTreeMap::<Duration, Vec<MonitorRef>>::new();
    let start = clock.now();
    for (monitor, child) in &mut left {
        if let Some(limit) = child.signal(supervisor) {
            deadlines.entry(start.saturating_add(limit)).or_default().push(*monitor);
        }
    }
    while let Some((deadline, due)) = deadlines.pop_first() {
        let time = deadline.saturating_sub(clock.now());
        if mailbox.within(time, ends(mailbox, &mut left)).await.is_some() {
            return;
        }
        for monitor in due {
            let Some(child) = left.get_mut(&monitor) else { continue };
            if child.killed {
                child.abandon(mailbox, monitor);
                left.remove(&monitor);
            } else {
                let grace = child.kill(supervisor);
                deadlines.entry(clock.now().saturating_add(grace)).or_default().push(monitor);
            }
        }
    }
    ends(mailbox, &mut left).await;
}

/// As `stop_all`, from inside a callback of the supervisor, which waits. A process of its own does the work, so that the
/// children end also where the supervisor is killed meanwhile.
///
/// The links of the supervisor are the caller's to remove.
pub fn stop_all_from_callback(supervisor: Pid, children: Vec<Leaving>) {
    if children.is_empty() {
        return;
    }
    let stopper = spawn(move |mailbox: Mailbox<()>| async move { stop_all_of(supervisor, &mailbox, children).await });
    wait_until_gone(&Peer::from(&stopper), None);
}

/// Waits for the ends of all that are left. May be dropped at any time: who has ended by then is off the list.
async fn ends<M: Send + 'static>(mailbox: &Mailbox<M>, left: &mut BTreeMap<MonitorRef, Leaving>) {
    while !left.is_empty() {
        let ours =
            |mail: &Mail<M>| matches!(mail, Mail::Signal(Signal::Down(down)) if left.contains_key(&down.monitor));
        if let Mail::Signal(Signal::Down(down)) = mailbox.receive_if(ours).await
            && let Some(child) = left.remove(&down.monitor)
        {
            child.report(&down.reason);
        }
    }
}

/// The link must not tell again what the monitor tells. Where it was gone before, its exit is queued.
fn unlink<M: Send + 'static>(mailbox: &Mailbox<M>, child: &Peer) {
    let cell = &mailbox.me().0;
    let linked = cell.remove_link(child.pid());
    if let Some(process) = child.process() {
        process.remove_link(mailbox.pid());
    }
    if !linked {
        let told =
            |mail: &Mail<M>| matches!(mail, Mail::Signal(Signal::Exit(Exit { from, .. })) if *from == child.pid());
        let exit = cell.inbox().lock().take_first(told);
        // Outside the lock: its reason may be the user's.
        drop(exit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_4_good_ends() {
        let within = Shutdown::default();
        let table = [
            (Restart::Permanent, within, ExitReason::Shutdown, true),
            (Restart::Permanent, Shutdown::Infinity, ExitReason::shutdown_with("x"), true),
            (Restart::Permanent, Shutdown::BrutalKill, ExitReason::Killed, true),
            (Restart::Permanent, within, ExitReason::Killed, false),
            (Restart::Permanent, within, ExitReason::Normal, false),
            (Restart::Transient, within, ExitReason::Normal, true),
            (Restart::Temporary, Shutdown::BrutalKill, ExitReason::Normal, true),
            (Restart::Temporary, within, ExitReason::other("x"), false),
            (Restart::Temporary, within, ExitReason::NoProc, false),
        ];
        for (restart, shutdown, reason, good) in table {
            assert_eq!(is_good_end(restart, shutdown, &reason), good, "{restart:?} {shutdown:?} {reason}");
        }
    }
}

//! Waiting for the end of a process.

use std::time::Duration;

use genstage_core::{Address, ExitReason, Mail, Mailbox, Peer, ReplyTo, Signal, ThreadProcess, spawn};

/// Waits until a process has ended. False: the end cannot be waited for here, as the caller is bound to end itself, the runtime has
/// ended or, in a simulation, nothing can ever end that process.
pub(crate) fn ended(process: &Peer) -> bool {
    let Ok(here) = ThreadProcess::<()>::aside() else { return false };
    here.monitor(process);
    // Nobody else knows of this process: the first thing to come is the end.
    matches!(here.receive(None), Some(Mail::Signal(Signal::Down(_))))
}

/// As [`ended`], without holding a thread: a process of its own waits. Dropping the future ends that.
pub(crate) async fn ended_async(process: &Peer) -> bool {
    let target = process.clone();
    let watcher = spawn(move |mailbox: Mailbox<ReplyTo<()>>| async move {
        let report = mailbox.receive().await;
        mailbox.monitor(&target);
        mailbox.receive_signal().await;
        report.send(());
    });
    let watcher = Watcher(watcher);
    watcher.0.request(Duration::MAX, |report| report).await.is_ok()
}

struct Watcher(Address<ReplyTo<()>>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.exit(ExitReason::Kill);
    }
}

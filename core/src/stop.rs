//! Stopping a process with a message, and waiting for its end.
//!
//! Specification: G5.8.

use std::time::Duration;

use crate::process::{Mail, Mailbox, ThreadProcess, current, spawn};
use crate::{Address, ExitReason, ReplyTo, Signal, StopError};

/// Sends what stops a process, and waits until it has ended.
pub(crate) fn stop<M: Send + 'static>(
    process: &Address<M>,
    order: impl FnOnce(ExitReason) -> M,
    reason: ExitReason,
    within: Duration,
) -> Result<(), StopError> {
    if current::pid() == Some(process.pid()) {
        return Err(StopError::CallingSelf);
    }
    // Refused only while everything ends anyway.
    let Ok(here) = ThreadProcess::<()>::aside() else { return Err(StopError::NoProc) };
    here.monitor(process);
    let wanted = reason.clone();
    let _ = process.send(order(reason));
    match here.receive(Some(within)) {
        Some(Mail::Signal(Signal::Down(down))) => verdict(down.reason, &wanted),
        _ => Err(no_longer_waiting()),
    }
}

/// As [`stop`], without holding a thread and without limit: a process of its own waits for the end.
pub(crate) async fn stop_async<M: Send + 'static>(
    process: &Address<M>,
    order: impl FnOnce(ExitReason) -> M,
    reason: ExitReason,
) -> Result<(), StopError> {
    if current::pid() == Some(process.pid()) {
        return Err(StopError::CallingSelf);
    }
    let (target, wanted) = (process.clone(), reason.clone());
    let order = order(reason);
    let watcher = spawn(move |mailbox: Mailbox<ReplyTo<ExitReason>>| async move {
        let report = mailbox.receive().await;
        mailbox.monitor(&target);
        let _ = target.send(order);
        if let Signal::Down(down) = mailbox.receive_signal().await {
            report.send(down.reason);
        }
    });
    match watcher.request(Duration::MAX, |report| report).await {
        Ok(ended) => verdict(ended, &wanted),
        Err(_) => Err(StopError::NoProc),
    }
}

/// Why a wait for an end has ended without it.
pub(crate) fn no_longer_waiting() -> StopError {
    if current::is_bound_to_end() { StopError::Exiting } else { StopError::Timeout }
}

fn verdict(ended: ExitReason, wanted: &ExitReason) -> Result<(), StopError> {
    match ended {
        ended if ended == *wanted => Ok(()),
        ExitReason::NoProc => Err(StopError::NoProc),
        other => Err(StopError::Ended(other)),
    }
}

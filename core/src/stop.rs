//! Stopping a process with a message, and waiting for its end.
//!
//! Specification: G5.8.

use std::time::Duration;

use crate::process::{Mail, Mailbox, ThreadProcess, current, spawn};
use crate::{Address, ExitReason, ReplyTo, Signal, StopError};

impl<M: Send + 'static> Address<M> {
    /// Sends what makes the process stop with a reason, and waits until it has ended (G5.8). The message takes its place in the
    /// queue: what waits already is handled first. After the time it still stops, when it comes to it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use genstage_core::{ExitReason, Outcome, Process, ProcessContext};
    ///
    /// struct Lamp;
    ///
    /// impl Process for Lamp {
    ///     type Message = ExitReason;
    ///
    ///     fn handle(&mut self, reason: ExitReason, _: &mut ProcessContext<'_, ExitReason>) -> Outcome {
    ///         Outcome::Stop(reason)
    ///     }
    /// }
    ///
    /// let lamp = Lamp.start()?;
    /// lamp.stop_with(ExitReason::Normal, Duration::MAX, |reason| reason)?;
    /// assert!(!lamp.is_alive());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StopError`]: dead already, stopping itself, not ended in time, or ended for another reason.
    pub fn stop_with(
        &self,
        reason: ExitReason,
        within: Duration,
        order: impl FnOnce(ExitReason) -> M,
    ) -> Result<(), StopError> {
        stop(self, order, reason, within)
    }

    /// As [`stop_with`](Self::stop_with), from a future and without limit: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`stop_with`](Self::stop_with).
    pub async fn stop_async(&self, reason: ExitReason, order: impl FnOnce(ExitReason) -> M) -> Result<(), StopError> {
        stop_async(self, order, reason).await
    }
}

/// Sends what stops a process, and waits until it has ended.
pub(crate) fn stop<M: Send + 'static>(
    process: &Address<M>,
    order: impl FnOnce(ExitReason) -> M,
    reason: ExitReason,
    within: Duration,
) -> Result<(), StopError> {
    if current::pid() == Some(process.pid()) || current::is_starting(process.pid()) {
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
    if current::pid() == Some(process.pid()) || current::is_starting(process.pid()) {
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

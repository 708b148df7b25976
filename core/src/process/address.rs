//! A process as those who send to it know it.

use std::fmt;

use super::any::AnyProcess;
use super::cell::Cell;
use super::peer::Peer;
use crate::sync::Arc;
use crate::{ExitReason, Pid, SendError};

/// A process that takes messages of type `M`.
///
/// It names one incarnation: after a restart the old address stays with the dead. Cloning costs one reference count;
/// sending looks nothing up.
///
/// ```
/// let (report, reports) = std::sync::mpsc::channel();
/// let echo = genstage_core::spawn(move |mailbox| async move {
///     let word: &str = mailbox.receive().await;
///     let _ = report.send(word);
/// });
/// echo.send("hello")?;
/// assert_eq!(reports.recv(), Ok("hello"));
/// # Ok::<(), genstage_core::SendError<&str>>(())
/// ```
pub struct Address<M>(pub(crate) Arc<Cell<M>>);

impl<M: Send + 'static> Address<M> {
    /// Its pid.
    pub fn pid(&self) -> Pid {
        AnyProcess::pid(&*self.0)
    }

    /// Sends a message: one short lock, and a wake-up if the process was idle. Never waits for the receiver; the
    /// inbox has no bound, stages bound what is under way by demand.
    ///
    /// # Errors
    ///
    /// Hands the message back if the process is dead or bound to die. OTP drops it silently: ignore the error
    /// for that behaviour.
    #[inline]
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.0.post(message).map_err(|message| SendError { process: self.pid(), message })
    }

    /// As [`send`](Self::send), of a message that is made of a value, which is what comes back. It is made in its place in the inbox,
    /// under its lock: `wrap` must do no more than wrap. That is why this is not for everybody.
    #[doc(hidden)]
    #[expect(clippy::inline_always, reason = "a message that is made in place is not copied")]
    #[inline(always)]
    pub fn send_as<T>(&self, value: T, wrap: impl FnOnce(T) -> M) -> Result<(), SendError<T>> {
        self.0.post_as(value, wrap).map_err(|message| SendError { process: self.pid(), message })
    }

    /// Whether it lives: false from the moment it is bound to end.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// Why it ended; `None` while it runs, also while it is only bound to end.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.0.exit_reason()
    }

    /// Messages and signals that wait in its inbox; not counted are those its current slice has taken already.
    pub fn inbox_len(&self) -> usize {
        self.0.inbox_len()
    }

    /// Sends an exit signal; see [`Peer::exit`].
    pub fn exit(&self, reason: ExitReason) {
        Peer::from(self).exit(reason);
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?})", self.0)
    }
}

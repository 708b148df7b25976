//! What can go wrong with tasks.

use std::fmt;

use crate::ExitReason;

/// A task that gave no value, or not in time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It ended without a value, for this reason; also where that is a normal end.
    Exit(ExitReason),
    /// It was still running. It goes on, but its value is lost.
    Timeout,
    /// The calling process is bound to end, so it must not wait: it ends with the present callback.
    Exiting,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(reason) => write!(f, "the task ended without a value: {reason}"),
            Self::Timeout => f.write_str("the task was still running when the time was over"),
            Self::Exiting => f.write_str("the calling process is bound to end"),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<ExitReason> for JoinError {
    fn from(reason: ExitReason) -> Self {
        Self::Exit(reason)
    }
}

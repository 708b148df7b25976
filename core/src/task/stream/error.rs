//! What can go wrong with a stream of tasks.

use std::fmt;

use crate::{ExitReason, StartDynamicChildError};

/// An item of a stream that is no value.
///
/// After [`Exit`](Self::Exit) the stream goes on; the others end it, with all its tasks stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsyncStreamError<X = ()> {
    /// A task ended without a value.
    Exit {
        /// What it worked on, with `zip_input`.
        input: X,
        /// Why it ended; [`ExitReason::Timeout`] if it was killed for its time.
        reason: ExitReason,
    },
    /// A task took longer than its time, and that is to end the stream ([`OnTimeout::Exit`](super::OnTimeout)).
    Timeout,
    /// The calling process is bound to end.
    Exiting,
    /// A task could not be started; under a supervisor also for want of room.
    Start(StartDynamicChildError),
}

impl<X> fmt::Display for AsyncStreamError<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { reason, .. } => write!(f, "a task ended without a value: {reason}"),
            Self::Timeout => f.write_str("a task took longer than its time"),
            Self::Exiting => f.write_str("the calling process is bound to end"),
            Self::Start(error) => write!(f, "a task could not be started: {error}"),
        }
    }
}

impl<X: fmt::Debug> std::error::Error for AsyncStreamError<X> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            _ => None,
        }
    }
}

/// An option of a stream that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsyncStreamOptionsError {
    /// With no task at a time nothing would ever be done.
    ZeroConcurrency,
    /// A task of a stream must have a limit to its shutdown.
    InfiniteShutdown,
}

impl fmt::Display for AsyncStreamOptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroConcurrency => f.write_str("max_concurrency must be at least 1"),
            Self::InfiniteShutdown => f.write_str("the shutdown of a task in a stream must have a limit"),
        }
    }
}

impl std::error::Error for AsyncStreamOptionsError {}

//! What can go wrong with stages.

use std::fmt;

use genstage_core::{CallError, ExitReason, Pid};

use crate::OptionsError;

/// A subscription that was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscribeError {
    /// An option is out of its bounds. Nothing was sent to the producer.
    Options(OptionsError),
    /// The consumer could not be asked.
    Call(CallError),
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(error) => write!(f, "bad subscription options: {error}"),
            Self::Call(error) => write!(f, "the consumer did not subscribe: {error}"),
        }
    }
}

impl std::error::Error for SubscribeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Options(error) => Some(error),
            Self::Call(error) => Some(error),
        }
    }
}

/// A stream that ended before its producers were done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StreamError {
    /// The producer whose end, or whose refusal, ended the stream.
    pub producer: Pid,
    /// Why.
    pub reason: ExitReason,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream ended because producer {} did: {}", self.producer, self.reason)
    }
}

impl std::error::Error for StreamError {}

/// A stage that ended abnormally, as [`StageRef::wait`](crate::StageRef::wait) reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// It ended for this reason.
    Ended(ExitReason),
    /// A stage waited for itself, or the runtime is shutting down, or, in a simulation, nothing can ever end it.
    Never,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(reason) => write!(f, "the stage ended: {reason}"),
            Self::Never => f.write_str("the stage's end cannot be waited for here"),
        }
    }
}

impl std::error::Error for WaitError {}

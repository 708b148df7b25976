//! What can go wrong.

use std::fmt;

use genstage_core::{CallError, StartError};

/// A child that was not started on request. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartEventChildError {
    /// Its start failed or panicked, or it did not want to ([`StartError::Ignore`]).
    Start(StartError),
    /// The supervisor did not answer.
    Call(CallError),
}

impl fmt::Display for StartEventChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the child did not start: {error}"),
            Self::Call(error) => write!(f, "the supervisor did not answer: {error}"),
        }
    }
}

impl std::error::Error for StartEventChildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Call(error) => Some(error),
        }
    }
}

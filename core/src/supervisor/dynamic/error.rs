//! What can go wrong.

use std::fmt;

use crate::{CallError, StartError};

/// A child that a dynamic supervisor did not start. Nothing of it is kept.
///
/// Specification: D2, D4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartDynamicChildError {
    /// There are as many children as there may be; the start function was not called.
    MaxChildren,
    /// The specification says that it is significant, which has no meaning here. Nothing was sent.
    Significant,
    /// Its start function failed or panicked, or did not want to ([`StartError::Ignore`]).
    Start(StartError),
    /// The supervisor did not answer.
    Call(CallError),
}

impl fmt::Display for StartDynamicChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxChildren => f.write_str("there are as many children as there may be"),
            Self::Significant => f.write_str("a dynamic supervisor has no significant children"),
            Self::Start(error) => write!(f, "the child did not start: {error}"),
            Self::Call(error) => write!(f, "the supervisor did not answer: {error}"),
        }
    }
}

impl std::error::Error for StartDynamicChildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::MaxChildren | Self::Significant => None,
        }
    }
}

impl From<CallError> for StartDynamicChildError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

//! What can go wrong.

use std::fmt;

use crate::{CallError, ExitReason, StartError};

/// A partition that was not found.
///
/// Specification: PS4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionError {
    /// The supervisor is dead.
    NoProc,
    /// There are none: the supervisor was resized to zero.
    NoPartitions,
    /// This one has never run: it ignored its start.
    NotStarted(usize),
}

impl fmt::Display for PartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("the partition supervisor is dead"),
            Self::NoPartitions => f.write_str("there are zero partitions"),
            Self::NotStarted(index) => write!(f, "partition {index} has never run"),
        }
    }
}

impl std::error::Error for PartitionError {}

/// A partition supervisor that was not resized. It has as many partitions as before, unless it is dead.
///
/// Specification: PS5.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeError {
    /// There may never be more than there were at the start: these.
    TooMany(usize),
    /// This partition did not start again.
    Start(usize, StartError),
    /// The supervisor did not answer.
    Call(CallError),
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(max) => {
                write!(f, "there may be {max} partitions at most, as many as there were at the start")
            }
            Self::Start(index, error) => write!(f, "partition {index} did not start again: {error}"),
            Self::Call(error) => write!(f, "the partition supervisor did not answer: {error}"),
        }
    }
}

impl std::error::Error for ResizeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooMany(_) => None,
            Self::Start(_, error) => Some(error),
            Self::Call(error) => Some(error),
        }
    }
}

impl From<CallError> for ResizeError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// What is wrong with the options of a partition supervisor, beyond what is wrong with those of any
/// ([`InvalidSupervisor`](crate::InvalidSupervisor)). Nothing has been started.
///
/// Specification: PS1. What types rule out has no case here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPartitions {
    /// Zero of them: it must start with one at least.
    None,
    /// More than 65,536 of them: a number gone wrong.
    TooMany(usize),
    /// They are temporary: one that ended would leave a gap that nothing fills.
    Temporary,
}

impl InvalidPartitions {
    /// What was wrong with the options, if that made this start fail.
    pub fn of(error: &StartError) -> Option<&Self> {
        match error {
            StartError::Init(ExitReason::Other(detail)) => detail.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for InvalidPartitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("zero partitions; there must be one at least"),
            Self::TooMany(partitions) => write!(f, "{partitions} partitions; the most are {}", super::MOST_PARTITIONS),
            Self::Temporary => f.write_str("partitions cannot be temporary"),
        }
    }
}

impl std::error::Error for InvalidPartitions {}

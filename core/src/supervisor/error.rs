//! What can go wrong with a supervisor, one small type for each operation.

use std::fmt;

use super::flags::InvalidSupervisor;
use super::spec::ChildId;
use crate::{CallError, ExitReason, Pid, StartError};

/// Why a supervisor did not start: this child did not. It is carried by the reason the supervisor ends with.
///
/// Specification: S2.3.
///
/// ```
/// use genstage_core::{Address, ChildSpec, ExitReason, FailedToStartChild, StartError, Strategy, Supervisor};
///
/// let broken = ChildSpec::new("broken", || Err::<Address<()>, _>(StartError::Init(ExitReason::other("no disk"))));
/// let error = Supervisor::new(Strategy::OneForOne).child(broken).start_link().unwrap_err();
/// let failed = FailedToStartChild::of(&error).unwrap();
/// assert_eq!(failed.id, "broken".into());
/// assert_eq!(failed.error, StartError::Init(ExitReason::other("no disk")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedToStartChild {
    /// Which child.
    pub id: ChildId,
    /// Why it did not start.
    pub error: StartError,
}

impl FailedToStartChild {
    /// The child that made this start of a supervisor fail, if one did.
    pub fn of(error: &StartError) -> Option<&Self> {
        match error {
            StartError::Init(ExitReason::ShutdownWith(detail)) => detail.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for FailedToStartChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child `{}` did not start: {}", self.id, self.error)
    }
}

impl std::error::Error for FailedToStartChild {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl InvalidSupervisor {
    /// What was wrong with the options or the children, if that made this start fail.
    pub fn of(error: &StartError) -> Option<&Self> {
        match error {
            StartError::Init(ExitReason::Other(detail)) => detail.downcast_ref(),
            _ => None,
        }
    }
}

/// A child that was not added. Nothing of it is kept.
///
/// Specification: S7.6, S2.2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartChildError {
    /// There is a child with this id, and it runs as this process. Or the start function says so of a name.
    AlreadyStarted(Pid),
    /// There is a child with this id, and it does not run: [`restart_child`](crate::SupervisorRef::restart_child) starts it.
    AlreadyPresent,
    /// This supervisor can have no such child.
    Invalid(InvalidSupervisor),
    /// Its start function failed or panicked.
    Start(StartError),
    /// The supervisor did not answer.
    Call(CallError),
}

/// A child that was not started again. Its specification is kept.
///
/// Specification: section 7.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartChildError {
    /// The supervisor has no such child.
    NotFound,
    /// It runs.
    Running,
    /// The supervisor is trying already.
    Restarting,
    /// Its start function failed or panicked.
    Start(StartError),
    /// The supervisor did not answer.
    Call(CallError),
}

/// A child that was not terminated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TerminateChildError {
    /// The supervisor has no such child.
    NotFound,
    /// The supervisor did not answer.
    Call(CallError),
}

/// A child whose specification was not deleted.
///
/// Specification: section 7.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeleteChildError {
    /// The supervisor has no such child.
    NotFound,
    /// It runs: terminate it first.
    Running,
    /// The supervisor tries to start it: terminate it first.
    Restarting,
    /// The supervisor did not answer.
    Call(CallError),
}

const NOT_FOUND: &str = "the supervisor has no such child";
const RUNNING: &str = "the child runs";
const RESTARTING: &str = "the child is being restarted";

impl fmt::Display for StartChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyStarted(pid) => write!(f, "it runs already as process {pid}"),
            Self::AlreadyPresent => f.write_str("there is a child with this id, which does not run"),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Start(error) => write!(f, "the child did not start: {error}"),
            Self::Call(error) => not_answered(error, f),
        }
    }
}

impl fmt::Display for RestartChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(NOT_FOUND),
            Self::Running => f.write_str(RUNNING),
            Self::Restarting => f.write_str(RESTARTING),
            Self::Start(error) => write!(f, "the child did not start: {error}"),
            Self::Call(error) => not_answered(error, f),
        }
    }
}

impl fmt::Display for TerminateChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(NOT_FOUND),
            Self::Call(error) => not_answered(error, f),
        }
    }
}

impl fmt::Display for DeleteChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(NOT_FOUND),
            Self::Running => f.write_str(RUNNING),
            Self::Restarting => f.write_str(RESTARTING),
            Self::Call(error) => not_answered(error, f),
        }
    }
}

fn not_answered(error: &CallError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "the supervisor did not answer: {error}")
}

macro_rules! errors {
    ($($error:ident $($source:ident)*;)*) => {$(
        impl std::error::Error for $error {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                match self {
                    $(Self::$source(source) => Some(source),)*
                    _ => None,
                }
            }
        }
    )*};
}

errors! {
    StartChildError Invalid Start Call;
    RestartChildError Start Call;
    TerminateChildError Call;
    DeleteChildError Call;
}

macro_rules! from_call_error {
    ($($error:ident)*) => {$(
        impl From<CallError> for $error {
            fn from(error: CallError) -> Self {
                Self::Call(error)
            }
        }
    )*};
}

from_call_error! { StartChildError RestartChildError TerminateChildError DeleteChildError }

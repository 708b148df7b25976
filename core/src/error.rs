//! What can go wrong, one small type for each operation.

use std::fmt;

use crate::runtime::{LEAST_STACK, MOST_WORKERS};
use crate::{ExitReason, Pid};

/// A message that could not be sent: the process is dead.
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<M> {
    /// Who it was for.
    pub process: Pid,
    /// What was sent.
    pub message: M,
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} is dead; the message is handed back", self.process)
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendError({})", self.process)
    }
}

impl<M> std::error::Error for SendError<M> {}

/// A message that could not be sent to a name.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameSendError<M> {
    /// Nobody has the name.
    Unknown(M),
    /// Who has it takes other messages.
    OtherMessages(M),
    /// Who has it is dead or bound to die.
    Dead(M),
}

impl<M> NameSendError<M> {
    /// What was sent.
    pub fn into_message(self) -> M {
        match self {
            Self::Unknown(message) | Self::OtherMessages(message) | Self::Dead(message) => message,
        }
    }
}

impl<M> fmt::Display for NameSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => "nobody has the name; the message is handed back",
            Self::OtherMessages(_) => "who has the name takes other messages; the message is handed back",
            Self::Dead(_) => "who has the name is dead; the message is handed back",
        })
    }
}

impl<M> fmt::Debug for NameSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => "Unknown(..)",
            Self::OtherMessages(_) => "OtherMessages(..)",
            Self::Dead(_) => "Dead(..)",
        })
    }
}

impl<M> std::error::Error for NameSendError<M> {}

/// A process that did not stop as it was asked to.
///
/// Specification: G5.8.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopError {
    /// It was dead already, or nobody has the name.
    NoProc,
    /// A process cannot wait for its own end, nor for that of who is just starting it. Return
    /// [`Outcome::Stop`](crate::Outcome) instead.
    CallingSelf,
    /// It has not ended in time. The order stands: it will, when it comes to it.
    Timeout,
    /// The caller is bound to end itself, and waits no longer. The order stands.
    Exiting,
    /// It ended for another reason.
    Ended(ExitReason),
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("the process is dead"),
            Self::CallingSelf => f.write_str("a process cannot wait for its own end"),
            Self::Timeout => f.write_str("the process has not ended in time"),
            Self::Exiting => f.write_str("the caller is bound to end itself"),
            Self::Ended(reason) => write!(f, "the process ended for another reason: {reason}"),
        }
    }
}

impl std::error::Error for StopError {}

/// A link to a process that is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The dead one.
    pub process: Pid,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot link to process {}: it is dead", self.process)
    }
}

impl std::error::Error for LinkError {}

/// A process that did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The name is taken, by this process.
    AlreadyStarted(Pid),
    /// The name cannot be given to it.
    Name(RegisterError),
    /// `init` stopped or panicked, with this reason.
    Init(ExitReason),
    /// `init` did not want to run, which is no fault ([`Init::Ignore`](crate::Init)).
    Ignore,
    /// `init` took longer than [`StartOptions::timeout`](crate::StartOptions::timeout) allows.
    Timeout,
    /// A start within a start, and so on, deeper than the stack of a thread allows for.
    TooDeep,
    /// The runtime is shutting down and starts no more processes.
    ShutDown,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyStarted(pid) => write!(f, "the name is taken by process {pid}"),
            Self::Name(error) => write!(f, "it cannot have its name: {error}"),
            Self::Init(reason) => write!(f, "init failed: {reason}"),
            Self::Ignore => f.write_str("init did not want to run"),
            Self::Timeout => f.write_str("init took too long"),
            Self::TooDeep => f.write_str("too many starts within starts; let the child start its own children later"),
            Self::ShutDown => f.write_str("the runtime is shutting down"),
        }
    }
}

impl std::error::Error for StartError {}

/// A name that could not be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is taken, by this process.
    NameTaken(Pid),
    /// The process already has this name; a process has one at most.
    HasName(String),
    /// The process is dead.
    Dead(Pid),
    /// Nothing can be registered there.
    NotABook(String),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken(pid) => write!(f, "the name is taken by process {pid}"),
            Self::HasName(name) => write!(f, "the process already has the name `{name}`"),
            Self::Dead(pid) => write!(f, "process {pid} is dead"),
            Self::NotABook(what) => write!(f, "nothing can be registered in {what}"),
        }
    }
}

impl std::error::Error for RegisterError {}

/// A runtime that could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// So many workers: there must be one at least, and 4096 at most.
    Workers(usize),
    /// So few threads: there must be one for each worker at least.
    MaxThreads {
        /// What was asked for.
        threads: usize,
        /// How many workers there are to be.
        workers: usize,
    },
    /// A stack of so few bytes: 65,536 are the least.
    StackSize(usize),
    /// The system refused a thread.
    System(std::io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime could not be built: ")?;
        match self {
            Self::Workers(0) => f.write_str("0 workers; the least is 1"),
            Self::Workers(workers) => write!(f, "{workers} workers; the most are {MOST_WORKERS}"),
            Self::MaxThreads { threads, workers } => {
                write!(f, "max_threads {threads}; the least is one for each of {workers} workers")
            }
            Self::StackSize(bytes) => write!(f, "a stack of {bytes} bytes; the least are {LEAST_STACK}"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

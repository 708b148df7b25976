//! What the runtime itself tells a process.

use crate::{ExitReason, MonitorRef, Pid};

/// What the runtime itself tells a process, in the same queue as its messages.
///
/// Specification: P1.2 (one queue), P4 (exits), P6 (monitors).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// A linked process ended or somebody sent an exit; only for a process that traps exits.
    Exit(Exit),
    /// A monitored process ended, or did not exist.
    Down(Down),
}

/// An exit signal that was trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Who sent it: the linked process that ended, or the caller of `exit`.
    pub from: Pid,
    /// Why.
    pub reason: ExitReason,
}

/// The end of a monitored process. Each monitor fires once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The monitor that fired.
    pub monitor: MonitorRef,
    /// The process that ended.
    pub process: Pid,
    /// Why; [`ExitReason::NoProc`] if it was gone before the monitor was set.
    pub reason: ExitReason,
}

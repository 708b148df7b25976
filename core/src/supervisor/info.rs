//! What a supervisor tells of its children.

use super::spec::{ChildId, ChildType};
use crate::Pid;

/// A child, as [`which_children`](crate::SupervisorRef::which_children) shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its id.
    pub id: ChildId,
    /// What it is doing.
    pub state: ChildState,
    /// What kind of child it is.
    pub child_type: ChildType,
}

/// What a child of a supervisor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It runs as this process.
    Running(Pid),
    /// It failed to start again, and the next try is under way.
    Restarting,
    /// It has ended, or ignored its start, and waits for [`restart_child`](crate::SupervisorRef::restart_child).
    Stopped,
}

impl ChildState {
    /// The process it runs as.
    pub fn pid(self) -> Option<Pid> {
        match self {
            Self::Running(pid) => Some(pid),
            Self::Restarting | Self::Stopped => None,
        }
    }
}

/// How many children a supervisor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChildCounts {
    /// All of them, alive or not.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are workers.
    pub workers: usize,
    /// Those that are supervisors.
    pub supervisors: usize,
}

//! The dynamic supervisor: children come and go at run time.
//!
//! 1. `table` — the children, and what follows from the end of one, pure
//! 2. `spec` — what it is given to start
//! 3. `process` — its loop
//! 4. `options`, `handle` — starting it, asking it

mod error;
mod handle;
mod options;
mod process;
mod spec;
mod table;

pub use error::{StartDynamicError, TerminateChildError};
pub use handle::DynamicSupervisorRef;
pub use options::DynamicSupervisor;
pub use spec::DynamicChildSpec;

use super::{ChildType, Restart};
use crate::Pid;

/// A child of a dynamic supervisor, as [`which_children`](DynamicSupervisorRef::which_children) shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DynamicChildInfo {
    /// Its pid; `None` while it is being restarted.
    pub pid: Option<Pid>,
    /// What kind of child it is.
    pub child_type: ChildType,
    /// When it is restarted.
    pub restart: Restart,
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

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
pub(super) mod spec;
pub(super) mod table;

pub use error::StartDynamicChildError;
pub use handle::DynamicSupervisorRef;
pub use options::DynamicSupervisor;
pub use spec::DynamicChildSpec;

use super::{ChildState, ChildType, Restart};

/// A child of a dynamic supervisor, as [`which_children`](DynamicSupervisorRef::which_children) shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DynamicChildInfo {
    /// What it is doing: it runs or is being restarted.
    pub state: ChildState,
    /// What kind of child it is.
    pub child_type: ChildType,
    /// When it is restarted.
    pub restart: Restart,
}

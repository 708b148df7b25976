//! Supervisors: processes that start others, and start them again.
//!
//! 1. `spec` — what a supervisor knows of a child
//! 2. `child` — the handle that finds the present incarnation

mod child;
mod spec;

pub use child::Child;
pub use spec::{ChildId, ChildPlan, ChildSpec, ChildType, Restart, Shutdown, Started};

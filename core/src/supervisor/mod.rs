//! Supervisors: processes that start others, and start them again.
//!
//! 1. `spec` — what a supervisor knows of a child
//! 2. `child` — the handle that finds the present incarnation
//! 3. `flags` — what all supervisors can be told
//! 4. `intensity` — how many restarts are too many, pure
//! 5. `stop` — stopping children, one by one or all at once

mod child;
mod flags;
mod intensity;
mod spec;
mod stop;

pub use child::Child;
pub use flags::InvalidSupervisor;
pub use spec::{ChildId, ChildPlan, ChildSpec, ChildType, Restart, Shutdown, Started};

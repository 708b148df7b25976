//! Supervisors: processes that start others, and start them again.
//!
//! 1. `spec` — what a supervisor knows of a child
//! 2. `child` — the handle that finds the present incarnation
//! 3. `flags` — what all supervisors can be told
//! 4. `intensity` — how many restarts are too many, pure
//! 5. `stop` — stopping children, one by one or all at once
//! 6. `dynamic` — children that come and go at run time

mod child;
mod dynamic;
mod flags;
mod intensity;
mod spec;
mod stop;

pub use child::Child;
pub use dynamic::{
    ChildCounts, DynamicChildInfo, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef, StartDynamicError,
    TerminateChildError,
};
pub use flags::InvalidSupervisor;
pub use spec::{ChildId, ChildPlan, ChildSpec, ChildType, Restart, Shutdown, Started};

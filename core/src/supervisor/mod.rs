//! Supervisors: processes that start others, and start them again.
//!
//! 1. `spec` — what a supervisor knows of a child
//! 2. `child` — the handle that finds the present incarnation
//! 3. `flags` — what all supervisors can be told
//! 4. `intensity` — how many restarts are too many, pure
//! 5. `stop` — stopping children, one by one or all at once
//! 6. `options` — a supervisor that is to be started
//! 7. `children` — its children, and what its strategy makes of an exit, pure
//! 8. `start`, `process`, `handle` — starting it, its loop, asking it
//! 9. `info`, `error` — its answers
//! 10. `dynamic` — children that come and go at run time
//! 11. `partition` — copies of one child, found by a key
//! 12. `parts` — what supervisors outside this crate are made of

mod child;
mod children;
mod dynamic;
mod error;
mod flags;
mod handle;
mod info;
mod intensity;
mod options;
mod partition;
pub mod parts;
mod process;
mod spec;
mod start;
mod stop;

pub use child::Child;
pub use dynamic::{
    DynamicChildInfo, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef, StartDynamicChildError,
};
pub use error::{DeleteChildError, FailedToStartChild, RestartChildError, StartChildError, TerminateChildError};
pub use flags::InvalidSupervisor;
pub use handle::SupervisorRef;
pub use info::{ChildCounts, ChildInfo, ChildState};
pub use options::{AutoShutdown, Strategy, Supervise, Supervisor};
pub use partition::{InvalidPartitions, PartitionError, PartitionSupervisor, PartitionSupervisorRef, ResizeError};
pub use spec::{ChildId, ChildPlan, ChildSpec, ChildType, Restart, Shutdown, Started};

//! Tasks: work that is done in a process of its own, and whose value is wanted.
//!
//! 1. `work` — what a task does: a closure or a future, and the bodies that do it
//! 2. `slot` — where the outcome is put, and who is told of it
//! 3. `launch` — starting a task's process, and ending it
//! 4. `handle` — joining, yielding, shutting down, delivering
//! 5. `group`, `many` — waiting for several at once
//! 6. `stream` — a task for each input, a few at a time
//! 7. `supervisor` — tasks under a supervisor
//!
//! Specification: T1 to T4, TS1 to TS7.

mod error;
mod group;
mod handle;
mod launch;
mod many;
mod slot;
mod stream;
mod supervisor;
mod work;

pub use error::JoinError;
pub use handle::Task;
pub use many::{YieldOptions, YieldTimeout, join_many, join_many_async, yield_many, yield_many_async};
pub use stream::{
    AsyncStream, AsyncStreamError, AsyncStreamOptionsError, AsyncTaskOutcomes, OnTimeout, TaskOutcomes, async_stream,
};
pub use supervisor::{TaskSupervisor, TaskSupervisorRef};
pub use work::Work;

//! Processes: one inbox, one body, one callback at a time.
//!
//! 1. `cell` — a process as the runtime knows it; its life and death
//! 2. `inbox` — its queue and its phase, pure
//! 3. `relations` — its links and monitors, pure
//! 4. `address`, `peer` — a process as others know it, with and without its messages
//! 5. `own` — what a process can do for itself
//! 6. `server`, `mailbox`, `thread` — the three kinds of bodies: callbacks, a future, a thread's own
//! 7. `start` — starting them
//! 8. `current` — which process the calling thread stands for

mod address;
mod cell;
pub(crate) mod current;
mod inbox;
mod mailbox;
mod own;
mod peer;
mod relations;
mod server;
mod start;
mod thread;

pub use address::Address;
pub(crate) use cell::AnyProcess;
pub use inbox::Mail;
pub use mailbox::{IntoExit, Mailbox};
pub use own::{Own, current_pid, may_block, send_after};
pub(crate) use own::{describe, send_after_named};
pub use peer::Peer;
pub use server::{Init, Outcome, Process, ProcessContext};
pub use start::{StartOptions, spawn, spawn_link, spawn_monitor, spawn_with, start, start_with};
pub use thread::ThreadProcess;

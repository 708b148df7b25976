//! Processes: one inbox, one body, one callback at a time.
//!
//! 1. `cell` — a process as the runtime knows it; its life and death
//! 2. `inbox` — its queue and its phase, pure
//! 3. `relations` — its links and monitors, pure
//! 4. `address`, `peer`, `any` — a process as others know it, with and without its messages
//! 5. `own` — what a process can do for itself
//! 6. `server`, `mailbox`, `thread` — the three kinds of bodies: callbacks, a future, a thread's own
//! 7. `start`, `family`, `init` — starting them, tied to their starter, within a time; `run` — a thread for a while
//! 8. `rare`, `dictionary`, `lineage` — what few of them have: a name, a label, a dictionary, children
//! 9. `info`, `crash` — what is shown of them, alive and dead
//! 10. `current` — which process the calling thread stands for

mod address;
mod any;
mod cell;
mod crash;
pub(crate) mod current;
pub mod dictionary;
pub(crate) mod doom;
mod family;
mod inbox;
mod info;
mod init;
mod lineage;
mod mailbox;
mod own;
mod peer;
mod rare;
mod relations;
mod run;
mod server;
mod start;
mod thread;

pub use address::Address;
pub(crate) use any::AnyProcess;
pub(crate) use cell::Turn;
pub use crash::CrashReport;
pub(crate) use crash::Hook;
pub use inbox::Mail;
pub use info::{Priority, ProcessInfo, Status};
pub use lineage::Ancestor;
pub use mailbox::{IntoExit, Mailbox};
pub(crate) use own::describe;
pub use own::{Own, current_pid, may_block};
pub use peer::Peer;
pub use run::{run, run_with_inbox};
pub use server::{Init, Outcome, Process, ProcessContext};
pub(crate) use start::start_future;
pub use start::{
    Alone, StartOptions, StartResult, Watched, spawn, spawn_link, spawn_monitor, spawn_with, start, start_with,
};
pub use thread::ThreadProcess;

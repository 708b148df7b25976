//! Processes: one inbox, one body, one callback at a time.
//!
//! 1. `cell` — a process as the runtime knows it; its life and death
//! 2. `inbox` — its queue and its phase, pure
//! 3. `relations` — its links and monitors, pure
//! 4. `address`, `peer`, `any` — a process as others know it, with and without its messages
//! 5. `own` — what a process can do for itself
//! 6. `server`, `mailbox`, `called`, `thread` — the four kinds of bodies: callbacks, a future, one call, a thread's own
//! 7. `start`, `family`, `init` — starting them, tied to their starter, within a time; `run` — a thread for a while
//! 8. `rare`, `dictionary`, `lineage` — what few of them have: a name, a label, a dictionary, children
//! 9. `info`, `crash` — what is shown of them, alive and dead
//! 10. `current` — which process the calling thread stands for
//! 11. `waiting`, `doom` — waits inside callbacks that end when their process must
//! 12. `patience` — until when a future waits for replies, pure

mod address;
mod any;
pub(crate) mod called;
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
mod patience;
mod peer;
mod rare;
mod relations;
mod run;
mod server;
mod since;
mod slice;
mod start;
mod thread;
mod waiting;

pub use address::Address;
pub(crate) use any::AnyProcess;
pub(crate) use cell::{Body, BoxedBody, Cell, Home, Turn};
pub use crash::CrashReport;
pub(crate) use crash::Hook;
pub(crate) use family::Family;
pub(crate) use inbox::Inbox;
pub use inbox::Mail;
pub use info::{Priority, ProcessInfo, Status};
pub use lineage::Ancestor;
pub(crate) use lineage::Client;
pub(crate) use mailbox::FutureBody;
pub use mailbox::{IntoExit, Mailbox};
pub use own::{Own, current_pid, may_block};
pub(crate) use own::{describe, link};
pub use peer::Peer;
pub(crate) use relations::Observer;
pub use run::{run, run_with_inbox};
pub use server::{Init, Outcome, Process, ProcessContext};
pub use start::{
    Alone, StartOptions, StartResult, Watched, spawn, spawn_link, spawn_monitor, spawn_with, start, start_with,
};
pub(crate) use start::{enter, start_future};
pub use thread::ThreadProcess;
pub(crate) use waiting::{Waited, wait_while_alive};

//! The actor runtime beneath genstage: processes with links, monitors, exit signals, timers and names.
#![doc = ""]
pub(crate) mod log;

mod error;
mod names;
mod pid;
mod process;
mod reason;
mod reply;
mod runtime;
mod scheduler;
mod signal;
mod simulation;
mod sync;
mod table;
mod timer;

pub use error::{BuildError, LinkError, RegisterError, SendError, StartError};
pub use pid::{MonitorRef, Pid};
pub use process::{
    Address, Context, IntoExit, Mail, Mailbox, Outcome, Own, Peer, Process, StartOptions, ThreadProcess, may_block,
    send_after, spawn, spawn_link, spawn_monitor, spawn_with, start, start_with,
};
pub use reason::{Detail, ExitReason, Panic, Reason};
pub use reply::{CALL_TIMEOUT, CallError, ReplyTo, Request};
pub use runtime::{Builder, Entered, Runtime, register, registered, unregister, whereis};
pub use signal::{Down, Exit, Signal};
pub use simulation::Simulation;
pub use timer::Timer;

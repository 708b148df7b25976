//! Looking into a running server, or a stage: its state, its statistics, what it does; and suspending it.
//!
//! All are requests that wait in the queue like others, but they are also served while the process is suspended. They
//! wait five seconds at most, and fail as calls do. They take a [`ServerRef`](crate::ServerRef), a supervisor's
//! [`Child`](crate::Child) handle, or whatever else is a [`Target`].
//!
//! They wait in their thread. A future has a task ask: `Task::spawn(move || sys::get_state(&server)).await`.
//!
//! Specification: section 6 of the runtime rules.
//!
//! ```
//! use genstage_core::{Context, GenServer, Outcome, sys};
//!
//! #[derive(Clone, Debug, PartialEq)]
//! struct Total(u64);
//!
//! impl GenServer for Total {
//!     type Message = u64;
//!
//!     fn handle_cast(&mut self, n: u64, _cx: &mut Context<'_, Self>) -> Outcome {
//!         self.0 += n;
//!         Outcome::Continue
//!     }
//! }
//!
//! let total = Total(0).start()?;
//! sys::statistics_on(&total)?;
//! total.cast(2);
//! sys::suspend(&total)?;
//! total.cast(40); // waits
//! assert_eq!(sys::get_state(&total)?, Total(2));
//! sys::resume(&total)?;
//! assert_eq!(sys::get_state(&total)?, Total(42));
//! assert_eq!(sys::statistics(&total)?.map(|statistics| statistics.messages_in), Some(2));
//! assert_eq!(sys::replace_state(&total, |_| Total(7))?, Total(7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod state;
mod target;
mod trace;
mod watchers;

pub use event::{Event, Hook};
pub use state::{StateError, Status, get_state, get_status, replace_state, resume, suspend};
pub use target::{Inspected, Target};
pub use trace::{
    install, log, log_off, log_on, no_debug, remove, statistics, statistics_off, statistics_on, trace, trace_off,
};
pub use watchers::{Statistics, Watchers};

//! Looking into a running server: its state, its statistics, what it does; and suspending it.
//!
//! All are requests that wait in the queue like others, but they are also served while the server is suspended. They
//! wait five seconds at most, and fail as calls do.
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

mod debug;
mod event;
mod state;
mod trace;

pub(crate) use debug::Debug;
pub use debug::Statistics;
pub use event::{Event, Hook};
pub use state::{StateError, Status, get_state, get_status, replace_state, resume, suspend};
pub use trace::{
    install, log, log_off, log_on, no_debug, remove, statistics, statistics_off, statistics_on, trace, trace_off,
};

use crate::gen_server::{Order, Serve, ServerMail};
use crate::{CALL_TIMEOUT, CallError, GenServer, ServerRef};

/// Runs a function in the server's loop, between its callbacks.
fn within<S: GenServer, T: Send + 'static>(
    server: &ServerRef<S>,
    function: impl FnOnce(&mut Serve<S>, &crate::ProcessContext<'_, ServerMail<S>>) -> T + Send + 'static,
) -> Result<T, CallError> {
    let address = server.address().ok_or(CallError::NoProc)?;
    address.call_with(CALL_TIMEOUT, |reply| {
        ServerMail(Order::System(Box::new(move |serve, cx| reply.send(function(serve, cx)))))
    })
}

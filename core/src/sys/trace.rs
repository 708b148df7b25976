//! What a process does, as it does it.

use super::{Event, Hook, Statistics, Target};
use crate::CallError;

/// The hook of [`trace`].
const TRACE: &str = "trace";

/// Calls a function with each event, from the process's own loop, until it is done; a panic in it counts as done and harms
/// nobody. False: a hook of this name is there already (Y8).
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn install<P: Target>(
    process: &P,
    name: impl Into<String>,
    hook: impl FnMut(&Event) -> Hook + Send + 'static,
) -> Result<bool, CallError> {
    let name = name.into();
    process.inspect(move |inside| inside.watchers().install(name, Box::new(hook)))
}

/// Removes a hook. False: there is none of this name.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn remove<P: Target>(process: &P, name: impl Into<String>) -> Result<bool, CallError> {
    let name = name.into();
    process.inspect(move |inside| inside.watchers().remove(&name))
}

/// Calls a function with each event, until [`trace_off`] (Y6). One at a time: a second takes the place of the first.
///
/// # Errors
///
/// [`CallError`], as calls.
///
/// ```
/// # use genstage_core::{GenServer, sys};
/// # struct Quiet;
/// # impl GenServer for Quiet { type Message = (); }
/// # let server = Quiet.start()?;
/// let (report, reports) = std::sync::mpsc::channel();
/// sys::trace(&server, move |event| { let _ = report.send(event.to_string()); })?;
/// server.cast(());
/// assert_eq!(reports.recv()?, "got cast ()");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn trace<P: Target>(process: &P, mut tell: impl FnMut(&Event) + Send + 'static) -> Result<(), CallError> {
    process.inspect(move |inside| {
        let hook = move |event: &Event| {
            tell(event);
            Hook::Keep
        };
        inside.watchers().remove(TRACE);
        inside.watchers().install(TRACE.to_owned(), Box::new(hook));
    })
}

/// Ends [`trace`].
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn trace_off<P: Target>(process: &P) -> Result<(), CallError> {
    remove(process, TRACE).map(drop)
}

/// Keeps the last events, so many; ten are usual (Y7).
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn log_on<P: Target>(process: &P, events: usize) -> Result<(), CallError> {
    process.inspect(move |inside| inside.watchers().log(Some(events)))
}

/// Ends [`log_on`].
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn log_off<P: Target>(process: &P) -> Result<(), CallError> {
    process.inspect(|inside| inside.watchers().log(None))
}

/// The events that were kept, oldest first.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn log<P: Target>(process: &P) -> Result<Vec<Event>, CallError> {
    process.inspect(|inside| inside.watchers().logged())
}

/// Counts from now on what the process does (Y5). Turning it on twice does not begin anew.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn statistics_on<P: Target>(process: &P) -> Result<(), CallError> {
    process.inspect(|inside| {
        let now = inside.now();
        inside.watchers().statistics_on(now);
    })
}

/// Ends [`statistics_on`].
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn statistics_off<P: Target>(process: &P) -> Result<(), CallError> {
    process.inspect(|inside| inside.watchers().statistics_off())
}

/// What the process has done; `None` if nobody counts.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn statistics<P: Target>(process: &P) -> Result<Option<Statistics>, CallError> {
    process.inspect(|inside| {
        let now = inside.now();
        inside.watchers().statistics(now)
    })
}

/// Removes all hooks, the log and the statistics.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn no_debug<P: Target>(process: &P) -> Result<(), CallError> {
    process.inspect(|inside| inside.watchers().clear())
}

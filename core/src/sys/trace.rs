//! What a server does, as it does it.

use super::{Event, Hook, Statistics, within};
use crate::{CallError, GenServer, ServerRef};

/// The hook of [`trace`].
const TRACE: &str = "trace";

/// Calls a function with each event, from the server's own loop, until it is done; a panic in it counts as done and harms
/// nobody. False: a hook of this name is there already (Y8).
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn install<S: GenServer>(
    server: &ServerRef<S>,
    name: impl Into<String>,
    hook: impl FnMut(&Event) -> Hook + Send + 'static,
) -> Result<bool, CallError> {
    let name = name.into();
    within(server, move |serve, _| serve.debug.install(name, Box::new(hook)))
}

/// Removes a hook. False: there is none of this name.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn remove<S: GenServer>(server: &ServerRef<S>, name: impl Into<String>) -> Result<bool, CallError> {
    let name = name.into();
    within(server, move |serve, _| serve.debug.remove(&name))
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
pub fn trace<S: GenServer>(
    server: &ServerRef<S>,
    mut tell: impl FnMut(&Event) + Send + 'static,
) -> Result<(), CallError> {
    within(server, move |serve, _| {
        let hook = move |event: &Event| {
            tell(event);
            Hook::Keep
        };
        serve.debug.remove(TRACE);
        serve.debug.install(TRACE.to_owned(), Box::new(hook));
    })
}

/// Ends [`trace`].
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn trace_off<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    remove(server, TRACE).map(drop)
}

/// Keeps the last events, so many; ten are usual (Y7).
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn log_on<S: GenServer>(server: &ServerRef<S>, events: usize) -> Result<(), CallError> {
    within(server, move |serve, _| serve.debug.log(Some(events)))
}

/// Ends [`log_on`].
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn log_off<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    within(server, |serve, _| serve.debug.log(None))
}

/// The events that were kept, oldest first.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn log<S: GenServer>(server: &ServerRef<S>) -> Result<Vec<Event>, CallError> {
    within(server, |serve, _| serve.debug.logged())
}

/// Counts from now on what the server does (Y5). Turning it on twice does not begin anew.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn statistics_on<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    within(server, |serve, cx| serve.debug.statistics_on(cx.now()))
}

/// Ends [`statistics_on`].
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn statistics_off<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    within(server, |serve, _| serve.debug.statistics_off())
}

/// What the server has done; `None` if nobody counts.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn statistics<S: GenServer>(server: &ServerRef<S>) -> Result<Option<Statistics>, CallError> {
    within(server, |serve, cx| serve.debug.statistics(cx.now()))
}

/// Removes all hooks, the log and the statistics.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn no_debug<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    within(server, |serve, _| serve.debug.clear())
}

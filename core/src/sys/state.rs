//! The state of a server, and whether it runs.

use std::fmt;

use super::within;
use crate::gen_server::Serve;
use crate::reason::Panic;
use crate::{CallError, GenServer, Pid, ServerRef};

/// A copy of the state.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn get_state<S: GenServer + Clone>(server: &ServerRef<S>) -> Result<S, CallError> {
    within(server, |serve, _| serve.server.clone())
}

/// Replaces the state by what a function makes of it, and returns a copy of the new one.
///
/// # Errors
///
/// [`ReplaceError::CallbackFailed`] if the function panics: the state stays, and the server lives (Y2). Otherwise as calls.
pub fn replace_state<S: GenServer + Clone>(
    server: &ServerRef<S>,
    replace: impl FnOnce(S) -> S + Send + 'static,
) -> Result<S, ReplaceError> {
    let replaced = within(server, |serve, _| {
        let before = serve.server.clone();
        let after = Panic::catch(|| {
            let after = replace(before);
            (after.clone(), after)
        });
        after.map(|(copy, after)| {
            let before = std::mem::replace(&mut serve.server, after);
            let _ = Panic::catch(|| drop(before));
            copy
        })
    });
    replaced.map_err(ReplaceError::Call)?.map_err(ReplaceError::CallbackFailed)
}

/// A state that was not replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The function panicked.
    CallbackFailed(crate::Panic),
    /// The server could not be asked.
    Call(CallError),
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallbackFailed(panic) => write!(f, "the function panicked, and the state stays: {}", panic.message()),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReplaceError {}

/// How a server is.
///
/// Specification: Y4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Its pid.
    pub pid: Pid,
    /// The type of its state.
    pub behaviour: &'static str,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Its state, as `Debug` shows it.
    pub state: String,
    /// The last events, if its log is on.
    pub log: Vec<super::Event>,
}

/// How a server is; its state as `Debug` shows it.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn get_status<S: GenServer + fmt::Debug>(server: &ServerRef<S>) -> Result<Status, CallError> {
    within(server, |serve, cx| Status {
        pid: cx.pid(),
        behaviour: std::any::type_name::<S>(),
        suspended: serve.is_suspended(),
        state: format!("{:?}", serve.server),
        log: serve.debug.logged(),
    })
}

/// From now on only sys requests, stops and the end of the parent are handled; everything else waits, in its order (Y3). Twice
/// is as good as once.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn suspend<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    within(server, |serve, _| serve.suspend())
}

/// What has waited is handled, before anything that came later.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn resume<S: GenServer>(server: &ServerRef<S>) -> Result<(), CallError> {
    within(server, Serve::resume)
}

//! The state of a server, and whether it runs.

use std::fmt;

use super::within;
use crate::gen_server::{Cx, Serve};
use crate::reason::Panic;
use crate::{CallError, GenServer, Pid, ServerRef};

/// A copy of the state.
///
/// # Errors
///
/// [`StateError::CallbackFailed`] if it panics when it is copied: the server lives. Otherwise as calls.
pub fn get_state<S: GenServer + Clone>(server: &ServerRef<S>) -> Result<S, StateError> {
    look(server, |serve, _| serve.server.clone())
}

/// Runs the user's code in the server's loop without risk to the server.
fn look<S: GenServer, T: Send + 'static>(
    server: &ServerRef<S>,
    look: impl FnOnce(&mut Serve<S>, &Cx<'_, S>) -> T + Send + 'static,
) -> Result<T, StateError> {
    let looked = within(server, |serve, cx| Panic::catch(|| look(serve, cx)));
    looked.map_err(StateError::Call)?.map_err(StateError::CallbackFailed)
}

/// Replaces the state by what a function makes of it, and returns a copy of the new one.
///
/// # Errors
///
/// [`StateError::CallbackFailed`] if the function panics: the state stays, and the server lives (Y2). Otherwise as calls.
pub fn replace_state<S: GenServer + Clone>(
    server: &ServerRef<S>,
    replace: impl FnOnce(S) -> S + Send + 'static,
) -> Result<S, StateError> {
    look(server, |serve, _| {
        let after = replace(serve.server.clone());
        let copy = after.clone();
        let before = std::mem::replace(&mut serve.server, after);
        let _ = Panic::catch(|| drop(before));
        copy
    })
}

/// A state that could not be looked at, or not be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// The function, or the state's own `Clone` or `Debug`, panicked. The state stays, and the server lives (Y2).
    CallbackFailed(crate::Panic),
    /// The server could not be asked.
    Call(CallError),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallbackFailed(panic) => {
                write!(f, "looking at the state panicked, and it stays as it is: {}", panic.message())
            }
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StateError {}

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
/// [`StateError`], as [`get_state`].
pub fn get_status<S: GenServer + fmt::Debug>(server: &ServerRef<S>) -> Result<Status, StateError> {
    look(server, |serve, cx| Status {
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

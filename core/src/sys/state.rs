//! The state of a process, and whether it runs.

use std::fmt;

use super::{Inspected, Target};
use crate::reason::Panic;
use crate::{CallError, Peer, Pid};

/// A copy of the state.
///
/// # Errors
///
/// [`StateError::CallbackFailed`] if it panics when it is copied: the server lives. Otherwise as calls.
pub fn get_state<P: Target<State: Clone>>(process: &P) -> Result<P::State, StateError> {
    look(process, |inside| inside.state().clone())
}

/// Runs the user's code in the process's loop without risk to the process.
fn look<P: Target, T: Send + 'static>(
    process: &P,
    look: impl FnOnce(&mut dyn Inspected<State = P::State, Detail = P::Detail>) -> T + Send + 'static,
) -> Result<T, StateError> {
    let looked = process.inspect(|inside| Panic::catch(|| look(inside)));
    looked.map_err(StateError::Call)?.map_err(StateError::CallbackFailed)
}

/// Replaces the state by what a function makes of it, and returns a copy of the new one.
///
/// # Errors
///
/// [`StateError::CallbackFailed`] if the function panics: the state stays, and the server lives (Y2). Otherwise as calls.
pub fn replace_state<P: Target<State: Clone>>(
    process: &P,
    replace: impl FnOnce(P::State) -> P::State + Send + 'static,
) -> Result<P::State, StateError> {
    look(process, |inside| {
        let state = inside.state();
        let after = replace(state.clone());
        let copy = after.clone();
        let before = std::mem::replace(state, after);
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

/// How a process is.
///
/// Specification: Y4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status<D = ()> {
    /// Its pid.
    pub pid: Pid,
    /// The type of its state.
    pub behaviour: &'static str,
    /// Who started it; `None` is a plain thread.
    pub parent: Option<Pid>,
    /// Its dictionary: types and values, as their debug texts.
    pub dictionary: Vec<(&'static str, String)>,
    /// Whether it is suspended.
    pub suspended: bool,
    /// What watches it: the names of its hooks in the order of their coming, then `log` and `statistics` where they are on.
    pub watched_by: Vec<String>,
    /// Its state, as `Debug` shows it.
    pub state: String,
    /// The last events, if its log is on.
    pub log: Vec<super::Event>,
    /// What a process of its kind tells of itself besides: of a stage its dispatcher, buffer and subscriptions.
    pub detail: D,
}

/// How a process is; its state as `Debug` shows it.
///
/// # Errors
///
/// [`StateError`], as [`get_state`].
pub fn get_status<P: Target<State: fmt::Debug>>(process: &P) -> Result<Status<P::Detail>, StateError> {
    look(process, |inside| {
        let pid = inside.pid();
        let info = Peer::from(pid).info();
        Status {
            pid,
            behaviour: inside.behaviour(),
            parent: info.as_ref().and_then(|info| info.ancestors.first()).map(|parent| parent.pid),
            dictionary: info.map(|info| info.dictionary).unwrap_or_default(),
            suspended: inside.is_suspended(),
            watched_by: inside.watchers().names(),
            state: format!("{:?}", inside.state()),
            log: inside.watchers().logged(),
            detail: inside.detail(),
        }
    })
}

/// From now on only sys requests, stops and the end of the parent are handled; everything else waits, in its order (Y3). Twice
/// is as good as once.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn suspend<P: Target>(process: &P) -> Result<(), CallError> {
    process.inspect(|inside| inside.suspend())
}

/// What has waited is handled, before anything that came later.
///
/// # Errors
///
/// [`CallError`], as calls.
pub fn resume<P: Target>(process: &P) -> Result<(), CallError> {
    process.inspect(|inside| inside.resume())
}

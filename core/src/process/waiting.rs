//! Waits inside a callback: they end early when an exit signal hits their process, so that it can die.

use std::time::Duration;

use super::{Peer, current};
use crate::runtime::engine::{Engine, GaveUp};

/// What a wait came to.
#[derive(Debug)]
pub(crate) enum Waited<T> {
    Ready(T),
    /// The deadline passed, or, in a simulation, nothing can ever make it ready.
    TimedOut,
    /// The calling process is bound to end.
    Doomed,
}

/// As [`Engine::wait_in_process`]. What is ready counts for nothing once the caller is bound to end: so the crash of a linked
/// process ends the caller before it can act on it.
pub(crate) fn wait_while_alive<T>(
    engine: &Engine,
    deadline: Option<Duration>,
    mut ready: impl FnMut() -> Option<T>,
) -> Waited<T> {
    let caller = current::pid().map(Peer::from);
    let process = caller.as_ref().and_then(Peer::process);
    let doomed = || process.is_some_and(|process| process.is_bound_to_end());
    let ready = || if doomed() { Some(Waited::Doomed) } else { ready().map(Waited::Ready) };
    match engine.wait_in_process(deadline, ready) {
        Ok(waited) => waited,
        Err(GaveUp::Late) => Waited::TimedOut,
        Err(GaveUp::Exiting) => Waited::Doomed,
    }
}

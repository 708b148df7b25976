//! Waits inside a callback: they end early when an exit signal hits their process, so that it can die.

use std::time::Duration;

use super::{Peer, current};
use crate::runtime::engine::Engine;

/// What a wait came to.
#[derive(Debug)]
pub(crate) enum Waited<T> {
    Ready(T),
    /// The deadline passed, or, in a simulation, nothing can ever make it ready.
    TimedOut,
    /// The calling process is bound to end.
    Doomed,
}

/// As [`Engine::wait`], but no longer than the calling process lives. What is ready counts for nothing once it is doomed:
/// so the crash of a linked process ends the caller before it can act on it.
pub(crate) fn wait_while_alive<T>(
    engine: &Engine,
    deadline: Option<Duration>,
    mut ready: impl FnMut() -> Option<T>,
) -> Waited<T> {
    let caller = current::pid().map(Peer::from);
    let Some(process) = caller.as_ref().and_then(Peer::process) else {
        return engine.wait(deadline, ready).map_or(Waited::TimedOut, Waited::Ready);
    };
    // First the thread, then the question: a signal that comes in between wakes it.
    process.set_waiting(Some(std::thread::current()));
    let waited =
        engine.wait(deadline, || if process.is_alive() { ready().map(Waited::Ready) } else { Some(Waited::Doomed) });
    process.set_waiting(None);
    waited.unwrap_or(Waited::TimedOut)
}

//! What cuts the waits of a process short: an exit signal that hit it.

use super::any::AnyProcess;
use super::current;
use crate::sync::Arc;

/// Looks out, during one wait, for the exit signal of the process that the calling thread stands for. Whoever sends one
/// unparks the thread.
///
/// The waiting thread first enters itself, then asks; an exit signal first marks the process, then looks who has entered,
/// both under the inbox's lock. So one of the two sees the other.
pub(crate) struct DoomWatch(Option<Arc<dyn AnyProcess>>);

impl DoomWatch {
    /// For a wait that nothing cuts short.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// A process is found in the runtime of its thread; inside another one that it has entered, nothing is watched.
    pub(crate) fn own() -> Self {
        let process = current::pid().and_then(|pid| current::engine()?.table.get(pid));
        if let Some(process) = &process {
            process.set_waiter(Some(std::thread::current()));
        }
        Self(process)
    }

    pub(crate) fn has_hit(&self) -> bool {
        self.0.as_ref().is_some_and(|process| process.is_bound_to_end())
    }
}

impl Drop for DoomWatch {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.set_waiter(None);
        }
    }
}

//! Names of processes. Each runtime has its own: a process is named in the one it lives in, and names are looked up in the
//! caller's.
//!
//! Specification: P8.

use super::Runtime;
use crate::process::Peer;
use crate::{Pid, RegisterError};

/// Gives a process a name, in the runtime it lives in. Death frees it before anybody hears of the death.
///
/// # Errors
///
/// [`RegisterError`]: the name is taken, also by this very process; the process has another name; it is dead.
///
/// ```
/// let clerk = genstage_core::spawn(|mailbox| async move {
///     let () = mailbox.receive().await;
/// });
/// genstage_core::register("clerk", &clerk)?;
/// assert_eq!(genstage_core::whereis("clerk"), Some(clerk.pid()));
/// assert!(genstage_core::unregister("clerk"));
/// assert!(!genstage_core::unregister("clerk"));
/// # Ok::<(), genstage_core::RegisterError>(())
/// ```
pub fn register(name: &str, process: impl Into<Peer>) -> Result<(), RegisterError> {
    let peer = process.into();
    match peer.process() {
        Some(process) => process.names().register(name, process.clone()),
        None => Err(RegisterError::Dead(peer.pid())),
    }
}

/// Takes a name away. False if nobody had it.
pub fn unregister(name: &str) -> bool {
    Runtime::current_engine().names.unregister(name)
}

/// Who has this name.
pub fn whereis(name: &str) -> Option<Pid> {
    Runtime::current_engine().names.whereis(name).map(|process| process.pid())
}

pub(crate) fn find(name: &str) -> Option<Peer> {
    Runtime::current_engine().names.whereis(name).map(Peer::new)
}

/// All names, sorted.
pub fn registered() -> Vec<String> {
    Runtime::current_engine().names.all()
}

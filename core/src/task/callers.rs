//! Whom a task works for: who asked for it, and whom that one works for in turn. Under a supervisor its ancestors do not tell.
//!
//! Specification: T1.4.

use crate::process::{AnyProcess, before};
use crate::{Ancestor, Peer, current_pid};

/// Of a task that the calling process asks a supervisor for; a plain thread is nobody.
pub(super) fn of_caller() -> Vec<Ancestor> {
    let owner = current_pid().map(Peer::from);
    let process = owner.as_ref().and_then(Peer::process);
    process.map(|owner| chain(&**owner, owner.callers())).unwrap_or_default()
}

/// Of a task that this process starts itself. `None`: its parent, and nobody else.
pub(super) fn of_child(starter: Option<&Peer>) -> Option<Vec<Ancestor>> {
    let starter = starter?.process()?;
    let theirs = starter.callers();
    (!theirs.is_empty()).then(|| chain(&**starter, theirs))
}

fn chain(owner: &dyn AnyProcess, theirs: Vec<Ancestor>) -> Vec<Ancestor> {
    let mut name = None;
    owner.read_rare(&mut |rare| name.clone_from(&rare.name));
    before(Ancestor { pid: owner.pid(), name }, theirs)
}

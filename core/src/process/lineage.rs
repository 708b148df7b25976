//! Who a process descends from.

use std::fmt;

use crate::Pid;
use crate::sync::Arc;

/// One of those a process descends from: its parent, the parent of that one, and so on.
///
/// Specification: P2.4.
#[derive(Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// Its pid.
    pub pid: Pid,
    /// The name it had when it started its first child since it got that name.
    pub name: Option<Arc<str>>,
}

impl fmt::Display for Ancestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} {}", self.pid),
            None => write!(f, "{}", self.pid),
        }
    }
}

impl fmt::Debug for Ancestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The nearest come first. One list is shared by all children of a process.
pub(crate) type Lineage = Arc<Vec<Ancestor>>;

/// How many ancestors are remembered. Trees are not that deep, but a process that starts its successor and ends, for ever,
/// must not make the list grow.
const MOST: usize = 32;

/// What the children of a process descend from.
pub(crate) fn of_children(parent: Ancestor, ancestors: Option<&Lineage>) -> Lineage {
    let older = ancestors.map_or(&[][..], |ancestors| ancestors.as_slice());
    Arc::new(std::iter::once(parent).chain(older.iter().cloned()).take(MOST).collect())
}

//! Who a process descends from.

use std::fmt;

use crate::Pid;
use crate::runtime::engine::Engine;
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

/// This process and then those, the nearest 32: what is kept of a chain that may be endless.
pub(crate) fn before(nearest: Ancestor, others: impl IntoIterator<Item = Ancestor>) -> Vec<Ancestor> {
    std::iter::once(nearest).chain(others).take(MOST).collect()
}

/// Where the children of a process come from: shared by all of them.
pub(crate) struct Lineage {
    engine: Arc<Engine>,
    /// The nearest come first.
    ancestors: Vec<Ancestor>,
}

/// Where a process comes from: its runtime, and who it descends from.
pub(crate) enum Origin {
    /// Nobody: it was started by a plain thread.
    Nobody(Arc<Engine>),
    Parents(Arc<Lineage>),
}

impl Origin {
    #[inline]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        match self {
            Self::Nobody(engine) => engine,
            Self::Parents(lineage) => &lineage.engine,
        }
    }

    pub(crate) fn ancestors(&self) -> &[Ancestor] {
        match self {
            Self::Nobody(_) => &[],
            Self::Parents(lineage) => &lineage.ancestors,
        }
    }
}

/// How many ancestors are remembered. Trees are not that deep, but a process that starts its successor and ends, for ever,
/// must not make the list grow.
const MOST: usize = 32;

/// Where the children of a process come from.
pub(crate) fn of_children(parent: Ancestor, own: &Origin) -> Arc<Lineage> {
    let ancestors = before(parent, own.ancestors().iter().cloned());
    Arc::new(Lineage { engine: Arc::clone(own.engine()), ancestors })
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.ancestors).finish()
    }
}

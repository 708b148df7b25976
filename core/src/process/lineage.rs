//! Who a process descends from.

use std::fmt;

use super::peer::Peer;
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

/// Where the children of a process come from: shared by all of them.
pub(crate) struct Lineage {
    engine: Arc<Engine>,
    /// The nearest come first.
    ancestors: Vec<Ancestor>,
    /// If the parent is a task: whom it works for.
    callers: Vec<Ancestor>,
}

impl Lineage {
    /// Whom a task works for that is the parent's, or that the parent has asked a supervisor for (T1.4).
    fn callers_of_task(&self) -> Vec<Ancestor> {
        self.ancestors.iter().take(1).chain(&self.callers).take(MOST).cloned().collect()
    }
}

/// Whom a task works for: who has asked for it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Client {
    /// Who has started it.
    #[default]
    Parent,
    /// A plain thread.
    Nobody,
    /// Another process, by what its children come from.
    Process(Arc<Lineage>),
}

impl Client {
    /// Of a task that this process asks a supervisor for; `None` is a plain thread.
    pub(crate) fn of(owner: Option<&Peer>) -> Self {
        owner.and_then(Peer::process).map_or(Self::Nobody, |owner| Self::Process(owner.lineage()))
    }

    /// Whom its task works for, and whom that one works for in turn. The origin is the task's.
    pub(crate) fn callers(&self, origin: &Origin) -> Vec<Ancestor> {
        match (self, origin) {
            (Self::Process(lineage), _) | (Self::Parent, Origin::Parents(lineage)) => lineage.callers_of_task(),
            _ => Vec::new(),
        }
    }
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

/// Where the children of a process come from, which works for those.
pub(crate) fn of_children(parent: Ancestor, own: &Origin, callers: Vec<Ancestor>) -> Arc<Lineage> {
    let older = own.ancestors().iter().cloned();
    let ancestors = std::iter::once(parent).chain(older).take(MOST).collect();
    Arc::new(Lineage { engine: Arc::clone(own.engine()), ancestors, callers })
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.ancestors).finish()
    }
}

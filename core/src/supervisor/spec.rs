//! What a supervisor knows of a child: how to start it, when to restart it, how to stop it.

use std::fmt;
use std::time::Duration;

use super::child::{Child, Slot};
use crate::contained::Contained;
use crate::sync::Arc;
use crate::{ExitReason, Peer, StartError};

/// When a child is restarted.
///
/// Specification: the table of section 7.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// After an abnormal end only.
    Transient,
    /// Never.
    Temporary,
}

impl Restart {
    /// Whether a child that ended by itself, for this reason, is restarted.
    pub fn applies_to(self, reason: &ExitReason) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !reason.is_clean(),
            Self::Temporary => false,
        }
    }
}

/// How a child is stopped.
///
/// Specification: S7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Killed at once, without its `terminate`.
    BrutalKill,
    /// Asked to shut down, and killed after this time.
    Within(Duration),
    /// Asked to shut down, and waited for.
    Infinity,
}

impl Default for Shutdown {
    /// Five seconds.
    fn default() -> Self {
        Self::Within(Duration::from_secs(5))
    }
}

/// What kind of child it is: it is counted so, and a supervisor has no time limit to stop by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ChildType {
    /// It does the work.
    #[default]
    Worker,
    /// It has children itself.
    Supervisor,
}

/// The id of a child: a text or a number, unique within its supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChildId {
    /// A text.
    Text(Arc<str>),
    /// A number.
    Number(u64),
}

impl ChildId {
    /// The name of a type without the path of its module, also within its parameters: the id that child specifications made of
    /// a state have (G7.2).
    ///
    /// ```
    /// use genstage_core::ChildId;
    ///
    /// assert_eq!(ChildId::of_type::<Option<std::time::Duration>>(), "Option<Duration>".into());
    /// ```
    pub fn of_type<T>() -> Self {
        let mut short = String::new();
        for part in std::any::type_name::<T>().split_inclusive(['<', '>', ',', ' ', '(', ')', '&', '[', ']']) {
            short.push_str(part.rsplit("::").next().unwrap_or(part));
        }
        short.into()
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl From<&str> for ChildId {
    fn from(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<String> for ChildId {
    fn from(text: String) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<u64> for ChildId {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&Self> for ChildId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

/// What a child's function gives: how to reach it, or why it did not start. It must link the child to the supervisor: start it
/// with `start_link`.
pub type Started<H> = Result<H, StartError>;

/// What a supervisor knows of a child that is reached through an `H`: how to start it, when to restart it, how to stop it.
///
/// The function runs inside the supervisor, at the start and at each restart. A worker is permanent and has five seconds to
/// stop, unless the specification says otherwise.
///
/// Specification: S1.1, G7.2.
#[must_use]
pub struct ChildSpec<H> {
    pub(crate) plan: ChildPlan,
    pub(crate) slot: Arc<Slot<H>>,
}

/// A [`ChildSpec`] whose child may be of any type: what supervisors keep.
#[derive(Clone)]
#[must_use]
pub struct ChildPlan {
    pub(crate) id: ChildId,
    pub(crate) start: Arc<dyn Fn() -> Started<Peer> + Send + Sync>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) child_type: ChildType,
    pub(crate) significant: bool,
}

impl<H> ChildSpec<H>
where
    H: Clone + Send + Sync + 'static,
    for<'a> &'a H: Into<Peer>,
{
    /// A permanent worker with this id that a function starts, linked to who calls it.
    pub fn new(id: impl Into<ChildId>, start: impl Fn() -> Started<H> + Send + Sync + 'static) -> Self {
        let slot = Arc::new(Slot::empty());
        let current = Arc::clone(&slot);
        let start = Contained::new(start);
        let start = move || {
            // It is there until it is dropped.
            let started = start.get().ok_or(StartError::ShutDown)?()?;
            let peer = (&started).into();
            current.set(started);
            Ok(peer)
        };
        let plan = ChildPlan {
            id: id.into(),
            start: Arc::new(start),
            restart: Restart::default(),
            shutdown: Shutdown::default(),
            child_type: ChildType::Worker,
            significant: false,
        };
        Self { plan, slot }
    }

    /// A handle that finds the child's present incarnation, whichever it is.
    pub fn handle(&self) -> Child<H> {
        Child::new(self.plan.id.clone(), Arc::clone(&self.slot))
    }

    /// Another id.
    pub fn id(mut self, id: impl Into<ChildId>) -> Self {
        self.plan.id = id.into();
        self
    }

    /// When it is restarted; always, by default.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.plan.restart = restart;
        self
    }

    /// How it is stopped: by default a worker has five seconds, a supervisor no limit.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.plan.shutdown = shutdown;
        self
    }

    /// That it is a supervisor, which has no time limit to stop, as its whole tree stops within it.
    pub fn supervisor(mut self) -> Self {
        self.plan.child_type = ChildType::Supervisor;
        self.plan.shutdown = Shutdown::Infinity;
        self
    }

    /// That its end may end the supervisor, as that one's `auto_shutdown` says (section 7.8).
    pub fn significant(mut self) -> Self {
        self.plan.significant = true;
        self
    }
}

impl From<ChildPlan> for ChildSpec<Peer> {
    /// The same child as a specification of its own, to be started elsewhere.
    fn from(plan: ChildPlan) -> Self {
        let start = Arc::clone(&plan.start);
        let fresh = Self::new(plan.id.clone(), move || start());
        Self { plan: ChildPlan { start: fresh.plan.start, ..plan }, slot: fresh.slot }
    }
}

impl<H> From<ChildSpec<H>> for ChildPlan {
    fn from(spec: ChildSpec<H>) -> Self {
        spec.plan
    }
}

impl<H> From<&ChildSpec<H>> for ChildPlan {
    /// The same child, for a supervisor that describes itself anew at each start. Its handle finds whom the function started last.
    fn from(spec: &ChildSpec<H>) -> Self {
        spec.plan.clone()
    }
}

impl ChildPlan {
    /// Its id.
    pub fn id(&self) -> &ChildId {
        &self.id
    }

    /// When it is restarted.
    pub fn restart(&self) -> Restart {
        self.restart
    }

    /// How it is stopped.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown
    }

    /// What kind of child it is.
    pub fn child_type(&self) -> ChildType {
        self.child_type
    }

    /// Whether its end may end the supervisor.
    pub fn is_significant(&self) -> bool {
        self.significant
    }
}

impl<H> fmt::Debug for ChildSpec<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl fmt::Debug for ChildPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("child_type", &self.child_type)
            .field("significant", &self.significant)
            .finish_non_exhaustive()
    }
}

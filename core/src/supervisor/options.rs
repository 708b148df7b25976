//! What a supervisor is to be: in place, or as a type of its own.

use super::children::Children;
use super::flags::{Flags, InvalidSupervisor};
use super::handle::SupervisorRef;
use super::spec::{ChildId, ChildPlan, ChildSpec};
use super::start;
use crate::{Name, StartError};

/// Who else is restarted with a child that failed.
///
/// Specification: section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Nobody: children do not depend on each other.
    OneForOne,
    /// All: children depend on each other.
    OneForAll,
    /// Those started after it: children depend on those before them.
    RestForOne,
}

/// Whether the end of significant children ends the supervisor.
///
/// It counts only where a child ends by itself and is not restarted: a transient one cleanly, a temporary one in any way.
///
/// Specification: section 7.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum AutoShutdown {
    /// It does not; no child may be significant.
    #[default]
    Never,
    /// The end of any of them does.
    AnySignificant,
    /// The end of the last of them does.
    AllSignificant,
}

/// A supervisor that is to be started: its strategy, its options and its first children.
///
/// A process that starts its children in their order, starts those again that fail, and stops all in reverse order when it
/// ends. When too many restarts are needed in a short time, it gives up and ends with [`ExitReason::Shutdown`]: it is
/// for its own supervisor to do better.
///
/// Its parent is the process that starts it, and ends it when it ends itself. One started from a plain thread, which is
/// no process, has all plain threads for its parent: an exit that one sends ends it.
///
/// Starting costs one process and what its children cost. An exit or a request costs time in proportion to the number of
/// children: for many children of one kind take a dynamic supervisor.
///
/// ```
/// use genstage_core::{ChildSpec, Mailbox, Strategy, Supervisor, spawn_link};
///
/// let greeter = ChildSpec::new("greeter", || {
///     Ok(spawn_link(|mailbox: Mailbox<&str>| async move {
///         loop {
///             println!("hello, {}", mailbox.receive().await);
///         }
///     }))
/// });
/// let handle = greeter.handle();
/// let sup = Supervisor::new(Strategy::OneForOne).child(greeter).start_link()?;
/// handle.get().unwrap().send("world").ok();
/// assert_eq!(sup.count_children().unwrap().active, 1);
/// sup.stop().unwrap();
/// # Ok::<(), genstage_core::StartError>(())
/// ```
///
/// [`ExitReason::Shutdown`]: crate::ExitReason::Shutdown
#[derive(Clone, Debug)]
#[must_use]
pub struct Supervisor {
    pub(super) flags: Flags,
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    pub(super) escalates: bool,
    pub(super) children: Vec<ChildPlan>,
}

impl Supervisor {
    /// A supervisor without children or name, with three restarts in five seconds at most (S1.3).
    pub fn new(strategy: Strategy) -> Self {
        let (flags, auto_shutdown) = (Flags::default(), AutoShutdown::default());
        Self { flags, strategy, auto_shutdown, escalates: false, children: Vec::new() }
    }

    /// Another strategy.
    pub(super) fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many restarts may be needed within [`max_seconds`](Self::max_seconds); three, by default. With one more the
    /// supervisor gives up. A restart of several children counts as one, a try that fails counts as any other (S5).
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.flags.max_restarts = restarts;
        self
    }

    /// The time in which [`max_restarts`](Self::max_restarts) are counted; five seconds, by default. At least one.
    pub fn max_seconds(mut self, seconds: u32) -> Self {
        self.flags.max_seconds = seconds;
        self
    }

    /// Whether the end of significant children ends it; never, by default.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// What it ends with when it gives up: by default with [`ExitReason::Shutdown`], which counts as a clean end, so
    /// that a supervisor over it restarts it only as a permanent child (S5.3). With true, with the reason of the child
    /// that failed last: then it is restarted as a transient one as well, and not when it has ended by
    /// [`auto_shutdown`](Self::auto_shutdown). OTP has no such choice.
    ///
    /// ```
    /// use genstage_core::{ChildSpec, ExitReason, Mailbox, Strategy, Supervisor, run, spawn_link};
    ///
    /// let child = ChildSpec::new("child", || Ok(spawn_link(|_: Mailbox<()>| async { ExitReason::other("no") })));
    /// let reason = run(|me| {
    ///     me.trap_exit(true); // it is linked to its supervisor
    ///     let top = Supervisor::new(Strategy::OneForOne).max_restarts(0).escalate(true).child(child).start_link()?;
    ///     while top.is_alive() {
    ///         std::thread::yield_now();
    ///     }
    ///     Ok::<_, genstage_core::StartError>(top.exit_reason())
    /// });
    /// assert_eq!(reason, Ok(Some(ExitReason::other("no"))));
    /// ```
    ///
    /// [`ExitReason::Shutdown`]: crate::ExitReason::Shutdown
    pub fn escalate(mut self, escalate: bool) -> Self {
        self.escalates = escalate;
        self
    }

    /// The name it takes before its children start (S2.5).
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.flags.name = Some(name.into());
        self
    }

    /// One more child, to be started after the others.
    pub fn child(mut self, child: impl Into<ChildPlan>) -> Self {
        self.children.push(child.into());
        self
    }

    /// More children, to be started after the others in this order.
    pub fn children<C: Into<ChildPlan>>(mut self, children: impl IntoIterator<Item = C>) -> Self {
        self.children.extend(children.into_iter().map(Into::into));
        self
    }

    /// Starts it, linked to the calling process; returns when all children have started.
    ///
    /// The children's functions run one after the other on the calling thread, but inside the supervisor: it is what they
    /// are linked to. There is no time limit (S2.1).
    ///
    /// # Errors
    ///
    /// [`StartError::AlreadyStarted`]: the name is taken. [`StartError::Init`] with what [`InvalidSupervisor::of`] shows:
    /// the options or the children are wrong, and nothing was started. [`StartError::Init`] with what
    /// [`FailedToStartChild::of`](crate::FailedToStartChild::of) shows: a child did not start. Those before it have been
    /// stopped again in reverse order, and the supervisor is gone; the calling process, if it does not trap exits, ends with it
    /// (S2.3, G1.6). [`StartError::ShutDown`]: the runtime is shutting down.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        start::start_link(move || Some(self))
    }

    /// This supervisor as a child of another: started anew from this description at each restart, with no time limit to stop.
    pub fn child_spec(self, id: impl Into<ChildId>) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).supervisor()
    }

    /// The table it begins with, if that can be (S1.4).
    pub(super) fn check(&self) -> Result<Children, InvalidSupervisor> {
        let table = Children::new(self.strategy, self.auto_shutdown);
        let mut ids = std::collections::HashSet::new();
        for child in &self.children {
            if !ids.insert(&child.id) {
                return Err(InvalidSupervisor::DuplicateChild(child.id.clone()));
            }
            table.check(child)?;
        }
        Ok(table)
    }
}

/// A supervisor as a type of its own: what it is to be is decided when it starts, inside it.
///
/// ```
/// use genstage_core::{Mailbox, ChildSpec, Strategy, Supervise, Supervisor, spawn_link};
///
/// struct Pool {
///     size: u64,
/// }
///
/// impl Supervise for Pool {
///     fn init(&self) -> Option<Supervisor> {
///         let worker = |number: u64| {
///             ChildSpec::new(number, || Ok(spawn_link(|mailbox: Mailbox<()>| async move { mailbox.receive().await })))
///         };
///         Some(Supervisor::new(Strategy::OneForOne).name("pool").children((0..self.size).map(worker)))
///     }
/// }
///
/// let pool = Pool { size: 3 }.start_link()?;
/// assert_eq!(pool.count_children().unwrap().active, 3);
/// pool.stop().unwrap();
///
/// // And as a part of a larger tree:
/// let tree = Supervisor::new(Strategy::OneForAll).child(Pool { size: 2 }.child_spec("pool")).start_link()?;
/// assert_eq!(tree.count_children().unwrap().supervisors, 1);
/// # tree.stop().unwrap();
/// # Ok::<(), genstage_core::StartError>(())
/// ```
///
/// Specification: S1.5, and D13 for the child it makes.
pub trait Supervise: Send + Sync + Sized + 'static {
    /// What it is to be; `None`: it does not want to run, which is no fault. Runs inside the supervisor at each start, before
    /// its name is taken.
    fn init(&self) -> Option<Supervisor>;

    /// Starts it, linked to the calling process; returns when all children have started.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`], and [`StartError::Ignore`] if it does not want to run.
    fn start_link(&self) -> Result<SupervisorRef, StartError> {
        start::start_link(|| self.init())
    }

    /// It as a child of another supervisor, with no time limit to stop.
    fn child_spec(self, id: impl Into<ChildId>) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(id, move || self.start_link()).supervisor()
    }
}

//! Tasks under a supervisor.

use std::fmt;
use std::time::Duration;

use super::Task;
use super::launch::{Pending, Ties, launch};
use super::slot::Slot;
use super::stream::{AsyncStream, Place};
use super::work::{NoMail, Work};
use crate::process::Client;
use crate::sync::Arc;
use crate::{
    Address, CallError, ChildSpec, DynamicChildInfo, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef,
    ExitReason, Name, Peer, Pid, Restart, Shutdown, StartDynamicChildError, StartError, StopError, TerminateChildError,
    current_pid,
};

/// A supervisor of tasks: where they can be counted, limited in number and stopped together.
///
/// ```
/// use genstage_core::{Shutdown, TaskSupervisor};
///
/// let tasks = TaskSupervisor::new().max_children(100).start_link()?;
/// let task = tasks.spawn_nolink(|| "disk".parse::<u32>())?;
/// assert!(task.join()?.is_err()); // the work's own error is a value
///
/// tasks.start_child(|| println!("nobody waits for this"))?;
/// tasks.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It is a [`DynamicSupervisor`] whose children are temporary unless they are told otherwise.
///
/// Specification: section 12.
#[derive(Clone, Debug)]
#[must_use]
pub struct TaskSupervisor {
    dynamic: DynamicSupervisor,
    name: Option<Name>,
}

impl Default for TaskSupervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskSupervisor {
    /// Any number of tasks, three restarts in five seconds, no name.
    pub fn new() -> Self {
        Self { dynamic: DynamicSupervisor::new(), name: None }
    }

    /// The most tasks there may be.
    pub fn max_children(mut self, tasks: usize) -> Self {
        self.dynamic = self.dynamic.max_children(tasks);
        self
    }

    /// How many restarts are granted within [`max_seconds`](Self::max_seconds).
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.dynamic = self.dynamic.max_restarts(restarts);
        self
    }

    /// The time in which restarts are counted, in whole seconds.
    pub fn max_seconds(mut self, seconds: u32) -> Self {
        self.dynamic = self.dynamic.max_seconds(seconds);
        self
    }

    /// Registers it under a name.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        let name = name.into();
        self.dynamic = self.dynamic.name(&name);
        self.name = Some(name);
        self
    }

    /// Starts it, linked to the calling process, which is its parent.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the name is taken, an option is wrong, or the runtime is shutting down.
    pub fn start_link(self) -> Result<TaskSupervisorRef, StartError> {
        Ok(TaskSupervisorRef { dynamic: self.dynamic.start_link()?, shutdown: Shutdown::default() })
    }

    /// It as the child of another supervisor. Its id is its name, or else `TaskSupervisor`.
    pub fn child_spec(self) -> ChildSpec<TaskSupervisorRef> {
        let id = self.name.as_ref().map_or_else(|| "TaskSupervisor".to_owned(), ToString::to_string);
        ChildSpec::new(id, move || self.clone().start_link()).supervisor()
    }
}

/// A [`TaskSupervisor`] that was started. Cloning costs one reference count.
///
/// Its functions wait for the supervisor, on plain threads and in callbacks, where others run meanwhile; in a future use
/// those that end in `_async`.
#[derive(Clone)]
pub struct TaskSupervisorRef {
    dynamic: DynamicSupervisorRef,
    shutdown: Shutdown,
}

impl TaskSupervisorRef {
    /// The task supervisor under this name.
    pub fn find(name: impl Into<Name>) -> Option<Self> {
        DynamicSupervisorRef::find(name).map(|dynamic| Self { dynamic, shutdown: Shutdown::default() })
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.dynamic.pid()
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.dynamic.is_alive()
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.dynamic.exit_reason()
    }

    /// The same supervisor, for tasks that it stops in another way; by default they have five seconds. A stream's tasks have
    /// that also where this says that there is no limit (TS6).
    pub fn with_shutdown(&self, how: Shutdown) -> Self {
        Self { dynamic: self.dynamic.clone(), shutdown: how }
    }

    /// Starts a task, supervised and linked to the calling process: Elixir's `Task.Supervisor.async`.
    ///
    /// The work never runs for a caller that is dead when its turn comes, and the supervisor keeps nothing of it (TS4).
    ///
    /// # Errors
    ///
    /// [`StartDynamicChildError`]: there are `max_children` tasks already; the supervisor is dead.
    pub fn spawn<K, W: Work<K>>(&self, work: W) -> Result<Task<W::Output>, StartDynamicChildError> {
        let (child, pending) = self.prepare(work, true);
        Ok(pending.started(self.dynamic.start_child(child)?))
    }

    /// As [`spawn`](Self::spawn), for futures.
    ///
    /// # Errors
    ///
    /// As `spawn`.
    pub async fn spawn_async<K, W: Work<K>>(&self, work: W) -> Result<Task<W::Output>, StartDynamicChildError> {
        let (child, pending) = self.prepare(work, true);
        Ok(pending.started(self.dynamic.start_child_async(child).await?))
    }

    /// Starts a task, supervised and not linked: its crash is an outcome like others. Elixir's `async_nolink`.
    ///
    /// In a server, have the outcome delivered as a message: [`Task::deliver`].
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_nolink<K, W: Work<K>>(&self, work: W) -> Result<Task<W::Output>, StartDynamicChildError> {
        let (child, pending) = self.prepare(work, false);
        Ok(pending.started(self.dynamic.start_child(child)?))
    }

    /// As [`spawn_nolink`](Self::spawn_nolink), for futures.
    ///
    /// # Errors
    ///
    /// As `spawn`.
    pub async fn spawn_nolink_async<K, W: Work<K>>(&self, work: W) -> Result<Task<W::Output>, StartDynamicChildError> {
        let (child, pending) = self.prepare(work, false);
        Ok(pending.started(self.dynamic.start_child_async(child).await?))
    }

    /// Starts work whose value nobody wants, not linked to the caller, and never restarted (TS3).
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn start_child<K, W: Work<K>>(&self, work: W) -> Result<Peer, StartDynamicChildError> {
        self.dynamic.start_child(self.fire(work)).map(|process| Peer::from(&process))
    }

    /// As [`start_child`](Self::start_child), for futures.
    ///
    /// # Errors
    ///
    /// As `spawn`.
    pub async fn start_child_async<K, W: Work<K>>(&self, work: W) -> Result<Peer, StartDynamicChildError> {
        self.dynamic.start_child_async(self.fire(work)).await.map(|process| Peer::from(&process))
    }

    /// As [`start_child`](Self::start_child), for work that is started again when it ends, as `restart` says. Each start makes it
    /// anew.
    ///
    /// ```
    /// use genstage_core::{Restart, TaskSupervisor};
    ///
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// tasks.start_child_with(Restart::Transient, || async { /* until it succeeds */ })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn start_child_with<K, W: Work<K>>(
        &self,
        restart: Restart,
        work: impl Fn() -> W + Send + 'static,
    ) -> Result<Peer, StartDynamicChildError> {
        self.dynamic.start_child(self.again(restart, work)).map(|process| Peer::from(&process))
    }

    /// As [`start_child_with`](Self::start_child_with), for futures.
    ///
    /// # Errors
    ///
    /// As `spawn`.
    pub async fn start_child_with_async<K, W: Work<K>>(
        &self,
        restart: Restart,
        work: impl Fn() -> W + Send + 'static,
    ) -> Result<Peer, StartDynamicChildError> {
        self.dynamic.start_child_async(self.again(restart, work)).await.map(|process| Peer::from(&process))
    }

    /// Works on each input in a task of this supervisor: as [`async_stream`](crate::async_stream), which says how.
    ///
    /// Where the supervisor is full, or dead, the stream ends with [`AsyncStreamError::Start`](crate::AsyncStreamError).
    pub fn async_stream<I, F, W, K>(&self, inputs: I, work: F) -> AsyncStream<I::IntoIter, F, K>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> W,
        W: Work<K>,
    {
        self.stream(inputs, work, true)
    }

    /// As [`async_stream`](Self::async_stream), not linked to the caller: a crash is an item in any case.
    pub fn async_stream_nolink<I, F, W, K>(&self, inputs: I, work: F) -> AsyncStream<I::IntoIter, F, K>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> W,
        W: Work<K>,
    {
        self.stream(inputs, work, false)
    }

    fn stream<I: IntoIterator, F, K>(&self, inputs: I, work: F, link: bool) -> AsyncStream<I::IntoIter, F, K> {
        let place = Place::Under { supervisor: self.dynamic.clone(), link };
        // TS6: here there must be a limit.
        let shutdown = if self.shutdown == Shutdown::Infinity { Shutdown::default() } else { self.shutdown };
        AsyncStream::new(inputs.into_iter(), work, place, shutdown)
    }

    /// The pids of the tasks that live; those that are being restarted are not among them (TS5).
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead.
    pub fn children(&self) -> Result<Vec<Pid>, CallError> {
        self.dynamic.which_children().map(pids)
    }

    /// As [`children`](Self::children), for futures.
    ///
    /// # Errors
    ///
    /// As `children`.
    pub async fn children_async(&self) -> Result<Vec<Pid>, CallError> {
        self.dynamic.which_children_async().await.map(pids)
    }

    /// Stops a task, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`TerminateChildError`]: there is no such task, or the supervisor is dead.
    pub fn terminate_child(&self, pid: Pid) -> Result<(), TerminateChildError> {
        self.dynamic.terminate_child(pid)
    }

    /// As [`terminate_child`](Self::terminate_child), for futures.
    ///
    /// # Errors
    ///
    /// As `terminate_child`.
    pub async fn terminate_child_async(&self, pid: Pid) -> Result<(), TerminateChildError> {
        self.dynamic.terminate_child_async(pid).await
    }

    /// Stops it and its tasks, all at the same time, and waits until it is gone; it ends normally, the tasks with
    /// [`ExitReason::Shutdown`] (TS7).
    ///
    /// # Errors
    ///
    /// [`StopError`]: it was dead already, or ended for another reason.
    pub fn stop(&self) -> Result<(), StopError> {
        self.dynamic.stop()
    }

    /// As [`stop`](Self::stop), for a reason and within a time; [`Duration::MAX`] for none.
    ///
    /// # Errors
    ///
    /// As `stop`; and [`StopError::Timeout`], when the order stands: it still ends later.
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        self.dynamic.stop_with(reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As `stop`.
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        self.dynamic.stop_async(reason).await
    }

    fn prepare<K, W: Work<K>>(&self, work: W, link: bool) -> (DynamicChildSpec<Address<NoMail>>, Pending<W::Output>) {
        let owner = current_pid().map(Peer::from);
        let slot = Slot::new(None, None);
        let also = owner.clone().filter(|_| link);
        let pending = Pending::new(&slot, also.as_ref());
        let ties = Ties { also, client: Client::of(owner.as_ref()), owner, ..Ties::default() };
        (supervised(work, &slot, ties, self.shutdown), pending)
    }

    fn fire<K, W: Work<K>>(&self, work: W) -> DynamicChildSpec<Address<NoMail>> {
        let slot = closed();
        let ties = Ties { starter: true, client: client(), ..Ties::default() };
        DynamicChildSpec::temporary(move |()| launch(work, &slot, ties)).shutdown(self.shutdown)
    }

    fn again<K, W: Work<K>>(
        &self,
        restart: Restart,
        work: impl Fn() -> W + Send + 'static,
    ) -> DynamicChildSpec<Address<NoMail>> {
        let ties = Ties { starter: true, client: client(), ..Ties::default() };
        let start = move |(): &()| {
            let slot = closed();
            launch(work(), &slot, ties.clone())
        };
        let child = match restart {
            Restart::Permanent => DynamicChildSpec::permanent(start),
            Restart::Transient => DynamicChildSpec::transient(start),
            Restart::Temporary => DynamicChildSpec::temporary(start),
        };
        child.shutdown(self.shutdown)
    }
}

/// Of a task that the calling process asks for.
fn client() -> Client {
    Client::of(current_pid().map(Peer::from).as_ref())
}

/// A slot for a value that nobody wants.
fn closed<T: Send>() -> Arc<Slot<T>> {
    let slot = Slot::new(None, None);
    slot.close();
    slot
}

/// A task as the child of a supervisor, on behalf of whom the ties name.
///
/// The supervisor calls the start once, and hands the work on to the new process: it keeps nothing of it (TS4). The owner is
/// looked at when the start is called, and again when the work begins.
pub(super) fn supervised<K, W: Work<K>>(
    work: W,
    slot: &Arc<Slot<W::Output>>,
    ties: Ties,
    shutdown: Shutdown,
) -> DynamicChildSpec<Address<NoMail>> {
    let slot = Arc::clone(slot);
    let start = move |(): &()| launch(work, &slot, Ties { starter: true, wanted: true, ..ties });
    DynamicChildSpec::temporary(start).shutdown(shutdown)
}

fn pids(children: Vec<DynamicChildInfo>) -> Vec<Pid> {
    children.into_iter().filter_map(|child| child.state.pid()).collect()
}

impl From<&TaskSupervisorRef> for Peer {
    fn from(supervisor: &TaskSupervisorRef) -> Self {
        (&supervisor.dynamic).into()
    }
}

impl fmt::Debug for TaskSupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskSupervisorRef({})", self.pid())
    }
}

//! A consumer supervisor as others know it.

use std::time::Duration;

use genstage_core::supervision::is_starting;
use genstage_core::{CallError, ChildCounts, DynamicChildInfo, Pid, TerminateChildError};

use super::{ConsumerSupervisor, StartEventChildError};
use crate::{ConsumerRef, HandleCall};

/// A running [`ConsumerSupervisor`]. Besides what all consumers have, it tells of its children, and starts and stops them. Its
/// `stop` stops its children too, all at the same time, and waits until all are gone.
///
/// The functions that ask it wait without limit, as it may be busy stopping a child, but never for one that is dead.
pub type ConsumerSupervisorRef<T> = ConsumerRef<ConsumerSupervisor<T>>;

pub(super) struct StartChild<T>(pub(super) T);
pub(super) struct Terminate(pub(super) Pid);
pub(super) struct Which;
pub(super) struct Count;

impl<T: Send + 'static> ConsumerRef<ConsumerSupervisor<T>> {
    /// Starts a child for an event that no producer sent. It has no part in demand; restarted, counted and stopped it is like
    /// the others.
    ///
    /// # Errors
    ///
    /// [`StartEventChildError`]: the child did not start, or did not want to; the supervisor is dead, or is the caller.
    pub fn start_child(&self, event: T) -> Result<Pid, StartEventChildError> {
        let started = self.ask_supervisor(StartChild(event)).map_err(StartEventChildError::Call)?;
        started.map_err(StartEventChildError::Start)
    }

    /// As [`start_child`](Self::start_child), for futures: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`start_child`](Self::start_child).
    pub async fn start_child_async(&self, event: T) -> Result<Pid, StartEventChildError> {
        let started = self.ask_supervisor_async(StartChild(event)).await.map_err(StartEventChildError::Call)?;
        started.map_err(StartEventChildError::Start)
    }

    /// Stops a child in the way of [`ConsumerSupervisor::shutdown`], and waits until it is gone; it is not restarted, and an
    /// event may take its place. For a child that is being restarted, under its last pid, this cancels the restart.
    ///
    /// # Errors
    ///
    /// [`TerminateChildError`]: there is no such child; the supervisor is dead, or is the caller.
    pub fn terminate_child(&self, pid: Pid) -> Result<(), TerminateChildError> {
        if self.ask_supervisor(Terminate(pid))? { Ok(()) } else { Err(TerminateChildError::NotFound) }
    }

    /// As [`terminate_child`](Self::terminate_child), for futures.
    ///
    /// # Errors
    ///
    /// As [`terminate_child`](Self::terminate_child).
    pub async fn terminate_child_async(&self, pid: Pid) -> Result<(), TerminateChildError> {
        if self.ask_supervisor_async(Terminate(pid)).await? { Ok(()) } else { Err(TerminateChildError::NotFound) }
    }

    /// All children, in no order.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead, or is the caller.
    pub fn which_children(&self) -> Result<Vec<DynamicChildInfo>, CallError> {
        self.ask_supervisor(Which)
    }

    /// As [`which_children`](Self::which_children), for futures.
    ///
    /// # Errors
    ///
    /// As [`which_children`](Self::which_children).
    pub async fn which_children_async(&self) -> Result<Vec<DynamicChildInfo>, CallError> {
        self.ask_supervisor_async(Which).await
    }

    /// How many children there are. There is one specification, whatever their number. Costs a look at each child.
    ///
    /// # Errors
    ///
    /// As [`which_children`](Self::which_children).
    pub fn count_children(&self) -> Result<ChildCounts, CallError> {
        self.ask_supervisor(Count)
    }

    /// As [`count_children`](Self::count_children), for futures.
    ///
    /// # Errors
    ///
    /// As [`which_children`](Self::which_children).
    pub async fn count_children_async(&self) -> Result<ChildCounts, CallError> {
        self.ask_supervisor_async(Count).await
    }

    fn ask_supervisor<M>(&self, request: M) -> Result<<ConsumerSupervisor<T> as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        ConsumerSupervisor<T>: HandleCall<M>,
    {
        // Called by the start of a child, it cannot answer before that returns.
        if is_starting(self.pid()) { Err(CallError::CallingSelf) } else { self.call_within(request, Duration::MAX) }
    }

    async fn ask_supervisor_async<M>(
        &self,
        request: M,
    ) -> Result<<ConsumerSupervisor<T> as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        ConsumerSupervisor<T>: HandleCall<M>,
    {
        if is_starting(self.pid()) {
            return Err(CallError::CallingSelf);
        }
        self.call_async_within(request, Duration::MAX).await
    }
}

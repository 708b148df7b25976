//! A dynamic supervisor as others know it.

use std::fmt;
use std::time::Duration;

use super::process::Request;
use super::spec::Asked;
use super::{DynamicChildInfo, DynamicChildSpec, StartDynamicChildError};
use crate::process::current;
use crate::stop;
use crate::supervisor::{ChildCounts, TerminateChildError};
use crate::{Address, CallError, ExitReason, Name, Peer, Pid, ReplyTo, StopError};

/// A supervisor may be busy stopping a child for long: who asks it waits without limit (S2.4). Its end is noticed at once.
const NO_LIMIT: Duration = Duration::MAX;

/// A [`DynamicSupervisor`](super::DynamicSupervisor) that was started. Cloning costs one reference count.
///
/// Its functions wait until the supervisor has done what they ask, without limit, but never for one that is dead. They work on
/// plain threads and in callbacks, where others run meanwhile; in a future use those that end in `_async`.
pub struct DynamicSupervisorRef<E = ()>(pub(super) Address<Request<E>>);

impl<E: Send + Sync + 'static> DynamicSupervisorRef<E> {
    /// The dynamic supervisor under this name, if there is one whose extra argument is an `E`.
    ///
    /// ```
    /// use genstage_core::{DynamicSupervisor, DynamicSupervisorRef};
    ///
    /// let sup = DynamicSupervisor::new().name("sessions").start_link()?;
    /// let found: Option<DynamicSupervisorRef> = DynamicSupervisorRef::find("sessions");
    /// assert_eq!(found.map(|found| found.pid()), Some(sup.pid()));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn find(name: impl Into<Name>) -> Option<Self> {
        name.into().address().map(Self)
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.0.exit_reason()
    }

    /// Starts a child, by a [`ChildSpec`](crate::ChildSpec) or a [`DynamicChildSpec`], and gives what its function gave.
    ///
    /// The function runs inside the supervisor, which serves nobody else meanwhile. Costs one request and reply, whatever the
    /// number of children.
    ///
    /// # Errors
    ///
    /// [`StartDynamicChildError`]: the specification is wrong, which is found before anything is sent (D2); there are `max_children`
    /// already; the child did not start, or did not want to; the supervisor is dead. In all these cases nothing is kept (D4).
    pub fn start_child<H>(&self, child: impl Into<DynamicChildSpec<H, E>>) -> Result<H, StartDynamicChildError>
    where
        H: Clone + Send + 'static,
        for<'a> &'a H: Into<Peer>,
    {
        let spec = child.into();
        spec.check()?;
        self.call(|reply| Request::Start(Box::new(Asked { spec, reply })))?
    }

    /// As [`start_child`](Self::start_child), for futures.
    ///
    /// # Errors
    ///
    /// As `start_child`.
    pub async fn start_child_async<H>(
        &self,
        child: impl Into<DynamicChildSpec<H, E>> + Send,
    ) -> Result<H, StartDynamicChildError>
    where
        H: Clone + Send + Sync + 'static,
        for<'a> &'a H: Into<Peer>,
    {
        let spec = child.into();
        spec.check()?;
        self.request(|reply| Request::Start(Box::new(Asked { spec, reply }))).await?
    }

    /// Stops a child as its specification says, and forgets it; it is not restarted. Waits until it is gone. For a child that is
    /// being restarted, under its last pid, this cancels the restart (D8, D10).
    ///
    /// # Errors
    ///
    /// [`TerminateChildError`]: there is no such child, or the supervisor is dead.
    pub fn terminate_child(&self, pid: Pid) -> Result<(), TerminateChildError> {
        found(self.call(|reply| Request::Terminate(pid, reply))?)
    }

    /// As [`terminate_child`](Self::terminate_child), for futures.
    ///
    /// # Errors
    ///
    /// As `terminate_child`.
    pub async fn terminate_child_async(&self, pid: Pid) -> Result<(), TerminateChildError> {
        found(self.request(|reply| Request::Terminate(pid, reply)).await?)
    }

    /// All children, in no order.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead.
    pub fn which_children(&self) -> Result<Vec<DynamicChildInfo>, CallError> {
        self.call(Request::Which)
    }

    /// As [`which_children`](Self::which_children), for futures.
    ///
    /// # Errors
    ///
    /// As `which_children`.
    pub async fn which_children_async(&self) -> Result<Vec<DynamicChildInfo>, CallError> {
        self.request(Request::Which).await
    }

    /// How many children there are. Costs a look at each.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead.
    pub fn count_children(&self) -> Result<ChildCounts, CallError> {
        self.call(Request::Count)
    }

    /// As [`count_children`](Self::count_children), for futures.
    ///
    /// # Errors
    ///
    /// As `count_children`.
    pub async fn count_children_async(&self) -> Result<ChildCounts, CallError> {
        self.request(Request::Count).await
    }

    /// Stops it and its children, all at the same time, and waits until it is gone and its name free; it ends normally.
    ///
    /// # Errors
    ///
    /// [`StopError`]: it was dead, or the caller is itself or what it is just starting, or it ended for another reason.
    pub fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, Duration::MAX)
    }

    /// As [`stop`](Self::stop), for a reason and within a time; [`Duration::MAX`] for none.
    ///
    /// # Errors
    ///
    /// As `stop`; and [`StopError::Timeout`], when the order stands: it still ends later.
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        stop::stop(&self.0, Request::Stop, reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As `stop`.
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        stop::stop_async(&self.0, Request::Stop, reason).await
    }

    fn call<R: Send + 'static>(&self, request: impl FnOnce(ReplyTo<R>) -> Request<E>) -> Result<R, CallError> {
        if self.waits_for_caller() {
            return Err(CallError::CallingSelf);
        }
        self.0.call_with(NO_LIMIT, request)
    }

    fn request<R: Send + 'static>(
        &self,
        request: impl FnOnce(ReplyTo<R>) -> Request<E>,
    ) -> crate::Request<impl Send + 'static, R> {
        self.0.request(NO_LIMIT, request)
    }

    /// Whether it is running a start function that has led here: it cannot answer before this returns.
    fn waits_for_caller(&self) -> bool {
        current::is_starting(self.pid())
    }
}

fn found(found: bool) -> Result<(), TerminateChildError> {
    if found { Ok(()) } else { Err(TerminateChildError::NotFound) }
}

impl<E> Clone for DynamicSupervisorRef<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for DynamicSupervisorRef<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicSupervisorRef({:?})", self.0)
    }
}

impl<E: Send + Sync + 'static> From<&DynamicSupervisorRef<E>> for Peer {
    fn from(supervisor: &DynamicSupervisorRef<E>) -> Self {
        (&supervisor.0).into()
    }
}

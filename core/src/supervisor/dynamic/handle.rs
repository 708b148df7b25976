//! A dynamic supervisor as others know it.

use std::convert::identity;
use std::fmt;
use std::time::Duration;

use super::process::Request;
use super::spec::Asked;
use super::{ChildCounts, DynamicChildInfo, DynamicChildSpec, StartDynamicError, TerminateChildError};
use crate::{Address, CallError, ExitReason, Mailbox, Name, Peer, Pid, ReplyTo, Signal, current_pid, spawn};

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
    /// let found: Option<DynamicSupervisorRef> = DynamicSupervisorRef::whereis("sessions");
    /// assert_eq!(found.map(|found| found.pid()), Some(sup.pid()));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn whereis(name: impl Into<Name>) -> Option<Self> {
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

    /// Starts a child, by a [`ChildSpec`](crate::ChildSpec) or a [`DynamicChildSpec`], and gives what its function gave.
    ///
    /// The function runs inside the supervisor, which serves nobody else meanwhile. Costs one request and reply, whatever the
    /// number of children.
    ///
    /// # Errors
    ///
    /// [`StartDynamicError`]: the specification is wrong, which is found before anything is sent (D2); there are `max_children`
    /// already; the child did not start, or did not want to; the supervisor is dead. In all these cases nothing is kept (D4).
    pub fn start_child<H>(&self, child: impl Into<DynamicChildSpec<H, E>>) -> Result<H, StartDynamicError>
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
    ) -> Result<H, StartDynamicError>
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
        found(self.call(|reply| Request::Terminate(pid, reply)))
    }

    /// As [`terminate_child`](Self::terminate_child), for futures.
    ///
    /// # Errors
    ///
    /// As `terminate_child`.
    pub async fn terminate_child_async(&self, pid: Pid) -> Result<(), TerminateChildError> {
        found(self.request(|reply| Request::Terminate(pid, reply)).await)
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
    /// [`CallError`]: it was dead already, or ended for another reason ([`CallError::Down`]).
    pub fn stop(&self) -> Result<(), CallError> {
        self.stop_with(ExitReason::Normal, NO_LIMIT)
    }

    /// As [`stop`](Self::stop), with a reason of its own and a limit to the wait.
    ///
    /// # Errors
    ///
    /// As `stop`; [`CallError::Timeout`] when the time is over, and then it still stops.
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), CallError> {
        self.not_self()?;
        witness(&self.0, reason, Request::Stop).call_with(within, identity)?
    }

    /// As [`stop_with`](Self::stop_with), for futures.
    ///
    /// # Errors
    ///
    /// As `stop_with`.
    pub async fn stop_async(&self, reason: ExitReason, within: Duration) -> Result<(), CallError> {
        self.not_self()?;
        witness(&self.0, reason, Request::Stop).request(within, identity).await?
    }

    fn not_self(&self) -> Result<(), CallError> {
        if current_pid() == Some(self.pid()) { Err(CallError::CallingSelf) } else { Ok(()) }
    }

    fn call<R: Send + 'static>(&self, request: impl FnOnce(ReplyTo<R>) -> Request<E>) -> Result<R, CallError> {
        self.0.call_with(NO_LIMIT, request)
    }

    fn request<R: Send + 'static>(
        &self,
        request: impl FnOnce(ReplyTo<R>) -> Request<E>,
    ) -> crate::Request<impl Send + 'static, R> {
        self.0.request(NO_LIMIT, request)
    }
}

fn found(reply: Result<bool, CallError>) -> Result<(), TerminateChildError> {
    if reply? { Ok(()) } else { Err(TerminateChildError::NotFound) }
}

/// A process that orders another to stop, and answers with whether it did: only a process can watch another's end.
fn witness<M: Send + 'static>(
    target: &Address<M>,
    reason: ExitReason,
    order: impl FnOnce(ExitReason) -> M + Send + 'static,
) -> Address<ReplyTo<Result<(), CallError>>> {
    let target = target.clone();
    spawn(move |mailbox: Mailbox<ReplyTo<Result<(), CallError>>>| async move {
        let reply = mailbox.receive().await;
        mailbox.monitor(&target);
        let _ = target.send(order(reason.clone()));
        if let Signal::Down(down) = mailbox.receive_signal().await {
            reply.send(match down.reason {
                seen if seen == reason => Ok(()),
                ExitReason::NoProc => Err(CallError::NoProc),
                seen => Err(CallError::Down(seen)),
            });
        }
    })
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

//! A supervisor as others know it.

use std::fmt;
use std::time::Duration;

use super::error::{DeleteChildError, RestartChildError, StartChildError, TerminateChildError};
use super::process::Order;
use super::spec::{ChildId, ChildPlan, ChildSpec};
use super::{ChildCounts, ChildInfo};
use crate::process::current;
use crate::runtime::engine::Engine;
use crate::stop;
use crate::sync::Arc;
use crate::{Address, CallError, ExitReason, Name, Peer, Pid, ReplyTo, Request, StopError};

/// A supervisor may be busy stopping a child for long: who asks it waits without limit (S2.4). Its end is noticed at once.
const NO_LIMIT: Duration = Duration::MAX;

/// A [`Supervisor`](crate::Supervisor) that was started. It names one incarnation; cloning costs one reference count.
///
/// Its functions wait until the supervisor has done what they ask, without limit (S2.4), but never for one that is dead (S6.2).
/// They work on plain threads and in callbacks, where others run meanwhile; in a future use those that end in `_async`. The
/// supervisor does one thing after the other, so none of them ever meets a restart that is half done (S6.1).
///
/// A supervisor that runs a start function serves nobody else. So a call from within a start function, or from the `init` of what
/// it starts, could never be answered: it fails with [`CallError::CallingSelf`]. That cannot be told where the start function
/// waits for yet another process or thread that calls: such a ring waits for ever, as does a child that terminates itself and has
/// no limit to stop.
///
/// ```
/// use genstage_core::{ChildSpec, ChildState, Mailbox, Restart, Strategy, Supervisor, TerminateChildError, spawn_link};
///
/// let sup = Supervisor::new(Strategy::OneForOne).start_link()?;
/// let echo = || Ok(spawn_link(|mailbox: Mailbox<()>| async move { mailbox.receive().await }));
///
/// let started = sup.start_child(ChildSpec::new("echo", echo).restart(Restart::Transient)).unwrap();
/// let pid = started.unwrap().pid();
/// assert_eq!(sup.which_children().unwrap()[0].state, ChildState::Running(pid));
///
/// sup.terminate_child("echo").unwrap();
/// assert_eq!(sup.which_children().unwrap()[0].state, ChildState::Stopped);
/// sup.restart_child("echo").unwrap();
/// sup.terminate_child("echo").unwrap();
/// sup.delete_child("echo").unwrap();
/// assert_eq!(sup.terminate_child("echo"), Err(TerminateChildError::NotFound));
/// sup.stop().unwrap();
/// # Ok::<(), genstage_core::StartError>(())
/// ```
pub struct SupervisorRef(pub(super) Address<Order>);

impl SupervisorRef {
    /// The supervisor under this name, if there is one.
    pub fn find(name: impl Into<Name>) -> Option<Self> {
        name.into().address().map(Self)
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Whether it lives: false from the moment it is bound to end.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.0.exit_reason()
    }

    /// Starts one more child, after all others in the order, and gives what its function gave. `None`: the child ignored its
    /// start; its specification is kept unless it is temporary (S2.2).
    ///
    /// # Errors
    ///
    /// [`StartChildError`]: there is a child with this id; a significant one that cannot be; it did not start; the supervisor is
    /// dead. Nothing is kept then.
    pub fn start_child<H>(&self, child: ChildSpec<H>) -> Result<Option<H>, StartChildError>
    where
        H: Clone + Send + Sync + 'static,
        for<'a> &'a H: Into<Peer>,
    {
        let ChildSpec { plan, slot } = child;
        let started = self.call(|reply| Order::Start(plan, reply))??;
        Ok(started.and_then(|_| slot.get()))
    }

    /// As [`start_child`](Self::start_child), for futures.
    ///
    /// # Errors
    ///
    /// As `start_child`.
    pub async fn start_child_async<H>(&self, child: ChildSpec<H>) -> Result<Option<H>, StartChildError>
    where
        H: Clone + Send + Sync + 'static,
        for<'a> &'a H: Into<Peer>,
    {
        let ChildSpec { plan, slot } = child;
        let started = self.request(|reply| Order::Start(plan, reply)).await??;
        Ok(started.and_then(|_| slot.get()))
    }

    /// Starts a child again that is stopped. `None`: it ignored its start and stays stopped.
    ///
    /// # Errors
    ///
    /// [`RestartChildError`]: there is no such child; it runs or is being restarted; it did not start, and stays stopped; the
    /// supervisor is dead.
    pub fn restart_child(&self, id: impl Into<ChildId>) -> Result<Option<Peer>, RestartChildError> {
        self.call(|reply| Order::Restart(id.into(), reply))?
    }

    /// As [`restart_child`](Self::restart_child), for futures.
    ///
    /// # Errors
    ///
    /// As `restart_child`.
    pub async fn restart_child_async(&self, id: impl Into<ChildId>) -> Result<Option<Peer>, RestartChildError> {
        let id = id.into();
        self.request(|reply| Order::Restart(id, reply)).await?
    }

    /// Stops a child, as its [`Shutdown`](crate::Shutdown) says, and waits until it is gone. Also gives up to restart
    /// one that does not start; one that is stopped stays so. Its specification is kept unless it is temporary.
    ///
    /// That is no failure: it is not restarted, nobody else is touched, and it ends no supervisor.
    ///
    /// # Errors
    ///
    /// [`TerminateChildError`]: there is no such child, or the supervisor is dead.
    pub fn terminate_child(&self, id: impl Into<ChildId>) -> Result<(), TerminateChildError> {
        self.call(|reply| Order::Terminate(id.into(), reply))?
    }

    /// As [`terminate_child`](Self::terminate_child), for futures.
    ///
    /// # Errors
    ///
    /// As `terminate_child`.
    pub async fn terminate_child_async(&self, id: impl Into<ChildId>) -> Result<(), TerminateChildError> {
        let id = id.into();
        self.request(|reply| Order::Terminate(id, reply)).await?
    }

    /// Forgets the specification of a child that is stopped.
    ///
    /// # Errors
    ///
    /// [`DeleteChildError`]: there is no such child; it runs or is being restarted; the supervisor is dead.
    pub fn delete_child(&self, id: impl Into<ChildId>) -> Result<(), DeleteChildError> {
        self.call(|reply| Order::Delete(id.into(), reply))?
    }

    /// As [`delete_child`](Self::delete_child), for futures.
    ///
    /// # Errors
    ///
    /// As `delete_child`.
    pub async fn delete_child_async(&self, id: impl Into<ChildId>) -> Result<(), DeleteChildError> {
        let id = id.into();
        self.request(|reply| Order::Delete(id, reply)).await?
    }

    /// Its children, in reverse start order.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead, or is just starting the caller.
    pub fn which_children(&self) -> Result<Vec<ChildInfo>, CallError> {
        self.call(Order::Which)
    }

    /// As [`which_children`](Self::which_children), for futures.
    ///
    /// # Errors
    ///
    /// As `which_children`.
    pub async fn which_children_async(&self) -> Result<Vec<ChildInfo>, CallError> {
        self.request(Order::Which).await
    }

    /// How many children it has.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead, or is just starting the caller.
    pub fn count_children(&self) -> Result<ChildCounts, CallError> {
        self.call(Order::Count)
    }

    /// As [`count_children`](Self::count_children), for futures.
    ///
    /// # Errors
    ///
    /// As `count_children`.
    pub async fn count_children_async(&self) -> Result<ChildCounts, CallError> {
        self.request(Order::Count).await
    }

    /// The specification of a child; `None` if there is none with this id. [`ChildSpec::from`] makes one of it that can
    /// be started elsewhere.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the supervisor is dead, or is just starting the caller.
    pub fn get_childspec(&self, id: impl Into<ChildId>) -> Result<Option<ChildPlan>, CallError> {
        self.call(|reply| Order::Spec(id.into(), reply))
    }

    /// As [`get_childspec`](Self::get_childspec), for futures.
    ///
    /// # Errors
    ///
    /// As `get_childspec`.
    pub async fn get_childspec_async(&self, id: impl Into<ChildId>) -> Result<Option<ChildPlan>, CallError> {
        let id = id.into();
        self.request(|reply| Order::Spec(id, reply)).await
    }

    /// Ends it normally, once it has done what was asked before and has stopped its children; returns when it is gone.
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
        stop::stop(&self.0, Order::Stop, reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As `stop`.
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        stop::stop_async(&self.0, Order::Stop, reason).await
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.0.0.engine()
    }

    fn call<R: Send + 'static>(&self, order: impl FnOnce(ReplyTo<R>) -> Order) -> Result<R, CallError> {
        if self.waits_for_caller() {
            return Err(CallError::CallingSelf);
        }
        self.0.call_with(NO_LIMIT, order)
    }

    fn request<R: Send + 'static>(&self, order: impl FnOnce(ReplyTo<R>) -> Order) -> Request<Order, R> {
        self.0.request(NO_LIMIT, order)
    }

    /// Whether it is running a start function that has led here: it cannot answer before this returns.
    pub(super) fn waits_for_caller(&self) -> bool {
        current::is_starting(self.pid())
    }
}

impl Clone for SupervisorRef {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupervisorRef({})", self.pid())
    }
}

impl From<&SupervisorRef> for Peer {
    fn from(supervisor: &SupervisorRef) -> Self {
        Self::from(&supervisor.0)
    }
}

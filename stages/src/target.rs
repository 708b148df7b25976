//! Whom a handle means: one incarnation of a stage, or whoever has a name.

use std::fmt;
use std::time::Duration;

use genstage_core::{Address, CallError, ExitReason, Name, Peer, Pid, ReplyTo, SendError, StopError};

/// One incarnation, or whoever has the name when it is used. A name that nobody has, or that belongs to a process of another
/// kind, answers as the dead do.
pub(crate) enum Target<M> {
    One(Address<M>),
    Named(Name),
}

impl<M: Send + 'static> Target<M> {
    /// Whom it means at this moment.
    pub(crate) fn address(&self) -> Option<Address<M>> {
        match self {
            Self::One(address) => Some(address.clone()),
            Self::Named(name) => name.address(),
        }
    }

    /// Likewise; nobody is as good as dead.
    pub(crate) fn peer(&self) -> Peer {
        match self {
            Self::One(address) => Peer::from(address),
            Self::Named(_) => self.address().map_or_else(|| Peer::from(Pid::NOBODY), |address| Peer::from(&address)),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        match self {
            Self::One(address) => address.pid(),
            Self::Named(_) => self.peer().pid(),
        }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.peer().is_alive()
    }

    pub(crate) fn exit(&self, reason: ExitReason) {
        self.peer().exit(reason);
    }

    pub(crate) fn exit_reason(&self) -> Option<ExitReason> {
        self.peer().exit_reason()
    }

    #[inline]
    pub(crate) fn send(&self, message: M) -> Result<(), SendError<M>> {
        match self {
            Self::One(address) => address.send(message),
            Self::Named(_) => match self.address() {
                Some(address) => address.send(message),
                None => Err(SendError { process: Pid::NOBODY, message }),
            },
        }
    }

    pub(crate) fn call_with<T: Send + 'static>(
        &self,
        within: Duration,
        make: impl FnOnce(ReplyTo<T>) -> M,
    ) -> Result<T, CallError> {
        match self {
            Self::One(address) => address.call_with(within, make),
            Self::Named(_) => self.address().ok_or(CallError::NoProc)?.call_with(within, make),
        }
    }

    pub(crate) async fn request<T: Send + 'static>(
        &self,
        within: Duration,
        make: impl FnOnce(ReplyTo<T>) -> M,
    ) -> Result<T, CallError> {
        match self {
            Self::One(address) => address.request(within, make).await,
            Self::Named(_) => self.address().ok_or(CallError::NoProc)?.request(within, make).await,
        }
    }

    pub(crate) fn stop_with(
        &self,
        reason: ExitReason,
        within: Duration,
        order: impl FnOnce(ExitReason) -> M,
    ) -> Result<(), StopError> {
        self.address().ok_or(StopError::NoProc)?.stop_with(reason, within, order)
    }

    pub(crate) async fn stop_async(
        &self,
        reason: ExitReason,
        order: impl FnOnce(ExitReason) -> M,
    ) -> Result<(), StopError> {
        self.address().ok_or(StopError::NoProc)?.stop_async(reason, order).await
    }
}

impl<M> Clone for Target<M> {
    fn clone(&self) -> Self {
        match self {
            Self::One(address) => Self::One(address.clone()),
            Self::Named(name) => Self::Named(name.clone()),
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Target<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => address.pid().fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

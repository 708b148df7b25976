//! A server as others know it.

use std::fmt;
use std::time::Duration;

use super::call::{Call, Request as Asked};
use super::{GenServer, HandleCall, Order, ServerMail};
use crate::reply::deliver;
use crate::stop::{stop, stop_async};
use crate::timer::Timer;
use crate::{Address, CALL_TIMEOUT, CallError, Child, ExitReason, Name, Peer, Pid, SendError, StopError, send_after};

/// A server as others know it: one incarnation, or whoever has a name.
///
/// What `start` gives names one incarnation; after a restart it stays with the dead, and says so. What
/// [`GenServer::named`] gives, or a supervisor's child handle, finds the new one. Cloning costs one reference count.
///
/// Specification: G5 of the runtime rules.
pub struct ServerRef<S: GenServer>(To<S>);

enum To<S: GenServer> {
    One(Address<ServerMail<S>>),
    Named(Name),
}

impl<S: GenServer> ServerRef<S> {
    pub(crate) fn new(address: Address<ServerMail<S>>) -> Self {
        Self(To::One(address))
    }

    pub(crate) fn named(name: impl Into<Name>) -> Self {
        Self(To::Named(name.into()))
    }

    /// Whom it means at this moment.
    pub(crate) fn address(&self) -> Option<Address<ServerMail<S>>> {
        match &self.0 {
            To::One(address) => Some(address.clone()),
            To::Named(name) => name.address(),
        }
    }

    /// Sends a request and waits up to five seconds for its reply.
    ///
    /// Works alike from a plain thread, from a callback, where other processes run meanwhile, and from a future, where
    /// [`call_async`](Self::call_async) is cheaper. Not from itself.
    ///
    /// # Errors
    ///
    /// [`CallError`]: dead or nobody has the name, calling itself, no reply in time, ended without one. The end of the server is
    /// noticed at once, not by the timeout (G5.5). After a timeout the request is still handled, and its late reply vanishes
    /// (G5.3).
    pub fn call<R>(&self, request: R) -> Result<S::Reply, CallError>
    where
        R: Send + 'static,
        S: HandleCall<R>,
    {
        self.call_within(request, CALL_TIMEOUT)
    }

    /// As [`call`](Self::call), with a time limit of its own; [`Duration::MAX`] for none.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_within<R>(&self, request: R, within: Duration) -> Result<S::Reply, CallError>
    where
        R: Send + 'static,
        S: HandleCall<R>,
    {
        let make = |reply| ServerMail(Order::Call(Box::new(Call::new(request, reply))));
        match &self.0 {
            To::One(address) => address.call_with(within, make),
            To::Named(name) => name.address().ok_or(CallError::NoProc)?.call_with(within, make),
        }
    }

    /// As [`call`](Self::call), from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<R>(&self, request: R) -> Result<S::Reply, CallError>
    where
        R: Send + 'static,
        S: HandleCall<R>,
    {
        self.call_async_within(request, CALL_TIMEOUT).await
    }

    /// As [`call_async`](Self::call_async), with a time limit of its own; [`Duration::MAX`] for none. A limit of a second or more may
    /// end some milliseconds late; it is counted on the runtime's coarse clock.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async_within<R>(&self, request: R, within: Duration) -> Result<S::Reply, CallError>
    where
        R: Send + 'static,
        S: HandleCall<R>,
    {
        let make = |reply| -> Box<dyn Asked<S>> { Box::new(Call::new(request, reply)) };
        let wrap = |request| ServerMail(Order::Call(request));
        let found;
        let address = match &self.0 {
            To::One(address) => address,
            To::Named(name) => {
                found = name.address().ok_or(CallError::NoProc)?;
                &found
            }
        };
        address.ask(within, make, wrap).await
    }

    /// Sends a request; the outcome is handed to a function, on whichever thread has it.
    pub(super) fn send_request<R>(
        &self,
        request: R,
        within: Duration,
        then: impl FnOnce(Result<S::Reply, CallError>) + Send + 'static,
    ) where
        R: Send + 'static,
        S: HandleCall<R>,
    {
        match self.address() {
            Some(address) => {
                deliver(&address, within, |reply| ServerMail(Order::Call(Box::new(Call::new(request, reply)))), then);
            }
            None => then(Err(CallError::NoProc)),
        }
    }

    /// Sends a message and goes on, whatever becomes of it: also to the dead, or to a name that nobody has (G5.6).
    #[inline]
    pub fn cast(&self, message: S::Message) {
        let _ = self.send(message);
    }

    /// As [`cast`](Self::cast), and hands the message back where nobody is there to take it.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the server is dead, or nobody has the name.
    #[inline]
    pub fn send(&self, message: S::Message) -> Result<(), SendError<S::Message>> {
        let found;
        let address = match &self.0 {
            To::One(address) => address,
            To::Named(name) => match name.address() {
                Some(address) => {
                    found = address;
                    &found
                }
                None => return Err(SendError { process: Pid::NOBODY, message }),
            },
        };
        address.send_as(message, |message| ServerMail(Order::Cast(message)))
    }

    /// Casts a message after a delay. Dropped if nobody is there by then; a name is looked up at that moment (P9.3).
    pub fn send_after(&self, message: S::Message, delay: Duration) -> Timer {
        match &self.0 {
            To::One(address) => send_after(address, ServerMail(Order::Cast(message)), delay),
            To::Named(name) => send_after(name, ServerMail::<S>(Order::Cast(message)), delay),
        }
    }

    /// Stops it normally: what waits already is handled, then `terminate` runs. Waits for the end, without limit (G5.8).
    ///
    /// # Errors
    ///
    /// [`StopError`]: dead already, stopping itself, or ended for another reason.
    pub fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, Duration::MAX)
    }

    /// As [`stop`](Self::stop), with a reason, and waiting no longer than this. After that it still stops, when it comes to it.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`].
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        let address = self.address().ok_or(StopError::NoProc)?;
        stop(&address, |reason| ServerMail(Order::Stop(reason)), reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        let address = self.address().ok_or(StopError::NoProc)?;
        stop_async(&address, |reason| ServerMail(Order::Stop(reason)), reason).await
    }

    /// Its pid; for a name that of who has it now, or [`Pid::NOBODY`].
    pub fn pid(&self) -> Pid {
        match &self.0 {
            To::One(address) => address.pid(),
            To::Named(_) => self.whereis().unwrap_or(Pid::NOBODY),
        }
    }

    /// Who it is now: `None` if nobody has the name (G5.9).
    pub fn whereis(&self) -> Option<Pid> {
        match &self.0 {
            To::One(address) => Some(address.pid()),
            To::Named(_) => self.address().map(|address| address.pid()),
        }
    }

    /// Whether it lives: false from the moment it is bound to end.
    pub fn is_alive(&self) -> bool {
        match &self.0 {
            To::One(address) => address.is_alive(),
            To::Named(_) => self.whereis().is_some(),
        }
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        Peer::from(self).exit_reason()
    }

    /// Sends an exit signal; see [`Peer::exit`].
    pub fn exit(&self, reason: ExitReason) {
        Peer::from(self).exit(reason);
    }
}

impl<S: GenServer> From<&ServerRef<S>> for Peer {
    /// For a name: who has it now.
    fn from(server: &ServerRef<S>) -> Self {
        match &server.0 {
            To::One(address) => Self::from(address),
            To::Named(_) => server.address().map_or_else(|| Self::from(Pid::NOBODY), |address| Self::from(&address)),
        }
    }
}

impl<S: GenServer> From<&Child<Self>> for ServerRef<S> {
    /// Whichever incarnation there is when it is used.
    fn from(child: &Child<Self>) -> Self {
        Self::named(child.name())
    }
}

impl<S: GenServer> From<Child<Self>> for ServerRef<S> {
    fn from(child: Child<Self>) -> Self {
        Self::from(&child)
    }
}

impl<S: GenServer> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            To::One(address) => To::One(address.clone()),
            To::Named(name) => To::Named(name.clone()),
        })
    }
}

impl<S: GenServer> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            To::One(address) => write!(f, "ServerRef({})", address.pid()),
            To::Named(name) => write!(f, "ServerRef({name:?})"),
        }
    }
}

//! Whom `sys` can look into.

use std::fmt;
use std::time::Duration;

use super::Watchers;
use crate::gen_server::{Cx, Order, Serve, ServerMail};
use crate::{CALL_TIMEOUT, CallError, Child, GenServer, Pid, ServerRef};

/// A handle of a process that can be looked into: a [`ServerRef`], or one of another kind of process that offers it, as stages do.
///
/// A kind of process of your own offers it by taking a function as a message, and calling it with what stands for the process:
/// see [`Inspected`].
pub trait Target {
    /// Its state.
    type State: Send + 'static;
    /// What a process of this kind tells of itself besides: `()` for servers.
    type Detail: Send + fmt::Debug + 'static;

    /// Runs a function in the process's loop, between its callbacks, also while it is suspended.
    ///
    /// # Errors
    ///
    /// [`CallError`], as calls.
    fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut dyn Inspected<State = Self::State, Detail = Self::Detail>) -> T + Send + 'static,
    ) -> Result<T, CallError>;
}

/// A process as it is looked into, between two of its callbacks.
pub trait Inspected {
    /// Its state.
    type State;
    /// What it tells of itself besides.
    type Detail;

    /// Its pid.
    fn pid(&self) -> Pid;
    /// The time of its runtime.
    fn now(&self) -> Duration;
    /// The type of its state.
    fn behaviour(&self) -> &'static str;
    /// Its state.
    fn state(&mut self) -> &mut Self::State;
    /// What it tells of itself besides.
    fn detail(&self) -> Self::Detail;
    /// Who watches it.
    fn watchers(&mut self) -> &mut Watchers;
    /// Whether it is suspended.
    fn is_suspended(&self) -> bool;
    /// From now on it keeps what comes, but for requests like this one, stops and the end of its parent.
    fn suspend(&mut self);
    /// What was kept is handled, before anything that came later.
    fn resume(&mut self);
}

impl<S: GenServer> Target for ServerRef<S> {
    type State = S;
    type Detail = ();

    fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut dyn Inspected<State = S, Detail = ()>) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let address = self.address().ok_or(CallError::NoProc)?;
        address.call_with(CALL_TIMEOUT, |reply| {
            ServerMail(Order::System(Box::new(move |serve, cx| reply.send(look(&mut Inside { serve, cx })))))
        })
    }
}

impl<T: Target> Target for Child<T>
where
    for<'a> T: From<&'a Self>,
{
    type State = T::State;
    type Detail = T::Detail;

    fn inspect<A: Send + 'static>(
        &self,
        look: impl FnOnce(&mut dyn Inspected<State = T::State, Detail = T::Detail>) -> A + Send + 'static,
    ) -> Result<A, CallError> {
        T::from(self).inspect(look)
    }
}

/// A server, seen from its loop.
struct Inside<'a, 'b, S: GenServer> {
    serve: &'a mut Serve<S>,
    cx: &'a Cx<'b, S>,
}

impl<S: GenServer> Inspected for Inside<'_, '_, S> {
    type State = S;
    type Detail = ();

    fn pid(&self) -> Pid {
        self.cx.pid()
    }

    fn now(&self) -> Duration {
        self.cx.now()
    }

    fn behaviour(&self) -> &'static str {
        std::any::type_name::<S>()
    }

    fn state(&mut self) -> &mut S {
        &mut self.serve.server
    }

    fn detail(&self) {}

    fn watchers(&mut self) -> &mut Watchers {
        &mut self.serve.watchers
    }

    fn is_suspended(&self) -> bool {
        self.serve.is_suspended()
    }

    fn suspend(&mut self) {
        self.serve.suspend();
    }

    fn resume(&mut self) {
        self.serve.resume(self.cx);
    }
}

//! Servers: a state behind an inbox, with calls, casts, timeouts and continues.
//!
//! 1. `call` — requests: one small trait for each, with a reply type of its own
//! 2. `context` — what a callback can reach
//! 3. `reference` — a server as others know it
//! 4. `serve` — the loop: which callback for which mail, and what comes after it

mod call;
mod context;
mod reference;
mod serve;

use std::any::type_name;

pub use call::{Answer, Caller, HandleCall};
pub use context::Context;
pub use reference::ServerRef;
pub(crate) use serve::{Cx, Order, Serve, ServerMail};

use crate::sync::Mutex;
use crate::{ChildSpec, ExitReason, Init, MonitorRef, Name, Outcome, Signal, StartError, StartOptions, log, start};

/// A state behind an inbox: others call it and wait for its reply, or cast and go on.
///
/// One callback runs at a time, in the order of arrival, and may block or compute: other processes go on. A panic in one ends
/// this server alone; its callers get the reason at once.
///
/// What is cast is one type, [`Message`](Self::Message), mostly an enum. Each request is a type of its own, with a reply type of
/// its own: see [`HandleCall`].
///
/// Specification: section 5 of the runtime rules.
///
/// ```
/// use genstage_core::{Answer, Caller, Context, GenServer, HandleCall, Outcome};
///
/// #[derive(Clone)]
/// struct Stack(Vec<i64>);
///
/// struct Push(i64);
/// struct Pop;
///
/// impl GenServer for Stack {
///     type Message = Push;
///
///     fn handle_cast(&mut self, Push(n): Push, _cx: &mut Context<'_, Self>) -> Outcome {
///         self.0.push(n);
///         Outcome::Continue
///     }
/// }
///
/// impl HandleCall<Pop> for Stack {
///     type Reply = Option<i64>;
///
///     fn handle_call(&mut self, _: Pop, _from: &mut Caller<Option<i64>>, _cx: &mut Context<'_, Self>) -> Answer<Option<i64>> {
///         Answer::Reply(self.0.pop())
///     }
/// }
///
/// let stack = Stack(vec![1]).start()?;
/// stack.cast(Push(2));
/// assert_eq!(stack.call(Pop)?, Some(2));
/// assert_eq!(stack.call(Pop)?, Some(1));
/// assert_eq!(stack.call(Pop)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait GenServer: Send + Sized + 'static {
    /// What is cast to it, comes from its timers, or from itself. `()` where it only takes calls.
    type Message: Send + 'static;

    /// Once, before anything else, while the starter waits.
    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        let _ = cx;
        Init::Continue
    }

    /// One message. By default it is logged and dropped.
    fn handle_cast(&mut self, message: Self::Message, cx: &mut Context<'_, Self>) -> Outcome {
        drop(message);
        log::warn!("process {}: unexpected {}", cx.pid(), type_name::<Self::Message>());
        Outcome::Continue
    }

    /// What [`Context::continue_with`] asked for, before any message that waits (G3.1). By default as a cast.
    fn handle_continue(&mut self, message: Self::Message, cx: &mut Context<'_, Self>) -> Outcome {
        self.handle_cast(message, cx)
    }

    /// Nothing came for as long as [`Context::idle_timeout`] said (G4.4).
    fn handle_timeout(&mut self, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = cx;
        Outcome::Continue
    }

    /// A trapped exit, or the end of a monitored process. By default it is logged. The end of the parent never comes here: it
    /// ends this server (G6.2).
    fn handle_signal(&mut self, signal: Signal, cx: &mut Context<'_, Self>) -> Outcome {
        log::warn!("process {}: unexpected {}", cx.pid(), crate::process::describe(&signal));
        Outcome::Continue
    }

    /// The last callback: after a stop, a panic, or the end of the parent while exits are trapped; not after an exit signal that
    /// is not trapped, nor when `init` failed (G6.1, G6.3).
    fn terminate(&mut self, reason: &ExitReason, cx: &mut Context<'_, Self>) {
        let _ = (reason, cx);
    }

    /// Starts it, neither linked nor named; returns after its `init`.
    ///
    /// # Errors
    ///
    /// As [`start`](crate::start).
    fn start(self) -> Result<ServerRef<Self>, StartError> {
        self.start_with(StartOptions::new())
    }

    /// Starts it, linked to the calling process.
    ///
    /// # Errors
    ///
    /// As [`start`](crate::start).
    fn start_link(self) -> Result<ServerRef<Self>, StartError> {
        self.start_with(StartOptions::new().link())
    }

    /// Starts it with options: a name, a link.
    ///
    /// # Errors
    ///
    /// As [`start`](crate::start).
    fn start_with(self, options: StartOptions) -> Result<ServerRef<Self>, StartError> {
        start(Serve::new(self), options).map(ServerRef::new)
    }

    /// As [`start_with`](Self::start_with), watched by the calling process from the first moment (P2.1); from a plain thread, which
    /// nobody can tell, there is no monitor.
    ///
    /// # Errors
    ///
    /// As [`start`](crate::start).
    fn start_monitor(self, options: StartOptions) -> Result<(ServerRef<Self>, Option<MonitorRef>), StartError> {
        start(Serve::new(self), options.monitor()).map(|(address, monitor)| (ServerRef::new(address), monitor))
    }

    /// A server of this kind by its name: whoever has it when it is used, so the new incarnation after a restart. The name of
    /// nobody, or of a process of another kind, gives a reference that answers as the dead do.
    ///
    /// ```
    /// # use genstage_core::{GenServer, CallError, HandleCall, Context, Caller, Answer};
    /// # struct Stack;
    /// # struct Pop;
    /// # impl GenServer for Stack { type Message = (); }
    /// # impl HandleCall<Pop> for Stack {
    /// #     type Reply = ();
    /// #     fn handle_call(&mut self, _: Pop, _: &mut Caller<()>, _: &mut Context<'_, Self>) -> Answer<()> { Answer::Reply(()) }
    /// # }
    /// assert_eq!(Stack::named("nobody").call(Pop), Err(CallError::NoProc));
    /// ```
    fn named(name: impl Into<Name>) -> ServerRef<Self> {
        ServerRef::named(name)
    }

    /// How a supervisor starts it: a permanent worker that begins each time as a copy of this state. Its id is the name of the
    /// type, without its path (G7.2).
    ///
    /// ```
    /// # use genstage_core::GenServer;
    /// # #[derive(Clone)] struct Stack;
    /// # impl GenServer for Stack { type Message = (); }
    /// let spec = Stack.child_spec();
    /// assert_eq!(spec.handle().id(), &"Stack".into());
    /// ```
    fn child_spec(self) -> ChildSpec<ServerRef<Self>>
    where
        Self: Clone,
    {
        let first = Mutex::new(self);
        ChildSpec::new(short_name::<Self>(), move || {
            let copy = first.lock().clone();
            copy.start_link()
        })
    }
}

/// The name of a type without the path of its module, also within its parameters.
fn short_name<T>() -> String {
    let mut short = String::new();
    for part in type_name::<T>().split_inclusive(['<', '>', ',', ' ', '(', ')', '&', '[', ']']) {
        short.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    short
}

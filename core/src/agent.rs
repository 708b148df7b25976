//! Agents: a value that others read and change with functions.

use std::fmt;
use std::time::Duration;

use crate::{
    Answer, CALL_TIMEOUT, CallError, Caller, Child, Context, ExitReason, GenServer, HandleCall, Init, Outcome, Peer,
    Pid, ServerRef, StartError, StartOptions, StopError,
};

/// A value in a process of its own, that others read and change with functions.
///
/// All functions run inside the agent, one at a time: a slow one keeps the others waiting, and a panic ends the agent. Cloning a
/// handle costs one reference count.
///
/// Specification: section 13 of the runtime rules.
///
/// ```
/// use genstage_core::Agent;
///
/// let words = Agent::start(Vec::new)?;
/// words.update(|words| words.push("one"))?;
/// words.cast(|words| words.push("two"));
/// assert_eq!(words.get(|words| words.len())?, 2);
/// assert_eq!(words.get_and_update(|words| words.pop())?, Some("two"));
/// words.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Agent<T: Send + 'static>(ServerRef<AgentServer<T>>);

impl<T: Send + 'static> Agent<T> {
    /// Starts one; the function that makes the value runs inside it.
    ///
    /// # Errors
    ///
    /// [`StartError`], as [`start`](crate::start): among others if the function panics (A1).
    pub fn start(make: impl FnOnce() -> T + Send + 'static) -> Result<Self, StartError> {
        Self::start_with(StartOptions::new(), make)
    }

    /// As [`start`](Self::start), linked to the calling process.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_link(make: impl FnOnce() -> T + Send + 'static) -> Result<Self, StartError> {
        Self::start_with(StartOptions::new().link(), make)
    }

    /// As [`start`](Self::start), with options: a name, a link.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(options: StartOptions, make: impl FnOnce() -> T + Send + 'static) -> Result<Self, StartError> {
        AgentServer(Value::Unmade(Box::new(make))).start_with(options).map(Self)
    }

    /// An agent by its name: whoever has it when it is used.
    pub fn named(name: impl Into<crate::Name>) -> Self {
        Self(ServerRef::named(name))
    }

    /// What a function reads from the value. Waits up to five seconds.
    ///
    /// # Errors
    ///
    /// [`CallError`], as calls; with the panic as the reason if the function panics, which ends the agent (A3).
    pub fn get<R: Send + 'static>(&self, read: impl FnOnce(&T) -> R + Send + 'static) -> Result<R, CallError> {
        self.get_and_update(|value| read(value))
    }

    /// Changes the value. Waits up to five seconds.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn update(&self, change: impl FnOnce(&mut T) + Send + 'static) -> Result<(), CallError> {
        self.get_and_update(change)
    }

    /// Changes the value and returns what the function gives. Waits up to five seconds.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_and_update<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        self.get_and_update_within(CALL_TIMEOUT, change)
    }

    /// As [`get_and_update`](Self::get_and_update), with a time limit of its own.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_and_update_within<R: Send + 'static>(
        &self,
        within: Duration,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        self.0.call_within(Function(change), within)
    }

    /// As [`get`](Self::get), from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn get_async<R: Send + 'static>(
        &self,
        read: impl FnOnce(&T) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        self.get_and_update_async(|value| read(value)).await
    }

    /// As [`update`](Self::update), from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn update_async(&self, change: impl FnOnce(&mut T) + Send + 'static) -> Result<(), CallError> {
        self.get_and_update_async(change).await
    }

    /// As [`get_and_update`](Self::get_and_update), from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn get_and_update_async<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        self.0.call_async(Function(change)).await
    }

    /// Changes the value, some time, and does not wait for it.
    pub fn cast(&self, change: impl FnOnce(&mut T) + Send + 'static) {
        self.0.cast(Box::new(change));
    }

    /// Stops it normally, after what waits, and waits for its end.
    ///
    /// # Errors
    ///
    /// [`StopError`]: dead already, stopping itself, or ended for another reason.
    pub fn stop(&self) -> Result<(), StopError> {
        self.0.stop()
    }

    /// As [`stop`](Self::stop), with a reason and a time limit.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`].
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        self.0.stop_with(reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future: it waits without holding a thread.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        self.0.stop_async(reason).await
    }

    /// Its pid; for a name that of who has it now, or [`Pid::NOBODY`].
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Whether it lives; of a name, whether somebody has it.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.0.exit_reason()
    }

    /// Sends an exit signal, as [`Peer::exit`].
    pub fn exit(&self, reason: ExitReason) {
        self.0.exit(reason);
    }

    /// The agent as a server, for what takes one: [`sys`](crate::sys), for instance.
    pub fn server(&self) -> &ServerRef<AgentServer<T>> {
        &self.0
    }
}

impl<T: Send + 'static> fmt::Debug for Agent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Agent").field(&self.0).finish()
    }
}

impl<T: Send + 'static> Clone for Agent<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> From<&Agent<T>> for Peer {
    fn from(agent: &Agent<T>) -> Self {
        Self::from(&agent.0)
    }
}

impl<T: Send + 'static> From<&Child<Agent<T>>> for Agent<T> {
    /// Whichever incarnation there is when it is used.
    fn from(child: &Child<Agent<T>>) -> Self {
        Self::named(child.name())
    }
}

impl<T: Send + 'static> From<Child<Agent<T>>> for Agent<T> {
    /// Whichever incarnation there is when it is used.
    fn from(child: Child<Agent<T>>) -> Self {
        Self::from(&child)
    }
}

/// The server of an agent: what [`sys`](crate::sys) sees.
#[derive(Clone)]
pub struct AgentServer<T>(Value<T>);

/// The value, or how it is made.
enum Value<T> {
    Unmade(Box<dyn FnOnce() -> T + Send>),
    Making,
    Made(T),
}

impl<T: Send + 'static> GenServer for AgentServer<T> {
    type Message = Box<dyn FnOnce(&mut T) + Send>;

    fn init(&mut self, _cx: &mut Context<'_, Self>) -> Init {
        if let Value::Unmade(make) = std::mem::replace(&mut self.0, Value::Making) {
            self.0 = Value::Made(make());
        }
        Init::Continue
    }

    fn handle_cast(&mut self, change: Self::Message, _cx: &mut Context<'_, Self>) -> Outcome {
        if let Value::Made(value) = &mut self.0 {
            change(value);
        }
        Outcome::Continue
    }
}

/// A function that is applied to the value.
struct Function<F>(F);

impl<T, F, R> HandleCall<Function<F>> for AgentServer<T>
where
    T: Send + 'static,
    F: FnOnce(&mut T) -> R + Send + 'static,
    R: Send + 'static,
{
    type Reply = R;

    fn handle_call(
        &mut self,
        Function(change): Function<F>,
        _from: &mut Caller<R>,
        _cx: &mut Context<'_, Self>,
    ) -> Answer<R> {
        match &mut self.0 {
            Value::Made(value) => Answer::Reply(change(value)),
            // `init` has made it, or there is no agent.
            _ => Answer::Later,
        }
    }
}

impl<T: Clone> Clone for Value<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Made(value) => Self::Made(value.clone()),
            // Seen by nobody: sys requests come after `init`.
            _ => Self::Making,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for AgentServer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Value::Made(value) => value.fmt(f),
            _ => f.write_str("(no value yet)"),
        }
    }
}

//! What a callback of a server can reach.

use std::ops::Deref;
use std::time::Duration;

use super::{GenServer, HandleCall, Order, ServerMail, ServerRef};
use crate::process::ProcessContext;
use crate::{CALL_TIMEOUT, CallError, MonitorRef, Own};

/// What a callback of a server can reach: the process itself, its links, monitors and timers, and what comes after the
/// callback.
pub struct Context<'a, S: GenServer> {
    pub(super) process: ProcessContext<'a, ServerMail<S>>,
    pub(super) next: &'a mut Next<S::Message>,
}

/// What comes after a callback. It belongs to that callback alone (G4.1).
pub(super) struct Next<M> {
    pub(super) message: Option<M>,
    pub(super) timeout: Option<Duration>,
    pub(super) hibernate: bool,
    /// How long the server may idle before it hibernates; this one stays.
    pub(super) hibernate_after: Option<Duration>,
}

impl<M> Default for Next<M> {
    fn default() -> Self {
        Self { message: None, timeout: None, hibernate: false, hibernate_after: None }
    }
}

impl<M> Next<M> {
    /// Whether nothing is to come but the next mail, as after nearly all callbacks.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.message.is_none() && self.timeout.is_none() && !self.hibernate && self.hibernate_after.is_none()
    }
}

impl<S: GenServer> Context<'_, S> {
    /// The server's own reference.
    pub fn me(&self) -> ServerRef<S> {
        ServerRef::new(self.process.me().clone())
    }

    /// If nothing comes for this long after the callback, `handle_timeout` runs. Any message ends the wait; sys requests begin it
    /// anew (G4.2, G4.5). Messages that wait already come first, also with zero (G4.3).
    pub fn idle_timeout(&mut self, time: Duration) {
        self.next.timeout = Some(time);
    }

    /// Runs `handle_continue` with this message right after the callback, before anything that waits (G3.1). The caller, or the
    /// starter, has its answer by then.
    pub fn continue_with(&mut self, message: S::Message) {
        self.next.message = Some(message);
    }

    /// Gives spare memory back after the callback, until the next message.
    pub fn hibernate(&mut self) {
        self.next.hibernate = true;
    }

    /// From now on the server hibernates whenever it idles for this long; `None`: never (G7.1).
    pub fn hibernate_after(&mut self, time: Option<Duration>) {
        self.next.hibernate_after = time;
    }

    /// Sends a request without waiting: the outcome comes as a message of this server's own, made by `wrap`, within five
    /// seconds.
    ///
    /// ```
    /// use genstage_core::{Answer, CallError, Caller, Context, GenServer, HandleCall, Outcome};
    ///
    /// struct Doubler;
    /// impl GenServer for Doubler { type Message = (); }
    /// impl HandleCall<u64> for Doubler {
    ///     type Reply = u64;
    ///     fn handle_call(&mut self, n: u64, _: &mut Caller<u64>, _: &mut Context<'_, Self>) -> Answer<u64> {
    ///         Answer::Reply(2 * n)
    ///     }
    /// }
    ///
    /// struct Asker(genstage_core::ServerRef<Doubler>, std::sync::mpsc::Sender<u64>);
    /// enum Message { Ask(u64), Doubled(Result<u64, CallError>) }
    ///
    /// impl GenServer for Asker {
    ///     type Message = Message;
    ///     fn handle_cast(&mut self, message: Message, cx: &mut Context<'_, Self>) -> Outcome {
    ///         match message {
    ///             Message::Ask(n) => cx.request(&self.0, n, Message::Doubled),
    ///             Message::Doubled(outcome) => { let _ = self.1.send(outcome.unwrap_or(0)); }
    ///         }
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let (report, reports) = std::sync::mpsc::channel();
    /// let asker = Asker(Doubler.start()?, report).start()?;
    /// asker.cast(Message::Ask(21));
    /// assert_eq!(reports.recv(), Ok(42));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request<T, R>(
        &self,
        server: &ServerRef<T>,
        request: R,
        wrap: impl FnOnce(Result<T::Reply, CallError>) -> S::Message + Send + 'static,
    ) where
        T: HandleCall<R>,
        R: Send + 'static,
    {
        self.request_within(server, request, CALL_TIMEOUT, wrap);
    }

    /// As [`request`](Self::request), with a time limit of its own.
    pub fn request_within<T, R>(
        &self,
        server: &ServerRef<T>,
        request: R,
        within: Duration,
        wrap: impl FnOnce(Result<T::Reply, CallError>) -> S::Message + Send + 'static,
    ) where
        T: HandleCall<R>,
        R: Send + 'static,
    {
        let me = self.process.me().clone();
        server.send_request(request, within, move |outcome| {
            // The user's function runs in this server, where its panic belongs.
            let _ = me.send(ServerMail(Order::Later(Box::new(move || wrap(outcome)))));
        });
    }

    /// As [`Own::demonitor`], and takes back a [`Down`](crate::Down) that is already queued. True if the monitor was active.
    pub fn demonitor_flush(&mut self, monitor: MonitorRef) -> bool {
        self.process.demonitor_flush(monitor)
    }
}

impl<S: GenServer> Deref for Context<'_, S> {
    type Target = Own<ServerMail<S>>;

    fn deref(&self) -> &Self::Target {
        &self.process
    }
}

impl<S: GenServer> std::fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({})", self.pid())
    }
}

//! What a process can do for itself: link, monitor, trap exits, set timers.

use std::any::Any;
use std::fmt::Write;
use std::time::Duration;

use super::address::Address;
use super::any::AnyProcess;
use super::dictionary::{self, Entry};
use super::info::{Priority, ProcessInfo};
use super::peer::Peer;
use crate::signal::{Down, Exit};
use crate::sync::Arc;
use crate::timer::{Recipient, Timer, send_after};
use crate::{ExitReason, LinkError, MonitorRef, Pid, Signal};

/// What a process can do for itself: link, monitor, trap exits, set timers. A [`ProcessContext`](crate::ProcessContext) and a
/// [`Mailbox`](crate::Mailbox) both give it.
///
/// Specification: P4 to P6, P9 and P10 of the runtime rules.
pub struct Own<M>(pub(crate) Address<M>);

impl<M: Send + 'static> Own<M> {
    /// The process's own address.
    pub fn me(&self) -> &Address<M> {
        &self.0
    }

    /// The process's own pid.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Time since the runtime began: virtual time in a simulation.
    pub fn now(&self) -> Duration {
        self.0.0.engine().clock.now()
    }

    /// Whether an exit signal has hit, so that this process ends with the current callback. A glance: one relaxed load.
    #[inline]
    pub fn is_doomed(&self) -> bool {
        self.0.0.is_doomed()
    }

    /// Links this process and another: if one ends abnormally, so does the other, or it hears of it if it traps exits.
    ///
    /// Symmetric and idempotent; linking to oneself does nothing (P5.1).
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the other is dead and this process does not trap exits. If it does, it gets an
    /// [`Exit`](crate::Exit) with [`ExitReason::NoProc`] instead (P5.4).
    pub fn link(&self, other: impl Into<Peer>) -> Result<(), LinkError> {
        link(&Peer::from(&self.0), &other.into())
    }

    /// Removes a link. Afterwards it can no longer affect this process; an exit that is already queued stays (P5.3).
    pub fn unlink(&self, other: impl Into<Peer>) {
        let other = other.into();
        self.0.0.remove_link(other.pid());
        if let Some(process) = other.process() {
            process.remove_link(self.pid());
        }
    }

    /// Watches another process (P6): when it ends, this one gets a [`Down`] with the returned reference.
    ///
    /// Every call makes a monitor of its own, which fires once; at once, with [`ExitReason::NoProc`], if the other is
    /// already dead (P6.3). A [`Name`](crate::Name) stands for who has it now; if nobody has, that is as good as dead, and the
    /// reference says which name it was (P6.2). Two short locks.
    ///
    /// ```
    /// use genstage_core::{ExitReason, Mail, Mailbox, Signal, ThreadProcess};
    ///
    /// let here = ThreadProcess::<()>::start()?;
    /// let brief = genstage_core::spawn(|mailbox: Mailbox<()>| async move {
    ///     mailbox.receive().await;
    ///     ExitReason::other("done")
    /// });
    /// let monitor = here.monitor(&brief);
    /// brief.send(()).ok();
    /// let Some(Mail::Signal(Signal::Down(down))) = here.receive(None) else { unreachable!() };
    /// assert_eq!((down.monitor, down.reason), (monitor, ExitReason::other("done")));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn monitor(&self, other: impl Into<Peer>) -> MonitorRef {
        let other = other.into();
        let monitor = self.0.0.engine().next_monitor();
        self.0.0.add_monitor(monitor, other.clone());
        let watched = other.process().is_some_and(|process| process.add_watcher(monitor, Peer::from(&self.0)));
        if !watched {
            let engine = self.0.0.engine();
            let woken = Arc::clone(&self.0.0).down(monitor, other.pid(), &ExitReason::NoProc, engine);
            engine.schedule_some(woken);
        }
        monitor
    }

    /// Removes a monitor of this process's: no [`Down`] will be queued for it from now on. True if it was active
    /// (P6.4).
    pub fn demonitor(&self, monitor: MonitorRef) -> bool {
        let Some(target) = self.0.0.remove_monitor(monitor) else { return false };
        if let Some(process) = target.process_in(self.0.0.engine()) {
            process.remove_watcher(monitor);
        }
        true
    }

    /// As [`demonitor`](Self::demonitor), and takes back a [`Down`] that is already queued (P6.4).
    pub fn demonitor_flush(&self, monitor: MonitorRef) -> bool {
        let active = self.demonitor(monitor);
        if !active {
            self.0.0.flush_down(monitor);
        }
        active
    }

    /// Whether exits of linked processes come as [`Exit`](crate::Exit) signals instead of ending this one. Returns the old
    /// setting (P10). [`ExitReason::Kill`] cannot be trapped.
    ///
    /// ```
    /// use genstage_core::{ExitReason, Mail, Mailbox, Signal, ThreadProcess};
    ///
    /// let here = ThreadProcess::<()>::start()?;
    /// assert!(!here.trap_exit(true));
    /// let child = genstage_core::spawn_link(|_: Mailbox<()>| async { ExitReason::other("tired") });
    /// let Some(Mail::Signal(Signal::Exit(exit))) = here.receive(None) else { unreachable!() };
    /// assert_eq!((exit.from, exit.reason), (child.pid(), ExitReason::other("tired")));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn trap_exit(&self, trap: bool) -> bool {
        self.0.0.set_trap_exit(trap)
    }

    /// As [`send_after`](crate::send_after).
    pub fn send_after<N: Send + 'static>(&self, to: impl Recipient<N>, message: N, delay: Duration) -> Timer {
        send_after(to, message, delay)
    }

    /// What there is to know of this process (P12): see [`Peer::info`]. `None` once an exit signal has hit.
    pub fn info(&self) -> Option<ProcessInfo> {
        self.0.0.info()
    }

    /// Gives this process another priority and returns the old one (P10); see [`Priority`].
    pub fn set_priority(&self, priority: Priority) -> Priority {
        let mut old = priority;
        self.0.0.edit_rare(&mut |rare| old = std::mem::replace(&mut rare.priority, priority));
        old
    }

    /// Gives this process a label, which is shown by [`Peer::info`] and in crash reports (P13). Its text is made now.
    ///
    /// ```
    /// genstage_core::run(|me| {
    ///     assert_eq!(me.get_label(), None);
    ///     me.set_label(format_args!("customer {}", 7));
    ///     assert_eq!(me.get_label().as_deref(), Some("customer 7"));
    /// });
    /// ```
    pub fn set_label(&self, label: impl std::fmt::Display) {
        let mut text = String::new();
        // What it has written counts, where it says that it could not; `to_string` would panic.
        let _ = write!(text, "{label}");
        let mut label = Some(Arc::from(text));
        self.0.0.edit_rare(&mut |rare| rare.label = label.take());
    }

    /// The label of this process.
    pub fn get_label(&self) -> Option<String> {
        let mut label = None;
        self.0.0.read_rare(&mut |rare| label.clone_from(&rare.label));
        label.map(|label: Arc<str>| label.to_string())
    }

    /// Puts a value into the dictionary of this process, under its type, and gives the value that was there (P11). One short
    /// lock and an allocation.
    ///
    /// For what the code below a callback asks for, as the id of a request; what only the process needs is better a field of
    /// its state. It ends with the process; children do not inherit it (P2.3).
    ///
    /// ```
    /// #[derive(Clone, Debug, PartialEq)]
    /// struct RequestId(u64);
    ///
    /// genstage_core::run(|me| {
    ///     assert_eq!(me.put(RequestId(7)), None);
    ///     assert_eq!(me.put(RequestId(8)), Some(RequestId(7)));
    ///     assert_eq!(me.get(), Some(RequestId(8)));
    ///     assert_eq!(me.delete(), Some(RequestId(8)));
    ///     assert_eq!(me.get::<RequestId>(), None);
    /// });
    /// ```
    pub fn put<T: Entry>(&self, value: T) -> Option<T> {
        dictionary::put_in(&*self.0.0, value)
    }

    /// A clone of what is in the dictionary under this type (P11).
    pub fn get<T: Entry>(&self) -> Option<T> {
        dictionary::get_from(&*self.0.0)
    }

    /// Takes what is in the dictionary under this type (P11).
    pub fn delete<T: Entry>(&self) -> Option<T> {
        dictionary::delete_from(&*self.0.0)
    }

    /// The types there are values of in the dictionary, by name, in order (P11).
    pub fn keys(&self) -> Vec<&'static str> {
        dictionary::keys_of(&*self.0.0)
    }

    /// Shows this to whoever [looks](crate::Peer::shown), in place of what it showed before. Whoever owns it holds it, which is
    /// the state of the process: it is gone with that.
    ///
    /// For genstage alone; may change with every version.
    #[doc(hidden)]
    pub fn show<T: Any + Send + Sync>(&self, thing: &Arc<T>) {
        Peer::from(&self.0).show(thing);
    }

    /// Asks for the spare memory of the inbox to be given back as soon as nothing is left to do, until the next message
    /// (P13). Mail that waits is handled first. For a process that will be idle for long; buffers grow again with the mail.
    ///
    /// What the process keeps in its state is its own to shrink.
    pub fn hibernate(&self) {
        self.0.0.set_hibernate();
    }
}

impl<M> std::fmt::Debug for Own<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Own({:?})", self.0)
    }
}

/// The process that the calling thread stands for, if any: inside a callback, or with a
/// [`ThreadProcess`](crate::ThreadProcess).
pub fn current_pid() -> Option<Pid> {
    super::current::pid()
}

/// Runs something that may block: a slow iterator, a file, a lock. Inside a callback this announces the wait, so that a
/// millisecond later, if it is still going on, another thread takes over what waits behind it.
///
/// Without it the same happens a millisecond or two later. Costs two uncontended atomic operations.
pub fn may_block<T>(work: impl FnOnce() -> T) -> T {
    match super::current::seat_engine() {
        Some(engine) => engine.may_block(work),
        None => work(),
    }
}

/// Both sides of a link; the caller's side first, so that a death in between is noticed by one of the two.
pub(crate) fn link(me: &Peer, other: &Peer) -> Result<(), LinkError> {
    let Some(own) = me.process().filter(|_| me.pid() != other.pid()) else { return Ok(()) };
    own.add_link(other.clone());
    if other.process().is_some_and(|process| process.add_link(me.clone())) {
        return Ok(());
    }
    if own.traps_exits() {
        Arc::clone(own).exit_signal(other.pid(), ExitReason::NoProc, true);
        return Ok(());
    }
    own.remove_link(other.pid());
    Err(LinkError { process: other.pid() })
}

/// The reason in a signal that a process did not ask for, for the log.
pub(crate) fn describe(signal: &Signal) -> String {
    match signal {
        Signal::Exit(Exit { from, reason }) => format!("exit of {from}: {reason}"),
        Signal::Down(Down { process, reason, .. }) => format!("down of {process}: {reason}"),
    }
}

const _: fn() = || {
    fn shareable<T: Send + Sync>() {}
    shareable::<Address<Arc<u8>>>();
};

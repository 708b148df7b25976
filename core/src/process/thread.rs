//! A thread that makes itself a process.

use std::ops::Deref;
use std::time::Duration;

use super::address::Address;
use super::cell::{Cell, Home};
use super::current;
use super::family::Family;
use super::inbox::{Inbox, Mail};
use super::own::Own;
use super::start::enter;
use crate::sync::Arc;
use crate::{ExitReason, Signal, StartError};

/// The calling thread as a process: it has a pid, an inbox, links and monitors, and takes its mail when it likes.
///
/// While it lives, what the thread starts linked is linked to it, and exits it sends come from it; unless the thread
/// stood for a process before, as inside a callback. Its end is the value's drop, normal unless the thread panics. An
/// exit signal cannot stop a thread: it closes the inbox, and [`receive`](Self::receive) says so.
///
/// ```
/// use genstage_core::{Mail, ThreadProcess};
///
/// let here = ThreadProcess::<u32>::start()?;
/// let me = here.me().clone();
/// genstage_core::spawn(|_: genstage_core::Mailbox<()>| async move {
///     let _ = me.send(7);
/// });
/// assert!(matches!(here.receive(None), Some(Mail::Message(7))));
/// # Ok::<(), genstage_core::StartError>(())
/// ```
pub struct ThreadProcess<M: Send + 'static> {
    own: Own<M>,
    /// The inbox wakes the thread that made it, so it stays there.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl<M: Send + 'static> ThreadProcess<M> {
    /// Makes a process of the calling thread.
    ///
    /// # Errors
    ///
    /// [`StartError::ShutDown`] if the runtime starts no more processes.
    pub fn start() -> Result<Self, StartError> {
        let here = Self::aside()?;
        current::adopt(here.pid());
        Ok(here)
    }

    /// As [`start`](Self::start), but the thread does not stand for it: what the thread starts is not linked to it. For a
    /// wait in passing.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn aside() -> Result<Self, StartError> {
        let (here, entered) = Self::make();
        entered.map(|()| here)
    }

    /// On a runtime that starts no more processes it is dead from the start.
    pub(super) fn make() -> (Self, Result<(), StartError>) {
        let mut family = Family::of_caller(false);
        let birth = family.bear(std::any::type_name::<Self>, false);
        let cell = Cell::starting(Home::Thread(std::thread::current()), birth, None);
        let entered = enter(&cell, &family, None);
        if entered.is_ok() {
            let _ = cell.inbox().lock().end(false);
        }
        (Self { own: Own(Address(cell)), _not_send: std::marker::PhantomData }, entered)
    }

    /// What has arrived, oldest first, without waiting.
    pub fn try_receive(&self) -> Option<Mail<M>> {
        self.take(Inbox::take_next)
    }

    fn take(&self, take: impl FnOnce(&mut Inbox<M>) -> Option<Mail<M>>) -> Option<Mail<M>> {
        let mut inbox = self.cell().inbox().lock();
        // P1.3: what is queued dies with the process.
        if !inbox.is_alive() {
            return None;
        }
        let mail = take(&mut inbox);
        if mail.is_none() {
            inbox.begin_future();
            let _ = inbox.end(false);
        }
        mail
    }

    /// The next mail. `None`: the time is over, or an exit signal has closed the inbox, or, in a simulation,
    /// nothing can ever arrive.
    ///
    /// Inside a callback the wait is announced, and other processes run meanwhile. An exit signal that hits the process whose
    /// callback it is ends the wait, too.
    pub fn receive(&self, within: Option<Duration>) -> Option<Mail<M>> {
        self.wait(within, || self.try_receive())
    }

    /// The next signal; messages stay queued, as with [`Mailbox::receive_signal`](crate::Mailbox::receive_signal). `None` as for
    /// [`receive`](Self::receive).
    pub fn receive_signal(&self, within: Option<Duration>) -> Option<Signal> {
        let is_signal = |mail: &Mail<M>| matches!(mail, Mail::Signal(_));
        match self.wait(within, || self.take(|inbox| inbox.take_in_slice(u32::MAX, is_signal)))? {
            Mail::Signal(signal) => Some(signal),
            Mail::Message(_) => None,
        }
    }

    fn wait(&self, within: Option<Duration>, take: impl Fn() -> Option<Mail<M>>) -> Option<Mail<M>> {
        let engine = self.cell().engine();
        let deadline = within.map(|within| engine.clock.now().saturating_add(within));
        let arrived = || match take() {
            Some(mail) => Some(Some(mail)),
            None if !self.own.me().is_alive() => Some(None),
            None => None,
        };
        engine.wait_in_process(deadline, arrived).ok().flatten()
    }

    /// Why the inbox was closed: an exit signal hit, or the runtime was shutting down when the process was to begin. `None` while
    /// it is open.
    pub fn doom(&self) -> Option<ExitReason> {
        let inbox = self.cell().inbox().lock();
        inbox.doom_reason().or_else(|| inbox.reason()).cloned()
    }

    fn cell(&self) -> &Arc<Cell<M>> {
        &self.own.me().0
    }
}

impl<M: Send + 'static> Deref for ThreadProcess<M> {
    type Target = Own<M>;

    fn deref(&self) -> &Own<M> {
        &self.own
    }
}

impl<M: Send + 'static> ThreadProcess<M> {
    /// Ends it with this reason, unless an exit signal has hit before.
    pub(super) fn end(&self, reason: ExitReason) {
        self.cell().bury(None, reason);
    }
}

impl<M: Send + 'static> Drop for ThreadProcess<M> {
    fn drop(&mut self) {
        let reason = match self.doom() {
            Some(reason) => reason,
            None if std::thread::panicking() => ExitReason::other("the thread panicked"),
            None => ExitReason::Normal,
        };
        current::disown(self.pid());
        self.end(reason);
    }
}

impl<M: Send + 'static> std::fmt::Debug for ThreadProcess<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ThreadProcess({:?})", self.own.me())
    }
}

//! Processes whose body is a future.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_task::{ArcWake, waker_ref};
use pin_project_lite::pin_project;

use super::address::Address;
use super::cell::{Body, BoxedBody, Cell, Turn};
use super::current;
use super::inbox::{Inbox, Mail};
use super::own::Own;
use super::patience::Patience;
use super::server::SLICE_MAIL;
use crate::alarm;
use crate::sync::Arc;
use crate::{ExitReason, Panic, Signal};

/// The inbox of a process whose body is a future, and what the process can do for itself.
///
/// Messages and signals share one queue in order of arrival; each `receive` takes the first entry of its kind and leaves the
/// others in place.
pub struct Mailbox<M: Send + 'static> {
    own: Own<M>,
}

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new(own: Own<M>) -> Self {
        Self { own }
    }

    /// The next message; signals stay queued.
    pub async fn receive(&self) -> M {
        let message = |mail| if let Mail::Message(message) = mail { Some(message) } else { None };
        poll_fn(|_| self.take(|mail| matches!(mail, Mail::Message(_)), message)).await
    }

    /// The next signal; messages stay queued.
    pub async fn receive_signal(&self) -> Signal {
        let signal = |mail| if let Mail::Signal(signal) = mail { Some(signal) } else { None };
        poll_fn(|_| self.take(|mail| matches!(mail, Mail::Signal(_)), signal)).await
    }

    /// Whatever comes next.
    pub async fn receive_mail(&self) -> Mail<M> {
        poll_fn(|_| self.take(|_| true, Some)).await
    }

    /// Waits for `duration` without holding a thread.
    pub async fn sleep(&self, duration: Duration) {
        let engine = self.own.me().0.engine();
        alarm::until(engine, engine.clock.now().saturating_add(duration)).await;
    }

    /// The next mail that fits; all other stays queued, in its order.
    ///
    /// `fits` may do what a body may: a panic in it is the process's own, what it sends arrives, also here. It is asked anew about
    /// what stays, whenever something comes.
    pub async fn receive_if(&self, fits: impl Fn(&Mail<M>) -> bool) -> Mail<M> {
        let cell = &self.own.me().0;
        let most = cell.engine().slice_mail(SLICE_MAIL);
        poll_fn(|_| match Lent::of(cell, most).take_first(&fits) {
            Some(mail) => Poll::Ready(mail),
            None => Poll::Pending,
        })
        .await
    }

    /// Waits for a future, at most for this time. `None`: the time is over, and the future is dropped.
    pub async fn within<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut alarm = std::pin::pin!(self.sleep(time));
        poll_fn(|task| match future.as_mut().poll(task) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => alarm.as_mut().poll(task).map(|()| None),
        })
        .await
    }

    /// The next mail that fits, opened. `fits` runs under the lock.
    #[inline]
    fn take<T>(&self, fits: impl Fn(&Mail<M>) -> bool, open: impl Fn(Mail<M>) -> Option<T>) -> Poll<T> {
        let cell = &self.own.me().0;
        let most = cell.engine().slice_mail(SLICE_MAIL);
        let taken = cell.inbox().lock().take_in_slice(most, fits);
        taken.and_then(open).map_or(Poll::Pending, Poll::Ready)
    }
}

/// The mail of a process, outside its lock, for as long as code of the user's looks through it.
struct Lent<'a, M: Send + 'static> {
    cell: &'a Cell<M>,
    mail: VecDeque<Mail<M>>,
}

impl<'a, M: Send + 'static> Lent<'a, M> {
    fn of(cell: &'a Cell<M>, most: u32) -> Self {
        Self { cell, mail: cell.inbox().lock().lend(most) }
    }

    fn take_first(mut self, fits: impl Fn(&Mail<M>) -> bool) -> Option<Mail<M>> {
        let at = self.mail.iter().position(fits)?;
        let taken = self.mail.remove(at);
        self.give_back(taken.as_ref());
        taken
    }

    fn give_back(&mut self, taken: Option<&Mail<M>>) {
        if taken.is_some() || !self.mail.is_empty() {
            let mail = std::mem::take(&mut self.mail);
            let refused = self.cell.inbox().lock().give_back(mail, taken);
            for mail in refused {
                // Each by itself: its destructor is the user's, and this may be an unwinding.
                let _ = Panic::catch(|| drop(mail));
            }
        }
    }
}

impl<M: Send + 'static> Drop for Lent<'_, M> {
    /// Also where `fits` panics.
    fn drop(&mut self) {
        self.give_back(None);
    }
}

impl<M: Send + 'static> Deref for Mailbox<M> {
    type Target = Own<M>;

    fn deref(&self) -> &Own<M> {
        &self.own
    }
}

impl<M: Send + 'static> std::fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailbox({:?})", self.own.me())
    }
}

/// What the body of a process may end with.
pub trait IntoExit {
    /// The exit reason it stands for.
    fn into_exit(self) -> ExitReason;
}

impl IntoExit for () {
    fn into_exit(self) -> ExitReason {
        ExitReason::Normal
    }
}

/// A body that loops for ever.
impl IntoExit for Never {
    fn into_exit(self) -> ExitReason {
        self
    }
}

/// The type of `loop {}`, which cannot be written down outside a function's return position.
type Never = <fn() -> ! as Returns>::Type;

/// What a function returns.
pub trait Returns {
    /// Its type.
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

impl IntoExit for ExitReason {
    fn into_exit(self) -> ExitReason {
        self
    }
}

/// `Ok` is a normal end; an error becomes the reason, as its text.
impl<E: std::fmt::Display> IntoExit for Result<(), E> {
    fn into_exit(self) -> ExitReason {
        match self {
            Ok(()) => ExitReason::Normal,
            Err(error) => ExitReason::other(error.to_string()),
        }
    }
}

pin_project! {
    /// A future as a body: first what makes it, then the future itself, in the same place.
    pub(crate) struct FutureBody<M, F, Fut>
    where
        M: Send,
        M: 'static,
    {
        // Whether this slice began because a limit was reached.
        over: bool,
        #[pin]
        state: State<M, F, Fut>,
    }
}

pin_project! {
    #[project = Now]
    #[project_replace = Before]
    enum State<M, F, Fut>
    where
        M: Send,
        M: 'static,
    {
        // The closure too runs inside the process, so that a panic in it is the process's own.
        Unbegun { make: F, mail: PhantomData<fn(M)> },
        Begun { #[pin] future: Fut },
        Over,
    }
}

impl<M, F, Fut> FutureBody<M, F, Fut>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    pub(crate) fn boxed(make: F) -> BoxedBody<M> {
        Self::of(State::Unbegun { make, mail: PhantomData })
    }

    fn of(state: State<M, F, Fut>) -> BoxedBody<M> {
        Box::pin(Self { over: false, state })
    }
}

/// The body of a future that has begun already.
pub(crate) fn begun<M, Fut>(future: Fut) -> BoxedBody<M>
where
    M: Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    FutureBody::<M, fn(Mailbox<M>) -> Fut, Fut>::of(State::Begun { future })
}

/// A waker kept by a stranger keeps no more of a dead process than an address does: its state and its mail are gone.
impl<M: Send + 'static> ArcWake for Cell<M> {
    fn wake(self: Arc<Self>) {
        self.wake_future_once();
    }

    fn wake_by_ref(cell: &Arc<Self>) {
        cell.wake_future();
    }
}

impl<M, F, Fut> Body<M> for FutureBody<M, F, Fut>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send,
    Fut: Future<Output: IntoExit> + Send,
{
    fn begin(self: Pin<&mut Self>, inbox: &mut Inbox<M>) {
        inbox.begin_future();
        *self.project().over = inbox.patience().is_some_and(Patience::begin);
    }

    fn run(self: Pin<&mut Self>, cell: &Arc<Cell<M>>) -> Turn {
        if cell.is_doomed() {
            return Turn::Doomed;
        }
        let mut this = self.project();
        if let Now::Unbegun { .. } = this.state.as_mut().project()
            && let Before::Unbegun { make, .. } = this.state.as_mut().project_replace(State::Over)
        {
            let mailbox = Mailbox { own: Own(Address(Arc::clone(cell))) };
            this.state.set(State::Begun { future: make(mailbox) });
        }
        let Now::Begun { future } = this.state.as_mut().project() else { return Turn::Drained };
        let waker = waker_ref(cell);
        let _inside = current::enter_poll(&waker, *this.over);
        let polled = future.poll(&mut Context::from_waker(&waker));
        let until = current::poll_until();
        match polled {
            Poll::Ready(reason) => {
                let reason = reason.into_exit();
                this.state.set(State::Over);
                Turn::Ended(reason)
            }
            Poll::Pending if cell.is_doomed() => Turn::Doomed,
            Poll::Pending if until == current::NEVER => Turn::Drained,
            Poll::Pending => Turn::Waiting(until),
        }
    }
}

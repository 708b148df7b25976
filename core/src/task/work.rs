//! What a task does: a closure, or a future.

use std::future::Future;
use std::pin::Pin;

use super::slot::Slot;
use crate::process::{Body, BoxedBody, Cell, FutureBody, Inbox, Turn};
use crate::sync::Arc;
use crate::{ExitReason, Peer};

/// What a task can do: call a closure, which may block and compute, or await a future, which holds no thread while it waits.
///
/// There is nothing to implement: all that fits has it. The marker keeps the two apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no work for a task",
    note = "a task calls a `FnOnce() -> T` or awaits a `Future`; what it owns must be `Send + 'static`"
)]
pub trait Work<Marker>: Send + 'static {
    /// What it comes to.
    type Output: Send + 'static;

    #[doc(hidden)]
    fn prepare(self, seat: Seat<Self::Output>) -> Prepared;
}

/// Marks work that is called.
#[derive(Debug)]
pub enum Called {}

/// Marks work that is awaited.
#[derive(Debug)]
pub enum Awaited {}

/// Tasks take no messages.
#[derive(Debug)]
pub(crate) enum NoMail {}

/// Where work is done: made by the runtime alone.
#[derive(Debug)]
pub struct Seat<T> {
    pub(super) cell: Arc<Cell<NoMail>>,
    pub(super) slot: Arc<Slot<T>>,
    /// For whom alone it is done: not at all, if that one is dead (TS4).
    pub(super) owner: Option<Peer>,
}

/// Work that is ready to be done.
pub struct Prepared(pub(super) BoxedBody<NoMail>);

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared")
    }
}

impl<T> std::fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

impl<T: Send + 'static> Seat<T> {
    /// Why it is not to be done at all.
    fn orphaned(&self) -> Option<ExitReason> {
        let owner = self.owner.as_ref().filter(|owner| !owner.is_alive())?;
        Some(ExitReason::shutdown_with(owner.exit_reason().unwrap_or(ExitReason::NoProc)))
    }

    /// From the moment a process is bound to end it says nothing more.
    fn finish(&self, value: T) -> Turn {
        if self.cell.is_doomed() {
            drop(value);
            return Turn::Doomed;
        }
        self.slot.reply(value);
        Turn::Stop(ExitReason::Normal)
    }
}

impl<F, T> Work<Called> for F
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn prepare(self, seat: Seat<T>) -> Prepared {
        Prepared(Box::pin(Call { work: Some(self), seat }))
    }
}

impl<F> Work<Awaited> for F
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    type Output = F::Output;

    fn prepare(self, seat: Seat<F::Output>) -> Prepared {
        Prepared(FutureBody::boxed(move |_| async move {
            if let Some(reason) = seat.orphaned() {
                return reason;
            }
            seat.finish(self.await);
            ExitReason::Normal
        }))
    }
}

/// A closure that is called in one slice: no future around it, and no waker.
struct Call<F, T> {
    work: Option<F>,
    seat: Seat<T>,
}

impl<F, T> Body<NoMail> for Call<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send + 'static,
{
    fn begin(self: Pin<&mut Self>, inbox: &mut Inbox<NoMail>) {
        inbox.begin_future();
    }

    fn run(mut self: Pin<&mut Self>, cell: &Arc<Cell<NoMail>>) -> Turn {
        if cell.is_doomed() {
            return Turn::Doomed;
        }
        if let Some(reason) = self.seat.orphaned() {
            return Turn::Stop(reason);
        }
        match self.work.take() {
            Some(work) => self.seat.finish(work()),
            None => Turn::Drained,
        }
    }
}

/// It holds no future.
impl<F, T> Unpin for Call<F, T> {}

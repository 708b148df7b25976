//! Processes whose body is one call.

use std::convert::Infallible;
use std::pin::Pin;

use super::cell::{Body, BoxedBody, Cell, Turn};
use super::inbox::Inbox;
use super::peer::Peer;
use super::start::{StartOptions, prepare};
use crate::sync::Arc;
use crate::{ExitReason, StartError};

/// Starts a process, linked to the calling one, that calls this and ends with what it gives.
///
/// It takes no messages. Cheaper than a future, which needs a waker.
///
/// # Errors
///
/// [`StartError::ShutDown`].
pub fn call_link<F>(work: F) -> Result<Peer, StartError>
where
    F: FnOnce() -> ExitReason + Send + 'static,
{
    let body: BoxedBody<Infallible> = Box::pin(Called(Some(work)));
    let (cell, _) =
        prepare(std::any::type_name::<F>, StartOptions::new().link(), Some(body)).map_err(|(_, error)| error)?;
    cell.begin();
    Ok(Peer::new(cell))
}

/// `None`: it has been called.
struct Called<F>(Option<F>);

impl<M, F> Body<M> for Called<F>
where
    M: Send + 'static,
    F: FnOnce() -> ExitReason + Send,
{
    fn begin(self: Pin<&mut Self>, inbox: &mut Inbox<M>) {
        inbox.begin_future();
    }

    fn run(mut self: Pin<&mut Self>, cell: &Arc<Cell<M>>) -> Turn {
        if cell.is_doomed() {
            return Turn::Doomed;
        }
        self.0.take().map_or(Turn::Drained, |work| Turn::Ended(work()))
    }
}

/// It holds no future.
impl<F> Unpin for Called<F> {}

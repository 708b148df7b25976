//! Processes whose body is one call.

use std::convert::Infallible;

use super::cell::{Body, Cell, Turn};
use super::inbox::Inbox;
use super::peer::Peer;
use super::start::{StartOptions, prepare};
use crate::sync::Arc;
use crate::{ExitReason, StartError};

/// Starts a process, linked to the calling one, that calls this and ends with what it gives.
///
/// It takes no messages. Cheaper than a future, which needs a box and a waker.
///
/// # Errors
///
/// [`StartError::ShutDown`].
pub fn call_link<F>(work: F) -> Result<Peer, StartError>
where
    F: FnOnce() -> ExitReason + Send + 'static,
{
    let (cell, family) =
        prepare::<Infallible, _>(std::any::type_name::<F>, StartOptions::new().link()).map_err(|(_, error)| error)?;
    cell.launch(&family, Box::new(Called(Some(work))), || true)?;
    Ok(Peer::new(cell))
}

/// `None`: it has been called.
struct Called<F>(Option<F>);

impl<M, F> Body<M> for Called<F>
where
    M: Send + 'static,
    F: FnOnce() -> ExitReason + Send,
{
    fn begin(&mut self, inbox: &mut Inbox<M>) {
        inbox.begin_future();
    }

    fn init(&mut self, cell: &Arc<Cell<M>>) -> Turn {
        cell.wake_future();
        Turn::Drained
    }

    fn run(&mut self, cell: &Arc<Cell<M>>) -> Turn {
        if cell.is_doomed() {
            return Turn::Doomed;
        }
        self.0.take().map_or(Turn::Drained, |work| Turn::Stop(work()))
    }

    fn terminate(&mut self, _cell: &Arc<Cell<M>>, _reason: &ExitReason) {}
}

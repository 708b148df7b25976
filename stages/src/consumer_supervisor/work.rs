//! What a child does with its event, and how it is started.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use genstage_core::supervision::{Contained, call_link, guarded};
use genstage_core::{IntoExit, Mailbox, Peer, StartError, StartOptions, spawn_with};

/// What the work of a child comes to: an end, or a future of one, which the child awaits.
///
/// There is nothing to implement: all that fits has it. The marker keeps the two apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "a child cannot end with `{Self}`",
    note = "its work gives `()`, an `ExitReason` or a `Result<(), E>`, or a future of one of these"
)]
pub trait ChildWork<Marker>: Sized + 'static {
    /// Starts a process, linked to the calling one, that does the work.
    #[doc(hidden)]
    fn start(work: impl FnOnce() -> Self + Send + 'static) -> Result<Peer, StartError>;
}

/// Marks work that is done when it returns.
#[derive(Debug)]
pub enum Returned {}

/// Marks work that is awaited.
#[derive(Debug)]
pub enum Awaited {}

impl<R: IntoExit + 'static> ChildWork<Returned> for R {
    fn start(work: impl FnOnce() -> Self + Send + 'static) -> Result<Peer, StartError> {
        call_link(move || work().into_exit())
    }
}

impl<F> ChildWork<Awaited> for F
where
    F: Future<Output: IntoExit> + Send + 'static,
{
    fn start(work: impl FnOnce() -> Self + Send + 'static) -> Result<Peer, StartError> {
        let child = spawn_with(StartOptions::new().link(), |_: Mailbox<Infallible>| work())?;
        Ok(Peer::from(&child))
    }
}

/// Starts a child with its event. It runs inside the supervisor.
pub(super) trait Start<T>: Send {
    fn start(&self, event: T) -> Result<Peer, StartError>;
    /// Whether the child is certainly linked and new.
    fn links(&self) -> bool;
}

/// Children that do this with their event.
pub(super) struct Work<F, R, K> {
    each: Arc<F>,
    kind: PhantomData<fn() -> (R, K)>,
}

impl<F, R, K> Work<F, R, K> {
    pub(super) fn new(each: F) -> Self {
        Self { each: Arc::new(each), kind: PhantomData }
    }
}

impl<T, F, R, K> Start<T> for Work<F, R, K>
where
    T: Send + 'static,
    F: Fn(T) -> R + Send + Sync + 'static,
    R: ChildWork<K>,
{
    fn start(&self, event: T) -> Result<Peer, StartError> {
        let each = Arc::clone(&self.each);
        // Where the start fails, the event is dropped here.
        guarded(|| R::start(move || each(event)))
    }

    fn links(&self) -> bool {
        true
    }
}

/// Children that this starts, linked, and gives a handle of.
pub(super) struct Function<F>(pub(super) F);

impl<T, F, H> Start<T> for Function<F>
where
    F: Fn(T) -> Result<H, StartError> + Send,
    for<'a> &'a H: Into<Peer>,
{
    fn start(&self, event: T) -> Result<Peer, StartError> {
        let peer = guarded(|| {
            let handle = Contained::new((self.0)(event)?);
            Ok(handle.get().map(Into::into))
        })?;
        peer.ok_or(StartError::ShutDown)
    }

    fn links(&self) -> bool {
        false
    }
}

/// No children: what they are is not known yet.
pub(super) struct Nobody;

impl<T> Start<T> for Nobody {
    fn start(&self, _: T) -> Result<Peer, StartError> {
        Err(StartError::Ignore)
    }

    fn links(&self) -> bool {
        false
    }
}

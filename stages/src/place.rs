//! Where stages are waited for: a thread, or a process of its own, which holds none.

use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use genstage_core::{Address, ExitReason, Mail, Mailbox, Own, Peer, ThreadProcess, spawn};

use crate::snapshot::StageSnapshot;
use crate::watch::ended_async;

/// A process to which stages say how they are.
pub(crate) trait Place: Deref<Target = Own<StageSnapshot>> {
    /// The next mail. `None`: the time is over, or nothing can come any more.
    fn next(&self, within: Duration) -> impl Future<Output = Option<Mail<StageSnapshot>>>;
}

/// It waits when it is asked, and is ready then.
impl Place for ThreadProcess<StageSnapshot> {
    async fn next(&self, within: Duration) -> Option<Mail<StageSnapshot>> {
        self.receive(Some(within))
    }
}

impl Place for Mailbox<StageSnapshot> {
    async fn next(&self, within: Duration) -> Option<Mail<StageSnapshot>> {
        self.within(within, self.receive_mail()).await
    }
}

/// Waits in the calling thread. `None`: the runtime has ended.
pub(crate) fn in_thread<T, F>(work: impl FnOnce(ThreadProcess<StageSnapshot>) -> F) -> Option<T>
where
    F: Future<Output = T>,
{
    let mut work = pin!(work(ThreadProcess::aside().ok()?));
    let mut task = Task::from_waker(Waker::noop());
    // A future whose every wait is over when it comes back is ready the first time.
    loop {
        if let Poll::Ready(value) = work.as_mut().poll(&mut task) {
            return Some(value);
        }
    }
}

/// What becomes of the work when nobody waits for it any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwanted {
    Ends,
    GoesOn,
}

/// Waits in a process of its own, begun at the first poll. `None`: that was ended before it was done, or the runtime has ended. It
/// is not tried again.
pub(crate) async fn in_process<T, F>(
    unwanted: Unwanted,
    work: impl FnOnce(Mailbox<StageSnapshot>) -> F + Send + 'static,
) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let outcome = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&outcome);
    let worker = Worker(
        spawn(move |mailbox| async move {
            let value = work(mailbox).await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }),
        unwanted,
    );
    ended_async(&Peer::from(&worker.0)).await;
    outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
}

struct Worker(Address<StageSnapshot>, Unwanted);

impl Drop for Worker {
    fn drop(&mut self) {
        if self.1 == Unwanted::Ends {
            self.0.exit(ExitReason::Kill);
        }
    }
}

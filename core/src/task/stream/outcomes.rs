//! The outcomes of a stream, one by one.

use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::task::{Context, Poll};

use super::AsyncStreamError;
use super::flow::{Flow, Step};
use crate::process::{Waited, wait_while_alive};
use crate::task::group::Sleeper;
use crate::task::work::Work;

/// The outcomes of an [`AsyncStream`](super::AsyncStream): its iterator.
#[must_use = "nothing runs until the outcomes are asked for"]
pub struct TaskOutcomes<I: Iterator, F, K, T: Send + 'static, X>(pub(super) Flow<I, F, K, T, X>);

impl<I, F, W, K, T, X> Iterator for TaskOutcomes<I, F, K, T, X>
where
    I: Iterator,
    F: FnMut(I::Item) -> W,
    W: Work<K, Output = T>,
    T: Send + 'static,
{
    type Item = Result<T, AsyncStreamError<X>>;

    fn next(&mut self) -> Option<Self::Item> {
        let flow = &mut self.0;
        loop {
            match flow.step() {
                Step::Item(item) => return Some(item),
                Step::End => {
                    flow.finish(true);
                    return None;
                }
                Step::Fail(error) => {
                    flow.finish(true);
                    return Some(Err(error));
                }
                Step::Start(work, kept) => flow.start(work, kept),
                Step::Wait => {
                    let news = || flow.group.poll(|| Sleeper::Thread(std::thread::current())).then_some(());
                    match wait_while_alive(&flow.engine, None, news) {
                        Waited::Ready(()) => {}
                        Waited::Doomed => flow.fail(AsyncStreamError::Exiting),
                        // In a simulation: nothing can ever end them.
                        Waited::TimedOut => flow.fail(AsyncStreamError::Timeout),
                    }
                }
            }
        }
    }
}

impl<I, F, W, K, T, X> FusedIterator for TaskOutcomes<I, F, K, T, X>
where
    I: Iterator,
    F: FnMut(I::Item) -> W,
    W: Work<K, Output = T>,
    T: Send + 'static,
{
}

impl<I: Iterator, F, K, T: Send + 'static, X> Drop for TaskOutcomes<I, F, K, T, X> {
    fn drop(&mut self) {
        self.0.finish(true);
    }
}

impl<I: Iterator, F, K, T: Send + 'static, X> fmt::Debug for TaskOutcomes<I, F, K, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The outcomes of an [`AsyncStream`](super::AsyncStream) for a future. Dropping it early kills what still runs, without waiting
/// for the ends.
#[must_use = "nothing runs until the outcomes are asked for"]
pub struct AsyncTaskOutcomes<I: Iterator, F, K, T: Send + 'static, X>(pub(super) Flow<I, F, K, T, X>);

// Nothing in it is ever pinned.
impl<I: Iterator, F, K, T: Send + 'static, X> Unpin for AsyncTaskOutcomes<I, F, K, T, X> {}

impl<I, F, W, K, T, X> AsyncTaskOutcomes<I, F, K, T, X>
where
    I: Iterator,
    F: FnMut(I::Item) -> W,
    W: Work<K, Output = T>,
    T: Send + 'static,
{
    /// The next outcome; `None` when all inputs are done. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<T, AsyncStreamError<X>>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for futures that are written by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, AsyncStreamError<X>>>> {
        let flow = &mut self.0;
        loop {
            if flow.poll_start(cx).is_pending() {
                return Poll::Pending;
            }
            match flow.step() {
                Step::Item(item) => return Poll::Ready(Some(item)),
                Step::End => {
                    flow.finish(false);
                    return Poll::Ready(None);
                }
                Step::Fail(error) => {
                    flow.finish(false);
                    return Poll::Ready(Some(Err(error)));
                }
                Step::Start(work, kept) => flow.begin_start(work, kept),
                Step::Wait => {
                    if !flow.group.poll(|| Sleeper::Future(cx.waker().clone())) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl<I: Iterator, F, K, T: Send + 'static, X> Drop for AsyncTaskOutcomes<I, F, K, T, X> {
    fn drop(&mut self) {
        self.0.finish(false);
    }
}

impl<I: Iterator, F, K, T: Send + 'static, X> fmt::Debug for AsyncTaskOutcomes<I, F, K, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

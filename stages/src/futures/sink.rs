//! A feed as a futures `Sink`.

use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context as Task, Poll};

use futures_sink::Sink;

use super::feed::{Feed, FeedError};

fn held<T: Send + 'static>(feed: &mut Feed<T>) -> &mut Option<Box<T>> {
    feed.held.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// Ready while the feed has room. Clones that push at the same time may take the room: then one event is held in the sink, until a
/// flush has found room for it. Closing flushes; the producer ends when all feeds are dropped.
///
/// ```
/// use std::future::poll_fn;
/// use std::pin::Pin;
///
/// use futures_sink::Sink;
/// use genstage::core::Task;
/// use genstage::{feed, pipeline};
///
/// let (mut feed, source) = feed(2);
/// let sum = pipeline::from_producer(source).fold(0, |sum, n: u64| *sum += n).start()?;
/// Task::spawn(async move {
///     for n in 1..=10 {
///         poll_fn(|task| Pin::new(&mut feed).poll_ready(task)).await?; // waits while two are waiting
///         Pin::new(&mut feed).start_send(n)?;
///     }
///     poll_fn(|task| Pin::new(&mut feed).poll_close(task)).await
/// })
/// .join()??;
/// assert_eq!(sum.join()?, 55);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<T: Send + 'static> Sink<T> for Feed<T> {
    type Error = FeedError<T>;

    fn poll_ready(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        self.poll_flush(task)
    }

    fn start_send(mut self: Pin<&mut Self>, event: T) -> Result<(), FeedError<T>> {
        if held(&mut self).is_some() {
            // Nobody asked whether it is ready.
            return Err(FeedError::Full(event));
        }
        match self.try_send(event) {
            Err(FeedError::Full(event)) => {
                *held(&mut self) = Some(Box::new(event));
                Ok(())
            }
            done => done,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        let Some(event) = held(&mut self).take() else { return Poll::Ready(Ok(())) };
        match self.wait.push(*event, task.waker()) {
            Err(FeedError::Full(event)) => {
                *held(&mut self) = Some(Box::new(event));
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        self.poll_flush(task)
    }
}

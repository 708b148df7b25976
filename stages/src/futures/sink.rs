//! A feed as a futures `Sink`.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use futures_sink::Sink;

use super::feed::{Feed, FeedError};

/// Ready when the feed has room, which is then kept for the next `start_send`: clones cannot take it, what has been sent waits in
/// the feed at once, and never more than its capacity. So there is nothing to flush. Closing the sink or dropping it gives the
/// room back; the producer ends when all feeds are dropped. A sink is ready as well when nothing more is taken: `start_send` says
/// so, with the event. Without asking whether it is ready, `start_send` does as [`try_send`](Feed::try_send). `send` and
/// `try_send` look for room of their own, also on the feed that is ready as a sink.
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

    fn poll_ready(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        self.seat.poll_reserve(task).map(Ok)
    }

    fn start_send(mut self: Pin<&mut Self>, event: T) -> Result<(), FeedError<T>> {
        self.seat.push(event)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        self.seat.give_back();
        Poll::Ready(Ok(()))
    }
}

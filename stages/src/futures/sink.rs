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
        match self.push(event, None) {
            Err(FeedError::Full(event)) => {
                *held(&mut self) = Some(Box::new(event));
                Ok(())
            }
            done => done,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<(), FeedError<T>>> {
        let Some(event) = held(&mut self).take() else { return Poll::Ready(Ok(())) };
        match self.push(*event, Some(task.waker())) {
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

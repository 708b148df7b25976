//! A futures `Stream` as a producer.

use std::future::poll_fn;
use std::task::Poll;

use futures_core::Stream;
use genstage_core::{Mailbox, spawn_link};

use super::feed::{Feed, FeedSource, feed};

/// A producer that emits what a [`Stream`] yields. An async process of the runtime polls the stream, and only while somebody
/// wants an event: it never runs ahead of the demand. Its end ends the producer normally, once all has gone out; a panic in it
/// ends the producer with that reason.
///
/// A stream that needs the context of another runtime, such as tokio's timers, must enter it by itself.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use futures_core::Stream;
/// use genstage::prelude::{Producer as _, StageOptions, SubscriptionOptions};
///
/// struct Countdown(u64);
///
/// impl Stream for Countdown {
///     type Item = u64;
///
///     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
///         self.0 = self.0.saturating_sub(1);
///         Poll::Ready((self.0 > 0).then_some(self.0))
///     }
/// }
///
/// let source = genstage::from_stream(Countdown(4)).start(StageOptions::new())?;
/// let events = genstage::stream(&source, SubscriptionOptions::new())?;
/// assert_eq!(events.collect::<Result<Vec<_>, _>>()?, [3, 2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_stream<S>(stream: S) -> FeedSource<S::Item>
where
    S: Stream<Item: Send + 'static> + Send + 'static,
{
    let (feed, mut source) = feed(MOST);
    source.pumped = true;
    source.begin = Some(Box::new(move || {
        spawn_link(move |_: Mailbox<()>| pump(stream, feed));
    }));
    source
}

/// How many events may wait for the producer to take them, if so many are wanted.
const MOST: usize = 1000;

async fn pump<S>(stream: S, feed: Feed<S::Item>)
where
    S: Stream<Item: Send + 'static>,
{
    let (mut stream, mut wait) = (Box::pin(stream), feed.wait());
    loop {
        let next = poll_fn(|task| match wait.poll_wanted(task) {
            Poll::Ready(Ok(())) => stream.as_mut().poll_next(task),
            Poll::Ready(Err(())) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let Some(event) = next.await else { return };
        if !feed.push_fetched(event) {
            return;
        }
    }
}

//! A stage's events as a futures `Stream`, for any executor.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use futures_core::Stream;
use genstage_core::{ExitReason, Pid};
use genstage_dispatchers::{Events, SubscriptionId};

use crate::choice::Choice;
use crate::context::Context;
use crate::handle::{ConsumerRef, Source};
use crate::messages::HandleCast;
use crate::subscription::{Cancellation, Manner, Partner};
use crate::{Consumer, OptionsError, Outcome, StageOptions, StreamError, SubscriptionOptions};

/// A [`Stream`] of the events of a producer, to be polled in any executor. At most `max_demand` events are under way to
/// it or wait in it; nothing is asked for before the first poll. Dropping it cancels the subscription.
///
/// An item is an error only where the producer ended abnormally; the stream then ends.
///
/// ```
/// use std::future::poll_fn;
/// use std::pin::Pin;
///
/// use futures_core::Stream;
/// use genstage::core::Task;
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(1..=3_u64).start(StageOptions::new())?;
/// let mut events = genstage::into_stream(&numbers, SubscriptionOptions::new().max_demand(2))?;
/// let sum = Task::spawn(async move {
///     let mut sum = 0;
///     while let Some(event) = poll_fn(|task| Pin::new(&mut events).poll_next(task)).await {
///         sum += event?;
///     }
///     Ok::<u64, StreamError>(sum)
/// });
/// assert_eq!(sum.join()??, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`OptionsError`] if the options make no sense.
pub fn into_stream<S, C>(producer: &S, options: SubscriptionOptions<C>) -> Result<IntoStream<S::Event>, OptionsError>
where
    S: Source + ?Sized,
    C: Choice<S::Event>,
{
    let (max, step) = {
        options.check()?;
        (options.max(), options.max() - options.min())
    };
    let shared = Arc::new(Shared(Mutex::new(State { queue: VecDeque::new(), waker: None, ended: None })));
    let peer = producer.port().peer().pid();
    let tap = match (Tap { shared: Arc::clone(&shared), subscription: None }).start(StageOptions::new()) {
        Ok(tap) => {
            tap.async_subscribe(producer, options);
            Some(tap)
        }
        Err(_shut_down) => {
            shared.end(ExitReason::Killed);
            None
        }
    };
    Ok(IntoStream { shared, tap, producer: peer, step, handed: 0, first: max, over: false })
}

/// The stream made by [`into_stream`].
#[must_use = "streams do nothing unless polled"]
pub struct IntoStream<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    tap: Option<ConsumerRef<Tap<T>>>,
    producer: Pid,
    /// More is asked for after so many events.
    step: usize,
    handed: usize,
    /// What the first poll asks for; 0 from then on.
    first: usize,
    over: bool,
}

struct Shared<T>(Mutex<State<T>>);

struct State<T> {
    queue: VecDeque<T>,
    waker: Option<Waker>,
    ended: Option<ExitReason>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: ExitReason) {
        let mut state = self.lock();
        state.ended.get_or_insert(reason);
        wake(state);
    }
}

fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        genstage_core::wake(waker);
    }
}

/// The consumer behind the stream. It asks for what the stream has handed out.
struct Tap<T> {
    shared: Arc<Shared<T>>,
    subscription: Option<SubscriptionId>,
}

/// Ask for so many.
struct More(usize);

impl<T: Send + 'static> Consumer for Tap<T> {
    type Event = T;

    fn handle_subscribe(&mut self, producer: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.subscription = Some(producer.subscription);
        Manner::Manual
    }

    fn handle_events(&mut self, events: Events<'_, T>, _: &mut Context<'_, Self>) -> Outcome {
        // A clone of a shared event is user code: not under the lock.
        let events = events.into_vec();
        let mut state = self.shared.lock();
        state.queue.extend(events);
        wake(state);
        Outcome::Continue
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.shared.end(cancellation.reason.clone());
        Outcome::Stop(ExitReason::Normal)
    }
}

impl<T: Send + 'static> HandleCast<More> for Tap<T> {
    fn handle_cast(&mut self, More(events): More, cx: &mut Context<'_, Self>) -> Outcome {
        if let Some(subscription) = self.subscription {
            cx.ask(subscription, events);
        }
        Outcome::Continue
    }
}

impl<T> Drop for Tap<T> {
    fn drop(&mut self) {
        self.shared.end(ExitReason::Killed);
    }
}

impl<T: Send + 'static> Stream for IntoStream<T> {
    type Item = Result<T, StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let first = std::mem::take(&mut self.first);
        if let Some(tap) = self.tap.as_ref().filter(|_| first > 0) {
            tap.cast(More(first));
        }
        let waker = task.waker().clone();
        let mut state = self.shared.lock();
        let (event, ended) = (state.queue.pop_front(), state.ended.clone());
        let old = if event.is_none() && ended.is_none() { state.waker.replace(waker) } else { None };
        drop(state);
        drop(old);
        match (event, ended) {
            (Some(event), _) => {
                self.handed += 1;
                if self.handed >= self.step {
                    let handed = std::mem::take(&mut self.handed);
                    if let Some(tap) = &self.tap {
                        tap.cast(More(handed));
                    }
                }
                Poll::Ready(Some(Ok(event)))
            }
            (None, None) => Poll::Pending,
            (None, Some(reason)) => {
                self.over = true;
                let failed = !reason.is_clean();
                Poll::Ready(failed.then_some(Err(StreamError { producer: self.producer, reason })))
            }
        }
    }
}

impl<T: Send + 'static> Drop for IntoStream<T> {
    fn drop(&mut self) {
        if let Some(tap) = &self.tap {
            tap.exit(ExitReason::Shutdown);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for IntoStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoStream").field("producer", &self.producer).field("over", &self.over).finish_non_exhaustive()
    }
}

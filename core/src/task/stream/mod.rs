//! A task for each input, a few at a time.
//!
//! 1. `window` — which input waits, which runs, which outcome comes next, pure
//! 2. `flow` — does what the window says: pulls, starts, watches, stops
//! 3. `outcomes` — the two ways to take the outcomes: an iterator, and a future for each
//!
//! Specification: T4, TS6.

mod error;
mod flow;
mod outcomes;
mod window;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

pub use error::{AsyncStreamError, AsyncStreamOptionsError};
use flow::Flow;
pub use outcomes::{AsyncTaskOutcomes, TaskOutcomes};

use super::work::Work;
use crate::{CALL_TIMEOUT, DynamicSupervisorRef, Shutdown};

/// Works on each input in a task of its own, a few at a time, and gives the outcomes: an iterator.
///
/// ```
/// use genstage_core::async_stream;
///
/// let mut lengths = Vec::new();
/// for length in async_stream(["a", "bc", "def"], |word| move || word.len()).max_concurrency(2)? {
///     lengths.push(length?);
/// }
/// assert_eq!(lengths, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The function makes the work from an input: a closure, `|input| move || ...`, or a future, `|input| async move { ...
/// }`. It runs in the caller; the work runs in the task.
///
/// Nothing runs before the first outcome is asked for. Then at most `max_concurrency` tasks are alive, and the next
/// input is pulled only when one is down. The iterator works in a plain thread and in a callback, where its waits are
/// announced, and so is the pulling of inputs, which may block; in a future use [`into_async`](AsyncStream::into_async).
///
/// A task that crashes is an item. But a *process* that iterates is linked to the tasks, so a crash ends it unless it
/// traps exits; under a supervisor, `async_stream_nolink` avoids that. Nothing of this goes through the caller's inbox.
///
/// Dropping the iterator early kills what still runs, and waits until that is down.
///
/// Specification: T4.
pub fn async_stream<I, F, W, K>(inputs: I, work: F) -> AsyncStream<I::IntoIter, F, K>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> W,
    W: Work<K>,
{
    AsyncStream::new(inputs.into_iter(), work, Place::Alone, Shutdown::default())
}

/// What happens when a task takes longer than its time. It is killed in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnTimeout {
    /// The stream ends with [`AsyncStreamError::Timeout`].
    #[default]
    Exit,
    /// The item is an exit with [`ExitReason::Timeout`](crate::ExitReason::Timeout), and the stream goes on.
    KillTask,
}

/// Where the tasks of a stream live.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Alone,
    Under { supervisor: DynamicSupervisorRef, link: bool },
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    place: Place,
    /// `None`: as many as the runtime has seats.
    max_concurrency: Option<usize>,
    ordered: bool,
    timeout: Option<Duration>,
    on_timeout: OnTimeout,
    shutdown: Shutdown,
}

/// A stream of tasks that has not begun: made by [`async_stream`], begun by its first `next`.
#[must_use = "nothing runs until the outcomes are asked for"]
pub struct AsyncStream<I: Iterator, F, K, X = ()> {
    inputs: I,
    work: F,
    /// What is kept of an input, to be shown with an exit.
    keep: fn(&I::Item) -> X,
    options: Options,
    marker: PhantomData<fn() -> K>,
}

impl<I: Iterator, F, K> AsyncStream<I, F, K> {
    pub(super) fn new(inputs: I, work: F, place: Place, shutdown: Shutdown) -> Self {
        let options = Options {
            place,
            max_concurrency: None,
            ordered: true,
            timeout: Some(CALL_TIMEOUT),
            on_timeout: OnTimeout::default(),
            shutdown,
        };
        Self { inputs, work, keep: |_| (), options, marker: PhantomData }
    }

    /// Shows the input with each exit: [`AsyncStreamError::Exit`] carries a clone of it.
    ///
    /// ```
    /// use genstage_core::{AsyncStreamError, async_stream};
    ///
    /// let halves = async_stream([4, 0], |n| move || 8 / n).zip_input();
    /// let outcomes: Vec<_> = halves.into_iter().collect();
    /// assert_eq!(outcomes[0], Ok(2));
    /// assert!(matches!(&outcomes[1], Err(AsyncStreamError::Exit { input: 0, .. })));
    /// ```
    pub fn zip_input(self) -> AsyncStream<I, F, K, I::Item>
    where
        I::Item: Clone,
    {
        let Self { inputs, work, options, .. } = self;
        AsyncStream { inputs, work, keep: Clone::clone, options, marker: PhantomData }
    }
}

impl<I: Iterator, F, K, X> AsyncStream<I, F, K, X> {
    /// The most tasks that are alive at a time; by default one for each of the runtime's seats, and one in a simulation, which
    /// then is the same on every machine.
    ///
    /// # Errors
    ///
    /// [`AsyncStreamOptionsError::ZeroConcurrency`] for zero.
    pub fn max_concurrency(mut self, tasks: usize) -> Result<Self, AsyncStreamOptionsError> {
        if tasks == 0 {
            return Err(AsyncStreamOptionsError::ZeroConcurrency);
        }
        self.options.max_concurrency = Some(tasks);
        Ok(self)
    }

    /// Whether outcomes come in the order of the inputs, which is the default, or as tasks complete. In order, what completes
    /// behind a slow task is kept: without bound, while new tasks start.
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.options.ordered = ordered;
        self
    }

    /// How long each task may take, from its start; five seconds by default. A value that is there by then counts.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options.timeout = Some(time);
        self
    }

    /// Tasks may take as long as they like.
    pub fn no_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// What happens when a task takes longer.
    ///
    /// A task that computes or blocks cannot be stopped within: it is given up a tenth of a second later, counts as dead
    /// then, and its thread goes on unseen until its work returns.
    pub fn on_timeout(mut self, what: OnTimeout) -> Self {
        self.options.on_timeout = what;
        self
    }

    /// How a supervisor that stops ends these tasks; without a supervisor it has no meaning. Five seconds by default.
    ///
    /// # Errors
    ///
    /// [`AsyncStreamOptionsError::InfiniteShutdown`] for one without a limit (TS6).
    pub fn shutdown(mut self, how: Shutdown) -> Result<Self, AsyncStreamOptionsError> {
        if how == Shutdown::Infinity {
            return Err(AsyncStreamOptionsError::InfiniteShutdown);
        }
        self.options.shutdown = how;
        Ok(self)
    }

    /// The outcomes for a future: `while let Some(outcome) = outcomes.next().await`.
    ///
    /// ```
    /// use genstage_core::{Mailbox, Task, async_stream};
    ///
    /// let sum = Task::spawn(async {
    ///     let mut squares = async_stream(1..=3, |n: u32| async move { n * n }).into_async();
    ///     let mut sum = 0;
    ///     while let Some(square) = squares.next().await {
    ///         sum += square.unwrap_or(0);
    ///     }
    ///     sum
    /// });
    /// assert_eq!(sum.join(), Ok(14));
    /// ```
    pub fn into_async<W>(self) -> AsyncTaskOutcomes<I, F, K, W::Output, X>
    where
        F: FnMut(I::Item) -> W,
        W: Work<K>,
    {
        AsyncTaskOutcomes(Flow::new(self))
    }
}

impl<I, F, W, K, X> IntoIterator for AsyncStream<I, F, K, X>
where
    I: Iterator,
    F: FnMut(I::Item) -> W,
    W: Work<K>,
{
    type Item = Result<W::Output, AsyncStreamError<X>>;
    type IntoIter = TaskOutcomes<I, F, K, W::Output, X>;

    fn into_iter(self) -> Self::IntoIter {
        TaskOutcomes(Flow::new(self))
    }
}

impl<I: Iterator, F, K, X> fmt::Debug for AsyncStream<I, F, K, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream").field("options", &self.options).finish_non_exhaustive()
    }
}

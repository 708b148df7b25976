//! Several tasks at once.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::error::JoinError;
use super::group::{Group, Sleeper};
use super::handle::Task;
use super::launch::kill;
use super::slot::Waiter;
use crate::process::{Waited, wait_while_alive};
use crate::runtime::engine::Engine;
use crate::sync::Arc;
use crate::{CALL_TIMEOUT, ExitReason, alarm};

/// Waits for the values of all tasks, in the order of the tasks, with one limit for all: Elixir's `await_many`.
///
/// ```
/// use std::time::Duration;
/// use genstage_core::{Task, join_many};
///
/// let tasks = (1..=3).map(|n| Task::spawn(move || n * n));
/// assert_eq!(join_many(tasks, Duration::from_secs(5)), Ok(vec![1, 4, 9]));
/// ```
///
/// Specification: T3.1.
///
/// # Errors
///
/// [`JoinError`]: the first task that ended without a value, at once, or the time. The others go on; their values are lost.
pub fn join_many<T: Send + 'static>(
    tasks: impl IntoIterator<Item = Task<T>>,
    time: Duration,
) -> Result<Vec<T>, JoinError> {
    let mut joining = Joining::new(tasks);
    let deadline = joining.gathering.deadline(Some(time));
    while !joining.take_news()? {
        match joining.gathering.wait(deadline) {
            Waited::Ready(()) => {}
            Waited::TimedOut => return Err(JoinError::Timeout),
            Waited::Doomed => return Err(JoinError::Exiting),
        }
    }
    Ok(joining.values())
}

/// As [`join_many`], for futures; the limit is [`Mailbox::within`](crate::Mailbox::within).
///
/// # Errors
///
/// The reason of the first task that ended without a value.
pub async fn join_many_async<T: Send + 'static>(
    tasks: impl IntoIterator<Item = Task<T>>,
) -> Result<Vec<T>, ExitReason> {
    let mut joining = Joining::new(tasks);
    while !joining.take_news()? {
        joining.gathering.news().await;
    }
    Ok(joining.values())
}

/// What becomes of the tasks that still work when the time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum YieldTimeout {
    /// They go on, and may be asked again.
    #[default]
    Nothing,
    /// They go on by themselves, as after [`Task::ignore`].
    Ignore,
    /// They are killed, as by [`Task::shutdown`].
    KillTask,
}

/// How [`yield_many`] waits: five seconds, for all, unless it is told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct YieldOptions {
    timeout: Option<Duration>,
    limit: usize,
    on_timeout: YieldTimeout,
}

impl Default for YieldOptions {
    fn default() -> Self {
        Self { timeout: Some(CALL_TIMEOUT), limit: usize::MAX, on_timeout: YieldTimeout::Nothing }
    }
}

impl YieldOptions {
    /// Five seconds, for all tasks; those that still work then go on.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long to wait.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Waits as long as it takes.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// How many outcomes are enough. More than there are tasks means all.
    pub fn limit(mut self, outcomes: usize) -> Self {
        self.limit = outcomes;
        self
    }

    /// What becomes of those that still work when the time is over; when the limit ended the wait, they go on.
    pub fn on_timeout(mut self, what: YieldTimeout) -> Self {
        self.on_timeout = what;
        self
    }
}

/// Waits for the outcomes of several tasks and may be repeated: Elixir's `yield_many`. The outcomes come in the order of the
/// tasks; `None` is one that still works, or has been ignored or killed.
///
/// It ends when all tasks have an outcome, or as many as the limit says, or at the timeout. A task whose outcome was given
/// before counts as one with [`ExitReason::NoProc`].
///
/// ```
/// use genstage_core::{Task, YieldOptions, yield_many};
///
/// let mut tasks = [Task::spawn(|| "tea"), Task::spawn(|| "time")];
/// assert_eq!(yield_many(&mut tasks, YieldOptions::new()), [Some(Ok("tea")), Some(Ok("time"))]);
/// ```
///
/// Specification: T3.2.
pub fn yield_many<T: Send + 'static>(
    tasks: &mut [Task<T>],
    options: YieldOptions,
) -> Vec<Option<Result<T, ExitReason>>> {
    let mut yielding = Yielding::new(tasks, options.limit);
    let deadline = yielding.gathering.deadline(options.timeout);
    let mut timed_out = false;
    while !yielding.take_news() && !timed_out {
        match yielding.gathering.wait(deadline) {
            Waited::Ready(()) => {}
            Waited::TimedOut => timed_out = true,
            Waited::Doomed => break,
        }
    }
    yielding.outcomes(timed_out.then_some(options.on_timeout))
}

/// As [`yield_many`], for futures: it waits without holding a thread. If it is given up before it is done, no outcome is lost,
/// and the tasks may be asked again.
///
/// ```
/// use std::time::Duration;
/// use genstage_core::{Task, YieldOptions, yield_many_async};
///
/// let asked = Task::spawn(async {
///     let mut tasks = [Task::spawn(async { "tea" }), Task::spawn(std::future::pending())];
///     yield_many_async(&mut tasks, YieldOptions::new().timeout(Duration::from_millis(5))).await
/// });
/// assert_eq!(asked.join(), Ok(vec![Some(Ok("tea")), None]));
/// ```
///
/// Specification: T3.2.
pub async fn yield_many_async<T: Send + 'static>(
    tasks: &mut [Task<T>],
    options: YieldOptions,
) -> Vec<Option<Result<T, ExitReason>>> {
    let mut yielding = Yielding::new(tasks, options.limit);
    let mut timed_out = false;
    let mut time = pin!(yielding.gathering.time(options.timeout));
    while !yielding.take_news() && !timed_out {
        timed_out = yielding.gathering.news_before(time.as_mut()).await;
    }
    yielding.outcomes(timed_out.then_some(options.on_timeout))
}

/// Tasks of which some outcomes are wanted. They stay where they are until the wait is over.
struct Yielding<'a, T: Send + 'static> {
    tasks: &'a mut [Task<T>],
    there: Vec<bool>,
    missing: usize,
    gathering: Gathering,
}

impl<'a, T: Send + 'static> Yielding<'a, T> {
    fn new(tasks: &'a mut [Task<T>], limit: usize) -> Self {
        let (there, missing) = (vec![false; tasks.len()], limit.min(tasks.len()));
        let gathering = Gathering::new(tasks);
        Self { tasks, there, missing, gathering }
    }

    /// True once there are enough.
    fn take_news(&mut self) -> bool {
        while let Some(index) = self.gathering.group.pop() {
            if let (Some(task), Some(there @ false)) = (self.tasks.get(index), self.there.get_mut(index))
                && task.slot.is_there()
            {
                *there = true;
                self.missing = self.missing.saturating_sub(1);
            }
        }
        self.missing == 0
    }

    /// With what becomes of the others, if the time was over.
    fn outcomes(self, on_timeout: Option<YieldTimeout>) -> Vec<Option<Result<T, ExitReason>>> {
        let on_timeout = on_timeout.filter(|_| self.missing > 0);
        let outcome = |(task, there): (&Task<T>, bool)| {
            if there {
                return task.slot.take();
            }
            task.slot.tell(Waiter::Nobody);
            if let Some(how) = on_timeout {
                give_up(task, how);
            }
            None
        };
        self.tasks.iter().zip(self.there).map(outcome).collect()
    }
}

fn give_up<T: Send + 'static>(task: &Task<T>, how: YieldTimeout) {
    if how == YieldTimeout::Nothing {
        return;
    }
    task.unlink();
    // What came in the last moment is dropped here, as the user's value it is.
    drop(task.slot.close());
    if let (YieldTimeout::KillTask, Some(process)) = (how, &task.process) {
        kill(process);
    }
}

/// Tasks that tell one group of their news.
struct Gathering {
    group: Arc<Group>,
    /// Of the first task that has a process; without one there is nothing to wait for.
    engine: Option<Arc<Engine>>,
}

impl Gathering {
    fn new<T: Send + 'static>(tasks: &[Task<T>]) -> Self {
        let group = Arc::new(Group::default());
        for (index, task) in tasks.iter().enumerate() {
            task.slot.tell(Waiter::Member(Arc::clone(&group), index));
        }
        Self { group, engine: tasks.iter().find_map(Task::engine).cloned() }
    }

    fn deadline(&self, time: Option<Duration>) -> Option<Duration> {
        Some(self.engine.as_ref()?.clock.now().saturating_add(time?))
    }

    /// Waits for news on this thread.
    fn wait(&self, deadline: Option<Duration>) -> Waited<()> {
        let Some(engine) = &self.engine else { return Waited::TimedOut };
        let news = || self.group.poll(|| Sleeper::Thread(std::thread::current())).then_some(());
        wait_while_alive(engine, deadline, news)
    }

    /// Ready when the time is over: at once, if there is nothing to wait for.
    fn time(&self, time: Option<Duration>) -> impl Future<Output = ()> + use<> {
        let (engine, deadline) = (self.engine.clone(), self.deadline(time));
        async move {
            match (engine, deadline) {
                (None, _) => {}
                (Some(engine), Some(deadline)) => alarm::until(&engine, deadline).await,
                (Some(_), None) => pending().await,
            }
        }
    }

    /// Waits for news, in a future.
    async fn news(&self) {
        self.news_before(pin!(pending())).await;
    }

    /// As [`news`](Self::news); true if this was ready earlier.
    async fn news_before(&self, mut time: Pin<&mut impl Future<Output = ()>>) -> bool {
        poll_fn(|cx| {
            if self.group.poll(|| Sleeper::Future(cx.waker().clone())) {
                return Poll::Ready(false);
            }
            time.as_mut().poll(cx).map(|()| true)
        })
        .await
    }
}

/// Tasks whose values are all wanted.
struct Joining<T: Send + 'static> {
    tasks: Vec<Task<T>>,
    values: Vec<Option<T>>,
    missing: usize,
    gathering: Gathering,
}

impl<T: Send + 'static> Joining<T> {
    fn new(tasks: impl IntoIterator<Item = Task<T>>) -> Self {
        let tasks: Vec<_> = tasks.into_iter().collect();
        let values: Vec<_> = tasks.iter().map(|_| None).collect();
        let gathering = Gathering::new(&tasks);
        Self { missing: tasks.len(), tasks, values, gathering }
    }

    /// True once all values are there.
    fn take_news(&mut self) -> Result<bool, ExitReason> {
        while let Some(index) = self.gathering.group.pop() {
            if let (Some(task), Some(value @ None)) = (self.tasks.get(index), self.values.get_mut(index))
                && let Some(outcome) = task.slot.take()
            {
                *value = Some(outcome?);
                self.missing -= 1;
            }
        }
        Ok(self.missing == 0)
    }

    fn values(self) -> Vec<T> {
        self.values.into_iter().flatten().collect()
    }
}

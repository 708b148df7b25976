//! The handle of a task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::error::JoinError;
use super::launch::{Ties, kill, launch, unlink};
use super::slot::{Outcome, Slot, Waiter};
use super::work::{NoMail, Work};
use crate::process::{Waited, wait_while_alive};
use crate::runtime::engine::Engine;
use crate::sync::Arc;
use crate::timer::Timer;
use crate::{Address, CALL_TIMEOUT, ExitReason, Peer, Pid, Shutdown, StartError, current_pid};

/// Work that is done in a process of its own, and whose value is wanted.
///
/// ```
/// use genstage_core::Task;
///
/// let task = Task::spawn(|| (1..=20_u64).product::<u64>());
/// // ... do something else meanwhile ...
/// assert_eq!(task.join(), Ok(2_432_902_008_176_640_000));
/// ```
///
/// The work is a closure, which may block and compute, or a future, which holds no thread while it waits. A panic in it ends
/// the task alone, and is its [`ExitReason`].
///
/// A task is an extension of the process that starts it: the two are linked, so the crash of one ends the other, unless it traps
/// exits. A plain thread has nobody to link to, and hears of a crash from [`join`](Self::join). To be told instead of ended,
/// start it under a [`TaskSupervisor`](crate::TaskSupervisor) with `spawn_nolink`.
///
/// Whoever holds the handle owns the outcome. It may be moved to another process; the link stays where it was. Dropping it
/// changes nothing for the task, whose value is lost then. In a future, await it: `task.await?`, or
/// `mailbox.within(time, &mut task)`, which may be repeated.
///
/// A task knows whom it works for, also under a supervisor (T1.4):
///
/// ```
/// use genstage_core::{Peer, Task, TaskSupervisor, current_pid, run};
///
/// let callers = || current_pid().and_then(|me| Peer::from(me).info()).map(|info| info.callers[0].pid);
/// run(|me| {
///     let tasks = TaskSupervisor::new().start_link()?;
///     assert_eq!(tasks.spawn(callers)?.join()?, Some(me.pid()));
///     assert_eq!(Task::spawn(callers).join()?, Some(me.pid()));
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Specification: T1, T2.
#[must_use = "a value that nobody wants is what `Task::start_link` is for"]
pub struct Task<T: Send + 'static> {
    pub(super) slot: Arc<Slot<T>>,
    /// `None`: it was complete from the start.
    pub(super) process: Option<Address<NoMail>>,
    /// Who it is linked to, besides a supervisor.
    pub(super) linked: Option<Pid>,
}

// The work and the value are never pinned in it.
impl<T: Send + 'static> Unpin for Task<T> {}

impl Task<()> {
    /// Starts work whose value nobody wants, linked to nobody (T1.2).
    ///
    /// # Errors
    ///
    /// [`StartError::ShutDown`] if the runtime starts no more processes.
    pub fn start<K, W: Work<K>>(work: W) -> Result<Peer, StartError> {
        fire(work, Ties::default())
    }

    /// As [`start`](Self::start), linked to the calling process: what a supervisor starts. As a child it is
    /// [`Temporary`](crate::Restart), unless its specification says otherwise.
    ///
    /// ```
    /// use genstage_core::{ChildSpec, Restart, Task};
    ///
    /// let warm_up = ChildSpec::new("warm-up", || Task::start_link(|| println!("warm"))).restart(Restart::Temporary);
    /// # let _ = warm_up;
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartError::ShutDown`] if the runtime starts no more processes.
    pub fn start_link<K, W: Work<K>>(work: W) -> Result<Peer, StartError> {
        fire(work, Ties { starter: true, ..Ties::default() })
    }
}

/// The slot is closed from the start: the value is dropped inside the process.
fn fire<K, W: Work<K>>(work: W, ties: Ties) -> Result<Peer, StartError> {
    let slot = Slot::new(None, None);
    slot.close();
    launch(work, &slot, ties).map(|process| Peer::from(&process))
}

impl<T: Send + 'static> Task<T> {
    /// Starts work, linked to the calling process (T1.1). Elixir's `Task.async`.
    ///
    /// On a runtime that is shutting down the task is dead from the start.
    pub fn spawn<K>(work: impl Work<K, Output = T>) -> Self {
        let slot = Slot::new(None, None);
        // A failed start is an end like others: the slot has been told of it.
        let process = launch(work, &slot, Ties { starter: true, ..Ties::default() }).ok();
        Self { slot, process, linked: current_pid() }
    }

    /// A task without a process, whose value is there at once (T1.3): where one branch has the value already and another must
    /// work for it.
    pub fn completed(value: T) -> Self {
        Self { slot: Slot::new(Some(value), None), process: None, linked: None }
    }

    /// The pid of its process; `None` for one that was [`completed`](Self::completed).
    pub fn pid(&self) -> Option<Pid> {
        self.process.as_ref().map(Address::pid)
    }

    /// Its process, to be monitored or ended; `None` for one that was [`completed`](Self::completed).
    pub fn peer(&self) -> Option<Peer> {
        self.process.as_ref().map(Peer::from)
    }

    /// Waits for the value, five seconds at most: Elixir's `await`.
    ///
    /// Works alike from a plain thread and from a callback, where the wait is announced, so that other processes run meanwhile.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the task ended without a value, which is noticed at once; or it took longer. It goes on in that case: to
    /// stop it instead, use [`yield_within`](Self::yield_within) and [`shutdown`](Self::shutdown).
    pub fn join(self) -> Result<T, JoinError> {
        self.join_within(CALL_TIMEOUT)
    }

    /// As [`join`](Self::join), with another limit.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn join_within(self, time: Duration) -> Result<T, JoinError> {
        match self.wait(Some(time)) {
            Waited::Ready(outcome) => outcome.map_err(JoinError::Exit),
            Waited::TimedOut => Err(JoinError::Timeout),
            Waited::Doomed => Err(JoinError::Exiting),
        }
    }

    /// Waits for the outcome this long, and may be repeated: Elixir's `yield`. `None`: it still works, or the calling process is
    /// bound to end.
    ///
    /// Once the outcome has been given, the task is a stranger's: [`ExitReason::NoProc`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use genstage_core::{Shutdown, Task};
    ///
    /// let (go, gone) = std::sync::mpsc::channel();
    /// let mut task = Task::spawn(move || gone.recv());
    /// assert_eq!(task.yield_within(Duration::from_millis(1)), None);
    /// go.send("now")?;
    /// assert_eq!(task.yield_within(Duration::from_secs(5)), Some(Ok(Ok("now"))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn yield_within(&mut self, time: Duration) -> Option<Result<T, ExitReason>> {
        match self.wait(Some(time)) {
            Waited::Ready(outcome) => Some(outcome),
            Waited::TimedOut | Waited::Doomed => None,
        }
    }

    fn wait(&self, time: Option<Duration>) -> Waited<Outcome<T>> {
        let Some(engine) = self.engine() else {
            return Waited::Ready(self.slot.take().unwrap_or(Err(ExitReason::NoProc)));
        };
        let deadline = time.map(|time| engine.clock.now().saturating_add(time));
        wait_while_alive(engine, deadline, || self.slot.poll(|| Waiter::Thread(std::thread::current())))
    }

    /// Stops the task and waits until it is down. `Some`: its value came before its end. `None`: it stopped because of this.
    ///
    /// First the link is removed. [`Shutdown::BrutalKill`] kills; the others ask it to shut down, and with a limit it is killed
    /// after that: also if the calling process ends meanwhile, which ends the wait with `None` (T2.1). As tasks trap no exits,
    /// one ends at the end of its slice; one that computes or blocks for longer is given up a moment after the kill: it counts as
    /// dead, and its work goes on unseen until it returns.
    ///
    /// # Errors
    ///
    /// The reason it ended for, if that was another; [`ExitReason::Killed`] if it had to be killed after the limit.
    pub fn shutdown(self, how: Shutdown) -> Result<Option<T>, ExitReason> {
        let stopping = self.stop(how);
        let Some(engine) = self.engine() else { return stopping.outcome(&self.slot, how) };
        let down = || self.slot.poll_end(|| Waiter::Thread(std::thread::current())).then_some(());
        match wait_while_alive(engine, None, down) {
            Waited::Ready(()) => stopping.outcome(&self.slot, how),
            // Nothing can end it, or nobody may wait for it.
            Waited::TimedOut | Waited::Doomed => Ok(None),
        }
    }

    /// As [`shutdown`](Self::shutdown), for futures. The signals are under way at once.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_async(self, how: Shutdown) -> impl Future<Output = Result<Option<T>, ExitReason>> + Send {
        let stopping = self.stop(how);
        async move {
            std::future::poll_fn(|cx| {
                let down = self.process.is_none() || self.slot.poll_end(|| Waiter::Future(cx.waker().clone()));
                if down { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            stopping.outcome(&self.slot, how)
        }
    }

    /// Unlinks and sends the first signal.
    fn stop(&self, how: Shutdown) -> Stopping {
        self.unlink();
        let Some(process) = self.process.as_ref().filter(|_| !self.slot.has_ended()) else { return Stopping(None) };
        if how == Shutdown::BrutalKill {
            return Stopping(kill(process));
        }
        process.exit(ExitReason::Shutdown);
        let Shutdown::Within(limit) = how else { return Stopping(None) };
        Stopping(self.kill_after(limit))
    }

    /// Kills it when its time is over, whatever becomes of the caller.
    pub(super) fn kill_after(&self, time: Duration) -> Option<Timer> {
        let (slot, process) = (Arc::clone(&self.slot), self.process.clone()?);
        let engine = Arc::clone(process.0.engine());
        let late = Box::new(move || {
            if slot.expire() {
                kill(&process);
            }
        });
        Some(engine.timers.after(time, late, None))
    }

    /// Lets the task go on by itself: unlinked, its value lost. Gives the outcome, if it is there already.
    pub fn ignore(self) -> Option<Result<T, ExitReason>> {
        self.unlink();
        self.slot.close()
    }

    /// Has the outcome delivered to a process as one of its own messages, once the task is down: what a server does that must
    /// not wait.
    ///
    /// Nothing comes if the process is dead by then. If `message` panics, that is logged, and nothing comes.
    ///
    /// ```
    /// use genstage_core::{ExitReason, Mailbox, Task, spawn};
    ///
    /// enum Message {
    ///     Done(Result<u64, ExitReason>),
    /// }
    ///
    /// let (report, reports) = std::sync::mpsc::channel();
    /// let clerk = spawn(move |mailbox: Mailbox<Message>| async move {
    ///     let Message::Done(outcome) = mailbox.receive().await;
    ///     let _ = report.send(outcome);
    /// });
    /// Task::spawn(|| 6 * 7).deliver(&clerk, Message::Done);
    /// assert_eq!(reports.recv(), Ok(Ok(42)));
    /// ```
    pub fn deliver<M: Send + 'static>(
        self,
        to: &Address<M>,
        message: impl FnOnce(Result<T, ExitReason>) -> M + Send + 'static,
    ) {
        let to = to.clone();
        let heir = move |outcome| {
            // The dead get nothing, as with every message.
            let _ = to.send(message(outcome));
        };
        if self.process.is_some() {
            self.slot.tell(Waiter::Heir(Box::new(heir)));
        } else if let Some(outcome) = self.slot.take() {
            heir(outcome);
        }
    }

    pub(super) fn engine(&self) -> Option<&Arc<Engine>> {
        self.process.as_ref().map(|process| process.0.engine())
    }

    pub(super) fn unlink(&self) {
        if let (Some(process), Some(linked)) = (&self.process, self.linked) {
            unlink(process, linked);
        }
    }
}

/// A shutdown that is under way, and the timer of its next step.
struct Stopping(Option<Timer>);

impl Stopping {
    fn outcome<T>(self, slot: &Slot<T>, how: Shutdown) -> Result<Option<T>, ExitReason> {
        if let Some(limit) = self.0 {
            limit.cancel();
        }
        let ours = if how == Shutdown::BrutalKill { ExitReason::Killed } else { ExitReason::Shutdown };
        let late = slot.is_late();
        match slot.close() {
            Some(Err(reason)) if late && (reason == ExitReason::Shutdown || reason == ExitReason::Killed) => {
                Err(ExitReason::Killed)
            }
            Some(Err(reason)) if reason == ours => Ok(None),
            outcome => outcome.transpose(),
        }
    }
}

/// The outcome, as [`join`](Task::join) without a limit. Awaiting `&mut task` leaves the handle, for another try.
impl<T: Send + 'static> Future for Task<T> {
    type Output = Result<T, ExitReason>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = self.slot.poll(|| Waiter::Future(cx.waker().clone()));
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T: Send + 'static> Drop for Task<T> {
    /// What is there is the user's, and a panic of its own destructor too; what still comes is dropped inside the task.
    fn drop(&mut self) {
        drop(self.slot.close());
    }
}

impl<T: Send + 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid() {
            Some(pid) => write!(f, "Task({pid})"),
            None => f.write_str("Task(completed)"),
        }
    }
}

//! A stream that runs: it does what the window says.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::window::{Turn, Window};
use super::{AsyncStream, AsyncStreamError, OnTimeout, Options, Place};
use crate::process::{Client, may_block};
use crate::reason::Panic;
use crate::runtime::{Runtime, engine::Engine};
use crate::sync::Arc;
use crate::task::Task;
use crate::task::group::Group;
use crate::task::launch::{GRACE, Pending, Ties, give_up, kill, launch};
use crate::task::slot::{Slot, Waiter};
use crate::task::supervisor::supervised;
use crate::task::work::{NoMail, Work};
use crate::timer::Timer;
use crate::{Address, ExitReason, Peer, StartDynamicChildError, current_pid, log};

pub(super) type Item<T, X> = Result<T, AsyncStreamError<X>>;

/// What whoever iterates does next.
pub(super) enum Step<W, T, X> {
    Item(Item<T, X>),
    /// Start this work, with what is kept of its input.
    Start(W, X),
    /// Nothing is to be done before a task has news.
    Wait,
    /// The stream is over early.
    Fail(AsyncStreamError<X>),
    End,
}

pub(super) struct Flow<I: Iterator, F, K, T: Send + 'static, X> {
    source: Option<Source<I, F, X>>,
    options: Options,
    window: Window<Item<T, X>>,
    /// The tasks that are not down, by index.
    running: BTreeMap<usize, Running<T, X>>,
    starting: Option<Starting<T, X>>,
    pub(super) group: Arc<Group>,
    pub(super) engine: Arc<Engine>,
    /// Whether the first step has been taken.
    begun: bool,
    /// The process that iterates; known from the first step on.
    owner: Option<Peer>,
    failed: Option<AsyncStreamError<X>>,
    marker: PhantomData<fn() -> K>,
}

struct Source<I: Iterator, F, X> {
    inputs: I,
    work: F,
    keep: fn(&I::Item) -> X,
}

struct Running<T: Send + 'static, X> {
    task: Task<T>,
    input: X,
    timer: Option<Timer>,
}

/// A start that a supervisor has been asked for, and that a future waits for.
struct Starting<T, X> {
    pending: Pending<T>,
    input: X,
    started: Pin<Box<dyn Future<Output = Result<Address<NoMail>, StartDynamicChildError>> + Send>>,
}

impl<I: Iterator, F, K, T: Send + 'static, X> Flow<I, F, K, T, X> {
    pub(super) fn new(stream: AsyncStream<I, F, K, X>) -> Self {
        let AsyncStream { inputs, work, keep, options, .. } = stream;
        let engine = Runtime::current_engine();
        let most = options.max_concurrency.unwrap_or_else(|| engine.seats());
        Self {
            window: Window::new(most, options.ordered),
            source: Some(Source { inputs, work, keep }),
            options,
            running: BTreeMap::new(),
            starting: None,
            group: Arc::new(Group::default()),
            engine,
            begun: false,
            owner: None,
            failed: None,
            marker: PhantomData,
        }
    }

    /// The stream is over; its next step says so.
    pub(super) fn fail(&mut self, error: AsyncStreamError<X>) {
        self.failed = Some(error);
    }

    fn is_linked(&self) -> bool {
        !matches!(self.options.place, Place::Under { link: false, .. })
    }

    fn begin(&mut self) {
        if !mem::replace(&mut self.begun, true) {
            self.owner = current_pid().map(Peer::from);
        }
    }

    /// Takes in the next one that is down, if there is one. One at a time, so that the consumer's pace is kept: an outcome, then
    /// the next start.
    fn take_news(&mut self) -> bool {
        while let Some(index) = self.group.pop() {
            if self.running.get(&index).is_some_and(|running| running.task.slot.has_ended())
                && let Some(done) = self.running.remove(&index)
            {
                self.take_end(index, done);
                return true;
            }
        }
        false
    }

    fn take_end(&mut self, index: usize, done: Running<T, X>) {
        let Running { task, input, timer } = done;
        if let Some(timer) = timer {
            timer.cancel();
        }
        let late = task.slot.is_late();
        let item = match task.slot.take().unwrap_or(Err(ExitReason::NoProc)) {
            Ok(value) => Ok(value),
            Err(_) if late && self.options.on_timeout == OnTimeout::Exit => {
                return self.fail(AsyncStreamError::Timeout);
            }
            Err(_) if late => Err(AsyncStreamError::Exit { input, reason: ExitReason::Timeout }),
            Err(reason) => Err(AsyncStreamError::Exit { input, reason }),
        };
        self.window.finished(index, item);
    }

    /// A task has been started: it is watched, and has its time.
    fn watch(&mut self, task: Task<T>, input: X) {
        let index = self.window.started();
        let timer = self.options.timeout.and_then(|time| task.kill_after(time));
        task.slot.tell(Waiter::Member(Arc::clone(&self.group), index));
        self.running.insert(index, Running { task, input, timer });
    }

    /// The slot and the ties of the next task.
    fn prepare(&self) -> (Arc<Slot<T>>, Pending<T>, Ties) {
        let owner = self.owner.clone();
        let also = owner.clone().filter(|_| self.is_linked());
        let slot = Slot::new(None, also.clone());
        let pending = Pending::new(&slot, also.as_ref());
        let client = match self.options.place {
            Place::Alone => Client::Parent,
            Place::Under { .. } => Client::of(owner.as_ref()),
        };
        (slot, pending, Ties { also, owner, client, ..Ties::default() })
    }

    /// Ends the stream: what still runs is killed; with `wait`, that is down when this returns. What is left of the user's is
    /// dropped, each by itself, so that this may happen inside a panic.
    pub(super) fn finish(&mut self, wait: bool) {
        self.failed = None;
        let running = mem::take(&mut self.running);
        for Running { task, timer, .. } in running.values() {
            if let Some(timer) = timer {
                timer.cancel();
            }
            task.unlink();
            if let Some(process) = &task.process {
                if wait {
                    process.exit(ExitReason::Kill);
                } else {
                    kill(process);
                }
            }
        }
        self.starting.take().into_iter().for_each(discard);
        if wait {
            wait_for_ends(&self.engine, &running);
        }
        running.into_values().for_each(discard);
        self.window.abort().for_each(discard);
        self.source.take().into_iter().for_each(discard);
    }
}

impl<I, F, W, K, T, X> Flow<I, F, K, T, X>
where
    I: Iterator,
    F: FnMut(I::Item) -> W,
    W: Work<K, Output = T>,
    T: Send + 'static,
{
    pub(super) fn step(&mut self) -> Step<W, T, X> {
        self.begin();
        if self.source.is_some() && self.owner.as_ref().is_some_and(|owner| !owner.is_alive()) {
            return Step::Fail(AsyncStreamError::Exiting);
        }
        loop {
            if let Some(error) = self.failed.take() {
                return Step::Fail(error);
            }
            match self.window.turn() {
                Turn::Emit(item) => return Step::Item(item),
                Turn::Wait if self.take_news() => {}
                Turn::Wait => return Step::Wait,
                Turn::End => return Step::End,
                Turn::Start => match self.pull() {
                    Some((work, input)) => return Step::Start(work, input),
                    None => self.window.close(),
                },
            }
        }
    }

    /// The next input, and the work on it: the user's code, which may block and panic.
    fn pull(&mut self) -> Option<(W, X)> {
        let Source { inputs, work, keep } = self.source.as_mut()?;
        let input = may_block(|| inputs.next())?;
        let kept = keep(&input);
        Some((work(input), kept))
    }

    /// Starts a task; under a supervisor, this thread waits for that one.
    pub(super) fn start(&mut self, work: W, input: X) {
        let (slot, pending, ties) = self.prepare();
        let started = match &self.options.place {
            Place::Alone => launch(work, &slot, ties).map_err(StartDynamicChildError::Start),
            Place::Under { supervisor, .. } => {
                supervisor.start_child(supervised(work, &slot, ties, self.options.shutdown))
            }
        };
        match started {
            Ok(process) => self.watch(pending.started(process), input),
            Err(error) => self.fail(AsyncStreamError::Start(error)),
        }
    }

    /// As [`start`](Self::start), without waiting; [`poll_start`](Self::poll_start) ends it.
    pub(super) fn begin_start(&mut self, work: W, input: X) {
        let Place::Under { supervisor, .. } = &self.options.place else { return self.start(work, input) };
        let supervisor = supervisor.clone();
        let (slot, pending, ties) = self.prepare();
        let child = supervised(work, &slot, ties, self.options.shutdown);
        let started = Box::pin(async move { supervisor.start_child_async(child).await });
        self.starting = Some(Starting { pending, input, started });
    }

    pub(super) fn poll_start(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(starting) = &mut self.starting else { return Poll::Ready(()) };
        let Poll::Ready(started) = starting.started.as_mut().poll(cx) else { return Poll::Pending };
        if let Some(Starting { pending, input, .. }) = self.starting.take() {
            match started {
                Ok(process) => self.watch(pending.started(process), input),
                Err(error) => self.fail(AsyncStreamError::Start(error)),
            }
        }
        Poll::Ready(())
    }
}

/// All have been killed; those whose work does not return are given up.
fn wait_for_ends<T: Send + 'static, X>(engine: &Engine, running: &BTreeMap<usize, Running<T, X>>) {
    let down = |running: &Running<T, X>| running.task.slot.poll_end(|| Waiter::Thread(std::thread::current()));
    let deadline = engine.clock.now().saturating_add(GRACE);
    let all_down = engine.wait(Some(deadline), || running.values().all(down).then_some(()));
    if all_down.is_none() {
        running.values().filter_map(|running| running.task.process.as_ref()).for_each(give_up);
    }
}

/// Drops something of the user's, whose panic must not meet another one.
fn discard<T>(value: T) {
    if let Err(panic) = Panic::catch(|| drop(value)) {
        log::error!("what a stream of tasks held panicked while it was dropped: {}", panic.message());
    }
}

impl<I: Iterator, F, K, T: Send + 'static, X> fmt::Debug for Flow<I, F, K, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskOutcomes").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

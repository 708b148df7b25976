//! A producer that is pushed to, and holds back whoever pushes.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "futures")]
use std::task::Context as Task;
use std::task::{Poll, Wake, Waker};

use genstage_core::{Address, ExitReason, Peer, ThreadProcess};

use crate::context::Context;
use crate::emit::Emit;
use crate::handle::{ProducerRef, StageRef};
use crate::mail::StageMail;
use crate::messages::HandleInfo;
use crate::role::AsProducer;
use crate::{Init, Outcome, Producer};

/// A producer whose events are pushed from outside: by a socket, a callback of another library, another thread. At most
/// `capacity` events wait in it beside those that were asked for and are under way; who pushes more waits. With a capacity of 0 an
/// event is taken only when somebody has asked for it, one at a time.
///
/// What waits in it is the `held` of the producer's [snapshot](crate::StageSnapshot::held).
///
/// The producer stops with reason normal when all feeds are dropped and everything has gone out. When it ends before that, or is
/// [drained](crate::drain()), `send` gives the event back.
///
/// ```
/// use genstage::{feed, pipeline};
///
/// let (feed, source) = feed(10);
/// let sum = pipeline::from_producer(source).map(|n: u64| n * 2).fold(0, |sum, n| *sum += n).start()?;
/// for n in 0..1000 {
///     feed.send(n)?; // waits while ten are waiting
/// }
/// drop(feed);
/// assert_eq!(sum.join()?, 999_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn feed<T: Send + 'static>(capacity: usize) -> (Feed<T>, FeedSource<T>) {
    let state = State {
        queue: VecDeque::new(),
        capacity,
        wanted: 0,
        feeds: 1,
        source: Source::Waiting,
        told: false,
        closed: false,
        waiters: Vec::new(),
    };
    let shared = Arc::new(Shared(Mutex::new(state)));
    (Feed::of(&shared), FeedSource { shared, finished: false, begin: None, pumped: false })
}

/// What events are pushed into: made by [`feed`]. Clones push into the same producer.
pub struct Feed<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    /// Taken by the `Sink`, and not in the queue yet. Locked only so that feeds can be shared whatever the events are.
    #[cfg(feature = "futures")]
    pub(super) held: Mutex<Option<Box<T>>>,
}

/// The producer that is fed: made by [`feed`]. Start it, or begin a pipeline with it.
#[must_use = "a stage does nothing until it is started"]
pub struct FeedSource<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    finished: bool,
    /// Runs in the started stage.
    pub(super) begin: Option<Box<dyn FnOnce() + Send>>,
    /// Whether its one feed ends by itself when nothing more is taken.
    pub(super) pumped: bool,
}

/// An event that was not taken, handed back.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedError<T> {
    /// There is no room now.
    Full(T),
    /// The producer has ended; or the caller is bound to end, or, in a simulation, room can never come.
    Closed(T),
}

impl<T> FeedError<T> {
    /// The event.
    pub fn into_event(self) -> T {
        match self {
            Self::Full(event) | Self::Closed(event) => event,
        }
    }
}

impl<T> fmt::Debug for FeedError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for FeedError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the feed is full; the event is handed back",
            Self::Closed(_) => "the feed is closed; the event is handed back",
        })
    }
}

impl<T> std::error::Error for FeedError<T> {}

struct Shared<T: Send + 'static>(Mutex<State<T>>);

struct State<T: Send + 'static> {
    queue: VecDeque<T>,
    capacity: usize,
    /// What the producer was asked for and has not got yet.
    wanted: usize,
    feeds: usize,
    source: Source<T>,
    /// The producer has been told to look, and has not looked yet.
    told: bool,
    /// Nothing more is taken.
    closed: bool,
    /// Who waits for room, for demand, or for the end.
    waiters: Vec<Waker>,
}

enum Source<T: Send + 'static> {
    Waiting,
    Running(ProducerRef<FeedSource<T>>),
    Gone,
}

/// Look at the queue.
struct Look;

impl<T: Send + 'static> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> State<T> {
    /// Whom to tell that there is something to see, if not told already.
    fn tell(&mut self) -> Option<ProducerRef<FeedSource<T>>> {
        let Source::Running(source) = &self.source else { return None };
        (!std::mem::replace(&mut self.told, true)).then(|| source.clone())
    }

    fn is_gone(&self) -> bool {
        match &self.source {
            Source::Waiting => false,
            Source::Running(source) => !source.is_alive(),
            Source::Gone => true,
        }
    }

    fn is_closed(&self) -> bool {
        self.closed || self.is_gone()
    }

    /// How many events may wait. Without a capacity, one that is wanted.
    fn room(&self) -> usize {
        self.capacity.max(usize::from(self.wanted > 0))
    }

    fn wait(&mut self, waker: Waker) {
        if !self.waiters.iter().any(|other| other.will_wake(&waker)) {
            self.waiters.push(waker);
        }
    }
}

/// Wakes a thread that waits as a process.
struct Bell(Address<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

impl<T: Send + 'static> Feed<T> {
    fn of(shared: &Arc<Shared<T>>) -> Self {
        Self {
            shared: Arc::clone(shared),
            #[cfg(feature = "futures")]
            held: Mutex::new(None),
        }
    }

    /// Pushes an event if there is room.
    ///
    /// # Errors
    ///
    /// [`FeedError`] with the event: there is no room, or the producer has ended.
    pub fn try_send(&self, event: T) -> Result<(), FeedError<T>> {
        self.push(event, None)
    }

    /// Pushes an event, and waits for room. Works in a plain thread and in a callback, where other processes run meanwhile; in a
    /// future use [`send_async`](Self::send_async).
    ///
    /// # Errors
    ///
    /// [`FeedError::Closed`] with the event.
    pub fn send(&self, event: T) -> Result<(), FeedError<T>> {
        let mut event = match self.push(event, None) {
            Err(FeedError::Full(event)) => event,
            done => return done,
        };
        let Ok(here) = ThreadProcess::<()>::aside() else { return Err(FeedError::Closed(event)) };
        let bell = Waker::from(Arc::new(Bell(here.me().clone())));
        loop {
            event = match self.push(event, Some(&bell)) {
                Err(FeedError::Full(event)) => event,
                done => return done,
            };
            if here.receive(None).is_none() {
                return Err(FeedError::Closed(event));
            }
        }
    }

    /// Pushes an event, and waits for room without holding a thread, in any executor. Dropping the future drops an event that
    /// has found no room yet.
    ///
    /// # Errors
    ///
    /// [`FeedError::Closed`] with the event.
    pub async fn send_async(&self, event: T) -> Result<(), FeedError<T>> {
        let mut event = Some(event);
        poll_fn(|task| match event.take() {
            None => Poll::Ready(Ok(())),
            Some(next) => match self.push(next, Some(task.waker())) {
                Err(FeedError::Full(back)) => {
                    event = Some(back);
                    Poll::Pending
                }
                done => Poll::Ready(done),
            },
        })
        .await
    }

    /// Whether the producer has ended, or takes nothing more.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// Pushes an event, or, where there is no room, has this one woken when there is.
    pub(super) fn push(&self, event: T, waker: Option<&Waker>) -> Result<(), FeedError<T>> {
        // Whatever is the user's runs without the lock.
        let waker = waker.cloned();
        let mut state = self.shared.lock();
        if state.is_closed() {
            return Err(FeedError::Closed(event));
        }
        if state.queue.len() >= state.room() {
            if let Some(waker) = waker {
                state.wait(waker);
            }
            return Err(FeedError::Full(event));
        }
        Self::put(state, event);
        Ok(())
    }

    /// Pushes an event that was fetched because it was wanted, also where nothing more is taken since. False: the producer is gone.
    #[cfg(feature = "futures")]
    pub(super) fn push_fetched(&self, event: T) -> bool {
        let state = self.shared.lock();
        let is_there = !state.is_gone();
        if is_there {
            Self::put(state, event);
        }
        is_there
    }

    fn put(mut state: MutexGuard<'_, State<T>>, event: T) {
        state.queue.push_back(event);
        let source = if state.wanted > 0 { state.tell() } else { None };
        drop(state);
        if let Some(source) = source {
            source.send(Look);
        }
    }

    /// Ready when somebody wants an event that is not there; an error when the producer is gone.
    #[cfg(feature = "futures")]
    pub(super) fn poll_wanted(&self, task: &mut Task<'_>) -> Poll<Result<(), ()>> {
        let waker = task.waker().clone();
        let mut state = self.shared.lock();
        if state.is_closed() {
            return Poll::Ready(Err(()));
        }
        // Also where it is ready: who waits for a source of its own is to hear of the end.
        state.wait(waker);
        if state.queue.len() < state.wanted.min(state.room()) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl<T: Send + 'static> Clone for Feed<T> {
    fn clone(&self) -> Self {
        self.shared.lock().feeds += 1;
        Self::of(&self.shared)
    }
}

impl<T: Send + 'static> Drop for Feed<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.feeds = state.feeds.saturating_sub(1);
        let source = if state.feeds == 0 { state.tell() } else { None };
        drop(state);
        if let Some(source) = source {
            source.send(Look);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Feed")
            .field("waiting", &state.queue.len())
            .field("capacity", &state.capacity)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> FeedSource<T> {
    /// Emits what is there and wanted, and lets go who waits.
    fn look(&mut self, more: usize, out: &mut Emit<T>, cx: &mut Context<'_, Self>) {
        let mut state = self.shared.lock();
        if let Source::Waiting = state.source
            && let Some(address) = Peer::from(cx.pid()).address::<StageMail<AsProducer<Self>>>()
        {
            state.source = Source::Running(StageRef::one(address));
        }
        state.told = false;
        state.wanted = state.wanted.saturating_add(more);
        let given = state.wanted.min(state.queue.len());
        out.extend(state.queue.drain(..given));
        state.wanted -= given;
        let left = state.queue.len();
        let (over, drained) = (state.feeds == 0 && left == 0, state.closed);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        cx.still_holds(left + usize::from(self.pumped && !over));
        // In a drain it ends when those behind it know of that.
        if over && !drained && !self.finished {
            self.finished = true;
            cx.async_info(Finished);
        }
    }
}

/// All that was pushed has gone out.
struct Finished;

impl<T: Send + 'static> Producer for FeedSource<T> {
    type Event = T;

    fn init(&mut self, _: &mut Context<'_, Self>) -> Init {
        if let Some(begin) = self.begin.take() {
            begin();
        }
        Init::Continue
    }

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<T>, cx: &mut Context<'_, Self>) -> Outcome {
        self.look(demand, out, cx);
        Outcome::Continue
    }

    /// Takes nothing more, and gives what it has.
    fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
        let mut state = self.shared.lock();
        state.closed = true;
        let (waiters, left) = (std::mem::take(&mut state.waiters), state.queue.len());
        let pumps = self.pumped && state.feeds > 0;
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        // What is being fetched comes as well.
        left + usize::from(pumps)
    }

    fn held(&self) -> usize {
        self.shared.lock().queue.len()
    }
}

impl<T: Send + 'static> HandleInfo<Look> for FeedSource<T> {
    fn handle_info(&mut self, _: Look, cx: &mut Context<'_, Self>) -> Outcome {
        let mut out = Emit::new();
        self.look(0, &mut out, cx);
        cx.out().events.append(&mut out.events);
        Outcome::Continue
    }
}

impl<T: Send + 'static> HandleInfo<Finished> for FeedSource<T> {
    fn handle_info(&mut self, _: Finished, cx: &mut Context<'_, Self>) -> Outcome {
        if cx.estimate_buffered_count() > 0 {
            // Taken back meanwhile from a consumer that died, to be delivered again.
            cx.async_info(Finished);
            return Outcome::Continue;
        }
        Outcome::Stop(ExitReason::Normal)
    }
}

impl<T: Send + 'static> Drop for FeedSource<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.source = Source::Gone;
        let (waiters, left) = (std::mem::take(&mut state.waiters), std::mem::take(&mut state.queue));
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        drop(left);
    }
}

impl<T: Send + 'static> fmt::Debug for FeedSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedSource").field("finished", &self.finished).finish_non_exhaustive()
    }
}

//! A producer that is pushed to, and holds back whoever pushes.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "futures")]
use std::task::Context as Task;
use std::task::{Poll, Wake, Waker};

use genstage_core::{Address, ExitReason, Peer, ThreadProcess};

use super::waiters::{Place, Waiters};
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
        reserved: 0,
        wanted: 0,
        feeds: 1,
        source: Source::Waiting,
        told: false,
        closed: false,
        waiters: Waiters::default(),
    };
    let shared = Arc::new(Shared(Mutex::new(state)));
    (Feed::of(&shared), FeedSource { shared, finished: false, begin: None, pumped: false })
}

/// What events are pushed into: made by [`feed`]. Clones push into the same producer.
pub struct Feed<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    /// Where the `Sink` waits, and what it has waited for.
    #[cfg(feature = "futures")]
    pub(super) seat: Seat<T>,
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
    /// Room that has been promised to sinks which are ready.
    reserved: usize,
    /// What the producer was asked for and has not got yet.
    wanted: usize,
    feeds: usize,
    source: Source<T>,
    /// The producer has been told to look, and has not looked yet.
    told: bool,
    /// Nothing more is taken.
    closed: bool,
    /// Who waits for room, for demand, or for the end.
    waiters: Waiters,
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

    /// Pushes an event if there is room; else this one waits in its place.
    fn push(&self, event: T, waiter: Option<(&mut Place, &Waker)>) -> Result<(), FeedError<T>> {
        // Whatever is the user's runs without the lock.
        let waiter = waiter.map(|(place, waker)| (place, waker.clone()));
        let mut state = self.lock();
        if state.is_closed() {
            return Err(FeedError::Closed(event));
        }
        if !state.has_room() {
            let before = waiter.and_then(|(place, waker)| state.waiters.wait(place, waker));
            drop(state);
            drop(before);
            return Err(FeedError::Full(event));
        }
        let left = waiter.and_then(|(place, _)| state.waiters.leave(place));
        put(state, event);
        drop(left);
        Ok(())
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

    fn has_room(&self) -> bool {
        self.queue.len().saturating_add(self.reserved) < self.room()
    }

    /// How many events may wait. Without a capacity, one that is wanted.
    fn room(&self) -> usize {
        self.capacity.max(usize::from(self.wanted > 0))
    }
}

fn put<T: Send + 'static>(mut state: MutexGuard<'_, State<T>>, event: T) {
    state.queue.push_back(event);
    let source = if state.wanted > 0 { state.tell() } else { None };
    drop(state);
    if let Some(source) = source {
        source.send(Look);
    }
}

/// Somebody who waits, until this is dropped.
pub(super) struct Wait<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    place: Place,
}

impl<T: Send + 'static> Wait<T> {
    /// Pushes an event, or, where there is no room, has this one woken when there is.
    pub(super) fn push(&mut self, event: T, waker: &Waker) -> Result<(), FeedError<T>> {
        self.shared.push(event, Some((&mut self.place, waker)))
    }

    /// Ready when somebody wants an event that is not there; an error when the producer is gone.
    #[cfg(feature = "futures")]
    pub(super) fn poll_wanted(&mut self, task: &mut Task<'_>) -> Poll<Result<(), ()>> {
        let waker = task.waker().clone();
        let mut state = self.shared.lock();
        if state.is_closed() {
            return Poll::Ready(Err(()));
        }
        // Also where it is ready: who waits for a source of its own is to hear of the end.
        let before = state.waiters.wait(&mut self.place, waker);
        let wanted = state.queue.len() < state.wanted.min(state.room());
        drop(state);
        drop(before);
        if wanted { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl<T: Send + 'static> Drop for Wait<T> {
    fn drop(&mut self) {
        if self.place.is_waiting() {
            let left = self.shared.lock().waiters.leave(&mut self.place);
            drop(left);
        }
    }
}

/// Room for the one event of a `Sink`, from when it is ready until it sends: so what it takes goes into the queue at once.
#[cfg(feature = "futures")]
pub(super) struct Seat<T: Send + 'static> {
    wait: Wait<T>,
    reserved: bool,
}

#[cfg(feature = "futures")]
impl<T: Send + 'static> Seat<T> {
    /// Ready when there is room, which is then kept, or nothing more is taken, which the next push says.
    pub(super) fn poll_reserve(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.reserved {
            return Poll::Ready(());
        }
        let waker = task.waker().clone();
        let mut state = self.wait.shared.lock();
        let (is_closed, has_room) = (state.is_closed(), state.has_room());
        let is_ready = is_closed || has_room;
        let before = if is_ready {
            self.reserved = !is_closed;
            state.reserved += usize::from(self.reserved);
            state.waiters.leave(&mut self.wait.place)
        } else {
            state.waiters.wait(&mut self.wait.place, waker)
        };
        drop(state);
        drop(before);
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Pushes into the room that is kept, or, where none is, into what there is.
    pub(super) fn push(&mut self, event: T) -> Result<(), FeedError<T>> {
        if !std::mem::take(&mut self.reserved) {
            return self.wait.shared.push(event, None);
        }
        let mut state = self.wait.shared.lock();
        state.reserved -= 1;
        if state.is_closed() {
            return Err(FeedError::Closed(event));
        }
        put(state, event);
        Ok(())
    }

    /// Others may have the room.
    pub(super) fn give_back(&mut self) {
        if std::mem::take(&mut self.reserved) {
            let mut state = self.wait.shared.lock();
            state.reserved -= 1;
            let waiters = state.waiters.take();
            drop(state);
            waiters.for_each(genstage_core::wake);
        }
    }
}

#[cfg(feature = "futures")]
impl<T: Send + 'static> Drop for Seat<T> {
    fn drop(&mut self) {
        self.give_back();
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
            seat: Seat { wait: Wait { shared: Arc::clone(shared), place: Place::default() }, reserved: false },
        }
    }

    /// For one that is going to wait.
    pub(super) fn wait(&self) -> Wait<T> {
        Wait { shared: Arc::clone(&self.shared), place: Place::default() }
    }

    /// Pushes an event if there is room.
    ///
    /// # Errors
    ///
    /// [`FeedError`] with the event: there is no room, or the producer has ended.
    pub fn try_send(&self, event: T) -> Result<(), FeedError<T>> {
        self.shared.push(event, None)
    }

    /// Pushes an event, and waits for room. Works in a plain thread and in a callback, where other processes run meanwhile; in a
    /// future use [`send_async`](Self::send_async).
    ///
    /// # Errors
    ///
    /// [`FeedError::Closed`] with the event.
    pub fn send(&self, event: T) -> Result<(), FeedError<T>> {
        let mut event = match self.try_send(event) {
            Err(FeedError::Full(event)) => event,
            done => return done,
        };
        let Ok(here) = ThreadProcess::<()>::aside() else { return Err(FeedError::Closed(event)) };
        let bell = Waker::from(Arc::new(Bell(here.me().clone())));
        let mut wait = self.wait();
        loop {
            event = match wait.push(event, &bell) {
                Err(FeedError::Full(event)) => event,
                done => return done,
            };
            if here.receive(None).is_none() {
                return Err(FeedError::Closed(event));
            }
        }
    }

    /// Pushes an event, and waits for room without holding a thread, in any executor. Dropping the future drops an event that
    /// has found no room yet, and leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`FeedError::Closed`] with the event.
    pub async fn send_async(&self, event: T) -> Result<(), FeedError<T>> {
        let event = match self.try_send(event) {
            Err(FeedError::Full(event)) => event,
            done => return done,
        };
        let (mut event, mut wait) = (Some(event), self.wait());
        poll_fn(|task| match event.take() {
            None => Poll::Ready(Ok(())),
            Some(next) => match wait.push(next, task.waker()) {
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

    /// Pushes an event that was fetched because it was wanted, also where nothing more is taken since. False: the producer is gone.
    #[cfg(feature = "futures")]
    pub(super) fn push_fetched(&self, event: T) -> bool {
        let state = self.shared.lock();
        let is_there = !state.is_gone();
        if is_there {
            put(state, event);
        }
        is_there
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
        let waiters = state.waiters.take();
        drop(state);
        waiters.for_each(genstage_core::wake);
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
        let (waiters, left) = (state.waiters.take(), state.queue.len());
        let pumps = self.pumped && state.feeds > 0;
        drop(state);
        waiters.for_each(genstage_core::wake);
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
        let (waiters, left) = (state.waiters.take(), std::mem::take(&mut state.queue));
        drop(state);
        waiters.for_each(genstage_core::wake);
        drop(left);
    }
}

impl<T: Send + 'static> fmt::Debug for FeedSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedSource").field("finished", &self.finished).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Mailbox, spawn};
    use crate::prelude::*;

    /// A thread, here that of a callback, is ended while it waits.
    #[test]
    fn a_thread_that_is_bound_to_end_leaves_nothing_behind() {
        Simulation::new(1).run(|simulation| {
            let (feed, source) = feed(1);
            let pushed = feed.clone();
            let sink = for_each(move |n: u64| drop(pushed.send(n))).start(StageOptions::new()).unwrap();
            let numbers = from_enumerable(0..9_u64).start(StageOptions::new()).unwrap();
            let end = sink.clone();
            spawn(move |mailbox: Mailbox<()>| async move {
                mailbox.sleep(std::time::Duration::from_secs(1)).await;
                end.exit(ExitReason::Kill);
            });
            sink.async_subscribe(&numbers, SubscriptionOptions::new());
            simulation.run_until_idle();
            assert!(!sink.is_alive());
            let mut state = feed.shared.lock();
            assert_eq!((state.queue.len(), state.waiters.take().count()), (1, 0));
            drop(state);
            drop(source);
        });
    }
}

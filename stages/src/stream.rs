//! Back into an iterator: a consumer in the caller's own thread (section 18).

use std::collections::VecDeque;
use std::fmt;

use genstage_core::{Address, CallError, ExitReason, Mail, Peer, Pid, Signal, StartError, ThreadProcess, current_pid};
use genstage_dispatchers::{Batch, Empties, Events, SubscriptionId};

use crate::book::Tie;
use crate::choice::{Choice, Wanted};
use crate::demand::Demand;
use crate::handle::{HasDemandMode, ModeSetter, Source};
use crate::mail::{ConsumerPort, ProducerPort, Subscribe};
use crate::options::DemandMode;
use crate::stage::ends_consumer;
use crate::{Cancel, OptionsError, StreamError, SubscriptionOptions, log};

/// An iterator over the events of a producer, pulled in the caller's own thread.
///
/// It is a consumer like any other: at most `max_demand` events are under way, and a producer is asked for more as the caller
/// goes on. Nothing is asked for before the first `next`. Works in a plain thread and in a callback, where the wait is
/// announced. It cannot be sent to another thread: make it where it is iterated.
///
/// An item is an error only where a producer ended abnormally; the stream then ends. How the end of a producer counts is said by
/// [`Cancel`]: with `Permanent`, the default, the first end of a producer ends the stream; with `Transient`, a clean end leaves
/// the others going; with `Temporary`, every end does. Dropping the stream cancels what is left. In a callback of a process that
/// must end meanwhile the stream ends with [`CallError::Exiting`].
///
/// # Errors
///
/// [`OptionsError`] if the options make no sense.
///
/// ```
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(1..).start(StageOptions::new())?;
/// let mut sum = 0;
/// for number in stream(&numbers, SubscriptionOptions::new().max_demand(10))?.take(4) {
///     sum += number?;
/// }
/// assert_eq!(sum, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stream<S, C>(producer: &S, options: SubscriptionOptions<C>) -> Result<Stream<S::Event>, OptionsError>
where
    S: Source + ?Sized,
    C: Choice<S::Event>,
{
    Stream::new().and(producer, options)
}

/// The iterator made by [`stream`]. It waits as a process of the thread in which it is iterated, and stays there: it is not `Send`.
/// To iterate in another thread, send the producer's handle, and call [`stream`] there.
#[must_use = "a stream asks for nothing until it is iterated"]
pub struct Stream<T: Send + 'static> {
    /// Subscribed to when the piece at hand is used up.
    waiting: Vec<Waiting<T>>,
    /// There from the first `next` on.
    running: Option<Running<T>>,
    /// The events at hand, in the order in which they are given out.
    events: VecDeque<T>,
    /// How many of them belong to the current piece, and what comes after it.
    piece: usize,
    rest: Option<Message<T>>,
    done: bool,
    /// What the demand mode is set to when all subscriptions are made, and of whom; `None`: of those it subscribes to.
    mode: DemandMode,
    modes_of: Option<Vec<ModeSetter>>,
}

/// A subscription that is still to be made.
struct Waiting<T> {
    port: Box<dyn ProducerPort<T>>,
    options: SubscriptionOptions,
    wants: Wanted<T>,
}

/// A message that is being handed to the caller.
struct Message<T> {
    id: SubscriptionId,
    ask: usize,
    split: crate::demand::Split,
    /// Its batch, without its events: it goes up again when these have been taken.
    husk: Batch<T>,
}

impl<T> Message<T> {
    /// The batch with its buffer, if all events have been taken.
    fn emptied(&mut self, events: &mut VecDeque<T>) -> Batch<T> {
        if !events.is_empty() {
            return Batch::new();
        }
        let mut husk = std::mem::take(&mut self.husk);
        // Of an empty deque this moves nothing.
        husk.swap(&mut Vec::from(std::mem::take(events)));
        husk
    }
}

struct Running<T: Send + 'static> {
    process: ThreadProcess<StreamMail<T>>,
    producers: Vec<Upstream<T>>,
}

struct Upstream<T> {
    id: SubscriptionId,
    port: Box<dyn ProducerPort<T>>,
    mode: Cancel,
    demand: Demand,
}

pub(crate) enum StreamMail<T> {
    Events(SubscriptionId, Batch<T>),
    Cancelled(SubscriptionId, ExitReason),
}

impl<T: Send + 'static> ConsumerPort<T> for Address<StreamMail<T>> {
    fn events(&self, id: SubscriptionId, batch: Batch<T>) {
        let _ = self.send_as((id, batch), |(id, batch)| StreamMail::Events(id, batch));
    }

    fn cancelled(&self, id: SubscriptionId, reason: ExitReason) {
        let _ = self.send(StreamMail::Cancelled(id, reason));
    }

    fn peer(&self) -> Peer {
        Peer::from(self)
    }

    fn observer(&self) -> Option<crate::graph::Observer> {
        None
    }
}

impl<T: Send + 'static> Stream<T> {
    fn new() -> Self {
        Self {
            waiting: Vec::new(),
            running: None,
            events: VecDeque::new(),
            piece: 0,
            rest: None,
            done: false,
            mode: DemandMode::Forward,
            modes_of: None,
        }
    }

    /// Adds a producer; its events come in between, as they arrive.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] if the options make no sense.
    pub fn and<S, C>(mut self, producer: &S, options: SubscriptionOptions<C>) -> Result<Self, OptionsError>
    where
        S: Source<Event = T> + ?Sized,
        C: Choice<T>,
    {
        self.add(producer, options).map(|()| self)
    }

    /// As [`and`](Self::and), while the stream runs. It is subscribed to when the batch at hand is used up, and its demand let
    /// through as that of the first ones was, unless [`producers`](Self::producers) says whose is. A stream that is at its end stays there.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let names = from_enumerable(["more", "most"]).start(StageOptions::new())?;
    /// let more = from_enumerable(["so", "much"]).start(StageOptions::new())?;
    /// let options = SubscriptionOptions::new().cancel(Cancel::Transient);
    /// let mut words = stream(&names, options)?;
    /// let mut seen = Vec::new();
    /// while let Some(word) = words.next() {
    ///     let word = word?;
    ///     if word == "more" {
    ///         words.add(&more, options)?;
    ///     }
    ///     seen.push(word);
    /// }
    /// assert_eq!(seen.len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OptionsError`] if the options make no sense: nothing is added.
    pub fn add<S, C>(&mut self, producer: &S, options: SubscriptionOptions<C>) -> Result<(), OptionsError>
    where
        S: Source<Event = T> + ?Sized,
        C: Choice<T>,
    {
        options.check()?;
        let (options, wants) = options.part();
        self.waiting.push(Waiting { port: producer.port(), options, wants });
        Ok(())
    }

    /// What the demand mode of the producers is set to, once all subscriptions are made; [`DemandMode::Forward`] by default.
    /// Stages in the middle have none and are left alone. Before the first `next` only: later it has no effect.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// // Nothing flows before the stream is there.
    /// let numbers = from_enumerable(0..3).start(StageOptions::new().demand(DemandMode::Accumulate))?;
    /// assert_eq!(stream(&numbers, SubscriptionOptions::new())?.count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn demand(mut self, mode: DemandMode) -> Self {
        self.mode = mode;
        self
    }

    /// Whose demand mode is set, instead of those that the stream subscribes to: where these are stages in the middle, the
    /// producers behind them. With an empty list nobody's is. Before the first `next` only.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let numbers = from_enumerable(1..=3).start(StageOptions::new().demand(DemandMode::Accumulate))?;
    /// let squares = map(|n: i32| n * n)
    ///     .start(StageOptions::new().subscribe_to(&numbers, SubscriptionOptions::new()))?;
    /// let squares = stream(&squares, SubscriptionOptions::new())?.producers(&[&numbers]);
    /// assert_eq!(squares.collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn producers(mut self, producers: &[&dyn HasDemandMode]) -> Self {
        self.modes_of = Some(producers.iter().map(|producer| producer.mode_setter()).collect());
        self
    }

    /// Makes the subscriptions that are still to be made.
    fn subscribe(&mut self) -> Result<(), StreamError> {
        let waiting = std::mem::take(&mut self.waiting);
        let producers = || waiting.iter().map(|waiting| waiting.port.peer().pid());
        if let Some(producer) = producers().find(|producer| current_pid() == Some(*producer)) {
            return Err(StreamError { producer, reason: ExitReason::other(CallError::CallingSelf) });
        }
        let is_first = self.running.is_none();
        let running = match &mut self.running {
            Some(running) => running,
            none => {
                let started = Running::start();
                let shut_down = |_| StreamError {
                    producer: producers().next().unwrap_or(Pid::NOBODY),
                    reason: ExitReason::Shutdown,
                };
                none.insert(started.map_err(shut_down)?)
            }
        };
        let before = running.producers.len();
        for waiting in waiting {
            running.subscribe(waiting);
        }
        match &self.modes_of {
            None => running.producers[before..].iter().for_each(|upstream| upstream.port.demand(self.mode)),
            Some(setters) if is_first => setters.iter().for_each(|set| set(self.mode)),
            Some(_) => {}
        }
        Ok(())
    }

    /// The next event once the piece at hand is used up.
    #[cold]
    fn advance(&mut self) -> Option<Result<T, StreamError>> {
        if self.done {
            return None;
        }
        loop {
            if !self.waiting.is_empty()
                && let Err(error) = self.subscribe()
            {
                self.done = true;
                self.running = None;
                return Some(Err(error));
            }
            let running = self.running.as_mut()?;
            if let Some(message) = &mut self.rest {
                // The caller pulls beyond the piece: it has been handled.
                let ask = std::mem::take(&mut message.ask);
                if ask > 0 {
                    running.ask(message.id, ask, message.emptied(&mut self.events));
                }
                if let Some(piece) = message.split.next() {
                    message.ask = piece.ask;
                    self.piece = piece.size.saturating_sub(1);
                    if let Some(event) = self.events.pop_front() {
                        return Some(Ok(event));
                    }
                }
                self.rest = None;
            }
            match running.receive() {
                Next::Events(mut message) => {
                    self.events = Events::new(&mut message.husk).into_vec().into();
                    self.rest = Some(message);
                }
                Next::Nothing => {}
                Next::End(error) => {
                    self.done = true;
                    self.running = None;
                    return error.map(Err);
                }
            }
        }
    }
}

enum Next<T> {
    Events(Message<T>),
    Nothing,
    End(Option<StreamError>),
}

impl<T: Send + 'static> Running<T> {
    fn start() -> Result<Self, StartError> {
        Ok(Self { process: ThreadProcess::aside()?, producers: Vec::new() })
    }

    fn subscribe(&mut self, Waiting { port, options, wants }: Waiting<T>) {
        let port = port.resolve();
        let monitor = self.process.monitor(port.peer());
        let id = SubscriptionId::new(monitor.get());
        let tie = Tie::open(id, &*port, self.process.me());
        let consumer = Box::new(self.process.me().clone());
        port.subscribe(Subscribe { tie, consumer, options, wants, current: None });
        port.ask(id, options.max(), Empties::new());
        let demand = Demand::new(options.min(), options.max());
        self.producers.push(Upstream { id, port, mode: options.cancel, demand });
    }

    fn ask(&self, id: SubscriptionId, count: usize, buffer: Batch<T>) {
        if let Some(upstream) = self.producers.iter().find(|upstream| upstream.id == id) {
            upstream.port.ask(id, count, buffer.into());
        }
    }

    fn receive(&mut self) -> Next<T> {
        if self.producers.is_empty() {
            return Next::End(None);
        }
        match self.process.receive(None) {
            Some(Mail::Message(StreamMail::Events(id, batch))) => self.take(id, batch),
            Some(Mail::Message(StreamMail::Cancelled(id, reason))) => self.lose(id, reason),
            Some(Mail::Signal(Signal::Down(down))) => self.lose(SubscriptionId::new(down.monitor.get()), down.reason),
            Some(Mail::Signal(_)) => Next::Nothing,
            // Closed from outside, in a process that is bound to end, or in a simulation in which nothing can ever come.
            None => {
                let ends = current_pid().is_some_and(|caller| !Peer::from(caller).is_alive());
                let reason = match self.process.doom() {
                    Some(reason) => reason,
                    None if ends => ExitReason::other(CallError::Exiting),
                    None => ExitReason::Timeout,
                };
                Next::End(
                    self.producers.first().map(|upstream| StreamError { producer: upstream.port.peer().pid(), reason }),
                )
            }
        }
    }

    fn take(&mut self, id: SubscriptionId, batch: Batch<T>) -> Next<T> {
        let Some(upstream) = self.producers.iter_mut().find(|upstream| upstream.id == id) else {
            return Next::Nothing;
        };
        let split = upstream.demand.split(batch.len());
        let excess: usize = split.clone().map(|piece| piece.excess).sum();
        if excess > 0 {
            log::error!("stream {}: {excess} events in excess on subscription {id}", self.process.pid());
        }
        Next::Events(Message { id, ask: 0, split, husk: batch })
    }

    /// A producer is gone. Whether that ends the stream, its mode says.
    fn lose(&mut self, id: SubscriptionId, reason: ExitReason) -> Next<T> {
        let Some(at) = self.producers.iter().position(|upstream| upstream.id == id) else {
            return Next::Nothing;
        };
        let upstream = self.producers.remove(at);
        if !ends_consumer(upstream.mode, &reason) {
            return Next::Nothing;
        }
        let producer = upstream.port.peer().pid();
        Next::End((!reason.is_clean()).then_some(StreamError { producer, reason }))
    }
}

impl<T: Send + 'static> Drop for Running<T> {
    /// What is left is cancelled. Late events are refused by the closed inbox, so there is nothing to wait for.
    fn drop(&mut self) {
        for upstream in &self.producers {
            upstream.port.cancel(upstream.id, ExitReason::Normal);
        }
    }
}

impl<T: Send + 'static> Iterator for Stream<T> {
    type Item = Result<T, StreamError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.piece > 0 {
            self.piece -= 1;
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
        }
        self.advance()
    }
}

impl<T: Send + 'static> std::iter::FusedIterator for Stream<T> {}

impl<T: Send + 'static> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("running", &self.running.is_some())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that a stream in steady state allocates nothing.
    #[test]
    fn a_batch_goes_up_again_once_its_events_are_taken() {
        let mut husk = Batch::from(vec![1, 2]);
        let place = husk.as_slice().as_ptr();
        let mut events: VecDeque<i32> = Events::new(&mut husk).into_vec().into();
        let split = Demand::new(1, 2).split(2);
        let mut message = Message { id: SubscriptionId::new(1), ask: 0, split, husk };
        assert_eq!(events.pop_front(), Some(1));
        assert_eq!(message.emptied(&mut events).capacity(), 0, "one event is still in it");
        assert_eq!(events.pop_front(), Some(2));
        let empty = message.emptied(&mut events);
        assert!(empty.is_empty() && empty.capacity() >= 2);
        assert_eq!(empty.as_slice().as_ptr(), place);
    }
}

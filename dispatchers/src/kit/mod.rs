//! Puts any dispatcher through random histories and checks the contract of [`Dispatcher`].
//!
//! The kit plays the stage: consumers come, ask and leave, some giving back what they got last, events are emitted, what is left
//! over is buffered and offered again. After every call it compares what the dispatcher did with a simple model. The
//! same seed gives the same history.
//!
//! ```
//! use genstage_dispatchers::{DemandDispatcher, kit::Kit};
//!
//! for seed in 0..20 {
//!     Kit::new().run(seed, &mut DemandDispatcher::new())?;
//! }
//! # Ok::<(), genstage_dispatchers::kit::KitError>(())
//! ```

mod ledger;

use std::{error, fmt, sync::Arc};

use self::ledger::Ledger;
use crate::{Dispatcher, InfoTicket, Subscriber, SubscriptionId, caught::caught, random::Random};

/// More consumers than this at once show nothing new.
const CONSUMERS: usize = 6;

/// What a dispatcher is held to. [`Kit::new`] is the strictest: each event goes to exactly one consumer, at once.
///
/// Checked always: nobody gets more than it asked for; unknown, refused and cancelled ids get nothing; each consumer
/// gets events in order and none twice; `dispatch` takes from the front what `demand` promised, and keeps the order of
/// the rest; `take_back` withdraws the demand, and each event that it does not leave to the stage, in order, it delivers
/// or holds, while one that gives each event to every consumer refuses subscriptions that are to be redelivered;
/// `demand` is 0 when something is left, and never more than what the living asked for and did not get; infos are
/// released once; and nothing panics. Events that are lost while they may be held, or held and dropped, are not missed.
///
/// Specification: sections 15.1 and 21.
///
/// ```
/// use genstage_dispatchers::{DemandDispatcher, kit::Kit};
///
/// // Held to giving each event to everybody, the demand dispatcher fails, and the error says where.
/// let fault = Kit::new().every(true).run(3, &mut DemandDispatcher::new()).unwrap_err();
/// assert_eq!(fault.seed(), 3);
/// assert!(fault.to_string().starts_with("seed 3, step "));
/// ```
#[must_use]
pub struct Kit<T = u64> {
    pub(crate) steps: usize,
    pub(crate) every: bool,
    pub(crate) holds: bool,
    pub(crate) drops: bool,
    pub(crate) subscriber: Arc<dyn Fn(u64) -> Subscriber<T>>,
}

impl<T> Kit<T> {
    /// Each event goes to exactly one consumer, in the call that takes it; 300 steps; consumers that want anything.
    pub fn new() -> Self {
        let subscriber = Arc::new(|_| Subscriber::new(1000, 500));
        Self { steps: 300, every: false, holds: false, drops: false, subscriber }
    }

    /// What the consumer with each number is like, where they are not all alike: the first has number 1.
    ///
    /// Where an event goes to every consumer, one with a selector must get all that this accepts, and nothing else.
    ///
    /// ```
    /// use genstage_dispatchers::{BroadcastDispatcher, Subscriber, kit::Kit};
    ///
    /// let multiples = |number| Subscriber::new(10, 5).selector(move |event: &u64| event % number == 0);
    /// Kit::new().every(true).drops(true).subscribers(multiples).run(1, &mut BroadcastDispatcher::new())?;
    /// # Ok::<(), genstage_dispatchers::kit::KitError>(())
    /// ```
    pub fn subscribers(mut self, subscriber: impl Fn(u64) -> Subscriber<T> + 'static) -> Self {
        self.subscriber = Arc::new(subscriber);
        self
    }

    /// How many calls one history has.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Whether each event goes to every consumer instead of to one.
    pub fn every(mut self, every: bool) -> Self {
        self.every = every;
        self
    }

    /// Whether the dispatcher may hold events it has taken, and deliver them in a later call. It must then state how many
    /// ([`Dispatcher::held`]), and an info must wait for those that were taken before it.
    pub fn holds(mut self, holds: bool) -> Self {
        self.holds = holds;
        self
    }

    /// Whether the dispatcher may drop events it has taken, for some consumers or for all.
    pub fn drops(mut self, drops: bool) -> Self {
        self.drops = drops;
        self
    }

    /// Puts a dispatcher through the history of this seed: `make` builds the event with a number, `number` reads it back.
    ///
    /// # Errors
    ///
    /// The first breach of the contract. A panic is one too, of `make` and `number` as well: the error has its message, and the
    /// dispatcher is left half changed.
    ///
    /// ```
    /// use genstage_dispatchers::{DemandDispatcher, kit::Kit};
    ///
    /// Kit::new().run_with(
    ///     1,
    ///     &mut DemandDispatcher::new(),
    ///     |number| format!("order {number}"),
    ///     |order| order["order ".len()..].parse().unwrap(),
    /// )?;
    /// # Ok::<(), genstage_dispatchers::kit::KitError>(())
    /// ```
    pub fn run_with(
        &self,
        seed: u64,
        dispatcher: &mut dyn Dispatcher<T>,
        make: impl Fn(u64) -> T,
        number: impl Fn(&T) -> u64,
    ) -> Result<(), KitError> {
        let mut random = Random::new(seed);
        let mut ledger = Ledger::new(self.clone(), make, number);
        let play = |ledger: &mut Ledger<T, _, _>, dispatcher: &mut dyn Dispatcher<T>, step, call| {
            let played = caught(|| ledger.play(call, dispatcher));
            let played = played.unwrap_or_else(|message| Err(format!("panicked: {message}")));
            played.map_err(|fault| KitError { seed, step, call, fault })
        };
        play(&mut ledger, dispatcher, 0, Call::Init(seed))?;
        for step in 0..self.steps {
            let call = ledger.choose(&mut random);
            play(&mut ledger, dispatcher, step, call)?;
        }
        Ok(())
    }
}

impl Kit<u64> {
    /// The same for a dispatcher of numbers.
    ///
    /// # Errors
    ///
    /// As [`Kit::run_with`].
    pub fn run(&self, seed: u64, dispatcher: &mut dyn Dispatcher<u64>) -> Result<(), KitError> {
        self.run_with(seed, dispatcher, |number| number, |event| *event)
    }
}

impl<T> Clone for Kit<T> {
    fn clone(&self) -> Self {
        Self { subscriber: Arc::clone(&self.subscriber), ..*self }
    }
}

impl<T> fmt::Debug for Kit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit")
            .field("steps", &self.steps)
            .field("every", &self.every)
            .field("holds", &self.holds)
            .field("drops", &self.drops)
            .finish_non_exhaustive()
    }
}

impl<T> Default for Kit<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// One call of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Before all others.
    Init(u64),
    Subscribe {
        id: SubscriptionId,
        redeliver: bool,
    },
    Ask(SubscriptionId, usize),
    Cancel(SubscriptionId),
    /// It leaves, and gives back the last so many events that it got.
    TakeBack {
        id: SubscriptionId,
        events: usize,
    },
    /// So many new events; offered are so many of those that wait, the new ones included.
    Dispatch {
        emitted: usize,
        offered: usize,
    },
    Info(InfoTicket),
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(_) => f.write_str("init"),
            Self::Subscribe { id, redeliver: false } => write!(f, "subscribe {id}"),
            Self::Subscribe { id, redeliver: true } => write!(f, "subscribe {id}, to be redelivered"),
            Self::Ask(id, count) => write!(f, "ask of {count} by {id}"),
            Self::Cancel(id) => write!(f, "cancel of {id}"),
            Self::TakeBack { id, events } => write!(f, "take back of {events} from {id}"),
            Self::Dispatch { offered, .. } => write!(f, "dispatch of {offered}"),
            Self::Info(ticket) => write!(f, "info {}", ticket.get()),
        }
    }
}

/// A breach of the contract. `Display` says which, and in which call of which history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KitError {
    seed: u64,
    step: usize,
    call: Call,
    fault: String,
}

impl KitError {
    /// The seed that shows it again.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of the call, counted from 0; 0 as well where it was [`init`](Dispatcher::init).
    pub const fn step(&self) -> usize {
        self.step
    }
}

impl fmt::Display for KitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, call, fault } = self;
        write!(f, "seed {seed}, step {step} ({call}): {fault}")
    }
}

impl error::Error for KitError {}

#[cfg(test)]
mod tests;

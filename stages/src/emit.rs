//! Where a callback puts the events it emits.

use crate::Events;

/// How many events room is made for at once where an iterator promises more, or does not say. Guessed: far above usual batches.
const PART: usize = 65_536;

/// The events that a callback emits, in order. What is in it when the callback returns goes to the dispatcher; if it panics
/// instead, that is dropped, and counted nowhere: it has not been emitted.
///
/// The engine hands the same buffers round and round: emitting into it allocates nothing once they have grown.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Counter(u64);
///
/// impl Producer for Counter {
///     type Event = u64;
///
///     fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _cx: &mut Context<'_, Self>) -> Outcome {
///         out.extend(self.0..self.0 + demand as u64);
///         self.0 += demand as u64;
///         Outcome::Continue
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Emit<T> {
    pub(crate) events: Vec<T>,
}

impl<T> Emit<T> {
    pub(crate) fn new() -> Self {
        Self { events: Vec::new() }
    }

    /// Emits one event.
    #[inline]
    pub fn push(&mut self, event: T) {
        self.events.push(event);
    }

    /// A vector makes room for all that is promised, also by an iterator that promises more than there is memory.
    #[inline(never)]
    fn extend_by_parts(&mut self, mut events: impl Iterator<Item = T>) {
        loop {
            let before = self.events.len();
            self.events.extend(events.by_ref().take(PART));
            if self.events.len() - before < PART {
                return;
            }
        }
    }

    /// Emits the events of a batch as they are. Where this is all that is emitted, and no other consumer holds the batch, its buffer goes
    /// on as it is, and nothing is moved.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// /// Says how many have passed.
    /// struct Gauge(u64);
    ///
    /// impl ProducerConsumer for Gauge {
    ///     type In = String;
    ///     type Out = String;
    ///
    ///     fn handle_events(&mut self, events: Events<'_, String>, out: &mut Emit<String>, _: &mut Context<'_, Self>) -> Outcome {
    ///         self.0 += events.len() as u64;
    ///         out.append(events);
    ///         Outcome::Continue
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn append(&mut self, events: Events<'_, T>) {
        events.append_to(&mut self.events);
    }

    /// As [`append`](Self::append), after each event has been changed in its place: for events that are large or own memory. Plain
    /// numbers are faster through [`Events::map_into`], whose loops become vector instructions more often. If `change`
    /// panics, what was appended stays appended, which is of no account in a callback: all it has emitted is dropped.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Increment;
    ///
    /// impl ProducerConsumer for Increment {
    ///     type In = u64;
    ///     type Out = u64;
    ///
    ///     fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
    ///         out.update(events, |n| *n += 1);
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let numbers = from_enumerable(0..3_u64).start(StageOptions::new())?;
    /// let increment = Increment.start(StageOptions::new().subscribe_to(&numbers, SubscriptionOptions::new()))?;
    /// let events: Result<Vec<u64>, _> = stream(&increment, SubscriptionOptions::new())?.collect();
    /// assert_eq!(events?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn update(&mut self, events: Events<'_, T>, mut change: impl FnMut(&mut T)) {
        let before = self.events.len();
        self.append(events);
        // In eights, as the compiler does not always unroll a loop over memory that is read and written.
        let mut eights = self.events[before..].chunks_exact_mut(8);
        eights.by_ref().for_each(|eight| eight.iter_mut().for_each(&mut change));
        eights.into_remainder().iter_mut().for_each(change);
    }

    /// How many events this callback has emitted so far.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has emitted none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl<T> Extend<T> for Emit<T> {
    #[inline]
    fn extend<I: IntoIterator<Item = T>>(&mut self, events: I) {
        let events = events.into_iter();
        if events.size_hint().1.is_some_and(|most| most <= PART) {
            self.events.extend(events);
        } else {
            self.extend_by_parts(events);
        }
    }
}

//! Where a callback puts the events it emits.

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

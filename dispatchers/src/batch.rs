//! Events that are handed over together.

use std::{fmt, mem, slice, sync::Arc, vec};

/// The events of one message: owned by one consumer, or shared by several.
///
/// A batch is made from a vector without copying. [`Batch::share`] turns it into one that several consumers hold;
/// reading it through [`Batch::as_slice`] never copies, and taking events out of it by value clones them only while
/// somebody else still holds the batch. The last holder gets the events themselves.
///
/// A `Batch<T>` can be sent to another thread whenever `T` can: only `share` asks for more of `T`.
///
/// Specification: section 6.1 (`events`); sharing is ours.
///
/// ```
/// use genstage_dispatchers::Batch;
///
/// let mut first = Batch::from(vec!["a".to_string(), "b".to_string()]);
/// let second = first.share();
/// assert_eq!(first, second);
/// assert_eq!(first.into_vec(), ["a", "b"]); // clones: `second` still needs them
/// assert_eq!(second.into_vec(), ["a", "b"]); // the last holder: moves
/// ```
pub struct Batch<T>(Inner<T>);

enum Inner<T> {
    Owned(Vec<T>),
    Shared(Arc<Shared<T>>),
    /// Shared, and this holder has taken its events: it keeps the handle so that the last one can return the buffer.
    Spent(Arc<Shared<T>>),
}

/// What is known about a shared batch's events when it is made, so that nothing else needs `T: Clone + Sync`.
pub(crate) type Shared<T> = dyn Common<T> + Send + Sync;

pub(crate) trait Common<T> {
    fn events(&self) -> &[T];
    fn take(&mut self) -> Vec<T>;
    fn clone_into(&self, events: &[T], into: &mut Vec<T>);
    fn cloner(&self) -> fn(&T) -> T;
}

struct Events<T>(Vec<T>);

impl<T: Clone> Common<T> for Events<T> {
    fn events(&self) -> &[T] {
        &self.0
    }

    fn take(&mut self) -> Vec<T> {
        mem::take(&mut self.0)
    }

    fn clone_into(&self, events: &[T], into: &mut Vec<T>) {
        into.extend_from_slice(events);
    }

    fn cloner(&self) -> fn(&T) -> T {
        T::clone
    }
}

/// A batch opened for taking events out of it by value.
pub(crate) enum Opened<'a, T> {
    Moved(vec::Drain<'a, T>),
    Cloned(slice::Iter<'a, T>, fn(&T) -> T, &'a Shared<T>),
}

impl<T> Batch<T> {
    /// A batch without events. Allocates nothing.
    pub const fn new() -> Self {
        Self(Inner::Owned(Vec::new()))
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The events. Never copies.
    pub fn as_slice(&self) -> &[T] {
        match &self.0 {
            Inner::Owned(events) => events,
            Inner::Shared(common) => common.events(),
            Inner::Spent(_) => &[],
        }
    }

    /// The events by reference. Never copies.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// A further handle on the same events; the batch becomes a shared one.
    ///
    /// The first call allocates a small header (an `Arc`), the others count up only. The events stay where they are.
    pub fn share(&mut self) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        if let Inner::Owned(events) = &mut self.0 {
            self.0 = Inner::Shared(Arc::new(Events(mem::take(events))));
        }
        match &self.0 {
            Inner::Shared(common) => Self(Inner::Shared(Arc::clone(common))),
            Inner::Owned(_) | Inner::Spent(_) => Self::new(),
        }
    }

    /// The events as a vector: the batch's own, unless other holders are left, for whom they are cloned.
    ///
    /// ```
    /// let batch = genstage_dispatchers::Batch::from(vec![1, 2]);
    /// assert_eq!(batch.into_vec(), [1, 2]);
    /// ```
    pub fn into_vec(mut self) -> Vec<T> {
        self.take_vec()
    }

    /// The emptied allocation, to be filled again: `None` while other holders are left.
    ///
    /// ```
    /// use genstage_dispatchers::Batch;
    ///
    /// let mut first = Batch::from(vec![1, 2, 3]);
    /// let second = first.share();
    /// assert!(first.into_buffer().is_none());
    /// let buffer = second.into_buffer().unwrap();
    /// assert!(buffer.is_empty() && buffer.capacity() >= 3);
    /// ```
    pub fn into_buffer(mut self) -> Option<Vec<T>> {
        self.claim();
        match self.0 {
            Inner::Owned(mut events) => {
                events.clear();
                Some(events)
            }
            Inner::Shared(_) | Inner::Spent(_) => None,
        }
    }

    /// Opens the batch to take it in pieces; afterwards it is empty, whatever was not taken is dropped with it.
    ///
    /// Each event is moved once (cloned while others hold the batch), however many pieces there are.
    ///
    /// ```
    /// let mut batch = genstage_dispatchers::Batch::from(vec![1, 2, 3]);
    /// let mut cut = batch.cut();
    /// let mut piece = Vec::new();
    /// assert_eq!(cut.next_piece(2, &mut piece), 2);
    /// assert_eq!(piece, [1, 2]);
    /// piece.clear();
    /// assert_eq!(cut.next_piece(2, &mut piece), 1);
    /// assert_eq!(piece, [3]);
    /// ```
    pub fn cut(&mut self) -> Cut<'_, T> {
        Cut(self.open())
    }

    pub(crate) fn take_vec(&mut self) -> Vec<T> {
        self.claim();
        if let Inner::Owned(events) = &mut self.0 {
            return mem::take(events);
        }
        let mut events = Vec::new();
        self.cut().next_piece(usize::MAX, &mut events);
        events
    }

    #[inline]
    pub(crate) fn open(&mut self) -> Opened<'_, T> {
        self.claim();
        let mut spent = false;
        if let Inner::Shared(_) | Inner::Spent(_) = self.0 {
            spent = self.spend();
        }
        match &mut self.0 {
            Inner::Owned(events) => Opened::Moved(events.drain(..)),
            Inner::Shared(common) | Inner::Spent(common) => {
                let events = if spent { &[] } else { common.events() };
                Opened::Cloned(events.iter(), common.cloner(), &**common)
            }
        }
    }

    /// Marks a shared batch as taken, and says whether it was already.
    fn spend(&mut self) -> bool {
        let before = mem::replace(&mut self.0, Inner::Owned(Vec::new()));
        let spent = matches!(before, Inner::Spent(_));
        self.0 = match before {
            Inner::Shared(common) => Inner::Spent(common),
            Inner::Owned(_) | Inner::Spent(_) => before,
        };
        spent
    }

    /// The last holder of a shared batch becomes its owner.
    fn claim(&mut self) {
        let (common, spent) = match &mut self.0 {
            Inner::Owned(_) => return,
            Inner::Shared(common) => (common, false),
            Inner::Spent(common) => (common, true),
        };
        if let Some(last) = Arc::get_mut(common) {
            let mut events = last.take();
            if spent {
                events.clear();
            }
            self.0 = Inner::Owned(events);
        }
    }
}

/// A [`Batch`] that is being taken in pieces, made by [`Batch::cut`].
pub struct Cut<'a, T>(Opened<'a, T>);

impl<T> Cut<'_, T> {
    /// Appends the next `n` events, or as many as are left, to `into`, and says how many they were.
    pub fn next_piece(&mut self, n: usize, into: &mut Vec<T>) -> usize {
        match &mut self.0 {
            Opened::Moved(events) => {
                let count = n.min(events.len());
                into.extend(events.by_ref().take(count));
                count
            }
            Opened::Cloned(events, _, common) => {
                let (piece, rest) = events.as_slice().split_at(n.min(events.len()));
                *events = rest.iter();
                common.clone_into(piece, into);
                piece.len()
            }
        }
    }

    /// How many events have not been taken yet.
    pub fn remaining(&self) -> usize {
        match &self.0 {
            Opened::Moved(events) => events.len(),
            Opened::Cloned(events, ..) => events.len(),
        }
    }
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Vec<T>> for Batch<T> {
    /// Owns the vector. Copies nothing.
    fn from(events: Vec<T>) -> Self {
        Self(Inner::Owned(events))
    }
}

impl<T> FromIterator<T> for Batch<T> {
    fn from_iter<I: IntoIterator<Item = T>>(events: I) -> Self {
        Self::from(events.into_iter().collect::<Vec<T>>())
    }
}

impl<'a, T> IntoIterator for &'a Batch<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Two batches are equal when their events are, however they are held.
impl<T: PartialEq> PartialEq for Batch<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq> Eq for Batch<T> {}

impl<T: fmt::Debug> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T> fmt::Debug for Cut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut").field("remaining", &self.remaining()).finish()
    }
}

#[cfg(test)]
mod tests;

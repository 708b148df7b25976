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
///
/// It is one pointer: what passes through several hands, and through an inbox, is cheap to pass on. Emptied with
/// [`Batch::into_empty`], it is used again, box, allocation and all.
pub struct Batch<T>(Option<Box<Inner<T>>>);

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
        Self(None)
    }

    /// How many events there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are no events.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// How many events fit without a new allocation; 0 for a shared batch.
    pub fn capacity(&self) -> usize {
        match self.0.as_deref() {
            Some(Inner::Owned(events)) => events.capacity(),
            _ => 0,
        }
    }

    /// The events. Never copies.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        match self.0.as_deref() {
            Some(Inner::Owned(events)) => events,
            Some(Inner::Shared(common)) => common.events(),
            Some(Inner::Spent(_)) | None => &[],
        }
    }

    /// The events by reference. Never copies.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// A further handle on the same events; the batch becomes a shared one.
    ///
    /// The first call allocates a small header (an `Arc`), each a handle. The events stay where they are.
    pub fn share(&mut self) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        let Some(inner) = self.0.as_deref_mut() else { return Self::new() };
        if let Inner::Owned(events) = inner {
            *inner = Inner::Shared(Arc::new(Events(mem::take(events))));
        }
        match inner {
            Inner::Shared(common) => Self(Some(Box::new(Inner::Shared(Arc::clone(common))))),
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

    /// The emptied batch with its allocation, to be filled again: `None` while other holders are left.
    ///
    /// ```
    /// use genstage_dispatchers::Batch;
    ///
    /// let mut first = Batch::from(vec![1, 2, 3]);
    /// let second = first.share();
    /// assert!(first.into_empty().is_none());
    /// let empty = second.into_empty().unwrap();
    /// assert!(empty.is_empty() && empty.capacity() >= 3);
    /// ```
    #[inline]
    pub fn into_empty(mut self) -> Option<Self> {
        self.claim();
        match self.0.as_deref_mut() {
            Some(Inner::Owned(events)) => events.clear(),
            Some(Inner::Shared(_) | Inner::Spent(_)) => return None,
            None => {}
        }
        Some(self)
    }

    /// Opens the batch to take it in pieces; afterwards it is empty, whatever was not taken is dropped with it.
    ///
    /// Each event is moved once (cloned while others hold the batch), however many pieces there are.
    ///
    /// ```
    /// use genstage_dispatchers::Batch;
    ///
    /// let mut batch = Batch::from(vec![1, 2, 3]);
    /// let mut cut = batch.cut();
    /// let mut piece = Batch::new();
    /// assert_eq!(cut.next_piece(2, &mut piece), 2);
    /// assert_eq!(piece.as_slice(), [1, 2]);
    /// assert_eq!(cut.next_piece(2, &mut piece), 1);
    /// assert_eq!(piece.as_slice(), [1, 2, 3]);
    /// ```
    pub fn cut(&mut self) -> Cut<'_, T> {
        Cut(self.open())
    }

    /// Exchanges the events of an owned batch with those of a vector; a shared one becomes an owned one, and its events are let go.
    /// Copies nothing.
    ///
    /// ```
    /// let mut batch = genstage_dispatchers::Batch::from(vec![1, 2]);
    /// let mut events = vec![3];
    /// batch.swap(&mut events);
    /// assert_eq!((batch.as_slice(), events), (&[3][..], vec![1, 2]));
    /// ```
    #[inline]
    pub fn swap(&mut self, events: &mut Vec<T>) {
        match self.0.as_deref_mut() {
            Some(Inner::Owned(own)) => mem::swap(own, events),
            _ => *self = Self::from(mem::take(events)),
        }
    }

    pub(crate) fn take_vec(&mut self) -> Vec<T> {
        self.claim();
        match self.0.as_deref_mut() {
            Some(Inner::Owned(events)) => mem::take(events),
            Some(Inner::Shared(_) | Inner::Spent(_)) => {
                let mut events = Vec::new();
                self.cut().append(usize::MAX, &mut events);
                events
            }
            None => Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn open(&mut self) -> Opened<'_, T> {
        self.claim();
        let inner = self.0.get_or_insert_with(|| Box::new(Inner::Owned(Vec::new())));
        let spent = inner.spend();
        match &mut **inner {
            Inner::Owned(events) => Opened::Moved(events.drain(..)),
            Inner::Shared(common) | Inner::Spent(common) => {
                let events = if spent { &[] } else { common.events() };
                Opened::Cloned(events.iter(), common.cloner(), &**common)
            }
        }
    }

    /// The last holder of a shared batch becomes its owner.
    #[inline]
    fn claim(&mut self) {
        if let Some(inner) = self.0.as_deref_mut()
            && !matches!(inner, Inner::Owned(_))
        {
            inner.claim();
        }
    }
}

impl<T> Inner<T> {
    /// Marks a shared batch as taken, and says whether it was already.
    #[inline]
    fn spend(&mut self) -> bool {
        match self {
            Self::Owned(_) => false,
            Self::Spent(_) => true,
            Self::Shared(common) => {
                *self = Self::Spent(Arc::clone(common));
                false
            }
        }
    }

    fn claim(&mut self) {
        let (common, spent) = match self {
            Self::Owned(_) => return,
            Self::Shared(common) => (common, false),
            Self::Spent(common) => (common, true),
        };
        if let Some(last) = Arc::get_mut(common) {
            let mut events = last.take();
            if spent {
                events.clear();
            }
            *self = Self::Owned(events);
        }
    }
}

/// A [`Batch`] that is being taken in pieces, made by [`Batch::cut`].
pub struct Cut<'a, T>(Opened<'a, T>);

impl<T> Cut<'_, T> {
    /// Appends the next `n` events, or as many as are left, to an owned batch, and says how many they were.
    pub fn next_piece(&mut self, n: usize, into: &mut Batch<T>) -> usize {
        let mut events = into.take_vec();
        let count = self.append(n, &mut events);
        into.swap(&mut events);
        count
    }

    fn append(&mut self, n: usize, into: &mut Vec<T>) -> usize {
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
        Self(Some(Box::new(Inner::Owned(events))))
    }
}

/// Adds events to an owned batch. A shared one becomes its own copy first.
impl<T> Extend<T> for Batch<T> {
    #[inline]
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        let mut events = self.take_vec();
        events.extend(more);
        self.swap(&mut events);
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

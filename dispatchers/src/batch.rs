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

struct Inner<T> {
    events: Held<T>,
    /// Emptied batches that travel with this one, and how many they are with it: see [`Empties`](crate::Empties).
    below: Batch<T>,
    travelling: usize,
}

enum Held<T> {
    /// With what made it a shared one, if it ever was: to be used again the next time.
    Owned(Vec<T>, Option<Arc<Shared<T>>>),
    Shared(Arc<Shared<T>>),
    /// Shared, and this holder has taken its events: it keeps the handle so that the last one can return the buffer.
    Spent(Arc<Shared<T>>),
}

/// What is known about a shared batch's events when it is made, so that nothing else needs `T: Clone + Sync`.
pub(crate) type Shared<T> = dyn Common<T> + Send + Sync;

pub(crate) trait Common<T> {
    fn events(&self) -> &[T];
    fn put(&mut self, events: Vec<T>);
    fn take(&mut self) -> Vec<T>;
    fn clone_into(&self, events: &[T], into: &mut Vec<T>);
    fn cloner(&self) -> fn(&T) -> T;
}

struct Events<T>(Vec<T>);

impl<T: Clone> Common<T> for Events<T> {
    fn events(&self) -> &[T] {
        &self.0
    }

    fn put(&mut self, events: Vec<T>) {
        self.0 = events;
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
        match self.held() {
            Some(Held::Owned(events, _)) => events.capacity(),
            _ => 0,
        }
    }

    /// The events. Never copies.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        match self.held() {
            Some(Held::Owned(events, _)) => events,
            Some(Held::Shared(common)) => common.events(),
            Some(Held::Spent(_)) | None => &[],
        }
    }

    /// The events by reference. Never copies.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// A further handle on the same events; the batch becomes a shared one.
    ///
    /// The first call allocates a small header (an `Arc`), each a handle. The events stay where they are. Emptied, both are used
    /// again: see [`Deliveries::share`](crate::Deliveries::share).
    pub fn share(&mut self) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        self.share_in(Self::new())
    }

    /// The same, with an emptied batch that is made the handle.
    #[inline]
    pub(crate) fn share_in(&mut self, mut husk: Self) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        let Some(inner) = self.0.as_deref_mut() else { return Self::new() };
        let Some(handle) = inner.events.share() else { return Self::new() };
        match husk.0.as_deref_mut() {
            Some(inner) => inner.events = handle,
            None => husk = Self::holding(handle),
        }
        husk
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
        match self.held_mut() {
            Some(Held::Owned(events, _)) => events.clear(),
            Some(Held::Shared(_) | Held::Spent(_)) => return None,
            None => {}
        }
        Some(self)
    }

    /// Lets go of the events: the last holder drops them. What memory is left to this one, if only for a handle, stays, to be used
    /// again.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.claim();
        match self.held_mut() {
            Some(Held::Owned(events, _)) => events.clear(),
            Some(shared) => *shared = Held::Owned(Vec::new(), None),
            None => {}
        }
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
        match self.held_mut() {
            Some(Held::Owned(own, _)) => mem::swap(own, events),
            _ => *self = Self::from(mem::take(events)),
        }
    }

    /// Whether nobody else holds the events.
    #[inline]
    pub(crate) fn is_owned(&mut self) -> bool {
        self.claim();
        matches!(self.held(), Some(Held::Owned(..)))
    }

    pub(crate) fn take_vec(&mut self) -> Vec<T> {
        self.claim();
        match self.held_mut() {
            Some(Held::Owned(events, _)) => mem::take(events),
            Some(Held::Shared(_) | Held::Spent(_)) => {
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
        let inner = self.0.get_or_insert_with(|| Box::new(Inner::new(Held::Owned(Vec::new(), None))));
        let spent = inner.events.spend();
        match &mut inner.events {
            Held::Owned(events, _) => Opened::Moved(events.drain(..)),
            Held::Shared(common) | Held::Spent(common) => {
                let events = if spent { &[] } else { common.events() };
                Opened::Cloned(events.iter(), common.cloner(), &**common)
            }
        }
    }

    /// Whether there is memory to be used again, if only that of a handle.
    #[inline]
    pub(crate) fn is_something(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn travelling(&self) -> usize {
        self.0.as_deref().map_or(0, |inner| inner.travelling)
    }

    /// Puts others below this one, to travel with it.
    #[inline]
    pub(crate) fn put_on(&mut self, others: Self) {
        if let Some(inner) = self.0.as_deref_mut() {
            inner.travelling = 1 + others.travelling();
            inner.below = others;
        }
    }

    /// Takes the place of nothing. There is nothing to drop, so no call is made for it: this is on the way of each batch.
    #[inline]
    pub(crate) fn fill(&mut self, batch: Self) {
        mem::forget(mem::replace(self, batch));
    }

    /// The others.
    #[inline]
    pub(crate) fn take_off(&mut self) -> Self {
        let Some(inner) = self.0.as_deref_mut() else { return Self::new() };
        inner.travelling = 1;
        mem::take(&mut inner.below)
    }

    #[inline]
    fn holding(events: Held<T>) -> Self {
        Self(Some(Box::new(Inner::new(events))))
    }

    #[inline]
    fn held(&self) -> Option<&Held<T>> {
        self.0.as_deref().map(|inner| &inner.events)
    }

    #[inline]
    fn held_mut(&mut self) -> Option<&mut Held<T>> {
        self.0.as_deref_mut().map(|inner| &mut inner.events)
    }

    /// The last holder of a shared batch becomes its owner.
    #[inline]
    fn claim(&mut self) {
        if let Some(held) = self.held_mut()
            && !matches!(held, Held::Owned(..))
        {
            held.claim();
        }
    }
}

impl<T> Inner<T> {
    #[inline]
    const fn new(events: Held<T>) -> Self {
        Self { events, below: Batch::new(), travelling: 1 }
    }
}

impl<T> Held<T> {
    /// A further handle, unless the events have been taken.
    #[inline]
    fn share(&mut self) -> Option<Self>
    where
        T: Clone + Send + Sync + 'static,
    {
        if let Self::Owned(events, header) = self {
            *self = Self::Shared(shared(mem::take(events), header.take()));
        }
        match self {
            Self::Shared(common) => Some(Self::Shared(Arc::clone(common))),
            Self::Owned(..) | Self::Spent(_) => None,
        }
    }

    /// Marks a shared batch as taken, and says whether it was already.
    #[inline]
    fn spend(&mut self) -> bool {
        match self {
            Self::Owned(..) => false,
            Self::Spent(_) => true,
            Self::Shared(common) => {
                *self = Self::Spent(Arc::clone(common));
                false
            }
        }
    }

    fn claim(&mut self) {
        // One look is cheaper than to try; whoever is the last sees that it is.
        if let Self::Shared(common) | Self::Spent(common) = self
            && Arc::strong_count(common) > 1
        {
            return;
        }
        let (mut common, spent) = match mem::replace(self, Self::Owned(Vec::new(), None)) {
            Self::Shared(common) => (common, false),
            Self::Spent(common) => (common, true),
            owned @ Self::Owned(..) => {
                *self = owned;
                return;
            }
        };
        *self = match Arc::get_mut(&mut common) {
            Some(last) => {
                let mut events = last.take();
                if spent {
                    events.clear();
                }
                Self::Owned(events, Some(common))
            }
            None if spent => Self::Spent(common),
            None => Self::Shared(common),
        };
    }
}

/// Puts events where several can hold them: in the header of an earlier batch, which nobody else holds, if there is one.
#[inline]
fn shared<T: Clone + Send + Sync + 'static>(events: Vec<T>, header: Option<Arc<Shared<T>>>) -> Arc<Shared<T>> {
    if let Some(mut header) = header
        && let Some(common) = Arc::get_mut(&mut header)
    {
        common.put(events);
        return header;
    }
    Arc::new(Events(events))
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
        Self::holding(Held::Owned(events, None))
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

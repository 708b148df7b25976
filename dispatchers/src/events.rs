//! A batch as a callback sees it.

use std::{fmt, iter::FusedIterator, slice, vec};

use crate::batch::{Batch, Opened};

/// The events lent to a callback.
///
/// Read them by reference (`for event in &events`), which never copies, or take them by value (`for event in events`,
/// [`Events::into_vec`]). Taking from a shared batch clones event by event, and only while another consumer still
/// holds it. What the callback leaves is dropped with the batch. Iterating by value leaves the allocation to the
/// stage, which sends it back upstream to be filled again: prefer it to `into_vec`.
///
/// Specification: section 2 (`handle_events`); sharing is ours.
///
/// ```
/// use genstage_dispatchers::{Batch, Events};
///
/// fn handle_events(events: Events<'_, u64>) -> u64 {
///     events.into_iter().sum()
/// }
///
/// let mut batch = Batch::from(vec![1, 2, 3]);
/// assert_eq!(handle_events(Events::new(&mut batch)), 6);
/// assert!(batch.into_empty().unwrap().capacity() >= 3);
/// ```
pub struct Events<'a, T>(&'a mut Batch<T>);

impl<'a, T> Events<'a, T> {
    /// Lends a batch. Stages do this; a test of a callback does it by hand.
    pub const fn new(batch: &'a mut Batch<T>) -> Self {
        Self(batch)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no events. A stage never hands over an empty batch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The events. Never copies.
    pub fn as_slice(&self) -> &[T] {
        self.0.as_slice()
    }

    /// The events by reference. Never copies.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The events as a vector: the batch's own with its allocation, or clones while others hold the batch.
    ///
    /// ```
    /// use genstage_dispatchers::{Batch, Events};
    ///
    /// let mut batch = Batch::from(vec!['a', 'b']);
    /// assert_eq!(Events::new(&mut batch).into_vec(), ['a', 'b']);
    /// assert!(batch.is_empty());
    /// ```
    pub fn into_vec(self) -> Vec<T> {
        self.0.take_vec()
    }

    /// Appends the events. Where the vector is empty and nobody else holds the batch, the two are exchanged, and nothing is moved;
    /// else each event is moved, or cloned while others hold the batch.
    ///
    /// ```
    /// use genstage_dispatchers::{Batch, Events};
    ///
    /// let mut batch = Batch::from(vec![1, 2]);
    /// let mut out = Vec::new();
    /// Events::new(&mut batch).append_to(&mut out);
    /// assert_eq!(out, [1, 2]);
    /// Events::new(&mut Batch::from(vec![3])).append_to(&mut out);
    /// assert_eq!(out, [1, 2, 3]);
    /// ```
    #[inline]
    pub fn append_to(self, out: &mut Vec<T>) {
        if out.is_empty() && self.0.is_owned() {
            self.0.swap(out);
        } else {
            self.map_into(out, |event| event);
        }
    }

    /// Appends what `map` makes of each event. The fastest way from one type of event to another: the compiler sees that all are
    /// of a known number, so that light maps become vector instructions.
    ///
    /// ```
    /// use genstage_dispatchers::{Batch, Events};
    ///
    /// let mut batch = Batch::from(vec![1, 2]);
    /// let mut out = vec![0];
    /// Events::new(&mut batch).map_into(&mut out, |n| n * 10);
    /// assert_eq!(out, [0, 10, 20]);
    /// ```
    #[inline]
    pub fn map_into<U>(self, out: &mut impl Extend<U>, mut map: impl FnMut(T) -> U) {
        match self.0.open() {
            Opened::Moved(events) => out.extend(events.map(map)),
            Opened::Cloned(events, clone, _) => out.extend(events.map(|event| map(clone(event)))),
        }
    }
}

impl<'a, T> IntoIterator for Events<'a, T> {
    type Item = T;
    type IntoIter = IntoIter<'a, T>;

    #[inline]
    fn into_iter(self) -> IntoIter<'a, T> {
        match self.0.open() {
            Opened::Moved(events) => IntoIter { moved: Some(events), cloned: [].iter(), clone: None },
            Opened::Cloned(events, clone, _) => IntoIter { moved: None, cloned: events, clone: Some(clone) },
        }
    }
}

impl<'a, T> IntoIterator for &'a Events<'_, T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Events<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// Takes [`Events`] by value: moves them out of an owned batch, clones them out of a shared one as it goes.
///
/// As fast as `vec::Drain` for an owned batch.
pub struct IntoIter<'a, T> {
    // Either events to move, or events to clone and how. Flat fields rather than one enum: an enum's tag is looked at
    // for every event, which made a `for` loop two to three times slower than one over the drain when measured.
    moved: Option<vec::Drain<'a, T>>,
    cloned: slice::Iter<'a, T>,
    clone: Option<fn(&T) -> T>,
}

impl<T> IntoIter<'_, T> {
    fn as_slice(&self) -> &[T] {
        match &self.moved {
            Some(events) => events.as_slice(),
            None => self.cloned.as_slice(),
        }
    }
}

impl<T> Iterator for IntoIter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if let Some(events) = &mut self.moved
            && let Some(event) = events.next()
        {
            return Some(event);
        }
        let clone = self.clone?;
        self.cloned.next().map(clone)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.as_slice().len();
        (left, Some(left))
    }

    fn nth(&mut self, n: usize) -> Option<T> {
        if let Some(events) = &mut self.moved {
            return events.nth(n);
        }
        let clone = self.clone?;
        // Skipped events are not cloned.
        self.cloned.nth(n).map(clone)
    }

    fn fold<B, F: FnMut(B, T) -> B>(self, init: B, mut f: F) -> B {
        match (self.moved, self.clone) {
            (Some(events), _) => events.fold(init, f),
            (None, Some(clone)) => self.cloned.fold(init, |acc, event| f(acc, clone(event))),
            (None, None) => init,
        }
    }
}

impl<T> DoubleEndedIterator for IntoIter<'_, T> {
    fn next_back(&mut self) -> Option<T> {
        if let Some(events) = &mut self.moved
            && let Some(event) = events.next_back()
        {
            return Some(event);
        }
        let clone = self.clone?;
        self.cloned.next_back().map(clone)
    }

    fn rfold<B, F: FnMut(B, T) -> B>(self, init: B, mut f: F) -> B {
        match (self.moved, self.clone) {
            (Some(events), _) => events.rfold(init, f),
            (None, Some(clone)) => self.cloned.rfold(init, |acc, event| f(acc, clone(event))),
            (None, None) => init,
        }
    }
}

impl<T> ExactSizeIterator for IntoIter<'_, T> {}

impl<T> FusedIterator for IntoIter<'_, T> {}

impl<T: fmt::Debug> fmt::Debug for IntoIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> (Batch<u32>, Batch<u32>) {
        let mut first = Batch::from(vec![1, 2, 3, 4]);
        let second = first.share();
        (first, second)
    }

    #[test]
    fn owned_and_shared_batches_iterate_alike() {
        let (mut cloned, kept) = shared();
        let mut moved = Batch::from(vec![1, 2, 3, 4]);
        for batch in [&mut cloned, &mut moved] {
            let mut events = Events::new(batch).into_iter();
            assert_eq!(events.len(), 4);
            assert_eq!((events.next(), events.next_back()), (Some(1), Some(4)));
            assert_eq!(format!("{events:?}"), "[2, 3]");
            assert_eq!(events.nth(1), Some(3));
            assert_eq!((events.next(), events.len()), (None, 0));
        }
        assert_eq!(kept.as_slice(), [1, 2, 3, 4]);
    }

    #[test]
    fn folds_from_both_ends() {
        let (mut cloned, _kept) = shared();
        assert_eq!(Events::new(&mut cloned).into_iter().fold(0, |acc, n| acc * 10 + n), 1234);
        let (mut cloned, _kept) = shared();
        assert_eq!(Events::new(&mut cloned).into_iter().rfold(0, |acc, n| acc * 10 + n), 4321);
        let mut moved = Batch::from(vec![1, 2, 3, 4]);
        assert_eq!(Events::new(&mut moved).into_iter().rfold(0, |acc, n| acc * 10 + n), 4321);
    }

    #[test]
    fn iterating_by_value_leaves_the_allocation() {
        let mut batch = Batch::from(vec![1, 2, 3]);
        let place = batch.as_slice().as_ptr();
        // Whatever is not taken is dropped.
        assert_eq!(Events::new(&mut batch).into_iter().next(), Some(1));
        assert!(batch.is_empty());
        let buffer = batch.into_empty().unwrap();
        assert_eq!(buffer.as_slice().as_ptr(), place);
    }

    #[test]
    fn reading_leaves_the_events_and_into_vec_takes_them() {
        let (mut batch, kept) = shared();
        let events = Events::new(&mut batch);
        assert_eq!((&events).into_iter().sum::<u32>(), 10);
        assert_eq!((events.len(), events.is_empty()), (4, false));
        assert_eq!(format!("{events:?}"), "[1, 2, 3, 4]");
        assert_eq!(events.into_vec(), [1, 2, 3, 4]);
        assert_eq!((batch.len(), kept.len()), (0, 4));
    }
}

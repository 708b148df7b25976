//! Emptied batches on their way back.

use std::fmt;

use crate::Batch;

/// More do not travel together: the rest is memory that nobody waits for. Beside one ask, some five come back from a
/// dispatcher that sorts.
const MOST: usize = 16;

/// Emptied batches that go back to who fills them: to a producer with an ask, and there into
/// [`Deliveries::recycle_all`](crate::Deliveries::recycle_all).
///
/// They hang on each other, so that all of them are one pointer in a message, and to collect them allocates nothing.
///
/// ```
/// use genstage_dispatchers::{Batch, Deliveries, Empties};
///
/// let mut empties = Empties::new();
/// empties.push(Batch::from(vec![1, 2, 3]));
/// empties.push(Batch::from(vec![4]));
/// assert_eq!(empties.len(), 2);
///
/// let mut out = Deliveries::new();
/// out.recycle_all(empties);
/// assert!(out.spare().capacity() >= 3);
/// ```
pub struct Empties<T>(Batch<T>);

impl<T> Empties<T> {
    /// None. Allocates nothing.
    pub const fn new() -> Self {
        Self(Batch::new())
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.travelling()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one; events left in it are dropped, unless others hold it too. Of those beyond sixteen the memory is freed.
    #[inline]
    pub fn push(&mut self, mut batch: Batch<T>) {
        batch.clear();
        if self.0.is_something() {
            self.push_on(batch);
        } else {
            self.0.fill(batch);
        }
    }

    fn push_on(&mut self, mut batch: Batch<T>) {
        if batch.is_something() && self.len() < MOST {
            batch.put_on(std::mem::take(&mut self.0));
            self.0 = batch;
        }
    }

    /// The one that was added last.
    #[inline]
    pub fn pop(&mut self) -> Option<Batch<T>> {
        if !self.0.is_something() {
            return None;
        }
        let mut top = std::mem::take(&mut self.0);
        self.0.fill(top.take_off());
        Some(top)
    }
}

impl<T> From<Batch<T>> for Empties<T> {
    fn from(batch: Batch<T>) -> Self {
        let mut empties = Self::new();
        empties.push(batch);
        empties
    }
}

impl<T> Default for Empties<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Empties<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Empties").field(&self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_one_pointer() {
        assert_eq!(size_of::<Empties<u64>>(), size_of::<usize>());
    }

    #[test]
    fn the_last_comes_first_and_each_with_its_own_memory() {
        let mut empties = Empties::new();
        let places = [vec![1], vec![2, 3]].map(|events| {
            let place = events.as_ptr();
            empties.push(events.into());
            place
        });
        empties.push(Batch::new());
        assert_eq!(empties.len(), 2);
        for place in places.into_iter().rev() {
            let mut batch = empties.pop().unwrap();
            assert_eq!((batch.len(), batch.as_slice().as_ptr(), batch.travelling()), (0, place, 1));
            batch.extend([7]);
            assert_eq!(batch.as_slice(), [7]);
        }
        assert!(empties.pop().is_none());
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut empties = Empties::new();
        for event in 0..100 {
            empties.push(vec![event].into());
        }
        assert_eq!(empties.len(), MOST);
        assert_eq!(std::iter::from_fn(|| empties.pop()).count(), MOST);
        assert!(empties.is_empty());
    }

    #[test]
    fn a_shared_one_is_let_go_and_its_last_holder_drops_the_events() {
        let event = std::sync::Arc::new(());
        let mut first = Batch::from(vec![event.clone()]);
        let second = first.share();
        let mut empties = Empties::new();
        empties.push(first);
        assert_eq!((second.len(), std::sync::Arc::strong_count(&event)), (1, 2));
        empties.push(second);
        assert_eq!((empties.len(), std::sync::Arc::strong_count(&event)), (2, 1));
    }
}

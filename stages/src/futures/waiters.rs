//! Who waits for something that is shared, in the order in which they came.

use std::collections::BTreeMap;
use std::task::Waker;

/// The wakers of those who wait, each in a place of its own. All are woken at once, as what has come may do for several.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

/// The place of one who waits, which it keeps until it leaves: who waits for longest is woken first.
#[derive(Default)]
pub(super) struct Place(Option<u64>);

impl Place {
    pub(super) fn is_waiting(&self) -> bool {
        self.0.is_some()
    }
}

impl Waiters {
    /// Has this one woken. Gives the waker that was in the place before: it is the user's, and not to be dropped under a lock.
    #[must_use]
    pub(super) fn wait(&mut self, place: &mut Place, waker: Waker) -> Option<Waker> {
        let number = *place.0.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.waiting.insert(number, waker)
    }

    /// It waits no longer. Gives its waker, likewise.
    #[must_use]
    pub(super) fn leave(&mut self, place: &mut Place) -> Option<Waker> {
        self.waiting.remove(&place.0.take()?)
    }

    /// All of them, to be woken without the lock. They come again if they are to wait on.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.waiting).into_values()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_leaves_leaves_nothing_and_who_comes_again_keeps_its_place() {
        let (mut waiters, mut places) = (Waiters::default(), [(); 3].map(|()| Place::default()));
        let counts = [(); 3].map(|()| Arc::new(Count::default()));
        for (place, count) in places.iter_mut().zip(&counts) {
            assert!(waiters.wait(place, Arc::clone(count).into()).is_none());
        }
        assert!(waiters.leave(&mut places[1]).is_some());
        assert!(waiters.leave(&mut places[1]).is_none());
        assert_eq!(counts.each_ref().map(Arc::strong_count), [2, 1, 2]);
        waiters.take().for_each(Waker::wake);
        assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [1, 0, 1]);
        for at in [2, 1, 0] {
            assert!(waiters.wait(&mut places[at], Arc::clone(&counts[at]).into()).is_none());
        }
        let first = Waker::from(Arc::clone(&counts[0]));
        assert!(waiters.wait(&mut places[0], first.clone()).is_some_and(|before| before.will_wake(&first)));
        let order = [0, 2, 1].map(|at: usize| Waker::from(Arc::clone(&counts[at])));
        assert!(waiters.take().zip(&order).all(|(waker, expected)| waker.will_wake(expected)));
    }
}

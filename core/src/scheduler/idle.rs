//! Which seats sleep, and who is searching.
//!
//! The sleeper: announce (`sleep`), fence, look at all queues once more, park. The waker: push, fence, look for sleepers
//! (`rouse`). One of the two sees the other. A woken seat is counted as searching by its waker, so that a burst of
//! pushes wakes one seat, which wakes the next if it finds more.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};

pub(crate) struct Idle {
    asleep: Mutex<Vec<usize>>,
    count: AtomicUsize,
    searching: AtomicUsize,
    seats: usize,
}

impl Idle {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            asleep: Mutex::new(Vec::with_capacity(seats)),
            count: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            seats,
        }
    }

    /// Whether any seat sleeps. A glance without a fence.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn all(&self) -> bool {
        self.count.load(Ordering::SeqCst) == self.seats
    }

    pub(crate) fn is_anyone_searching(&self) -> bool {
        self.searching.load(Ordering::SeqCst) > 0
    }

    /// A seat found nothing to do and looks around.
    pub(crate) fn start_search(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// It found something. True: it was the last to search, so it should wake another if there is more.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        self.searching.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// A searching seat announces that it goes to sleep. It must look at all queues once more before it does.
    pub(crate) fn sleep(&self, seat: usize) {
        {
            let mut asleep = self.asleep.lock();
            asleep.push(seat);
            self.count.store(asleep.len(), Ordering::SeqCst);
        }
        self.searching.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Whether a seat that announced its sleep has not been roused yet.
    pub(crate) fn is_asleep(&self, seat: usize) -> bool {
        self.asleep.lock().contains(&seat)
    }

    /// A seat that announced its sleep is awake. Had it been roused, its waker has counted it; either way it is searching
    /// again.
    pub(crate) fn stay_awake(&self, seat: usize) {
        let mut asleep = self.asleep.lock();
        if let Some(at) = asleep.iter().position(|sleeper| *sleeper == seat) {
            asleep.swap_remove(at);
            self.count.store(asleep.len(), Ordering::SeqCst);
            self.searching.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A seat to wake for work that was just pushed; it counts as searching from here on.
    pub(crate) fn rouse(&self) -> Option<usize> {
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 || self.searching.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let mut asleep = self.asleep.lock();
        let seat = asleep.pop()?;
        self.count.store(asleep.len(), Ordering::SeqCst);
        self.searching.fetch_add(1, Ordering::SeqCst);
        Some(seat)
    }
}

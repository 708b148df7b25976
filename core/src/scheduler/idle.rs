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

    /// It found something. True: it was the last to search, so it must look for more and wake another for that: who pushed
    /// meanwhile left it to us.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        let last = self.searching.fetch_sub(1, Ordering::SeqCst) == 1;
        fence(Ordering::SeqCst);
        last
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

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::sync::Arc;
    use loom::thread;

    /// The queue: as weak as it can be, so that the fences must do the work.
    type Work = Arc<AtomicUsize>;

    #[test]
    fn the_sleeper_sees_the_work_or_the_waker_sees_the_sleeper() {
        loom::model(|| {
            let (idle, work) = (Arc::new(Idle::new(1)), Work::default());
            idle.start_search();
            let waker = {
                let (idle, work) = (Arc::clone(&idle), Arc::clone(&work));
                thread::spawn(move || {
                    work.store(1, Ordering::Relaxed);
                    idle.rouse()
                })
            };
            idle.sleep(0);
            let found = work.load(Ordering::Relaxed) > 0;
            if found {
                idle.stay_awake(0);
            }
            let roused = waker.join().ok().flatten();
            assert!(found || roused == Some(0));
            assert!(!idle.is_asleep(0));
            assert!(idle.is_anyone_searching());
            assert!(idle.end_search(), "counted once, whoever counted it");
            assert!(!idle.all());
        });
    }

    #[test]
    fn the_last_searcher_wakes_another_for_what_came_meanwhile() {
        loom::model(|| {
            let (idle, work) = (Arc::new(Idle::new(2)), Work::default());
            idle.start_search();
            idle.sleep(1);
            idle.start_search();
            let waker = {
                let (idle, work) = (Arc::clone(&idle), Arc::clone(&work));
                thread::spawn(move || {
                    work.store(1, Ordering::Relaxed);
                    idle.rouse();
                })
            };
            if idle.end_search() && work.load(Ordering::Relaxed) > 0 {
                idle.rouse();
            }
            let joined = waker.join();
            assert!(joined.is_ok());
            assert!(!idle.is_asleep(1), "seat 0 is busy: seat 1 must come");
        });
    }

    #[test]
    fn two_sleepers_and_one_piece_of_work() {
        loom::model(|| {
            let (idle, work) = (Arc::new(Idle::new(2)), Work::default());
            idle.start_search();
            idle.start_search();
            let other = {
                let (idle, work) = (Arc::clone(&idle), Arc::clone(&work));
                thread::spawn(move || {
                    idle.sleep(1);
                    if work.load(Ordering::Relaxed) > 0 {
                        idle.stay_awake(1);
                    }
                })
            };
            let waker = {
                let (idle, work) = (Arc::clone(&idle), Arc::clone(&work));
                thread::spawn(move || {
                    work.store(1, Ordering::Relaxed);
                    idle.rouse();
                })
            };
            idle.sleep(0);
            if work.load(Ordering::Relaxed) > 0 {
                idle.stay_awake(0);
            }
            assert!(other.join().is_ok() && waker.join().is_ok());
            assert!(!(idle.is_asleep(0) && idle.is_asleep(1)), "somebody comes");
        });
    }
}

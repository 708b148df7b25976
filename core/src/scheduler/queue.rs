//! The queues: one for each seat, and one for everybody. Any thread may push to and take from any of them, so a seat that
//! changes hands moves nothing.

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Task;
use crate::sync::Latch;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// A longer backlog goes to the injector, where idle seats find it, at a higher price. Measured with `supervisor`, whose thousand
/// children want to run at once: 256, which is usual elsewhere, costs a tenth more; 4096 gains nothing.
pub(crate) const CAPACITY: usize = 1024;

/// A seat's queue, first in, first out, and whether the seat's thread sleeps: under one lock, so that no push is lost. Who
/// pushes may just have lost the seat, and its new thread may be about to sleep.
///
/// First in, first out, because then a stage finds both what it was sent and what it was asked for when its turn comes. A slot
/// that jumps the queue runs it once for each.
pub(crate) struct Queue {
    state: Latch<State>,
    /// The length, as a glance; written under the lock.
    len: AtomicUsize,
}

struct State {
    tasks: Ring,
    asleep: bool,
}

/// A queue that does not grow: what a push cannot take stays with who pushes.
struct Ring {
    slots: Box<[Option<Task>]>,
    first: usize,
    len: usize,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        let capacity = if capacity == 0 { 0 } else { capacity.next_power_of_two() };
        Self { slots: (0..capacity).map(|_| None).collect(), first: 0, len: 0 }
    }

    /// There is a power of two of slots, or none, and then no slot is found.
    #[inline]
    fn wrapped(&self, at: usize) -> usize {
        at & self.slots.len().wrapping_sub(1)
    }

    #[inline]
    fn push(&mut self, task: Task) -> Result<usize, Task> {
        let end = self.wrapped(self.first + self.len);
        // Where it is full the end is the first again.
        match self.slots.get_mut(end) {
            Some(free @ None) => *free = Some(task),
            _ => return Err(task),
        }
        self.len += 1;
        Ok(self.len)
    }

    #[inline]
    fn pop(&mut self) -> Option<Task> {
        let task = self.slots.get_mut(self.first)?.take()?;
        self.first = self.wrapped(self.first + 1);
        self.len -= 1;
        Some(task)
    }
}

impl Queue {
    /// One for so many; none: it refuses all.
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { tasks: Ring::new(capacity), asleep: false };
        Self { state: Latch::new(state), len: AtomicUsize::new(0) }
    }

    /// How many are queued now. Handed back: the seat's thread sleeps and would not see it, or the queue is full.
    #[inline]
    pub(crate) fn push(&self, task: Task) -> Result<usize, Task> {
        let mut state = self.state.lock();
        if state.asleep {
            return Err(task);
        }
        let len = state.tasks.push(task)?;
        self.len.store(len, Ordering::Relaxed);
        Ok(len)
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        if self.len() == 0 {
            return None;
        }
        let mut state = self.state.lock();
        let task = state.tasks.pop();
        self.len.store(state.tasks.len, Ordering::Relaxed);
        task
    }

    /// Looks at who comes next.
    pub(crate) fn head<T>(&self, look: impl FnOnce(&Task) -> T) -> Option<T> {
        let state = self.state.lock();
        state.tasks.slots.get(state.tasks.first)?.as_ref().map(look)
    }

    /// The seat's thread is about to sleep. False: there is something to run.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = state.tasks.len == 0;
        state.asleep
    }

    pub(crate) fn wake_up(&self) {
        self.state.lock().asleep = false;
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }
}

pub(crate) struct Injector {
    push: Sender<Task>,
    pop: Receiver<Task>,
}

impl Injector {
    pub(crate) fn new() -> Self {
        let (push, pop) = unbounded();
        Self { push, pop }
    }

    pub(crate) fn push(&self, task: Task) {
        // The receiver stands beside the sender: it cannot be gone.
        let _ = self.push.send(task);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        // Looking first costs two loads; a failed receive costs a fence.
        if self.pop.is_empty() { None } else { self.pop.try_recv().ok() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pop.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.pop.len()
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use std::time::Duration;

    use loom::thread;

    use super::super::{Cost, Runnable};
    use super::*;
    use crate::sync::Arc;

    struct Nothing(Cost);

    impl Runnable for Nothing {
        fn run(self: Arc<Self>, _: &mut dyn FnMut(&Cost)) -> Option<Task> {
            None
        }

        fn cost(&self) -> &Cost {
            &self.0
        }
    }

    /// Who has just lost the seat pushes while its new thread runs dry: nothing stays behind at a seat that sleeps.
    fn late_push(pushes: usize) {
        loom::model(move || {
            let queue = Arc::new(Queue::new(CAPACITY));
            let pusher = {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    let task = || Arc::new(Nothing(Cost::of(Duration::ZERO))) as Task;
                    (0..pushes).filter(|_| queue.push(task()).is_err()).count()
                })
            };
            let mut taken = 0;
            let asleep = loop {
                taken += usize::from(queue.pop().is_some());
                if queue.fall_asleep() {
                    break true;
                }
                if taken == pushes {
                    break false;
                }
                thread::yield_now();
            };
            let refused = pusher.join().unwrap_or(0);
            let left = queue.len();
            assert!(!asleep || left == 0, "nobody looks here any more");
            assert_eq!(taken + refused + left, pushes);
        });
    }

    #[test]
    fn a_late_push_is_run_or_refused() {
        late_push(1);
        late_push(2);
    }
}

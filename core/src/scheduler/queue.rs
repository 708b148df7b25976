//! The queues: one for each seat, and one for everybody. Any thread may push to and take from any of them, so a seat that
//! changes hands moves nothing.

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Task;

/// As other runtimes have it; a longer backlog goes to the injector, where idle seats find it.
pub(crate) const CAPACITY: usize = 256;

/// A seat's queue, first in, first out. One locked instruction to push, one to pop, and none to find it empty.
///
/// First in, first out, because then a stage finds both what it was sent and what it was asked for when its turn comes. A slot
/// that jumps the queue runs it once for each.
pub(crate) struct Queue(Option<ring::Ring>);

impl Queue {
    /// One for so many; none: it refuses all.
    pub(crate) fn new(capacity: usize) -> Self {
        Self((capacity > 0).then(|| ring::Ring::new(capacity)))
    }

    /// Handed back: the queue is full.
    #[inline]
    pub(crate) fn push(&self, task: Task) -> Result<(), Task> {
        match &self.0 {
            Some(ring) => ring.push(task),
            None => Err(task),
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        self.0.as_ref().and_then(ring::Ring::pop)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, ring::Ring::len)
    }
}

#[cfg(not(loom))]
mod ring {
    use super::{Receiver, Sender, Task};

    pub(super) struct Ring {
        push: Sender<Task>,
        pop: Receiver<Task>,
    }

    impl Ring {
        pub(super) fn new(capacity: usize) -> Self {
            let (push, pop) = crossbeam_channel::bounded(capacity);
            Self { push, pop }
        }

        #[inline]
        pub(super) fn push(&self, task: Task) -> Result<(), Task> {
            self.push.try_send(task).map_err(crossbeam_channel::TrySendError::into_inner)
        }

        #[inline]
        pub(super) fn pop(&self) -> Option<Task> {
            // Looking first costs two loads; a failed receive costs a fence.
            if self.pop.is_empty() { None } else { self.pop.try_recv().ok() }
        }

        #[inline]
        pub(super) fn len(&self) -> usize {
            self.pop.len()
        }
    }
}

/// What a ring does, in steps that the model checker sees: whoever comes later sees what came before, as with the ring,
/// whose steps are sequentially consistent.
#[cfg(loom)]
mod ring {
    use std::collections::VecDeque;

    use super::Task;
    use crate::sync::Mutex;

    pub(super) struct Ring {
        tasks: Mutex<VecDeque<Task>>,
        capacity: usize,
    }

    impl Ring {
        pub(super) fn new(capacity: usize) -> Self {
            Self { tasks: Mutex::default(), capacity }
        }

        pub(super) fn push(&self, task: Task) -> Result<(), Task> {
            let mut tasks = self.tasks.lock();
            if tasks.len() >= self.capacity {
                return Err(task);
            }
            tasks.push_back(task);
            Ok(())
        }

        pub(super) fn pop(&self) -> Option<Task> {
            self.tasks.lock().pop_front()
        }

        pub(super) fn len(&self) -> usize {
            self.tasks.lock().len()
        }
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

    use super::super::seat::SeatWord;
    use super::super::{Cost, Ran, Runnable};
    use super::*;
    use crate::sync::Arc;

    struct Nothing(Cost);

    impl Runnable for Nothing {
        fn run(self: Arc<Self>) -> Ran {
            Ran { task: self, again: false }
        }

        fn cost(&self) -> &Cost {
            &self.0
        }
    }

    /// Who loses the seat pushes, while the seat's new thread runs dry and goes to sleep: nothing stays behind there.
    fn late_push(pushes: usize) {
        loom::model(move || {
            let seat = Arc::new((SeatWord::new(), Queue::new(CAPACITY)));
            let slice = seat.0.begin();
            let pusher = {
                let seat = Arc::clone(&seat);
                thread::spawn(move || {
                    let mut elsewhere = 0;
                    for _ in 0..pushes {
                        // As `Scheduler::push` does.
                        let task = Arc::new(Nothing(Cost::of(Duration::ZERO))) as Task;
                        if !seat.0.is_current(slice) || seat.1.push(task).is_err() {
                            elsewhere += 1;
                        } else if !seat.0.is_current(slice) {
                            while seat.1.pop().is_some() {
                                elsewhere += 1;
                            }
                        }
                    }
                    elsewhere
                })
            };
            assert!(seat.0.take(seat.0.look()));
            // The new thread: it takes what it finds, and sleeps once it has seen nothing after its announcement.
            let mut taken = 0;
            while seat.1.pop().is_some() {
                taken += 1;
            }
            let elsewhere = pusher.join().unwrap_or(0);
            assert_eq!(taken + elsewhere, pushes, "nobody looks here any more");
        });
    }

    #[test]
    fn a_late_push_is_run_or_moved_to_where_others_look() {
        late_push(1);
        late_push(2);
    }
}

//! The queues: one for each seat, and one for everybody. Any thread may push to and take from any of them, so a seat that
//! changes hands moves nothing.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::Task;
use super::seat::Line;

/// As other runtimes have it; a longer backlog goes to the injector, where idle seats find it.
const CAPACITY: usize = 256;

pub(crate) struct Queue {
    push: Sender<Task>,
    pop: Receiver<Task>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        let (push, pop) = bounded(CAPACITY);
        Self { push, pop }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        // Looking first costs two loads; a failed receive costs a fence.
        if self.pop.is_empty() { None } else { self.pop.try_recv().ok() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pop.len()
    }
}

impl Line for Queue {
    #[inline]
    fn is_empty(&self) -> bool {
        self.pop.is_empty()
    }

    fn push(&self, task: Task) -> Result<(), Task> {
        self.push.try_send(task).map_err(crossbeam_channel::TrySendError::into_inner)
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
        if self.pop.is_empty() { None } else { self.pop.try_recv().ok() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pop.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.pop.len()
    }
}

//! One slice of a process: take its mail, run its body, and end as that says.

use super::cell::{Cell, Turn};
use super::current;
use crate::ExitReason;
use crate::reason::Panic;
use crate::scheduler::{Cost, Runnable, Task};
use crate::sync::Arc;

/// Who is to run because of a slice, and is in no run queue yet.
enum Next {
    Nobody,
    /// The process itself.
    Again,
    /// One that its end has woken.
    Other(Task),
}

impl Next {
    #[inline]
    fn again(more: bool) -> Self {
        if more { Self::Again } else { Self::Nobody }
    }

    #[inline]
    fn other(woken: Option<Task>) -> Self {
        woken.map_or(Self::Nobody, Self::Other)
    }
}

impl<M: Send + 'static> Runnable for Cell<M> {
    fn run(self: Arc<Self>, over: &mut dyn FnMut(&Cost)) -> Option<Task> {
        let next = self.slice();
        over(&self.cost);
        match next {
            Next::Nobody => None,
            Next::Again => Some(self),
            Next::Other(task) => Some(task),
        }
    }

    fn cost(&self) -> &Cost {
        &self.cost
    }
}

impl<M: Send + 'static> Cell<M> {
    /// One slice.
    #[inline]
    fn slice(self: &Arc<Self>) -> Next {
        let _inside = current::enter_pid(self.pid);
        let mut body = {
            let mut resting = self.inbox.lock();
            let Some(mut body) = resting.body.take() else { return Next::Nobody };
            body.as_mut().begin(&mut resting);
            body
        };
        let reason = match Panic::catch_exit(|| body.as_mut().run(self)) {
            Ok(Turn::Drained) => return Next::again(self.end_slice(body, false, None)),
            Ok(Turn::Waiting(until)) => return Next::again(self.end_slice(body, false, Some(until))),
            Ok(Turn::More) => return Next::again(self.end_slice(body, true, None)),
            Ok(Turn::Ended(reason)) => {
                drop(body);
                return Next::other(self.die(None, reason).1);
            }
            Ok(Turn::Stop(reason) | Turn::Fail(reason)) | Err(reason) => reason,
            Ok(Turn::Ignore) => ExitReason::Normal,
            Ok(Turn::Doomed) => ExitReason::Killed,
        };
        Next::other(self.stop(body, reason))
    }
}

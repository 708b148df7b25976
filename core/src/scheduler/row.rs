//! A row of seats: those that share an injector, and who of them sleeps. One is for the polite, one for the rude.

use super::idle::Idle;
use super::queue::Injector;
use super::{Cost, Scheduler, Task};
use crate::sync::atomic::{AtomicBool, Ordering};

/// Which row. A process belongs to the one that its cost says, at the moment it is about to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manners {
    Polite,
    /// Its slices are long on average: whether it burns or sleeps in them, others would wait for it.
    Rude,
}

pub(crate) struct Row {
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    /// Whether threads sit here.
    staffed: AtomicBool,
    /// Whether somebody belongs here and was turned away, as nobody sat here.
    wanted: AtomicBool,
    /// Whether strangers, too, come here.
    pub(crate) takes_strangers: AtomicBool,
}

impl Row {
    pub(crate) fn new(seats: usize, staffed: bool) -> Self {
        Self {
            injector: Injector::new(),
            idle: Idle::new(seats),
            staffed: AtomicBool::new(staffed),
            wanted: AtomicBool::new(false),
            takes_strangers: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_staffed(&self) -> bool {
        self.staffed.load(Ordering::Relaxed)
    }

    /// Whether nobody is awake here.
    pub(crate) fn rests(&self) -> bool {
        !self.is_staffed() || self.idle.all()
    }

    /// Threads are needed here.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether to put threads here now. Asked by the clock alone, which also does it.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.is_staffed() && self.wanted.load(Ordering::Relaxed)
    }

    /// Threads have been called, whatever became of that.
    pub(crate) fn set_staffed(&self) {
        self.staffed.store(true, Ordering::Relaxed);
    }
}

impl Scheduler {
    /// Whether a process of this cost belongs in the row of the rude, and there is somebody.
    #[inline]
    pub(crate) fn is_out_of_place(&self, cost: &Cost) -> bool {
        let stranger = || cost.is_unknown() && self.rude.takes_strangers.load(Ordering::Relaxed);
        let rude = cost.is_rude() || stranger();
        if rude && !self.rude.is_staffed() {
            self.rude.want();
            return false;
        }
        rude
    }

    /// Sends a process to the row of the rude.
    #[cold]
    pub(crate) fn move_to_rude(&self, task: Task) {
        self.rude.injector.push(task);
        self.rouse_one(Manners::Rude);
    }
}

//! How much one slice may do: a count, and the clock.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Mail left to handle in this slice; it also ends when the coarse clock moves on, so that one process of slow callbacks
/// cannot keep a seat for 64 of them.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    left: u32,
    clock: Option<(&'a AtomicU64, u64)>,
}

impl<'a> Budget<'a> {
    #[inline]
    pub(crate) fn new(mail: u32, tick: &'a AtomicU64) -> Self {
        Self { left: mail, clock: Some((tick, tick.load(Ordering::Relaxed))) }
    }

    /// By count alone.
    pub(crate) fn counted(mail: u32) -> Self {
        Self { left: mail, clock: None }
    }

    /// Counts one piece of mail. True: the slice is over.
    #[inline]
    pub(crate) fn spend(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0 || self.clock.is_some_and(|(tick, start)| tick.load(Ordering::Relaxed) != start)
    }
}

//! A value of the user's whose destructor may panic, and must not end whoever drops it.

use crate::log;
use crate::reason::Panic;

/// Supervisors drop start functions and handles of children; a panic there must not be theirs.
#[derive(Debug)]
pub struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    /// Holds it until it is dropped.
    pub fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// What it holds: there until the drop.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if let Err(panic) = Panic::catch(|| drop(value)) {
            log::error!("what belongs to a child's specification panicked while it was dropped: {}", panic.message());
        }
    }
}

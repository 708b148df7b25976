//! What is the user's and may panic where that must not end whoever runs it: destructors and wakers.

use std::any::type_name;
use std::task::Waker;

use crate::log;
use crate::reason::Panic;

/// Supervisors drop start functions and handles of children, and whoever drops a process last drops its exit reason: a panic
/// there must not be theirs.
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
            // What logs is the user's, too.
            let _ = Panic::catch(|| {
                log::error!("a `{}` panicked while it was dropped: {}", type_name::<T>(), panic.message());
            });
        }
    }
}

/// Wakes whoever waits. A panic in a waker is not that of the process that wakes: it is logged.
#[inline]
pub fn wake(waker: Waker) {
    if Panic::catch(|| waker.wake()).is_err() {
        report_waker();
    }
}

#[cold]
fn report_waker() {
    let _ = Panic::catch(|| log::error!("a waker panicked"));
}

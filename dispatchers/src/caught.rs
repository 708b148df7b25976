//! Closures and destructors of users, whose panics are somebody's fault and must not be everybody's.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a user's closure; a panic comes back as its message.
#[inline]
pub(crate) fn caught<R>(user: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(user)).map_err(message)
}

/// Drops what is a user's. A panic of its destructor has been reported by the panic hook, and goes no further.
#[inline]
pub fn let_go<T>(user: T) {
    if std::mem::needs_drop::<T>() {
        let _ = caught(|| drop(user));
    }
}

/// The same for many, each by itself: of two that panic while a slice is dropped the second would abort the program.
#[inline]
pub fn let_go_all<T>(users: impl Iterator<Item = T>) {
    if std::mem::needs_drop::<T>() {
        users.for_each(let_go);
    }
}

/// What is a user's, let go when this is dropped.
pub(crate) struct Owned<T>(Option<T>);

impl<T> Owned<T> {
    pub(crate) fn new(user: T) -> Self {
        Self(Some(user))
    }

    /// There until the drop.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        let_go(self.0.take());
    }
}

#[cold]
fn message(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("(a payload that is not text)").to_owned();
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A payload of a payload: nobody knows where that ends.
        std::mem::forget(again);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Brittle<'a>(&'a std::cell::Cell<u32>);

    impl Drop for Brittle<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            panic!("it broke");
        }
    }

    #[test]
    fn each_destructor_runs_and_its_panic_goes_no_further() {
        let dropped = std::cell::Cell::new(0);
        let_go(Brittle(&dropped));
        let_go_all((0..3).map(|_| Brittle(&dropped)));
        drop(Owned::new(Brittle(&dropped)));
        assert_eq!(dropped.get(), 5);
    }
}

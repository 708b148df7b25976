//! The one door to shared memory: std's primitives, or loom's when the crate is built to be model-checked.
//!
//! `Arc` and `Weak` are std's in both: a process is held behind a trait object, which loom's `Arc` cannot be.

use std::fmt;
pub(crate) use std::sync::{Arc, Weak};

#[cfg(loom)]
pub(crate) use loom::sync::atomic;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic;

#[cfg(loom)]
use loom::sync as imp;
#[cfg(not(loom))]
use std::sync as imp;

#[cfg(loom)]
pub(crate) use imp::MutexGuard as LatchGuard;
#[cfg(not(loom))]
pub(crate) use spin::mutex::SpinMutexGuard as LatchGuard;

use imp::MutexGuard;

/// A mutex without poisoning: no user code runs under the runtime's locks except a process's own body,
/// whose panics are caught inside.
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex(..)")
    }
}

/// A mutex for what takes nanoseconds: the inbox of a process, a seat's queue. At half the price of a [`Mutex`], as
/// nobody is to be woken when it is left: that is a plain store.
///
/// Who finds it taken spins for a moment, as long as its holder takes; then gives the core away, as the system may have taken
/// the holder off its own; and at last sleeps, as the holder's thread may be of a lower priority.
pub(crate) struct Latch<T>(latch::Imp<T>);

#[cfg(not(loom))]
mod latch {
    pub(super) use spin::mutex::SpinMutex as Imp;
}
#[cfg(loom)]
mod latch {
    pub(super) use super::Mutex as Imp;
}

impl<T> Latch<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(latch::Imp::new(value))
    }

    #[cfg(loom)]
    pub(crate) fn lock(&self) -> LatchGuard<'_, T> {
        self.0.lock()
    }

    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn lock(&self) -> LatchGuard<'_, T> {
        self.0.try_lock().unwrap_or_else(|| self.wait())
    }

    #[cfg(loom)]
    pub(crate) fn into_inner(self) -> T {
        match self.0.0.into_inner() {
            Ok(value) => value,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }

    #[cfg(not(loom))]
    #[cold]
    fn wait(&self) -> LatchGuard<'_, T> {
        // Guessed: some microseconds, then some slices of other threads.
        const SPINS: u32 = 100;
        const YIELDS: u32 = SPINS + 100;
        const NAP: std::time::Duration = std::time::Duration::from_micros(50);
        let mut looks = 0_u32;
        loop {
            match looks {
                0..SPINS => std::hint::spin_loop(),
                SPINS..YIELDS => std::thread::yield_now(),
                _ => std::thread::sleep(NAP),
            }
            looks = looks.saturating_add(1);
            if !self.0.is_locked()
                && let Some(guard) = self.0.try_lock()
            {
                return guard;
            }
        }
    }
}

impl<T: Default> Default for Latch<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Latch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latch(..)")
    }
}

/// A lock for many readers, without poisoning, for tables that are read far more often than written. Always std's: no protocol
/// that is model-checked rests on it.
#[derive(Default)]
pub(crate) struct RwLock<T>(std::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::RwLock::new(value))
    }

    #[inline]
    pub(crate) fn read(&self) -> std::sync::RwLockReadGuard<'_, T> {
        match self.0.read() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    #[inline]
    pub(crate) fn write(&self) -> std::sync::RwLockWriteGuard<'_, T> {
        match self.0.write() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RwLock(..)")
    }
}

/// A value on cache lines of its own, so that its writers do not slow its neighbours' readers.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl<T> std::ops::Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

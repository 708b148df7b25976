//! Running something alone: the locks as the handle offers them.

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::task::{Poll, Wake, Waker};
use std::thread::Thread;

use super::line::Ticket;
use super::lock::Place;
use super::{LockError, RegistryKey, RegistryRef, RegistryValue};
use crate::Peer;
use crate::process::current;
use crate::runtime::Runtime;
use crate::sync::Arc;

impl<K: RegistryKey, V: RegistryValue> RegistryRef<K, V> {
    /// Runs a function in the caller while nobody else runs one under the lock of the same key. From a process or a plain thread.
    ///
    /// Locks have nothing to do with registered keys; other keys' locks are not waited for. First come, first served. The lock is
    /// free again when the function returns or panics, or when its process is dead for all others: a callback that does not
    /// return may be given up by its supervisor, and runs on then while the next has the lock. A process that was bound
    /// to end while it waited is passed over. The wait is announced inside a callback, and has no limit; a future uses
    /// [`lock_async`](Self::lock_async).
    ///
    /// Specification: R3.3.
    ///
    /// # Errors
    ///
    /// [`LockError`], and the function has not run: the caller holds this lock already; it was bound to end when its turn came;
    /// the registry is down; in a simulation, nobody can ever release it.
    ///
    /// ```
    /// use genstage_core::Registry;
    ///
    /// let files = Registry::<String, ()>::unique().start_link()?;
    /// assert_eq!(files.lock("log.txt", || 1 + 1), Ok(2));
    /// # files.stop().unwrap();
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn lock<Q, T>(&self, key: &Q, run: impl FnOnce() -> T) -> Result<T, LockError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let thread = std::thread::current();
        let place = self.place(key, Ticket::new(current::pid().map(Peer::from), Some(thread.id())))?;
        let waker = || Waker::from(Arc::new(Unpark(thread.clone())));
        let taken = Runtime::current_engine().wait(None, || place.taken(waker));
        taken.unwrap_or(Err(LockError::Stuck))?;
        Ok(run())
    }

    /// As [`lock`](Self::lock), for a future: waiting holds no thread. Dropping it gives up the lock or the place in the line.
    ///
    /// A future that takes a lock it holds waits for ever.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub async fn lock_async<Q, T, F>(&self, key: &Q, run: impl FnOnce() -> F) -> Result<T, LockError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = T>,
    {
        let place = self.place(key, Ticket::new(current::pid().map(Peer::from), None))?;
        poll_fn(|task| place.taken(|| task.waker().clone()).map_or(Poll::Pending, Poll::Ready)).await?;
        Ok(run().await)
    }

    fn place<Q>(&self, key: &Q, ticket: Arc<Ticket>) -> Result<Place<'_, K>, LockError>
    where
        Q: Hash + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.inside.hash(key);
        let locks = &self.inside.of_lock(hash).ok_or(LockError::Down)?.locks;
        let lock = locks.join(hash, key.to_owned(), &ticket)?;
        Ok(Place { locks, lock, ticket })
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

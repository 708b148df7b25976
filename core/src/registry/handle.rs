//! The handle of a registry: what a process does with its own entries.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use super::inside::{Inside, Keys};
use super::partition::discard;
use super::shard::{Entry, Shared};
use super::{RegistrationError, RegistryEvent, RegistryKey, RegistryValue, UpdateError};
use crate::process::current;
use crate::sync::Arc;
use crate::{ExitReason, Peer, Pid, Refusal, StopError, SupervisorRef};

/// A registry. Cloning costs two reference counts.
///
/// Processes enter themselves with [`register`](Self::register), and are removed when they unregister or end. All calls read
/// and write the tables in the calling process (R1.5): a lookup is one short shared lock on one of many shards.
///
/// **Ends.** A registrant is linked with the process that owns its partition, both ways (R1.4). When the registrant ends, the
/// owner removes its entries a moment later: until then lookups may show the dead (R2.4), only
/// [`whereis`](Self::whereis) and names do not, and a unique key can be taken at once (R2.3). When the owner ends, its
/// registrants end with it, unless they trap exits. After the registry has ended nothing is found and
/// nothing can be registered.
///
/// **Your code.** `Hash`, `Eq`, `Clone` and drops of keys and values, and all closures, run in the calling process or, for entries
/// of the dead, in the owner; never under a lock of the registry. If one panics, the panic is the caller's, and the tables
/// stand as before the call; a panic while an event for listeners or the result is made leaves the call done. Panics of
/// drops are logged where an entry goes.
///
/// Specification: R1.4 to R3.3.
pub struct RegistryRef<K, V> {
    pub(super) inside: Arc<Inside<K, V>>,
    pub(super) supervisor: SupervisorRef,
}

impl<K: RegistryKey, V: RegistryValue> RegistryRef<K, V> {
    /// Enters the calling process under a key. Returns the owner it is linked with now.
    ///
    /// The same process may hold the same duplicate key many times, with the same or other values. Some hundred nanoseconds, and
    /// two more short locks for the first entry in a partition.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`] with key and value: a unique key is held by a live process, also by the caller, whose value does not
    /// change (R2.1); the caller is no process; the registry is down. Nothing is left behind (R2.2).
    ///
    /// ```
    /// use genstage_core::{Refusal, Registry, ThreadProcess};
    ///
    /// let rooms = Registry::unique().start_link()?;
    /// let Err(error) = rooms.register("lobby", 7) else { unreachable!() };
    /// assert_eq!((error.refusal, error.key, error.value), (Refusal::NoProcess, "lobby", 7));
    /// let here = ThreadProcess::<()>::start()?;
    /// rooms.register("lobby", 7)?;
    /// assert_eq!(rooms.keys(here.pid()), ["lobby"]);
    /// rooms.unregister(&"lobby");
    /// # rooms.stop().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn register(&self, key: K, value: V) -> Result<Peer, RegistrationError<K, V>> {
        match current::pid() {
            Some(pid) => self.enter(key, value, &Peer::from(pid)),
            None => Err(RegistrationError { refusal: Refusal::NoProcess, key, value }),
        }
    }

    /// Enters any process.
    pub(super) fn enter(&self, key: K, value: V, process: &Peer) -> Result<Peer, RegistrationError<K, V>> {
        let pid = process.pid();
        let hash = self.inside.hash(&key);
        let Some(partition) = self.inside.of_entry(hash, pid) else {
            return Err(RegistrationError { refusal: Refusal::Down, key, value });
        };
        // Made before anything is done, as cloning may panic.
        let event = self.has_listeners().then(|| {
            let registry = self.clone();
            RegistryEvent::Register { registry, key: key.clone(), pid, value: value.clone() }
        });
        match partition.register(hash, (key, value), process, self.inside.keys == Keys::Unique) {
            Ok(owner) => {
                if let Some(event) = event {
                    self.tell(&event);
                }
                Ok(owner)
            }
            Err((refusal, entry)) => {
                let Entry { key, value, .. } = Arc::unwrap_or_clone(entry);
                Err(RegistrationError { refusal, key, value })
            }
        }
    }

    /// Removes all entries of the calling process for a key; others' are never touched (R2.5). Nothing happens if there are none,
    /// except that listeners are told (R2.7). For them the key must be owned in the end: a borrowed form that
    /// [`ToOwned`] makes the key of will do, as `str` for `String`; keys of type `&str` are given as `&"key"`.
    pub fn unregister<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.unregister_match(key, |_| true);
    }

    /// Removes those entries of the calling process for a key whose value fits (R2.6). Listeners are told if the process
    /// does not hold the key any more; a partial removal is silent (R2.7).
    pub fn unregister_match<Q>(&self, key: &Q, fits: impl FnMut(&V) -> bool)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut fits = fits;
        let Some(pid) = current::pid() else { return };
        let hash = self.inside.hash(key);
        let Some(partition) = self.inside.of_entry(hash, pid) else { return };
        let (gone, left): (Vec<_>, Vec<_>) =
            self.held(hash, key, pid).into_iter().partition(|entry| fits(&entry.value));
        if !gone.is_empty() {
            partition.remove(hash, pid, gone.iter().map(|entry| entry.serial));
            gone.into_iter().for_each(discard);
        }
        if left.is_empty() && self.has_listeners() {
            self.tell(&RegistryEvent::Unregister { registry: self.clone(), key: key.to_owned(), pid });
        }
    }

    /// Changes the value that the calling process holds under a unique key. Returns the new and the old one.
    ///
    /// The function runs in the caller, without a lock. Only the holder of an entry can change it, so nothing is lost.
    ///
    /// # Errors
    ///
    /// [`UpdateError`]: the calling process does not hold the key, or keys are not unique.
    ///
    /// ```
    /// use genstage_core::{Registry, ThreadProcess};
    ///
    /// let rooms = Registry::unique().start_link()?;
    /// let here = ThreadProcess::<()>::start()?;
    /// rooms.register("lobby", 7)?;
    /// assert_eq!(rooms.update_value("lobby", |size| size + 1), Ok((8, 7)));
    /// rooms.unregister(&"lobby");
    /// # rooms.stop().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update_value<Q>(&self, key: &Q, update: impl FnOnce(&V) -> V) -> Result<(V, V), UpdateError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.inside.keys != Keys::Unique {
            return Err(UpdateError::DuplicateKeys);
        }
        let pid = current::pid().ok_or(UpdateError::NotRegistered)?;
        let hash = self.inside.hash(key);
        let partition = self.inside.of_entry(hash, pid).ok_or(UpdateError::NotRegistered)?;
        let old = self.held(hash, key, pid).pop().ok_or(UpdateError::NotRegistered)?;
        let value = update(&old.value);
        let results = (value.clone(), old.value.clone());
        let new = Entry { key: old.key.clone(), value, holder: old.holder.clone(), serial: old.serial };
        if partition.replace(hash, new) { Ok(results) } else { Err(UpdateError::NotRegistered) }
    }

    /// Stops it, and waits until it is gone; see [`SupervisorRef::stop`]. Registrants that do not trap exits end with it.
    ///
    /// # Errors
    ///
    /// [`StopError`]: it had ended before, or ended otherwise.
    pub fn stop(&self) -> Result<(), StopError> {
        self.supervisor.stop()
    }

    /// As [`stop`](Self::stop), for a reason and within a time; [`Duration::MAX`] for none.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`].
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        self.supervisor.stop_with(reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        self.supervisor.stop_async(reason).await
    }

    /// The pid of its supervisor.
    pub fn pid(&self) -> Pid {
        self.supervisor.pid()
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.supervisor.is_alive()
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.supervisor.exit_reason()
    }

    /// The supervisor it is (R1.2): its children are the owners of the partitions, by their numbers.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    /// The process that owns each partition, in their order; without those that are just being restarted.
    pub fn owners(&self) -> Vec<Peer> {
        self.inside.partitions.iter().filter_map(|partition| partition.owner().map(Peer::new)).collect()
    }

    /// The entries of one process for a key.
    pub(super) fn held<Q>(&self, hash: u64, key: &Q, pid: Pid) -> Vec<Shared<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut held = self.inside.of_entry(hash, pid).map(|partition| partition.held(hash, pid)).unwrap_or_default();
        held.retain(|entry| entry.key.borrow() == key);
        held
    }

    fn has_listeners(&self) -> bool {
        !self.inside.listeners.is_empty()
    }

    fn tell(&self, event: &RegistryEvent<K, V>) {
        self.inside.listeners.iter().for_each(|listener| listener.tell(event));
    }
}

impl<K, V> Clone for RegistryRef<K, V> {
    fn clone(&self) -> Self {
        Self { inside: Arc::clone(&self.inside), supervisor: self.supervisor.clone() }
    }
}

/// Whether it is the same registry.
impl<K, V> PartialEq for RegistryRef<K, V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inside, &other.inside)
    }
}

impl<K, V> Eq for RegistryRef<K, V> {}

impl<K, V> fmt::Debug for RegistryRef<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.inside.label)
    }
}

/// Its supervisor.
impl<K, V> From<&RegistryRef<K, V>> for Peer {
    fn from(registry: &RegistryRef<K, V>) -> Self {
        (&registry.supervisor).into()
    }
}

//! Starting a registry.

use std::any::Any;
use std::fmt;

use super::inside::{Inside, Keys, Meta};
use super::{InvalidRegistry, Listener, RegistryKey, RegistryRef, RegistryValue, owner};
use crate::runtime::Runtime;
use crate::sync::Arc;
use crate::{ChildId, ChildSpec, ExitReason, Name, Peer, StartError, Strategy, Supervisor, SupervisorRef};

/// More than any machine has cores; a number gone wrong is told from a wish.
pub(super) const MOST_PARTITIONS: usize = 4096;

/// A registry that is to be started: processes register themselves in it under keys, and are found there.
///
/// See the [module's text](crate#the-parts) for what it is part of, and [`RegistryRef`] for what it can do.
///
/// Specification: R1.1 to R1.3.
///
/// ```
/// use genstage_core::{Mailbox, Registry, spawn};
///
/// let rooms = Registry::unique().name("rooms").partitions(4).start_link()?;
/// let (ready, is_ready) = std::sync::mpsc::channel();
/// let here = rooms.clone();
/// let lobby = spawn(move |mailbox: Mailbox<()>| async move {
///     ready.send(here.register("lobby".to_owned(), 7_u32).is_ok()).ok();
///     mailbox.receive().await;
/// });
/// assert_eq!(is_ready.recv(), Ok(true));
/// let (found, size) = rooms.get("lobby").ok_or("nobody")?;
/// assert_eq!((found.pid(), size), (lobby.pid(), 7));
/// # rooms.stop().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Registry<K, V> {
    keys: Keys,
    partitions: usize,
    name: Option<Name>,
    listeners: Vec<Listener<K, V>>,
    meta: Meta,
}

impl<K: RegistryKey, V: RegistryValue> Registry<K, V> {
    /// A key stands for one process at most. Partitioned by key; if the owner of a partition ends, all are started anew.
    pub fn unique() -> Self {
        Self::new(Keys::Unique)
    }

    /// A key stands for any number of processes, and a process may hold it more than once. Partitioned by process: a
    /// process has all its entries in one place, and a lookup visits all partitions. For few keys with many entries each.
    pub fn duplicate() -> Self {
        Self::new(Keys::DuplicateByPid)
    }

    /// As [`duplicate`](Self::duplicate), but partitioned by key: a lookup visits one partition. For many keys with few
    /// entries each.
    pub fn duplicate_by_key() -> Self {
        Self::new(Keys::DuplicateByKey)
    }

    fn new(keys: Keys) -> Self {
        Self { keys, partitions: 1, name: None, listeners: Vec::new(), meta: Meta::default() }
    }

    /// The name it is [found](Self::find) by.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many owners share the clean-up, from 1 to 4096; 1 by default. Reading and writing is spread over more locks
    /// than that in any case.
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = partitions;
        self
    }

    /// Somebody who hears of registrations, beside those named before: an address or a name whose process takes
    /// [`RegistryEvent`](crate::RegistryEvent)s, or a [`Listener`] (R2.7).
    pub fn listener(mut self, listener: impl Into<Listener<K, V>>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// A value that is there from the start; see [`RegistryRef::meta`].
    pub fn meta<T: Any + Clone + Send + Sync>(mut self, key: &str, value: T) -> Self {
        self.meta.insert(Arc::from(key), Arc::new(value));
        self
    }

    /// Starts it, linked to the calling process. A plain thread has nothing to link to.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the name is taken; the runtime is shutting down. [`StartError::Init`] with what [`InvalidRegistry::of`]
    /// shows: no partitions, or more than 4096.
    pub fn start_link(self) -> Result<RegistryRef<K, V>, StartError> {
        if !(1..=MOST_PARTITIONS).contains(&self.partitions) {
            let invalid = InvalidRegistry::Partitions(self.partitions);
            return Err(StartError::Init(ExitReason::other(invalid)));
        }
        let label = self.name.as_ref().map_or_else(|| "unnamed".to_owned(), |name| format!("{name:?}"));
        let inside =
            Inside::new(&Runtime::current_engine(), label, self.keys, self.partitions, self.listeners, self.meta);
        let inside = Arc::new(inside);
        let supervisor = Supervisor::new(match self.keys {
            // Whoever holds a name may rely on others'.
            Keys::Unique => Strategy::OneForAll,
            Keys::DuplicateByPid | Keys::DuplicateByKey => Strategy::OneForOne,
        });
        let supervisor = match self.name {
            Some(name) => supervisor.name(name),
            None => supervisor,
        };
        let owners = (0..self.partitions).map(|partition| {
            let inside = Arc::clone(&inside);
            ChildSpec::new(partition as u64, move || owner::start_link(&inside, partition))
        });
        let supervisor = supervisor.children(owners).start_link()?;
        Peer::from(&supervisor).show(&inside);
        Ok(RegistryRef { inside, supervisor })
    }

    /// How a supervisor starts it.
    pub fn child_spec(self, id: impl Into<ChildId>) -> ChildSpec<RegistryRef<K, V>> {
        ChildSpec::new(id, move || self.clone().start_link()).supervisor()
    }

    /// The registry of these types that runs under a name. Its process may have been started anew meanwhile: what is found is
    /// the present one.
    ///
    /// ```
    /// use genstage_core::Registry;
    ///
    /// let rooms = Registry::<String, u32>::unique().name("all rooms").start_link()?;
    /// assert_eq!(Registry::<String, u32>::find("all rooms"), Some(rooms.clone()));
    /// assert_eq!(Registry::<String, String>::find("all rooms"), None, "other types");
    /// assert_eq!(Registry::<String, u32>::find("no rooms"), None);
    /// # rooms.stop().unwrap();
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn find(name: impl Into<Name>) -> Option<RegistryRef<K, V>> {
        let supervisor = SupervisorRef::find(name)?;
        let inside = Peer::from(&supervisor).shown()?;
        Some(RegistryRef { inside, supervisor })
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("keys", &self.keys)
            .field("partitions", &self.partitions)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

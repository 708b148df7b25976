//! What all handles of a registry share, and which partition a key or a process belongs to.

use std::any::Any;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use super::partition::Partition;
use super::{Listener, RegistryKey, RegistryValue};
use crate::Pid;
use crate::runtime::engine::{Engine, Mode};
use crate::sync::{Arc, RwLock};

/// What a key may stand for, and by what entries are spread over the partitions (R1.1, R1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    Unique,
    DuplicateByPid,
    DuplicateByKey,
}

pub(super) type Meta = HashMap<Arc<str>, Arc<dyn Any + Send + Sync>, ahash::RandomState>;

pub(super) struct Inside<K, V> {
    /// How it is shown.
    pub(super) label: String,
    pub(super) keys: Keys,
    hasher: ahash::RandomState,
    /// At least one.
    pub(super) partitions: Box<[Partition<K, V>]>,
    pub(super) listeners: Vec<Listener<K, V>>,
    pub(super) meta: RwLock<Meta>,
}

impl<K: RegistryKey, V: RegistryValue> Inside<K, V> {
    pub(super) fn new(
        engine: &Engine,
        label: String,
        keys: Keys,
        partitions: usize,
        listeners: Vec<Listener<K, V>>,
        meta: Meta,
    ) -> Self {
        let hasher = match engine.mode() {
            Mode::Seats(_) => ahash::RandomState::new(),
            // A seed gives the same run every time.
            Mode::Simulated(_) => ahash::RandomState::with_seeds(1, 2, 3, 4),
        };
        let partitions = (0..partitions.max(1)).map(|_| Partition::new()).collect();
        Self { label, keys, hasher, partitions, listeners, meta: RwLock::new(meta) }
    }

    /// The user's `Hash` runs here, and nowhere else.
    #[inline]
    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The partitions that may hold entries of a key.
    pub(super) fn of_key(&self, hash: u64) -> &[Partition<K, V>] {
        match self.keys {
            Keys::DuplicateByPid => &self.partitions,
            Keys::Unique | Keys::DuplicateByKey => one(&self.partitions, hash),
        }
    }

    /// The partition, if any, in which a process has a key.
    pub(super) fn of_entry(&self, hash: u64, pid: Pid) -> Option<&Partition<K, V>> {
        let number = match self.keys {
            Keys::DuplicateByPid => self.hasher.hash_one(pid),
            Keys::Unique | Keys::DuplicateByKey => hash,
        };
        one(&self.partitions, number).first()
    }

    /// The partitions that may hold entries of a process.
    pub(super) fn of_pid(&self, pid: Pid) -> &[Partition<K, V>] {
        match self.keys {
            Keys::DuplicateByPid => one(&self.partitions, self.hasher.hash_one(pid)),
            Keys::Unique | Keys::DuplicateByKey => &self.partitions,
        }
    }

    /// The partition whose locks those of this key are.
    pub(super) fn of_lock(&self, hash: u64) -> Option<&Partition<K, V>> {
        one(&self.partitions, hash).first()
    }

    /// The entries of a key in one partition.
    pub(super) fn entries<Q>(partition: &Partition<K, V>, hash: u64, key: &Q) -> Vec<super::shard::Shared<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut entries = partition.bucket(hash);
        entries.retain(|entry| entry.key.borrow() == key);
        entries
    }
}

/// The one item that a number chooses, as a list.
fn one<T>(all: &[T], number: u64) -> &[T] {
    // Other bits than the shards of a partition and their maps take. A remainder of the length is below it.
    let at = usize::try_from((number >> 40) % (all.len() as u64).max(1)).unwrap_or(0);
    all.get(at..=at).unwrap_or_default()
}

//! A shard of a partition's table: the entries of some keys. Plain data.
//!
//! It never looks at a key: it finds entries by the hash of their key, or by who holds them. Whoever looks for a key takes the
//! entries of its hash out, and compares after the lock is gone. So no code of the user's ever runs under a lock here.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::sync::Arc;
use crate::{Peer, Pid};

/// What a process has registered.
#[derive(Clone)]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    pub(super) holder: Peer,
    /// Tells the entries of one process in one partition from each other.
    pub(super) serial: u64,
}

impl<K, V> Entry<K, V> {
    fn place(&self) -> (Pid, u64) {
        (self.holder.pid(), self.serial)
    }
}

pub(super) type Shared<K, V> = Arc<Entry<K, V>>;

pub(super) struct Shard<K, V> {
    /// By the hash of the key: the entries, in the order of their holders and serials. Never an empty list.
    buckets: HashMap<u64, Vec<Shared<K, V>>, BuildHasherDefault<Hashed>>,
    len: usize,
}

impl<K, V> Default for Shard<K, V> {
    fn default() -> Self {
        Self { buckets: HashMap::default(), len: 0 }
    }
}

impl<K, V> Shard<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All entries whose key has this hash.
    #[inline]
    pub(super) fn bucket(&self, hash: u64) -> &[Shared<K, V>] {
        self.buckets.get(&hash).map_or(&[], Vec::as_slice)
    }

    /// Those of them that one process holds.
    pub(super) fn held(&self, hash: u64, pid: Pid) -> &[Shared<K, V>] {
        let bucket = self.bucket(hash);
        let from = bucket.partition_point(|entry| entry.holder.pid() < pid);
        let held = bucket.get(from..).unwrap_or_default();
        let many = held.partition_point(|entry| entry.holder.pid() == pid);
        held.get(..many).unwrap_or_default()
    }

    pub(super) fn get(&self, hash: u64, pid: Pid, serial: u64) -> Option<&Shared<K, V>> {
        let bucket = self.bucket(hash);
        bucket.get(bucket.binary_search_by_key(&(pid, serial), |entry| entry.place()).ok()?)
    }

    pub(super) fn into_all(self) -> impl Iterator<Item = Shared<K, V>> {
        self.buckets.into_values().flatten()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Shared<K, V>> {
        self.buckets.values().flatten()
    }

    pub(super) fn insert(&mut self, hash: u64, entry: Shared<K, V>) {
        let bucket = self.buckets.entry(hash).or_default();
        let at = bucket.partition_point(|other| other.place() < entry.place());
        bucket.insert(at, entry);
        self.len += 1;
    }

    /// Puts an entry in the place of its former self. Gives that back, or the new one if the place is no longer there.
    pub(super) fn replace(&mut self, hash: u64, entry: Shared<K, V>) -> Result<Shared<K, V>, Shared<K, V>> {
        let place = self.buckets.get_mut(&hash).and_then(|bucket| {
            let at = bucket.binary_search_by_key(&entry.place(), |entry| entry.place()).ok()?;
            bucket.get_mut(at)
        });
        match place {
            Some(place) => Ok(std::mem::replace(place, entry)),
            None => Err(entry),
        }
    }

    pub(super) fn remove(&mut self, hash: u64, pid: Pid, serial: u64) -> Option<Shared<K, V>> {
        let bucket = self.buckets.get_mut(&hash)?;
        let at = bucket.binary_search_by_key(&(pid, serial), |entry| entry.place()).ok()?;
        let removed = bucket.remove(at);
        self.len -= 1;
        if bucket.is_empty() {
            self.buckets.remove(&hash);
        }
        Some(removed)
    }
}

/// Keys that are hashes already.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

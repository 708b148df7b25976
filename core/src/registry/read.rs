//! Reading a registry: from any process or thread, in the caller.

use std::borrow::Borrow;
use std::hash::Hash;

use super::inside::Inside;
use super::shard::Shared;
use super::{RegistryKey, RegistryRef, RegistryValue};
use crate::{Peer, Pid};

impl<K: RegistryKey, V: RegistryValue> RegistryRef<K, V> {
    /// Who holds a key, and their values, in no order to rely on. At most one where keys are unique. The dead may show for
    /// a moment (R2.4).
    pub fn lookup<Q>(&self, key: &Q) -> Vec<(Peer, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries(key).map(|entry| shown(&entry)).collect()
    }

    /// Who holds a key, if it lives: the oldest process of several. Without an allocation where keys are unique.
    ///
    /// ```
    /// use genstage_core::{Registry, ThreadProcess};
    ///
    /// let rooms = Registry::unique().start_link()?;
    /// let here = ThreadProcess::<()>::start()?;
    /// rooms.register("lobby".to_owned(), 7)?;
    /// assert_eq!(rooms.whereis("lobby").map(|peer| peer.pid()), Some(here.pid()));
    /// drop(here);
    /// assert!(rooms.whereis("lobby").is_none());
    /// # rooms.stop().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn whereis<Q>(&self, key: &Q) -> Option<Peer>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.first(key, |entry| entry.holder.is_alive().then(|| entry.holder.clone()))
    }

    /// As [`whereis`](Self::whereis), with the value.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<(Peer, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.first(key, |entry| entry.holder.is_alive().then(|| shown(entry)))
    }

    /// The values that one process holds under a key, oldest first.
    pub fn values<Q>(&self, key: &Q, pid: Pid) -> Vec<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let held = self.held(self.inside.hash(key), key, pid);
        held.iter().map(|entry| entry.value.clone()).collect()
    }

    /// The keys that one process holds, once for each entry.
    pub fn keys(&self, pid: Pid) -> Vec<K> {
        let held = self.inside.of_pid(pid).iter().flat_map(|partition| partition.held_by(pid));
        held.map(|entry| entry.key.clone()).collect()
    }

    /// The number of entries. The dead may count for a moment (R2.4). Visits each shard, not each entry.
    pub fn count(&self) -> usize {
        self.inside.partitions.iter().map(super::partition::Partition::len).sum()
    }

    /// Those of [`lookup`](Self::lookup) whose value fits.
    pub fn matching<Q>(&self, key: &Q, fits: impl FnMut(&V) -> bool) -> Vec<(Peer, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut fits = fits;
        self.entries(key).filter(|entry| fits(&entry.value)).map(|entry| shown(&entry)).collect()
    }

    /// How many entries of a key have a value that fits.
    pub fn count_match<Q>(&self, key: &Q, fits: impl FnMut(&V) -> bool) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut fits = fits;
        self.entries(key).filter(|entry| fits(&entry.value)).count()
    }

    /// Goes through all entries and keeps what the function makes of them. What it sees of a partition is from one moment; two
    /// partitions may be from two.
    ///
    /// ```
    /// use genstage_core::{Registry, ThreadProcess};
    ///
    /// let rooms = Registry::unique().start_link()?;
    /// let here = ThreadProcess::<()>::start()?;
    /// rooms.register("lobby", 7)?;
    /// rooms.register("attic", 2)?;
    /// let large = rooms.select(|room, _, size| (*size > 5).then_some(*room));
    /// assert_eq!(large, ["lobby"]);
    /// # drop(here);
    /// # rooms.stop().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn select<T>(&self, pick: impl FnMut(&K, &Peer, &V) -> Option<T>) -> Vec<T> {
        let mut pick = pick;
        let all = self.inside.partitions.iter().flat_map(super::partition::Partition::snapshot);
        all.filter_map(|entry| pick(&entry.key, &entry.holder, &entry.value)).collect()
    }

    /// How many entries the function says yes to; as [`select`](Self::select).
    pub fn count_select(&self, fits: impl FnMut(&K, &Peer, &V) -> bool) -> usize {
        let mut fits = fits;
        self.select(|key, peer, value| fits(key, peer, value).then_some(())).len()
    }

    fn entries<Q>(&self, key: &Q) -> impl Iterator<Item = Shared<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.inside.hash(key);
        self.inside.of_key(hash).iter().flat_map(move |partition| Inside::entries(partition, hash, key))
    }

    /// The first entry of a key that something can be made of.
    #[inline]
    fn first<Q, T>(&self, key: &Q, make: impl Fn(&Shared<K, V>) -> Option<T>) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.inside.hash(key);
        let of_key = |entry: &Shared<K, V>| (entry.key.borrow() == key).then(|| make(entry)).flatten();
        self.inside.of_key(hash).iter().find_map(|partition| {
            let (first, others) = partition.first_and_others(hash)?;
            of_key(&first).or_else(|| others.iter().find_map(&of_key))
        })
    }
}

pub(super) fn shown<K, V: Clone>(entry: &Shared<K, V>) -> (Peer, V) {
    (entry.holder.clone(), entry.value.clone())
}

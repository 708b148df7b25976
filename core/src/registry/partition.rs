//! A partition: the entries, who holds them, and the process that owns it.
//!
//! Every registrant is linked with the owner, from before `register` returns until its last entry here goes. Three orders
//! keep the tables right whoever dies when:
//!
//! 1. **Insert, then link.** Once the link stands, the registrant's end brings an exit to the owner, and the entry is there to be
//!    removed. If the registrant ended before, it refuses the link, and the entry is taken back by who inserted it.
//! 2. **Owner's side of the link first.** An exit that comes through a link is taken only where the receiver has its
//!    side of it. With
//!    the registrant's side last, none can come too early.
//! 3. **The holder's record under one lock.** The clean-up takes the record, then the entries it lists. Entries are inserted and
//!    listed under the same lock: a late one is either in the record, or finds none and takes the first two steps anew.

use std::collections::{BTreeMap, HashMap};

use super::lock::Locks;
use super::shard::{Entry, Shard, Shared};
use super::{RegistryKey, RegistryValue};
use crate::process::AnyProcess;
use crate::registry::Refusal;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded, Mutex, RwLock};
use crate::{Panic, Peer, Pid, log};

/// Guessed: enough that the threads of a few cores seldom meet, few enough to be visited one by one.
const SHARDS: usize = 16;

pub(super) struct Partition<K, V> {
    holders: [CachePadded<Mutex<Holders>>; SHARDS],
    shards: [CachePadded<RwLock<Shard<K, V>>>; SHARDS],
    serials: AtomicU64,
    /// Held while one owner follows another.
    succession: Mutex<()>,
    pub(super) locks: Locks<K>,
}

#[derive(Default)]
struct Holders {
    /// `None` while the partition has no owner: nothing can be registered then.
    owner: Option<Arc<dyn AnyProcess>>,
    by_pid: HashMap<Pid, Holder, ahash::RandomState>,
}

struct Holder {
    process: Arc<dyn AnyProcess>,
    /// The hash of each entry's key, by serial.
    entries: BTreeMap<u64, u64>,
}

/// The owner; or why not; or `Err(None)`: the bucket is not as it was expected to be.
type Entered = Result<Peer, Option<Refusal>>;

/// An entry, and others.
type Split<K, V> = (Shared<K, V>, Vec<Shared<K, V>>);

/// Why an entry did not get in, and the entry.
pub(super) type Refused<K, V> = (Refusal, Shared<K, V>);

impl<K: RegistryKey, V: RegistryValue> Partition<K, V> {
    pub(super) fn new() -> Self {
        Self {
            holders: std::array::from_fn(|_| CachePadded(Mutex::default())),
            shards: std::array::from_fn(|_| CachePadded(RwLock::default())),
            serials: AtomicU64::new(0),
            succession: Mutex::new(()),
            locks: Locks::new(),
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard<K, V>> {
        // Other bits than those that choose the partition, and than those the shard's own map looks at first.
        &self.shards[index(hash >> 32)]
    }

    fn holders(&self, pid: Pid) -> &Mutex<Holders> {
        &self.holders[index(pid.serial())]
    }

    /// A new owner takes over, with empty tables.
    pub(super) fn open(&self, owner: &Arc<dyn AnyProcess>) {
        let left = {
            let _alone = self.succession.lock();
            let left = self.empty();
            for holders in &self.holders {
                holders.lock().owner = Some(Arc::clone(owner));
            }
            self.locks.open(owner);
            left
        };
        left.into_iter().for_each(discard);
    }

    /// The owner ends. A late end of one that was replaced changes nothing.
    pub(super) fn close(&self, owner: Pid) {
        let left = {
            let _alone = self.succession.lock();
            if self.owner().is_none_or(|present| present.pid() != owner) {
                return;
            }
            self.locks.close();
            self.empty()
        };
        left.into_iter().for_each(discard);
    }

    /// Takes everything out, and the owner.
    fn empty(&self) -> Vec<Shared<K, V>> {
        for holders in &self.holders {
            let before = std::mem::take(&mut *holders.lock());
            drop(before);
        }
        // Nothing is inserted any more, as that needs an owner.
        self.shards.iter().flat_map(|shard| std::mem::take(&mut *shard.write()).into_all()).collect()
    }

    pub(super) fn owner(&self) -> Option<Arc<dyn AnyProcess>> {
        self.holders.first().and_then(|holders| holders.lock().owner.clone())
    }

    /// Enters `key` for a process. Where keys are unique, a live holder refuses, and a dead one is replaced (R2.3).
    pub(super) fn register(
        &self,
        hash: u64,
        (key, value): (K, V),
        holder: &Peer,
        unique: bool,
    ) -> Result<Peer, Refused<K, V>> {
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry { key, value, holder: holder.clone(), serial });
        let Some(process) = holder.process() else { return Err((Refusal::Dead(holder.pid()), entry)) };
        if !unique {
            return match self.enter(hash, &entry, process, None) {
                Ok(owner) => Ok(owner),
                Err(Some(refusal)) => Err((refusal, entry)),
                Err(None) => Err((Refusal::Down, entry)),
            };
        }
        loop {
            let present = self.bucket(hash);
            if let Some(taken) = present.iter().find(|other| other.key == entry.key) {
                if taken.holder.is_alive() {
                    return Err((Refusal::AlreadyRegistered(taken.holder.pid()), entry));
                }
                let corpse = self.shard(hash).write().remove(hash, taken.holder.pid(), taken.serial);
                drop(corpse);
                present.into_iter().for_each(discard);
                continue;
            }
            match self.enter(hash, &entry, process, Some(&present)) {
                Ok(owner) => return Ok(owner),
                Err(Some(refusal)) => return Err((refusal, entry)),
                // Somebody else's entry came or went meanwhile.
                Err(None) => {}
            }
        }
    }

    /// Inserts and links, if the bucket is still as it is `expected` to be.
    fn enter(
        &self,
        hash: u64,
        entry: &Shared<K, V>,
        process: &Arc<dyn AnyProcess>,
        expected: Option<&[Shared<K, V>]>,
    ) -> Entered {
        let pid = process.pid();
        let mut holders = self.holders(pid).lock();
        let Some(owner) = holders.owner.clone() else { return Err(Some(Refusal::Down)) };
        {
            let mut shard = self.shard(hash).write();
            if expected.is_some_and(|expected| !same(expected, shard.bucket(hash))) {
                return Err(None);
            }
            shard.insert(hash, Arc::clone(entry));
        }
        if let Some(known) = holders.by_pid.get_mut(&pid) {
            known.entries.insert(entry.serial, hash);
            return Ok(Peer::new(owner));
        }
        if let Err(refusal) = link(&owner, process) {
            let taken_back = self.shard(hash).write().remove(hash, pid, entry.serial);
            drop(holders);
            drop(taken_back);
            return Err(Some(refusal));
        }
        let entries = BTreeMap::from([(entry.serial, hash)]);
        holders.by_pid.insert(pid, Holder { process: Arc::clone(process), entries });
        Ok(Peer::new(owner))
    }

    /// Removes entries of one process; with its last one here, the link goes too (R2.5).
    pub(super) fn remove(&self, hash: u64, pid: Pid, serials: impl Iterator<Item = u64>) {
        let mut removed = Vec::new();
        let mut holders = self.holders(pid).lock();
        let owner = holders.owner.clone();
        if let Some(holder) = holders.by_pid.get_mut(&pid) {
            {
                let mut shard = self.shard(hash).write();
                for serial in serials {
                    holder.entries.remove(&serial);
                    removed.extend(shard.remove(hash, pid, serial));
                }
            }
            if holder.entries.is_empty() {
                if let Some(owner) = owner {
                    holder.process.remove_link(owner.pid());
                    owner.remove_link(pid);
                }
                holders.by_pid.remove(&pid);
            }
        }
        drop(holders);
        drop(removed);
    }

    /// Removes all that a dead process has left (R1.4). The living keep theirs: an exit can be sent by anybody.
    pub(super) fn forget(&self, pid: Pid) {
        let mut holders = self.holders(pid).lock();
        let Some(holder) = holders.by_pid.get(&pid) else { return };
        if holder.process.exit_reason().is_none() {
            return;
        }
        let holder = holders.by_pid.remove(&pid);
        drop(holders);
        let entries = holder.map(|holder| holder.entries).unwrap_or_default();
        for (serial, hash) in entries {
            let removed = self.shard(hash).write().remove(hash, pid, serial);
            discard(removed);
        }
    }

    /// Puts another value into an entry. False if the entry is gone.
    pub(super) fn replace(&self, hash: u64, entry: Entry<K, V>) -> bool {
        let entry = Arc::new(entry);
        let replaced = self.shard(hash).write().replace(hash, entry);
        replaced.is_ok()
    }

    /// All entries whose key has this hash.
    pub(super) fn bucket(&self, hash: u64) -> Vec<Shared<K, V>> {
        self.shard(hash).read().bucket(hash).to_vec()
    }

    /// As [`bucket`](Self::bucket), split so that the usual single entry costs no allocation.
    #[inline]
    pub(super) fn first_and_others(&self, hash: u64) -> Option<Split<K, V>> {
        let shard = self.shard(hash).read();
        let (first, others) = shard.bucket(hash).split_first()?;
        Some((Arc::clone(first), others.to_vec()))
    }

    /// Those that one process holds.
    pub(super) fn held(&self, hash: u64, pid: Pid) -> Vec<Shared<K, V>> {
        self.shard(hash).read().held(hash, pid).to_vec()
    }

    /// All that one process holds here, oldest first.
    pub(super) fn held_by(&self, pid: Pid) -> Vec<Shared<K, V>> {
        let entries = match self.holders(pid).lock().by_pid.get(&pid) {
            Some(holder) => holder.entries.clone(),
            None => return Vec::new(),
        };
        let find = |(serial, hash): (u64, u64)| self.shard(hash).read().get(hash, pid, serial).cloned();
        entries.into_iter().filter_map(find).collect()
    }

    /// All entries, as they are at one moment.
    pub(super) fn snapshot(&self) -> Vec<Shared<K, V>> {
        // Writers hold one of these at a time, so that taking all cannot make a ring.
        let shards: Vec<_> = self.shards.iter().map(|shard| shard.read()).collect();
        shards.iter().flat_map(|shard| shard.all()).cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }
}

/// Links a registrant with the owner of its partition, both ways, in an order in which neither's end is missed.
fn link(owner: &Arc<dyn AnyProcess>, registrant: &Arc<dyn AnyProcess>) -> Result<(), Refusal> {
    if !owner.add_link(Peer::new(Arc::clone(registrant))) {
        return Err(Refusal::Down);
    }
    if !registrant.add_link(Peer::new(Arc::clone(owner))) {
        owner.remove_link(registrant.pid());
        return Err(Refusal::Dead(registrant.pid()));
    }
    // An owner that ends otherwise than by itself may have told its links in between. The link passes one signal in all.
    if let Some(reason) = owner.exit_reason() {
        Arc::clone(registrant).exit_signal(owner.pid(), reason, true);
    }
    Ok(())
}

fn same<K, V>(one: &[Shared<K, V>], other: &[Shared<K, V>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// Drops an entry, whose key and value are the user's: each by itself, as two panics in one unwinding would end the program.
pub(super) fn discard<T>(entry: T) {
    if let Err(panic) = Panic::catch(|| drop(entry)) {
        log::error!("an entry of a registry panicked while it was dropped: {}", panic.message());
    }
}

fn index(number: u64) -> usize {
    // The remainder is below SHARDS, whatever the width of usize.
    #[allow(clippy::cast_possible_truncation, reason = "a remainder of 16")]
    let index = (number % SHARDS as u64) as usize;
    index
}

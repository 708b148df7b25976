//! Locks by key: one line for each key that is locked right now.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::task::Waker;

use super::line::{Left, Line, Ticket, Turn};
use super::shard::Hashed;
use crate::process::AnyProcess;
use crate::runtime::Runtime;
use crate::signal::Down;
use crate::sync::{Arc, Mutex};
use crate::{ExitReason, LockError, MonitorRef, Peer};

/// The locks of keys, by the hash of the key.
type Lines<K> = HashMap<u64, Vec<Arc<Lock<K>>>, BuildHasherDefault<Hashed>>;

/// The locks of one partition.
pub(super) struct Locks<K> {
    lines: Mutex<Lines<K>>,
    watched: Mutex<Watched<K>>,
}

/// What the partition's owner listens for: the end of holders whose callback does not return, which nobody else would tell
/// those who wait.
struct Watched<K> {
    owner: Option<Arc<dyn AnyProcess>>,
    holders: BTreeMap<MonitorRef, Arc<Lock<K>>>,
}

pub(super) struct Lock<K> {
    hash: u64,
    key: K,
    line: Mutex<Line>,
    /// The monitor on the holder, while somebody waits.
    monitor: Mutex<Option<(MonitorRef, Peer)>>,
}

impl<K: Eq> Locks<K> {
    pub(super) fn new() -> Self {
        Self { lines: Mutex::default(), watched: Mutex::new(Watched { owner: None, holders: BTreeMap::new() }) }
    }

    pub(super) fn open(&self, owner: &Arc<dyn AnyProcess>) {
        let before = {
            let mut watched = self.watched.lock();
            watched.owner = Some(Arc::clone(owner));
            std::mem::take(&mut watched.holders)
        };
        for lock in before.into_values() {
            // It was the former owner's, and ended with it.
            let _ = lock.monitor.lock().take();
            self.watch(&lock);
        }
    }

    pub(super) fn close(&self) {
        self.watched.lock().owner = None;
    }

    /// Takes the lock, or a place in its line.
    pub(super) fn join(&self, hash: u64, key: K, ticket: &Arc<Ticket>) -> Result<Arc<Lock<K>>, LockError> {
        if self.watched.lock().owner.is_none() {
            return Err(LockError::Down);
        }
        let new = Arc::new(Lock { hash, key, line: Mutex::default(), monitor: Mutex::default() });
        loop {
            // Compared outside the lock: `Eq` is the user's.
            let present = self.lines.lock().get(&hash).cloned().unwrap_or_default();
            let Some(found) = present.iter().find(|lock| lock.key == new.key) else {
                let mut lines = self.lines.lock();
                let bucket = lines.entry(hash).or_default();
                if bucket.len() == present.len() && bucket.iter().zip(&present).all(|(a, b)| Arc::ptr_eq(a, b)) {
                    *new.line.lock() = Line::of(ticket);
                    bucket.push(Arc::clone(&new));
                    return Ok(new);
                }
                continue;
            };
            {
                let mut line = found.line.lock();
                match &line.holder {
                    // Closed a moment ago, and on its way out of the map.
                    None => {
                        std::thread::yield_now();
                        continue;
                    }
                    Some(holder) if ticket.thread.is_some() && holder.blocks(ticket) => {
                        return Err(LockError::HeldByCaller);
                    }
                    Some(_) => line.join(ticket),
                }
            }
            self.watch(found);
            return Ok(Arc::clone(found));
        }
    }

    /// Gives up the lock, or the place in its line.
    pub(super) fn leave(&self, lock: &Arc<Lock<K>>, ticket: &Arc<Ticket>) {
        let left = lock.line.lock().leave(ticket);
        if left.closed {
            let mut lines = self.lines.lock();
            if let Some(bucket) = lines.get_mut(&lock.hash) {
                bucket.retain(|other| !Arc::ptr_eq(other, lock));
                if bucket.is_empty() {
                    lines.remove(&lock.hash);
                }
            }
        }
        self.watch(lock);
        Left::tell(left);
    }

    /// The owner hears of the end of a holder.
    pub(super) fn holder_ended(&self, down: &Down) {
        let Some(lock) = self.watched.lock().holders.remove(&down.monitor) else { return };
        let holder = lock.line.lock().holder.clone();
        if let Some(holder) = holder
            && holder.who.as_ref().is_some_and(|who| who.pid() == down.process)
        {
            self.leave(&lock, &holder);
        }
    }

    /// Has the owner watch the holder, as long as somebody waits.
    fn watch(&self, lock: &Arc<Lock<K>>) {
        let mut monitor = lock.monitor.lock();
        let wanted = {
            let line = lock.line.lock();
            line.holder.as_ref().filter(|_| line.is_contended()).and_then(|holder| holder.who.clone())
        };
        let Some(owner) = self.watched.lock().owner.clone() else { return };
        if let (Some((_, present)), Some(wanted)) = (&*monitor, &wanted)
            && present.pid() == wanted.pid()
        {
            return;
        }
        if let Some((before, holder)) = monitor.take() {
            owner.remove_monitor(before);
            if let Some(holder) = holder.process() {
                holder.remove_watcher(before);
            }
            let watched = self.watched.lock().holders.remove(&before);
            drop(watched);
        }
        let Some(holder) = wanted else { return };
        let engine = Runtime::current_engine();
        let reference = engine.next_monitor();
        self.watched.lock().holders.insert(reference, Arc::clone(lock));
        owner.add_monitor(reference, holder.clone());
        *monitor = Some((reference, holder.clone()));
        let added =
            holder.process().is_some_and(|process| process.add_watcher(reference, Peer::new(Arc::clone(&owner))));
        if !added {
            engine.schedule_some(owner.down(reference, holder.pid(), &ExitReason::NoProc, &engine));
        }
    }
}

#[cfg(test)]
impl<K> Locks<K> {
    /// Whether somebody waits for a key of this hash.
    pub(super) fn is_contended(&self, hash: u64) -> bool {
        let lines = self.lines.lock().get(&hash).cloned().unwrap_or_default();
        lines.iter().any(|lock| lock.line.lock().is_contended())
    }
}

/// A place in the line of a lock, given up when it drops: at the return of the function, at its panic, with its future.
pub(super) struct Place<'a, K: Eq> {
    pub(super) locks: &'a Locks<K>,
    pub(super) lock: Arc<Lock<K>>,
    pub(super) ticket: Arc<Ticket>,
}

impl<K: Eq> Place<'_, K> {
    /// `None`: not yet, and the waker will be called.
    pub(super) fn taken(&self, waker: impl FnOnce() -> Waker) -> Option<Result<(), LockError>> {
        match self.ticket.turn(waker) {
            Turn::Waiting => None,
            Turn::Holding => Some(Ok(())),
            Turn::Skipped => Some(Err(LockError::Dead)),
        }
    }
}

impl<K: Eq> Drop for Place<'_, K> {
    fn drop(&mut self) {
        self.locks.leave(&self.lock, &self.ticket);
    }
}

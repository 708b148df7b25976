//! All living processes of a runtime, by pid.
//!
//! Sending never looks here: an address holds its process. The table keeps processes alive, lists them, and turns a pid
//! back into a process.

use std::collections::HashMap;
use std::thread::Thread;

use crate::Pid;
use crate::process::AnyProcess;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex};

/// Guessed: enough that spawns on a few cores seldom meet, few enough to cost nothing.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<u64, Arc<dyn AnyProcess>, ahash::RandomState>>;

pub(crate) struct Table {
    shards: [Shard; SHARDS],
    closed: AtomicBool,
    /// Who waits for the last process to end.
    waiter: Mutex<Option<Thread>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(HashMap::default())),
            closed: AtomicBool::new(false),
            waiter: Mutex::default(),
        }
    }

    fn shard(&self, pid: Pid) -> &Shard {
        // The remainder is below SHARDS, whatever the width of usize.
        #[allow(clippy::cast_possible_truncation, reason = "a remainder of 16")]
        let index = (pid.serial() % SHARDS as u64) as usize;
        &self.shards[index]
    }

    /// False once the table is closed. Asked under the shard's lock, so that a closer who sweeps the shards after closing
    /// misses nobody.
    pub(crate) fn insert(&self, process: Arc<dyn AnyProcess>) -> bool {
        let mut shard = self.shard(process.pid()).lock();
        if self.closed.load(Ordering::SeqCst) {
            return false;
        }
        shard.insert(process.pid().serial(), process);
        true
    }

    pub(crate) fn remove(&self, pid: Pid) {
        let removed = self.shard(pid).lock().remove(&pid.serial());
        // Outside the lock: it may be the last reference.
        drop(removed);
        if self.closed.load(Ordering::SeqCst)
            && let Some(waiter) = &*self.waiter.lock()
        {
            waiter.unpark();
        }
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<dyn AnyProcess>> {
        let found = self.shard(pid).lock().get(&pid.serial()).cloned();
        found.filter(|process| process.pid() == pid)
    }

    /// All processes, in the order of their pids.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyProcess>> {
        let mut all: Vec<_> = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().values().cloned());
        }
        all.sort_by_key(|process| process.pid());
        all
    }

    /// From now on nothing starts, and this thread is woken by every end.
    pub(crate) fn close(&self) {
        *self.waiter.lock() = Some(std::thread::current());
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().is_empty())
    }
}

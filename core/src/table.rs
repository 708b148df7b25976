//! All living processes of a runtime, by pid.
//!
//! Sending never looks here: an address holds its process. The table keeps processes alive, lists them, and turns a pid
//! back into a process.

use std::collections::HashMap;
use std::thread::Thread;

use crate::Pid;
use crate::process::AnyProcess;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, CachePadded, Latch, Mutex};

/// Guessed: enough that spawns on a few cores seldom meet, few enough to cost nothing.
const SHARDS: usize = 16;

/// The seats a shard begins with. Guessed.
const FIRST_SEATS: usize = 16;

type Found = Arc<dyn AnyProcess>;

/// The pid beside the process, so that a look need not ask it.
type Entry = (Pid, Found);

/// Numbers are given in order, so the low bits of a number are nearly always as good as a hash: each process has a seat by
/// them. Who finds it taken, by one that has lived for long, stands.
struct Shard {
    /// A power of two of them, or none.
    seats: Vec<Option<Entry>>,
    standing: HashMap<u64, Entry, ahash::RandomState>,
    count: usize,
}

impl Shard {
    fn new() -> Self {
        Self { seats: Vec::new(), standing: HashMap::default(), count: 0 }
    }

    fn seat(&mut self, serial: u64) -> Option<&mut Option<Entry>> {
        let last = self.seats.len().checked_sub(1)?;
        // What is cut off is not in the mask.
        #[allow(clippy::cast_possible_truncation, reason = "masked")]
        let at = (serial / SHARDS as u64) as usize & last;
        self.seats.get_mut(at)
    }

    #[inline]
    fn insert(&mut self, pid: Pid, process: Found) {
        self.count += 1;
        match self.seat(pid.serial()) {
            Some(free @ None) => *free = Some((pid, process)),
            _ => self.stand(pid, process),
        }
    }

    #[cold]
    fn stand(&mut self, pid: Pid, process: Found) {
        self.standing.insert(pid.serial(), (pid, process));
        if self.standing.len() > self.seats.len() / 4 {
            let seats = (self.seats.len() * 2).max(FIRST_SEATS);
            let all = Self { seats: (0..seats).map(|_| None).collect(), ..Self::new() };
            for (pid, process) in std::mem::replace(self, all).into_all() {
                self.insert(pid, process);
            }
        }
    }

    fn get(&mut self, pid: Pid) -> Option<Found> {
        if let Some(Some((seated, process))) = self.seat(pid.serial())
            && *seated == pid
        {
            return Some(Arc::clone(process));
        }
        let standing = self.standing.get(&pid.serial()).filter(|(standing, _)| *standing == pid);
        standing.map(|(_, process)| Arc::clone(process))
    }

    fn remove(&mut self, pid: Pid) -> Option<Found> {
        let seat = self.seat(pid.serial());
        let removed = seat.and_then(|seat| seat.take_if(|(seated, _)| *seated == pid));
        let removed = removed.or_else(|| self.standing.remove(&pid.serial()));
        self.count -= usize::from(removed.is_some());
        removed.map(|(_, process)| process)
    }

    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.seats.iter().flatten().chain(self.standing.values())
    }

    fn into_all(self) -> impl Iterator<Item = Entry> {
        self.seats.into_iter().flatten().chain(self.standing.into_values())
    }
}

pub(crate) struct Table {
    shards: [CachePadded<Latch<Shard>>; SHARDS],
    closed: AtomicBool,
    /// Who waits for the last process to end.
    waiter: Mutex<Option<Thread>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| CachePadded(Latch::new(Shard::new()))),
            closed: AtomicBool::new(false),
            waiter: Mutex::default(),
        }
    }

    fn shard(&self, pid: Pid) -> &Latch<Shard> {
        // The remainder is below SHARDS, whatever the width of usize.
        #[allow(clippy::cast_possible_truncation, reason = "a remainder of 16")]
        let index = (pid.serial() % SHARDS as u64) as usize;
        &self.shards[index]
    }

    /// False once the table is closed. Asked under the shard's lock, so that a closer who sweeps the shards after closing
    /// misses nobody.
    pub(crate) fn insert(&self, pid: Pid, process: Arc<dyn AnyProcess>) -> bool {
        let mut shard = self.shard(pid).lock();
        if self.closed.load(Ordering::SeqCst) {
            return false;
        }
        shard.insert(pid, process);
        true
    }

    pub(crate) fn remove(&self, pid: Pid) {
        let removed = self.shard(pid).lock().remove(pid);
        // Outside the lock: it may be the last reference.
        drop(removed);
        if self.closed.load(Ordering::SeqCst)
            && let Some(waiter) = &*self.waiter.lock()
        {
            waiter.unpark();
        }
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<dyn AnyProcess>> {
        self.shard(pid).lock().get(pid)
    }

    /// All processes, in the order of their pids.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyProcess>> {
        let mut all: Vec<_> = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().all().cloned());
        }
        all.sort_by_key(|(pid, _)| *pid);
        all.into_iter().map(|(_, process)| process).collect()
    }

    /// From now on nothing starts, and this thread is woken by every end.
    pub(crate) fn close(&self) {
        *self.waiter.lock() = Some(std::thread::current());
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().count == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::process::AnyProcess;
    use crate::sync::Arc;
    use crate::{ExitReason, Mailbox, Peer, Pid, Simulation, processes, spawn};

    fn idler() -> Pid {
        spawn(|mailbox: Mailbox<()>| async move { mailbox.receive().await }).pid()
    }

    /// Generations of which some stay: so that seats are found taken, and shards grow.
    #[test]
    fn it_finds_those_that_live_whatever_their_ages() {
        Simulation::new(0).run(|simulation| {
            let mut living = BTreeMap::new();
            let mut dead = Vec::new();
            for (generation, stride) in [1, 2, 7, 16, 64, 256, 1024, 3].into_iter().enumerate() {
                for n in 0..3_000_u64 {
                    let pid = idler();
                    if n % stride == 0 {
                        living.insert(pid, generation);
                    } else {
                        Peer::from(pid).exit(ExitReason::Kill);
                        dead.push(pid);
                    }
                }
                simulation.run_until_idle();
                // Of the oldest, every third goes.
                let gone: Vec<_> = living.keys().copied().take(1_000).step_by(3).collect();
                for pid in gone {
                    Peer::from(pid).exit(ExitReason::Kill);
                    living.remove(&pid);
                    dead.push(pid);
                }
                simulation.run_until_idle();
                assert_eq!(processes(), living.keys().copied().collect::<Vec<_>>(), "generation {generation}");
                for pid in living.keys() {
                    assert_eq!(Peer::from(*pid).process().map(|process| process.pid()), Some(*pid));
                }
                assert!(dead.iter().all(|pid| Peer::from(*pid).process().is_none()));
            }
        });
    }

    #[test]
    fn a_shard_keeps_each_once_and_gives_each_back_once() {
        Simulation::new(0).run(|_| {
            let table = super::Table::new();
            let all: Vec<Arc<dyn AnyProcess>> = (0..2_000).filter_map(|_| Peer::from(idler()).into_process()).collect();
            // In both orders, so that those with the higher numbers are there first.
            for pass in 0..2 {
                for at in 0..all.len() {
                    let process = &all[if pass == 0 { at } else { all.len() - 1 - at }];
                    assert!(table.insert(process.pid(), Arc::clone(process)));
                }
                assert_eq!(table.all().len(), all.len());
                for process in &all {
                    assert!(table.get(process.pid()).is_some());
                    table.remove(process.pid());
                    assert!(table.get(process.pid()).is_none());
                    table.remove(process.pid());
                }
                assert!(table.is_empty());
            }
        });
    }
}

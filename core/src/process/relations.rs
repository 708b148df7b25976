//! Who is tied to a process: its links, the monitors it holds and those who watch it.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use super::peer::Peer;
use crate::sync::Arc;
use crate::{ExitReason, MonitorRef, Pid};

/// Who hears of a process's end without being a process: what waits for its result.
pub(crate) trait Observer: Send + Sync {
    /// The process has ended; its links and monitors are about to be told.
    fn ending(&self, process: Pid);
    /// All others have been told.
    fn ended(&self, reason: &ExitReason);
}

/// Nothing is allocated until the first tie. The order of each kind is that of the keys, so that a simulated run
/// tells the same peers in the same order every time.
#[derive(Default)]
pub(crate) struct Relations {
    ties: Option<Box<Ties>>,
    observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ties.fmt(f)
    }
}

#[derive(Debug, Default)]
struct Ties {
    links: Sorted<Pid, Peer>,
    /// Monitors this process holds on others.
    monitors: Sorted<MonitorRef, Peer>,
    /// Monitors others hold on this process.
    watchers: Sorted<MonitorRef, Peer>,
}

impl Relations {
    fn ties(&mut self) -> &mut Ties {
        self.ties.get_or_insert_default()
    }

    /// At most one, set before the process begins.
    pub(crate) fn observe(&mut self, observer: Arc<dyn Observer>) {
        self.observer = Some(observer);
    }

    pub(crate) fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.as_ref()
    }

    /// Adds a link; at most one for each pair (P5.1).
    pub(crate) fn link(&mut self, peer: Peer) {
        self.ties().links.insert(peer.pid(), peer);
    }

    pub(crate) fn is_linked(&self, pid: Pid) -> bool {
        self.ties.as_ref().is_some_and(|ties| ties.links.contains(pid))
    }

    /// Whether there was such a link.
    pub(crate) fn unlink(&mut self, pid: Pid) -> bool {
        self.ties.as_mut().is_some_and(|ties| ties.links.remove(pid).is_some())
    }

    pub(crate) fn add_monitor(&mut self, monitor: MonitorRef, target: Peer) {
        self.ties().monitors.insert(monitor, target);
    }

    pub(crate) fn remove_monitor(&mut self, monitor: MonitorRef) -> Option<Peer> {
        self.ties.as_mut()?.monitors.remove(monitor)
    }

    pub(crate) fn add_watcher(&mut self, monitor: MonitorRef, watcher: Peer) {
        self.ties().watchers.insert(monitor, watcher);
    }

    pub(crate) fn remove_watcher(&mut self, monitor: MonitorRef) -> bool {
        self.ties.as_mut().is_some_and(|ties| ties.watchers.remove(monitor).is_some())
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = (&Pid, &Peer)> {
        self.ties.iter().flat_map(|ties| ties.links.iter())
    }

    pub(crate) fn monitors(&self) -> impl Iterator<Item = (&MonitorRef, &Peer)> {
        self.ties.iter().flat_map(|ties| ties.monitors.iter())
    }

    pub(crate) fn watchers(&self) -> impl Iterator<Item = (&MonitorRef, &Peer)> {
        self.ties.iter().flat_map(|ties| ties.watchers.iter())
    }
}

/// A map in the order of its keys: in place while there is one, as in most children of a supervisor, a row while it is small, a
/// hash table when it is large. So the end of one of a supervisor's hundred thousand children costs the same as that of one of
/// a hundred; they are put in order where they are all looked at.
#[derive(Debug)]
enum Sorted<K, V> {
    One((K, V)),
    /// Keys rise with time, so an insertion is nearly always a push.
    Row(Vec<(K, V)>),
    Many(HashMap<K, V, ahash::RandomState>),
}

/// Guessed: a few cache lines to move at most.
const LONGEST_ROW: usize = 32;

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::Row(Vec::new())
    }
}

impl<K: Ord + Hash + Copy, V> Sorted<K, V> {
    /// Keeps what is there already.
    fn insert(&mut self, key: K, value: V) {
        match self {
            Self::Row(row) if row.is_empty() => *self = Self::One((key, value)),
            Self::One((only, _)) if *only == key => {}
            Self::One(_) => {
                if let Self::One(first) = std::mem::take(self) {
                    let second = (key, value);
                    *self = Self::Row(if first.0 < key { vec![first, second] } else { vec![second, first] });
                }
            }
            Self::Row(row) => {
                if let Err(at) = row.binary_search_by_key(&key, |entry| entry.0) {
                    row.insert(at, (key, value));
                }
                if row.len() > LONGEST_ROW {
                    *self = Self::Many(std::mem::take(row).into_iter().collect());
                }
            }
            Self::Many(many) => {
                many.entry(key).or_insert(value);
            }
        }
    }

    fn contains(&self, key: K) -> bool {
        match self {
            Self::One((only, _)) => *only == key,
            Self::Row(row) => row.binary_search_by_key(&key, |entry| entry.0).is_ok(),
            Self::Many(many) => many.contains_key(&key),
        }
    }

    fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::One((only, _)) if *only == key => match std::mem::take(self) {
                Self::One((_, value)) => Some(value),
                Self::Row(_) | Self::Many(_) => None,
            },
            Self::One(_) => None,
            Self::Row(row) => {
                let at = row.binary_search_by_key(&key, |entry| entry.0).ok()?;
                Some(row.remove(at).1)
            }
            Self::Many(many) => {
                let value = many.remove(&key);
                // It stays until it is empty: a size that goes up and down does not make it a row each time.
                if many.is_empty() {
                    *self = Self::default();
                }
                value
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (row, many) = match self {
            Self::One(only) => (std::slice::from_ref(only), Vec::new()),
            Self::Row(row) => (row.as_slice(), Vec::new()),
            Self::Many(many) => {
                let mut all: Vec<_> = many.iter().collect();
                all.sort_unstable_by_key(|(key, _)| **key);
                (&[][..], all)
            }
        };
        row.iter().map(|(key, value)| (key, value)).chain(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_map_at_every_size() {
        for size in [0, 1, 2, LONGEST_ROW, LONGEST_ROW + 1, 10 * LONGEST_ROW] {
            let mut sorted = Sorted::default();
            let keys = || (0..size).map(|key| key * 7 % size);
            for key in keys() {
                sorted.insert(key, key + 1);
                sorted.insert(key, 0);
            }
            let expected: Vec<_> = (0..size).map(|key| (key, key + 1)).collect();
            assert_eq!(sorted.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), expected, "{size}");
            for key in keys() {
                assert!(sorted.contains(key), "{key} of {size}");
                assert_eq!((sorted.remove(key), sorted.remove(key)), (Some(key + 1), None), "{key} of {size}");
                assert!(!sorted.contains(key), "{key} of {size}");
            }
            assert_eq!(sorted.iter().count(), 0);
            assert!(matches!(sorted, Sorted::Row(_)), "{size}");
        }
    }
}

//! Who is tied to a process: its links, the monitors it holds and those who watch it.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use super::lineage::{Ancestor, Client, Origin};
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

/// One end of a tie between two processes, with who is at the other.
#[derive(Debug)]
pub(crate) enum Tie {
    Link(Peer),
    /// A monitor this process holds on the other.
    Monitor(MonitorRef, Peer),
    /// A monitor the other holds on this process.
    Watcher(MonitorRef, Peer),
}

/// The only tie is kept in place: most processes have one, to who started them.
#[derive(Debug, Default)]
pub(crate) enum Relations {
    #[default]
    None,
    One(Tie),
    Many(Box<Ties>),
}

/// The order of each kind is that of the keys, so that a simulated run tells the same peers in the same order every time.
#[derive(Default)]
pub(crate) struct Ties {
    links: Sorted<Pid, Peer>,
    monitors: Sorted<MonitorRef, Peer>,
    watchers: Sorted<MonitorRef, Peer>,
    observer: Option<Arc<dyn Observer>>,
    /// Whom the result is for.
    client: Client,
}

impl Ties {
    fn add(&mut self, tie: Tie) {
        match tie {
            Tie::Link(peer) => self.links.insert(peer.pid(), peer),
            Tie::Monitor(monitor, target) => self.monitors.insert(monitor, target),
            Tie::Watcher(monitor, watcher) => self.watchers.insert(monitor, watcher),
        }
    }
}

impl fmt::Debug for Ties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { links, monitors, watchers, .. } = self;
        let (links, monitors, watchers) = (links.keys(), monitors.keys(), watchers.keys());
        f.debug_struct("Ties")
            .field("links", &links)
            .field("monitors", &monitors)
            .field("watchers", &watchers)
            .finish_non_exhaustive()
    }
}

impl Relations {
    /// Adds one; at most one link for each pair (P5.1).
    #[inline]
    pub(crate) fn add(&mut self, tie: Tie) {
        self.add_with(|| tie);
    }

    /// As [`add`](Self::add), made in its place.
    #[inline]
    pub(crate) fn add_with(&mut self, tie: impl FnOnce() -> Tie) {
        if let Self::None = self {
            *self = Self::One(tie());
        } else {
            self.add_another(tie());
        }
    }

    #[inline(never)]
    fn add_another(&mut self, tie: Tie) {
        self.change(|ties| ties.add(tie));
    }

    fn change(&mut self, change: impl FnOnce(&mut Ties)) {
        let mut ties = match std::mem::take(self) {
            Self::None => Box::default(),
            Self::One(only) => {
                let mut ties = Box::<Ties>::default();
                ties.add(only);
                ties
            }
            Self::Many(ties) => ties,
        };
        change(&mut ties);
        *self = Self::Many(ties);
    }

    /// At most one, set before the process begins.
    pub(crate) fn observe(&mut self, observer: Arc<dyn Observer>, client: Client) {
        self.change(|ties| (ties.observer, ties.client) = (Some(observer), client));
    }

    /// Whom it works for, if it is a task of this origin, and whom that one works for in turn (T1.4).
    pub(crate) fn callers(&self, origin: &Origin) -> Vec<Ancestor> {
        match self {
            Self::Many(ties) if ties.observer.is_some() => ties.client.callers(origin),
            _ => Vec::new(),
        }
    }

    pub(crate) fn take_observer(&mut self) -> Option<Arc<dyn Observer>> {
        match self {
            Self::Many(ties) => ties.observer.take(),
            Self::None | Self::One(_) => None,
        }
    }

    pub(crate) fn is_linked(&self, pid: Pid) -> bool {
        match self {
            Self::One(Tie::Link(peer)) => peer.pid() == pid,
            Self::Many(ties) => ties.links.contains(pid),
            _ => false,
        }
    }

    /// Whether there was such a link.
    pub(crate) fn unlink(&mut self, pid: Pid) -> bool {
        match self {
            Self::One(Tie::Link(peer)) if peer.pid() == pid => {
                *self = Self::None;
                true
            }
            Self::Many(ties) => ties.links.remove(pid).is_some(),
            _ => false,
        }
    }

    /// Who was watched by it, if it was there.
    #[inline]
    pub(crate) fn remove_monitor(&mut self, monitor: MonitorRef) -> Option<Peer> {
        match self {
            Self::One(Tie::Monitor(only, _)) if *only == monitor => match std::mem::take(self) {
                Self::One(Tie::Monitor(_, target)) => Some(target),
                _ => None,
            },
            Self::Many(ties) => ties.monitors.remove(monitor),
            _ => None,
        }
    }

    pub(crate) fn remove_watcher(&mut self, monitor: MonitorRef) -> bool {
        match self {
            Self::One(Tie::Watcher(only, _)) if *only == monitor => {
                *self = Self::None;
                true
            }
            Self::Many(ties) => ties.watchers.remove(monitor).is_some(),
            _ => false,
        }
    }

    pub(crate) fn links(&self) -> Vec<Pid> {
        match self {
            Self::One(Tie::Link(peer)) => vec![peer.pid()],
            Self::Many(ties) => ties.links.keys(),
            _ => Vec::new(),
        }
    }

    /// Who is monitored, once for each monitor.
    pub(crate) fn monitored(&self) -> Vec<Pid> {
        match self {
            Self::One(Tie::Monitor(_, target)) => vec![target.pid()],
            Self::Many(ties) => ties.monitors.peers(),
            _ => Vec::new(),
        }
    }

    /// Who monitors this process, once for each monitor.
    pub(crate) fn watchers(&self) -> Vec<Pid> {
        match self {
            Self::One(Tie::Watcher(_, watcher)) => vec![watcher.pid()],
            Self::Many(ties) => ties.watchers.peers(),
            _ => Vec::new(),
        }
    }

    /// All ties: the monitors it holds, then who watches it, then the links.
    pub(crate) fn part(self, mut each: impl FnMut(Tie)) {
        match self {
            Self::None => {}
            Self::One(tie) => each(tie),
            Self::Many(ties) => {
                let Ties { links, monitors, watchers, .. } = *ties;
                monitors.into_row().for_each(|(monitor, target)| each(Tie::Monitor(monitor, target)));
                watchers.into_row().for_each(|(monitor, watcher)| each(Tie::Watcher(monitor, watcher)));
                links.into_row().for_each(|(_, peer)| each(Tie::Link(peer)));
            }
        }
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

    fn into_row(self) -> impl Iterator<Item = (K, V)> {
        let (only, row) = match self {
            Self::One(only) => (Some(only), Vec::new()),
            Self::Row(row) => (None, row),
            Self::Many(many) => {
                let mut all: Vec<_> = many.into_iter().collect();
                all.sort_unstable_by_key(|(key, _)| *key);
                (None, all)
            }
        };
        only.into_iter().chain(row)
    }

    fn keys(&self) -> Vec<K> {
        self.iter().map(|(key, _)| *key).collect()
    }
}

impl<K: Ord + Hash + Copy> Sorted<K, Peer> {
    fn peers(&self) -> Vec<Pid> {
        self.iter().map(|(_, peer)| peer.pid()).collect()
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

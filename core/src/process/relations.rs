//! Who is tied to a process: its links, the monitors it holds and those who watch it.

use super::peer::Peer;
use crate::{MonitorRef, Pid};

/// Nothing is allocated until the first tie. The order of each kind is that of the keys, so that a simulated run
/// tells the same peers in the same order every time.
#[derive(Debug, Default)]
pub(crate) struct Relations(Option<Box<Ties>>);

#[derive(Debug, Default)]
struct Ties {
    links: Sorted<Pid>,
    /// Monitors this process holds on others.
    monitors: Sorted<MonitorRef>,
    /// Monitors others hold on this process.
    watchers: Sorted<MonitorRef>,
}

impl Relations {
    fn ties(&mut self) -> &mut Ties {
        self.0.get_or_insert_default()
    }

    /// Adds a link; at most one for each pair (P5.1).
    pub(crate) fn link(&mut self, peer: Peer) {
        self.ties().links.insert(peer.pid(), peer);
    }

    pub(crate) fn is_linked(&self, pid: Pid) -> bool {
        self.links().binary_search_by_key(&pid, |entry| entry.0).is_ok()
    }

    /// Whether there was such a link.
    pub(crate) fn unlink(&mut self, pid: Pid) -> bool {
        self.0.as_mut().is_some_and(|ties| ties.links.remove(pid).is_some())
    }

    pub(crate) fn add_monitor(&mut self, monitor: MonitorRef, target: Peer) {
        self.ties().monitors.insert(monitor, target);
    }

    pub(crate) fn remove_monitor(&mut self, monitor: MonitorRef) -> Option<Peer> {
        self.0.as_mut()?.monitors.remove(monitor)
    }

    pub(crate) fn add_watcher(&mut self, monitor: MonitorRef, watcher: Peer) {
        self.ties().watchers.insert(monitor, watcher);
    }

    pub(crate) fn remove_watcher(&mut self, monitor: MonitorRef) -> bool {
        self.0.as_mut().is_some_and(|ties| ties.watchers.remove(monitor).is_some())
    }

    pub(crate) fn links(&self) -> &[(Pid, Peer)] {
        self.0.as_ref().map_or(&[], |ties| &ties.links.0)
    }

    pub(crate) fn monitors(&self) -> &[(MonitorRef, Peer)] {
        self.0.as_ref().map_or(&[], |ties| &ties.monitors.0)
    }

    pub(crate) fn watchers(&self) -> &[(MonitorRef, Peer)] {
        self.0.as_ref().map_or(&[], |ties| &ties.watchers.0)
    }
}

/// A small map. Keys rise with time, so an insertion is nearly always a push.
#[derive(Debug)]
struct Sorted<K>(Vec<(K, Peer)>);

impl<K> Default for Sorted<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy> Sorted<K> {
    fn insert(&mut self, key: K, peer: Peer) {
        if let Err(at) = self.0.binary_search_by_key(&key, |entry| entry.0) {
            self.0.insert(at, (key, peer));
        }
    }

    fn remove(&mut self, key: K) -> Option<Peer> {
        let at = self.0.binary_search_by_key(&key, |entry| entry.0).ok()?;
        Some(self.0.remove(at).1)
    }
}

//! Who is tied to a process: its links, the monitors it holds and those who watch it.

use std::fmt;

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
    links: Sorted<Pid>,
    /// Monitors this process holds on others.
    monitors: Sorted<MonitorRef>,
    /// Monitors others hold on this process.
    watchers: Sorted<MonitorRef>,
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

    pub(crate) fn links(&self) -> &[(Pid, Peer)] {
        self.ties.as_ref().map_or(&[], |ties| &ties.links.0)
    }

    pub(crate) fn monitors(&self) -> &[(MonitorRef, Peer)] {
        self.ties.as_ref().map_or(&[], |ties| &ties.monitors.0)
    }

    pub(crate) fn watchers(&self) -> &[(MonitorRef, Peer)] {
        self.ties.as_ref().map_or(&[], |ties| &ties.watchers.0)
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

//! The registries of a runtime, to be found by the name of their process.

use std::any::Any;
use std::collections::HashMap;

use super::inside::Inside;
use super::{RegistryKey, RegistryValue};
use crate::sync::{Arc, Mutex, Weak};
use crate::{Peer, Pid};

/// Which registry a process stands for. Holds nothing alive.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<HashMap<Pid, Weak<dyn Any + Send + Sync>, ahash::RandomState>>);

impl Shelf {
    pub(super) fn put<K: RegistryKey, V: RegistryValue>(&self, process: &Peer, registry: &Arc<Inside<K, V>>) {
        let registry: Weak<Inside<K, V>> = Arc::downgrade(registry);
        let mut shelf = self.0.lock();
        // As many are swept out as are put in, in the long run.
        shelf.retain(|_, one| one.strong_count() > 0);
        shelf.insert(process.pid(), registry);
    }

    /// `None` also for a registry of other types.
    pub(super) fn get<K: RegistryKey, V: RegistryValue>(&self, process: &Peer) -> Option<Arc<Inside<K, V>>> {
        let found = self.0.lock().get(&process.pid()).and_then(Weak::upgrade)?;
        found.downcast().ok()
    }
}

//! The registries of a runtime, to be found by the name of their supervisor.

use std::any::Any;
use std::collections::HashMap;

use super::inside::Inside;
use super::{RegistryKey, RegistryValue};
use crate::Pid;
use crate::sync::{Arc, Mutex, Weak};

/// Which registry a supervisor belongs to. Holds nothing alive.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<HashMap<Pid, Weak<dyn Any + Send + Sync>, ahash::RandomState>>);

impl Shelf {
    pub(super) fn put<K: RegistryKey, V: RegistryValue>(&self, supervisor: Pid, registry: &Arc<Inside<K, V>>) {
        let registry: Weak<Inside<K, V>> = Arc::downgrade(registry);
        let mut known = self.0.lock();
        // As many are swept out as are put in, in the long run.
        known.retain(|_, one| one.strong_count() > 0);
        known.insert(supervisor, registry);
    }

    /// `None` also for a registry of other types.
    pub(super) fn get<K: RegistryKey, V: RegistryValue>(&self, supervisor: Pid) -> Option<Arc<Inside<K, V>>> {
        let found = self.0.lock().get(&supervisor).and_then(Weak::upgrade)?;
        found.downcast().ok()
    }
}

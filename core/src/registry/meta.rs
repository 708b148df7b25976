//! What a registry knows of itself, apart from its keys.

use std::any::Any;

use super::{RegistryKey, RegistryRef, RegistryValue};
use crate::sync::Arc;

impl<K: RegistryKey, V: RegistryValue> RegistryRef<K, V> {
    /// A value that belongs to the registry as a whole. `None` also if it is of another type.
    ///
    /// ```
    /// use genstage_core::Registry;
    ///
    /// let rooms = Registry::<String, u32>::unique().meta("limit", 10_u64).start_link()?;
    /// assert_eq!(rooms.meta("limit"), Some(10_u64));
    /// rooms.put_meta("limit", "none");
    /// assert_eq!(rooms.meta("limit"), Some("none"));
    /// rooms.delete_meta("limit");
    /// assert_eq!(rooms.meta::<u64>("limit"), None);
    /// # rooms.stop().unwrap();
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn meta<T: Any + Clone + Send + Sync>(&self, key: &str) -> Option<T> {
        let value = self.inside.meta.read().get(key).cloned()?;
        value.downcast_ref().cloned()
    }

    /// Puts a value there, from any process or thread, in the place of what was there before.
    pub fn put_meta<T: Any + Clone + Send + Sync>(&self, key: &str, value: T) {
        let before = self.inside.meta.write().insert(Arc::from(key), Arc::new(value));
        // Outside the lock: it is the user's.
        drop(before);
    }

    /// Takes it away. Nothing happens if it is not there.
    pub fn delete_meta(&self, key: &str) {
        let before = self.inside.meta.write().remove(key);
        drop(before);
    }
}

//! The dictionary of a process: a map that nobody else can change, keyed by type.
//!
//! Specification: P11. Each value is shared (`Arc`), so that it is cloned, shown and dropped outside the process's lock: all
//! three are the user's code.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt::Debug;

use super::any::AnyProcess;
use super::{Peer, current};
use crate::reason::Panic;
use crate::sync::Arc;

/// What a dictionary can hold: anything that can be cloned and shown, and owns what it is made of.
///
/// Implemented for everything that can; there is nothing to write. Wrap in an `Arc` what is dear to clone.
pub trait Entry: Any + Clone + Debug + Send + Sync {}

impl<T: Any + Clone + Debug + Send + Sync> Entry for T {}

#[derive(Debug, Default)]
pub(crate) struct Dictionary(BTreeMap<TypeId, Value>);

#[derive(Clone)]
pub(crate) struct Value {
    name: &'static str,
    shared: Arc<dyn Any + Send + Sync>,
    show: fn(&(dyn Any + Send + Sync)) -> String,
}

/// Not the value: that is the user's code.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Value {
    fn new<T: Entry>(value: T) -> Self {
        Self { name: type_name::<T>(), shared: Arc::new(value), show: show::<T> }
    }

    /// The user's value, out of our hands.
    fn into_inner<T: Entry>(self) -> Option<T> {
        self.shared.downcast().ok().map(Arc::unwrap_or_clone)
    }
}

fn show<T: Entry>(value: &(dyn Any + Send + Sync)) -> String {
    let shown = Panic::catch(|| value.downcast_ref::<T>().map(|value| format!("{value:?}")));
    shown.ok().flatten().unwrap_or_else(|| "(its debug form panicked)".to_owned())
}

impl Dictionary {
    /// The values, to be shown or dropped outside the lock.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.0.values().cloned().collect()
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = Value> {
        self.0.into_values()
    }
}

/// Types and debug forms, in the order of the types' names.
pub(crate) fn shown(values: &[Value]) -> Vec<(&'static str, String)> {
    let mut shown: Vec<_> = values.iter().map(|value| (value.name, (value.show)(&*value.shared))).collect();
    shown.sort();
    shown
}

fn edit<R>(process: &dyn AnyProcess, change: impl FnOnce(&mut Dictionary) -> R) -> Option<R> {
    let mut change = Some(change);
    let mut result = None;
    process.edit_rare(&mut |rare| result = change.take().map(|change| change(&mut rare.dictionary)));
    result
}

pub(crate) fn put_in<T: Entry>(process: &dyn AnyProcess, value: T) -> Option<T> {
    let value = Value::new(value);
    edit(process, |dictionary| dictionary.0.insert(TypeId::of::<T>(), value))??.into_inner()
}

pub(crate) fn get_from<T: Entry>(process: &dyn AnyProcess) -> Option<T> {
    let mut found = None;
    process.read_rare(&mut |rare| found = rare.dictionary.0.get(&TypeId::of::<T>()).cloned());
    found?.into_inner()
}

pub(crate) fn delete_from<T: Entry>(process: &dyn AnyProcess) -> Option<T> {
    let mut found = false;
    process.read_rare(&mut |rare| found = rare.dictionary.0.contains_key(&TypeId::of::<T>()));
    if !found {
        return None;
    }
    edit(process, |dictionary| dictionary.0.remove(&TypeId::of::<T>()))??.into_inner()
}

pub(crate) fn keys_of(process: &dyn AnyProcess) -> Vec<&'static str> {
    let mut keys = Vec::new();
    process.read_rare(&mut |rare| keys = rare.dictionary.0.values().map(|value| value.name).collect());
    keys.sort_unstable();
    keys
}

fn here<R>(work: impl FnOnce(&dyn AnyProcess) -> R) -> Option<R> {
    let peer = Peer::from(current::pid()?);
    peer.process().map(|process| work(&**process))
}

/// Puts a value into the dictionary of the calling process, under its type, and gives the value that was there. From a
/// plain thread, which has none, the value is dropped.
///
/// For code that is called from processes without knowing which, such as a logger; a process itself uses
/// [`Own::put`](crate::Own::put). One look into the table of processes, a short lock and an allocation.
///
/// ```
/// use genstage_core::dictionary;
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct RequestId(u64);
///
/// genstage_core::run(|_me| {
///     assert_eq!(dictionary::put(RequestId(7)), None);
///     assert_eq!(dictionary::put(RequestId(8)), Some(RequestId(7)));
///     assert_eq!(dictionary::get(), Some(RequestId(8)));
/// });
/// assert_eq!(dictionary::get::<RequestId>(), None); // a plain thread has none
/// ```
pub fn put<T: Entry>(value: T) -> Option<T> {
    here(|process| put_in(process, value)).flatten()
}

/// A clone of what the calling process has put under this type.
pub fn get<T: Entry>() -> Option<T> {
    here(get_from).flatten()
}

/// Takes what the calling process has put under this type.
pub fn delete<T: Entry>() -> Option<T> {
    here(delete_from).flatten()
}

/// The types the calling process has put values under, by name, in order.
pub fn keys() -> Vec<&'static str> {
    here(keys_of).unwrap_or_default()
}

//! What a process owns and shows to all: found by its pid, without asking it, and gone with it.

use std::any::Any;
use std::collections::HashMap;

use crate::Pid;
use crate::sync::{Arc, Mutex, Weak};

/// Whoever owns a thing holds it; here it is only found.
type Thing = Weak<dyn Any + Send + Sync>;

#[derive(Default)]
pub(crate) struct Owned(Mutex<HashMap<Pid, Thing, ahash::RandomState>>);

impl Owned {
    pub(crate) fn show(&self, owner: Pid, thing: Thing) {
        let mut shown = self.0.lock();
        // Of those that did not hide theirs: as many are swept out as are put in, in the long run.
        shown.retain(|_, thing| thing.strong_count() > 0);
        shown.insert(owner, thing);
    }

    pub(crate) fn hide(&self, owner: Pid) {
        self.0.lock().remove(&owner);
    }

    /// What this process shows, if that is a `T`.
    pub(crate) fn find<T: Any + Send + Sync>(&self, owner: Pid) -> Option<Arc<T>> {
        let thing = self.0.lock().get(&owner).and_then(Weak::upgrade)?;
        thing.downcast().ok()
    }
}

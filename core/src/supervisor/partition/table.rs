//! The partitions as readers see them, who ask nobody.

use std::any::Any;

use super::PartitionError;
use super::resize::Resize;
use super::route::Route;
use crate::supervisor::child::Slot;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex};
use crate::{Address, Peer};

/// The partitions: each child's start puts its handle into its slot (PS3), a resize decides how many of them count.
pub(super) struct Table<H> {
    slots: Vec<Slot<H>>,
    /// How many there are for readers: the first ones.
    shown: AtomicUsize,
    /// Whether the supervisor lives.
    open: AtomicBool,
    /// Who resizes it, once somebody has asked for it.
    pub(super) resizer: Mutex<Option<Address<Resize>>>,
}

impl<H> Table<H> {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            slots: (0..partitions).map(|_| Slot::empty()).collect(),
            shown: AtomicUsize::new(partitions),
            open: AtomicBool::new(true),
            resizer: Mutex::default(),
        }
    }

    pub(super) fn set(&self, index: usize, handle: H) {
        if let Some(slot) = self.slots.get(index) {
            slot.set(handle);
        }
    }

    /// The most there may be (PS5).
    pub(super) fn max(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn shown(&self) -> Result<usize, PartitionError> {
        if self.open.load(Ordering::Acquire) {
            Ok(self.shown.load(Ordering::Acquire))
        } else {
            Err(PartitionError::NoProc)
        }
    }

    /// Sets how many there are for readers; gives how many there were.
    pub(super) fn show(&self, partitions: usize) -> usize {
        self.shown.swap(partitions, Ordering::AcqRel)
    }

    pub(super) fn get(&self, route: Route) -> Result<H, PartitionError>
    where
        H: Clone,
    {
        let index = route.among(self.shown()?).ok_or(PartitionError::NoPartitions)?;
        self.slots.get(index).and_then(Slot::get).ok_or(PartitionError::NotStarted(index))
    }
}

/// A table whose handles are of any type.
pub(super) trait AnyTable: Send + Sync {
    fn peer(&self, route: Route) -> Option<Peer>;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<H> AnyTable for Table<H>
where
    H: Clone + Send + Sync + 'static,
    for<'a> &'a H: Into<Peer>,
{
    fn peer(&self, route: Route) -> Option<Peer> {
        self.get(route).ok().map(|handle| (&handle).into())
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// What the supervisor shows to all.
pub(super) struct Shown(pub(super) Arc<dyn AnyTable>);

/// The supervisor's hold on its table. It is dropped with the start functions of the children, that is with the supervisor's
/// state, before anybody hears of its end.
pub(super) struct Hold<H> {
    pub(super) table: Arc<Table<H>>,
    _shown: Arc<Shown>,
}

impl<H> Hold<H>
where
    H: Clone + Send + Sync + 'static,
    for<'a> &'a H: Into<Peer>,
{
    pub(super) fn new(table: &Arc<Table<H>>, owner: &Peer) -> Self {
        let shown = Arc::new(Shown(Arc::clone(table) as Arc<dyn AnyTable>));
        owner.show(&shown);
        Self { table: Arc::clone(table), _shown: shown }
    }
}

impl<H> Drop for Hold<H> {
    fn drop(&mut self) {
        self.table.open.store(false, Ordering::Release);
    }
}

//! The handle of a supervised child: it finds the present incarnation.

use std::fmt;

use super::spec::ChildId;
use crate::contained::Contained;
use crate::name::Naming;
use crate::sync::{Arc, Mutex};
use crate::{Name, Peer, RegisterError};

/// Where a supervisor puts the present incarnation of a child.
pub(crate) struct Slot<H>(Mutex<Option<Contained<H>>>);

impl<H> Slot<H> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new(None))
    }

    /// The last one, alive or not.
    pub(crate) fn get(&self) -> Option<H>
    where
        H: Clone,
    {
        self.0.lock().as_ref().and_then(Contained::get).cloned()
    }

    pub(crate) fn set(&self, handle: H) {
        let before = self.0.lock().replace(Contained::new(handle));
        // Outside the lock: it may be the user's.
        drop(before);
    }
}

/// A child of a supervisor, whichever incarnation it is in.
///
/// A handle of a process names one incarnation, and says so when that is dead. This one finds the next. Between an end and the
/// restart it finds nobody: what is sent then is lost, as it is in OTP, and never reaches the next incarnation.
pub struct Child<H> {
    id: ChildId,
    slot: Arc<Slot<H>>,
}

impl<H> Child<H>
where
    H: Clone + Send + 'static,
    for<'a> &'a H: Into<Peer>,
{
    pub(crate) fn new(id: ChildId, slot: Arc<Slot<H>>) -> Self {
        Self { id, slot }
    }

    /// The id it has in its supervisor.
    pub fn id(&self) -> &ChildId {
        &self.id
    }

    /// The present incarnation; `None` before the first start and while it is dead.
    pub fn get(&self) -> Option<H> {
        let handle = self.slot.get()?;
        let peer: Peer = (&handle).into();
        peer.is_alive().then_some(handle)
    }

    /// A name that finds it, for whatever takes one.
    pub fn name(&self) -> Name
    where
        H: Sync,
    {
        Name::via(self.clone())
    }
}

impl<H> Clone for Child<H> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), slot: Arc::clone(&self.slot) }
    }
}

impl<H> fmt::Debug for Child<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({})", self.id)
    }
}

impl<H> Naming for Child<H>
where
    H: Clone + Send + Sync + 'static,
    for<'a> &'a H: Into<Peer>,
{
    fn whereis(&self) -> Option<Peer> {
        self.get().map(|handle| (&handle).into())
    }

    /// The supervisor alone says who is its child.
    fn register(&self, _: &Peer) -> Result<(), RegisterError> {
        Err(RegisterError::NotABook(format!("{self:?}")))
    }
}

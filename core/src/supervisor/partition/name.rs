//! A partition as a name, for whatever takes one.

use std::fmt;
use std::hash::Hash;

use super::route::Route;
use super::table::Shown;
use crate::name::Naming;
use crate::supervisor::SupervisorRef;
use crate::{Name, Peer, RegisterError};

impl Name {
    /// The partition that a key belongs to, of the [`PartitionSupervisor`](crate::PartitionSupervisor) with a name.
    ///
    /// Both are looked up at every use, so it finds the partition's next incarnation, and the supervisor's. Nothing can be
    /// registered under it.
    ///
    /// ```
    /// use genstage_core::{ChildSpec, DynamicSupervisor, DynamicSupervisorRef, Mailbox, Name, PartitionSupervisor, spawn_link};
    ///
    /// // Many start children at once: four supervisors share the work.
    /// let sups = PartitionSupervisor::new("sups", |_| DynamicSupervisor::new().start_link()).supervisor().partitions(4);
    /// let sups = sups.start_link()?;
    ///
    /// let user = "ada";
    /// let sup: DynamicSupervisorRef = DynamicSupervisorRef::find(Name::partition("sups", user)).unwrap();
    /// assert_eq!(sup.pid(), sups.get(user)?.pid());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Specification: PS2, PS4.
    pub fn partition<K: Hash + ?Sized>(supervisor: impl Into<Self>, key: &K) -> Self {
        Self::via(Partition { supervisor: supervisor.into(), route: Route::of(key) })
    }
}

struct Partition {
    supervisor: Name,
    route: Route,
}

impl Naming for Partition {
    fn whereis(&self) -> Option<Peer> {
        let supervisor = SupervisorRef::find(&self.supervisor)?;
        let shown = Peer::from(&supervisor).shown::<Shown>()?;
        shown.0.peer(self.route).filter(Peer::is_alive)
    }

    /// The supervisor alone says who is a partition.
    fn register(&self, _: &Peer) -> Result<(), RegisterError> {
        Err(RegisterError::NotABook(format!("{self:?}")))
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a partition of {:?}", self.supervisor)
    }
}

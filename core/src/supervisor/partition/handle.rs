//! A partition supervisor as others know it.

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use super::resize::{self, Resize};
use super::route::Route;
use super::table::{Shown, Table};
use super::{PartitionError, ResizeError};
use crate::process::current;
use crate::supervisor::{ChildCounts, ChildInfo, SupervisorRef};
use crate::sync::Arc;
use crate::{Address, CallError, ExitReason, Name, Peer, Pid, StopError};

/// A [`PartitionSupervisor`](super::PartitionSupervisor) that was started, whose partitions are reached through an `H`. It names
/// one incarnation; cloning costs two reference counts.
pub struct PartitionSupervisorRef<H> {
    pub(super) table: Arc<Table<H>>,
    pub(super) supervisor: SupervisorRef,
}

impl<H> PartitionSupervisorRef<H>
where
    H: Clone + Send + Sync + 'static,
    for<'a> &'a H: Into<Peer>,
{
    /// The partition supervisor under this name, if there is one whose partitions are reached through an `H`.
    ///
    /// ```
    /// use genstage_core::{Address, Mailbox, PartitionSupervisor, PartitionSupervisorRef, spawn_link};
    ///
    /// let start = |_| Ok(spawn_link(|mailbox: Mailbox<u8>| async move { mailbox.receive().await; }));
    /// let sup = PartitionSupervisor::new("workers", start).start_link()?;
    /// let found: Option<PartitionSupervisorRef<Address<u8>>> = PartitionSupervisorRef::find("workers");
    /// assert_eq!(found.map(|found| found.pid()), Some(sup.pid()));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn find(name: impl Into<Name>) -> Option<Self> {
        let supervisor = SupervisorRef::find(name)?;
        let shown = Peer::from(&supervisor).shown::<Shown>()?;
        let table = Arc::clone(&shown.0).into_any().downcast().ok()?;
        Some(Self { table, supervisor })
    }

    /// The partition that this key belongs to. Nobody is asked; right after a partition's end its handle is still the old one, and
    /// what is sent there fails as with any dead process (PS3).
    ///
    /// # Errors
    ///
    /// [`PartitionError`]: the supervisor is dead; it was resized to zero; the partition has ignored its start.
    pub fn get<K: Hash + ?Sized>(&self, key: &K) -> Result<H, PartitionError> {
        self.table.get(Route::of(key))
    }

    /// How many partitions there are. Nobody is asked.
    ///
    /// # Errors
    ///
    /// [`PartitionError::NoProc`].
    pub fn partitions(&self) -> Result<usize, PartitionError> {
        self.table.shown()
    }

    /// Stops partitions, the last ones first, or starts stopped ones again, and gives how many there were. Several resizes at once
    /// are done one after the other.
    ///
    /// A key may belong to another partition afterwards. Readers find none that is not there yet or not there any more.
    ///
    /// # Errors
    ///
    /// [`ResizeError`]: more than there were at the start; one does not start again, and then there are as many as before; the
    /// supervisor is dead.
    ///
    /// Specification: PS5, PS6.
    pub fn resize(&self, partitions: usize) -> Result<usize, ResizeError> {
        self.resizer()?.call_with(Duration::MAX, |reply| (partitions, reply)).map_err(gone)?
    }

    /// As [`resize`](Self::resize), for futures.
    ///
    /// # Errors
    ///
    /// As `resize`.
    pub async fn resize_async(&self, partitions: usize) -> Result<usize, ResizeError> {
        self.resizer()?.request(Duration::MAX, |reply| (partitions, reply)).await.map_err(gone)?
    }

    fn resizer(&self) -> Result<Address<Resize>, CallError> {
        self.table.shown().map_err(|_| CallError::NoProc)?;
        // Who resizes would ask the supervisor, which waits for the caller.
        if self.supervisor.waits_for_caller() || current::pid() == Some(self.pid()) {
            return Err(CallError::CallingSelf);
        }
        Ok(resize::resizer(&self.table, &self.supervisor))
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.supervisor.pid()
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.supervisor.is_alive()
    }

    /// Why it ended; `None` while it runs.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.supervisor.exit_reason()
    }

    /// All partitions, also those stopped by a resize, the last one first; their ids are their indices.
    ///
    /// # Errors
    ///
    /// As [`SupervisorRef::which_children`](crate::SupervisorRef::which_children).
    pub fn which_children(&self) -> Result<Vec<ChildInfo>, CallError> {
        self.supervisor.which_children()
    }

    /// As [`which_children`](Self::which_children), for futures.
    ///
    /// # Errors
    ///
    /// As `which_children`.
    pub async fn which_children_async(&self) -> Result<Vec<ChildInfo>, CallError> {
        self.supervisor.which_children_async().await
    }

    /// How many partitions there are; those stopped by a resize are counted, but not as active (PS6).
    ///
    /// # Errors
    ///
    /// As [`SupervisorRef::count_children`](crate::SupervisorRef::count_children).
    pub fn count_children(&self) -> Result<ChildCounts, CallError> {
        self.supervisor.count_children()
    }

    /// As [`count_children`](Self::count_children), for futures.
    ///
    /// # Errors
    ///
    /// As `count_children`.
    pub async fn count_children_async(&self) -> Result<ChildCounts, CallError> {
        self.supervisor.count_children_async().await
    }

    /// Stops it and its partitions, the last one first, and waits until it is gone; it ends normally.
    ///
    /// # Errors
    ///
    /// As [`SupervisorRef::stop`](crate::SupervisorRef::stop).
    pub fn stop(&self) -> Result<(), StopError> {
        self.supervisor.stop()
    }

    /// As [`stop`](Self::stop), for a reason and within a time.
    ///
    /// # Errors
    ///
    /// As [`SupervisorRef::stop_with`](crate::SupervisorRef::stop_with).
    pub fn stop_with(&self, reason: ExitReason, within: Duration) -> Result<(), StopError> {
        self.supervisor.stop_with(reason, within)
    }

    /// As [`stop`](Self::stop), with a reason, from a future.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        self.supervisor.stop_async(reason).await
    }
}

/// Who resizes ends with the supervisor, and only then.
fn gone(error: CallError) -> CallError {
    match error {
        CallError::Down(_) | CallError::NoReply => CallError::NoProc,
        error => error,
    }
}

impl<H> Clone for PartitionSupervisorRef<H> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), supervisor: self.supervisor.clone() }
    }
}

impl<H> fmt::Debug for PartitionSupervisorRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionSupervisorRef({})", self.supervisor.pid())
    }
}

impl<H> From<&PartitionSupervisorRef<H>> for Peer {
    fn from(supervisor: &PartitionSupervisorRef<H>) -> Self {
        (&supervisor.supervisor).into()
    }
}

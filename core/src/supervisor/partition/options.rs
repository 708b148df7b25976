//! How to start a partition supervisor.

use std::fmt;

use super::resize::id;
use super::table::{Hold, Table};
use super::{InvalidPartitions, MOST_PARTITIONS, PartitionSupervisorRef};
use crate::process::current;
use crate::runtime::Runtime;
use crate::supervisor::start;
use crate::supervisor::{ChildSpec, ChildType, Restart, Shutdown, Started, Strategy, Supervisor};
use crate::sync::Arc;
use crate::{ExitReason, Name, Peer, StartError};

/// A supervisor of copies of one child, among which keys are shared out: the same key always finds the same copy.
///
/// It is there for what is one process and a bottleneck. Its readers ask nobody: [`get`](PartitionSupervisorRef::get)
/// costs the hash of the key and a look into a table.
///
/// ```
/// use genstage_core::{CALL_TIMEOUT, Outcome, PartitionSupervisor, Process, ProcessContext, ReplyTo};
///
/// #[derive(Default)]
/// struct Counter(u64);
///
/// impl Process for Counter {
///     type Message = ReplyTo<u64>;
///
///     fn handle(&mut self, reply: ReplyTo<u64>, _cx: &mut ProcessContext<'_, ReplyTo<u64>>) -> Outcome {
///         self.0 += 1;
///         reply.send(self.0);
///         Outcome::Continue
///     }
/// }
///
/// let counters = PartitionSupervisor::new("counters", |_index| Counter::default().start_link()).partitions(4).start_link()?;
/// assert_eq!(counters.get(&6)?.call_with(CALL_TIMEOUT, |reply| reply), Ok(1));
/// assert_eq!(counters.get(&-2)?.call_with(CALL_TIMEOUT, |reply| reply), Ok(2)); // 6 and -2 share partition 2 of 4
/// assert!(counters.get("ada").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An integer belongs to the partition that is its absolute value modulo their number, also where it is the only field
/// of a type with a derived `Hash`; any other key to that of a hash which is the same on every run.
///
/// Specification: section 9.
#[must_use]
pub struct PartitionSupervisor<H> {
    name: Name,
    supervisor: Supervisor,
    partitions: Option<usize>,
    start: Arc<dyn Fn(usize) -> Started<H> + Send + Sync>,
    restart: Restart,
    shutdown: Shutdown,
    child_type: ChildType,
}

impl<H> PartitionSupervisor<H>
where
    H: Clone + Send + Sync + 'static,
    for<'a> &'a H: Into<Peer>,
{
    /// As many partitions as the runtime has seats, each a permanent worker that the function starts for its index, which counts
    /// from zero.
    pub fn new(name: impl Into<Name>, start: impl Fn(usize) -> Started<H> + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            supervisor: Supervisor::new(Strategy::OneForOne),
            partitions: None,
            start: Arc::new(start),
            restart: Restart::Permanent,
            shutdown: Shutdown::default(),
            child_type: ChildType::Worker,
        }
    }

    /// How many partitions, at least one. By default one for each of the runtime's seats, and one in a simulation.
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Who else is restarted with a partition that failed: by default nobody.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.supervisor = self.supervisor.strategy(strategy);
        self
    }

    /// As [`Supervisor::max_restarts`](crate::Supervisor::max_restarts). By default 3.
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.supervisor = self.supervisor.max_restarts(restarts);
        self
    }

    /// As [`Supervisor::max_seconds`](crate::Supervisor::max_seconds). By default 5.
    pub fn max_seconds(mut self, seconds: u32) -> Self {
        self.supervisor = self.supervisor.max_seconds(seconds);
        self
    }

    /// When a partition is restarted: always, by default. [`Restart::Temporary`] is refused at the start.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How a partition is stopped: by default a worker has five seconds, a supervisor no limit.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// That the partitions are supervisors, which have no time limit to stop.
    pub fn supervisor(mut self) -> Self {
        self.child_type = ChildType::Supervisor;
        self.shutdown = Shutdown::Infinity;
        self
    }

    /// Starts it and its partitions, linked to the calling process.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`](crate::Supervisor::start_link); and [`StartError::Init`] with what
    /// [`InvalidPartitions::of`] shows.
    pub fn start_link(self) -> Result<PartitionSupervisorRef<H>, StartError> {
        let partitions = self.count().map_err(|wrong| StartError::Init(ExitReason::other(wrong)))?;
        let mut made = None;
        let supervisor = start::start_link(|| {
            // Inside the new process, before it has its name: whoever finds it finds the table.
            let owner = current::pid()?;
            let (supervisor, table) = self.make(partitions, &Peer::from(owner));
            made = Some(table);
            Some(supervisor)
        })?;
        let table = made.ok_or(StartError::Ignore)?;
        Ok(PartitionSupervisorRef { table, supervisor })
    }

    /// It as the child of another supervisor: of type supervisor, with its name for an id.
    pub fn child_spec(self) -> ChildSpec<PartitionSupervisorRef<H>> {
        ChildSpec::<PartitionSupervisorRef<H>>::new(self.name.to_string(), move || self.clone().start_link())
            .supervisor()
    }

    /// How many, if that can be.
    fn count(&self) -> Result<usize, InvalidPartitions> {
        let seats = || Runtime::current_engine().seats();
        match self.partitions.unwrap_or_else(seats) {
            _ if self.restart == Restart::Temporary => Err(InvalidPartitions::Temporary),
            0 => Err(InvalidPartitions::None),
            partitions if partitions > MOST_PARTITIONS => Err(InvalidPartitions::TooMany(partitions)),
            partitions => Ok(partitions),
        }
    }

    fn make(&self, partitions: usize, owner: &Peer) -> (Supervisor, Arc<Table<H>>) {
        let table = Arc::new(Table::new(partitions));
        let hold = Arc::new(Hold::new(&table, owner));
        let partition = |index| {
            let (start, hold) = (Arc::clone(&self.start), Arc::clone(&hold));
            let start = move || {
                let handle = start(index)?;
                hold.table.set(index, handle.clone());
                Ok(handle)
            };
            let spec = ChildSpec::<H>::new(id(index), start);
            let spec = if self.child_type == ChildType::Supervisor { spec.supervisor() } else { spec };
            spec.restart(self.restart).shutdown(self.shutdown)
        };
        let specs = (0..partitions).map(partition);
        (self.supervisor.clone().name(&self.name).children(specs), table)
    }
}

impl<H> Clone for PartitionSupervisor<H> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), supervisor: self.supervisor.clone(), start: Arc::clone(&self.start), ..*self }
    }
}

impl<H> fmt::Debug for PartitionSupervisor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("name", &self.name)
            .field("partitions", &self.partitions)
            .field("supervisor", &self.supervisor)
            .finish_non_exhaustive()
    }
}

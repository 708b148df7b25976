//! A consumer that starts a child process for each event.
//!
//! 1. `account` — how many events a producer is asked for, pure
//! 2. `work` — what a child does with its event
//! 3. `process` — the loop: events, ends, restarts
//! 4. `supervise` — a type that says how
//! 5. `handle`, `error` — asking it

mod account;
mod error;
mod handle;
mod process;
mod supervise;
mod work;

use std::fmt;

use genstage_core::supervision::{Children, Flags, Intensity};
use genstage_core::{ChildType, ExitReason, Peer, Shutdown, StartError};

use crate::stage::table::Table;
use account::Account;
use process::{Kept, Running};

pub use error::StartEventChildError;
pub use handle::ConsumerSupervisorRef;
pub use supervise::SuperviseEvents;
pub use work::{Awaited, ChildWork, Returned};
use work::{Function, Nobody, Start, Work};

/// A consumer that starts a child process for each event, and supervises it.
///
/// It asks each producer for `max_demand` events at once. Each is given to a child of its own; when children end, it asks for
/// more. So no more than `max_demand` children of a subscription are alive at the same time, and as long as there are events
/// it asks again as soon as no more than `min_demand` are running or on their way.
///
/// ```
/// use genstage::prelude::*;
///
/// let (send, sent) = std::sync::mpsc::channel();
/// let words = from_enumerable(["to", "be", "or", "not"]).start(StageOptions::new())?;
/// let printers = ConsumerSupervisor::new(move |word: &str| {
///     let send = send.clone();
///     async move { send.send(word.len()).unwrap_or(()) }
/// })
/// .start_link(StageOptions::new())?;
/// printers.sync_subscribe(&words, SubscriptionOptions::new().max_demand(2).cancel(Cancel::Temporary))?;
/// let mut lengths: Vec<usize> = sent.iter().take(4).collect();
/// lengths.sort();
/// assert_eq!(lengths, [2, 2, 2, 3]);
/// printers.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Children are told from each other by their pids alone. Like any supervisor it traps exits, stops all its children at the same
/// time when it ends, and ends with its parent. Like any consumer it ends when a subscription ends whose
/// [`Cancel`](crate::Cancel) mode says so, also `Permanent`, the default, when the producer has no more events; children that
/// run then are stopped. Use [`Cancel::Temporary`](crate::Cancel) where they are to finish their work, or
/// [`drain`](crate::drain()) the producer: then it ends, whatever the mode, when its last child has ended.
///
/// Children are [temporary](Self::new) or [transient](Self::transient). There are no permanent ones, which would be given
/// the same event for ever:
///
/// ```compile_fail,E0599
/// use genstage::prelude::*;
///
/// ConsumerSupervisor::new(|event: u64| drop(event)).permanent();
/// ```
///
/// where a transient one compiles:
///
/// ```
/// use genstage::prelude::*;
///
/// let _ = ConsumerSupervisor::new(|event: u64| drop(event)).transient();
/// ```
///
/// Specification: section 19.
#[must_use = "it does nothing until it is started"]
pub struct ConsumerSupervisor<T> {
    start: Box<dyn Start<T>>,
    /// Copies an event for a transient child; `None` for temporary ones.
    keep: Option<fn(&T) -> T>,
    shutdown: Shutdown,
    child_type: ChildType,
    flags: Flags,
    intensity: Intensity,
    children: Children<Running, Kept<T>>,
    /// Of its subscriptions.
    accounts: Table<Account>,
    /// It ends with its last child.
    draining: bool,
    /// Says what it is to be, once it starts.
    init: Option<Later<T>>,
}

type Later<T> = Box<dyn FnOnce() -> Result<Option<ConsumerSupervisor<T>>, ExitReason> + Send>;

impl<T: Send + 'static> ConsumerSupervisor<T> {
    /// A supervisor whose children call this with their event, and await the future if it gives one. The call too runs inside
    /// the child: it may block, and a panic there is the child's own.
    ///
    /// A child that returns `()` or `Ok(())` ends normally, one that returns an error for that reason. The children are
    /// temporary, five seconds are granted to each to stop, and there is no limit to the number of ends.
    pub fn new<F, R, K>(each: F) -> Self
    where
        F: Fn(T) -> R + Send + Sync + 'static,
        R: ChildWork<K>,
        K: 'static,
    {
        Self::of(Box::new(Work::new(each)))
    }

    /// A supervisor whose children this function starts: any process, linked to the supervisor (start it with `start_link`).
    /// It runs inside the supervisor, so it should not wait for long.
    ///
    /// Where it fails, panics, or wants no child ([`StartError::Ignore`]), the event counts as finished; it is not tried again.
    ///
    /// ```
    /// use genstage::core::{ExitReason, Init, Outcome, Process, ProcessContext};
    /// use genstage::prelude::{ConsumerSupervisor, StageOptions, Consumer as _};
    ///
    /// struct Session(u64);
    ///
    /// impl Process for Session {
    ///     type Message = ();
    ///
    ///     fn handle(&mut self, _: (), _cx: &mut ProcessContext<'_, ()>) -> Outcome {
    ///         Outcome::Stop(ExitReason::Normal)
    ///     }
    /// }
    ///
    /// let sessions = ConsumerSupervisor::with_start(|id| Session(id).start_link()).start_link(StageOptions::new())?;
    /// let session = sessions.start_child(7)?;
    /// assert_eq!(sessions.count_children()?.active, 1);
    /// sessions.terminate_child(session)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_start<F, H>(start: F) -> Self
    where
        F: Fn(T) -> Result<H, StartError> + Send + 'static,
        for<'a> &'a H: Into<Peer>,
    {
        Self::of(Box::new(Function(start)))
    }

    fn of(start: Box<dyn Start<T>>) -> Self {
        let flags = Flags::default();
        Self {
            start,
            keep: None,
            shutdown: Shutdown::default(),
            child_type: ChildType::default(),
            intensity: Intensity::new(flags.max_restarts, flags.max_seconds),
            flags,
            children: Children::new(usize::MAX),
            accounts: Table::new(),
            draining: false,
            init: None,
        }
    }

    fn later(init: impl FnOnce() -> Result<Option<Self>, ExitReason> + Send + 'static) -> Self {
        Self { init: Some(Box::new(init)), ..Self::of(Box::new(Nobody)) }
    }

    /// Makes the children transient: one that ends abnormally is started again with the same event, in the same place, so
    /// that no demand arises. For this a copy of each event is kept while its child lives.
    ///
    /// A restart that fails is tried again at once. Restarts are limited: see [`max_restarts`](Self::max_restarts).
    pub fn transient(mut self) -> Self
    where
        T: Clone,
    {
        self.keep = Some(T::clone);
        self
    }

    /// How many restarts are granted within [`max_seconds`](Self::max_seconds), of all children together; at the next one the
    /// supervisor stops its children and ends with [`ExitReason::Shutdown`](crate::ExitReason::Shutdown). By default 3.
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.flags.max_restarts = restarts;
        self
    }

    /// The time in which restarts are counted, in whole seconds, at least one. By default 5.
    pub fn max_seconds(mut self, seconds: u32) -> Self {
        self.flags.max_seconds = seconds;
        self
    }

    /// How children are stopped; by default they have five seconds.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// That the children are supervisors: they have no time limit to stop, as each has to stop its whole tree.
    pub fn supervisors(mut self) -> Self {
        self.child_type = ChildType::Supervisor;
        self.shutdown = Shutdown::Infinity;
        self
    }
}

impl<T> fmt::Debug for ConsumerSupervisor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerSupervisor")
            .field("transient", &self.keep.is_some())
            .field("shutdown", &self.shutdown)
            .field("child_type", &self.child_type)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

//! A consumer supervisor as a type of its own.

use genstage_core::{ExitReason, StartError};

use super::{ConsumerSupervisor, ConsumerSupervisorRef};
use crate::role::AsConsumer;
use crate::{Consumer, StageOptions};

/// A consumer supervisor as a type of its own: what it is to be is decided when it starts, inside it.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Printers {
///     prefix: &'static str,
/// }
///
/// impl SuperviseEvents for Printers {
///     type Event = u64;
///
///     fn init(self) -> Result<Option<ConsumerSupervisor<u64>>, ExitReason> {
///         let prefix = self.prefix;
///         Ok(Some(ConsumerSupervisor::new(move |event: u64| println!("{prefix} {event}")).transient()))
///     }
/// }
///
/// let numbers = from_enumerable(0..3).start(StageOptions::new())?;
/// let printers = Printers { prefix: "got" }.start_link(StageOptions::new().name("printers"))?;
/// printers.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(50))?;
/// printers.wait()?; // the numbers end, and with them the printers
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SuperviseEvents: Send + Sized + 'static {
    /// What its children get.
    type Event: Send + 'static;

    /// What it is to be, or why it does not start; `None`: it does not want to run, which is no fault, and the start gives
    /// [`StartError::Ignore`]. Runs inside the supervisor.
    ///
    /// # Errors
    ///
    /// The reason for which the start fails.
    fn init(self) -> Result<Option<ConsumerSupervisor<Self::Event>>, ExitReason>;

    /// Starts it, linked to the calling process; returns after its `init`.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the name is taken, `init` failed or did not want to run, or an option that it chose is wrong.
    fn start_link(
        self,
        options: StageOptions<AsConsumer<ConsumerSupervisor<Self::Event>>>,
    ) -> Result<ConsumerSupervisorRef<Self::Event>, StartError> {
        ConsumerSupervisor::later(move || self.init()).start_link(options)
    }
}

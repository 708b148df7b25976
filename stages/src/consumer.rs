//! Consumers.

use genstage_core::{ChildSpec, ExitReason, Name, Signal, StartError};
use genstage_dispatchers::Events;

use crate::context::Context;
use crate::handle::ConsumerRef;
use crate::role::AsConsumer;
use crate::subscription::{Cancellation, Manner, Partner};
use crate::{Init, Outcome, StageOptions, stage};

/// A stage that asks producers for events and handles them.
///
/// Specification: sections 2, 7 and 8.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Printer;
///
/// impl Consumer for Printer {
///     type Event = u64;
///
///     fn handle_events(&mut self, events: Events<'_, u64>, _cx: &mut Context<'_, Self>) -> Outcome {
///         for event in events {
///             println!("{event}");
///         }
///         Outcome::Continue
///     }
/// }
///
/// let numbers = from_enumerable(0..3).start(StageOptions::new())?;
/// let printer = Printer.start(StageOptions::new())?;
/// printer.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(10))?;
/// printer.wait()?; // the numbers end, and with them the printer
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Consumer: Send + Sized + 'static {
    /// What it consumes.
    type Event: Send + 'static;

    /// Once, before anything else, while the starter waits. [`Init::Ignore`]: it is not wanted, which is no fault.
    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        let _ = cx;
        Init::Continue
    }

    /// A batch, never empty. When this returns, the batch counts as handled: the engine asks for more as section 7 says.
    fn handle_events(&mut self, events: Events<'_, Self::Event>, cx: &mut Context<'_, Self>) -> Outcome;

    /// This stage subscribed to a producer. Says who asks: the engine by default.
    fn handle_subscribe(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
        let _ = (producer, cx);
        Manner::Automatic
    }

    /// A subscription ended. Afterwards its [`Cancel`](crate::Cancel) mode decides whether this stage ends too.
    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = (cancellation, cx);
        Outcome::Continue
    }

    /// A trapped exit, or the end of a process that this stage monitors. By default it is logged.
    fn handle_signal(&mut self, signal: Signal, cx: &mut Context<'_, Self>) -> Outcome {
        stage::log_signal("consumer", cx.pid(), &signal);
        Outcome::Continue
    }

    /// This stage is being [drained](crate::drain()), and all its input is handled: once. Says how much of it is not done with
    /// yet: while that is more than 0 the stage does not end, until [`Context::still_holds`] says that nothing is left.
    fn handle_drain(&mut self, cx: &mut Context<'_, Self>) -> usize {
        let _ = cx;
        0
    }

    /// The last callback; not after an exit signal that was not trapped, nor when `init` failed.
    fn terminate(&mut self, reason: &ExitReason, cx: &mut Context<'_, Self>) {
        let _ = (reason, cx);
    }

    /// Starts the stage; returns after its `init`.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the name is taken, `init` failed or did not want to run, or the runtime is shutting down.
    fn start(self, options: StageOptions<AsConsumer<Self>>) -> Result<ConsumerRef<Self>, StartError> {
        stage::start(self, options, false)
    }

    /// As [`start`](Self::start), linked to the calling process. From a plain thread there is nothing to link to.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link(self, options: StageOptions<AsConsumer<Self>>) -> Result<ConsumerRef<Self>, StartError> {
        stage::start(self, options, true)
    }

    /// A stage of this kind by its name: whoever has it when it is used, so the new incarnation after a restart. The name of
    /// nobody, or of a process of another kind, gives a handle that answers as the dead do.
    fn named(name: impl Into<Name>) -> ConsumerRef<Self> {
        ConsumerRef::named(name)
    }

    /// How a supervisor starts it: a permanent worker that begins each time as a copy of this state, with options that are made
    /// anew each time. Its id is the name that these give it, or that of the type, without its path.
    fn child_spec(
        self,
        options: impl Fn() -> StageOptions<AsConsumer<Self>> + Send + Sync + 'static,
    ) -> ChildSpec<ConsumerRef<Self>>
    where
        Self: Clone,
    {
        stage::child_spec(self, options)
    }
}

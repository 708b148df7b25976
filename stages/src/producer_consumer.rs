//! Stages in the middle.

use genstage_core::{ChildSpec, ExitReason, Name, Signal, StartError};
use genstage_dispatchers::Events;

use crate::context::Context;
use crate::emit::Emit;
use crate::handle::ProducerConsumerRef;
use crate::role::AsProducerConsumer;
use crate::subscription::{Cancellation, Manner, Partner};
use crate::{Init, Outcome, StageOptions, stage};

/// A stage that consumes events and emits others.
///
/// It takes its next input only when downstream waits for something. A whole message of input is then handled, and what that
/// emits beyond demand is buffered: at most one message of input runs ahead.
///
/// **Cycles.** Stages in the middle may subscribe to each other in a circle, and to themselves. Where events multiply on the way
/// round, the circle comes to a standstill as soon as more of them are under way than all its subscriptions may ask for: each stage
/// waits for the next one to take something. Nothing is lost, and nothing moves. Give such a circle a `max_demand` for all that can
/// ever be in it; or close it with a message instead of a subscription: the last stage casts the new work to the producer, which
/// keeps it in a queue of its own until it is asked.
///
/// Specification: section 12.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Doubler;
///
/// impl ProducerConsumer for Doubler {
///     type In = u64;
///     type Out = u64;
///
///     fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _cx: &mut Context<'_, Self>) -> Outcome {
///         out.extend(events.into_iter().flat_map(|event| [event, event]));
///         Outcome::Continue
///     }
/// }
///
/// let numbers = from_enumerable(0..3).start(StageOptions::new())?;
/// let doubler = Doubler.start(StageOptions::new())?;
/// doubler.sync_subscribe(&numbers, SubscriptionOptions::new())?;
/// let doubled = stream(&doubler, SubscriptionOptions::new())?;
/// assert_eq!(doubled.collect::<Result<Vec<_>, _>>()?, [0, 0, 1, 1, 2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ProducerConsumer: Send + Sized + 'static {
    /// What it consumes.
    type In: Send + 'static;
    /// What it emits.
    type Out: Send + 'static;

    /// Once, before anything else, while the starter waits. [`Init::Ignore`]: it is not wanted, which is no fault.
    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        let _ = cx;
        Init::Continue
    }

    /// A batch, never empty. What it emits goes out before the engine asks upstream for more.
    fn handle_events(
        &mut self,
        events: Events<'_, Self::In>,
        out: &mut Emit<Self::Out>,
        cx: &mut Context<'_, Self>,
    ) -> Outcome;

    /// This stage subscribed to a producer. Says who asks: the engine by default.
    fn handle_subscribe_to(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
        let _ = (producer, cx);
        Manner::Automatic
    }

    /// A consumer subscribed to this stage. It is not in the dispatcher yet.
    fn handle_subscribe(&mut self, consumer: &Partner, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = (consumer, cx);
        Outcome::Continue
    }

    /// A subscription ended, on either side. For a producer's, its [`Cancel`](crate::Cancel) mode then decides whether this
    /// stage ends too; all input from it has been handled by now.
    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = (cancellation, cx);
        Outcome::Continue
    }

    /// A trapped exit, or the end of a process that this stage monitors. By default it is logged.
    fn handle_signal(&mut self, signal: Signal, cx: &mut Context<'_, Self>) -> Outcome {
        stage::log_signal("producer_consumer", cx.pid(), &signal);
        Outcome::Continue
    }

    /// The buffer was full, and `count` events were discarded. Whether to log the usual line.
    fn format_discarded(&mut self, count: usize) -> bool {
        let _ = count;
        true
    }

    /// This stage is being [drained](crate::drain()), and all its input is handled: once. It may emit what it has kept of it, through
    /// [`Context::out`]. Says how much of it is not done with
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
    fn start(self, options: StageOptions<AsProducerConsumer<Self>>) -> Result<ProducerConsumerRef<Self>, StartError> {
        stage::start(self, options, false)
    }

    /// As [`start`](Self::start), linked to the calling process. From a plain thread there is nothing to link to.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link(
        self,
        options: StageOptions<AsProducerConsumer<Self>>,
    ) -> Result<ProducerConsumerRef<Self>, StartError> {
        stage::start(self, options, true)
    }

    /// A stage of this kind by its name: whoever has it when it is used, so the new incarnation after a restart. The name of
    /// nobody, or of a process of another kind, gives a handle that answers as the dead do.
    fn named(name: impl Into<Name>) -> ProducerConsumerRef<Self> {
        ProducerConsumerRef::named(name)
    }

    /// How a supervisor starts it: a permanent worker that begins each time as a copy of this state, with options that are made
    /// anew each time. Its id is the name that these give it, or that of the type, without its path.
    fn child_spec(
        self,
        options: impl Fn() -> StageOptions<AsProducerConsumer<Self>> + Send + Sync + 'static,
    ) -> ChildSpec<ProducerConsumerRef<Self>>
    where
        Self: Clone,
    {
        stage::child_spec(self, options)
    }
}

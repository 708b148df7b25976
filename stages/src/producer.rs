//! Producers.

use genstage_core::{ChildSpec, ExitReason, Name, Signal, StartError};

use crate::context::Context;
use crate::emit::Emit;
use crate::handle::ProducerRef;
use crate::role::AsProducer;
use crate::subscription::{Cancellation, Partner};
use crate::{Init, Outcome, StageOptions, stage};

/// A stage that emits events when consumers ask for them.
///
/// Specification: sections 2 and 9.
///
/// ```
/// use genstage::prelude::*;
///
/// struct Counter(u64);
///
/// impl Producer for Counter {
///     type Event = u64;
///
///     fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _cx: &mut Context<'_, Self>) -> Outcome {
///         out.extend(self.0..self.0 + demand as u64);
///         self.0 += demand as u64;
///         Outcome::Continue
///     }
/// }
///
/// let counter = Counter(0).start(StageOptions::new().name("counter"))?;
/// let numbers = stream(&counter, SubscriptionOptions::new().max_demand(10))?;
/// assert_eq!(numbers.take(3).collect::<Result<Vec<_>, _>>()?, [0, 1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Producer: Send + Sized + 'static {
    /// What it emits.
    type Event: Send + 'static;

    /// Once, before anything else, while the starter waits. [`Init::Ignore`]: it is not wanted, which is no fault.
    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        let _ = cx;
        Init::Continue
    }

    /// Consumers want `demand` more events, at least one.
    ///
    /// This is new demand only: what earlier calls asked for and did not get is still owed, so a producer that has too little
    /// now remembers the difference and emits it when it can, from any callback. What it emits beyond demand is
    /// buffered.
    fn handle_demand(&mut self, demand: usize, out: &mut Emit<Self::Event>, cx: &mut Context<'_, Self>) -> Outcome;

    /// A consumer subscribed. It is not in the dispatcher yet.
    fn handle_subscribe(&mut self, consumer: &Partner, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = (consumer, cx);
        Outcome::Continue
    }

    /// A subscription ended. The consumer is no longer in the dispatcher: what is emitted here goes to the others.
    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = (cancellation, cx);
        Outcome::Continue
    }

    /// A trapped exit, or the end of a process that this stage monitors. By default it is logged.
    fn handle_signal(&mut self, signal: Signal, cx: &mut Context<'_, Self>) -> Outcome {
        stage::log_signal("producer", cx.pid(), &signal);
        Outcome::Continue
    }

    /// The buffer was full, and `count` events were discarded. Whether to log the usual line.
    fn format_discarded(&mut self, count: usize) -> bool {
        let _ = count;
        true
    }

    /// This stage is to be [drained](crate::drain()): once, as the drain begins. It takes nothing more from outside from now on, and
    /// says how many events it has taken already and keeps in a state of its own, at least about.
    ///
    /// With 0, the default, it is asked for nothing more, and ends when what it has emitted has gone out. With more,
    /// `handle_demand` goes on being called, until [`Context::still_holds`] says that nothing is left.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// use std::time::Duration;
    ///
    /// use genstage::prelude::*;
    ///
    /// /// Gives what it has been told.
    /// struct Queue(VecDeque<u64>);
    ///
    /// impl Producer for Queue {
    ///     type Event = u64;
    ///
    ///     fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
    ///         out.extend(self.0.drain(..demand.min(self.0.len())));
    ///         cx.still_holds(self.0.len()); // means something in a drain only
    ///         Outcome::Continue
    ///     }
    ///
    ///     fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
    ///         self.0.len()
    ///     }
    /// }
    ///
    /// let queue = Queue((0..1000).collect()).start(StageOptions::new())?;
    /// let sink = for_each(|_| {}).start(StageOptions::new())?;
    /// sink.sync_subscribe(&queue, SubscriptionOptions::new().max_demand(10))?;
    /// let report = queue.drain(Duration::from_secs(5));
    /// assert_eq!((report.is_complete(), report.stages[1].handled()), (true, 1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    fn start(self, options: StageOptions<AsProducer<Self>>) -> Result<ProducerRef<Self>, StartError> {
        stage::start(self, options, false)
    }

    /// As [`start`](Self::start), linked to the calling process. From a plain thread there is nothing to link to.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link(self, options: StageOptions<AsProducer<Self>>) -> Result<ProducerRef<Self>, StartError> {
        stage::start(self, options, true)
    }

    /// A stage of this kind by its name: whoever has it when it is used, so the new incarnation after a restart. The name of
    /// nobody, or of a process of another kind, gives a handle that answers as the dead do.
    fn named(name: impl Into<Name>) -> ProducerRef<Self> {
        ProducerRef::named(name)
    }

    /// How a supervisor starts it: a permanent worker that begins each time as a copy of this state, with options that are made
    /// anew each time. Its id is the name that these give it, or that of the type, without its path.
    ///
    /// ```
    /// # use genstage::prelude::*;
    /// # #[derive(Clone)]
    /// # struct Counter(u64);
    /// # impl Producer for Counter {
    /// #     type Event = u64;
    /// #     fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
    /// #         Outcome::Continue
    /// #     }
    /// # }
    /// use genstage::core::{Strategy, Supervisor};
    ///
    /// let counter = Counter(0).child_spec(|| StageOptions::new().name("counter"));
    /// let handle = counter.handle();
    /// let tree = Supervisor::new(Strategy::OneForOne).child(counter).start_link()?;
    /// assert_eq!(handle.id(), &"counter".into());
    /// assert_eq!(handle.get().map(|counter| counter.pid()), Counter::named("counter").whereis());
    /// tree.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn child_spec(
        self,
        options: impl Fn() -> StageOptions<AsProducer<Self>> + Send + Sync + 'static,
    ) -> ChildSpec<ProducerRef<Self>>
    where
        Self: Clone,
    {
        stage::child_spec(self, options)
    }
}

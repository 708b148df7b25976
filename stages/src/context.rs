//! What a callback of a stage can reach.

use std::any::Any;
use std::time::Duration;

use genstage_core::{ExitReason, LinkError, MonitorRef, Peer, Pid, Timer};
use genstage_dispatchers::SubscriptionId;

use crate::book::Book;
use crate::emit::Emit;
use crate::mail::{Command, SubscribeTo};
use crate::messages::{Continue, HandleContinue, HandleInfo, HandleTimeout, Info};
use crate::stage::OnTimeout;
use crate::{Choice, Consumer, Producer, ProducerConsumer, Source, SubscriptionOptions};

/// What a callback of a stage can reach: the stage itself, its subscriptions, links, monitors and timers.
pub struct Context<'a, S> {
    inside: &'a mut dyn Inside<S>,
}

/// The stage behind a context. One object rather than a type parameter, so that users write `Context<'_, Self>`.
pub(crate) trait Inside<S> {
    fn pid(&self) -> Pid;
    fn subscription(&self) -> Option<SubscriptionId>;
    /// The `Emit` of the stage's events.
    fn out(&mut self) -> &mut dyn Any;
    /// False where there is no such subscription to a producer.
    fn ask(&mut self, id: SubscriptionId, count: usize) -> bool;
    /// False where there is no such subscription, on either side.
    fn cancel(&mut self, id: SubscriptionId, reason: ExitReason) -> bool;
    /// Takes a `SubscribeTo` of the stage's input. False if that is of another type.
    fn subscribe_to(&mut self, subscribe: Box<dyn Any + Send>) -> bool;
    fn continue_with(&mut self, command: Box<dyn Command<S>>);
    fn idle_timeout(&mut self, time: Duration, handle: OnTimeout<S>);
    fn buffered(&self) -> usize;
    fn still_holds(&mut self, events: usize);
    /// Of the events of the current batch so many found no child.
    fn not_started(&mut self, events: usize);
    fn waits_for_children(&mut self);
    fn hibernate(&mut self);
    fn hibernate_after(&mut self, time: Option<Duration>);
    fn book(&self) -> &Book;
    fn post(&self, command: Box<dyn Command<S>>, behind_buffer: bool);
    fn post_after(&self, command: Box<dyn Command<S>>, delay: Duration) -> Timer;
    fn link(&self, other: Peer) -> Result<(), LinkError>;
    fn unlink(&self, other: Peer);
    fn monitor(&self, other: Peer) -> MonitorRef;
    fn demonitor(&self, monitor: MonitorRef) -> bool;
    fn trap_exit(&self, trap: bool) -> bool;
}

impl<'a, S: 'static> Context<'a, S> {
    pub(crate) fn new(inside: &'a mut dyn Inside<S>) -> Self {
        Self { inside }
    }

    pub(crate) fn book(&self) -> &Book {
        self.inside.book()
    }

    /// This stage's pid.
    pub fn pid(&self) -> Pid {
        self.inside.pid()
    }

    /// The subscription that this callback is about: in `handle_events`, where the batch came from.
    pub fn subscription(&self) -> Option<SubscriptionId> {
        self.inside.subscription()
    }

    /// Asks a producer for more events, on a manual subscription (section 8). Zero does nothing. False: no such
    /// subscription, or an automatic one, which asks by itself.
    pub fn ask(&mut self, subscription: SubscriptionId, events: usize) -> bool {
        self.inside.ask(subscription, events)
    }

    /// Ends a subscription of this stage's, on either side. From the consumer's side this is a request: events that are under
    /// way still come, then `handle_cancel` runs. False: no such subscription.
    pub fn cancel(&mut self, subscription: SubscriptionId, reason: ExitReason) -> bool {
        self.inside.cancel(subscription, reason)
    }

    /// Subscribes this stage to a producer, after what is in its inbox already. From any callback. Does not compile in a producer.
    ///
    /// What became of it is told by `handle_subscribe`, and `handle_cancel` if the producer is dead or refuses. Bad options are
    /// logged; [`SubscriptionOptions::check`] tells before.
    ///
    /// # Panics
    ///
    /// As [`out`](Self::out).
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Printer;
    ///
    /// impl Consumer for Printer {
    ///     type Event = u64;
    ///
    ///     fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
    ///         cx.subscribe(&named("numbers"), SubscriptionOptions::new().max_demand(10));
    ///         Init::Continue
    ///     }
    ///
    ///     fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
    ///         println!("{events:?}");
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let numbers = from_enumerable(0_u64..100).start(StageOptions::new().name("numbers"))?;
    /// Printer.start(StageOptions::new())?.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscribe<K, P, C>(&mut self, producer: &P, options: SubscriptionOptions<C>)
    where
        S: ReceivesAs<K>,
        P: Source<Event = S::Event> + ?Sized,
        C: Choice<S::Event>,
    {
        self.post_subscribe(SubscribeTo::new(producer, options));
    }

    /// As [`subscribe`](Self::subscribe), in place of another subscription to the same producer, which ends with this reason: see
    /// [`StageRef::sync_resubscribe`](crate::StageRef::sync_resubscribe).
    ///
    /// # Panics
    ///
    /// As [`out`](Self::out).
    pub fn resubscribe<K, P, C>(
        &mut self,
        current: SubscriptionId,
        reason: ExitReason,
        producer: &P,
        options: SubscriptionOptions<C>,
    ) where
        S: ReceivesAs<K>,
        P: Source<Event = S::Event> + ?Sized,
        C: Choice<S::Event>,
    {
        self.post_subscribe(SubscribeTo::new(producer, options).instead_of(current, reason));
    }

    fn post_subscribe<T: Send + 'static>(&mut self, subscribe: SubscribeTo<T>) {
        let known = self.inside.subscribe_to(Box::new(subscribe));
        // Otherwise a stage that is two kinds at once and was started as the other one.
        assert!(known, "this stage runs as a kind that does not receive such events");
    }

    /// Runs `handle_continue` with this message right after the callback and what it emitted, before anything that waits. The
    /// caller, or the starter, has its answer by then.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Reader {
    ///     lines: Vec<String>,
    /// }
    ///
    /// struct Open(&'static str);
    ///
    /// impl Producer for Reader {
    ///     type Event = String;
    ///
    ///     fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
    ///         cx.continue_with(Open("a.txt")); // the starter does not wait for the file
    ///         Init::Continue
    ///     }
    ///
    ///     fn handle_demand(&mut self, demand: usize, out: &mut Emit<String>, _: &mut Context<'_, Self>) -> Outcome {
    ///         out.extend(self.lines.drain(..demand.min(self.lines.len())));
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// impl HandleContinue<Open> for Reader {
    ///     fn handle_continue(&mut self, Open(path): Open, _: &mut Context<'_, Self>) -> Outcome {
    ///         self.lines.push(format!("from {path}"));
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let reader = Reader { lines: Vec::new() }.start(StageOptions::new())?;
    /// let first = stream(&reader, SubscriptionOptions::new())?.next();
    /// assert_eq!(first, Some(Ok("from a.txt".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn continue_with<M: Send + 'static>(&mut self, message: M)
    where
        S: HandleContinue<M>,
    {
        self.inside.continue_with(Continue::boxed(message));
    }

    /// If no callback of this stage runs for this long after the present one, `handle_timeout` does. Any callback ends the wait,
    /// also one that is left at its default, as `handle_cancel`; what waits in the inbox already comes first, also with zero.
    ///
    /// Messages that need no callback, as an ask that the buffer serves, leave the wait alone.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use genstage::{Simulation, prelude::*};
    ///
    /// struct Patient;
    ///
    /// impl Consumer for Patient {
    ///     type Event = u64;
    ///
    ///     fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
    ///         cx.idle_timeout(Duration::from_secs(3));
    ///         Init::Continue
    ///     }
    ///
    ///     fn handle_events(&mut self, _: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
    ///         cx.idle_timeout(Duration::from_secs(3));
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// impl HandleTimeout for Patient {
    ///     fn handle_timeout(&mut self, _: &mut Context<'_, Self>) -> Outcome {
    ///         Outcome::Stop(ExitReason::Normal) // nothing came for three seconds
    ///     }
    /// }
    ///
    /// Simulation::new(7).run(|simulation| {
    ///     Patient.start(StageOptions::new())?.wait()?;
    ///     assert_eq!(simulation.now(), Duration::from_secs(3));
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn idle_timeout(&mut self, time: Duration)
    where
        S: HandleTimeout,
    {
        self.inside.idle_timeout(time, S::handle_timeout);
    }

    /// How many events wait in the stage's buffer and in its dispatcher's queues, or are kept back because demand accumulates; what
    /// this callback emits does not count yet. Others are told by
    /// [`StageRef::estimate_buffered_count`](crate::StageRef::estimate_buffered_count), without what is kept back (section 10). In a
    /// consumer 0.
    pub fn estimate_buffered_count(&self) -> usize {
        self.inside.buffered()
    }

    /// In a [drain](crate::drain()), after `handle_drain`: how many events this stage still keeps in a state of its own, or has given
    /// to others that are not done. With 0 it ends, once what it has emitted has gone out. At other times it says nothing.
    pub fn still_holds(&mut self, events: usize) {
        self.inside.still_holds(events);
    }

    /// From here on it ends in a drain when its children have.
    pub(crate) fn waits_for_children(&mut self) {
        self.inside.waits_for_children();
    }

    /// Counts events of the current batch as discarded: their child could not start.
    pub(crate) fn not_started(&mut self, events: usize) {
        self.inside.not_started(events);
    }

    /// Gives spare memory back after the callback, until the next message.
    pub fn hibernate(&mut self) {
        self.inside.hibernate();
    }

    /// From now on the stage hibernates whenever none of its callbacks has run for this long; `None`: never.
    pub fn hibernate_after(&mut self, time: Option<Duration>) {
        self.inside.hibernate_after(time);
    }

    /// Where calls, casts and infos put the events they emit. Does not compile in a consumer.
    ///
    /// # Panics
    ///
    /// If one type is two kinds of stage at once, in the one that was not started.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// struct Announcer;
    ///
    /// impl Producer for Announcer {
    ///     type Event = String;
    ///
    ///     fn handle_demand(&mut self, _: usize, _: &mut Emit<String>, _: &mut Context<'_, Self>) -> Outcome {
    ///         Outcome::Continue // all events come from casts; the engine keeps them until somebody asks
    ///     }
    /// }
    ///
    /// impl HandleCast<String> for Announcer {
    ///     fn handle_cast(&mut self, news: String, cx: &mut Context<'_, Self>) -> Outcome {
    ///         cx.out().push(news);
    ///         Outcome::Continue
    ///     }
    /// }
    /// ```
    pub fn out<K>(&mut self) -> &mut Emit<S::Event>
    where
        S: EmitsAs<K>,
    {
        let out = self.inside.out();
        match out.downcast_mut() {
            Some(out) => out,
            // A stage that is two kinds at once and was started as the other one.
            None => panic!("this stage runs as a kind that does not emit such events"),
        }
    }

    /// Sends this stage a message, to be handled after those that are queued already.
    pub fn send<M: Send + 'static>(&self, message: M)
    where
        S: HandleInfo<M>,
    {
        self.inside.post(Info::boxed(message), false);
    }

    /// Sends this stage a message, to be handled after `delay`.
    pub fn send_after<M: Send + 'static>(&self, message: M, delay: Duration) -> Timer
    where
        S: HandleInfo<M>,
    {
        self.inside.post_after(Info::boxed(message), delay)
    }

    /// Sends this stage a message, to be handled after all events that are buffered now have gone to consumers (section 11).
    pub fn async_info<M: Send + 'static>(&self, message: M)
    where
        S: HandleInfo<M>,
    {
        self.inside.post(Info::boxed(message), true);
    }

    /// As [`Own::link`](genstage_core::Own::link).
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the other is dead and this stage does not trap exits.
    pub fn link(&self, other: impl Into<Peer>) -> Result<(), LinkError> {
        self.inside.link(other.into())
    }

    /// As [`Own::unlink`](genstage_core::Own::unlink).
    pub fn unlink(&self, other: impl Into<Peer>) {
        self.inside.unlink(other.into());
    }

    /// As [`Own::monitor`](genstage_core::Own::monitor): the end of the other comes to `handle_signal`.
    pub fn monitor(&self, other: impl Into<Peer>) -> MonitorRef {
        self.inside.monitor(other.into())
    }

    /// As [`Own::demonitor`](genstage_core::Own::demonitor).
    pub fn demonitor(&self, monitor: MonitorRef) -> bool {
        self.inside.demonitor(monitor)
    }

    /// As [`Own::trap_exit`](genstage_core::Own::trap_exit).
    pub fn trap_exit(&self, trap: bool) -> bool {
        self.inside.trap_exit(trap)
    }
}

impl<S> std::fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({})", self.inside.pid())
    }
}

/// What a stage emits. The parameter is found by the compiler: it keeps the two kinds that emit apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` emits no events",
    label = "only a producer or a producer_consumer can emit"
)]
pub trait EmitsAs<K> {
    /// The events.
    type Event: 'static;
}

/// What a stage receives. The parameter is found by the compiler: it keeps the two kinds that receive apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` receives no events",
    label = "only a consumer or a producer_consumer can subscribe"
)]
pub trait ReceivesAs<K> {
    /// The events.
    type Event: Send + 'static;
}

/// Says that a stage receives as a consumer.
#[derive(Debug)]
pub struct ConsumerKind;

impl<C: Consumer> ReceivesAs<ConsumerKind> for C {
    type Event = C::Event;
}

impl<X: ProducerConsumer> ReceivesAs<ProducerConsumerKind> for X {
    type Event = X::In;
}

/// Says that a stage emits as a producer.
#[derive(Debug)]
pub struct ProducerKind;

/// Says that a stage emits as a `producer_consumer`.
#[derive(Debug)]
pub struct ProducerConsumerKind;

impl<P: Producer> EmitsAs<ProducerKind> for P {
    type Event = P::Event;
}

impl<X: ProducerConsumer> EmitsAs<ProducerConsumerKind> for X {
    type Event = X::Out;
}

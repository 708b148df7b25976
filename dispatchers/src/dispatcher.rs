//! The contract between a stage and its dispatcher.

use std::fmt;

use crate::{Deliveries, InfoTicket, Refusal, Subscriber, SubscriptionId};

/// Decides which consumer gets which event.
///
/// # Demand is stated, not reported
///
/// A dispatcher never says "this much demand is new". It says how many events it could place right now
/// ([`Dispatcher::demand`]), and the stage keeps the ledger:
///
/// ```text
/// shortfall = demand() - buffered - owed
/// ```
///
/// where `owed` is what the producer was asked for and has not emitted yet. After every call the stage serves the
/// buffer first and then asks the producer for the shortfall. So there is no second book that could disagree with the
/// first: buffered events are never overtaken, a late answer to demand strands nothing, and demand that left with its
/// consumer is neither kept nor asked for twice.
///
/// # What the stage guarantees
///
/// * [`init`](Dispatcher::init) comes once, before all else; calls come one at a time.
/// * Ids are never used again. `cancel` may come for an id that was refused, and late calls for one that is gone.
/// * It calls `dispatch` with events in the order in which they were emitted, and what was left behind comes again
///   before anything newer.
/// * It carries out all deliveries of a call, then hands on the released infos.
///
/// # What the dispatcher guarantees
///
/// * An id gets at most as many events as it asked for. Unknown, refused and cancelled ids get nothing, and calls about
///   them change nothing.
/// * The demand of a cancelled id is gone at once. [`demand`](Dispatcher::demand) is never more than what the living
///   consumers have asked for and not got: without consumers it is 0.
/// * `dispatch` takes `min(demand(), events.len())` events from the front and leaves the rest in order; when it leaves
///   something, `demand()` is 0. Only a dispatcher that holds or drops events may take more, and none when `demand()`
///   is 0.
/// * What it holds it states with [`held`](Dispatcher::held), so that the stage does not end before it is delivered.
/// * What it drops it says: with [`filter`](Deliveries::filter) if nobody was meant to get it, with
///   [`discard`](Deliveries::discard) and the reason otherwise. Only so does the stage's count of its events add up.
/// * An option of a subscription that it does not know is a reason to refuse: [`Subscriber::takes_anything`]. One with an option of
///   its own reads it with [`Subscriber::custom_as`].
/// * Events for one id leave in the order in which they were emitted.
/// * It draws on no chance but the seed, and no clock: the same calls give the same deliveries.
///
/// What is delivered to an id that there is not is discarded, counted and reported
/// ([`Notice::UnknownSubscription`](crate::Notice::UnknownSubscription)): nobody else is harmed. So is what it took and says nothing
/// of ([`Notice::Unaccounted`](crate::Notice::Unaccounted)), as far as numbers show it: where events go to several consumers, each
/// delivery counts, and may hide one that is missing.
///
/// # Panics
///
/// A dispatcher is part of its producer's state, and a panic in it leaves that half changed: nobody could say any more who has asked
/// for what. So it ends the producer, as a panic in one of the producer's own callbacks does, and its consumers as their cancel modes
/// say. Where code of a subscriber's may panic, as a selector, catch that (`std::panic::catch_unwind`) before anything is changed,
/// and [refuse](Refusal) or [expel](Deliveries::expel) that one: so do the dispatchers that are here.
///
/// [`kit`](crate::kit) checks all this by machine, [`take_back`](Dispatcher::take_back) included.
///
/// # Example
///
/// Serves one consumer, and refuses others while it lives:
///
/// ```
/// use genstage_dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber, SubscriptionId, kit::Kit};
///
/// #[derive(Debug, Default)]
/// struct Solo {
///     consumer: Option<SubscriptionId>,
///     asked: usize,
/// }
///
/// impl<T> Dispatcher<T> for Solo {
///     fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal> {
///         subscriber.takes_anything()?; // it knows neither selectors nor partitions
///         if self.consumer.is_some() {
///             return Err(Refusal::rejected("somebody is being served"));
///         }
///         *self = Solo { consumer: Some(id), asked: 0 };
///         Ok(())
///     }
///
///     fn ask(&mut self, id: SubscriptionId, count: usize, _: &mut Deliveries<T>) {
///         if self.consumer == Some(id) {
///             self.asked = self.asked.saturating_add(count);
///         }
///     }
///
///     fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<T>) {
///         if self.consumer == Some(id) {
///             *self = Solo::default(); // its demand goes with it
///         }
///     }
///
///     fn demand(&self) -> usize {
///         self.asked
///     }
///
///     fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
///         let Some(id) = self.consumer else { return };
///         let mut batch = out.spare();
///         batch.extend(events.drain(..self.asked.min(events.len())));
///         self.asked -= batch.len();
///         out.deliver(id, batch);
///     }
/// }
///
/// Kit::new().run(1, &mut Solo::default())?;
/// # Ok::<(), genstage_dispatchers::kit::KitError>(())
/// ```
///
/// A mistake that is easy to make is to let demand outlive its consumer:
///
/// ```
/// # use genstage_dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber, SubscriptionId, kit::Kit};
/// # #[derive(Debug, Default)]
/// # struct Solo { consumer: Option<SubscriptionId>, asked: usize }
/// # impl<T> Dispatcher<T> for Solo {
/// #     fn subscribe(&mut self, id: SubscriptionId, _: &Subscriber<T>) -> Result<(), Refusal> {
/// #         if self.consumer.is_some() { return Err(Refusal::rejected("somebody is being served")); }
/// #         self.consumer = Some(id);
/// #         Ok(())
/// #     }
/// #     fn ask(&mut self, id: SubscriptionId, count: usize, _: &mut Deliveries<T>) {
/// #         if self.consumer == Some(id) { self.asked = self.asked.saturating_add(count); }
/// #     }
/// fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<T>) {
///     if self.consumer == Some(id) {
///         self.consumer = None; // wrong: `asked` stays, the stage goes on pulling events for nobody,
///     }                         // and the next consumer gets more than it asked for
/// }
/// #     fn demand(&self) -> usize { self.asked }
/// #     fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
/// #         let Some(id) = self.consumer else { return };
/// #         let mut batch = out.spare();
/// #         batch.extend(events.drain(..self.asked.min(events.len())));
/// #         self.asked -= batch.len();
/// #         out.deliver(id, batch);
/// #     }
/// # }
/// # let fault = Kit::new().run(1, &mut Solo::default()).unwrap_err();
/// # assert!(fault.to_string().contains("demand"), "{fault}");
/// ```
///
/// The repair is the `cancel` of the first version: reset `asked` together with the consumer.
///
/// Specification: section 15.1, with the decisions on Q1, Q2, Q7 and Q11 of section 20.
pub trait Dispatcher<T>: Send + fmt::Debug {
    /// Called once, before all else. The seed is the only source of chance a dispatcher may use, so that a simulated
    /// run can be repeated. Does nothing unless defined.
    fn init(&mut self, seed: u64) {
        let _ = seed;
    }

    /// A consumer has come. It has asked for nothing yet.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] sends the consumer away; the producer lives on. Its id counts as unknown from then on.
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal>;

    /// A consumer asks for `count` events more. A dispatcher that holds events may deliver some of them.
    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<T>);

    /// A consumer has left. Its outstanding demand is gone.
    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<T>);

    /// A consumer has left, and events that had been delivered to it come back, oldest first. Called instead of
    /// [`cancel`](Self::cancel), and only for subscriptions with [`redeliver`](Subscriber::redeliver).
    ///
    /// What is left in `events` goes to the front of the stage's buffer, and from there to `dispatch`: that is what happens unless
    /// defined. A dispatcher that has given events their place already takes them; one that sends them to several consumers refuses
    /// such subscriptions with [`Refusal::NoRedelivery`].
    fn take_back(&mut self, id: SubscriptionId, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        let _ = events;
        self.cancel(id, out);
    }

    /// How many events could be placed right now. Called after every other call, so it should be cheap. (A dispatcher for events of
    /// any type calls its own as `Dispatcher::<T>::demand(self)`.)
    fn demand(&self) -> usize;

    /// How many events it has taken and not delivered yet: 0 unless defined, for a dispatcher that holds none.
    fn held(&self) -> usize {
        0
    }

    /// Hands out events: takes them from the front of `events`, and leaves, in order, what nobody asked for. The stage
    /// buffers what was left and offers it again.
    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>);

    /// An info message that was behind all events so far has reached the dispatcher. One that holds no events lets it
    /// go at once, which is what happens unless defined; one that does releases it after those it holds now.
    ///
    /// Specification: section 11.
    fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<T>) {
        out.release(ticket);
    }
}

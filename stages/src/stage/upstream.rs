//! The side of a stage that receives: its producers, their events, and the end of subscriptions (sections 6.2, 6.6, 6.7,
//! 7, 8, 12 and 13).

use std::sync::Arc;

use genstage_core::{Down, ExitReason, MonitorRef, Peer};
use genstage_dispatchers::{Batch, Empties, Events, Refusal, SubscriptionId};

use super::{Cx, Inner, Stage};
use crate::book::Tie;
use crate::context::Context;
use crate::demand::{Demand, Split};
use crate::mail::{Command, ProducerPort, Subscribe, SubscribeTo};
use crate::options::Cancel;
use crate::role::Role;
use crate::subscription::{CancelKind, Cancellation, Manner, Partner, Side};
use crate::{Outcome, SubscribeError, log};

/// A producer of this stage's.
pub(crate) struct Upstream<T> {
    port: Box<dyn ProducerPort<T>>,
    peer: Peer,
    monitor: MonitorRef,
    mode: Cancel,
    /// `None` on a manual subscription.
    demand: Option<Demand>,
    /// Emptied batches, to go up with the next ask.
    empties: Empties<T>,
    tie: Arc<Tie>,
}

impl<T> Upstream<T> {
    /// An automatic one asks by itself: more would break its bound.
    pub(super) fn is_manual(&self) -> bool {
        self.demand.is_none()
    }

    #[inline]
    pub(super) fn ask(&mut self, id: SubscriptionId, count: usize) {
        self.tie.received.ask(count);
        self.port.ask(id, count, std::mem::take(&mut self.empties));
    }

    pub(super) fn cancel(&self, id: SubscriptionId, reason: ExitReason) {
        self.port.cancel(id, reason);
    }
}

/// What waits at a `producer_consumer` until downstream wants something.
pub(crate) enum Queued<R: Role> {
    Events(SubscriptionId, Batch<R::In>),
    /// A subscription ended behind this input.
    Cancelled(Cancellation, Cancel),
    /// The end of a subscription ends the stage, behind the output that is still here.
    End(ExitReason),
    Info(Box<dyn Command<R::Stage>>),
}

impl<R: Role> Stage<R> {
    /// Section 6.2, in its order. The watch's reference is the subscription's id.
    pub(super) fn on_subscribe_to(&mut self, subscribe: SubscribeTo<R::In>, cx: &mut Cx<'_, R>) -> Outcome {
        let SubscribeTo { producer, options, wants, current, reply } = subscribe;
        if let Err(error) = options.check() {
            log::error!("{}: bad subscription options: {error}", self.describe(cx));
            if let Some(reply) = reply {
                reply.send(Err(SubscribeError::Options(error)));
            }
            return Outcome::Continue;
        }
        let producer = producer.resolve();
        let peer = producer.peer();
        let monitor = cx.monitor(&peer);
        let id = SubscriptionId::new(monitor.get());
        let tie = Tie::open(id, &*producer, cx.me());
        self.wiring.book.enter(&tie);
        let consumer = Box::new(cx.me().clone());
        producer.subscribe(Subscribe { tie: Arc::clone(&tie), consumer, options, wants, current });
        let upstream = Upstream {
            port: producer,
            peer: peer.clone(),
            monitor,
            mode: options.cancel,
            demand: None,
            empties: Empties::new(),
            tie,
        };
        self.wiring.producers.insert(id, upstream);
        let partner = Partner { subscription: id, stage: peer, options };
        self.wiring.current = Some(id);
        self.subscriber = reply;
        let manner = self.callback(cx, |stage, cx| R::subscribed_to(stage, &partner, cx));
        self.dispatch(cx);
        match manner {
            Manner::Automatic => {
                if let Some(upstream) = self.wiring.producers.get_mut(id) {
                    upstream.demand = Some(Demand::new(options.min(), options.max()));
                    // What the callback asked for by hand is part of it.
                    let asked = usize::try_from(upstream.tie.received.asked()).unwrap_or(usize::MAX);
                    let rest = options.max().saturating_sub(asked);
                    if rest > 0 {
                        upstream.ask(id, rest);
                    }
                }
            }
            Manner::Manual => {}
            Manner::Stop(reason) => return Outcome::Stop(reason),
        }
        if let Some(reply) = self.subscriber.take() {
            reply.send(Ok(id));
        }
        self.go_on(Outcome::Continue, cx)
    }

    /// Section 6.6. Events for a subscription that is over are dropped: its end has been told already.
    #[inline]
    pub(super) fn on_events(&mut self, id: SubscriptionId, batch: Batch<R::In>, cx: &mut Cx<'_, R>) -> Outcome {
        let Ok(at) = self.wiring.producers.at(id) else {
            self.wiring.book.counts.input.carry(batch.len());
            self.wiring.book.counts.discard(|discarded| discarded.late += batch.len() as u64);
            return Outcome::Continue;
        };
        self.wiring.producers.place(at).tie.received.carry(batch.len());
        if R::PULLS && (!self.wiring.queue.is_empty() || !self.wiring.outlet.wants()) {
            self.wiring.queue.push_back(Queued::Events(id, batch));
            return Outcome::Continue;
        }
        // The queue of a stage that pulls is empty now, and stays so: there is nothing to drain.
        self.handle_message_from(at, id, batch, cx)
    }

    /// The drain loop of section 12: input is taken up only while downstream waits for something.
    pub(super) fn drain(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        while !cx.is_doomed()
            && self.may_go_on()
            && let Some(queued) = self.wiring.queue.pop_front()
        {
            let outcome = match queued {
                Queued::Events(id, batch) => self.handle_message(id, batch, cx),
                Queued::Cancelled(cancellation, mode) => self.end_subscription(&cancellation, mode, cx),
                Queued::End(reason) => Outcome::Stop(reason),
                Queued::Info(info) => {
                    self.wiring.outlet.info(info);
                    self.flush(cx);
                    Outcome::Continue
                }
            };
            if outcome != Outcome::Continue {
                return outcome;
            }
        }
        Outcome::Continue
    }

    /// One message: cut into batches as section 7 says, each handled, dispatched, and then asked for again.
    fn handle_message(&mut self, id: SubscriptionId, mut batch: Batch<R::In>, cx: &mut Cx<'_, R>) -> Outcome {
        if let Ok(at) = self.wiring.producers.at(id) {
            return self.handle_message_from(at, id, batch, cx);
        }
        // The producer is gone already: one batch, and no ask.
        self.wiring.current = Some(id);
        self.handle_batch(&mut batch, cx)
    }

    /// The same, from the producer at this place. Callbacks neither add nor remove producers, so the place holds throughout.
    #[inline]
    fn handle_message_from(
        &mut self,
        at: usize,
        id: SubscriptionId,
        mut batch: Batch<R::In>,
        cx: &mut Cx<'_, R>,
    ) -> Outcome {
        self.wiring.current = Some(id);
        let Some(demand) = &mut self.wiring.producers.place(at).demand else {
            // Manual: one batch, and no ask.
            let outcome = self.handle_batch(&mut batch, cx);
            self.wiring.producers.place(at).empties.push(batch);
            return outcome;
        };
        if let Some(whole) = demand.whole(batch.len()) {
            let outcome = self.handle_batch(&mut batch, cx);
            if outcome != Outcome::Continue {
                return outcome;
            }
            let upstream = self.wiring.producers.place(at);
            upstream.empties.push(batch);
            if whole.ask > 0 {
                upstream.ask(id, whole.ask);
            }
            return Outcome::Continue;
        }
        let pieces = demand.split(batch.len());
        self.handle_pieces(at, id, batch, pieces, cx)
    }

    fn handle_pieces(
        &mut self,
        at: usize,
        id: SubscriptionId,
        mut batch: Batch<R::In>,
        pieces: Split,
        cx: &mut Cx<'_, R>,
    ) -> Outcome {
        let mut cut = batch.cut();
        for piece in pieces {
            if piece.excess > 0 {
                log::error!("{}: {} events in excess on subscription {id}", self.describe(cx), piece.excess);
            }
            let mut events = std::mem::take(&mut self.wiring.piece);
            cut.next_piece(piece.size, &mut events);
            let outcome = self.handle_batch(&mut events, cx);
            if outcome != Outcome::Continue {
                return outcome;
            }
            self.wiring.piece = events.into_empty().unwrap_or_default();
            if piece.ask > 0 {
                self.wiring.producers.place(at).ask(id, piece.ask);
            }
            // A callback has ended: the loop of the process sees to it.
            if cx.is_doomed() {
                return Outcome::Continue;
            }
        }
        drop(cut);
        self.wiring.producers.place(at).empties.push(batch);
        Outcome::Continue
    }

    #[inline]
    fn handle_batch(&mut self, batch: &mut Batch<R::In>, cx: &mut Cx<'_, R>) -> Outcome {
        if batch.is_empty() {
            return Outcome::Continue;
        }
        if R::EMITS {
            self.wiring.outlet.deliveries.lend(&mut self.out.events);
        }
        let count = batch.len();
        self.begin();
        let mut inside = Inner { wiring: &mut self.wiring, own: cx };
        let cx_user = &mut Context::new(&mut inside);
        let outcome = R::events(&mut self.user, Events::new(batch), &mut self.out, cx_user);
        self.wiring.book.counts.handled.add(count as u64);
        self.wiring.book.counts.batches.add(1);
        self.after(outcome, cx)
    }

    /// Section 6.7: the producer cancelled.
    pub(super) fn on_cancelled(&mut self, id: SubscriptionId, reason: ExitReason, cx: &mut Cx<'_, R>) -> Outcome {
        self.lose_producer(id, CancelKind::Cancel, reason, cx)
    }

    /// The end of a process that this stage watches. Handed back if it is neither a producer nor a consumer of its own.
    pub(super) fn on_down(&mut self, down: Down, cx: &mut Cx<'_, R>) -> Result<Outcome, Down> {
        let id = SubscriptionId::new(down.monitor.get());
        if self.wiring.producers.contains(id) {
            return Ok(self.lose_producer(id, CancelKind::Down, down.reason, cx));
        }
        match self.on_consumer_down(&down) {
            Some(id) => Ok(self.drop_consumer(id, CancelKind::Down, down.reason, cx)),
            None => Err(down),
        }
    }

    /// The record goes at once; the action waits behind input that is queued and output that is buffered, which would be lost
    /// if it ended the stage.
    fn lose_producer(
        &mut self,
        id: SubscriptionId,
        kind: CancelKind,
        reason: ExitReason,
        cx: &mut Cx<'_, R>,
    ) -> Outcome {
        let Some(upstream) = self.wiring.producers.remove(id) else { return Outcome::Continue };
        cx.demonitor_flush(upstream.monitor);
        self.wiring.book.counts.input.retire(&upstream.tie.received);
        self.wiring.book.lose_producer(id);
        let cancellation = Cancellation { subscription: id, side: Side::Producer, stage: upstream.peer, kind, reason };
        if self.wiring.queue.is_empty() && self.wiring.outlet.buffered() == 0 {
            return match self.end_subscription(&cancellation, upstream.mode, cx) {
                Outcome::Continue => self.refill(cx),
                stop @ Outcome::Stop(_) => stop,
            };
        }
        self.wiring.queue.push_back(Queued::Cancelled(cancellation, upstream.mode));
        self.refill(cx)
    }

    /// Whether it is time for what is next in the queue. What ends this stage would end with it the events that it still has.
    fn may_go_on(&self) -> bool {
        let outlet = &self.wiring.outlet;
        match self.wiring.queue.front() {
            None => false,
            Some(Queued::Cancelled(cancellation, mode)) if self.ends(*mode, &cancellation.reason) => {
                outlet.wants() && outlet.buffered() == 0
            }
            Some(Queued::End(_)) => outlet.buffered() == 0,
            Some(_) => outlet.wants(),
        }
    }

    /// While it is drained, a stage outlives each of its producers that ends cleanly, and ends when all is handled.
    fn ends(&self, mode: Cancel, reason: &ExitReason) -> bool {
        ends_consumer(mode, reason) && !(reason.is_clean() && (self.is_drained() || self.may_be_drained()))
    }

    fn may_be_drained(&self) -> bool {
        self.wiring.perhaps.iter().any(genstage_core::Address::is_alive)
    }

    pub(super) fn is_drained(&self) -> bool {
        !self.wiring.drain.is_empty()
    }

    /// The cancel action of section 13: `handle_cancel` always, then the mode decides. An end waits until all output has gone out,
    /// also what `handle_cancel` emitted.
    fn end_subscription(&mut self, cancellation: &Cancellation, mode: Cancel, cx: &mut Cx<'_, R>) -> Outcome {
        self.wiring.current = Some(cancellation.subscription);
        let outcome = self.callback(cx, |stage, cx| R::cancelled(stage, cancellation, cx));
        let reason = match self.after(outcome, cx) {
            Outcome::Stop(reason) => reason,
            Outcome::Continue if self.ends(mode, &cancellation.reason) => {
                let (producer, reason) = (cancellation.stage.pid(), &cancellation.reason);
                log::info!("{} stops: its producer {producer} ended the subscription: {reason}", self.describe(cx));
                reason.clone()
            }
            Outcome::Continue => return Outcome::Continue,
        };
        if self.wiring.outlet.buffered() > 0 {
            self.wiring.queue.push_front(Queued::End(reason));
            return Outcome::Continue;
        }
        Outcome::Stop(reason)
    }
}

/// The table of section 13. A refusal because there is a subscription already leaves that one, and so the consumer, alone.
pub(crate) fn ends_consumer(mode: Cancel, reason: &ExitReason) -> bool {
    if let ExitReason::Other(detail) = reason
        && detail.downcast_ref() == Some(&Refusal::AlreadySubscribed)
    {
        return false;
    }
    match mode {
        Cancel::Permanent => true,
        Cancel::Transient => !reason.is_clean(),
        Cancel::Temporary => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::StageMail;
    use crate::prelude::{Consumer, Simulation, StageOptions, for_each};

    /// No producer sends any: it says nothing more on a subscription that it has ended, and its end comes behind all that it said.
    #[test]
    fn events_for_a_subscription_that_is_over_are_counted_as_late() {
        Simulation::new(1).run(|simulation| {
            let sink = for_each(|_: u64| panic!("late")).start(StageOptions::new()).unwrap();
            let _ = sink.0.send(StageMail::Events(SubscriptionId::new(77), (0..3).collect()));
            simulation.run_until_idle();
            let snapshot = sink.snapshot().unwrap();
            assert_eq!((snapshot.input.events, snapshot.handled, snapshot.discarded.late), (3, 0, 3));
            assert_eq!(snapshot.discarded.total(), 3);
        });
    }

    #[test]
    fn the_cancel_modes_follow_the_table_of_section_13() {
        let clean = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("x")];
        let other = [ExitReason::NoProc, ExitReason::Killed, ExitReason::other("x")];
        for reason in &clean {
            assert!(ends_consumer(Cancel::Permanent, reason));
            assert!(!ends_consumer(Cancel::Transient, reason));
            assert!(!ends_consumer(Cancel::Temporary, reason));
        }
        for reason in &other {
            assert!(ends_consumer(Cancel::Permanent, reason));
            assert!(ends_consumer(Cancel::Transient, reason));
            assert!(!ends_consumer(Cancel::Temporary, reason));
        }
        let refused = ExitReason::other(Refusal::AlreadySubscribed);
        assert!(!ends_consumer(Cancel::Permanent, &refused));
    }
}

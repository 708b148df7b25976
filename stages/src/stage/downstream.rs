//! The side of a stage that emits: its consumers, what they ask for, and what they get (sections 6.3 to 6.5, 9).

use std::sync::Arc;

use genstage_core::{Down, ExitReason, MonitorRef, Peer};
use genstage_dispatchers::{Delivery, Empties, Notice, SubscriptionId, let_go};

use super::table::Table;
use super::{Cx, Inner, Stage};
use crate::book::Tie;
use crate::context::Context;
use crate::drain::DrainMail;
use crate::graph::Word;
use crate::mail::{ConsumerPort, StageMail, Subscribe};
use crate::options::DemandMode;
use crate::outlet::Step;
use crate::redeliver::Kept;
use crate::role::Role;
use crate::subscription::{CancelKind, Cancellation, Partner, Side};
use crate::{Outcome, log};

/// A consumer of this stage's.
pub(crate) struct Downstream<T> {
    port: Box<dyn ConsumerPort<T>>,
    peer: Peer,
    monitor: MonitorRef,
    tie: Arc<Tie>,
    /// The most that an automatic consumer has outstanding: what it has asked for beyond this acknowledges what it handled.
    window: u64,
    /// What is to be delivered again, if anything is.
    kept: Option<Kept<T>>,
}

impl<T> Downstream<T> {
    #[inline]
    fn ask(&mut self, count: usize) {
        let sent = &self.tie.sent;
        sent.flow.ask(count);
        let handled = sent.flow.asked().saturating_sub(self.window).min(sent.flow.events());
        let acknowledged = sent.acknowledged.get().max(handled);
        sent.acknowledged.set(acknowledged);
        if let Some(kept) = &mut self.kept {
            kept.acknowledge(acknowledged);
        }
    }
}

impl<R: Role> Stage<R> {
    /// Section 6.3, in its order. A consumer's bad option or a dispatcher's refusal costs that consumer its subscription and
    /// nobody else anything (Q18).
    pub(super) fn on_subscribe(&mut self, subscribe: Subscribe<R::Out>, cx: &mut Cx<'_, R>) -> Outcome {
        let Subscribe { tie, consumer, options, wants, current } = subscribe;
        let id = tie.id;
        let peer = consumer.peer();
        if self.wiring.consumers.contains(id) {
            log::error!("{}: subscription {id} exists already", self.describe(cx));
            consumer.cancelled(id, ExitReason::other("duplicated subscription"));
            return Outcome::Continue;
        }
        if let Some((old, reason)) = current
            && let stop @ Outcome::Stop(_) = self.drop_consumer(old, CancelKind::Cancel, reason, cx)
        {
            return stop;
        }
        let siblings = self.wiring.consumers.find_all(|other| other.peer.pid() == peer.pid());
        let monitor = cx.monitor(&peer);
        let downstream = Downstream {
            port: consumer,
            peer: peer.clone(),
            monitor,
            tie,
            window: options.max() as u64,
            kept: wants.share.map(Kept::new),
        };
        self.wiring.consumers.insert(id, downstream);
        let partner = Partner { subscription: id, stage: peer, options };
        self.wiring.current = Some(id);
        let outcome = self.callback(cx, |stage, cx| R::subscribed_by(stage, &partner, cx));
        if let stop @ Outcome::Stop(_) = self.after(outcome, cx) {
            return stop;
        }
        match self
            .wiring
            .outlet
            .subscribe(id, &options.subscriber(wants.wants, wants.share.is_some()).siblings(siblings))
        {
            Ok(()) => {
                if self.is_drained() {
                    self.pass_on_drain(id, cx);
                }
                self.refill(cx)
            }
            Err(refusal) => {
                log::warn!("{}: subscription {id} refused: {refusal}", self.describe(cx));
                self.drop_consumer(id, CancelKind::Cancel, ExitReason::other(refusal), cx)
            }
        }
    }

    /// Who comes to a stage that is drained is told so before it has anything from here, and so is whoever drains: that one looks whom
    /// else it lives on.
    #[cold]
    fn pass_on_drain(&mut self, id: SubscriptionId, cx: &Cx<'_, R>) {
        let Some(consumer) = self.wiring.consumers.get_mut(id).and_then(|consumer| consumer.tie.observer.clone())
        else {
            return;
        };
        for drainer in self.wiring.drain.iter().filter(|drainer| drainer.is_alive()) {
            consumer.say(Word::Drain(DrainMail::Perhaps(drainer.clone())));
            let _ = drainer.send(self.snapshot(cx));
        }
    }

    /// Section 6.4. An ask for a subscription that is over says nothing new to either side: its cancel is under way.
    #[inline]
    pub(super) fn on_ask(
        &mut self,
        id: SubscriptionId,
        count: usize,
        empties: Empties<R::Out>,
        cx: &mut Cx<'_, R>,
    ) -> Outcome {
        self.wiring.outlet.deliveries.recycle_all(empties);
        let Some(consumer) = self.wiring.consumers.get_mut(id) else { return Outcome::Continue };
        consumer.ask(count);
        self.wiring.outlet.ask(id, count);
        self.flush(cx);
        self.supply(cx)
    }

    pub(super) fn on_cancel(&mut self, id: SubscriptionId, reason: ExitReason, cx: &mut Cx<'_, R>) -> Outcome {
        self.drop_consumer(id, CancelKind::Cancel, reason, cx)
    }

    pub(super) fn on_consumer_down(&mut self, down: &Down) -> Option<SubscriptionId> {
        self.wiring.consumers.find(|consumer| consumer.monitor == down.monitor)
    }

    /// Section 6.5, with the consumer taken out of the dispatcher before `handle_cancel` runs, so that what is emitted there
    /// cannot go to it (Q25).
    pub(super) fn drop_consumer(
        &mut self,
        id: SubscriptionId,
        kind: CancelKind,
        reason: ExitReason,
        cx: &mut Cx<'_, R>,
    ) -> Outcome {
        let Some(consumer) = self.wiring.consumers.remove(id) else { return Outcome::Continue };
        cx.demonitor_flush(consumer.monitor);
        consumer.port.cancelled(id, reason.clone());
        let book = &self.wiring.book;
        book.counts.output.retire(&consumer.tie.sent.flow);
        book.lose_consumer(id);
        match consumer.kept {
            None => {
                book.counts.unacknowledged.add(consumer.tie.sent.unacknowledged());
                self.wiring.outlet.cancel(id);
            }
            Some(kept) => {
                let events = kept.into_events();
                consumer.tie.take_back();
                book.counts.redelivered.add(events.len() as u64);
                self.wiring.outlet.take_back(id, events);
            }
        }
        self.flush(cx);
        let cancellation = Cancellation { subscription: id, side: Side::Consumer, stage: consumer.peer, kind, reason };
        self.wiring.current = Some(id);
        let outcome = self.callback(cx, |stage, cx| R::cancelled(stage, &cancellation, cx));
        match self.after(outcome, cx) {
            Outcome::Continue => self.supply(cx),
            stop @ Outcome::Stop(_) => stop,
        }
    }

    /// Section 9.4. What was held back is let go in order of arrival; demands are not merged.
    pub(super) fn on_demand_mode(&mut self, mode: DemandMode, cx: &mut Cx<'_, R>) -> Outcome {
        if mode == DemandMode::Accumulate {
            self.wiring.outlet.accumulate();
            return Outcome::Continue;
        }
        self.wiring.outlet.forward();
        loop {
            self.flush(cx);
            match self.wiring.outlet.let_go() {
                Step::Done => return self.supply(cx),
                Step::Again => {}
                Step::Demand(demand) => {
                    if let stop @ Outcome::Stop(_) = self.ask_producer(demand, cx) {
                        return stop;
                    }
                }
            }
        }
    }

    /// Sees to unmet demand: a producer is asked, a `producer_consumer` goes on with its input.
    #[inline]
    pub(super) fn supply(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        if R::PULLS {
            return self.drain(cx);
        }
        if self.wiring.on_hold {
            return Outcome::Continue;
        }
        let demand = self.wiring.outlet.take_demand();
        if demand == 0 {
            return Outcome::Continue;
        }
        let outcome = self.ask_producer(demand, cx);
        if outcome == Outcome::Continue {
            self.refill_later(cx);
        }
        outcome
    }

    #[inline]
    fn ask_producer(&mut self, demand: usize, cx: &mut Cx<'_, R>) -> Outcome {
        if self.wiring.on_hold {
            return Outcome::Continue;
        }
        self.wiring.current = None;
        self.begin();
        self.wiring.outlet.deliveries.lend(&mut self.out.events);
        let mut inside = Inner { wiring: &mut self.wiring, own: cx };
        let outcome = R::demand(&mut self.user, demand, &mut self.out, &mut Context::new(&mut inside));
        self.after(outcome, cx)
    }

    /// After events that no demand called forth: the dispatcher may have dropped some, which frees demand.
    pub(super) fn refill(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        if R::PULLS {
            return self.drain(cx);
        }
        self.refill_later(cx);
        Outcome::Continue
    }

    /// Demand that events were dropped for is asked again (Q5), in a turn of its own: a producer whose events are all dropped
    /// must not keep others from their turns.
    #[inline]
    fn refill_later(&mut self, cx: &Cx<'_, R>) {
        if R::EMITS && self.wiring.outlet.shortfall() > 0 {
            let _ = cx.me().send(StageMail::Pull);
        }
    }

    /// Hands what was emitted to the dispatcher, and what that decides to the consumers.
    #[inline]
    pub(super) fn dispatch(&mut self, cx: &Cx<'_, R>) {
        if !R::EMITS {
            return;
        }
        if !self.wiring.extra.is_empty() {
            self.out.events.append(&mut self.wiring.extra.events);
        }
        if !self.out.is_empty() {
            self.wiring.outlet.emit(&mut self.out.events);
            self.flush(cx);
        }
    }

    /// Acts on what the outlet decided.
    #[inline]
    pub(super) fn flush(&mut self, cx: &Cx<'_, R>) {
        self.wiring.publish();
        self.wiring.outlet.check();
        if self.wiring.outlet.deliveries.is_empty() && !self.wiring.outlet.has_news() {
            return;
        }
        let (wiring, mut astray) = (&mut self.wiring, None);
        // One at a time is the common case, and cheaper than a drain.
        if let Some(only) = wiring.outlet.deliveries.take_only() {
            deliver(&mut wiring.consumers, only, &mut astray);
        } else {
            for delivery in wiring.outlet.deliveries.drain() {
                deliver(&mut wiring.consumers, delivery, &mut astray);
            }
        }
        if let Some((subscription, events)) = astray {
            wiring.outlet.deliveries.notice(Notice::UnknownSubscription { subscription, events });
        }
        if wiring.outlet.has_news() {
            self.flush_news(cx);
        }
    }

    /// What comes seldom: infos whose turn has come, discarded events, the dispatcher's notices, consumers it sends away.
    #[cold]
    fn flush_news(&mut self, cx: &Cx<'_, R>) {
        for info in self.wiring.outlet.take_infos() {
            let _ = cx.me().send(StageMail::Command(info));
        }
        let count = std::mem::take(&mut self.wiring.outlet.discarded);
        self.wiring.book.counts.discard(|discarded| discarded.buffer_full += count as u64);
        if count > 0 && R::format_discarded(&mut self.user, count) {
            log::warn!("{}: {count} events discarded, the buffer is full", self.describe(cx));
        }
        for notice in self.wiring.outlet.take_notices() {
            self.wiring.book.counts.lose(&notice);
            let lost = notice.lost();
            if lost == 0 || R::format_discarded(&mut self.user, lost) {
                log::warn!("{}: {notice}", self.describe(cx));
            }
        }
        for (id, refusal) in self.wiring.outlet.take_expelled() {
            log::warn!("{}: subscription {id} cancelled: {refusal}", self.describe(cx));
            let _ = cx.me().send(StageMail::Cancel(id, ExitReason::other(refusal)));
        }
    }
}

/// Where a dispatcher has sent to nobody: to whom first, and how many events in all.
type Astray = Option<(SubscriptionId, usize)>;

#[inline]
fn deliver<T>(consumers: &mut Table<Downstream<T>>, delivery: Delivery<T>, astray: &mut Astray) {
    let Some(consumer) = consumers.get_mut(delivery.to) else { return go_astray(delivery, astray) };
    consumer.tie.sent.flow.carry(delivery.batch.len());
    let mut batch = delivery.batch;
    if let Some(kept) = &mut consumer.kept {
        kept.keep(&mut batch);
    }
    consumer.port.events(delivery.to, batch);
}

#[cold]
fn go_astray<T>(delivery: Delivery<T>, astray: &mut Astray) {
    astray.get_or_insert((delivery.to, 0)).1 += delivery.batch.len();
    let_go(delivery.batch);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use genstage_dispatchers::Batch;

    use super::*;
    use crate::graph::Observer;
    use crate::prelude::{Producer as _, Simulation, StageOptions, SubscriptionOptions, from_enumerable};
    use crate::{Anything, Choice};

    /// Says what it is told.
    struct Ear(Sender<String>);

    impl ConsumerPort<u64> for Ear {
        fn events(&self, _: SubscriptionId, batch: Batch<u64>) {
            let _ = self.0.send(format!("{:?}", batch.into_vec()));
        }

        fn cancelled(&self, _: SubscriptionId, reason: ExitReason) {
            let _ = self.0.send(reason.to_string());
        }

        fn peer(&self) -> Peer {
            Peer::from(crate::Pid::NOBODY)
        }

        fn observer(&self) -> Option<Observer> {
            None
        }
    }

    /// Section 6.3: whoever comes second is sent away, and the first stays whole. No consumer says one twice: ids are
    /// never used again.
    #[test]
    fn s6_3_an_id_that_is_taken_is_refused_and_the_first_stays() {
        Simulation::new(1).run(|simulation| {
            let numbers = from_enumerable(0_u64..5).start(StageOptions::new()).unwrap();
            let ((first, heard), (second, told)) = (channel(), channel());
            let id = SubscriptionId::new(7);
            let subscribe = |ear: Sender<String>| {
                let (options, wants) = (SubscriptionOptions::new(), Choice::<u64>::wants(Anything));
                let port = numbers.0.address().unwrap();
                let tie = Tie::open(id, &port, &Ear(ear.clone()));
                let subscribe = Subscribe { tie, consumer: Box::new(Ear(ear)), options, wants, current: None };
                let _ = numbers.0.send(StageMail::Subscribe(Box::new(subscribe)));
            };
            crate::sys::suspend(&numbers).unwrap();
            subscribe(first);
            subscribe(second);
            numbers.ask(id, 2);
            crate::sys::resume(&numbers).unwrap();
            simulation.run_until_idle();
            assert_eq!(told.try_iter().collect::<Vec<_>>(), ["duplicated subscription"]);
            // It watches nobody, who is dead already: the end comes behind the ask.
            assert_eq!(heard.try_iter().next().unwrap(), "[0, 1]");
        });
    }
}

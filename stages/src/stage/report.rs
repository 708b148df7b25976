//! The numbers of a stage, put together, and its part in a drain.

use genstage_core::{Panic, ReplyTo};
use genstage_dispatchers::Notice;

use super::{Cx, Queued, Stage, Wiring, nanos};
use crate::drain::{DrainMail, Last};
use crate::meter::Lack;
use crate::options::DemandMode;
use crate::role::Role;
use crate::snapshot::{Discarded, Flow, Report, StageKind, StageSnapshot, SubscriptionSnapshot};
use crate::{ExitReason, Outcome, log};

/// What is counted for the stage as a whole. What passes a subscription is counted there, and added here at its end.
#[derive(Default)]
pub(crate) struct Counts {
    pub(super) input: Flow,
    pub(super) output: Flow,
    /// Of these the children that did not start are none.
    pub(super) handled: u64,
    pub(super) batches: u64,
    pub(super) discarded: Discarded,
    pub(super) unacknowledged: u64,
    pub(super) redelivered: u64,
}

impl Counts {
    pub(super) fn lose(&mut self, notice: &Notice) {
        let lost = notice.lost() as u64;
        match notice {
            Notice::UnknownPartition { .. } => self.discarded.unknown_partition += lost,
            Notice::HashPanicked { .. } => self.discarded.hash_panicked += lost,
            Notice::PartitionFull { .. } => self.discarded.partition_full += lost,
            _ => self.discarded.other += lost,
        }
    }
}

impl<R: Role> Wiring<R> {
    /// What the stage waits for when it is idle.
    #[inline]
    pub(super) fn lack(&self) -> Lack {
        let wants = match (R::EMITS, R::PULLS) {
            (false, _) => true,
            (true, false) => self.outlet.owes(),
            (true, true) => self.queue.is_empty() && self.outlet.wants(),
        };
        if wants { Lack::Events } else { Lack::Demand }
    }

    /// What the user's part still has, in a drain. A producer that has nothing left is asked for nothing more.
    pub(super) fn holds(&mut self, events: usize) {
        if self.asked_to_drain {
            self.still_holds = events;
            self.on_hold = events == 0;
        }
    }
}

impl<R: Role> Stage<R> {
    pub(super) fn on_report(&self, reply: ReplyTo<Report>, cx: &Cx<'_, R>) {
        let wiring = &self.wiring;
        reply.send(Report {
            snapshot: self.snapshot(cx),
            upstream: wiring.producers.iter().map(|(_, upstream)| upstream.observer()).collect(),
            downstream: wiring.consumers.iter().filter_map(|(_, downstream)| downstream.observer()).collect(),
        });
    }

    pub(super) fn snapshot(&self, cx: &Cx<'_, R>) -> StageSnapshot {
        let Wiring { outlet, counts, .. } = &self.wiring;
        let producers: Vec<_> = self.wiring.producers.iter().map(|(id, upstream)| upstream.snapshot(id)).collect();
        let consumers: Vec<_> = self.wiring.consumers.iter().map(|(id, downstream)| downstream.snapshot(id)).collect();
        let waits = |queued: &Queued<R>| if let Queued::Events(_, batch) = queued { batch.len() } else { 0 };
        StageSnapshot {
            pid: cx.pid(),
            name: self.name.as_ref().map(ToString::to_string),
            kind: match (R::EMITS, R::PULLS) {
                (false, _) => StageKind::Consumer,
                (true, false) => StageKind::Producer,
                (true, true) => StageKind::ProducerConsumer,
            },
            input: counts.input.plus(producers.iter()),
            output: counts.output.plus(consumers.iter()),
            handled: counts.handled.saturating_sub(counts.discarded.not_started),
            batches: counts.batches,
            waiting: self.wiring.queue.iter().map(waits).sum(),
            emitted: outlet.emitted,
            buffered: outlet.stored(),
            held: self.user_holds(cx),
            owed: outlet.owed(),
            discarded: counts.discarded,
            filtered: outlet.deliveries.filtered(),
            unacknowledged: counts.unacknowledged,
            redelivered: counts.redelivered,
            inbox: cx.me().inbox_len() + self.held(),
            times: self.wiring.meter.read(nanos(cx)),
            producers,
            consumers,
        }
    }

    fn user_holds(&self, cx: &Cx<'_, R>) -> usize {
        Panic::catch(|| R::held(&self.user)).unwrap_or_else(|panic| {
            log::error!("{}: `held` panicked: {}", self.describe(cx), panic.message());
            0
        })
    }

    fn last(&self, cx: &Cx<'_, R>) -> Last {
        Last {
            snapshot: self.snapshot(cx),
            held: self.wiring.still_holds,
            ended: self.wiring.ended.clone(),
            gone: self.wiring.gone.clone(),
        }
    }

    pub(super) fn on_drain(&mut self, drain: DrainMail, cx: &mut Cx<'_, R>) -> Outcome {
        match drain {
            DrainMail::Tell(to) => {
                let _ = to.send(self.last(cx));
                Outcome::Continue
            }
            DrainMail::Hold => self.ask_to_drain(cx),
            DrainMail::Begin(to) => {
                self.wiring.drain.push(to);
                // Others are asked when they have handled what came.
                if R::EMITS
                    && !R::PULLS
                    && let stop @ Outcome::Stop(_) = self.ask_to_drain(cx)
                {
                    return stop;
                }
                self.on_demand_mode(DemandMode::Forward, cx)
            }
            DrainMail::Cut => {
                self.wiring.cut = true;
                Outcome::Continue
            }
            DrainMail::Stop => Outcome::Stop(ExitReason::Shutdown),
        }
    }

    /// Runs `handle_drain`, unless it has run.
    fn ask_to_drain(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        if std::mem::replace(&mut self.wiring.asked_to_drain, true) {
            return Outcome::Continue;
        }
        self.wiring.current = None;
        let events = self.callback(cx, R::drain);
        self.wiring.holds(events);
        match self.after(Outcome::Continue, cx) {
            Outcome::Continue => self.refill(cx),
            stop @ Outcome::Stop(_) => stop,
        }
    }

    /// Whoever drains the graph hears how it ended here.
    pub(super) fn tell_last(&self, cx: &Cx<'_, R>) {
        for to in &self.wiring.drain {
            let _ = to.send(self.last(cx));
        }
    }

    /// Being drained: it ends when nothing is left to come, and nothing to give.
    #[cold]
    pub(super) fn drained(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        let waits = !self.wiring.producers.is_empty() && !self.wiring.cut;
        if waits || !self.wiring.queue.is_empty() {
            return Outcome::Continue;
        }
        if let stop @ Outcome::Stop(_) = self.ask_to_drain(cx) {
            return stop;
        }
        let Wiring { outlet, queue, still_holds, .. } = &self.wiring;
        if queue.is_empty() && outlet.stored() == 0 && *still_holds == 0 {
            Outcome::Stop(ExitReason::Normal)
        } else {
            Outcome::Continue
        }
    }
}

/// A subscription as its snapshot shows it.
pub(super) fn subscription(
    id: crate::SubscriptionId,
    peer: crate::Pid,
    flow: Flow,
    unacknowledged: u64,
) -> SubscriptionSnapshot {
    SubscriptionSnapshot { id, peer, flow, unacknowledged }
}

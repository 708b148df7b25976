//! The numbers of a stage, put together, and its part in a drain.

use genstage_core::Panic;

use super::{Cx, Queued, Stage, Wiring, nanos};
use crate::drain::DrainMail;
use crate::meter::Lack;
use crate::options::DemandMode;
use crate::role::Role;
use crate::snapshot::StageSnapshot;
use crate::{ExitReason, Outcome, log};

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

    /// Enters in its book what it has for others.
    #[inline]
    pub(super) fn publish(&self) {
        let Self { outlet, book, .. } = self;
        book.counts.emitted.set(outlet.emitted);
        book.counts.buffered.set(outlet.stored() as u64);
        book.counts.filtered.set(outlet.deliveries.filtered());
    }

    /// What the user's part still has, in a drain. A producer that has nothing left is asked for nothing more.
    pub(super) fn holds(&mut self, events: usize) {
        if self.asked_to_drain {
            self.book.counts.still_holds.set(events as u64);
            self.on_hold = events == 0;
        }
    }
}

impl<R: Role> Stage<R> {
    /// Its numbers: those in its book, and what it alone knows.
    pub(super) fn snapshot(&self, cx: &Cx<'_, R>) -> StageSnapshot {
        let waits = |queued: &Queued<R>| if let Queued::Events(_, batch) = queued { batch.len() } else { 0 };
        StageSnapshot {
            waiting: self.wiring.queue.iter().map(waits).sum(),
            held: self.user_holds(cx),
            owed: self.wiring.outlet.owed(),
            inbox: cx.me().inbox_len() + self.held(),
            times: self.wiring.meter.read(nanos(cx)),
            ..self.wiring.book.numbers(cx.pid())
        }
    }

    fn user_holds(&self, cx: &Cx<'_, R>) -> usize {
        Panic::catch(|| R::held(&self.user)).unwrap_or_else(|panic| {
            log::error!("{}: `held` panicked: {}", self.describe(cx), panic.message());
            0
        })
    }

    pub(super) fn on_drain(&mut self, drain: DrainMail, cx: &mut Cx<'_, R>) -> Outcome {
        match drain {
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
            DrainMail::Perhaps(drainer) => {
                self.wiring.perhaps.push(drainer);
                Outcome::Continue
            }
            DrainMail::Cut => {
                self.wiring.cut = true;
                Outcome::Continue
            }
            DrainMail::GoOn(drainer) => {
                self.wiring.drain.retain(|to| to.pid() != drainer);
                self.wiring.perhaps.retain(|to| to.pid() != drainer);
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
            let _ = to.send(self.snapshot(cx));
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
        let Wiring { outlet, queue, book, .. } = &self.wiring;
        if queue.is_empty() && outlet.stored() == 0 && book.counts.still_holds.get() == 0 {
            Outcome::Stop(ExitReason::Normal)
        } else {
            Outcome::Continue
        }
    }
}

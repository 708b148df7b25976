//! The outgoing side of a stage, as plain data: the dispatcher, the buffer, and the ledger of demand.
//!
//! The ledger is one number: `owed`, what the producer was asked for and has not emitted yet. What it is to be asked for
//! next follows:
//!
//! ```text
//!     shortfall = dispatcher.demand() - buffered - owed
//! ```
//!
//! After every step a non-empty buffer means that the dispatcher can place nothing, so nothing overtakes a buffered event.

use std::collections::VecDeque;

use genstage_dispatchers::{Batch, Deliveries, Dispatcher, InfoTicket, Notice, Refusal, Subscriber, SubscriptionId};

use crate::buffer::{Buffer, Capacity, Keep};
use crate::options::DemandMode;

/// What is kept back while demand accumulates, in order (section 9.4).
enum Held<T, I> {
    Demand(usize),
    Events(Batch<T>),
    Info(I),
}

/// What the stage must do next when held things are let go.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Nothing is held any more.
    Done,
    /// Ask the producer for this many.
    Demand(usize),
    /// Events or an info were let through; look at the deliveries, then come back.
    Again,
}

pub(crate) struct Outlet<T, I> {
    dispatcher: Box<dyn Dispatcher<T>>,
    buffer: Buffer<T, I>,
    owed: usize,
    /// For what is on its way from the buffer to the dispatcher.
    scratch: Vec<T>,
    /// `Some` while demand accumulates.
    held: Option<VecDeque<Held<T, I>>>,
    /// What was held and is being let go.
    replay: VecDeque<Held<T, I>>,
    /// Infos that a dispatcher holds behind its own events.
    tickets: VecDeque<(InfoTicket, I)>,
    next_ticket: u64,
    pub(crate) deliveries: Deliveries<T>,
    /// Events that the dispatcher has taken, and those of them that were found missing.
    taken: u64,
    missing: u64,
    /// Events that the buffer discarded since the stage last looked.
    pub(crate) discarded: usize,
    /// Events that callbacks have emitted.
    pub(crate) emitted: u64,
}

impl<T, I> Outlet<T, I> {
    pub(crate) fn new(dispatcher: Box<dyn Dispatcher<T>>, capacity: Capacity, keep: Keep, accumulate: bool) -> Self {
        Self {
            dispatcher,
            buffer: Buffer::new(capacity, keep),
            owed: 0,
            scratch: Vec::new(),
            held: accumulate.then(VecDeque::new),
            replay: VecDeque::new(),
            tickets: VecDeque::new(),
            next_ticket: 0,
            deliveries: Deliveries::new(),
            taken: 0,
            missing: 0,
            discarded: 0,
            emitted: 0,
        }
    }

    pub(crate) fn init(&mut self, seed: u64) {
        self.dispatcher.init(seed);
    }

    pub(crate) fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal> {
        self.dispatcher.subscribe(id, subscriber)
    }

    #[inline]
    pub(crate) fn ask(&mut self, id: SubscriptionId, count: usize) {
        self.dispatcher.ask(id, count, &mut self.deliveries);
        self.serve();
    }

    /// Withdraws a subscription. What it had asked for counts no more; what the dispatcher held for it goes where the
    /// dispatcher says.
    pub(crate) fn cancel(&mut self, id: SubscriptionId) {
        self.dispatcher.cancel(id, &mut self.deliveries);
        self.serve();
    }

    /// As [`cancel`](Self::cancel), of a subscription whose events come back: to the dispatcher, or to the front of the buffer. A
    /// full one takes them too: they had their room before.
    pub(crate) fn take_back(&mut self, id: SubscriptionId, mut events: Vec<T>) {
        let back = events.len();
        self.dispatcher.take_back(id, &mut events, &mut self.deliveries);
        self.taken += back.saturating_sub(events.len()) as u64;
        self.buffer.put_back(&mut events, &mut Vec::new());
        self.serve();
    }

    /// Takes what a callback emitted; the vector comes back empty.
    #[inline]
    pub(crate) fn emit(&mut self, events: &mut Vec<T>) {
        if events.is_empty() {
            return;
        }
        self.emitted += events.len() as u64;
        self.owed = self.owed.saturating_sub(events.len());
        match &mut self.held {
            Some(held) => held.push_back(Held::Events(self.deliveries.take_all(events))),
            None => self.place(events),
        }
    }

    fn place(&mut self, events: &mut Vec<T>) {
        if self.buffer.is_empty() {
            self.offer(events);
        }
        if !events.is_empty() {
            let mut passed = Vec::new();
            self.discarded += self.buffer.store(events, &mut passed);
            for info in passed {
                self.pass_info(info);
            }
        }
    }

    #[inline]
    fn offer(&mut self, events: &mut Vec<T>) {
        let offered = events.len();
        self.dispatcher.dispatch(events, &mut self.deliveries);
        self.taken += offered.saturating_sub(events.len()) as u64;
    }

    /// What the dispatcher took it has delivered, dropped with a word, or it holds it; what is missing is noticed.
    #[inline]
    pub(crate) fn check(&mut self) {
        if self.taken > self.deliveries.accounted() + self.missing {
            self.look_for_missing();
        }
    }

    fn look_for_missing(&mut self) {
        let known = self.deliveries.accounted() + self.missing + self.dispatcher.held() as u64;
        let missing = self.taken.saturating_sub(known);
        if missing > 0 {
            self.missing += missing;
            let events = usize::try_from(missing).unwrap_or(usize::MAX);
            self.deliveries.notice(Notice::Unaccounted { events });
        }
    }

    /// Gives the dispatcher what it can place of the buffer.
    #[inline]
    fn serve(&mut self) {
        if !self.buffer.is_empty() && self.held.is_none() {
            self.serve_buffer();
        }
    }

    fn serve_buffer(&mut self) {
        let mut events = std::mem::take(&mut self.scratch);
        let mut passed = Vec::new();
        loop {
            let wanted = self.dispatcher.demand();
            if wanted == 0 || self.buffer.take(wanted, &mut events, &mut passed) == 0 {
                break;
            }
            self.offer(&mut events);
            let stuck = !events.is_empty();
            if stuck {
                self.buffer.put_back(&mut events, &mut passed);
            }
            for info in passed.drain(..) {
                self.pass_info(info);
            }
            if stuck {
                break;
            }
        }
        self.scratch = events;
    }

    /// What the producer is to be asked for now; it is owed from here on. While demand accumulates, it is held.
    #[inline]
    pub(crate) fn take_demand(&mut self) -> usize {
        let shortfall = self.shortfall();
        if shortfall == 0 {
            return 0;
        }
        self.owed += shortfall;
        match &mut self.held {
            Some(held) => {
                held.push_back(Held::Demand(shortfall));
                0
            }
            None => shortfall,
        }
    }

    #[inline]
    pub(crate) fn shortfall(&self) -> usize {
        self.dispatcher.demand().saturating_sub(self.buffer.len()).saturating_sub(self.owed)
    }

    /// Whether downstream waits for something: a `producer_consumer` takes its next input only then.
    #[inline]
    pub(crate) fn wants(&self) -> bool {
        self.buffer.is_empty() && self.dispatcher.demand() > 0
    }

    /// How many events wait here, in the buffer or in the dispatcher.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len() + self.dispatcher.held()
    }

    /// The same, with what is kept back while demand accumulates.
    #[inline]
    pub(crate) fn stored(&self) -> usize {
        if self.held.is_none() && self.replay.is_empty() {
            return self.buffered();
        }
        self.buffered() + self.kept_back()
    }

    #[cold]
    fn kept_back(&self) -> usize {
        let held = self.held.iter().flatten().chain(&self.replay);
        let events = held.map(|held| if let Held::Events(events) = held { events.len() } else { 0 });
        events.sum()
    }

    /// What the producer was asked for and has not emitted.
    pub(crate) fn owed(&self) -> usize {
        self.owed
    }

    /// Whether somebody waits for what the producer owes.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.owed > 0 && self.buffer.is_empty()
    }

    /// An info takes its place behind everything that waits here (section 11, Q10).
    pub(crate) fn info(&mut self, info: I) {
        match &mut self.held {
            Some(held) => held.push_back(Held::Info(info)),
            None => {
                if let Err(info) = self.buffer.push_info(info) {
                    self.pass_info(info);
                }
            }
        }
    }

    /// An info has passed the buffer: the dispatcher may hold it behind events of its own.
    fn pass_info(&mut self, info: I) {
        let ticket = InfoTicket::new(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.push_back((ticket, info));
        self.dispatcher.info(ticket, &mut self.deliveries);
    }

    /// Whether there are infos, discards or notices to see to.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.discarded > 0 || self.deliveries.has_news()
    }

    /// The infos whose turn has come, in order.
    pub(crate) fn take_infos(&mut self) -> Vec<I> {
        let tickets = &mut self.tickets;
        let released = self.deliveries.drain_released();
        released
            .filter_map(|ticket| {
                let at = tickets.iter().position(|(known, _)| *known == ticket)?;
                tickets.remove(at).map(|(_, info)| info)
            })
            .collect()
    }

    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        self.deliveries.drain_notices().collect()
    }

    pub(crate) fn take_expelled(&mut self) -> Vec<(SubscriptionId, Refusal)> {
        self.deliveries.drain_expelled().collect()
    }

    pub(crate) fn dispatcher(&self) -> &dyn Dispatcher<T> {
        &*self.dispatcher
    }

    pub(crate) fn capacity(&self) -> Capacity {
        self.buffer.capacity()
    }

    pub(crate) fn mode(&self) -> DemandMode {
        if self.held.is_some() { DemandMode::Accumulate } else { DemandMode::Forward }
    }

    pub(crate) fn accumulate(&mut self) {
        self.held.get_or_insert_default();
    }

    /// From here on nothing more is held. What is held is let go step by step, with [`let_go`](Self::let_go).
    pub(crate) fn forward(&mut self) {
        if let Some(held) = self.held.take() {
            self.replay = held;
            self.serve();
        }
    }

    /// Lets go the next held thing, in order of arrival; demands are not merged (section 9.4).
    pub(crate) fn let_go(&mut self) -> Step {
        match self.replay.pop_front() {
            None => Step::Done,
            Some(Held::Demand(count)) => {
                // Reserved so far; of what is still wanted, it is asked for now.
                self.owed = self.owed.saturating_sub(count);
                let wanted = self.shortfall().min(count);
                self.owed += wanted;
                if wanted == 0 { Step::Again } else { Step::Demand(wanted) }
            }
            Some(Held::Events(events)) => {
                self.place(&mut events.into_vec());
                Step::Again
            }
            Some(Held::Info(info)) => {
                self.info(info);
                Step::Again
            }
        }
    }
}

#[cfg(test)]
mod tests;

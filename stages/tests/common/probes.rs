//! One probe for each kind of stage.

use std::time::Duration;

use genstage::prelude::*;

use super::{Log, Seen, nap};

/// Emits 0, 1, 2 and so on as it is asked, or, if silent, only what it is told.
pub(crate) struct Counter {
    pub(crate) who: &'static str,
    pub(crate) log: Log,
    next: u64,
    end: u64,
    /// What `handle_cancel` emits and returns.
    cancel_emits: Vec<u64>,
    cancel_stops: Option<ExitReason>,
    panics_on_demand: bool,
    refuses: Option<ExitReason>,
}

impl Counter {
    pub(crate) fn new(who: &'static str, log: &Log) -> Self {
        Self {
            who,
            log: log.clone(),
            next: 0,
            end: u64::MAX,
            cancel_emits: Vec::new(),
            cancel_stops: None,
            panics_on_demand: false,
            refuses: None,
        }
    }

    /// Has only so many.
    pub(crate) fn up_to(self, end: u64) -> Self {
        Self { end, ..self }
    }

    pub(crate) fn silent(self) -> Self {
        self.up_to(0)
    }

    pub(crate) fn on_cancel_emit(self, cancel_emits: Vec<u64>) -> Self {
        Self { cancel_emits, ..self }
    }

    pub(crate) fn on_cancel_stop(self, reason: ExitReason) -> Self {
        Self { cancel_stops: Some(reason), ..self }
    }

    pub(crate) fn panic_on_demand(self) -> Self {
        Self { panics_on_demand: true, ..self }
    }

    /// Stops when somebody subscribes.
    pub(crate) fn on_subscribe_stop(self, reason: ExitReason) -> Self {
        Self { refuses: Some(reason), ..self }
    }
}

impl Producer for Counter {
    type Event = u64;

    fn init(&mut self, _: &mut Context<'_, Self>) -> Init {
        self.log.note(self.who, Seen::Init);
        Init::Continue
    }

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(cx.subscription(), None, "demand is that of all consumers");
        self.log.note(self.who, Seen::Demand(demand));
        assert!(!self.panics_on_demand, "no more");
        let to = self.next.saturating_add(demand as u64).min(self.end);
        out.extend(self.next..to);
        self.next = self.next.max(to);
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, consumer: &Partner, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(cx.subscription(), Some(consumer.subscription));
        self.log.note(self.who, Seen::Subscribed(consumer.subscription));
        self.refuses.take().map_or(Outcome::Continue, Outcome::Stop)
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(cx.subscription(), Some(cancellation.subscription));
        self.log.note(self.who, Seen::Cancel(cancellation.kind, cancellation.reason.clone()));
        cx.out().extend(self.cancel_emits.drain(..));
        self.cancel_stops.take().map_or(Outcome::Continue, Outcome::Stop)
    }

    fn handle_signal(&mut self, _: Signal, _: &mut Context<'_, Self>) -> Outcome {
        self.log.note(self.who, Seen::Signal);
        Outcome::Continue
    }

    fn format_discarded(&mut self, count: usize) -> bool {
        self.log.note(self.who, Seen::Discarded(count));
        false
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        self.log.note(self.who, Seen::Terminate(reason.clone()));
    }
}

/// Emits what a function makes of each event.
pub(crate) struct Middle {
    pub(crate) who: &'static str,
    pub(crate) log: Log,
    each: fn(u64) -> Vec<u64>,
    manner: Manner,
    cancel_emits: Vec<u64>,
    cancel_stops: Option<ExitReason>,
    panics_at: Option<u64>,
}

impl Middle {
    pub(crate) fn new(who: &'static str, log: &Log, each: fn(u64) -> Vec<u64>) -> Self {
        Self {
            who,
            log: log.clone(),
            each,
            manner: Manner::Automatic,
            cancel_emits: Vec::new(),
            cancel_stops: None,
            panics_at: None,
        }
    }

    pub(crate) fn forwarder(who: &'static str, log: &Log) -> Self {
        Self::new(who, log, |event| vec![event])
    }

    pub(crate) fn doubler(who: &'static str, log: &Log) -> Self {
        Self::new(who, log, |event| vec![event, event])
    }

    pub(crate) fn manual(self) -> Self {
        Self { manner: Manner::Manual, ..self }
    }

    pub(crate) fn on_cancel_emit(self, cancel_emits: Vec<u64>) -> Self {
        Self { cancel_emits, ..self }
    }

    pub(crate) fn on_cancel_stop(self, reason: ExitReason) -> Self {
        Self { cancel_stops: Some(reason), ..self }
    }

    pub(crate) fn panic_at(self, event: u64) -> Self {
        Self { panics_at: Some(event), ..self }
    }
}

impl ProducerConsumer for Middle {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        assert!(cx.subscription().is_some() && !events.is_empty());
        self.log.note(self.who, Seen::Batch(events.iter().copied().collect()));
        for event in events {
            assert!(self.panics_at != Some(event), "not {event}");
            out.extend((self.each)(event));
        }
        Outcome::Continue
    }

    fn handle_subscribe_to(&mut self, producer: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.log.note(self.who, Seen::Subscribed(producer.subscription));
        self.manner.clone()
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        self.log.note(self.who, Seen::Cancel(cancellation.kind, cancellation.reason.clone()));
        cx.out().extend(self.cancel_emits.drain(..));
        self.cancel_stops.take().map_or(Outcome::Continue, Outcome::Stop)
    }

    fn format_discarded(&mut self, count: usize) -> bool {
        self.log.note(self.who, Seen::Discarded(count));
        true
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        self.log.note(self.who, Seen::Terminate(reason.clone()));
    }
}

/// Takes events.
pub(crate) struct Sink {
    pub(crate) who: &'static str,
    pub(crate) log: Log,
    manner: Manner,
    first_ask: usize,
    nap: Duration,
    cancel_stops: Option<ExitReason>,
    panics_at: Option<u64>,
    stops_at: Option<u64>,
}

impl Sink {
    pub(crate) fn new(who: &'static str, log: &Log) -> Self {
        Self {
            who,
            log: log.clone(),
            manner: Manner::Automatic,
            first_ask: 0,
            nap: Duration::ZERO,
            cancel_stops: None,
            panics_at: None,
            stops_at: None,
        }
    }

    pub(crate) fn manual(self) -> Self {
        Self { manner: Manner::Manual, ..self }
    }

    pub(crate) fn manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// Asks from `handle_subscribe`.
    pub(crate) fn ask_first(self, first_ask: usize) -> Self {
        Self { first_ask, ..self.manual() }
    }

    /// Takes so long over each batch, before it writes it down.
    pub(crate) fn slow(self, nap: Duration) -> Self {
        Self { nap, ..self }
    }

    pub(crate) fn on_cancel_stop(self, reason: ExitReason) -> Self {
        Self { cancel_stops: Some(reason), ..self }
    }

    pub(crate) fn panic_at(self, event: u64) -> Self {
        Self { panics_at: Some(event), ..self }
    }

    pub(crate) fn stop_at(self, event: u64) -> Self {
        Self { stops_at: Some(event), ..self }
    }
}

impl Consumer for Sink {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
        assert!(cx.subscription().is_some() && !events.is_empty());
        if !self.nap.is_zero() {
            nap(self.nap);
        }
        self.log.note(self.who, Seen::Batch(events.iter().copied().collect()));
        assert!(!events.iter().any(|event| self.panics_at == Some(*event)), "not that one");
        if events.iter().any(|event| self.stops_at == Some(*event)) {
            return Outcome::Stop(ExitReason::other("enough"));
        }
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
        self.log.note(self.who, Seen::Subscribed(producer.subscription));
        assert!(cx.ask(producer.subscription, self.first_ask));
        self.manner.clone()
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.log.note(self.who, Seen::Cancel(cancellation.kind, cancellation.reason.clone()));
        self.cancel_stops.take().map_or(Outcome::Continue, Outcome::Stop)
    }

    fn handle_signal(&mut self, _: Signal, _: &mut Context<'_, Self>) -> Outcome {
        self.log.note(self.who, Seen::Signal);
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        self.log.note(self.who, Seen::Terminate(reason.clone()));
    }
}

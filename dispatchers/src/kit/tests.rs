use super::Kit;
use crate::{Deliveries, DemandDispatcher, Dispatcher, InfoTicket, Refusal, Subscriber, SubscriptionId};

#[test]
fn the_demand_dispatcher_keeps_the_contract() {
    for seed in 0..400 {
        let shuffle = seed % 2 == 0;
        let mut dispatcher = DemandDispatcher::new().shuffle_demands_on_first_dispatch(shuffle);
        Kit::new().run(seed, &mut dispatcher).unwrap();
    }
}

#[test]
fn a_long_history_is_kept_to() {
    Kit::new().steps(20_000).run(1, &mut DemandDispatcher::new()).unwrap();
}

/// A demand dispatcher with one fault.
#[derive(Debug)]
struct Broken {
    inner: DemandDispatcher,
    fault: Fault,
    held: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    GivesToTheDead,
    GivesTooMuch,
    Loses,
    Repeats,
    Reverses,
    Understates,
    Overstates,
    Reorders,
    KeepsInfos,
    Refuses,
    LosesWhatComesBack,
    LosesOneThatComesBack,
    ReversesWhatComesBack,
    DoublesWhatComesBack,
    KeepsTheDemandOfWhoGivesBack,
}

impl Dispatcher<u64> for Broken {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        Dispatcher::<u64>::subscribe(&mut self.inner, id, subscriber)?;
        match self.fault {
            Fault::Refuses => Err(Refusal::rejected("and serves it all the same")),
            _ => Ok(()),
        }
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        let more = usize::from(matches!(self.fault, Fault::GivesTooMuch));
        self.inner.ask(id, count.saturating_add(more), out);
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        if !matches!(self.fault, Fault::GivesToTheDead) {
            self.inner.cancel(id, out);
        }
    }

    fn take_back(&mut self, id: SubscriptionId, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        match self.fault {
            Fault::LosesWhatComesBack => events.clear(),
            Fault::LosesOneThatComesBack => drop(events.pop()),
            Fault::ReversesWhatComesBack => events.reverse(),
            Fault::DoublesWhatComesBack => events.extend_from_within(..),
            Fault::KeepsTheDemandOfWhoGivesBack => return,
            _ => {}
        }
        self.inner.take_back(id, events, out);
    }

    fn demand(&self) -> usize {
        let demand = Dispatcher::<u64>::demand(&self.inner);
        match self.fault {
            Fault::Understates => demand.saturating_sub(1),
            Fault::Overstates => demand.saturating_add(1),
            _ => demand,
        }
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        match self.fault {
            Fault::Loses => self.held.extend(events.pop()),
            Fault::Reverses => events.reverse(),
            Fault::Repeats => {
                if let Some(event) = events.first_mut() {
                    *event = event.saturating_sub(1);
                }
            }
            _ => {}
        }
        self.inner.dispatch(events, out);
        if matches!(self.fault, Fault::Reorders) {
            events.reverse();
        }
    }

    fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<u64>) {
        if !matches!(self.fault, Fault::KeepsInfos) {
            out.release(ticket);
        }
    }
}

fn faults(fault: Fault) -> Vec<String> {
    let run = |seed| {
        let mut broken = Broken { inner: DemandDispatcher::new(), fault, held: Vec::new() };
        Kit::new().run(seed, &mut broken)
    };
    (0..50).map(|seed| run(seed).expect_err("a broken dispatcher passed").to_string()).collect()
}

#[test]
fn every_fault_is_found_with_every_seed() {
    use Fault::{
        DoublesWhatComesBack, GivesToTheDead, GivesTooMuch, KeepsInfos, KeepsTheDemandOfWhoGivesBack, Loses,
        LosesOneThatComesBack, LosesWhatComesBack, Overstates, Refuses, Reorders, Repeats, Reverses,
        ReversesWhatComesBack, Understates,
    };
    for (fault, says) in [
        (GivesToTheDead, "the living asked for"),
        (GivesTooMuch, "the living asked for"),
        (Loses, "it left others than the last"),
        (Repeats, "out of order"),
        (Reverses, "out of order"),
        (Understates, "events with a demand of"),
        (Overstates, "it states a demand of"),
        (Reorders, "it left others than the last"),
        (KeepsInfos, "waits for nothing"),
        (Refuses, "it states a demand of"),
        (LosesWhatComesBack, "was lost"),
        (LosesOneThatComesBack, "was lost"),
        (ReversesWhatComesBack, "that came back it left"),
        (DoublesWhatComesBack, "that came back it left"),
        (KeepsTheDemandOfWhoGivesBack, "the living asked for"),
    ] {
        let found = faults(fault);
        assert!(found.iter().any(|text| text.contains(says)), "{fault:?}: {found:#?}");
    }
}

/// Gives each event to everybody; holds nothing. Whether it takes on what it cannot do: to redeliver.
#[derive(Debug, Default)]
struct Everybody(Vec<(SubscriptionId, usize)>, bool);

impl Dispatcher<u64> for Everybody {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        if subscriber.redeliver && !self.1 {
            return Err(Refusal::NoRedelivery);
        }
        self.0.push((id, 0));
        Ok(())
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, _: &mut Deliveries<u64>) {
        for (_, asked) in self.0.iter_mut().filter(|(consumer, _)| *consumer == id) {
            *asked = asked.saturating_add(count);
        }
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<u64>) {
        self.0.retain(|(consumer, _)| *consumer != id);
    }

    fn demand(&self) -> usize {
        self.0.iter().map(|(_, asked)| *asked).min().unwrap_or(0)
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        let count = self.demand().min(events.len());
        let mut batch: crate::Batch<u64> = events.drain(..count).collect();
        for (id, asked) in &mut self.0 {
            *asked -= count;
            out.deliver(*id, batch.share());
        }
    }
}

#[test]
fn a_dispatcher_that_serves_everybody_can_be_checked() {
    for seed in 0..100 {
        Kit::new().every(true).run(seed, &mut Everybody::default()).unwrap();
    }
    let fault = Kit::new().run(0, &mut Everybody::default()).unwrap_err();
    assert!(fault.to_string().ends_with("was delivered twice"), "{fault}");
    let fault = Kit::new().every(true).run(0, &mut Everybody(Vec::new(), true)).unwrap_err();
    assert!(fault.to_string().contains("refuse it with"), "{fault}");
}

/// Takes what was asked for, and delivers it with the next ask.
#[derive(Debug, Default)]
struct Hoarder {
    inner: DemandDispatcher,
    queue: Vec<u64>,
    infos: Vec<InfoTicket>,
    patient: bool,
    back: Back,
}

/// What it does with what comes back.
#[derive(Debug, Default)]
enum Back {
    #[default]
    LeavesItAll,
    HoldsIt,
    HoldsTheOlderHalf,
    TurnsItRound,
    Drops,
}

impl Dispatcher<u64> for Hoarder {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        Dispatcher::<u64>::subscribe(&mut self.inner, id, subscriber)
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        self.inner.ask(id, count, out);
        self.inner.dispatch(&mut self.queue, out);
        if self.queue.is_empty() {
            self.infos.drain(..).for_each(|ticket| out.release(ticket));
        }
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        self.inner.cancel(id, out);
    }

    fn take_back(&mut self, id: SubscriptionId, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        self.cancel(id, out);
        let held = match self.back {
            Back::LeavesItAll => 0,
            Back::HoldsTheOlderHalf => events.len() / 2,
            _ => events.len(),
        };
        let mut back: Vec<u64> = events.drain(..held).collect();
        match self.back {
            Back::TurnsItRound => back.reverse(),
            Back::Drops => back.clear(),
            _ => {}
        }
        self.queue.splice(..0, back);
    }

    fn demand(&self) -> usize {
        Dispatcher::<u64>::demand(&self.inner).saturating_sub(self.queue.len())
    }

    fn held(&self) -> usize {
        self.queue.len()
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, _: &mut Deliveries<u64>) {
        let count = self.demand().min(events.len());
        self.queue.extend(events.drain(..count));
    }

    fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<u64>) {
        if self.patient && !self.queue.is_empty() {
            self.infos.push(ticket);
        } else {
            out.release(ticket);
        }
    }
}

#[test]
fn a_dispatcher_that_holds_events_can_be_checked() {
    for seed in 0..100 {
        let mut hoarder = Hoarder { patient: true, ..Hoarder::default() };
        Kit::new().holds(true).run(seed, &mut hoarder).unwrap();
        let fault = Kit::new().holds(true).run(seed, &mut Hoarder::default()).unwrap_err();
        assert!(fault.to_string().contains("overtook event"), "{fault}");
    }
    let fault = Kit::new().run(0, &mut Hoarder::default()).unwrap_err();
    assert!(fault.to_string().contains("was lost"), "{fault}");
}

#[test]
fn a_dispatcher_that_holds_what_comes_back_can_be_checked() {
    let run = |back, seed| Kit::new().holds(true).run(seed, &mut Hoarder { patient: true, back, ..Hoarder::default() });
    for seed in 0..100 {
        run(Back::HoldsIt, seed).unwrap();
        run(Back::HoldsTheOlderHalf, seed).unwrap();
        let fault = run(Back::TurnsItRound, seed).unwrap_err();
        assert!(fault.to_string().ends_with("out of order"), "{fault}");
        let fault = run(Back::Drops, seed).unwrap_err();
        assert!(fault.to_string().contains("it states to hold"), "{fault}");
    }
}

/// A demand dispatcher that panics in the function with this name.
#[derive(Debug)]
struct Brittle(&'static str, DemandDispatcher);

impl Brittle {
    fn hit(&self, function: &str) {
        assert_ne!(self.0, function, "it broke");
    }
}

impl Dispatcher<u64> for Brittle {
    fn init(&mut self, _: u64) {
        self.hit("init");
    }

    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<u64>) -> Result<(), Refusal> {
        self.hit("subscribe");
        self.1.subscribe(id, subscriber)
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, out: &mut Deliveries<u64>) {
        self.hit("ask");
        self.1.ask(id, count, out);
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Deliveries<u64>) {
        self.hit("cancel");
        self.1.cancel(id, out);
    }

    fn take_back(&mut self, id: SubscriptionId, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        self.hit("take back");
        self.1.take_back(id, events, out);
    }

    fn demand(&self) -> usize {
        self.hit("demand");
        Dispatcher::<u64>::demand(&self.1)
    }

    fn held(&self) -> usize {
        self.hit("held");
        0
    }

    fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
        self.hit("dispatch");
        self.1.dispatch(events, out);
    }

    fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<u64>) {
        self.hit("info");
        out.release(ticket);
    }
}

#[test]
fn a_panic_is_found_with_seed_and_step() {
    let run = |function| Kit::new().run(7, &mut Brittle(function, DemandDispatcher::new())).unwrap_err();
    for function in ["init", "demand", "held"] {
        let fault = run(function);
        assert_eq!((fault.seed(), fault.step()), (7, 0));
        let text = fault.to_string();
        assert!(text.starts_with("seed 7, step 0 (init): panicked: ") && text.contains("it broke"), "{text}");
    }
    for function in ["subscribe", "ask", "cancel", "take back", "dispatch", "info"] {
        let fault = run(function);
        let text = fault.to_string();
        let head = format!("seed 7, step {} ({function} ", fault.step());
        assert!(text.starts_with(&head) && text.contains("): panicked: ") && text.contains("it broke"), "{text}");
        assert_eq!(fault, run(function), "the same seed shows it again");
    }
}

//! The numbers are those of section 15.3 of the specification. A, B, .. are subscriptions 1, 2, ..

use super::BroadcastDispatcher;
use crate::kit::Kit;
use crate::random::Random;
use crate::{Deliveries, Dispatcher, Refusal, Subscriber, SubscriptionId};

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 3;

struct Rig {
    dispatcher: BroadcastDispatcher<u32>,
    out: Deliveries<u32>,
}

fn id(number: u64) -> SubscriptionId {
    SubscriptionId::new(number)
}

impl Rig {
    fn new() -> Self {
        Self { dispatcher: BroadcastDispatcher::new(), out: Deliveries::new() }
    }

    fn with(consumers: &[u64]) -> Self {
        let mut rig = Self::new();
        for number in consumers {
            rig.subscribe(*number);
        }
        rig
    }

    fn subscribe(&mut self, number: u64) {
        self.dispatcher.subscribe(id(number), &Subscriber::new(10, 5)).unwrap();
    }

    fn select(&mut self, number: u64, accepts: impl Fn(&u32) -> bool + Send + Sync + 'static) {
        self.dispatcher.subscribe(id(number), &Subscriber::new(10, 5).selector(accepts)).unwrap();
    }

    fn ask(&mut self, number: u64, count: usize) -> usize {
        self.dispatcher.ask(id(number), count, &mut self.out);
        assert!(self.out.is_empty());
        self.dispatcher.demand()
    }

    fn cancel(&mut self, number: u64) -> usize {
        self.dispatcher.cancel(id(number), &mut self.out);
        assert!(self.out.is_empty());
        self.dispatcher.demand()
    }

    /// What went where, by consumer, and what was left.
    fn dispatch(&mut self, events: impl IntoIterator<Item = u32>) -> (Vec<(u64, Vec<u32>)>, Vec<u32>) {
        let mut events = events.into_iter().collect();
        self.dispatcher.dispatch(&mut events, &mut self.out);
        let mut sent: Vec<_> =
            self.out.drain().map(|delivery| (delivery.to.get(), delivery.batch.into_vec())).collect();
        sent.sort();
        (sent, events)
    }
}

#[test]
fn every_event_goes_to_everybody_as_fast_as_the_slowest_asks() {
    let mut rig = Rig::with(&[A, B]);
    assert_eq!(rig.ask(A, 3), 0);
    assert_eq!(rig.ask(B, 2), 2);
    assert_eq!(rig.dispatch(1..=4), (vec![(A, vec![1, 2]), (B, vec![1, 2])], vec![3, 4]));
    assert_eq!(rig.ask(B, 5), 1);
    assert_eq!(rig.dispatch(3..=4), (vec![(A, vec![3]), (B, vec![3])], vec![4]));
}

/// A asks 10 and leaves; what B asks for is demand in full: nothing is remembered of A.
#[test]
fn demand_leaves_with_its_consumer() {
    let mut rig = Rig::with(&[A]);
    assert_eq!(rig.ask(A, 10), 10);
    assert_eq!(rig.cancel(A), 0);
    assert_eq!(rig.dispatch(1..=2), (vec![], vec![1, 2]));
    rig.subscribe(B);
    assert_eq!(rig.ask(B, 5), 5);
    assert_eq!(rig.dispatch(1..=3), (vec![(B, vec![1, 2, 3])], vec![]));
    assert_eq!(rig.dispatcher.demand(), 2);
}

#[test]
fn a_late_subscriber_freezes_delivery_until_it_asks() {
    let mut rig = Rig::with(&[A]);
    assert_eq!(rig.ask(A, 10), 10);
    rig.subscribe(B);
    assert_eq!(rig.ask(A, 5), 0);
    assert_eq!(rig.dispatch(1..=2), (vec![], vec![1, 2]));
    assert_eq!(rig.ask(B, 20), 15);
    assert_eq!(rig.cancel(B), 15);
}

/// The traces of section 15.3. `requested` is the stage's business here, so what A was promised is not stated again; and
/// the demand of one who leaves is gone, where the reference keeps it.
#[test]
fn the_traces_of_section_15_3() {
    let mut rig = Rig::with(&[A]);
    assert_eq!(rig.ask(A, 10), 10);
    rig.subscribe(B);
    assert_eq!(rig.dispatcher.demand(), 0);
    assert_eq!(rig.ask(B, 20), 10);

    let mut rig = Rig::with(&[A]);
    rig.ask(A, 10);
    rig.cancel(A);
    rig.subscribe(B);
    assert_eq!(rig.ask(B, 5), 5);
    assert_eq!(rig.dispatch(1..=3), (vec![(B, vec![1, 2, 3])], vec![]));
    assert_eq!(rig.dispatcher.demand(), 2);

    let mut rig = Rig::with(&[A]);
    rig.ask(A, 10);
    rig.subscribe(B);
    assert_eq!(rig.ask(A, 5), 0);
    assert_eq!(rig.cancel(B), 15);

    let mut rig = Rig::with(&[A, B]);
    assert_eq!((rig.ask(A, 3), rig.ask(B, 2)), (0, 2));
    assert_eq!(rig.dispatch(1..=2).0.len(), 2);
    assert_eq!(rig.ask(B, 9), 1);
}

/// Q2: A asked 10, B came, the 10 events came late and were buffered: they are wanted as soon as B asks.
#[test]
fn q2_a_late_answer_to_demand_strands_nothing() {
    let mut rig = Rig::with(&[A]);
    rig.ask(A, 10);
    rig.subscribe(B);
    let (_, buffered) = rig.dispatch(1..=10);
    assert_eq!(buffered.len(), 10);
    assert_eq!(rig.ask(B, 10), 10);
    let (sent, left) = rig.dispatch(buffered);
    assert_eq!((sent.len(), left), (2, vec![]));
}

/// Q3: however often a duplicate is refused, the first subscription stays whole, and the duplicate stays refused.
#[test]
fn q3_a_refused_duplicate_leaves_the_first_whole() {
    let mut rig = Rig::with(&[A]);
    rig.ask(A, 3);
    for number in 2..5 {
        let again = Subscriber::new(10, 5).siblings(vec![id(A)]);
        assert_eq!(rig.dispatcher.subscribe(id(number), &again), Err(Refusal::AlreadySubscribed));
        rig.cancel(number);
    }
    assert_eq!(rig.dispatcher.subscribe(id(A), &Subscriber::new(10, 5)), Err(Refusal::AlreadySubscribed));
    assert_eq!(rig.dispatch(1..=2).0, [(A, vec![1, 2])]);
    rig.cancel(A);
    // It may come again once the first has ended.
    assert_eq!(rig.dispatcher.subscribe(id(9), &Subscriber::new(10, 5).siblings(vec![id(A)])), Ok(()));
}

/// The fault of unequal `max_demand`: the reference stopped.
#[test]
fn unequal_demands_never_stand_still() {
    let mut rig = Rig::with(&[A, B]);
    rig.ask(A, 1000);
    rig.ask(B, 1);
    let mut next = 0;
    for _ in 0..5000 {
        assert_eq!(rig.dispatcher.demand(), 1);
        let (sent, left) = rig.dispatch([next]);
        assert_eq!((sent, left), (vec![(A, vec![next]), (B, vec![next])], vec![]));
        next += 1;
        rig.ask(B, 1);
        if next % 500 == 0 {
            rig.ask(A, 500);
        }
    }
}

#[test]
fn a_selector_costs_its_consumer_only_what_it_accepts() {
    let mut rig = Rig::with(&[A]);
    rig.select(B, |event| event.is_multiple_of(5));
    rig.ask(A, 10);
    assert_eq!(rig.ask(B, 2), 2);
    // Promised were two; ten fit, as B wants but two of them.
    let (sent, left) = rig.dispatch(1..=12);
    assert_eq!(sent, [(A, (1..=10).collect::<Vec<_>>()), (B, vec![5, 10])]);
    assert_eq!(left, [11, 12]);
    assert_eq!(rig.ask(A, 10), 0);
    assert_eq!(rig.ask(B, 1), 1);
}

/// The reference's pipelines with a selector that rejects everything stopped.
#[test]
fn who_rejects_everything_holds_back_nobody() {
    let mut rig = Rig::with(&[A]);
    rig.select(B, |_| false);
    rig.ask(B, 1);
    for _ in 0..100 {
        rig.ask(A, 10);
        let (sent, left) = rig.dispatch(0..10);
        assert_eq!((sent, left), (vec![(A, (0..10).collect())], vec![]));
    }
    // Also when nobody wants an event, it is gone, and costs no demand.
    rig.cancel(A);
    assert_eq!(rig.dispatch(0..10), (vec![], vec![]));
    assert_eq!(rig.dispatcher.demand(), 1);
}

#[test]
fn consumers_that_take_all_share_the_events() {
    let mut rig = Rig::with(&[A, B]);
    rig.select(C, |_| true);
    for number in [A, B, C] {
        rig.ask(number, 10);
    }
    let mut events = vec![1, 2, 3];
    let place = events.as_ptr();
    rig.dispatcher.dispatch(&mut events, &mut rig.out);
    let sent: Vec<_> = rig.out.drain().collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|delivery| delivery.batch.as_slice().as_ptr() == place));
}

/// Where each event has one taker at most, nobody clones for the last one.
#[test]
fn the_last_to_take_a_part_gets_the_events_themselves() {
    use std::sync::Arc;
    let mut dispatcher = BroadcastDispatcher::new();
    let mut out = Deliveries::new();
    dispatcher.subscribe(id(A), &Subscriber::new(10, 5).selector(|event: &Arc<u32>| **event < 2)).unwrap();
    dispatcher.subscribe(id(B), &Subscriber::new(10, 5).selector(|event: &Arc<u32>| **event >= 2)).unwrap();
    dispatcher.ask(id(A), 10, &mut out);
    dispatcher.ask(id(B), 10, &mut out);
    dispatcher.dispatch(&mut (0..4).map(Arc::new).collect(), &mut out);
    let sent: Vec<_> = out.drain().map(|delivery| (delivery.to.get(), delivery.batch.into_vec())).collect();
    assert_eq!(sent, [(A, vec![Arc::new(0), Arc::new(1)]), (B, vec![Arc::new(2), Arc::new(3)])]);
    assert!(sent.iter().flat_map(|(_, batch)| batch).all(|event| Arc::strong_count(event) == 1));
}

/// Q18: the one with the bad selector is sent away, the others get their events.
#[test]
fn q18_a_selector_that_panics_costs_its_consumer_the_subscription() {
    let mut rig = Rig::with(&[A]);
    rig.select(B, |event| {
        assert!(*event != 2, "not two");
        true
    });
    rig.ask(A, 10);
    rig.ask(B, 10);
    assert_eq!(rig.dispatch(1..=3), (vec![(A, vec![1, 2, 3])], vec![]));
    let expelled: Vec<_> = rig.out.drain_expelled().collect();
    assert_eq!(expelled, [(id(B), Refusal::SelectorPanicked("not two".into()))]);
    assert_eq!(rig.ask(B, 10), 7);
    assert_eq!(rig.cancel(B), 7);
    // Alone, it leaves the events to the stage.
    rig.cancel(A);
    rig.select(C, |_| panic!("never"));
    rig.ask(C, 5);
    assert_eq!(rig.dispatch(1..=3), (vec![], vec![1, 2, 3]));
    assert_eq!((rig.dispatcher.demand(), rig.out.drain_expelled().count()), (0, 1));
}

#[test]
fn a_partition_is_refused() {
    let mut rig = Rig::new();
    let apart = Subscriber::new(10, 5).partition(1);
    assert_eq!(rig.dispatcher.subscribe(id(A), &apart), Err(Refusal::NoPartitions));
}

#[test]
fn absurd_asks_saturate() {
    let mut rig = Rig::with(&[A, B]);
    for number in [A, B, A] {
        rig.ask(number, usize::MAX);
    }
    assert_eq!(rig.dispatcher.demand(), usize::MAX);
    assert_eq!(rig.dispatch(1..=2).1, []);
    assert_eq!(rig.dispatcher.demand(), usize::MAX - 2);
}

#[test]
fn any_history_keeps_the_contract() {
    for seed in 0..200 {
        Kit::new().every(true).run(seed, &mut BroadcastDispatcher::new()).unwrap();
        let mixed = |number: u64| match number % 4 {
            0 => Subscriber::new(10, 5),
            modulus => Subscriber::new(10, 5).selector(move |event: &u64| event.is_multiple_of(modulus + 1)),
        };
        let kit = Kit::new().every(true).drops(true).subscribers(mixed);
        kit.run(seed, &mut BroadcastDispatcher::new()).unwrap();
        let nothing = |_| Subscriber::new(10, 5).selector(|_: &u64| false);
        kit.subscribers(nothing).run(seed, &mut BroadcastDispatcher::new()).unwrap();
    }
}

/// Demand is the least that anybody has asked for and not got, whatever happened.
#[test]
fn demand_is_that_of_the_slowest() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut rig = Rig::new();
        let mut model: Vec<(u64, usize)> = Vec::new();
        for step in 0..200 {
            let number = random.below(6) as u64;
            let known = model.iter().position(|(other, _)| *other == number);
            match (random.below(8), known) {
                (0, None) => {
                    rig.subscribe(number);
                    model.push((number, 0));
                }
                (1, Some(at)) => {
                    rig.cancel(number);
                    model.remove(at);
                }
                (2..6, Some(at)) => {
                    let count = random.below(5);
                    rig.ask(number, count);
                    model[at].1 += count;
                }
                (6.., _) => {
                    let (sent, _) = rig.dispatch((0..).take(random.below(5)));
                    let count = sent.first().map_or(0, |(_, batch)| batch.len());
                    for (_, asked) in &mut model {
                        *asked -= count;
                    }
                }
                _ => {}
            }
            let least = model.iter().map(|(_, asked)| *asked).min().unwrap_or(0);
            assert_eq!(rig.dispatcher.demand(), least, "seed {seed}, step {step}");
        }
    }
}

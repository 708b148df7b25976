//! The numbers are those of section 15.2 of the specification. r1, r2, .. are subscriptions 1, 2, ..

use super::DemandDispatcher;
use crate::{Deliveries, Delivery, Dispatcher, Notice, Refusal, Subscriber, SubscriptionId};

type Sent = Vec<(u64, Vec<u32>)>;

struct Rig {
    dispatcher: DemandDispatcher,
    out: Deliveries<u32>,
}

fn id(number: u64) -> SubscriptionId {
    SubscriptionId::new(number)
}

impl Rig {
    /// r1 to `consumers`, none of which has asked.
    fn new(dispatcher: DemandDispatcher, consumers: u64) -> Self {
        let mut rig = Self { dispatcher, out: Deliveries::new() };
        for number in 1..=consumers {
            rig.subscribe(number).unwrap();
        }
        rig
    }

    fn with_asks(asks: &[(u64, usize)]) -> Self {
        let mut rig = Self::new(DemandDispatcher::new(), asks.len() as u64);
        for (number, count) in asks {
            rig.dispatcher.ask(id(*number), *count, &mut rig.out);
        }
        rig.out.drain_notices();
        rig
    }

    fn subscribe(&mut self, number: u64) -> Result<(), Refusal> {
        Dispatcher::<u32>::subscribe(&mut self.dispatcher, id(number), &Subscriber::new(10, 5))
    }

    fn ask(&mut self, number: u64, count: usize) -> Vec<Notice> {
        self.dispatcher.ask(id(number), count, &mut self.out);
        assert_eq!(self.out.drain().len(), 0);
        self.out.drain_notices().collect()
    }

    fn cancel(&mut self, number: u64) {
        self.dispatcher.cancel(id(number), &mut self.out);
        assert!(self.out.is_empty());
    }

    fn demand(&self) -> usize {
        Dispatcher::<u32>::demand(&self.dispatcher)
    }

    /// What went where, and what was left.
    fn dispatch(&mut self, events: impl IntoIterator<Item = u32>) -> (Sent, Vec<u32>) {
        let mut events = events.into_iter().collect();
        self.dispatcher.dispatch(&mut events, &mut self.out);
        let sent = self.out.drain().map(|Delivery { to, batch }| (to.get(), batch.into_vec())).collect();
        assert!(self.out.is_empty());
        (sent, events)
    }

    /// The whole state: who is first, with what; and who has nothing.
    fn assert_state(&self, expected: &[(u64, usize)], limit: Option<usize>) {
        let line: Vec<_> = self.dispatcher.line.in_order().map(|(id, outstanding)| (id.get(), outstanding)).collect();
        let wanting = expected.iter().copied().filter(|(_, outstanding)| *outstanding > 0);
        assert_eq!(line, wanting.collect::<Vec<_>>());
        let known = self.dispatcher.consumers.iter().map(|consumer| (consumer.id.get(), consumer.turn.outstanding));
        let mut all = expected.to_vec();
        all.sort_unstable();
        assert_eq!(known.collect::<Vec<_>>(), all);
        assert_eq!(self.dispatcher.total, all.iter().map(|(_, outstanding)| *outstanding as u128).sum());
        assert_eq!(self.dispatcher.limit, limit);
    }
}

#[test]
fn subscribing_appends_without_demand() {
    let mut rig = Rig::new(DemandDispatcher::new(), 2);
    rig.assert_state(&[(1, 0), (2, 0)], None);
    assert_eq!(rig.demand(), 0);
    assert_eq!(rig.subscribe(2), Err(Refusal::AlreadySubscribed));
    rig.ask(2, 3);
    rig.subscribe(3).unwrap();
    rig.assert_state(&[(2, 3), (1, 0), (3, 0)], Some(3));
}

#[test]
fn asks_keep_the_biggest_first() {
    let mut rig = Rig::with_asks(&[(1, 4), (2, 2), (3, 3)]);
    rig.assert_state(&[(1, 4), (3, 3), (2, 2)], Some(4));
    rig.ask(3, 2);
    rig.assert_state(&[(3, 5), (1, 4), (2, 2)], Some(4));
    rig.ask(2, 4);
    rig.assert_state(&[(2, 6), (3, 5), (1, 4)], Some(4));
    assert_eq!(rig.demand(), 15);
}

#[test]
fn among_equals_the_newcomer_is_last() {
    let mut rig = Rig::with_asks(&[(1, 3), (2, 3), (3, 2)]);
    rig.assert_state(&[(1, 3), (2, 3), (3, 2)], Some(3));
    rig.ask(3, 1);
    rig.assert_state(&[(1, 3), (2, 3), (3, 3)], Some(3));
}

#[test]
fn the_head_is_served_in_full_before_the_next() {
    let mut rig = Rig::with_asks(&[(1, 3), (2, 2)]);
    let (sent, left) = rig.dispatch(1..=5);
    assert_eq!(sent, [(1, vec![1, 2, 3]), (2, vec![4, 5])]);
    assert_eq!(left, []);
    rig.assert_state(&[(1, 0), (2, 0)], Some(3));
}

#[test]
fn whoever_is_served_in_part_goes_behind_its_equals() {
    let mut rig = Rig::with_asks(&[(1, 3), (2, 3)]);
    assert_eq!(rig.dispatch(1..=2), (vec![(1, vec![1, 2])], vec![]));
    rig.assert_state(&[(2, 3), (1, 1)], Some(3));
    assert_eq!(rig.dispatch(3..=4), (vec![(2, vec![3, 4])], vec![]));
    rig.assert_state(&[(1, 1), (2, 1)], Some(3));
}

#[test]
fn the_sated_go_last_and_the_partly_served_between() {
    let mut rig = Rig::with_asks(&[(1, 4), (2, 4), (3, 3), (4, 2)]);
    let (sent, left) = rig.dispatch(1..=9);
    assert_eq!(sent, [(1, vec![1, 2, 3, 4]), (2, vec![5, 6, 7, 8]), (3, vec![9])]);
    assert_eq!(left, []);
    rig.assert_state(&[(4, 2), (3, 2), (1, 0), (2, 0)], Some(4));
}

#[test]
fn an_untouched_head_keeps_its_place_among_equals() {
    let mut rig = Rig::with_asks(&[(1, 4), (2, 2), (3, 2)]);
    rig.dispatch(1..=4);
    rig.assert_state(&[(2, 2), (3, 2), (1, 0)], Some(4));
}

#[test]
fn what_nobody_asked_for_is_left_in_order() {
    let mut rig = Rig::with_asks(&[(1, 2), (2, 1)]);
    assert_eq!(rig.dispatch(1..=5), (vec![(1, vec![1, 2]), (2, vec![3])], vec![4, 5]));
    assert_eq!(rig.dispatch(4..=5), (vec![], vec![4, 5]));
    rig.assert_state(&[(1, 0), (2, 0)], Some(2));
}

#[test]
fn without_consumers_all_events_are_left() {
    let mut rig = Rig::new(DemandDispatcher::new(), 0);
    assert_eq!(rig.dispatch(1..=3), (vec![], vec![1, 2, 3]));
    rig.assert_state(&[], None);
}

#[test]
fn an_empty_dispatch_changes_nothing() {
    let mut rig = Rig::with_asks(&[(1, 2), (2, 2)]);
    assert_eq!(rig.dispatch([]), (vec![], vec![]));
    rig.assert_state(&[(1, 2), (2, 2)], Some(2));
}

#[test]
fn a_vector_that_one_consumer_wants_whole_is_not_copied() {
    let mut rig = Rig::with_asks(&[(1, 3), (2, 2)]);
    let mut events = vec![1, 2, 3];
    let place = events.as_ptr();
    rig.dispatcher.dispatch(&mut events, &mut rig.out);
    assert_eq!(rig.out.drain().next().unwrap().batch.as_slice().as_ptr(), place);
    assert_eq!((events.len(), events.capacity()), (0, 0));
    rig.assert_state(&[(2, 2), (1, 0)], Some(3));
}

/// The withdrawn amount is gone, not kept for the next askers: section 15.2's `pending` does not exist here.
#[test]
fn cancel_takes_the_demand_along() {
    let mut rig = Rig::with_asks(&[(1, 4), (2, 2), (3, 3)]);
    rig.cancel(1);
    rig.assert_state(&[(3, 3), (2, 2)], Some(4));
    assert_eq!(rig.demand(), 5);
    assert_eq!(rig.dispatch(1..=6), (vec![(3, vec![1, 2, 3]), (2, vec![4, 5])], vec![6]));
}

#[test]
fn zero_asks_and_unknown_ids_change_nothing() {
    let mut rig = Rig::new(DemandDispatcher::new(), 1);
    assert_eq!(rig.ask(1, 0), []);
    assert_eq!(rig.ask(9, 100), []);
    rig.cancel(9);
    rig.assert_state(&[(1, 0)], None);
}

/// Q1: the reference answers "no new demand" to the second consumer, so what was buffered stays where it is and is
/// overtaken. Here the demand is there to be served from the buffer.
#[test]
fn q1_after_a_reconnect_the_whole_ask_is_demand() {
    let mut rig = Rig::new(DemandDispatcher::new(), 1);
    rig.ask(1, 10);
    rig.cancel(1);
    assert_eq!(rig.demand(), 0);
    let (_, buffered) = rig.dispatch(1..=3);
    assert_eq!(buffered, [1, 2, 3]);
    rig.subscribe(2).unwrap();
    rig.ask(2, 5);
    assert_eq!(rig.demand(), 5);
    assert_eq!(rig.dispatch(buffered), (vec![(2, vec![1, 2, 3])], vec![]));
    assert_eq!(rig.dispatch(4..=8), (vec![(2, vec![4, 5])], vec![6, 7, 8]));
}

fn shuffled(seed: u64) -> Rig {
    let mut rig = Rig::new(DemandDispatcher::new().shuffle_demands_on_first_dispatch(true), 6);
    Dispatcher::<u32>::init(&mut rig.dispatcher, seed);
    for number in 1..=4 {
        rig.ask(number, 2);
    }
    rig
}

/// Q6: r5 and r6 have no demand, and stand in nobody's way whatever the shuffle does.
#[test]
fn q6_a_shuffle_never_hides_demand() {
    for seed in 0..200 {
        let mut rig = shuffled(seed);
        let (sent, left) = rig.dispatch(1..=9);
        let mut served: Vec<u64> = sent.iter().map(|(to, _)| *to).collect();
        served.sort_unstable();
        assert_eq!((served, left), (vec![1, 2, 3, 4], vec![9]));
        assert_eq!(rig.demand(), 0);
    }
}

#[test]
fn the_seed_alone_decides_the_shuffle() {
    let order = |seed| shuffled(seed).dispatch(1..=8).0.into_iter().map(|(to, _)| to).collect::<Vec<_>>();
    let orders: std::collections::BTreeSet<_> = (0..500).map(order).collect();
    assert_eq!(orders.len(), 24, "all orders of four consumers occur");
    assert_eq!(order(7), order(7));
}

#[test]
fn only_the_first_dispatch_with_demand_shuffles() {
    let mut rig = shuffled(7);
    for number in 1..=4 {
        rig.cancel(number);
    }
    rig.dispatch(1..=2);
    assert!(rig.dispatcher.shuffle, "nobody has asked: there was nothing to shuffle");
    rig.ask(5, 2);
    rig.ask(6, 2);
    rig.dispatch(1..=4);
    assert!(!rig.dispatcher.shuffle);
    let random = rig.dispatcher.random.clone();
    rig.ask(6, 2);
    rig.ask(5, 2);
    assert_eq!(rig.dispatch(1..=4).0, [(6, vec![1, 2]), (5, vec![3, 4])]);
    assert_eq!(rig.dispatcher.random, random);
}

#[test]
fn the_first_ask_sets_the_limit_and_each_bigger_one_is_noticed_and_honoured() {
    let mut rig = Rig::new(DemandDispatcher::new(), 2);
    let notice = |asked| [Notice::DemandExceeds { subscription: id(2), asked, limit: 10 }];
    assert_eq!(rig.ask(1, 10), []);
    assert_eq!(rig.ask(2, 10), []);
    assert_eq!(rig.ask(2, 11), notice(11));
    assert_eq!(rig.ask(2, 12), notice(12));
    rig.assert_state(&[(2, 33), (1, 10)], Some(10));
}

#[test]
fn max_demand_sets_the_limit_before_the_first_ask() {
    let mut rig = Rig::new(DemandDispatcher::new().max_demand(5), 1);
    assert_eq!(rig.ask(1, 5), []);
    assert_eq!(rig.ask(1, 6), [Notice::DemandExceeds { subscription: id(1), asked: 6, limit: 5 }]);
}

#[test]
fn absurd_asks_saturate() {
    let mut rig = Rig::with_asks(&[(1, usize::MAX), (2, usize::MAX), (2, usize::MAX)]);
    assert_eq!(rig.demand(), usize::MAX);
    assert_eq!(rig.dispatch(1..=2), (vec![(1, vec![1, 2])], vec![]));
    assert_eq!(rig.demand(), usize::MAX);
    rig.cancel(2);
    rig.assert_state(&[(1, usize::MAX - 2), (3, 0)], Some(usize::MAX));
    assert_eq!(rig.demand(), usize::MAX - 2);
}

#[test]
fn steady_state_uses_the_spare_buffers() {
    let mut rig = Rig::with_asks(&[(1, 2), (2, 2)]);
    let mut events: Vec<u32> = Vec::with_capacity(8);
    let mut places = std::collections::BTreeSet::new();
    for round in 0..10 {
        events.extend([1, 2, 3, 4]);
        rig.dispatcher.dispatch(&mut events, &mut rig.out);
        let sent: Vec<_> = rig.out.drain().collect();
        for Delivery { to, batch } in sent {
            rig.dispatcher.ask(to, batch.len(), &mut rig.out);
            let buffer = batch.into_empty().unwrap();
            places.insert(buffer.as_slice().as_ptr());
            rig.out.recycle(buffer);
        }
        assert_eq!(places.len(), 2, "round {round}");
    }
}

/// A selector or a partition that nobody looks at would mean events the consumer did not want.
#[test]
fn options_it_does_not_know_are_refused() {
    let mut dispatcher = DemandDispatcher::new();
    let picky = Subscriber::new(10, 5).selector(|_: &u32| true);
    assert_eq!(dispatcher.subscribe(id(1), &picky), Err(Refusal::NoSelectors));
    let apart = Subscriber::<u32>::new(10, 5).partition(0);
    assert_eq!(dispatcher.subscribe(id(1), &apart), Err(Refusal::NoPartitions));
    assert!(Refusal::NoSelectors.to_string().contains("BroadcastDispatcher"));
    assert!(Refusal::NoPartitions.to_string().contains("PartitionDispatcher"));
}

fn fair(asks: &[(u64, usize)]) -> Rig {
    let mut rig = Rig::new(DemandDispatcher::new().fair().max_demand(100), asks.len() as u64);
    for (number, count) in asks {
        rig.ask(*number, *count);
    }
    rig
}

#[test]
fn fair_spreads_one_dispatch_over_all_that_have_demand() {
    let mut rig = fair(&[(1, 10), (2, 10), (3, 10)]);
    assert_eq!(rig.dispatch(1..=5).0, [(1, vec![1, 2]), (2, vec![3, 4]), (3, vec![5])]);
    rig.assert_state(&[(3, 9), (1, 8), (2, 8)], Some(100));
    // Fewer than there are consumers: one each.
    assert_eq!(rig.dispatch(6..=7).0, [(3, vec![6]), (1, vec![7])]);
    rig.assert_state(&[(2, 8), (3, 8), (1, 7)], Some(100));
}

#[test]
fn fair_gives_nobody_more_than_it_asked_for() {
    let mut rig = fair(&[(1, 100), (2, 2), (3, 20)]);
    let sizes = |sent: Sent| sent.into_iter().map(|(to, batch)| (to, batch.len())).collect::<Vec<_>>();
    assert_eq!(sizes(rig.dispatch(0..60).0), [(1, 38), (3, 20), (2, 2)]);
    let (sent, left) = rig.dispatch(0..70);
    assert_eq!((sizes(sent), left.len()), (vec![(1, 62)], 8));
    assert_eq!(rig.demand(), 0);
}

#[test]
fn fair_and_shuffled_serves_equals_in_a_random_order() {
    let order = |seed| {
        let mut rig = fair(&[(1, 2), (2, 2), (3, 2)]);
        rig.dispatcher = rig.dispatcher.shuffle_demands_on_first_dispatch(true);
        Dispatcher::<u32>::init(&mut rig.dispatcher, seed);
        rig.dispatch(1..=3).0.into_iter().map(|(to, _)| to).collect::<Vec<_>>()
    };
    let orders: std::collections::BTreeSet<_> = (0..200).map(order).collect();
    assert_eq!(orders.len(), 6);
}

/// After the shuffled dispatch the order is by demand again: Q6 cannot happen later either.
#[test]
fn after_a_shuffle_the_biggest_is_first_again() {
    for seed in 0..100 {
        let mut rig = Rig::new(DemandDispatcher::new().shuffle_demands_on_first_dispatch(true).max_demand(9), 3);
        Dispatcher::<u32>::init(&mut rig.dispatcher, seed);
        for (number, count) in [(1, 5), (2, 7), (3, 9)] {
            rig.ask(number, count);
        }
        rig.dispatch(1..=1);
        let line: Vec<_> = rig.dispatcher.line.in_order().map(|(_, outstanding)| outstanding).collect();
        assert!(line.is_sorted_by(|a, b| a >= b), "seed {seed}: {line:?}");
        rig.ask(1, 100);
        assert_eq!(rig.dispatch(2..=3).0, [(1, vec![2, 3])], "seed {seed}");
    }
}

#[test]
fn any_history_keeps_the_contract() {
    use crate::kit::Kit;
    for seed in 0..100 {
        let plain = DemandDispatcher::new();
        for mut dispatcher in [
            plain.clone(),
            plain.clone().fair(),
            plain.clone().shuffle_demands_on_first_dispatch(true),
            plain.fair().shuffle_demands_on_first_dispatch(true),
        ] {
            Kit::new().run(seed, &mut dispatcher).unwrap();
        }
    }
}

/// The list of section 15.2, as it is written there.
#[derive(Default)]
struct List(Vec<(u64, usize)>);

impl List {
    fn insert(&mut self, entry: (u64, usize)) {
        let place = self.0.iter().position(|other| other.1 < entry.1).unwrap_or(self.0.len());
        self.0.insert(place, entry);
    }

    fn ask(&mut self, number: u64, count: usize) {
        let place = self.0.iter().position(|entry| entry.0 == number).unwrap();
        let (_, outstanding) = self.0.remove(place);
        self.insert((number, outstanding + count));
    }

    fn dispatch(&mut self, mut events: &[u32]) -> Sent {
        let mut sent = Vec::new();
        while let Some(&(number, outstanding)) = self.0.first()
            && outstanding > 0
            && !events.is_empty()
        {
            let (batch, rest) = events.split_at(outstanding.min(events.len()));
            self.0.remove(0);
            self.insert((number, outstanding - batch.len()));
            sent.push((number, batch.to_vec()));
            events = rest;
        }
        sent
    }
}

/// Who gets what is what the list of the specification says, step by step.
#[test]
fn the_order_is_that_of_the_list_of_section_15_2() {
    for seed in 0..200 {
        let mut random = crate::random::Random::new(seed);
        let mut rig = Rig::new(DemandDispatcher::new(), 0);
        let mut list = List::default();
        for step in 0..200 {
            let number = random.below(8) as u64;
            let known = list.0.iter().any(|entry| entry.0 == number);
            match random.below(10) {
                0..2 if !known => {
                    rig.subscribe(number).unwrap();
                    list.0.push((number, 0));
                }
                2 => {
                    rig.cancel(number);
                    list.0.retain(|entry| entry.0 != number);
                }
                3..7 if known => {
                    let count = 1 + random.below(4);
                    rig.ask(number, count);
                    list.ask(number, count);
                }
                _ => {
                    let events: Vec<u32> = (0..).take(random.below(8)).collect();
                    let expected = list.dispatch(&events);
                    assert_eq!(rig.dispatch(events).0, expected, "seed {seed}, step {step}");
                }
            }
        }
    }
}

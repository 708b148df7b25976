//! The numbers are those of section 15.4 of the specification.

use std::collections::BTreeMap;

use super::{PartitionDispatcher, PartitionError, WhenFull};
use crate::kit::Kit;
use crate::random::Random;
use crate::{Deliveries, Dispatcher, InfoTicket, Notice, PartitionKey, Refusal, Subscriber, SubscriptionId};

mod full;
mod names;

struct Rig {
    dispatcher: PartitionDispatcher<u64>,
    out: Deliveries<u64>,
}

fn id(number: u64) -> SubscriptionId {
    SubscriptionId::new(number)
}

/// An event is its partition and a number: 31 is number 1 of partition 3.
fn by_ten(partitions: u64) -> PartitionDispatcher<u64> {
    PartitionDispatcher::by_key(0..partitions, |event: &u64| event / 10).unwrap()
}

impl Rig {
    fn new(dispatcher: PartitionDispatcher<u64>) -> Self {
        Self { dispatcher, out: Deliveries::new() }
    }

    fn subscribe(&mut self, number: u64, partition: u64) -> Result<(), Refusal> {
        self.dispatcher.subscribe(id(number), &Subscriber::new(10, 5).partition(partition))
    }

    /// Subscribes as the partition's number.
    fn with(mut self, partitions: &[u64]) -> Self {
        for number in partitions {
            self.subscribe(*number, *number).unwrap();
        }
        self
    }

    fn sent(&mut self) -> Vec<(u64, Vec<u64>)> {
        self.out.drain().map(|delivery| (delivery.to.get(), delivery.batch.into_vec())).collect()
    }

    fn ask(&mut self, number: u64, count: usize) -> Vec<(u64, Vec<u64>)> {
        self.dispatcher.ask(id(number), count, &mut self.out);
        self.sent()
    }

    fn cancel(&mut self, number: u64) {
        self.dispatcher.cancel(id(number), &mut self.out);
        assert!(self.out.is_empty());
    }

    fn dispatch(&mut self, events: impl IntoIterator<Item = u64>) -> (Vec<(u64, Vec<u64>)>, Vec<u64>) {
        let mut events = events.into_iter().collect();
        self.dispatcher.dispatch(&mut events, &mut self.out);
        (self.sent(), events)
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.out.drain_notices().collect()
    }

    /// Demand, and how many events wait.
    fn state(&self) -> (usize, usize) {
        (self.dispatcher.demand(), self.dispatcher.held())
    }
}

#[test]
fn each_event_goes_to_its_partition_in_order() {
    let mut rig = Rig::new(by_ten(3)).with(&[0, 1, 2]);
    for number in 0..3 {
        assert_eq!(rig.ask(number, 4), []);
    }
    let (sent, left) = rig.dispatch([20, 0, 21, 1, 2, 22]);
    assert_eq!(sent, [(2, vec![20, 21, 22]), (0, vec![0, 1, 2])]);
    assert_eq!((left, rig.state()), (vec![], (6, 0)));
}

/// The second trace of section 15.4: p0 and p1 ask 5 each; 10 events, all for p0.
#[test]
fn what_nobody_asked_for_waits_in_the_place_of_what_others_asked_for() {
    let mut rig = Rig::new(by_ten(2)).with(&[0, 1]);
    rig.ask(0, 5);
    rig.ask(1, 5);
    assert_eq!(rig.state(), (10, 0));
    assert_eq!(rig.dispatch(0..10), (vec![(0, vec![0, 1, 2, 3, 4])], vec![]));
    assert_eq!(rig.state(), (0, 5));
    assert_eq!(rig.dispatch([9]), (vec![], vec![9]));
    assert_eq!(rig.ask(0, 5), [(0, vec![5, 6, 7, 8, 9])]);
    assert_eq!(rig.state(), (5, 0));
}

/// The first trace, but for `pending`, which does not exist here: demand leaves with its consumer.
#[test]
fn demand_leaves_with_its_consumer() {
    let mut rig = Rig::new(by_ten(2)).with(&[0]);
    rig.ask(0, 10);
    assert_eq!(rig.state(), (10, 0));
    rig.cancel(0);
    assert_eq!(rig.state(), (0, 0));
    rig.subscribe(7, 1).unwrap();
    rig.ask(7, 5);
    assert_eq!(rig.state(), (5, 0));
    rig.cancel(7);
    assert_eq!(rig.dispatch(0..4), (vec![], vec![0, 1, 2, 3]));
}

/// Q4: the reference throws the queue away, and says nothing.
#[test]
fn q4_the_queue_goes_in_order_to_the_next_consumer_of_its_partition() {
    let mut rig = Rig::new(by_ten(2)).with(&[0, 1]);
    rig.ask(0, 2);
    rig.ask(1, 4);
    assert_eq!(rig.dispatch(0..6).0, [(0, vec![0, 1])]);
    rig.cancel(0);
    assert_eq!(rig.state(), (0, 4));
    rig.subscribe(9, 0).unwrap();
    assert_eq!(rig.ask(9, 3), [(9, vec![2, 3, 4])]);
    assert_eq!(rig.ask(9, 3), [(9, vec![5])]);
    assert_eq!(rig.state(), (6, 0));
}

/// Q5: what the hash drops costs no demand: it goes on to the next events.
#[test]
fn q5_dropped_events_cost_no_demand() {
    let hash = |event: u64| (event >= 5).then_some((event * 2, 0));
    let mut rig = Rig::new(PartitionDispatcher::with_hash([0], hash).unwrap()).with(&[0]);
    rig.ask(0, 2);
    assert_eq!(rig.dispatch(0..5), (vec![], vec![]));
    assert_eq!(rig.state(), (2, 0));
    assert_eq!(rig.dispatch(3..10), (vec![(0, vec![10, 12])], vec![7, 8, 9]));
    assert_eq!(rig.notices(), []);
}

#[test]
fn an_unknown_partition_costs_the_event_and_is_reported() {
    let mut rig = Rig::new(by_ten(2)).with(&[0, 1]);
    rig.ask(0, 3);
    rig.ask(1, 3);
    assert_eq!(rig.dispatch([0, 70, 10, 80, 1]), (vec![(0, vec![0, 1]), (1, vec![10])], vec![]));
    assert_eq!(rig.state(), (3, 0));
    let notices = rig.notices();
    assert_eq!(notices, [Notice::UnknownPartition { partition: "7".into(), events: 2, known: "[0, 1]".into() }]);
    assert_eq!(notices[0].lost(), 2);
    assert_eq!(
        notices[0].to_string(),
        "2 events discarded, the hash put them into unknown partitions, the first into 7: there are [0, 1]"
    );
}

#[test]
fn a_hash_that_panics_costs_the_event_and_is_reported() {
    let hash = |event: &u64| {
        assert!(!event.is_multiple_of(3), "no {event}");
        0
    };
    let mut rig = Rig::new(PartitionDispatcher::by_key([0], hash).unwrap()).with(&[0]);
    rig.ask(0, 4);
    assert_eq!(rig.dispatch(0..=6), (vec![(0, vec![1, 2, 4, 5])], vec![6]));
    assert_eq!(rig.notices(), [Notice::HashPanicked { message: "no 0".into(), events: 2 }]);
    assert_eq!(rig.state(), (0, 0));
}

/// Whose drop panics, if it is 13.
#[derive(Debug, PartialEq)]
struct Unlucky(u64);

impl Drop for Unlucky {
    fn drop(&mut self) {
        assert_ne!(self.0, 13, "unlucky");
    }
}

#[test]
fn an_event_that_panics_as_it_is_discarded_costs_nobody_else() {
    let dispatcher = PartitionDispatcher::by_key(0..2, |event: &Unlucky| event.0 / 10).unwrap();
    let mut dispatcher = dispatcher.queue_size(2).when_unclaimed(WhenFull::DiscardNewest);
    let mut out = Deliveries::new();
    dispatcher.subscribe(id(0), &Subscriber::new(10, 5).partition(0)).unwrap();
    dispatcher.ask(id(0), 9, &mut out);
    let mut events: Vec<_> = [11, 12, 13, 4, 5, 6, 7, 8, 9, 3].map(Unlucky).into();
    dispatcher.dispatch(&mut events, &mut out);
    let sent: Vec<_> = out.drain().map(|delivery| (delivery.to, delivery.batch.into_vec())).collect();
    assert_eq!(sent, [(id(0), [4, 5, 6, 7, 8, 9, 3].map(Unlucky).into())]);
    assert_eq!((events, dispatcher.held(), dispatcher.demand()), (vec![], 2, 2));
    let discarded = Notice::PartitionFull { partition: "1".into(), events: 1 };
    assert_eq!(out.drain_notices().collect::<Vec<_>>(), [discarded], "the panic is nobody's");
}

/// What is dropped or waits for nothing makes room for events beyond: still each partition gets one batch, in order.
#[test]
fn a_dispatch_sends_each_partition_one_batch() {
    let keep = |event: u64| (!event.is_multiple_of(2)).then_some((event, event / 10));
    let dispatcher = PartitionDispatcher::with_hash(0..3_u64, keep).unwrap().queue_size(2);
    let mut rig = Rig::new(dispatcher).with(&[0, 1, 2]);
    rig.ask(0, 3);
    rig.ask(1, 1);
    let events = [0, 2, 4, 1, 21, 11, 6, 8, 13, 23, 3, 5, 7];
    assert_eq!(rig.dispatch(events), (vec![(0, vec![1, 3, 5]), (1, vec![11])], vec![7]));
    assert_eq!((rig.ask(1, 4), rig.ask(2, 4)), (vec![(1, vec![13])], vec![(2, vec![21, 23])]));
    assert_eq!(rig.out.filtered(), 5);
}

#[test]
fn asks_of_all_sizes_are_served_from_what_waits_in_order() {
    let mut rig = Rig::new(PartitionDispatcher::by_key(0..2_u64, |_: &u64| 1).unwrap()).with(&[0, 1]);
    rig.ask(0, 300);
    assert_eq!(rig.dispatch(0..200), (vec![], vec![]));
    let mut next = 0;
    for count in [1, 3, 100, 2, 60] {
        let expected = (next..next + count).collect();
        assert_eq!(rig.ask(1, usize::try_from(count).unwrap()), [(1, expected)]);
        next += count;
        if count == 100 {
            assert_eq!(rig.dispatch(200..250), (vec![], vec![]));
        }
    }
    assert_eq!(rig.state(), (300 - 84, 84));
    assert_eq!(rig.ask(1, 1000), [(1, (166..250).collect())]);
}

#[test]
fn infos_wait_for_what_came_before_them() {
    let mut rig = Rig::new(by_ten(3)).with(&[0, 1, 2]);
    let released = |rig: &mut Rig| rig.out.drain_released().map(InfoTicket::get).collect::<Vec<_>>();
    rig.dispatcher.info(InfoTicket::new(1), &mut rig.out);
    assert_eq!(released(&mut rig), [1]);
    rig.ask(2, 4);
    rig.dispatch([0, 1, 10]);
    rig.dispatcher.info(InfoTicket::new(2), &mut rig.out);
    rig.dispatch([2]);
    rig.dispatcher.info(InfoTicket::new(3), &mut rig.out);
    rig.ask(0, 2);
    assert_eq!(released(&mut rig), []);
    rig.cancel(1);
    assert_eq!(released(&mut rig), []);
    rig.subscribe(9, 1).unwrap();
    rig.ask(9, 1);
    assert_eq!(released(&mut rig), [2]);
    rig.ask(0, 1);
    assert_eq!(released(&mut rig), [3]);
}

/// What comes back was sent before; an info that it let pass does not wait for it again, nor for what came later.
#[test]
fn an_info_does_not_wait_twice_for_what_comes_back() {
    let mut rig = Rig::new(by_ten(3)).with(&[0, 1, 2]);
    rig.ask(2, 5);
    rig.dispatch([0, 10]);
    rig.dispatcher.info(InfoTicket::new(7), &mut rig.out);
    assert_eq!(rig.ask(1, 2), [(1, vec![10])]);
    assert_eq!(rig.dispatch([11]).0, [(1, vec![11])]);
    rig.dispatcher.take_back(id(1), &mut vec![11], &mut rig.out);
    assert_eq!(rig.ask(0, 1), [(0, vec![0])]);
    assert_eq!(rig.out.drain_released().map(InfoTicket::get).collect::<Vec<_>>(), [7]);
}

#[test]
fn absurd_asks_saturate() {
    let mut rig = Rig::new(by_ten(2)).with(&[0, 1]);
    for number in [0, 1, 0] {
        rig.ask(number, usize::MAX);
    }
    assert_eq!(rig.state(), (usize::MAX, 0));
    assert_eq!(rig.dispatch([0, 10]).1, []);
    assert_eq!(rig.state(), (usize::MAX, 0));
}

#[test]
fn any_history_keeps_the_contract() {
    for seed in 0..100 {
        let by_number = |number| Subscriber::new(10, 5).partition(number % 4);
        let kit = Kit::new().holds(true).subscribers(by_number);
        for slack in [0, 1, 7] {
            let hashed = PartitionDispatcher::new(4).unwrap();
            kit.run(seed, &mut hashed.queue_size(slack)).unwrap();
            let keyed = PartitionDispatcher::by_key(0..4, |event: &u64| event % 4).unwrap();
            kit.run(seed, &mut keyed.queue_size(slack)).unwrap();
        }
        let filter = |event: u64| (!event.is_multiple_of(3)).then_some((event, event % 4));
        kit.clone().drops(true).run(seed, &mut PartitionDispatcher::with_hash(0..4, filter).unwrap()).unwrap();
    }
}

/// Everything that was taken is with the consumer of its partition or waits for it, in order; memory is bounded by what
/// was asked for; and demand is what the rule says.
#[test]
fn nothing_is_lost_and_no_more_waits_than_was_asked_for() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let slack = random.below(3) * 4;
        let hash = |event: &u64| event % 3;
        let mut rig = Rig::new(PartitionDispatcher::by_key(0..3, hash).unwrap().queue_size(slack));
        let mut holders: BTreeMap<u64, u64> = BTreeMap::new();
        let mut got: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let (mut ids, mut next, mut most, mut buffer) = (10, 0, 0, Vec::new());
        let mut asked: BTreeMap<u64, usize> = BTreeMap::new();
        for step in 0..300 {
            let partition = random.below(3) as u64;
            let sent = match (random.below(10), holders.get(&partition).copied()) {
                (0..3, None) => {
                    ids += 1;
                    rig.subscribe(ids, partition).unwrap();
                    holders.insert(partition, ids);
                    vec![]
                }
                (0, Some(holder)) => {
                    rig.cancel(holder);
                    holders.remove(&partition);
                    asked.remove(&partition);
                    vec![]
                }
                (1..6, Some(holder)) => {
                    let count = random.below(6);
                    *asked.entry(partition).or_default() += count;
                    rig.ask(holder, count)
                }
                _ => {
                    buffer.extend((0..random.below(12)).map(|_| {
                        next += 1;
                        next - 1
                    }));
                    let (sent, left) = rig.dispatch(std::mem::take(&mut buffer));
                    buffer = left;
                    sent
                }
            };
            rig.notices();
            for (to, batch) in sent {
                let (partition, _) = holders.iter().find(|(_, holder)| **holder == to).unwrap();
                assert!(batch.iter().all(|event| event % 3 == *partition), "seed {seed}, step {step}");
                *asked.get_mut(partition).unwrap() -= batch.len();
                got.entry(*partition).or_default().extend(batch);
            }
            let wanted: usize = asked.values().sum();
            most = most.max(wanted);
            assert!(rig.state().1 <= most + 3 * slack, "seed {seed}, step {step}: {:?}", rig.state());
        }
        // One consumer for each partition that asks enough gets all the rest.
        for partition in 0..3 {
            let holder = holders.get(&partition).copied().unwrap_or_else(|| {
                rig.subscribe(partition, partition).unwrap();
                partition
            });
            for (_, batch) in rig.ask(holder, 1_000_000) {
                got.entry(partition).or_default().extend(batch);
            }
        }
        let (sent, left) = rig.dispatch(buffer);
        assert_eq!((left, rig.state().1), (vec![], 0), "seed {seed}");
        for (_, batch) in sent {
            got.entry(batch[0] % 3).or_default().extend(batch);
        }
        for (partition, events) in got {
            assert!(events.iter().copied().eq((0..next).filter(|event| event % 3 == partition)), "seed {seed}");
        }
    }
}

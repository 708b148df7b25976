//! What becomes of events for which nobody has asked: `queue_size`, `when_full` and `when_unclaimed`.

use super::*;

/// A slow partition holds back the others only when so many events wait for it.
#[test]
fn queue_size_lets_events_wait_at_nobodys_cost() {
    let mut rig = Rig::new(by_ten(2).queue_size(3)).with(&[0, 1]);
    rig.ask(1, 2);
    assert_eq!(rig.dispatch([0, 1, 2, 10]), (vec![(1, vec![10])], vec![]));
    assert_eq!(rig.state(), (1, 3));
    assert_eq!(rig.dispatch([3, 11]), (vec![], vec![11]));
    assert_eq!(rig.state(), (0, 4));
    assert_eq!(rig.ask(0, 1), [(0, vec![0])]);
    assert_eq!(rig.state(), (1, 3));
    assert_eq!(rig.dispatch([11]), (vec![(1, vec![11])], vec![]));
}

#[test]
fn a_partition_without_a_consumer_that_holds_back_others_is_reported_once() {
    let mut rig = Rig::new(by_ten(2)).with(&[0]);
    rig.ask(0, 2);
    rig.dispatch([10]);
    assert_eq!(rig.notices(), []);
    rig.dispatch([11]);
    assert_eq!(rig.notices(), [Notice::PartitionWaits { partition: "1".into(), events: 2 }]);
    rig.ask(0, 1);
    rig.dispatch([12]);
    assert_eq!(rig.notices(), []);
    // A partition that has a consumer is merely slow.
    rig.subscribe(1, 1).unwrap();
    rig.ask(0, 1);
    rig.dispatch([13]);
    assert_eq!(rig.notices(), []);
}

/// Partition 1 has room for what waits there; partition 2 has not, and neither has 3.
#[test]
fn of_partitions_without_a_consumer_the_first_that_holds_back_others_is_reported() {
    let mut rig = Rig::new(by_ten(4).queue_size(1)).with(&[0]);
    rig.ask(0, 2);
    assert_eq!(rig.dispatch([10, 30, 31, 20, 21]).1, []);
    assert_eq!(rig.notices(), [Notice::PartitionWaits { partition: "2".into(), events: 2 }]);
}

#[test]
fn what_is_discarded_is_reported_by_partition() {
    let mut rig = Rig::new(by_ten(3).when_unclaimed(WhenFull::DiscardNewest)).with(&[0]);
    rig.ask(0, 1);
    rig.dispatch([20, 10, 21]);
    let full = |partition: &str, events| Notice::PartitionFull { partition: partition.into(), events };
    assert_eq!(rig.notices(), [full("1", 1), full("2", 2)]);
}

/// Nobody takes partition 1: at most three wait for it, and the other goes on.
#[test]
fn a_partition_without_a_consumer_may_discard_instead() {
    for (policy, waiting) in [(WhenFull::DiscardNewest, [10, 11, 12]), (WhenFull::DiscardOldest, [12, 13, 14])] {
        let mut rig = Rig::new(by_ten(2).queue_size(3).when_unclaimed(policy)).with(&[0]);
        rig.ask(0, 2);
        assert_eq!(rig.dispatch([10, 11, 0, 12]).0, [(0, vec![0])]);
        assert_eq!((rig.notices(), rig.state()), (vec![], (1, 3)));
        assert_eq!(rig.dispatch([13, 14, 1, 2]), (vec![(0, vec![1])], vec![2]), "they cost no demand");
        let notices = rig.notices();
        assert_eq!(notices, [Notice::PartitionFull { partition: "1".into(), events: 2 }]);
        assert_eq!(notices[0].to_string(), "2 events discarded, partition 1 is full");
        assert_eq!((notices[0].lost(), rig.state()), (2, (0, 3)));
        rig.subscribe(1, 1).unwrap();
        assert_eq!(rig.ask(1, 5), [(1, waiting.to_vec())]);
        // One that has a consumer is treated as all are: it holds back.
        rig.ask(0, 1);
        rig.dispatch([15, 16, 17, 18, 19, 15]);
        assert_eq!((rig.notices(), rig.state()), (vec![], (0, 4)));
    }
}

#[test]
fn slow_partitions_may_discard_as_well() {
    let mut rig = Rig::new(by_ten(2).queue_size(2).when_full(WhenFull::DiscardOldest)).with(&[0, 1]);
    rig.ask(0, 3);
    assert_eq!(rig.dispatch([10, 11, 12, 13, 0, 1, 2]).0, [(0, vec![0, 1, 2])]);
    assert_eq!(rig.notices(), [Notice::PartitionFull { partition: "1".into(), events: 2 }]);
    assert_eq!(rig.ask(1, 3), [(1, vec![12, 13])]);
    let mut none = Rig::new(by_ten(2).when_full(WhenFull::DiscardOldest)).with(&[0]);
    none.ask(0, 1);
    assert_eq!(none.dispatch([10, 11, 0]), (vec![(0, vec![0])], vec![]), "with no room at all");
    assert_eq!((none.notices()[0].lost(), none.state()), (2, (0, 0)));
}

/// What waited beyond the bound goes with the consumer that it waited for.
#[test]
fn what_is_beyond_the_bound_is_discarded_when_the_consumer_leaves() {
    for (policy, waiting) in [(WhenFull::DiscardNewest, [10, 11]), (WhenFull::DiscardOldest, [12, 13])] {
        let mut rig = Rig::new(by_ten(2).queue_size(2).when_unclaimed(policy)).with(&[0, 1]);
        rig.ask(0, 5);
        rig.dispatch([10, 11, 12, 13]);
        rig.dispatcher.info(InfoTicket::new(1), &mut rig.out);
        assert_eq!(rig.state(), (3, 4));
        rig.dispatcher.cancel(id(1), &mut rig.out);
        assert_eq!(rig.notices(), [Notice::PartitionFull { partition: "1".into(), events: 2 }]);
        assert_eq!(rig.state(), (5, 2));
        assert_eq!(rig.out.drain_released().count(), 0);
        rig.subscribe(9, 1).unwrap();
        assert_eq!(rig.ask(9, 2), [(9, waiting.to_vec())]);
        assert_eq!(
            rig.out.drain_released().map(InfoTicket::get).collect::<Vec<_>>(),
            [1],
            "behind what was left of them"
        );
    }
}

/// What is taken back has its place in front, and is discarded only where the bound says so.
#[test]
fn what_is_taken_back_is_bound_as_well() {
    let mut rig = Rig::new(by_ten(1).queue_size(3).when_unclaimed(WhenFull::DiscardOldest)).with(&[0]);
    rig.ask(0, 2);
    rig.dispatch([0, 1]);
    rig.ask(0, 1);
    rig.dispatcher.take_back(id(0), &mut vec![0, 1, 2, 3], &mut rig.out);
    assert_eq!(rig.notices(), [Notice::PartitionFull { partition: "0".into(), events: 1 }]);
    rig.subscribe(9, 0).unwrap();
    assert_eq!(rig.ask(9, 5), [(9, vec![1, 2, 3])]);
}

#[test]
fn discarding_keeps_the_contract() {
    for seed in 0..100 {
        let by_number = |number| Subscriber::new(10, 5).partition(number % 4);
        let kit = Kit::new().holds(true).drops(true).subscribers(by_number);
        for policy in [WhenFull::DiscardNewest, WhenFull::DiscardOldest] {
            for slack in [0, 1, 7] {
                let keyed = || PartitionDispatcher::by_key(0..4, |event: &u64| event % 4).unwrap().queue_size(slack);
                kit.run(seed, &mut keyed().when_full(policy)).unwrap();
                kit.run(seed, &mut keyed().when_unclaimed(policy)).unwrap();
            }
        }
    }
}

//! What partitions may be called, and who is refused for it.

use super::*;

/// Q18 and Q23: what makes no sense costs the one who asks for it, nobody else.
#[test]
fn q18_wrong_partitions_are_refused_in_words() {
    let mut rig = Rig::new(by_ten(2)).with(&[0]);
    let mut refusal = |subscriber: Subscriber<u64>| rig.dispatcher.subscribe(id(9), &subscriber).unwrap_err();
    let known = || "[0, 1]".to_owned();
    let plain = || Subscriber::new(10, 5);
    assert_eq!(refusal(plain()), Refusal::PartitionMissing { known: known() });
    assert_eq!(refusal(plain().partition(2)), Refusal::PartitionUnknown { partition: "2".into(), known: known() });
    assert_eq!(refusal(plain().partition(-1)), Refusal::PartitionUnknown { partition: "-1".into(), known: known() });
    let text = Refusal::PartitionUnknown { partition: "\"0\"".into(), known: known() };
    assert_eq!(refusal(plain().partition("0")), text);
    assert_eq!(text.to_string(), "there is no partition \"0\": subscribe to one of [0, 1]");
    assert_eq!(refusal(plain().partition(0)), Refusal::PartitionTaken { partition: "0".into(), by: id(0) });
    assert_eq!(refusal(plain().selector(|_| true)), Refusal::NoSelectors);
    // A refused one is as unknown as any other.
    assert_eq!(rig.ask(9, 5), []);
    rig.cancel(9);
    assert_eq!(rig.subscribe(0, 1), Err(Refusal::AlreadySubscribed));
    // One consumer may have several partitions.
    let both = Subscriber::new(10, 5).partition(1).siblings(vec![id(0)]);
    assert_eq!(rig.dispatcher.subscribe(id(1), &both), Ok(()));
    // The same one twice is no new subscription, and no fault that need end it.
    let again = Subscriber::new(10, 5).partition(1).siblings(vec![id(0), id(1)]);
    assert_eq!(rig.dispatcher.subscribe(id(2), &again), Err(Refusal::AlreadySubscribed));
}

/// Q18: the name that a subscription gives is looked for with code of its user's.
#[test]
fn q18_a_partition_name_that_panics_is_refused() {
    #[derive(Debug, PartialEq, Eq)]
    struct Name(u64);

    impl std::hash::Hash for Name {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            assert!(self.0 < 2, "no {}", self.0);
            state.write_u64(self.0);
        }
    }

    let mut rig = Rig::new(PartitionDispatcher::by_key([Name(0), Name(1)], |event: &u64| Name(event / 10)).unwrap());
    let mut subscribe = |number, name| rig.dispatcher.subscribe(id(number), &Subscriber::new(10, 5).partition(name));
    let refusal = subscribe(9, Name(2)).unwrap_err();
    assert_eq!(refusal, Refusal::PartitionPanicked("no 2".into()));
    assert_eq!(refusal.to_string(), "the name of the partition panicked: no 2");
    assert_eq!(subscribe(0, Name(0)), Ok(()));
    assert_eq!(rig.ask(0, 2), []);
    assert_eq!(rig.dispatch([1, 2]), (vec![(0, vec![1, 2])], vec![]));
}

/// Q23.
#[test]
fn q23_partitions_that_make_no_sense_cannot_be_built() {
    assert_eq!(PartitionDispatcher::<u64>::new(0).unwrap_err(), PartitionError::None);
    assert_eq!(PartitionDispatcher::by_hash(0, |event: &u64| *event).unwrap_err(), PartitionError::None);
    let none: [&str; 0] = [];
    assert_eq!(PartitionDispatcher::by_key(none, |_: &u64| "").unwrap_err(), PartitionError::None);
    let twice = PartitionDispatcher::by_key(["a", "b", "a"], |_: &u64| "a").unwrap_err();
    assert_eq!(twice, PartitionError::Twice("\"a\"".into()));
    assert_eq!(twice.to_string(), "two partitions are named \"a\"");
    let many = PartitionDispatcher::<u64>::new(usize::MAX).unwrap_err();
    assert_eq!(many, PartitionError::TooMany(usize::MAX));
    assert_eq!(many.to_string(), format!("there may be at most 65536 partitions, got {}", usize::MAX));
    let many = PartitionDispatcher::by_hash(65_537, |event: &u64| *event).unwrap_err();
    assert_eq!(many, PartitionError::TooMany(65_537));
    assert!(PartitionDispatcher::<u64>::new(65_536).is_ok());
    let endless = PartitionDispatcher::by_key(0_u64.., |event: &u64| *event).unwrap_err();
    assert_eq!(endless, PartitionError::TooMany(65_537));
    assert!(PartitionDispatcher::by_key(0_u64..65_536, |event: &u64| *event).is_ok());
}

#[test]
fn keys_match_whatever_the_type_of_the_literal() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Level {
        Low,
        High,
    }
    fn taken(dispatcher: Result<PartitionDispatcher<u64>, PartitionError>, key: PartitionKey) -> bool {
        let subscriber = Subscriber::new(10, 5).wants(crate::Wants::Partition(key));
        dispatcher.unwrap().subscribe(id(1), &subscriber).is_ok()
    }
    let strings = || PartitionDispatcher::by_key(["a".to_owned()], |_: &u64| "a".to_owned());
    assert!(taken(strings(), PartitionKey::new("a")));
    assert!(taken(strings(), PartitionKey::new("a".to_owned())));
    assert!(!taken(strings(), PartitionKey::new('a')));
    let strs = || PartitionDispatcher::by_key(["a"], |_: &u64| "a");
    assert!(taken(strs(), PartitionKey::new("a".to_owned())));
    for key in [PartitionKey::new(3), PartitionKey::new(3_u8), PartitionKey::new(3_usize), PartitionKey::new(3_i64)] {
        assert!(taken(PartitionDispatcher::<u64>::new(4), key.clone()));
        assert!(taken(PartitionDispatcher::with_hash(0..4_i16, |event: u64| Some((event, 0))), key.clone()));
        assert!(!taken(PartitionDispatcher::<u64>::new(3), key));
    }
    let levels = || PartitionDispatcher::by_key([Level::Low, Level::High], |_: &u64| Level::Low);
    assert!(taken(levels(), PartitionKey::new(Level::High)));
    assert!(!taken(levels(), PartitionKey::new(0)));
    let pairs = || PartitionDispatcher::by_key([(1, 2), (3, 4)], |_: &u64| (1, 2));
    assert!(taken(pairs(), PartitionKey::new((3, 4))));
    assert!(!taken(pairs(), PartitionKey::new((3_u8, 4_u8))));
}

#[test]
fn the_default_hash_keeps_equals_together_and_spreads_the_rest() {
    let mut rig = Rig::new(PartitionDispatcher::new(4).unwrap()).with(&[0, 1, 2, 3]);
    (0..4).for_each(|number| drop(rig.ask(number, 10_000)));
    let (sent, _) = rig.dispatch((0..8000).map(|event| event % 4000));
    assert!(sent.iter().all(|(_, batch)| batch.len() > 1600), "{:?}", sent.iter().map(|(_, batch)| batch.len()));
    for (_, batch) in sent {
        let (first, second) = batch.split_at(batch.len() / 2);
        assert_eq!(first, second);
    }
}

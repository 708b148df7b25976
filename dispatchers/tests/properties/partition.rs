//! Section 15.4: each event to the consumer of its partition, with the decisions on Q4 and Q5.

use std::collections::{BTreeMap, VecDeque};

use genstage_dispatchers::{
    Deliveries, Dispatcher, Notice, PartitionDispatcher, PartitionKey, Refusal, Subscriber, SubscriptionId, Wants,
    WhenFull,
};
use proptest::prelude::*;

use crate::check;
use crate::history::{Model, Seen, Sent, history, play};

const PARTITIONS: u64 = 3;
const KNOWN: &str = "[0, 1, 2]";

/// Where an event goes.
#[derive(Debug, PartialEq)]
enum Fate {
    To(u64),
    Dropped,
    Unknown,
    Panics,
}

fn fate(event: u64, faulty: bool) -> Fate {
    match event % 20 {
        19 if faulty => Fate::Panics,
        18 if faulty => Fate::Unknown,
        16..18 if faulty => Fate::Dropped,
        _ => Fate::To(event / 2 % PARTITIONS),
    }
}

#[derive(Clone, Default)]
struct Partition {
    consumer: Option<u64>,
    asked: usize,
    /// Rising, as events are numbered when they are emitted.
    queue: VecDeque<u64>,
    reported: bool,
}

struct Partitions {
    all: Vec<Partition>,
    slack: usize,
    when_full: WhenFull,
    when_unclaimed: WhenFull,
    /// How many events were discarded in this call, by partition.
    discarded: BTreeMap<usize, usize>,
    faulty: bool,
    /// Tickets, with the last event that waited in each partition when it came.
    infos: VecDeque<(u64, Vec<(usize, u64)>)>,
}

impl Partitions {
    fn of(&mut self, id: u64) -> Option<&mut Partition> {
        self.all.iter_mut().find(|partition| partition.consumer == Some(id))
    }

    fn asked(&self) -> u128 {
        self.all.iter().map(|partition| partition.asked as u128).sum()
    }

    /// One more waits for this partition, if it has room.
    fn put(&mut self, place: usize, event: u64) {
        let partition = &mut self.all[place];
        let policy = if partition.consumer.is_none() { self.when_unclaimed } else { self.when_full };
        if policy == WhenFull::HoldBack || partition.queue.len() < self.slack {
            partition.queue.push_back(event);
        } else if policy == WhenFull::DiscardOldest && self.slack > 0 {
            partition.queue.push_back(event);
            let beyond = partition.queue.len() - self.slack;
            partition.queue.drain(..beyond);
            self.lost(place, beyond);
        } else {
            self.lost(place, 1);
        }
    }

    fn lost(&mut self, place: usize, events: usize) {
        *self.discarded.entry(place).or_default() += events;
    }

    fn full(&mut self) -> Vec<Notice> {
        let full = |(place, events): (usize, usize)| Notice::PartitionFull { partition: place.to_string(), events };
        std::mem::take(&mut self.discarded).into_iter().map(full).collect()
    }

    /// Those behind which nothing is left; what comes back later was sent before, and holds up none that it let pass.
    fn released(&mut self) -> Vec<u64> {
        for (_, behind) in &mut self.infos {
            behind.retain(|(place, last)| self.all[*place].queue.front().is_some_and(|first| first <= last));
        }
        let free = self.infos.iter().take_while(|(_, behind)| behind.is_empty()).count();
        self.infos.drain(..free).map(|(ticket, _)| ticket).collect()
    }
}

impl Model for Partitions {
    /// The name of the partition; the last one is none.
    type Wants = u64;

    fn subscriber(&self, _: &[Option<u64>], partition: &u64) -> Subscriber<u64> {
        Subscriber::new(10, 5).partition(*partition)
    }

    fn subscribe(&mut self, id: u64, _: &[Option<u64>], name: &u64) -> Result<(), Refusal> {
        let partition = || name.to_string();
        let known = KNOWN.to_owned();
        let place = usize::try_from(*name).unwrap();
        let place =
            self.all.get_mut(place).ok_or_else(|| Refusal::PartitionUnknown { partition: partition(), known })?;
        if let Some(by) = place.consumer {
            return Err(Refusal::PartitionTaken { partition: partition(), by: SubscriptionId::new(by) });
        }
        (place.consumer, place.reported) = (Some(id), false);
        Ok(())
    }

    /// What waits goes first; the rest of the ask is demand.
    fn ask(&mut self, id: u64, count: usize) -> Seen {
        let Some(partition) = self.of(id) else { return Seen::default() };
        let served: Vec<_> = partition.queue.drain(..count.min(partition.queue.len())).collect();
        partition.asked = partition.asked.saturating_add(count - served.len());
        let sent = if served.is_empty() { vec![] } else { vec![(id, served)] };
        Seen { sent, released: self.released(), ..Seen::default() }
    }

    /// What waits stays for the next one, behind what comes back.
    fn cancel(&mut self, id: u64, back: &mut Vec<u64>) -> Seen {
        let Some(place) = self.all.iter().position(|partition| partition.consumer == Some(id)) else {
            return Seen::default();
        };
        let partition = &mut self.all[place];
        partition.consumer = None;
        partition.asked = 0;
        back.drain(..).rev().for_each(|event| partition.queue.push_front(event));
        let beyond = partition.queue.len().saturating_sub(self.slack);
        if beyond > 0 && self.when_unclaimed != WhenFull::HoldBack {
            match self.when_unclaimed {
                WhenFull::DiscardOldest => drop(partition.queue.drain(..beyond)),
                _ => partition.queue.truncate(self.slack),
            }
            self.lost(place, beyond);
            return Seen { notices: self.full(), released: self.released(), ..Seen::default() };
        }
        Seen::default()
    }

    fn dispatch(&mut self, events: &[u64], seen: &Seen) -> usize {
        let mut sent: Sent = Vec::new();
        let (mut taken, mut filtered, mut unknown, mut panicked) = (0, 0, 0, Vec::new());
        let mut orphan: Option<u64> = None;
        for event in events {
            if self.demand() == 0 {
                break;
            }
            taken += 1;
            match fate(*event, self.faulty) {
                Fate::Dropped => filtered += 1,
                Fate::Unknown => unknown += 1,
                Fate::Panics => panicked.push(*event),
                Fate::To(place) => {
                    let at = usize::try_from(place).unwrap();
                    let partition = &mut self.all[at];
                    match partition.consumer {
                        Some(id) if partition.asked > 0 => {
                            partition.asked -= 1;
                            match sent.iter_mut().find(|(to, _)| *to == id) {
                                Some((_, batch)) => batch.push(*event),
                                None => sent.push((id, vec![*event])),
                            }
                        }
                        consumer => {
                            let holds = self.all[at].queue.len();
                            self.put(at, *event);
                            let queue = self.all[at].queue.len();
                            if consumer.is_none() && queue > holds && queue > self.slack {
                                orphan = Some(orphan.map_or(place, |other| other.min(place)));
                            }
                        }
                    }
                }
            }
        }
        let mut notices = Vec::new();
        if unknown > 0 {
            notices.push(Notice::UnknownPartition { partition: "9".into(), events: unknown, known: KNOWN.into() });
        }
        if let Some(first) = panicked.first() {
            notices.push(Notice::HashPanicked { message: format!("over {first}"), events: panicked.len() });
        }
        notices.extend(self.full());
        if let Some(place) = orphan
            && self.demand() == 0
            && self.asked() > 0
        {
            let partition = &mut self.all[usize::try_from(place).unwrap()];
            if !std::mem::replace(&mut partition.reported, true) {
                notices.push(Notice::PartitionWaits { partition: place.to_string(), events: partition.queue.len() });
            }
        }
        let expected = Seen { sent, notices, filtered, released: self.released(), ..Seen::default() };
        assert_eq!(*seen, expected, "of {events:?}");
        taken
    }

    fn info(&mut self, ticket: u64) -> Seen {
        let behind =
            self.all.iter().enumerate().filter_map(|(place, partition)| Some((place, *partition.queue.back()?)));
        let behind = behind.collect();
        self.infos.push_back((ticket, behind));
        Seen { released: self.released(), ..Seen::default() }
    }

    /// What was asked for, less what takes its place.
    fn demand(&self) -> usize {
        let excess: usize = self.all.iter().map(|partition| partition.queue.len().saturating_sub(self.slack)).sum();
        usize::try_from(self.asked().saturating_sub(excess as u128)).unwrap_or(usize::MAX)
    }

    fn held(&self) -> usize {
        self.all.iter().map(|partition| partition.queue.len()).sum()
    }
}

#[test]
fn the_partition_dispatcher_keeps_every_event_for_its_partition() {
    let policy = || prop_oneof![2 => Just(WhenFull::HoldBack), 1 => Just(WhenFull::DiscardNewest), 1 => Just(WhenFull::DiscardOldest)];
    let policies = (prop_oneof![Just(0), 0..6_usize], policy(), proptest::option::of(policy()));
    check(600, &(any::<bool>(), policies, history(0..=PARTITIONS)), |(faulty, policies, history)| {
        let (slack, when_full, when_unclaimed) = policies;
        let hash = move |event| match fate(event, faulty) {
            Fate::To(partition) => Some((event, partition)),
            Fate::Dropped => None,
            Fate::Unknown => Some((event, 9)),
            Fate::Panics => panic!("over {event}"),
        };
        let mut dispatcher = PartitionDispatcher::with_hash(0..PARTITIONS, hash).unwrap().queue_size(slack);
        dispatcher = dispatcher.when_full(when_full);
        if let Some(policy) = when_unclaimed {
            dispatcher = dispatcher.when_unclaimed(policy);
        }
        let model = Partitions {
            all: vec![Partition::default(); 3],
            slack,
            when_full,
            when_unclaimed: when_unclaimed.unwrap_or(when_full),
            discarded: BTreeMap::new(),
            faulty,
            infos: VecDeque::new(),
        };
        play(dispatcher, model, 0, &history);
    });
}

/// By count or by keys: the same event always meets the same consumer, and whatever the names, nothing is lost or
/// doubled.
#[test]
fn equal_keys_meet_in_one_partition_however_it_is_named() {
    #[derive(Clone, Copy, Debug)]
    enum By {
        Count,
        Hash,
        Key,
    }
    let by = prop_oneof![Just(By::Count), Just(By::Hash), Just(By::Key)];
    let input = (by, 1..9_usize, proptest::collection::vec(0..40_u64, 0..200));
    check(300, &input, |(by, partitions, events)| {
        let name = move |event: &u64| format!("p{}", event % partitions as u64);
        let (mut dispatcher, names): (PartitionDispatcher<u64>, Vec<PartitionKey>) = match by {
            By::Count => {
                (PartitionDispatcher::new(partitions).unwrap(), (0..partitions).map(PartitionKey::new).collect())
            }
            By::Hash => {
                let by_hash = PartitionDispatcher::by_hash(partitions, |event: &u64| event / 3);
                (by_hash.unwrap(), (0..partitions).map(PartitionKey::new).collect())
            }
            By::Key => {
                let names: Vec<_> = (0..partitions).map(|number| format!("p{number}")).collect();
                let by_key = PartitionDispatcher::by_key(names.clone(), name);
                (by_key.unwrap(), names.into_iter().map(PartitionKey::new).collect())
            }
        };
        check_spread(&mut dispatcher, names, &events, |event| match by {
            By::Count => event,
            By::Hash => event / 3,
            By::Key => event % partitions as u64,
        });
    });
}

fn check_spread(
    dispatcher: &mut PartitionDispatcher<u64>,
    names: Vec<PartitionKey>,
    events: &[u64],
    key: impl Fn(u64) -> u64,
) {
    let mut out = Deliveries::new();
    for (number, name) in names.into_iter().enumerate() {
        let id = SubscriptionId::new(number as u64);
        dispatcher.subscribe(id, &Subscriber::new(10, 5).wants(Wants::Partition(name))).unwrap();
        dispatcher.ask(id, events.len(), &mut out);
    }
    let mut offered = events.to_vec();
    dispatcher.dispatch(&mut offered, &mut out);
    assert!(offered.is_empty() && dispatcher.held() == 0);
    let sent: Vec<_> = out.drain().map(|delivery| (delivery.to, delivery.batch.into_vec())).collect();
    let mut homes = std::collections::BTreeMap::new();
    for (to, batch) in &sent {
        for event in batch {
            assert_eq!(homes.entry(key(*event)).or_insert(*to), to, "two homes for {event}");
        }
        let mine = events.iter().filter(|event| batch.contains(event));
        assert!(batch.iter().eq(mine), "in order, none lost, none doubled");
    }
    assert_eq!(sent.iter().map(|(_, batch)| batch.len()).sum::<usize>(), events.len());
}

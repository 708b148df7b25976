//! Section 15.3: every event to everybody that selects it, as fast as the slowest asks.

use std::collections::BTreeMap;

use genstage_dispatchers::{BroadcastDispatcher, Refusal, Subscriber, SubscriptionId};
use proptest::prelude::*;

use crate::check;
use crate::history::{Model, SLOTS, Seen, history, play};

#[derive(Clone, Copy, Debug)]
enum Select {
    All,
    Multiples(u64),
    Nothing,
    /// All, but it panics over multiples.
    PanicsOver(u64),
}

impl Select {
    fn accepts(self, event: u64) -> bool {
        match self {
            Self::All | Self::PanicsOver(_) => true,
            Self::Multiples(of) => event.is_multiple_of(of),
            Self::Nothing => false,
        }
    }

    fn panics(self, event: u64) -> bool {
        matches!(self, Self::PanicsOver(of) if event.is_multiple_of(of))
    }
}

#[derive(Clone, Debug)]
struct Wants {
    select: Select,
    /// Comes from the consumer in this slot, once more.
    sibling: Option<usize>,
    redeliver: bool,
}

fn wants() -> impl Strategy<Value = Wants> {
    let select = prop_oneof![
        4 => Just(Select::All),
        4 => (2..6_u64).prop_map(Select::Multiples),
        1 => Just(Select::Nothing),
        1 => (5..30_u64).prop_map(Select::PanicsOver),
    ];
    (select, proptest::option::weighted(0.2, 0..SLOTS), proptest::bool::weighted(0.05))
        .prop_map(|(select, sibling, redeliver)| Wants { select, sibling, redeliver })
}

/// What each consumer may still get.
#[derive(Default)]
struct Credits(BTreeMap<u64, (usize, Select)>);

impl Credits {
    fn least(&self) -> usize {
        self.0.values().map(|(credit, _)| *credit).min().unwrap_or(0)
    }

    /// As many events from the front as everybody has asked for, of those it selects.
    fn fitting(&self, events: &[u64]) -> usize {
        let fits = |(credit, select): &(usize, Select)| {
            let wanted = events.iter().enumerate().filter(|(_, event)| select.accepts(**event));
            wanted.map(|(place, _)| place).nth(*credit).unwrap_or(events.len())
        };
        self.0.values().map(fits).min().unwrap_or(0)
    }
}

impl Model for Credits {
    type Wants = Wants;

    fn subscriber(&self, slots: &[Option<u64>], wants: &Wants) -> Subscriber<u64> {
        let select = wants.select;
        let mut subscriber = Subscriber::new(10, 5);
        if !matches!(select, Select::All) {
            subscriber = subscriber.selector(move |event| {
                assert!(!select.panics(*event), "over {event}");
                select.accepts(*event)
            });
        }
        let sibling = wants.sibling.and_then(|slot| slots[slot]);
        subscriber.redeliver = wants.redeliver;
        subscriber.siblings(sibling.map(SubscriptionId::new).into_iter().collect())
    }

    fn subscribe(&mut self, id: u64, slots: &[Option<u64>], wants: &Wants) -> Result<(), Refusal> {
        if wants.redeliver {
            return Err(Refusal::NoRedelivery);
        }
        if wants.sibling.is_some_and(|slot| slots[slot].is_some()) {
            return Err(Refusal::AlreadySubscribed);
        }
        self.0.insert(id, (0, wants.select));
        Ok(())
    }

    fn ask(&mut self, id: u64, count: usize) -> Seen {
        if let Some((credit, _)) = self.0.get_mut(&id) {
            *credit = credit.saturating_add(count);
        }
        Seen::default()
    }

    fn cancel(&mut self, id: u64, _: &mut Vec<u64>) -> Seen {
        self.0.remove(&id);
        Seen::default()
    }

    fn dispatch(&mut self, events: &[u64], seen: &Seen) -> usize {
        if self.least() == 0 || events.is_empty() {
            assert_eq!(*seen, Seen::default());
            return 0;
        }
        for id in &seen.expelled {
            let (_, select) = self.0.remove(id).unwrap();
            assert!(events.iter().any(|event| select.panics(*event)), "{id} did not panic");
        }
        let (taken, _) = events.split_at(self.fitting(events));
        let mut expected = Vec::new();
        for (id, (credit, select)) in &mut self.0 {
            assert!(taken.iter().all(|event| !select.panics(*event)), "{id} panicked, and stays");
            let mine: Vec<_> = taken.iter().copied().filter(|event| select.accepts(*event)).collect();
            *credit -= mine.len();
            if !mine.is_empty() {
                expected.push((*id, mine));
            }
        }
        let unwanted = taken.iter().filter(|event| !self.0.values().any(|(_, select)| select.accepts(**event)));
        let mut sent = seen.sent.clone();
        sent.sort();
        assert_eq!((sent, seen.filtered), (expected, unwanted.count() as u64), "of {events:?}");
        assert!(seen.notices.is_empty() && seen.released.is_empty());
        taken.len()
    }

    fn info(&mut self, ticket: u64) -> Seen {
        Seen { released: vec![ticket], ..Seen::default() }
    }

    fn demand(&self) -> usize {
        self.least()
    }

    fn held(&self) -> usize {
        0
    }
}

#[test]
fn the_broadcast_dispatcher_gives_everybody_what_it_selects() {
    check(400, &history(wants()), |history| play(BroadcastDispatcher::new(), Credits::default(), 0, &history));
}

//! Section 15.2: the list, with the biggest demand first.

use genstage_dispatchers::{DemandDispatcher, Notice, Refusal, Subscriber, SubscriptionId};
use proptest::prelude::*;

use crate::check;
use crate::history::{Model, Op, SLOTS, Seen, Sent, history, play};

/// Everybody's outstanding demand, biggest first, newcomers behind their equals.
struct List {
    entries: Vec<(u64, usize)>,
    limit: Option<usize>,
    fair: bool,
    order: Order,
}

/// How well the order of equals is known.
#[derive(PartialEq)]
enum Order {
    Exact,
    /// The next dispatch that finds demand shuffles.
    Shuffles,
    /// After the shuffle equals stand in any order.
    Loose,
}

impl List {
    fn insert(&mut self, entry: (u64, usize)) {
        let place = self.entries.iter().position(|other| other.1 < entry.1).unwrap_or(self.entries.len());
        self.entries.insert(place, entry);
    }

    fn remove(&mut self, id: u64) -> Option<usize> {
        let place = self.entries.iter().position(|entry| entry.0 == id)?;
        Some(self.entries.remove(place).1)
    }

    /// The biggest first, each in full before the next.
    fn check_order(&mut self, sent: &Sent) {
        let last = sent.len().saturating_sub(1);
        for (number, (to, batch)) in sent.iter().enumerate() {
            let biggest = self.entries[0].1;
            let first = self.entries[0].0;
            let had = self.remove(*to).unwrap();
            match self.order {
                Order::Exact => assert_eq!(*to, first),
                Order::Loose => assert_eq!(had, biggest, "{to} was not the biggest"),
                Order::Shuffles => {}
            }
            assert!(batch.len() == had || number == last, "{to} was not served in full");
            self.insert((*to, had - batch.len()));
        }
    }

    /// As many as possible get something; nobody gets two more than one who could have taken more.
    fn check_fairness(&mut self, sent: &Sent, events: usize) {
        let hungry: Vec<_> = self.entries.iter().copied().filter(|entry| entry.1 > 0).collect();
        assert_eq!(sent.len(), hungry.len().min(events), "so many could be served");
        let shares: Vec<_> = sent
            .iter()
            .zip(&hungry)
            .map(|((to, batch), expected)| {
                let had = self.entries.iter().find(|entry| entry.0 == *to).unwrap().1;
                assert_eq!(had, expected.1, "the biggest first");
                assert!(self.order != Order::Exact || *to == expected.0, "equals in the order in which they came");
                (*to, had, batch.len())
            })
            .collect();
        for (place, (to, had, share)) in shares.iter().enumerate() {
            let most = shares.iter().map(|(.., share)| *share).max().unwrap_or(0);
            assert!(share == had || share + 1 >= most, "{to} got {share} of {had}, another {most}");
            assert!(shares[place..].iter().all(|(.., later)| later <= share), "what is uneven goes to the biggest");
        }
        for (to, ..) in &shares {
            self.remove(*to);
        }
        for (to, had, share) in shares {
            self.insert((to, had - share));
        }
    }
}

impl Model for List {
    type Wants = ();

    fn subscriber(&self, _: &[Option<u64>], (): &()) -> Subscriber<u64> {
        Subscriber::new(10, 5)
    }

    fn subscribe(&mut self, id: u64, _: &[Option<u64>], (): &()) -> Result<(), Refusal> {
        self.entries.push((id, 0));
        Ok(())
    }

    fn ask(&mut self, id: u64, count: usize) -> Seen {
        let mut seen = Seen::default();
        if count > 0
            && let Some(had) = self.remove(id)
        {
            self.insert((id, had.saturating_add(count)));
            let limit = *self.limit.get_or_insert(count);
            if count > limit {
                seen.notices =
                    vec![Notice::DemandExceeds { subscription: SubscriptionId::new(id), asked: count, limit }];
            }
        }
        seen
    }

    fn cancel(&mut self, id: u64, _: &mut Vec<u64>) -> Seen {
        self.remove(id);
        Seen::default()
    }

    fn dispatch(&mut self, events: &[u64], seen: &Seen) -> usize {
        let taken = events.len().min(self.demand());
        // Each event to one, in order, and nothing else.
        assert_eq!(seen.sent.iter().flat_map(|(_, batch)| batch).copied().collect::<Vec<_>>(), events[..taken]);
        assert_eq!(*seen, Seen { sent: seen.sent.clone(), ..Seen::default() });
        if taken > 0 {
            if self.fair {
                if self.order == Order::Shuffles {
                    self.order = Order::Loose;
                }
                self.check_fairness(&seen.sent, taken);
            } else {
                self.check_order(&seen.sent);
            }
            if self.order == Order::Shuffles {
                self.order = Order::Loose;
            }
        }
        taken
    }

    fn info(&mut self, ticket: u64) -> Seen {
        Seen { released: vec![ticket], ..Seen::default() }
    }

    fn demand(&self) -> usize {
        self.entries.iter().fold(0, |sum: usize, entry| sum.saturating_add(entry.1))
    }

    fn held(&self) -> usize {
        0
    }
}

/// Half of the histories begin with a crowd, so that the first dispatch has somebody to shuffle.
fn with_crowd() -> impl Strategy<Value = Vec<Op<()>>> {
    let crowd = proptest::option::of(proptest::collection::vec(0..9_usize, SLOTS));
    (crowd, history(Just(()))).prop_map(|(crowd, history)| {
        let came = crowd.into_iter().flatten().enumerate();
        let asked = came.flat_map(|(slot, count)| [Op::Subscribe(slot, ()), Op::Ask(slot, count)]);
        asked.chain(history).collect()
    })
}

#[test]
fn the_demand_dispatcher_does_what_its_list_says() {
    let options = (any::<bool>(), any::<bool>(), proptest::option::of(0..9_usize), any::<u64>());
    check(400, &(options, with_crowd()), |((fair, shuffle, limit, seed), history)| {
        let mut dispatcher = DemandDispatcher::new().shuffle_demands_on_first_dispatch(shuffle);
        if fair {
            dispatcher = dispatcher.fair();
        }
        if let Some(limit) = limit {
            dispatcher = dispatcher.max_demand(limit);
        }
        let order = if shuffle { Order::Shuffles } else { Order::Exact };
        play(dispatcher, List { entries: Vec::new(), limit, fair, order }, seed, &history);
    });
}

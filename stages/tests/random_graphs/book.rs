//! What happened, and what must hold while it does.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use genstage::SubscriptionId;

/// Stages are numbered as they are started.
pub(crate) type Node = usize;

#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Book>>);

impl Shared {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// When its stage emitted each event, counted for each stage by itself.
    places: HashMap<(Node, u64), usize>,
    /// From whom which event has come.
    received: HashSet<(Node, u64)>,
    /// Producers that kept back demand: events they emitted meanwhile come behind those that this demand brings (section 9.4).
    pub(crate) accumulated: HashSet<Node>,
    pub(crate) emitted: BTreeMap<Node, usize>,
    pub(crate) discarded: BTreeMap<Node, usize>,
    /// What producers could still emit.
    pub(crate) left: BTreeMap<Node, usize>,
    /// What the dispatchers say.
    pub(crate) outlets: BTreeMap<Node, Outlet>,
    pub(crate) edges: BTreeMap<SubscriptionId, Edge>,
    pub(crate) faults: Vec<String>,
}

/// The dispatcher of a stage.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outlet {
    pub(crate) kind: Kind,
    /// How many events it has taken, and how many of them its hash has dropped.
    pub(crate) taken: usize,
    pub(crate) dropped: usize,
    pub(crate) held: usize,
    pub(crate) demand: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Demand,
    Broadcast,
    Partition,
}

/// Which events a subscription is about.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    Anything,
    Multiples(u64),
    Partition(u64),
}

/// The partition of an event; some have none.
pub(crate) fn partition_of(event: u64) -> Option<u64> {
    (event % 7 != 6).then_some(event / 7 % 3)
}

impl Choice {
    pub(crate) fn fits(self, event: u64) -> bool {
        match self {
            Self::Anything => true,
            Self::Multiples(of) => event.is_multiple_of(of),
            Self::Partition(partition) => partition_of(event) == Some(partition),
        }
    }
}

/// A subscription.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    pub(crate) producer: Node,
    pub(crate) consumer: Node,
    /// The bounds of an automatic subscription, once they are known.
    pub(crate) bounds: Option<(usize, usize)>,
    pub(crate) asked: usize,
    pub(crate) delivered: usize,
    pub(crate) received: usize,
    /// How many events are in each message that has not been received, and how many are left of the one at hand.
    messages: VecDeque<usize>,
    at_hand: usize,
    last: Option<usize>,
    pub(crate) choice: Choice,
    /// Whether the dispatcher serves it.
    pub(crate) served: bool,
    /// How often `handle_cancel` ran for it.
    pub(crate) cancels_of_producer: usize,
    pub(crate) cancels_of_consumer: usize,
}

impl Book {
    pub(crate) fn emit(&mut self, node: Node, event: u64) {
        let count = self.emitted.entry(node).or_default();
        if self.places.insert((node, event), *count).is_some() {
            self.faults.push(format!("stage {node} emitted event {event} twice"));
        }
        *count += 1;
    }

    pub(crate) fn discard(&mut self, node: Node, count: usize) {
        *self.discarded.entry(node).or_default() += count;
    }

    pub(crate) fn edge(&mut self, id: SubscriptionId) -> &mut Edge {
        self.edges.entry(id).or_default()
    }

    pub(crate) fn ask(&mut self, id: SubscriptionId, count: usize) {
        let edge = self.edge(id);
        edge.asked += count;
        let under_way = edge.asked - edge.received;
        if let Some((max, _)) = edge.bounds
            && under_way > max
        {
            self.faults.push(format!("{under_way} events asked for on subscription {id}, with a max_demand of {max}"));
        }
    }

    pub(crate) fn deliver(&mut self, id: SubscriptionId, count: usize) {
        let edge = self.edge(id);
        edge.delivered += count;
        edge.messages.push_back(count);
        if edge.delivered > edge.asked || !edge.served {
            let fault = format!("subscription {id} got {count} events too many: {edge:?}");
            self.faults.push(fault);
        }
    }

    /// A stage in the middle takes up a message only while somebody downstream waits for more than it has, and then the whole of it.
    pub(crate) fn pull(&mut self, node: Node, id: SubscriptionId) {
        if self.edge(id).at_hand == 0 && self.expected_demand(node) == 0 {
            self.faults.push(format!("stage {node} took up a message of subscription {id} that nobody waited for"));
        }
    }

    pub(crate) fn receive(&mut self, id: SubscriptionId, events: &[u64]) {
        if events.is_empty() {
            self.faults.push(format!("an empty batch on subscription {id}"));
        }
        let edge = self.edge(id);
        edge.received += events.len();
        if edge.at_hand == 0 {
            edge.at_hand = edge.messages.pop_front().unwrap_or(0);
        }
        edge.at_hand = edge.at_hand.saturating_sub(events.len());
        let (producer, mut last, choice) = (edge.producer, edge.last, edge.choice);
        let to_all = self.outlets.get(&producer).is_some_and(|outlet| outlet.kind == Kind::Broadcast);
        for event in events {
            let place = self.places.get(&(producer, *event)).copied();
            if place.is_none() || (place <= last && !self.accumulated.contains(&producer)) {
                self.faults.push(format!(
                    "event {event} on subscription {id} of stage {producer} has place {place:?} and comes after {last:?}"
                ));
            }
            if !choice.fits(*event) {
                self.faults.push(format!("event {event} on subscription {id}, which is about {choice:?}"));
            }
            // What goes to all is checked for each by its order.
            if !to_all && !self.received.insert((producer, *event)) {
                self.faults.push(format!("event {event} of stage {producer} was received twice"));
            }
            last = place;
        }
        self.edge(id).last = last;
    }

    /// The demand that a dispatcher must state, by what its consumers have asked for and not got.
    pub(crate) fn expected_demand(&self, node: Node) -> usize {
        let served = self.edges.values().filter(|edge| edge.producer == node && edge.served);
        let mut unmet = served.map(|edge| edge.asked - edge.delivered);
        let outlet = self.outlets.get(&node).copied().unwrap_or_default();
        match outlet.kind {
            Kind::Demand => unmet.sum(),
            Kind::Broadcast => unmet.min().unwrap_or(0),
            Kind::Partition => unmet.by_ref().sum::<usize>().saturating_sub(outlet.held),
        }
    }

    pub(crate) fn delivered(&self, node: Node) -> usize {
        self.edges.values().filter(|edge| edge.producer == node).map(|edge| edge.delivered).sum()
    }
}

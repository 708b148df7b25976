//! The book of a graph at rest is balanced.

use genstage::{StageSnapshot, SubscriptionId};

use crate::book::{Edge, Kind, Node};
use crate::graph::{Graph, Stage};

impl Graph<'_> {
    /// Whether a stage in the middle may rightly be waiting for downstream.
    fn waits(&self, node: Node) -> bool {
        let stage = &self.stages[node];
        let demand = self.shared.book().expected_demand(node);
        matches!(stage, Stage::Between(_)) && (demand == 0 || stage.buffered() != Ok(0))
    }

    pub(crate) fn balance(&self) {
        assert_eq!(self.shared.book().faults, Vec::<String>::new());
        let alive: Vec<_> = self.stages.iter().map(Stage::is_alive).collect();
        let waits: Vec<_> = (0..self.stages.len()).map(|node| alive[node] && self.waits(node)).collect();
        for (node, stage) in self.stages.iter().enumerate() {
            let buffered = if alive[node] { stage.buffered().unwrap() } else { 0 };
            let book = self.shared.book();
            let emitted = book.emitted.get(&node).copied().unwrap_or(0);
            let discarded = book.discarded.get(&node).copied().unwrap_or(0);
            let outlet = book.outlets.get(&node).copied().unwrap_or_default();
            let gone = outlet.taken + discarded;
            if outlet.kind != Kind::Broadcast {
                let placed = book.delivered(node) + outlet.dropped + outlet.held;
                assert_eq!(outlet.taken, placed, "what the dispatcher of stage {node} took is somewhere: {book:#?}");
            }
            if alive[node] {
                let waiting = buffered - outlet.held;
                assert_eq!(emitted, gone + waiting, "what stage {node} emitted is somewhere: {book:#?}");
                assert_eq!(outlet.demand, book.expected_demand(node), "the demand at stage {node}: {book:#?}");
                assert!(waiting == 0 || outlet.demand == 0, "stage {node} has events and demand: {book:#?}");
            } else {
                assert!(emitted >= gone, "the dead stage {node} gave what it did not have: {book:#?}");
            }
            if let (Stage::Make(_), true) = (stage, alive[node]) {
                let has_more = book.left.get(&node).copied().unwrap_or(0) > 0;
                assert!(!has_more || outlet.demand == 0, "stage {node} keeps events from consumers: {book:#?}");
            }
        }
        self.balance_numbers(&alive);
        let book = self.shared.book();
        for (id, edge) in &book.edges {
            assert_edge(
                edge,
                alive[edge.producer],
                alive[edge.consumer],
                waits[edge.consumer],
                &format!("{id}: {edge:?}"),
            );
        }
    }
}

impl Graph<'_> {
    /// The numbers that the living stages give of themselves say what the book says, and add up: what came in was handled,
    /// waits, or was discarded; what was emitted went out, waits, or was discarded; what was sent to the dead is written off.
    fn balance_numbers(&self, alive: &[bool]) {
        for (node, stage) in self.stages.iter().enumerate().filter(|(node, _)| alive[*node]) {
            let seen = stage.snapshot();
            let book = self.shared.book();
            let shown = format!("stage {node}: {seen:?} {:?}", book.edges);
            let outlet = book.outlets.get(&node).copied().unwrap_or_default();
            let gone = seen.discarded;
            assert_eq!(seen.emitted, book.emitted.get(&node).copied().unwrap_or(0) as u64, "{shown}");
            assert_eq!(gone.buffer_full, book.discarded.get(&node).copied().unwrap_or(0) as u64, "{shown}");
            assert_eq!(seen.output.events, book.delivered(node) as u64, "{shown}");
            assert_eq!(seen.input.events, seen.handled + seen.waiting as u64 + gone.late, "{shown}");
            if outlet.kind != Kind::Broadcast {
                let placed = seen.output.events + seen.buffered as u64 + seen.filtered + gone.buffer_full;
                assert_eq!(seen.emitted, placed, "{shown}");
                assert_eq!(seen.filtered, outlet.dropped as u64, "{shown}");
            }
            let received = book.edges.values().filter(|edge| edge.consumer == node).map(|edge| edge.received);
            assert_eq!(seen.handled, received.sum::<usize>() as u64, "{shown}");
            for made in &seen.consumers {
                let edge = &book.edges[&made.id];
                assert_eq!((made.flow.events, made.flow.asked), (edge.delivered as u64, edge.asked as u64), "{shown}");
                assert_eq!(made.flow.demand(), (edge.asked - edge.delivered) as u64, "{shown}");
            }
            for made in &seen.producers {
                let edge = &book.edges[&made.id];
                assert!(made.flow.events >= edge.received as u64, "{shown}");
                assert!(!alive[edge.producer] || made.flow.events == edge.delivered as u64, "{shown}");
            }
            Self::balance_the_dead(node, &seen, &book, &shown);
        }
    }

    /// What is written off is at least what was sent on subscriptions that are over and never handled.
    fn balance_the_dead(node: Node, seen: &StageSnapshot, book: &crate::book::Book, shown: &str) {
        let open = |id: &SubscriptionId| seen.consumers.iter().any(|made| made.id == *id);
        let over: Vec<_> =
            book.edges.iter().filter(|(id, edge)| edge.producer == node && !open(id)).map(|(_, edge)| edge).collect();
        if over.iter().any(|edge| edge.bounds.is_none()) {
            return;
        }
        let delivered: usize = over.iter().map(|edge| edge.delivered).sum();
        let handled: usize = over.iter().map(|edge| edge.received).sum();
        assert!((delivered - handled) as u64 <= seen.unacknowledged, "{shown}");
        assert!(seen.unacknowledged <= delivered as u64, "{shown}");
    }
}

fn assert_edge(edge: &Edge, producer: bool, consumer: bool, waits: bool, shown: &str) {
    assert!(edge.received <= edge.delivered && edge.delivered <= edge.asked, "{shown}");
    // Nothing is lost on the way to the living; what a stage in the middle has not taken up waits for downstream.
    assert!(!consumer || waits || edge.received == edge.delivered, "lost: {shown}");
    let cancels = (edge.cancels_of_producer, edge.cancels_of_consumer);
    let over = !producer || !consumer || cancels != (0, 0);
    assert!(cancels.0 <= 1 && cancels.1 <= 1, "{shown}");
    assert!(!over || !producer || cancels.0 == 1, "the producer was not told: {shown}");
    assert!(!over || !consumer || waits || cancels.1 == 1, "the consumer was not told: {shown}");
    if let (false, Some((max, min))) = (over, edge.bounds) {
        let outstanding = edge.asked - edge.received;
        assert!(min < outstanding && outstanding <= max, "outstanding {outstanding}: {shown}");
    }
}

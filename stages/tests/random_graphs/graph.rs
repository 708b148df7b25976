//! A graph that grows, shrinks and is balanced at the end.

use std::time::Duration;

use genstage::prelude::*;
use genstage::{CallError, Simulation, StageSnapshot};

use crate::book::{Choice, Edge, Kind, Node, Shared};
use crate::spy::Spy;
use crate::stages::{Between, Boom, Die, End, Make, Put, Style};

enum Stage {
    Make(ProducerRef<Make>),
    Between(ProducerConsumerRef<Between>),
    End(ConsumerRef<End>),
}

macro_rules! each {
    ($stage:expr, $inner:ident => $what:expr) => {
        match $stage {
            Stage::Make($inner) => $what,
            Stage::Between($inner) => $what,
            Stage::End($inner) => $what,
        }
    };
}

impl Stage {
    fn is_alive(&self) -> bool {
        each!(self, stage => stage.is_alive())
    }

    fn snapshot(&self) -> StageSnapshot {
        each!(self, stage => stage.snapshot().unwrap())
    }

    fn buffered(&self) -> Result<usize, CallError> {
        match self {
            Self::Make(stage) => stage.estimate_buffered_count(),
            Self::Between(stage) => stage.estimate_buffered_count(),
            Self::End(_) => Ok(0),
        }
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

pub(crate) struct Graph<'a> {
    sim: &'a Simulation,
    random: Random,
    shared: Shared,
    stages: Vec<Stage>,
    manual: Vec<Node>,
    /// Whether the producers end abnormally now and then, so that not all graphs fall to pieces.
    rough: bool,
    /// The dispatchers of all stages, if they are not mixed.
    kinds: Option<Kind>,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(sim: &'a Simulation, seed: u64, kinds: Option<Kind>) -> Self {
        let mut random = Random(seed ^ 0x5EED);
        let rough = random.one_in(2);
        let shared = Shared::default();
        let mut graph = Self { sim, random, shared, stages: Vec::new(), manual: Vec::new(), rough, kinds };
        for _ in 0..=graph.random.below(3) {
            graph.start_producer();
        }
        for _ in 0..graph.random.below(4) {
            graph.start_between();
        }
        for _ in 0..=graph.random.below(3) {
            graph.start_end();
        }
        graph
    }

    fn spy(&mut self) -> Spy {
        let kind = match self.kinds {
            None => [Kind::Demand, Kind::Broadcast, Kind::Partition][self.random.below(3)],
            Some(kind) => kind,
        };
        Spy::new(self.stages.len(), &self.shared, kind, self.random.one_in(2))
    }

    fn keep(&mut self) -> Keep {
        if self.random.one_in(2) { Keep::First } else { Keep::Last }
    }

    fn start_producer(&mut self) {
        let style = match self.random.below(3) {
            0 => Style::Prompt,
            1 => Style::Over(self.random.below(20)),
            _ => Style::Late(self.random.below(5)),
        };
        let left = self.random.below(400);
        let mut options = StageOptions::new().dispatcher(self.spy());
        options = options.buffer_keep(self.keep());
        if self.random.one_in(3) {
            options = options.buffer_size(self.random.below(30));
        }
        if self.random.one_in(4) {
            options = options.demand(DemandMode::Accumulate);
            self.shared.book().accumulated.insert(self.stages.len());
        }
        let stage = Make::new(self.stages.len(), &self.shared, style, left).start(options).unwrap();
        self.stages.push(Stage::Make(stage));
    }

    fn start_between(&mut self) {
        let node = self.stages.len();
        let mut options = StageOptions::new().dispatcher(self.spy()).buffer_keep(self.keep());
        if self.random.one_in(4) {
            options = options.buffer_size(self.random.below(50));
        }
        let keep = [1, 1, 1, 3][self.random.below(4)];
        let stage = Between::new(node, &self.shared, keep).start(options).unwrap();
        self.stages.push(Stage::Between(stage));
        for _ in 0..=self.random.below(2) {
            self.subscribe(node);
        }
    }

    fn start_end(&mut self) {
        let node = self.stages.len();
        let manual = if self.random.one_in(4) { Some(self.random.below(20)) } else { None };
        self.manual.extend(manual.map(|_| node));
        let stage = End::new(&self.shared, manual).start(StageOptions::new()).unwrap();
        self.stages.push(Stage::End(stage));
        for _ in 0..=self.random.below(2) {
            self.subscribe(node);
        }
    }

    /// Subscribes a stage to one that was started before it, dead or alive.
    fn subscribe(&mut self, consumer: Node) {
        let producer = self.random.below(consumer);
        let most = [3, 20, 100][self.random.below(3)];
        let max = 1 + self.random.below(most);
        let min = self.random.below(max);
        let mode = [Cancel::Permanent, Cancel::Transient, Cancel::Temporary, Cancel::Temporary][self.random.below(4)];
        let options = SubscriptionOptions::new().max_demand(max).min_demand(min).cancel(mode);
        let choice = self.choice(producer);
        let id = match choice {
            Choice::Anything => self.join(consumer, producer, options),
            Choice::Multiples(of) => {
                self.join(consumer, producer, options.selector(move |event: &u64| event.is_multiple_of(of)))
            }
            Choice::Partition(partition) => self.join(consumer, producer, options.partition(partition)),
        };
        let Some(id) = id else { return };
        let mut book = self.shared.book();
        let edge = book.edge(id);
        (edge.producer, edge.consumer, edge.choice) = (producer, consumer, choice);
        // A manual consumer asks as it likes: its bounds are not looked at.
        edge.bounds = (!self.manual.contains(&consumer)).then_some((max, min));
    }

    /// Mostly what the producer's dispatcher knows; now and then something that it refuses.
    fn choice(&mut self, producer: Node) -> Choice {
        let kind = self.shared.book().outlets.get(&producer).map(|outlet| outlet.kind).unwrap_or_default();
        let kind = if self.random.one_in(12) { Kind::Partition } else { kind };
        match kind {
            Kind::Broadcast if self.random.one_in(2) => Choice::Multiples(2 + self.random.below(4) as u64),
            // The last one does not exist.
            Kind::Partition => Choice::Partition([0, 0, 1, 1, 2, 2, 3][self.random.below(7)]),
            Kind::Demand | Kind::Broadcast => Choice::Anything,
        }
    }

    fn join<C>(&self, consumer: Node, producer: Node, options: SubscriptionOptions<C>) -> Option<SubscriptionId>
    where
        C: genstage::Choice<u64>,
    {
        let joined = match (&self.stages[consumer], &self.stages[producer]) {
            (Stage::Between(to), Stage::Make(from)) => to.sync_subscribe(from, options),
            (Stage::Between(to), Stage::Between(from)) => to.sync_subscribe(from, options),
            (Stage::End(to), Stage::Make(from)) => to.sync_subscribe(from, options),
            (Stage::End(to), Stage::Between(from)) => to.sync_subscribe(from, options),
            _ => return None,
        };
        joined.ok()
    }

    pub(crate) fn step(&mut self) {
        match self.random.below(20) {
            0 => self.start_end(),
            1 => self.start_between(),
            2 | 3 => {
                let node = self.random.below(self.stages.len());
                if node > 0 {
                    self.subscribe(node);
                }
            }
            4 | 5 => self.cancel(),
            6..=8 => self.put(),
            9 => self.crash(),
            10 => self.switch(),
            _ => drop(self.sim.run_for(Duration::from_millis(self.random.below(4) as u64))),
        }
    }

    fn put(&mut self) {
        let count = self.random.below(15);
        match &self.stages[self.random.below(self.stages.len())] {
            Stage::Make(stage) => stage.cast(Put(count)),
            Stage::Between(stage) => stage.cast(Put(count)),
            Stage::End(_) => {}
        }
    }

    fn crash(&mut self) {
        if !self.rough && self.random.one_in(2) {
            return;
        }
        let stage = &self.stages[self.random.below(self.stages.len())];
        match self.random.below(4) {
            0 => each!(stage, stage => stage.exit(ExitReason::Kill)),
            1 => each!(stage, stage => stage.cast(Boom)),
            2 => each!(stage, stage => stage.cast(Die(ExitReason::Normal))),
            _ => each!(stage, stage => stage.cast(Die(ExitReason::other("bad")))),
        }
    }

    fn cancel(&mut self) {
        let edges: Vec<_> = self.shared.book().edges.iter().map(|(id, edge)| (*id, edge.producer)).collect();
        if edges.is_empty() {
            return;
        }
        let (id, producer) = edges[self.random.below(edges.len())];
        let reason = if self.random.one_in(2) { ExitReason::Normal } else { ExitReason::other("off") };
        match &self.stages[producer] {
            Stage::Make(stage) => stage.cancel(id, reason),
            Stage::Between(stage) => stage.cancel(id, reason),
            Stage::End(_) => {}
        }
    }

    fn switch(&mut self) {
        let mode = if self.random.one_in(2) { DemandMode::Accumulate } else { DemandMode::Forward };
        let node = self.random.below(self.stages.len());
        if let Stage::Make(stage) = &self.stages[node] {
            self.shared.book().accumulated.insert(node);
            stage.demand(mode);
        }
    }

    /// Lets everything through, until nothing moves any more.
    pub(crate) fn settle(&mut self) {
        for stage in &self.stages {
            if let Stage::Make(stage) = stage {
                stage.demand(DemandMode::Forward);
            }
        }
        self.sim.run_until_idle();
    }

    pub(crate) fn describe(&self) -> String {
        let book = self.shared.book();
        format!("{:?} {:?} {:?}", book.emitted, book.discarded, book.edges)
    }

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

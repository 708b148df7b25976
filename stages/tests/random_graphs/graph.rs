//! A graph that grows and shrinks as a plan says.

use std::time::Duration;

use genstage::prelude::*;
use genstage::{CallError, Simulation, StageSnapshot};

use crate::book::{Choice, Kind, Node, Shared};
use crate::plan::{Crash, Link, Out, Pick, Plan, Step};
use crate::spy::Spy;
use crate::stages::{Between, Boom, Die, End, Make, Put};

pub(crate) enum Stage {
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
    pub(crate) fn is_alive(&self) -> bool {
        each!(self, stage => stage.is_alive())
    }

    pub(crate) fn snapshot(&self) -> StageSnapshot {
        each!(self, stage => stage.snapshot().unwrap())
    }

    pub(crate) fn buffered(&self) -> Result<usize, CallError> {
        match self {
            Self::Make(stage) => stage.estimate_buffered_count(),
            Self::Between(stage) => stage.estimate_buffered_count(),
            Self::End(_) => Ok(0),
        }
    }
}

/// Told to subscribe, or to do so anew in place of another subscription.
type Instead = Option<(SubscriptionId, ExitReason)>;

pub(crate) struct Graph<'a> {
    sim: &'a Simulation,
    pub(crate) shared: Shared,
    pub(crate) stages: Vec<Stage>,
    manual: Vec<Node>,
}

impl<'a> Graph<'a> {
    /// Carries out a plan, and then lets everything through, until nothing moves any more.
    pub(crate) fn grow(sim: &'a Simulation, plan: &Plan) -> Self {
        let mut graph = Self { sim, shared: Shared::default(), stages: Vec::new(), manual: Vec::new() };
        for step in plan.start.iter().chain(&plan.steps) {
            graph.step(step);
        }
        for stage in &graph.stages {
            if let Stage::Make(stage) = stage {
                stage.demand(DemandMode::Forward);
            }
        }
        sim.run_until_idle();
        graph
    }

    fn step(&mut self, step: &Step) {
        let node = self.stages.len();
        match step {
            Step::Producer { style, left, outlet, accumulates } => {
                let mut options = StageOptions::new().dispatcher(self.spy(outlet)).buffer_keep(outlet.keep);
                if let Some(size) = outlet.size {
                    options = options.buffer_size(size);
                }
                if *accumulates {
                    options = options.demand(DemandMode::Accumulate);
                    self.shared.book().accumulated.insert(node);
                }
                self.stages.push(Stage::Make(Make::new(node, &self.shared, *style, *left).start(options).unwrap()));
            }
            Step::Between { keep, outlet, links } => {
                let mut options = StageOptions::new().dispatcher(self.spy(outlet)).buffer_keep(outlet.keep);
                if let Some(size) = outlet.size {
                    options = options.buffer_size(size);
                }
                self.stages.push(Stage::Between(Between::new(node, &self.shared, *keep).start(options).unwrap()));
                links.iter().for_each(|link| self.subscribe(node, link, None));
            }
            Step::End { manual, links } => {
                self.manual.extend(manual.map(|_| node));
                self.stages.push(Stage::End(End::new(&self.shared, *manual).start(StageOptions::new()).unwrap()));
                links.iter().for_each(|link| self.subscribe(node, link, None));
            }
            Step::Subscribe(consumer, link) => self.subscribe(consumer % node, link, None),
            Step::Resubscribe(edge, why, link) => {
                if let Some((id, _, consumer)) = self.edge(*edge) {
                    self.subscribe(consumer, link, Some((id, why.clone())));
                }
            }
            Step::Cancel(edge, why) => self.cancel(*edge, why.clone()),
            Step::Put(stage, count) => match &self.stages[stage % node] {
                Stage::Make(stage) => stage.cast(Put(*count)),
                Stage::Between(stage) => stage.cast(Put(*count)),
                Stage::End(_) => {}
            },
            Step::Crash(stage, crash) => self.crash(stage % node, *crash),
            Step::Switch(stage, mode) => {
                let node = stage % node;
                if let Stage::Make(stage) = &self.stages[node] {
                    self.shared.book().accumulated.insert(node);
                    stage.demand(*mode);
                }
            }
            Step::Run(time) => drop(self.sim.run_for(Duration::from_millis(*time))),
        }
    }

    fn spy(&self, outlet: &Out) -> Spy {
        Spy::new(self.stages.len(), &self.shared, outlet.kind, outlet.shuffle)
    }

    /// A subscription, with its producer and its consumer.
    fn edge(&self, pick: Pick) -> Option<(SubscriptionId, Node, Node)> {
        let book = self.shared.book();
        let place = pick.checked_rem(book.edges.len())?;
        book.edges.iter().nth(place).map(|(id, edge)| (*id, edge.producer, edge.consumer))
    }

    /// Subscribes a stage to one that was started before it, dead or alive.
    fn subscribe(&mut self, consumer: Node, link: &Link, instead: Instead) {
        let Some(producer) = link.producer.checked_rem(consumer) else { return };
        let Link { max, min, mode, .. } = *link;
        let options = SubscriptionOptions::new().max_demand(max).min_demand(min).cancel(mode);
        let choice = self.choice(producer, link);
        let id = match choice {
            Choice::Anything => self.join(consumer, producer, options, instead),
            Choice::Multiples(of) => {
                let options = options.selector(move |event: &u64| event.is_multiple_of(of));
                self.join(consumer, producer, options, instead)
            }
            Choice::Partition(partition) => self.join(consumer, producer, options.partition(partition), instead),
        };
        let Some(id) = id else { return };
        let mut book = self.shared.book();
        let edge = book.edge(id);
        (edge.producer, edge.consumer, edge.choice) = (producer, consumer, choice);
        // A manual consumer asks as it likes: its bounds are not looked at.
        edge.bounds = (!self.manual.contains(&consumer)).then_some((max, min));
    }

    /// Mostly what the producer's dispatcher knows; now and then something that it refuses.
    fn choice(&self, producer: Node, link: &Link) -> Choice {
        let kind = self.shared.book().outlets.get(&producer).map(|outlet| outlet.kind).unwrap_or_default();
        let kind = if link.astray { Kind::Partition } else { kind };
        match kind {
            Kind::Broadcast if link.wish.is_multiple_of(2) => Choice::Multiples(2 + (link.wish / 2 % 4) as u64),
            // The last one does not exist.
            Kind::Partition => Choice::Partition([0, 0, 1, 1, 2, 2, 3][link.wish % 7]),
            Kind::Demand | Kind::Broadcast => Choice::Anything,
        }
    }

    fn join<C>(
        &self,
        consumer: Node,
        producer: Node,
        options: SubscriptionOptions<C>,
        instead: Instead,
    ) -> Option<SubscriptionId>
    where
        C: genstage::Choice<u64>,
    {
        macro_rules! join {
            ($to:ident, $from:ident) => {
                match instead {
                    None => $to.sync_subscribe($from, options),
                    Some((old, why)) => $to.sync_resubscribe(old, why, $from, options),
                }
            };
        }
        let joined = match (&self.stages[consumer], &self.stages[producer]) {
            (Stage::Between(to), Stage::Make(from)) => join!(to, from),
            (Stage::Between(to), Stage::Between(from)) => join!(to, from),
            (Stage::End(to), Stage::Make(from)) => join!(to, from),
            (Stage::End(to), Stage::Between(from)) => join!(to, from),
            _ => return None,
        };
        joined.ok()
    }

    fn crash(&self, node: Node, crash: Crash) {
        let stage = &self.stages[node];
        match crash {
            Crash::Kill => each!(stage, stage => stage.exit(ExitReason::Kill)),
            Crash::Panic => each!(stage, stage => stage.cast(Boom)),
            Crash::Stop => each!(stage, stage => stage.cast(Die(ExitReason::Normal))),
            Crash::Fail => each!(stage, stage => stage.cast(Die(ExitReason::other("bad")))),
        }
    }

    fn cancel(&self, edge: Pick, why: ExitReason) {
        let Some((id, producer, _)) = self.edge(edge) else { return };
        match &self.stages[producer] {
            Stage::Make(stage) => stage.cancel(id, why),
            Stage::Between(stage) => stage.cancel(id, why),
            Stage::End(_) => {}
        }
    }

    pub(crate) fn describe(&self) -> String {
        let book = self.shared.book();
        format!("{:?} {:?} {:?}", book.emitted, book.discarded, book.edges)
    }
}

//! What happens to a graph, drawn at random and shrunk when something goes wrong.

use std::ops::RangeInclusive;

use genstage::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::book::Kind;
use crate::stages::Style;

/// Which one, of as many as there are: the remainder counts.
pub(crate) type Pick = usize;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Decides who runs next.
    pub(crate) seed: u64,
    pub(crate) start: Vec<Step>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Producer {
        style: Style,
        left: usize,
        outlet: Out,
        accumulates: bool,
    },
    Between {
        keep: u64,
        outlet: Out,
        links: Vec<Link>,
    },
    End {
        manual: Option<usize>,
        links: Vec<Link>,
    },
    Subscribe(Pick, Link),
    Resubscribe(Pick, ExitReason, Link),
    Cancel(Pick, ExitReason),
    Put(Pick, usize),
    Crash(Pick, Crash),
    Switch(Pick, DemandMode),
    /// So many milliseconds.
    Run(u64),
}

/// The outgoing side of a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) kind: Kind,
    pub(crate) shuffle: bool,
    pub(crate) keep: Keep,
    pub(crate) size: Option<usize>,
}

/// A subscription to a stage that was started before.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) producer: Pick,
    pub(crate) max: usize,
    pub(crate) min: usize,
    pub(crate) mode: Cancel,
    /// Which selector or partition, where the dispatcher of the producer knows them.
    pub(crate) wish: Pick,
    /// With options of a dispatcher that it may not have.
    pub(crate) astray: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    Kill,
    Panic,
    Stop,
    Fail,
}

pub(crate) fn reason(normal: bool) -> ExitReason {
    if normal { ExitReason::Normal } else { ExitReason::other("off") }
}

fn out(kind: Option<Kind>, most: usize, limited: f64) -> impl Strategy<Value = Out> {
    let kind = match kind {
        Some(kind) => Just(kind).boxed(),
        None => prop_oneof![Just(Kind::Demand), Just(Kind::Broadcast), Just(Kind::Partition)].boxed(),
    };
    let keep = any::<bool>().prop_map(|first| if first { Keep::First } else { Keep::Last });
    let size = proptest::option::weighted(limited, 0..most);
    (kind, any::<bool>(), keep, size).prop_map(|(kind, shuffle, keep, size)| Out { kind, shuffle, keep, size })
}

fn link() -> impl Strategy<Value = Link> {
    let max = prop_oneof![1..=3_usize, 1..=20_usize, 1..=100_usize];
    let mode = prop_oneof![2 => Just(Cancel::Temporary), 1 => Just(Cancel::Transient), 1 => Just(Cancel::Permanent)];
    (0..60_usize, max, 0..100_usize, mode, 0..28_usize, proptest::bool::weighted(0.08))
        .prop_map(|(producer, max, min, mode, wish, astray)| Link { producer, max, min: min % max, mode, wish, astray })
}

fn producer(kind: Option<Kind>) -> impl Strategy<Value = Step> {
    let style =
        prop_oneof![Just(Style::Prompt), (0..20_usize).prop_map(Style::Over), (0..5_usize).prop_map(Style::Late)];
    (style, 0..400_usize, out(kind, 30, 0.33), proptest::bool::weighted(0.25))
        .prop_map(|(style, left, outlet, accumulates)| Step::Producer { style, left, outlet, accumulates })
}

fn between(kind: Option<Kind>) -> impl Strategy<Value = Step> {
    let keep = prop_oneof![3 => Just(1_u64), 1 => Just(3)];
    (keep, out(kind, 50, 0.25), vec(link(), 1..=2)).prop_map(|(keep, outlet, links)| Step::Between {
        keep,
        outlet,
        links,
    })
}

fn end() -> impl Strategy<Value = Step> {
    (proptest::option::weighted(0.25, 0..20_usize), vec(link(), 1..=2))
        .prop_map(|(manual, links)| Step::End { manual, links })
}

fn step(kind: Option<Kind>, crashes: u32) -> impl Strategy<Value = Step> {
    let pick = || 0..60_usize;
    let why = || any::<bool>().prop_map(reason);
    let crash = prop_oneof![Just(Crash::Kill), Just(Crash::Panic), Just(Crash::Stop), Just(Crash::Fail)];
    let mode = prop_oneof![Just(DemandMode::Forward), Just(DemandMode::Accumulate)];
    prop_oneof![
        36 => (0..4_u64).prop_map(Step::Run),
        4 => end(),
        4 => between(kind),
        8 => (pick(), link()).prop_map(|(consumer, link)| Step::Subscribe(consumer, link)),
        4 => (pick(), why(), link()).prop_map(|(edge, why, link)| Step::Resubscribe(edge, why, link)),
        8 => (pick(), why()).prop_map(|(edge, why)| Step::Cancel(edge, why)),
        12 => (pick(), 0..15_usize).prop_map(|(stage, count)| Step::Put(stage, count)),
        crashes => (pick(), crash).prop_map(|(stage, crash)| Step::Crash(stage, crash)),
        4 => (pick(), mode).prop_map(|(stage, mode)| Step::Switch(stage, mode)),
    ]
}

/// Graphs whose dispatchers are all of one kind, or of any. Some plans are rough: not all graphs are to fall to pieces.
pub(crate) fn plan(kind: Option<Kind>) -> impl Strategy<Value = Plan> {
    let some = |range: RangeInclusive<usize>| range;
    let start = (vec(producer(kind), some(1..=3)), vec(between(kind), some(0..=3)), vec(end(), some(1..=3)));
    let start = start.prop_map(|(producers, between, ends)| [producers, between, ends].concat());
    let steps = prop_oneof![vec(step(kind, 2), 0..=70), vec(step(kind, 6), 0..=70)];
    (any::<u64>(), start, steps).prop_map(|(seed, start, steps)| Plan { seed, start, steps })
}

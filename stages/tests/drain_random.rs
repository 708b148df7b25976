//! Random graphs, of which some producers are drained at a random time, while random callbacks take longer than the drain waits:
//! every event is in a number of the report, and nobody outlives what it lived on.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{demand, seeds};
use genstage::core::{Mailbox, sleep, spawn};
use genstage::prelude::*;
use genstage::{DrainEnd, DrainReport, Drainable, drain};

/// Milliseconds.
const IMPATIENT: u64 = 20;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()].clone()
    }
}

/// What a stage knows of itself, whatever the engine says.
#[derive(Clone, Default)]
struct Work {
    handled: Arc<AtomicU64>,
    emitted: Arc<AtomicU64>,
    callbacks: u64,
    /// Which of its callbacks takes long, and how long the others take.
    busy: Option<u64>,
    usual: Duration,
}

impl Work {
    fn new(random: &mut Random) -> Self {
        let busy = (random.below(3) == 0).then(|| random.below(6));
        Self { busy, usual: Duration::from_millis(random.pick(&[0, 0, 0, 1, 7])), ..Self::default() }
    }

    /// Some work on so many events that came, and so many that go.
    fn over(&mut self, came: u64, goes: u64) {
        let time = if self.busy == Some(self.callbacks) { Duration::from_secs(200) } else { self.usual };
        self.callbacks += 1;
        if !time.is_zero() {
            sleep(time);
        }
        self.handled.fetch_add(came, Ordering::Relaxed);
        self.emitted.fetch_add(goes, Ordering::Relaxed);
    }
}

struct First(Work, u64);
struct Between(Work, u64);
struct Last(Work);

impl Producer for First {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        let count = self.1.min(demand as u64);
        self.1 -= count;
        self.0.over(0, count);
        out.extend(0..count);
        Outcome::Continue
    }
}

impl ProducerConsumer for Between {
    type In = u64;
    type Out = u64;

    /// One event, two, or none for each.
    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        let came = events.len() as u64;
        self.0.over(came, came * self.1);
        out.extend(0..came * self.1);
        Outcome::Continue
    }
}

impl Consumer for Last {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.0.over(events.len() as u64, 0);
        Outcome::Continue
    }
}

enum Stage {
    First(ProducerRef<First>),
    Between(ProducerConsumerRef<Between>),
    Last(ConsumerRef<Last>),
}

struct Node {
    stage: Stage,
    work: Work,
    lives_on: Vec<(usize, Cancel)>,
}

impl Node {
    fn pid(&self) -> Pid {
        match &self.stage {
            Stage::First(stage) => stage.pid(),
            Stage::Between(stage) => stage.pid(),
            Stage::Last(stage) => stage.pid(),
        }
    }

    fn is_alive(&self) -> bool {
        genstage::Peer::from(self.pid()).is_alive()
    }
}

struct Graph(Vec<Node>);

impl Graph {
    fn grow(random: &mut Random) -> Self {
        let mut graph = Self(Vec::new());
        for _ in 0..=random.below(2) {
            let work = Work::new(random);
            let first = First(work.clone(), random.below(150)).start(StageOptions::new()).unwrap();
            graph.0.push(Node { stage: Stage::First(first), work, lives_on: Vec::new() });
        }
        for _ in 0..random.below(4) {
            let work = Work::new(random);
            let between = Between(work.clone(), random.below(3)).start(StageOptions::new()).unwrap();
            graph.join(random, Stage::Between(between), work);
        }
        for _ in 0..=random.below(3) {
            let work = Work::new(random);
            let last = Last(work.clone()).start(StageOptions::new()).unwrap();
            graph.join(random, Stage::Last(last), work);
        }
        graph
    }

    /// Subscribes it to one stage or two. Nobody is waited for: all of it happens in the drainer's time.
    fn join(&mut self, random: &mut Random, stage: Stage, work: Work) {
        let sources: Vec<_> = (0..self.0.len()).filter(|at| !matches!(self.0[*at].stage, Stage::Last(_))).collect();
        let mut lives_on = Vec::new();
        for _ in 0..=random.below(2) {
            let max = random.pick(&[1, 2, 7, 20]);
            let mode = random.pick(&[Cancel::Permanent, Cancel::Transient, Cancel::Temporary]);
            let options = demand(max, max / 2).cancel(mode);
            let at = random.pick(&sources);
            match (&stage, &self.0[at].stage) {
                (Stage::Between(stage), Stage::First(from)) => stage.async_subscribe(from, options),
                (Stage::Between(stage), Stage::Between(from)) => stage.async_subscribe(from, options),
                (Stage::Last(stage), Stage::First(from)) => stage.async_subscribe(from, options),
                (Stage::Last(stage), Stage::Between(from)) => stage.async_subscribe(from, options),
                _ => continue,
            }
            lives_on.push((at, mode));
        }
        self.0.push(Node { stage, work, lives_on });
    }

    /// Whom a drain of these producers is to end, and whom it is to leave alone. Stages come behind what they live on.
    fn plan(&self, roots: &[usize]) -> (BTreeSet<Pid>, BTreeSet<Pid>) {
        let (mut ended, mut left): (BTreeSet<_>, _) = (roots.iter().copied().collect(), BTreeSet::new());
        for (at, node) in self.0.iter().enumerate().filter(|(at, _)| !roots.contains(at)) {
            let reached = |from: &(usize, Cancel)| ended.contains(&from.0) || left.contains(&from.0);
            if !node.lives_on.is_empty() && node.lives_on.iter().all(|(from, _)| ended.contains(from)) {
                ended.insert(at);
            } else if node.lives_on.iter().any(reached) {
                left.insert(at);
            }
        }
        let pids = |set: BTreeSet<usize>| set.into_iter().map(|at| self.0[at].pid()).collect();
        (pids(ended), pids(left))
    }

    fn check(&self, report: &DrainReport, (ended, left): &(BTreeSet<Pid>, BTreeSet<Pid>)) {
        assert_eq!(report.stages.iter().map(|stage| stage.snapshot.pid).collect::<BTreeSet<_>>(), *ended, "{report}");
        assert_eq!(report.left_alone.iter().copied().collect::<BTreeSet<_>>(), *left, "{report}");
        assert!(report.unreachable.is_empty(), "{report}");
        let (mut emitted, mut buffered, mut received) = (0, 0, 0);
        for stage in &report.stages {
            let node = self.0.iter().find(|node| node.pid() == stage.snapshot.pid).unwrap();
            let (knows, says) = (&node.work, &stage.snapshot);
            assert_eq!(says.handled, knows.handled.load(Ordering::Relaxed), "{report}");
            assert_eq!(says.emitted, knows.emitted.load(Ordering::Relaxed), "{report}");
            assert!(!matches!(stage.end, DrainEnd::Ended(_)), "{report}");
            assert!(stage.end != DrainEnd::Drained || stage.left() == 0, "{report}");
            emitted += says.emitted;
            buffered += says.buffered as u64;
            received += says.handled + stage.left() - says.buffered as u64;
        }
        if left.is_empty() {
            assert_eq!(emitted, received + buffered, "each event is in a number: {report}");
        }
    }

    /// Whether somebody may be in a callback when a drain begins, which then lasts longer than that, or waits for consumers
    /// that never come.
    fn is_held_up(&self) -> bool {
        let has_consumers = |at| self.0.iter().any(|node| node.lives_on.iter().any(|(from, _)| *from == at));
        self.0.iter().enumerate().any(|(at, node)| {
            let waits = matches!(node.stage, Stage::Between(_)) && !has_consumers(at);
            waits || node.work.busy.is_some() || !node.work.usual.is_zero()
        })
    }
}

#[test]
fn every_event_is_in_a_number_and_nobody_is_left_over() {
    let seen: [AtomicU64; 4] = Default::default();
    seeds(400, |sim, _| {
        let mut random = Random(sim.seed());
        let graph = Arc::new(Graph::grow(&mut random));
        let mut roots: Vec<usize> =
            (0..graph.0.len()).filter(|at| matches!(graph.0[*at].stage, Stage::First(_))).collect();
        if roots.len() > 1 && random.below(3) == 0 {
            roots.remove(0);
        }
        let plan = graph.plan(&roots);
        let (when, within) = (random.pick(&[1, 5, 40]), random.pick(&[IMPATIENT, 60_000]));
        let report = Arc::new(Mutex::new(None));
        let (slot, all, planned) = (Arc::clone(&report), Arc::clone(&graph), plan.clone());
        // In a process of its own: callbacks that have begun by then do not go on before it has come back.
        spawn(move |mailbox: Mailbox<()>| async move {
            mailbox.sleep(Duration::from_millis(when)).await;
            let roots: Vec<&dyn Drainable> = roots
                .iter()
                .filter_map(|at| {
                    if let Stage::First(root) = &all.0[*at].stage { Some(root as &dyn Drainable) } else { None }
                })
                .collect();
            let report = drain(&roots, Duration::from_millis(within));
            all.check(&report, &planned);
            assert!(within == IMPATIENT || all.is_held_up() || report.is_complete(), "{report}");
            *slot.lock().unwrap() = Some(report);
        });
        sim.run_until_idle();
        let report = report.lock().unwrap().take().unwrap();
        let has = |end| u64::from(report.stages.iter().any(|stage| stage.end == end));
        let left_alone = u64::from(!report.left_alone.is_empty());
        for (seen, now) in
            seen.iter().zip([has(DrainEnd::Drained), has(DrainEnd::Stopped), has(DrainEnd::Stuck), left_alone])
        {
            seen.fetch_add(now, Ordering::Relaxed);
        }
        for node in &graph.0 {
            let temporary = node.lives_on.iter().all(|(_, mode)| *mode == Cancel::Temporary);
            assert!(!plan.0.contains(&node.pid()) || !node.is_alive(), "{} outlives the drain: {report}", node.pid());
            assert!(
                !plan.1.contains(&node.pid()) || !temporary || node.is_alive(),
                "{} does not: {report}",
                node.pid()
            );
        }
    });
    assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed) > 20), "each kind of end is met: {seen:?}");
}

//! The numbers of all stages that are joined by subscriptions.

mod text;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use genstage_core::{Address, CALL_TIMEOUT, CallError, Child, Peer, Pid, ThreadProcess};
use genstage_dispatchers::SubscriptionId;

use crate::Named;
use crate::drain::DrainMail;
use crate::handle::StageRef;
use crate::mail::{Nobody, ProducerPort, StageMail};
use crate::role::Role;
use crate::snapshot::{Flow, Report, StageSnapshot};

/// A stage, whatever its events.
pub(crate) type Observer = Arc<dyn Observed>;

/// What can be asked of a stage, and said to it, without knowing its events.
#[doc(hidden)]
pub trait Observed: Send + Sync {
    fn peer(&self) -> Peer;
    /// Whether it emits what nobody sends to it.
    fn is_producer(&self) -> bool;
    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn report(&self, within: Duration) -> Result<Report, CallError>;
    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn drain(&self, drain: DrainMail);
}

impl<R: Role> Observed for Address<StageMail<R>> {
    fn peer(&self) -> Peer {
        Peer::from(self)
    }

    fn is_producer(&self) -> bool {
        R::EMITS && !R::PULLS
    }

    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn report(&self, within: Duration) -> Result<Report, CallError> {
        self.call_with(within, StageMail::Report)
    }

    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn drain(&self, drain: DrainMail) {
        let _ = self.send(StageMail::Drain(drain));
    }
}

impl Observed for Nobody {
    fn peer(&self) -> Peer {
        Peer::from(Pid::NOBODY)
    }

    fn is_producer(&self) -> bool {
        false
    }

    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn report(&self, _: Duration) -> Result<Report, CallError> {
        Err(CallError::NoProc)
    }

    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn drain(&self, _: DrainMail) {}
}

/// A running stage of any kind, for lists of different ones: `&[&numbers, &printer]`. By its handle, by a supervisor's
/// child handle, or by what [`named`](crate::named) gives: whoever has the name then. Sealed.
pub trait AnyStage: sealed::Sealed + Sync {
    #[doc(hidden)]
    fn observer(&self) -> Arc<dyn Observed>;
}

mod sealed {
    pub trait Sealed {}
    impl<R: crate::role::Role> Sealed for crate::StageRef<R> {}
    impl<R: crate::role::Role> Sealed for genstage_core::Child<crate::StageRef<R>> {}
    impl<T: Send + 'static> Sealed for crate::Named<T> {}
}

impl<R: Role> AnyStage for StageRef<R> {
    fn observer(&self) -> Arc<dyn Observed> {
        // Of a name: whoever has it now, and that one throughout.
        match self.0.address() {
            Some(address) => Arc::new(address),
            None => Arc::new(Nobody),
        }
    }
}

impl<R: Role> AnyStage for Child<StageRef<R>> {
    fn observer(&self) -> Arc<dyn Observed> {
        StageRef::from(self).observer()
    }
}

impl<T: Send + 'static> AnyStage for Named<T> {
    fn observer(&self) -> Arc<dyn Observed> {
        ProducerPort::observer(self)
    }
}

/// The numbers of one stage, whatever handle there is of it: see [`StageRef::snapshot`].
///
/// ```
/// use genstage::prelude::*;
///
/// from_enumerable(0_u64..).start(StageOptions::new().name("numbers"))?;
/// let snapshot = genstage::snapshot(&named::<u64>("numbers"))?;
/// assert_eq!(snapshot.name.as_deref(), Some("numbers"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`CallError`], as for a call.
pub fn snapshot(stage: &dyn AnyStage) -> Result<StageSnapshot, CallError> {
    stage.observer().report(CALL_TIMEOUT).map(|report| report.snapshot)
}

/// The numbers of these stages and of all that are joined to them by subscriptions, upstream and downstream.
///
/// The stages are asked one after the other, in five seconds at most; events go on flowing meanwhile, so the two sides of a
/// subscription may differ by what is under way. Who does not answer is listed in [`unreachable`](Graph::unreachable).
///
/// ```
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0_u64..).start(StageOptions::new().name("numbers"))?;
/// let printer = for_each(|_: u64| {}).start(StageOptions::new().name("printer"))?;
/// printer.sync_subscribe(&numbers, SubscriptionOptions::new())?;
///
/// let graph = genstage::graph(&[&numbers]);
/// assert!(graph.stage(printer.pid()).is_some());
/// assert!(graph.to_mermaid().starts_with("flowchart LR\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn graph(stages: &[&dyn AnyStage]) -> Graph {
    graph_within(stages, CALL_TIMEOUT)
}

/// As [`graph`], with a time limit of its own for all of it.
#[must_use]
pub fn graph_within(stages: &[&dyn AnyStage], within: Duration) -> Graph {
    graph_of(stages.iter().map(|stage| stage.observer()).collect(), within)
}

pub(crate) fn graph_of(roots: Vec<Observer>, within: Duration) -> Graph {
    Graph::of(visit(roots, within, |report| report.upstream.iter().chain(&report.downstream).cloned().collect()))
}

/// What a walk along subscriptions found.
#[derive(Default)]
pub(crate) struct Visit {
    pub(crate) reports: BTreeMap<Pid, (Observer, Report)>,
    pub(crate) failed: Vec<(Pid, CallError)>,
}

/// Asks the roots, then whom `next` names, until all have been asked once.
pub(crate) fn visit(roots: Vec<Observer>, within: Duration, next: fn(&Report) -> Vec<Observer>) -> Visit {
    let mut visit = Visit::default();
    // For the time alone, which is virtual in a simulation. Where the runtime has ended nobody answers any more.
    let Ok(clock) = ThreadProcess::<()>::aside() else {
        visit.failed = roots.iter().map(|root| (root.peer().pid(), CallError::NoProc)).collect();
        return visit;
    };
    let deadline = clock.now().saturating_add(within);
    let mut seen = BTreeSet::new();
    let mut ahead = VecDeque::from(roots);
    while let Some(observer) = ahead.pop_front() {
        let pid = observer.peer().pid();
        if !seen.insert(pid) {
            continue;
        }
        match observer.report(deadline.saturating_sub(clock.now())) {
            Ok(report) => {
                ahead.extend(next(&report));
                visit.reports.insert(pid, (observer, report));
            }
            Err(error) => visit.failed.push((pid, error)),
        }
    }
    visit
}

/// The numbers of several stages, and of the subscriptions between them. Made by [`graph`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Graph {
    /// The stages, by pid.
    pub stages: Vec<StageSnapshot>,
    /// The subscriptions between them, oldest first.
    pub edges: Vec<Edge>,
    /// Stages that gave no answer: dead meanwhile, too busy, or the one that asks.
    pub unreachable: Vec<(Pid, CallError)>,
}

/// One subscription in a [`Graph`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Edge {
    /// The subscription.
    pub id: SubscriptionId,
    /// Who emits.
    pub producer: Pid,
    /// Who receives: a stage or a stream.
    pub consumer: Pid,
    /// What the producer has been asked for, and has sent. `None` if it did not answer.
    pub sent: Option<Flow>,
    /// What the consumer has asked for, and has received. `None` if it did not answer or is a stream.
    pub received: Option<Flow>,
}

impl Edge {
    /// What the side that answered knows; the producer's, if both did.
    pub fn flow(&self) -> Flow {
        self.sent.or(self.received).unwrap_or_default()
    }
}

impl Graph {
    fn of(visit: Visit) -> Self {
        let mut edges = BTreeMap::new();
        for (pid, (_, Report { snapshot, .. })) in &visit.reports {
            for made in &snapshot.consumers {
                edge(&mut edges, made.id, *pid, made.peer).sent = Some(made.flow);
            }
            for made in &snapshot.producers {
                edge(&mut edges, made.id, made.peer, *pid).received = Some(made.flow);
            }
        }
        Self {
            stages: visit.reports.into_values().map(|(_, report)| report.snapshot).collect(),
            edges: edges.into_values().collect(),
            unreachable: visit.failed,
        }
    }

    /// The numbers of one stage.
    pub fn stage(&self, pid: Pid) -> Option<&StageSnapshot> {
        self.stages.iter().find(|stage| stage.pid == pid)
    }

    /// As text for Graphviz: stages with what they handled, emitted, hold and discarded, subscriptions with their events and
    /// the demand that is not met.
    pub fn to_dot(&self) -> String {
        let mut drawing = "digraph stages {\n    rankdir=LR;\n    node [shape=box];\n".to_owned();
        for (number, (_, lines)) in self.nodes().iter().enumerate() {
            let lines: Vec<_> = lines.iter().map(|line| text::dot(line)).collect();
            let _ = writeln!(drawing, "    s{number} [label=\"{}\"];", lines.join("\\n"));
        }
        for (from, to, label) in self.arrows() {
            let _ = writeln!(drawing, "    s{from} -> s{to} [label=\"{label}\"];");
        }
        drawing + "}\n"
    }

    /// As text for Mermaid, which many tools show as a picture; with the same content as [`to_dot`](Self::to_dot).
    pub fn to_mermaid(&self) -> String {
        let mut drawing = "flowchart LR\n".to_owned();
        for (number, (_, lines)) in self.nodes().iter().enumerate() {
            let lines: Vec<_> = lines.iter().map(|line| text::mermaid(line)).collect();
            let _ = writeln!(drawing, "    s{number}[\"{}\"]", lines.join("<br/>"));
        }
        for (from, to, label) in self.arrows() {
            let _ = writeln!(drawing, "    s{from} -->|{label}| s{to}");
        }
        drawing
    }

    /// All that edges join, stages or not, each with what is to be said of it. Numbered by place.
    fn nodes(&self) -> Vec<(Pid, Vec<String>)> {
        let mut nodes: Vec<_> = self.stages.iter().map(|stage| (stage.pid, describe(stage))).collect();
        for pid in self.edges.iter().flat_map(|edge| [edge.producer, edge.consumer]) {
            if nodes.iter().all(|(known, _)| *known != pid) {
                nodes.push((pid, vec![pid.to_string()]));
            }
        }
        nodes
    }

    fn arrows(&self) -> Vec<(usize, usize, String)> {
        let places: BTreeMap<_, _> = self.nodes().into_iter().enumerate().map(|(at, (pid, _))| (pid, at)).collect();
        let place = |pid| places.get(&pid).copied().unwrap_or_default();
        let arrow = |edge: &Edge| {
            let flow = edge.flow();
            let events = if flow.events == 1 { "event" } else { "events" };
            (place(edge.producer), place(edge.consumer), format!("{} {events}, {} asked", flow.events, flow.demand()))
        };
        self.edges.iter().map(arrow).collect()
    }
}

fn edge(
    edges: &mut BTreeMap<(SubscriptionId, Pid), Edge>,
    id: SubscriptionId,
    producer: Pid,
    consumer: Pid,
) -> &mut Edge {
    edges.entry((id, consumer)).or_insert(Edge { id, producer, consumer, sent: None, received: None })
}

fn describe(stage: &StageSnapshot) -> Vec<String> {
    let mut lines = vec![match &stage.name {
        Some(name) => name.clone(),
        None => format!("{} {}", stage.kind, stage.pid),
    }];
    let counts = [
        ("handled", stage.handled),
        ("emitted", stage.emitted),
        ("waiting", stage.waiting as u64),
        ("buffered", stage.buffered as u64),
        ("held", stage.held as u64),
        ("discarded", stage.discarded.total()),
        ("unacknowledged", stage.unacknowledged),
        ("redelivered", stage.redelivered),
    ];
    lines.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}")));
    lines
}

/// As Mermaid text.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_mermaid())
    }
}

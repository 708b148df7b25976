//! The numbers of all stages that are joined by subscriptions.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use genstage_core::{Address, CALL_TIMEOUT, CallError, Child, ExitReason, Mail, Name, Peer, Pid, Signal, current_pid};
use genstage_dispatchers::SubscriptionId;

use crate::Named;
use crate::book::{Book, Tie};
use crate::drain::DrainMail;
use crate::handle::StageRef;
use crate::mail::{ProducerPort, StageMail};
use crate::place::{Place, Unwanted, in_process, in_thread};
use crate::role::Role;
use crate::snapshot::{Flow, StageKind, StageSnapshot};

/// A stage, whatever its events.
pub(crate) type Observer = Arc<dyn Observed>;

/// What can be asked of a stage, and said to it, without knowing its events.
#[doc(hidden)]
pub trait Observed: Send + Sync {
    fn peer(&self) -> Peer;
    fn kind(&self) -> Option<StageKind>;
    /// The name, if it is one under which there is no such stage.
    fn unknown(&self) -> Option<&Name> {
        None
    }
    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn say(&self, word: Word);
    /// Its numbers.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    fn snapshot(&self, within: Duration) -> Result<StageSnapshot, CallError>;
    /// The same, for futures.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    fn snapshot_async(&self, within: Duration) -> BoxFuture<Result<StageSnapshot, CallError>>;
}

/// A future of any type.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is said to stages, whatever their events.
pub(crate) enum Word {
    /// Tell this one your numbers.
    Tell(Address<StageSnapshot>),
    Drain(DrainMail),
}

impl<R: Role> Observed for Address<StageMail<R>> {
    fn peer(&self) -> Peer {
        Peer::from(self)
    }

    fn kind(&self) -> Option<StageKind> {
        Some(StageKind::of::<R>())
    }

    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn say(&self, word: Word) {
        let _ = self.send(match word {
            Word::Tell(to) => StageMail::Tell(to),
            Word::Drain(drain) => StageMail::Drain(drain),
        });
    }

    fn snapshot(&self, within: Duration) -> Result<StageSnapshot, CallError> {
        self.call_with(within, StageMail::Report)
    }

    fn snapshot_async(&self, within: Duration) -> BoxFuture<Result<StageSnapshot, CallError>> {
        Box::pin(self.request(within, StageMail::Report))
    }
}

/// No stage, where one was looked for: under this name, if by one.
pub(crate) struct Absent(pub(crate) Option<Name>);

impl Observed for Absent {
    fn peer(&self) -> Peer {
        Peer::from(Pid::NOBODY)
    }

    fn kind(&self) -> Option<StageKind> {
        None
    }

    fn unknown(&self) -> Option<&Name> {
        self.0.as_ref()
    }

    #[allow(private_interfaces, reason = "nobody outside can name what it carries")]
    fn say(&self, _: Word) {}

    fn snapshot(&self, _: Duration) -> Result<StageSnapshot, CallError> {
        Err(CallError::NoProc)
    }

    fn snapshot_async(&self, _: Duration) -> BoxFuture<Result<StageSnapshot, CallError>> {
        Box::pin(std::future::ready(Err(CallError::NoProc)))
    }
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
        ProducerPort::observer(&self.0)
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
    stage.observer().snapshot(CALL_TIMEOUT)
}

/// The numbers of these stages and of all that are joined to them by subscriptions, upstream and downstream.
///
/// The stages are asked all at once, and have five seconds to answer; events go on flowing meanwhile, so the two sides of a
/// subscription may differ by what is under way, and the [edges](Graph::edges), which are read last, be ahead of the stages. Who does not answer is listed in [`unreachable`](Graph::unreachable), and its
/// subscriptions are there all the same: for these nobody is asked.
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
    let (roots, unknown) = known(roots);
    let (stages, caller) = (neighbours(roots), current_pid());
    let answers = in_thread(|here| ask(here, stages.clone(), within, caller)).unwrap_or_else(|| silence(&stages));
    Graph { unknown, ..Graph::of(&stages, answers) }
}

pub(crate) async fn graph_of_async(roots: Vec<Observer>, within: Duration) -> Graph {
    let (roots, unknown) = known(roots);
    let (stages, caller) = (neighbours(roots), current_pid());
    let asked = stages.clone();
    let answers = in_process(Unwanted::Ends, move |here| ask(here, asked, within, caller)).await;
    Graph { unknown, ..Graph::of(&stages, answers.unwrap_or_else(|| silence(&stages))) }
}

/// Stages of any events, by pid.
pub(crate) type Stages = BTreeMap<Pid, Observer>;

/// The numbers of those that answered, and why the others did not.
type Answers = (Vec<StageSnapshot>, Vec<(Pid, CallError)>);

/// Those that were found, and the names of the others.
pub(crate) fn known(roots: Vec<Observer>) -> (Vec<Observer>, Vec<Name>) {
    let (unknown, known): (Vec<_>, Vec<_>) = roots.into_iter().partition(|stage| stage.unknown().is_some());
    (known, unknown.iter().filter_map(|stage| stage.unknown().cloned()).collect())
}

fn neighbours(roots: Vec<Observer>) -> Stages {
    reach(roots, |book| [book.upstream(), book.downstream()].concat())
}

/// Nobody could be asked: the runtime has ended, or who was to ask has been ended.
fn silence(stages: &Stages) -> Answers {
    (Vec::new(), stages.values().map(unasked).collect())
}

/// Why there is no answer from one that was not asked.
pub(crate) fn unasked(stage: &Observer) -> (Pid, CallError) {
    let peer = stage.peer();
    (peer.pid(), if peer.is_alive() { CallError::NoReply } else { CallError::NoProc })
}

/// The roots, then whom `next` finds in their books, and so on. Nobody is asked.
pub(crate) fn reach(roots: Vec<Observer>, next: fn(&Book) -> Vec<Observer>) -> Stages {
    let mut found = Stages::new();
    let mut ahead = roots;
    while let Some(stage) = ahead.pop() {
        let peer = stage.peer();
        if found.insert(peer.pid(), stage).is_none()
            && let Some(book) = Book::of(&peer)
        {
            ahead.extend(next(&book));
        }
    }
    found
}

/// Asks all of them at once.
async fn ask<P: Place>(here: P, stages: Stages, within: Duration, caller: Option<Pid>) -> Answers {
    let deadline = here.now().saturating_add(within);
    let mut failed: BTreeMap<_, _> = stages.keys().map(|pid| (*pid, CallError::Timeout)).collect();
    let mut answers = BTreeMap::new();
    let mut open = stages.len();
    for (pid, stage) in &stages {
        let why_not = match stage.peer() {
            _ if caller == Some(*pid) => CallError::CallingSelf,
            peer if !peer.is_alive() => CallError::NoProc,
            peer => {
                here.monitor(peer);
                stage.say(Word::Tell(here.me().clone()));
                continue;
            }
        };
        failed.insert(*pid, why_not);
        open -= 1;
    }
    while open > 0
        && let Some(mail) = here.next(deadline.saturating_sub(here.now())).await
    {
        match mail {
            Mail::Message(snapshot) => {
                failed.remove(&snapshot.pid);
                answers.insert(snapshot.pid, snapshot);
                open -= 1;
            }
            Mail::Signal(Signal::Down(down)) if !answers.contains_key(&down.process) => {
                let dead = down.reason == ExitReason::NoProc;
                failed.insert(down.process, if dead { CallError::NoProc } else { CallError::Down(down.reason) });
                open -= 1;
            }
            Mail::Signal(_) => {}
        }
    }
    (answers.into_values().collect(), failed.into_iter().collect())
}

/// The numbers of several stages, and of the subscriptions between them. Made by [`graph`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Graph {
    /// The stages, by pid. Of one that is [unreachable](Self::unreachable) and lives, what only it knows is zero: what waits, what it
    /// owes, what it holds itself, its inbox, its times.
    pub stages: Vec<StageSnapshot>,
    /// The subscriptions between them, oldest first. They are read when all stages have answered, or the time is over: where events
    /// flow meanwhile, more may have passed a subscription than its producer had [emitted](StageSnapshot::emitted) when it
    /// answered.
    pub edges: Vec<Edge>,
    /// Stages that gave no answer: dead meanwhile, too busy, or the one that asks.
    pub unreachable: Vec<(Pid, CallError)>,
    /// Given names under which there was no such stage, in the order and as often as they were given.
    pub unknown: Vec<Name>,
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
    /// What the producer has been asked for, and has sent.
    pub sent: Flow,
    /// What the consumer has asked for, and has received. `None` if it is a stream.
    pub received: Option<Flow>,
}

impl Edge {
    fn of(tie: &Tie) -> Self {
        let (producer, consumer) = (tie.producer.peer().pid(), tie.consumer.pid());
        Self { id: tie.id, producer, consumer, sent: tie.sent.flow.flow(), received: tie.received() }
    }
}

impl Graph {
    fn of(stages: &Stages, (mut told, unreachable): Answers) -> Self {
        // Of who does not answer, what is in its book.
        let silent = unreachable.iter().filter_map(|(pid, _)| Some((*pid, Book::of(&stages.get(pid)?.peer())?)));
        told.extend(silent.map(|(pid, book)| book.numbers(pid)));
        told.sort_by_key(|stage| stage.pid);
        // When they have answered: what was on its way to them has arrived by then.
        let books = stages.values().filter_map(|stage| Book::of(&stage.peer()));
        let edges: BTreeMap<_, _> = books
            .flat_map(|book| [book.producers(), book.consumers()].concat())
            .map(|tie| (tie.key(), Edge::of(&tie)))
            .collect();
        Self { stages: told, edges: edges.into_values().collect(), unreachable, unknown: Vec::new() }
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
        let mut known: BTreeSet<_> = self.stages.iter().map(|stage| stage.pid).collect();
        for pid in self.edges.iter().flat_map(|edge| [edge.producer, edge.consumer]) {
            if known.insert(pid) {
                nodes.push((pid, vec![pid.to_string()]));
            }
        }
        nodes
    }

    fn arrows(&self) -> Vec<(usize, usize, String)> {
        let places: BTreeMap<_, _> = self.nodes().into_iter().enumerate().map(|(at, (pid, _))| (pid, at)).collect();
        let place = |pid| places.get(&pid).copied().unwrap_or_default();
        let arrow = |edge: &Edge| {
            let flow = edge.sent;
            let events = if flow.events == 1 { "event" } else { "events" };
            (place(edge.producer), place(edge.consumer), format!("{} {events}, {} asked", flow.events, flow.demand()))
        };
        self.edges.iter().map(arrow).collect()
    }
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

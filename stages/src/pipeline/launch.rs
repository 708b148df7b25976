//! Starting stages under the supervisor of a pipeline, and joining them.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use genstage_core::{
    AutoShutdown, ChildId, ChildSpec, ExitReason, Peer, Restart, StartChildError, StartError, Strategy, Supervisor,
    SupervisorRef,
};
use genstage_dispatchers::{DemandDispatcher, Dispatcher};

use super::error::{PipelineError, StageOutcome, StepError};
use crate::drain::{DrainReport, drain_all, drain_all_async};
use crate::graph::{AnyStage, Graph, Observer, graph_of, graph_of_async};
use crate::handle::{Source, StageRef};
use crate::role::{Receives, Role};
use crate::snapshot::StageSnapshot;
use crate::{Cancel, StageOptions, SubscribeError, SubscriptionOptions, stage};

/// One running copy of a step, as the next step subscribes to it.
pub(super) type Output<T> = Arc<dyn Source<Event = T> + Send + Sync>;

/// Where a panic outside of callbacks is kept, in the key of a partition: the dispatcher goes on, but the stage must end.
#[derive(Clone, Default, Debug)]
pub struct Fault(Arc<OnceLock<Mutex<Option<Payload>>>>);

type Payload = Box<dyn std::any::Any + Send>;

impl Fault {
    pub(super) fn note(&self, payload: Payload) {
        let _ = self.0.set(Mutex::new(Some(payload)));
    }

    /// Goes on with the panic inside a callback of the stage, which ends with it.
    #[inline]
    pub(super) fn check(&self) {
        if let Some(kept) = self.0.get() {
            let kept = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            resume_unwind(kept.unwrap_or_else(|| Box::new("the key of a partition panicked")));
        }
    }
}

/// Makes a dispatcher for one copy.
type Make<T> = dyn Fn(&Fault) -> Box<dyn Dispatcher<T>>;

/// How a step gives its events to the copies of the next.
pub enum Route<T> {
    /// To the only one.
    One,
    /// Spread evenly.
    Fair,
    /// By a dispatcher for each copy that emits.
    By(Arc<Make<T>>),
}

impl<T> fmt::Debug for Route<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Launch({})", self.supervisor.pid())
    }
}

impl<T> Clone for Route<T> {
    fn clone(&self) -> Self {
        match self {
            Self::One => Self::One,
            Self::Fair => Self::Fair,
            Self::By(make) => Self::By(Arc::clone(make)),
        }
    }
}

impl<T: Send + 'static> Route<T> {
    pub(super) fn among(consumers: usize) -> Self {
        if consumers > 1 { Self::Fair } else { Self::One }
    }

    pub(super) fn dispatcher(&self, fault: &Fault) -> Option<Box<dyn Dispatcher<T>>> {
        match self {
            Self::One => None,
            Self::Fair => Some(Box::new(DemandDispatcher::new().fair())),
            Self::By(make) => Some(make(fault)),
        }
    }
}

/// What the user said of a step.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    demand: SubscriptionOptions,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self { name: None, demand: SubscriptionOptions::new().cancel(Cancel::Temporary) }
    }

    pub(super) fn max_demand(&mut self, events: usize) {
        self.demand = self.demand.max_demand(events);
    }

    pub(super) fn min_demand(&mut self, events: usize) {
        self.demand = self.demand.min_demand(events);
    }
}

/// One stage that was started.
struct Entry {
    step: String,
    copy: usize,
    /// Whether it is one of the ends: they decide when the pipeline is done.
    end: bool,
    peer: Peer,
    observer: Observer,
}

/// A pipeline being started, and what is known of it later.
pub struct Launch {
    pub(super) supervisor: SupervisorRef,
    stages: Vec<Entry>,
    steps: usize,
    /// Lets the sources go, once all is joined.
    sources: Vec<Box<dyn FnOnce()>>,
}

/// The step that is being started.
pub(super) struct StepStart {
    name: String,
    demand: SubscriptionOptions,
}

impl Launch {
    /// Starts the supervisor. A crash of any stage ends it, and with it all others; so does the end of the last of the ends.
    pub(super) fn begin(link: bool) -> Result<Self, PipelineError> {
        let supervisor = || {
            Supervisor::new(Strategy::OneForAll)
                .max_restarts(0)
                .auto_shutdown(AutoShutdown::AllSignificant)
                .escalate(true)
                .start_link()
        };
        let started = if link {
            supervisor()
        } else {
            // A parent in passing: what ends the pipeline is not to end the caller.
            genstage_core::run(|here| supervisor().inspect(|supervisor| here.unlink(supervisor)))
        };
        let supervisor = started.map_err(PipelineError::Supervisor)?;
        Ok(Self { supervisor, stages: Vec::new(), steps: 0, sources: Vec::new() })
    }

    /// The next step in order of the flow.
    pub(super) fn step(
        &mut self,
        settings: &Settings,
        kind: &str,
        fault: Option<StepError>,
    ) -> Result<StepStart, PipelineError> {
        self.steps += 1;
        let name = settings.name.clone().unwrap_or_else(|| format!("{kind} ({})", self.steps));
        if let Some(error) = fault {
            return Err(PipelineError::Options { step: name, error });
        }
        if let Err(error) = settings.demand.check() {
            return Err(PipelineError::Options { step: name, error: StepError::Demand(error) });
        }
        Ok(StepStart { name, demand: settings.demand })
    }

    /// Starts one copy of a step.
    pub(super) fn start<R: Role>(
        &mut self,
        step: &StepStart,
        copy: usize,
        end: bool,
        user: R::Stage,
        options: StageOptions<R>,
    ) -> Result<StageRef<R>, PipelineError> {
        let id = ChildId::from(format!("{} {}/{copy}", self.steps, step.name));
        // It is started once: no restart comes to it.
        let once = Mutex::new(Some((user, options)));
        let start = move || {
            let taken = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (user, options) = taken.ok_or(StartError::Ignore)?;
            stage::start(user, options, true)
        };
        let mut child = ChildSpec::new(id, start).restart(Restart::Transient);
        if end {
            child = child.significant();
        }
        let failed = |error| PipelineError::Start { step: step.name.clone(), error };
        let started = match self.supervisor.start_child(child) {
            Ok(Some(started)) => started,
            Ok(None) => return Err(failed(StartError::Ignore)),
            Err(StartChildError::Start(error)) => return Err(failed(error)),
            Err(error) => return Err(failed(StartError::Init(ExitReason::other(error.to_string())))),
        };
        let (peer, observer) = (Peer::from(&started), started.observer());
        self.stages.push(Entry { step: step.name.clone(), copy, end, peer, observer });
        Ok(started)
    }

    /// Subscribes a copy of a step to all copies of the step before.
    pub(super) fn join<R: Receives>(
        step: &StepStart,
        consumer: &StageRef<R>,
        outputs: &[Output<R::In>],
        partition: Option<usize>,
    ) -> Result<(), PipelineError> {
        for output in outputs {
            let joined = match partition {
                Some(partition) => consumer.sync_subscribe(&**output, step.demand.partition(partition)),
                None => consumer.sync_subscribe(&**output, step.demand),
            };
            joined.map_err(|error| match error {
                SubscribeError::Options(error) => {
                    PipelineError::Options { step: step.name.clone(), error: StepError::Demand(error) }
                }
                SubscribeError::Call(error) => PipelineError::Start {
                    step: step.name.clone(),
                    error: StartError::Init(ExitReason::other(error.to_string())),
                },
            })?;
        }
        Ok(())
    }

    /// What lets a source go.
    pub(super) fn on_release(&mut self, source: impl FnOnce() + 'static) {
        self.sources.push(Box::new(source));
    }

    /// All is joined: lets events flow.
    pub(super) fn release(self) -> Running {
        for source in self.sources {
            source();
        }
        Running { supervisor: self.supervisor, stages: self.stages.into() }
    }

    pub(super) fn abort(self) {
        stop(&self.supervisor, Duration::MAX);
    }
}

/// A pipeline that was started.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) supervisor: SupervisorRef,
    stages: Arc<[Entry]>,
}

impl Running {
    /// Ends it without waiting for that.
    pub(super) fn stop_soon(&self) {
        stop(&self.supervisor, std::time::Duration::ZERO);
    }

    pub(super) fn stop(&self) {
        stop(&self.supervisor, Duration::MAX);
    }

    /// The numbers of its stages, under the names of their steps.
    pub(super) fn graph(&self, within: Duration) -> Graph {
        self.named(graph_of(self.observers(|_| true), within))
    }

    pub(super) async fn graph_async(&self, within: Duration) -> Graph {
        self.named(graph_of_async(self.observers(|_| true), within).await)
    }

    fn named(&self, mut graph: Graph) -> Graph {
        self.name_steps(graph.stages.iter_mut());
        graph
    }

    /// Drains those of its stages that live: a source may have come to its end before.
    pub(super) fn drain(&self, within: Duration) -> DrainReport {
        self.report(drain_all(self.observers(Peer::is_alive), within))
    }

    pub(super) async fn drain_async(&self, within: Duration) -> DrainReport {
        self.report(drain_all_async(self.observers(Peer::is_alive), within).await)
    }

    fn report(&self, mut report: DrainReport) -> DrainReport {
        self.name_steps(report.stages.iter_mut().map(|stage| &mut stage.snapshot));
        report
    }

    fn observers(&self, which: fn(&Peer) -> bool) -> Vec<Observer> {
        let wanted = self.stages.iter().filter(|stage| which(&stage.peer));
        wanted.map(|stage| Arc::clone(&stage.observer)).collect()
    }

    fn name_steps<'a>(&self, snapshots: impl Iterator<Item = &'a mut StageSnapshot>) {
        for snapshot in snapshots {
            if let Some(stage) = self.stages.iter().find(|stage| stage.peer.pid() == snapshot.pid) {
                let alone = !self.stages.iter().any(|other| other.step == stage.step && other.copy != stage.copy);
                let name = if alone { stage.step.clone() } else { format!("{}/{}", stage.step, stage.copy) };
                snapshot.name.get_or_insert(name);
            }
        }
    }

    pub(super) fn has(&self, pid: genstage_core::Pid) -> bool {
        self.supervisor.pid() == pid || self.stages.iter().any(|stage| stage.peer.pid() == pid)
    }

    pub(super) fn outcomes(&self) -> Vec<StageOutcome> {
        let outcome = |stage: &Entry| StageOutcome {
            step: stage.step.clone(),
            copy: stage.copy,
            pid: stage.peer.pid(),
            reason: stage.peer.exit_reason(),
        };
        self.stages.iter().map(outcome).collect()
    }

    /// Done if all its ends are; otherwise the first in order of the flow that failed is to blame, as a failure goes
    /// downstream. Who was killed was in the way of the stop that followed.
    pub(super) fn verdict(&self) -> Result<(), PipelineError> {
        let mut ends = self.stages.iter().filter(|stage| stage.end).peekable();
        if ends.peek().is_some() && ends.all(|end| end.peer.exit_reason() == Some(ExitReason::Normal)) {
            return Ok(());
        }
        Err(self.failure())
    }

    pub(super) fn failure(&self) -> PipelineError {
        let failed = || {
            self.stages.iter().filter_map(|stage| {
                let reason = stage.peer.exit_reason()?;
                (!reason.is_clean()).then_some((stage, reason))
            })
        };
        let first = failed().find(|(_, reason)| *reason != ExitReason::Killed).or_else(|| failed().next());
        match first {
            Some((stage, reason)) => {
                PipelineError::Failed { step: stage.step.clone(), copy: stage.copy, reason, outcomes: self.outcomes() }
            }
            None => PipelineError::Stopped { outcomes: self.outcomes() },
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline({})", self.supervisor.pid())
    }
}

/// An order to the supervisor; who waits for its end does not mind how it ended.
fn stop(supervisor: &SupervisorRef, within: Duration) {
    let _ = supervisor.stop_with(ExitReason::Shutdown, within);
}

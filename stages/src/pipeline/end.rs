//! The ends of pipelines: what takes the last events, and how the whole is started and waited for.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genstage_core::{CALL_TIMEOUT, ChildId, ChildSpec, ExitReason, Peer, StartError, SupervisorRef, current_pid};
use genstage_dispatchers::Events;

use super::error::{PipelineError, StageOutcome};
use super::launch::{Launch, Running, Settings};
use super::line::{Intake, number_of_copies};
use crate::context::Context;
use crate::drain::DrainReport;
use crate::graph::Graph;
use crate::role::AsConsumer;
use crate::subscription::{Cancellation, Manner, Partner};
use crate::watch::{ended, ended_async};
use crate::{Consumer, Outcome, StageOptions};

/// What takes the events of one copy of an end.
#[doc(hidden)]
pub trait Tail: Send + 'static {
    type In: Send + 'static;
    /// What one copy comes to.
    type Out: Send + 'static;
    /// What all copies come to.
    type All: Send + 'static;

    const NAME: &'static str;

    fn handle(&mut self, events: Events<'_, Self::In>);
    fn finish(self) -> Self::Out;
    fn all(copies: Vec<Self::Out>) -> Self::All;
}

/// The end made by [`Pipeline::for_each`](super::Pipeline::for_each).
pub struct ForEach<F, T> {
    f: F,
    types: PhantomData<fn(T)>,
}

impl<F, T> ForEach<F, T> {
    pub(super) fn new(f: F) -> Self {
        Self { f, types: PhantomData }
    }
}

impl<F: Clone, T> Clone for ForEach<F, T> {
    fn clone(&self) -> Self {
        Self::new(self.f.clone())
    }
}

impl<F, T> fmt::Debug for ForEach<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForEach")
    }
}

impl<F: FnMut(T) + Send + 'static, T: Send + 'static> Tail for ForEach<F, T> {
    type In = T;
    type Out = ();
    type All = ();
    const NAME: &'static str = "for_each";

    fn handle(&mut self, events: Events<'_, T>) {
        events.into_iter().for_each(&mut self.f);
    }

    fn finish(self) {}

    fn all(_: Vec<()>) {}
}

/// The end made by [`Pipeline::fold`](super::Pipeline::fold).
pub struct Fold<S, F, T> {
    state: S,
    f: F,
    types: PhantomData<fn(T)>,
}

impl<S, F, T> Fold<S, F, T> {
    pub(super) fn new(state: S, f: F) -> Self {
        Self { state, f, types: PhantomData }
    }
}

impl<S: Clone, F: Clone, T> Clone for Fold<S, F, T> {
    fn clone(&self) -> Self {
        Self::new(self.state.clone(), self.f.clone())
    }
}

impl<S, F, T> fmt::Debug for Fold<S, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fold")
    }
}

impl<S: Send + 'static, F: FnMut(&mut S, T) + Send + 'static, T: Send + 'static> Tail for Fold<S, F, T> {
    type In = T;
    type Out = S;
    type All = Vec<S>;
    const NAME: &'static str = "fold";

    fn handle(&mut self, events: Events<'_, T>) {
        events.into_iter().for_each(|event| (self.f)(&mut self.state, event));
    }

    fn finish(self) -> S {
        self.state
    }

    fn all(copies: Vec<S>) -> Vec<S> {
        copies
    }
}

/// Where a copy puts what it came to.
type Slot<O> = Arc<Mutex<Option<O>>>;

fn take<O>(slot: &Slot<O>) -> Option<O> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// One copy of an end, as a stage; done when all its producers are.
struct Drain<K: Tail> {
    tail: Option<K>,
    producers: usize,
    slot: Slot<K::Out>,
}

impl<K: Tail> Consumer for Drain<K> {
    type Event = K::In;

    #[inline]
    fn handle_events(&mut self, events: Events<'_, K::In>, _: &mut Context<'_, Self>) -> Outcome {
        if let Some(tail) = &mut self.tail {
            tail.handle(events);
        }
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, _: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.producers += 1;
        Manner::Automatic
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        if cancellation.reason != ExitReason::Normal {
            return Outcome::Stop(cancellation.reason.clone());
        }
        self.producers = self.producers.saturating_sub(1);
        if self.producers > 0 {
            return Outcome::Continue;
        }
        if let Some(tail) = self.tail.take() {
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(tail.finish());
        }
        Outcome::Stop(ExitReason::Normal)
    }
}

/// Gathers what the ends came to, once all are done.
pub(super) type Gather<O> = Box<dyn FnOnce() -> Option<O> + Send>;

/// What ends a pipeline.
pub trait Ending: 'static {
    /// What a run gives.
    type Output: Send + 'static;

    #[doc(hidden)]
    fn launch(self: Box<Self>, launch: &mut Launch) -> Result<Gather<Self::Output>, PipelineError>;
}

/// One copy, whose result is that of the run.
#[derive(Debug)]
pub struct One;

/// Several copies, whose results are gathered.
#[derive(Debug)]
pub struct Many;

/// The last step.
#[must_use]
pub struct LastStep<K: Tail, N> {
    intake: Intake<K::In>,
    copies: Vec<K>,
    settings: Settings,
    number: PhantomData<N>,
}

impl<K: Tail, N: 'static> LastStep<K, N> {
    pub(super) fn new(intake: Intake<K::In>, copies: Vec<K>) -> Self {
        Self { intake, copies, settings: Settings::new(), number: PhantomData }
    }

    fn start(self, launch: &mut Launch) -> Result<Vec<Slot<K::Out>>, PipelineError> {
        let inlet = self.intake.start(launch, self.copies.len())?;
        let step = launch.step(&self.settings, K::NAME, inlet.wrong_number(self.copies.len()))?;
        let mut slots = Vec::with_capacity(self.copies.len());
        for (copy, tail) in self.copies.into_iter().enumerate() {
            let slot = Slot::default();
            let drain = Drain { tail: Some(tail), producers: 0, slot: Arc::clone(&slot) };
            let options = StageOptions::<AsConsumer<Drain<K>>>::new();
            let stage = launch.start(&step, copy, true, drain, options)?;
            Launch::join(&step, &stage, &inlet.outputs, inlet.partition(copy))?;
            slots.push(slot);
        }
        Ok(slots)
    }
}

impl<K: Tail, N> fmt::Debug for LastStep<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LastStep({} x {})", K::NAME, self.copies.len())
    }
}

impl<K: Tail> Ending for LastStep<K, One> {
    type Output = K::Out;

    fn launch(self: Box<Self>, launch: &mut Launch) -> Result<Gather<K::Out>, PipelineError> {
        let slots = self.start(launch)?;
        Ok(Box::new(move || slots.first().and_then(take)))
    }
}

impl<K: Tail> Ending for LastStep<K, Many> {
    type Output = K::All;

    fn launch(self: Box<Self>, launch: &mut Launch) -> Result<Gather<K::All>, PipelineError> {
        let slots = self.start(launch)?;
        Ok(Box::new(move || slots.iter().map(take).collect::<Option<Vec<_>>>().map(K::all)))
    }
}

/// A whole pipeline, from its sources to its ends: nothing runs before it is told to.
#[must_use = "a pipeline does nothing until it is run or started"]
pub struct End<E> {
    pub(super) ending: E,
}

impl<K: Tail> End<LastStep<K, One>> {
    /// So many copies of this last step, which share the events by demand, evenly; what a fold comes to is then a `Vec` with the
    /// result of each.
    ///
    /// Each copy has its own clone of the closure, and of what it holds. There may be 65,536 at most.
    pub fn concurrency(self, copies: usize) -> End<LastStep<K, Many>>
    where
        K: Clone,
    {
        let LastStep { intake, copies: one, settings, .. } = self.ending;
        let copies = one.first().map_or_else(Vec::new, |kernel| vec![kernel.clone(); number_of_copies(copies)]);
        End { ending: LastStep { intake, copies, settings, number: PhantomData } }
    }
}

impl<K: Tail, N> End<LastStep<K, N>> {
    /// What errors call this step.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.ending.settings.name = Some(name.into());
        self
    }

    /// At most so many events are under way to each copy, from each copy of the step before; 1000 by default.
    pub fn max_demand(mut self, events: usize) -> Self {
        self.ending.settings.max_demand(events);
        self
    }

    /// More are asked for when no more than this many are owed; half of `max_demand` by default.
    pub fn min_demand(mut self, events: usize) -> Self {
        self.ending.settings.min_demand(events);
        self
    }
}

impl<E: Ending> End<E> {
    /// Runs the pipeline and waits until it is done and all its processes are gone; gives what its end came to: nothing for
    /// `for_each`, the state of a `fold`, a pair for a broadcast.
    ///
    /// Works from a plain thread and inside a callback, where other processes run meanwhile.
    ///
    /// # Errors
    ///
    /// [`PipelineError`]. The first failure ends the whole: a panic in a closure is
    /// [`Failed`](PipelineError::Failed) with the name of its step.
    pub fn run(self) -> Result<E::Output, PipelineError> {
        let pipeline = self.begin(false)?;
        // What waits no more is to leave nothing behind.
        let done = pipeline.wait().inspect_err(|_| pipeline.running.stop_soon());
        done.and_then(|()| pipeline.result())
    }

    /// As [`run`](Self::run), for futures: it waits without holding a thread, in any executor. The pipeline starts at once, and
    /// dropping the future stops it.
    ///
    /// ```
    /// use genstage::core::Task;
    /// use genstage::pipeline;
    ///
    /// let sum = pipeline::from_iter(1..=100_u64).map(|n| n * 2).fold(0, |sum, n| *sum += n).run_async();
    /// assert_eq!(Task::spawn(sum).join()??, 10_100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_async(self) -> impl Future<Output = Result<E::Output, PipelineError>> + Send + use<E> {
        let started = self.begin(false).map(|pipeline| (StopSoon(pipeline.running.clone()), pipeline));
        async move {
            let (_running, pipeline) = started?;
            pipeline.join_async().await
        }
    }

    /// Starts the pipeline and returns at once. Dropping the handle does not stop it.
    ///
    /// # Errors
    ///
    /// [`PipelineError::Options`] and [`PipelineError::Start`]: nothing is left running.
    pub fn start(self) -> Result<PipelineRef<E::Output>, PipelineError> {
        self.begin(false)
    }

    /// As [`start`](Self::start), with its supervisor linked to the calling process. It ends with reason shutdown when the
    /// pipeline is done, and with the reason of the stage that failed when it failed: a caller that is a process and
    /// does not trap exits ends with it, in either case.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_link(self) -> Result<PipelineRef<E::Output>, PipelineError> {
        self.begin(true)
    }

    fn begin(self, link: bool) -> Result<PipelineRef<E::Output>, PipelineError> {
        let mut launch = Launch::begin(link)?;
        match Box::new(self.ending).launch(&mut launch) {
            Ok(gather) => {
                let running = launch.release();
                Ok(PipelineRef { running, gather: Arc::new(Mutex::new(Some(gather))) })
            }
            Err(error) => {
                launch.abort();
                Err(error)
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for End<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ending.fmt(f)
    }
}

/// A pipeline as a child of a supervisor: built anew by the function at each start.
///
/// It is restarted as a whole, from its sources. One that is done ends with reason shutdown, one that failed with the
/// reason of the stage that did (see [`Supervisor::escalate`](genstage_core::Supervisor::escalate)). So a
/// [`Transient`](genstage_core::Restart::Transient) one is started again after a failure and not after a success: take that for a
/// pipeline that has an end, and a permanent one, the default, for one that has none.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use genstage::core::{AutoShutdown, Restart, Strategy, Supervisor};
/// use genstage::pipeline;
///
/// static TRIES: AtomicU64 = AtomicU64::new(0);
/// let import = pipeline::child_spec("import", || {
///     let first = TRIES.fetch_add(1, Ordering::Relaxed) == 0;
///     pipeline::from_iter(0..100_u64).for_each(move |n| assert!(!first || n < 50, "the first time it fails"))
/// });
/// let supervisor = Supervisor::new(Strategy::OneForOne)
///     .auto_shutdown(AutoShutdown::AllSignificant) // it is to end when the import is done
///     .child(import.restart(Restart::Transient).significant())
///     .start_link()?;
/// while supervisor.is_alive() {
///     std::thread::yield_now();
/// }
/// assert_eq!(TRIES.load(Ordering::Relaxed), 2);
/// # Ok::<(), genstage::StartError>(())
/// ```
///
/// ```
/// use genstage::core::{Strategy, Supervisor};
/// use genstage::pipeline;
///
/// let endless = pipeline::child_spec("ticks", || pipeline::from_iter(0_u64..).for_each(|_| ()));
/// let pipeline = endless.handle();
/// let supervisor = Supervisor::new(Strategy::OneForOne).child(endless).start_link()?;
/// assert!(pipeline.get().unwrap().is_alive());
/// # supervisor.stop().unwrap();
/// # Ok::<(), genstage::StartError>(())
/// ```
pub fn child_spec<E: Ending>(
    id: impl Into<ChildId>,
    build: impl Fn() -> End<E> + Send + Sync + 'static,
) -> ChildSpec<PipelineRef<E::Output>> {
    let start = move || {
        build().start_link().map_err(|error| match error {
            PipelineError::Start { error, .. } | PipelineError::Supervisor(error) => error,
            error => StartError::Init(ExitReason::other(error)),
        })
    };
    ChildSpec::new(id, start).supervisor()
}

/// A pipeline that was started. Cloning costs a reference count.
pub struct PipelineRef<O> {
    running: Running,
    gather: Arc<Mutex<Option<Gather<O>>>>,
}

impl<O> PipelineRef<O> {
    /// Waits until it is done and all its processes are gone; gives what its end came to, to the first who asks.
    ///
    /// # Errors
    ///
    /// [`PipelineError`]: as for [`End::run`]; also if it was stopped, and if the result was given before.
    pub fn join(&self) -> Result<O, PipelineError> {
        self.wait()?;
        self.result()
    }

    /// As [`join`](Self::join), for futures: it waits without holding a thread, in any executor.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn join_async(&self) -> Result<O, PipelineError> {
        self.wait_async().await?;
        self.result()
    }

    /// Stops it, and waits until all its processes are gone. Events under way are lost: to keep them, [`drain`](Self::drain).
    pub fn stop(&self) {
        self.running.stop();
    }

    /// As [`stop`](Self::stop), for futures.
    pub async fn stop_async(&self) {
        // Who waits for its end does not mind how it ended.
        let _ = self.running.supervisor.stop_async(ExitReason::Shutdown).await;
    }

    /// Stops it in order: its sources take nothing more, and every event that is under way is handled, within a time. Then
    /// [`join`](Self::join) gives what the end came to.
    ///
    /// The report calls each stage by its step. See [`drain`](crate::drain()) for what a drain does.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use genstage::pipeline;
    ///
    /// let counted = pipeline::from_iter(0_u64..).map(|n| n + 1).fold(0_u64, |count, _| *count += 1).start()?;
    /// let report = counted.drain(Duration::from_secs(5));
    /// assert!(report.is_complete());
    /// assert_eq!(counted.join()?, report.stages[0].snapshot.emitted);
    /// # Ok::<(), genstage::pipeline::PipelineError>(())
    /// ```
    pub fn drain(&self, within: Duration) -> DrainReport {
        self.running.drain(within)
    }

    /// As [`drain`](Self::drain), for futures.
    pub async fn drain_async(&self, within: Duration) -> DrainReport {
        self.running.drain_async(within).await
    }

    /// The numbers of its stages and of the subscriptions between them, in five seconds at most; each stage is called by
    /// its step. See [`graph`](crate::graph()).
    pub fn graph(&self) -> Graph {
        self.running.graph(CALL_TIMEOUT)
    }

    /// As [`graph`](Self::graph), for futures.
    pub async fn graph_async(&self) -> Graph {
        self.running.graph_async(CALL_TIMEOUT).await
    }

    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        self.running.supervisor.is_alive()
    }

    /// The supervisor of its stages.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.running.supervisor
    }

    /// Its stages in order of the flow, and how those ended that have.
    pub fn outcomes(&self) -> Vec<StageOutcome> {
        self.running.outcomes()
    }

    fn wait(&self) -> Result<(), PipelineError> {
        let supervisor = self.awaited()?;
        if ended(&supervisor) { self.running.verdict() } else { Err(PipelineError::Never) }
    }

    async fn wait_async(&self) -> Result<(), PipelineError> {
        let supervisor = self.awaited()?;
        if ended_async(&supervisor).await { self.running.verdict() } else { Err(PipelineError::Never) }
    }

    /// Whose end is waited for, unless the caller is part of it.
    fn awaited(&self) -> Result<Peer, PipelineError> {
        let inside = current_pid().is_some_and(|pid| self.running.has(pid));
        if inside { Err(PipelineError::Never) } else { Ok(Peer::from(&self.running.supervisor)) }
    }

    fn result(&self) -> Result<O, PipelineError> {
        let gather = self.gather.lock().unwrap_or_else(PoisonError::into_inner).take();
        gather.and_then(|gather| gather()).ok_or(PipelineError::Taken)
    }
}

/// Stops a pipeline that nobody waits for any more; nothing to one that has ended.
struct StopSoon(Running);

impl Drop for StopSoon {
    fn drop(&mut self) {
        self.0.stop_soon();
    }
}

impl<O> Clone for PipelineRef<O> {
    fn clone(&self) -> Self {
        Self { running: self.running.clone(), gather: Arc::clone(&self.gather) }
    }
}

impl<O> fmt::Debug for PipelineRef<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.running.fmt(f)
    }
}

impl<O> From<&PipelineRef<O>> for Peer {
    fn from(pipeline: &PipelineRef<O>) -> Self {
        Peer::from(&pipeline.running.supervisor)
    }
}

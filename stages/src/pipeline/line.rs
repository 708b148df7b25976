//! A line of steps, from its sources to where it is now.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use genstage_dispatchers::Events;

use super::error::{PipelineError, StepError};
use super::kernel::{Forward, Kernel, More};
use super::launch::{Fault, Launch, Output, Route, Settings};
use super::partition::Split;
use crate::context::Context;
use crate::emit::Emit;
use crate::enumerable::pull;
use crate::messages::HandleInfo;
use crate::role::{AsProducer, AsProducerConsumer};
use crate::subscription::{Cancellation, Manner, Partner, Side};
use crate::{DemandMode, ExitReason, Outcome, Producer, ProducerConsumer, StageOptions};

/// What a pipeline is made of: something that emits events once it is started.
#[diagnostic::on_unimplemented(message = "`{Self}` is no part of a pipeline that emits events")]
pub trait Line: 'static {
    /// The events.
    type Out: Send + 'static;

    /// Starts all of it, the source first; gives its last copies.
    #[doc(hidden)]
    fn start(
        self: Box<Self>,
        launch: &mut Launch,
        route: Route<Self::Out>,
        end: bool,
    ) -> Result<Vec<Output<Self::Out>>, PipelineError>;
}

/// A line whose steps are forgotten by its type.
pub(super) type AnyLine<T> = Box<dyn Line<Out = T>>;

/// Where a step gets its events: the line before it, and how that line's events are shared out to its copies.
pub(super) struct Intake<T> {
    before: AnyLine<T>,
    split: Option<Split<T>>,
}

impl<T: Send + 'static> Intake<T> {
    pub(super) fn new(before: impl Line<Out = T>) -> Self {
        Self { before: Box::new(before), split: None }
    }

    pub(super) fn split(before: AnyLine<T>, split: Split<T>) -> Self {
        Self { before, split: Some(split) }
    }

    /// Starts the line before, for so many copies.
    pub(super) fn start(self, launch: &mut Launch, copies: usize) -> Result<Inlet<T>, PipelineError> {
        let route = self.split.as_ref().map_or_else(|| Route::among(copies), Split::route);
        let outputs = self.before.start(launch, route, false)?;
        Ok(Inlet { outputs, partitioned: self.split.is_some() })
    }
}

/// The line before, started.
pub(super) struct Inlet<T> {
    pub(super) outputs: Vec<Output<T>>,
    partitioned: bool,
}

impl<T> Inlet<T> {
    /// The partition of this copy.
    pub(super) fn partition(&self, copy: usize) -> Option<usize> {
        self.partitioned.then_some(copy)
    }

    /// Whether there may be so many copies of the step that gets these events; what is wrong is said as the user wrote it.
    pub(super) fn wrong_number(&self, copies: usize) -> Option<StepError> {
        match (copies, self.partitioned) {
            (0, true) => Some(StepError::Zero("partitions")),
            (0, false) => Some(StepError::Zero("concurrency")),
            (1..=MOST_COPIES, _) => None,
            (_, true) => Some(StepError::TooManyPartitions),
            (_, false) => Some(StepError::TooManyCopies),
        }
    }
}

/// Of a step there are no more copies than this. Guessed: far above usual numbers.
pub(super) const MOST_COPIES: usize = 65_536;

/// As many as are wanted, or one more than there may be: enough to be told that they are too many.
pub(super) const fn number_of_copies(wanted: usize) -> usize {
    if wanted > MOST_COPIES { MOST_COPIES + 1 } else { wanted }
}

/// The number of copies of a step is the user's to choose.
#[derive(Debug)]
pub struct Free;

/// There is a copy for each partition.
#[derive(Debug)]
pub struct Fixed;

/// A step, with its copies.
#[must_use]
pub struct Step<K: Kernel, N = Free> {
    intake: Intake<K::In>,
    pub(super) copies: Vec<K>,
    pub(super) settings: Settings,
    number: PhantomData<N>,
}

impl<K: Kernel, N> Step<K, N> {
    pub(super) fn new(intake: Intake<K::In>, copies: Vec<K>) -> Self {
        Self { intake, copies, settings: Settings::new(), number: PhantomData }
    }
}

impl<K: Kernel, N: 'static> Line for Step<K, N> {
    type Out = K::Out;

    fn start(
        self: Box<Self>,
        launch: &mut Launch,
        route: Route<K::Out>,
        end: bool,
    ) -> Result<Vec<Output<K::Out>>, PipelineError> {
        let inlet = self.intake.start(launch, self.copies.len())?;
        let wrong = inlet.wrong_number(self.copies.len());
        let fault = wrong.or_else(|| self.copies.first()?.zero().map(StepError::Zero));
        let step = launch.step(&self.settings, K::NAME, fault)?;
        let mut outputs: Vec<Output<K::Out>> = Vec::with_capacity(self.copies.len());
        for (copy, kernel) in self.copies.into_iter().enumerate() {
            let fault = Fault::default();
            let mut options = StageOptions::<AsProducerConsumer<Worker<K>>>::new();
            options.dispatcher = route.dispatcher(&fault);
            let worker = Worker { kernel, producers: 0, finished: false, fault };
            let stage = launch.start(&step, copy, end, worker, options)?;
            Launch::join(&step, &stage, &inlet.outputs, inlet.partition(copy))?;
            outputs.push(Arc::new(stage));
        }
        Ok(outputs)
    }
}

impl<K: Kernel, N> fmt::Debug for Step<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({} x {})", K::NAME, self.copies.len())
    }
}

/// One copy of a step, as a stage. It is done when all its producers are: the first end of one must not end it, and one
/// that ends in any other way than normally ends it, too.
struct Worker<K> {
    kernel: K,
    producers: usize,
    finished: bool,
    fault: Fault,
}

/// All that came out of a stage has been taken.
struct Finished;

impl<K: Kernel> Worker<K> {
    /// Ends once everything that is buffered has gone out.
    fn finish(&mut self, cx: &mut Context<'_, Self>) {
        if !self.finished {
            self.finished = true;
            self.kernel.finish(cx.out());
            cx.async_info(Finished);
        }
    }
}

impl<K: Kernel> ProducerConsumer for Worker<K> {
    type In = K::In;
    type Out = K::Out;

    #[inline]
    fn handle_events(
        &mut self,
        events: Events<'_, K::In>,
        out: &mut Emit<K::Out>,
        cx: &mut Context<'_, Self>,
    ) -> Outcome {
        self.fault.check();
        if !self.finished && self.kernel.handle(events, out) == More::No {
            self.finish(cx);
        }
        Outcome::Continue
    }

    fn handle_subscribe_to(&mut self, _: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.producers += 1;
        Manner::Automatic
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        self.fault.check();
        if cancellation.side == Side::Consumer {
            return Outcome::Continue;
        }
        if cancellation.reason != ExitReason::Normal && !self.finished {
            return Outcome::Stop(cancellation.reason.clone());
        }
        self.producers = self.producers.saturating_sub(1);
        if self.producers == 0 {
            self.finish(cx);
        }
        Outcome::Continue
    }
}

impl<K: Kernel> HandleInfo<Finished> for Worker<K> {
    fn handle_info(&mut self, _: Finished, _: &mut Context<'_, Self>) -> Outcome {
        self.fault.check();
        Outcome::Stop(ExitReason::Normal)
    }
}

/// The items of an iterator as the start of a line.
#[must_use]
pub struct FromIter<I> {
    items: I,
    settings: Settings,
}

impl<I> FromIter<I> {
    pub(super) fn new(items: I) -> Self {
        Self { items, settings: Settings::new() }
    }
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> Line for FromIter<I> {
    type Out = I::Item;

    fn start(
        self: Box<Self>,
        launch: &mut Launch,
        route: Route<I::Item>,
        end: bool,
    ) -> Result<Vec<Output<I::Item>>, PipelineError> {
        let step = launch.step(&self.settings, "from_iter", None)?;
        let fault = Fault::default();
        let mut options = StageOptions::<AsProducer<Items<I>>>::new().demand(DemandMode::Accumulate);
        options.dispatcher = route.dispatcher(&fault);
        let stage = launch.start(&step, 0, end, Items { items: Some(self.items), fault }, options)?;
        let source = stage.clone();
        launch.on_release(move || source.demand(DemandMode::Forward));
        Ok(vec![Arc::new(stage)])
    }
}

impl<I> fmt::Debug for FromIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromIter")
    }
}

/// As [`Enumerable`](crate::Enumerable), and it looks out for faults.
struct Items<I> {
    items: Option<I>,
    fault: Fault,
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> Producer for Items<I> {
    type Event = I::Item;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<I::Item>, cx: &mut Context<'_, Self>) -> Outcome {
        self.fault.check();
        let Some(items) = &mut self.items else { return Outcome::Continue };
        if pull(items, demand, out, cx.book()) {
            self.items = None;
            cx.async_info(Finished);
        }
        Outcome::Continue
    }
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> HandleInfo<Finished> for Items<I> {
    fn handle_info(&mut self, _: Finished, _: &mut Context<'_, Self>) -> Outcome {
        self.fault.check();
        Outcome::Stop(ExitReason::Normal)
    }
}

/// A producer of the user's as the start of a line.
#[must_use]
pub struct FromProducer<P> {
    producer: P,
    settings: Settings,
}

impl<P> FromProducer<P> {
    pub(super) fn new(producer: P) -> Self {
        Self { producer, settings: Settings::new() }
    }
}

impl<P: Producer> Line for FromProducer<P> {
    type Out = P::Event;

    fn start(
        self: Box<Self>,
        launch: &mut Launch,
        route: Route<P::Event>,
        end: bool,
    ) -> Result<Vec<Output<P::Event>>, PipelineError> {
        // It knows nothing of faults, so another stage routes for it.
        if let Route::By(_) = route {
            let forward = Step::<_, Free>::new(Intake::new(*self), vec![Forward::new()]);
            return Box::new(forward).start(launch, route, end);
        }
        let step = launch.step(&self.settings, "from_producer", None)?;
        let mut options = StageOptions::<AsProducer<P>>::new().demand(DemandMode::Accumulate);
        options.dispatcher = route.dispatcher(&Fault::default());
        let stage = launch.start(&step, 0, end, self.producer, options)?;
        let source = stage.clone();
        launch.on_release(move || source.demand(DemandMode::Forward));
        Ok(vec![Arc::new(stage)])
    }
}

impl<P> fmt::Debug for FromProducer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromProducer")
    }
}

/// Two lines that become one.
#[must_use]
pub struct Merge<A, B> {
    pub(super) left: A,
    pub(super) right: B,
}

impl<A: Line, B: Line<Out = A::Out>> Line for Merge<A, B> {
    type Out = A::Out;

    fn start(
        self: Box<Self>,
        launch: &mut Launch,
        route: Route<A::Out>,
        end: bool,
    ) -> Result<Vec<Output<A::Out>>, PipelineError> {
        let mut outputs = Box::new(self.left).start(launch, route.clone(), end)?;
        outputs.extend(Box::new(self.right).start(launch, route, end)?);
        Ok(outputs)
    }
}

impl<A: fmt::Debug, B: fmt::Debug> fmt::Debug for Merge<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Merge").field(&self.left).field(&self.right).finish()
    }
}

/// The settings of what is a step of its own.
pub trait Named {
    #[doc(hidden)]
    fn set_name(&mut self, name: String);
}

impl<K: Kernel, N> Named for Step<K, N> {
    fn set_name(&mut self, name: String) {
        self.settings.name = Some(name);
    }
}

impl<I> Named for FromIter<I> {
    fn set_name(&mut self, name: String) {
        self.settings.name = Some(name);
    }
}

impl<P> Named for FromProducer<P> {
    fn set_name(&mut self, name: String) {
        self.settings.name = Some(name);
    }
}

//! One line into two: each event to both.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use genstage_dispatchers::BroadcastDispatcher;

use super::Pipeline;
use super::end::{End, Ending};
use super::error::PipelineError;
use super::kernel::Forward;
use super::launch::{Launch, Output, Route};
use super::line::{AnyLine, Intake, Line, Step};

/// The outputs of the line before, once it has started.
type Shared<T> = Arc<Mutex<Vec<Output<T>>>>;

/// The beginning of a branch: all events of the line that branches.
pub struct Branch<T>(Shared<T>);

impl<T: Send + 'static> Line for Branch<T> {
    type Out = T;

    fn start(self: Box<Self>, _: &mut Launch, _: Route<T>, _: bool) -> Result<Vec<Output<T>>, PipelineError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl<T> fmt::Debug for Branch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Branch")
    }
}

/// The end made by [`Pipeline::broadcast`].
#[must_use]
pub struct Fork<T, A, B> {
    before: AnyLine<T>,
    shared: Shared<T>,
    left: A,
    right: B,
}

impl<T: Clone + Send + Sync + 'static, A: Ending, B: Ending> Fork<T, A, B> {
    pub(super) fn new(
        before: AnyLine<T>,
        left: impl FnOnce(Pipeline<Copied<T>>) -> End<A>,
        right: impl FnOnce(Pipeline<Copied<T>>) -> End<B>,
    ) -> Self {
        let shared = Shared::default();
        // A stage of its own begins each branch: the copies of its first step must share the events, not get all of them each.
        let branch = || Pipeline { line: Step::new(Intake::new(Branch(Arc::clone(&shared))), vec![Forward::new()]) };
        let (left, right) = (left(branch()).ending, right(branch()).ending);
        Self { before, shared, left, right }
    }
}

/// What a branch begins with.
pub type Copied<T> = Step<Forward<T>>;

impl<T, A, B> Ending for Fork<T, A, B>
where
    T: Clone + Send + Sync + 'static,
    A: Ending,
    B: Ending,
{
    type Output = (A::Output, B::Output);

    fn launch(
        self: Box<Self>,
        launch: &mut Launch,
    ) -> Result<Box<dyn FnOnce() -> Option<Self::Output> + Send>, PipelineError> {
        let route = Route::By(Arc::new(|_: &_| Box::new(BroadcastDispatcher::new())));
        let outputs = self.before.start(launch, route, false)?;
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = outputs;
        let left = Box::new(self.left).launch(launch)?;
        let right = Box::new(self.right).launch(launch)?;
        Ok(Box::new(move || left().zip(right())))
    }
}

impl<T, A, B> fmt::Debug for Fork<T, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fork")
    }
}

//! A line whose events are shared out by a key: its next step has one copy for each partition.

use std::fmt;

use super::Pipeline;
use super::end::{End, Fold, ForEach, LastStep, Many};
use super::kernel::{Chunks, Filter, FilterMap, FlatMap, Kernel, Map, MapWith};
use super::line::{AnyLine, Fixed, Intake, Line, Step};
use super::partition::Split;

/// The step after [`Pipeline::partition`] is still to come. It has one copy for each partition, and each copy its own clone of the
/// closure.
#[must_use = "a pipeline does nothing until it is ended and run, or iterated"]
pub struct Partitioned<T> {
    before: AnyLine<T>,
    split: Split<T>,
}

impl<T: Send + 'static> Partitioned<T> {
    pub(super) fn new(before: impl Line<Out = T>, split: Split<T>) -> Self {
        Self { before: Box::new(before), split }
    }

    /// The line before, and a clone for each partition.
    fn share<K: Clone>(self, kernel: K) -> (Intake<T>, Vec<K>) {
        let copies = vec![kernel; self.split.partitions];
        (Intake::split(self.before, self.split), copies)
    }

    fn step<K: Kernel<In = T> + Clone>(self, kernel: K) -> Pipeline<Step<K, Fixed>> {
        let (intake, copies) = self.share(kernel);
        Pipeline { line: Step::new(intake, copies) }
    }

    /// As [`Pipeline::map`].
    pub fn map<U, F>(self, f: F) -> Pipeline<Step<Map<F, T, U>, Fixed>>
    where
        U: Send + 'static,
        F: FnMut(T) -> U + Clone + Send + 'static,
    {
        self.step(Map::new(f))
    }

    /// As [`Pipeline::filter`].
    pub fn filter<F>(self, f: F) -> Pipeline<Step<Filter<F, T>, Fixed>>
    where
        F: FnMut(&T) -> bool + Clone + Send + 'static,
    {
        self.step(Filter::new(f))
    }

    /// As [`Pipeline::filter_map`].
    pub fn filter_map<U, F>(self, f: F) -> Pipeline<Step<FilterMap<F, T, U>, Fixed>>
    where
        U: Send + 'static,
        F: FnMut(T) -> Option<U> + Clone + Send + 'static,
    {
        self.step(FilterMap::new(f))
    }

    /// As [`Pipeline::flat_map`].
    pub fn flat_map<I, F>(self, f: F) -> Pipeline<Step<FlatMap<F, T, I>, Fixed>>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        F: FnMut(T) -> I + Clone + Send + 'static,
    {
        self.step(FlatMap::new(f))
    }

    /// As [`Pipeline::map_with`], with a state for each partition.
    pub fn map_with<S, M, U, F>(self, state: M, f: F) -> Pipeline<Step<MapWith<M, S, F, T, U>, Fixed>>
    where
        M: FnMut() -> S + Clone + Send + 'static,
        S: Send + 'static,
        U: Send + 'static,
        F: FnMut(&mut S, T) -> U + Clone + Send + 'static,
    {
        self.step(MapWith::new(state, f))
    }

    /// As [`Pipeline::chunks`], with chunks for each partition.
    pub fn chunks(self, size: usize) -> Pipeline<Step<Chunks<T>, Fixed>> {
        self.step(Chunks::new(size))
    }

    /// As [`Pipeline::for_each`].
    pub fn for_each<F>(self, f: F) -> End<LastStep<ForEach<F, T>, Many>>
    where
        F: FnMut(T) + Clone + Send + 'static,
    {
        let (intake, copies) = self.share(ForEach::new(f));
        End { ending: LastStep::new(intake, copies) }
    }

    /// As [`Pipeline::fold`]: each partition begins with a clone of the state, and the run gives all of them, in order of their
    /// numbers.
    pub fn fold<S, F>(self, state: S, f: F) -> End<LastStep<Fold<S, F, T>, Many>>
    where
        S: Clone + Send + 'static,
        F: FnMut(&mut S, T) + Clone + Send + 'static,
    {
        let (intake, copies) = self.share(Fold::new(state, f));
        End { ending: LastStep::new(intake, copies) }
    }
}

impl<T> fmt::Debug for Partitioned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partitioned({})", self.split.partitions)
    }
}

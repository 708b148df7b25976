//! Pipelines in code: how do the common shapes read, without a struct for each stage?
//!
//! ```
//! use genstage::pipeline;
//!
//! let sum = pipeline::from_iter(0..1_000_u64)
//!     .map(|n| n * 2)
//!     .filter(|n| n % 3 == 0)
//!     .fold(0, |sum, n| *sum += n)
//!     .run()?;
//! assert_eq!(sum, 333_666);
//! # Ok::<(), genstage::pipeline::PipelineError>(())
//! ```
//!
//! **Each step is a stage of its own**: a process that may run on a core of its own, joined to its neighbours by demand.
//! Nothing is fused. Steps that do next to nothing are cheaper as one closure: a [`filter_map`](Pipeline::filter_map)
//! rather than a map and a filter.
//!
//! What is said after a step is about that step: [`concurrency`](Pipeline::concurrency) gives it copies that share the events by
//! demand, [`max_demand`](Pipeline::max_demand) and [`min_demand`](Pipeline::min_demand) bound what is under way to it,
//! [`name`](Pipeline::name) is what errors call it. Each copy has its own clone of the step's closure and of all that it
//! holds, so closures may be `FnMut`.
//!
//! | to | write |
//! |---|---|
//! | begin | [`from_iter`], [`from_producer`], also with the source of a [`feed`](crate::feed()) |
//! | change events | [`map`](Pipeline::map), [`filter`](Pipeline::filter), [`filter_map`](Pipeline::filter_map), [`flat_map`](Pipeline::flat_map) |
//! | keep a state in each copy | [`map_with`](Pipeline::map_with) |
//! | gather events, or stop early | [`chunks`](Pipeline::chunks), [`take`](Pipeline::take) |
//! | split work by a key | [`partition`](Pipeline::partition), [`partition_by`](Pipeline::partition_by) |
//! | join lines, or split one | [`merge`](Pipeline::merge), [`broadcast`](Pipeline::broadcast) |
//! | end | [`for_each`](Pipeline::for_each), [`fold`](Pipeline::fold), or a `for` loop over it |
//! | run | [`End::run`], [`End::start`], [`End::start_link`], [`child_spec`] |
//!
//! # Order
//!
//! A line without copies keeps the order. Copies overtake each other; a partition keeps the order of its events.
//!
//! # Failure
//!
//! All stages live under one supervisor. A crash of one, such as a panic in a closure, ends the pipeline as a whole: no stage
//! is restarted by itself, as it would go on without what was lost. Events that were under way are lost, so each event is handled
//! at most once. [`End::run`] reports the step at fault. To have it start again, from its sources, make it a child of a
//! supervisor with [`child_spec`]: permanent if it has no end, transient if it is to start again after a failure alone.
//!
//! Once all ends are done the pipeline is done, whatever its sources may still have: a [`take`](Pipeline::take) ends an endless
//! source.
//!
//! # Memory
//!
//! At most `max_demand` events, 1000 by default, are under way from each copy of a step to each copy of the next, whatever the
//! length of the stream. [`flat_map`](Pipeline::flat_map) adds what it makes of one message.
//!
//! # Steps that do not fit
//!
//! They do not compile. A step gets what the one before it emits:
//!
//! ```compile_fail
//! genstage::pipeline::from_iter(0..9_u64).map(|n| n * 2).for_each(|text: String| drop(text));
//! ```
//!
//! What has ended has no next step:
//!
//! ```compile_fail
//! genstage::pipeline::from_iter(0..9_u64).for_each(|_| ()).map(|n| n);
//! ```
//!
//! Copies need a closure that can be cloned:
//!
//! ```compile_fail
//! let file = std::fs::File::create("/dev/null").unwrap();
//! genstage::pipeline::from_iter(0..9_u64).map(move |n| { let _ = &file; n }).concurrency(4);
//! ```
//!
//! Lines to be merged emit the same type:
//!
//! ```compile_fail
//! genstage::pipeline::from_iter(0..9_u64).merge(genstage::pipeline::from_iter(["a"]));
//! ```
//!
//! The copies behind a partition are as many as it has:
//!
//! ```compile_fail
//! genstage::pipeline::from_iter(0..9_u64).partition(4, |n| *n).for_each(|_| ()).concurrency(2);
//! ```

#![allow(clippy::type_complexity, reason = "the types of steps are for the compiler: nobody writes them")]

mod broadcast;
mod end;
mod error;
mod iter;
mod kernel;
mod launch;
mod line;
#[cfg(feature = "rayon")]
mod par_map;
mod partition;
mod partitioned;

use std::fmt;
use std::hash::Hash;

pub use broadcast::{Branch, Copied, Fork};
pub use end::{End, Ending, Fold, ForEach, LastStep, Many, One, PipelineRef, child_spec};
pub use error::{PipelineError, StageOutcome, StepError};
pub use iter::IntoIter;
pub use kernel::{Chunks, Filter, FilterMap, FlatMap, Forward, Kernel, Map, MapWith, Take};
pub use line::{Fixed, Free, FromIter, FromProducer, Line, Merge, Named, Step};
#[cfg(feature = "rayon")]
pub use par_map::ParMap;
pub use partitioned::Partitioned;

use crate::Producer;
use line::{Intake, number_of_copies};
use partition::{Split, place};

/// A line of steps, typed by what it emits. It does nothing before it is ended and run, or iterated.
#[must_use = "a pipeline does nothing until it is ended and run, or iterated"]
pub struct Pipeline<L> {
    pub(crate) line: L,
}

/// A pipeline that begins with the items of an iterator, or of anything that can be iterated.
///
/// A slow iterator holds up its own stage alone.
///
/// ```
/// use genstage::pipeline;
///
/// let mut lengths = Vec::new();
/// for length in pipeline::from_iter("the quick brown fox".split(' ')).map(str::len) {
///     lengths.push(length?);
/// }
/// assert_eq!(lengths, [3, 5, 5, 3]);
/// # Ok::<(), genstage::pipeline::PipelineError>(())
/// ```
pub fn from_iter<I>(items: I) -> Pipeline<FromIter<I::IntoIter>>
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
{
    Pipeline { line: FromIter::new(items.into_iter()) }
}

/// A pipeline that begins with a [`Producer`] of one's own. It is at its end when the producer stops with reason normal.
///
/// ```
/// use genstage::pipeline;
/// use genstage::prelude::*;
///
/// struct Counter(u64);
///
/// impl Producer for Counter {
///     type Event = u64;
///
///     fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
///         out.extend(self.0..self.0 + demand as u64);
///         self.0 += demand as u64;
///         Outcome::Continue
///     }
/// }
///
/// let sum = pipeline::from_producer(Counter(1)).take(100).fold(0, |sum, n| *sum += n).run()?;
/// assert_eq!(sum, 5050);
/// # Ok::<(), genstage::pipeline::PipelineError>(())
/// ```
pub fn from_producer<P: Producer>(producer: P) -> Pipeline<FromProducer<P>> {
    Pipeline { line: FromProducer::new(producer) }
}

impl<L: Line> Pipeline<L> {
    fn step<K: Kernel<In = L::Out>>(self, kernel: K) -> Pipeline<Step<K>> {
        Pipeline { line: Step::new(Intake::new(self.line), vec![kernel]) }
    }

    /// A step that makes another event of each.
    pub fn map<U, F>(self, f: F) -> Pipeline<Step<Map<F, L::Out, U>>>
    where
        U: Send + 'static,
        F: FnMut(L::Out) -> U + Send + 'static,
    {
        self.step(Map::new(f))
    }

    /// A step that lets pass what the closure accepts.
    pub fn filter<F>(self, f: F) -> Pipeline<Step<Filter<F, L::Out>>>
    where
        F: FnMut(&L::Out) -> bool + Send + 'static,
    {
        self.step(Filter::new(f))
    }

    /// A step that makes another event of each, or none.
    pub fn filter_map<U, F>(self, f: F) -> Pipeline<Step<FilterMap<F, L::Out, U>>>
    where
        U: Send + 'static,
        F: FnMut(L::Out) -> Option<U> + Send + 'static,
    {
        self.step(FilterMap::new(f))
    }

    /// A step that makes any number of events of each.
    pub fn flat_map<I, F>(self, f: F) -> Pipeline<Step<FlatMap<F, L::Out, I>>>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        F: FnMut(L::Out) -> I + Send + 'static,
    {
        self.step(FlatMap::new(f))
    }

    /// A map whose closure works on the events of a batch with several threads, in a pool of rayon's that is this crate's own, a
    /// thread for each core. Order is kept. For pure computing of some microseconds an event or more: a batch is spread out and
    /// gathered again. A panic of the closure ends the stage as any panic does.
    ///
    /// ```
    /// use genstage::pipeline;
    ///
    /// let squares = pipeline::from_iter(0..100_u64).par_map(|n| n * n).fold(0, |sum, n| *sum += n).run()?;
    /// assert_eq!(squares, 328_350);
    /// # Ok::<(), genstage::pipeline::PipelineError>(())
    /// ```
    #[cfg(feature = "rayon")]
    pub fn par_map<U, F>(self, f: F) -> Pipeline<Step<ParMap<F, L::Out, U>>>
    where
        U: Send + 'static,
        F: Fn(L::Out) -> U + Send + Sync + 'static,
    {
        self.step(ParMap::new(f))
    }

    /// A map with a state. Each copy makes its own, in its own process, with its first batch: what cannot be cloned or sent
    /// before, such as a connection, is made there.
    ///
    /// ```
    /// use genstage::pipeline;
    ///
    /// let numbered = pipeline::from_iter(["a", "b"]).map_with(
    ///     || 0,
    ///     |line, text| {
    ///         *line += 1;
    ///         format!("{line}: {text}")
    ///     },
    /// );
    /// assert_eq!(numbered.into_iter().collect::<Result<Vec<_>, _>>()?, ["1: a", "2: b"]);
    /// # Ok::<(), genstage::pipeline::PipelineError>(())
    /// ```
    pub fn map_with<S, M, U, F>(self, state: M, f: F) -> Pipeline<Step<MapWith<M, S, F, L::Out, U>>>
    where
        M: FnMut() -> S + Send + 'static,
        S: Send + 'static,
        U: Send + 'static,
        F: FnMut(&mut S, L::Out) -> U + Send + 'static,
    {
        self.step(MapWith::new(state, f))
    }

    /// A step that gathers so many events into one; the last may be shorter. It waits for a full chunk, or the end.
    pub fn chunks(self, size: usize) -> Pipeline<Step<Chunks<L::Out>>> {
        self.step(Chunks::new(size))
    }

    /// A step that ends after so many events. The steps before it are stopped when the ends of the pipeline are done; they may
    /// have worked ahead by their demand. It ends with the batch that fills it; `take(0)` with the first.
    pub fn take(self, events: usize) -> Pipeline<Step<Take<L::Out>>> {
        self.step(Take::new(events))
    }

    /// Shares the events out by a key: the next step has so many copies, and events with equal keys go to the same one, in their
    /// order. A key that is an integer goes to the copy with that number, modulo the number of copies; others are hashed.
    ///
    /// The key is taken in the step before. If it panics, that is a failure of that step. A copy that is slow holds back
    /// the others once its `max_demand` is used up.
    ///
    /// ```
    /// use genstage::pipeline;
    ///
    /// let sums = pipeline::from_iter(0..100_u64).partition(4, |n| n % 4).fold(0, |sum, n| *sum += n).run()?;
    /// assert_eq!(sums, [1200, 1225, 1250, 1275]);
    /// # Ok::<(), genstage::pipeline::PipelineError>(())
    /// ```
    pub fn partition<K, F>(self, copies: usize, key: F) -> Partitioned<L::Out>
    where
        K: Hash,
        F: Fn(&L::Out) -> K + Send + Sync + 'static,
    {
        Partitioned::new(self.line, Split::new(copies, move |event| place(&key(event))))
    }

    /// As [`partition`](Self::partition), by a part of the event that is borrowed from it.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use genstage::pipeline;
    ///
    /// let words = "a rose is a rose".split(' ').map(String::from);
    /// let counts = pipeline::from_iter(words)
    ///     .partition_by(4, |word| word)
    ///     .fold(HashMap::new(), |counts, word| *counts.entry(word).or_insert(0) += 1)
    ///     .run()?;
    /// let counts: HashMap<_, _> = counts.into_iter().flatten().collect(); // no word is in two of them
    /// assert_eq!((counts["a"], counts["rose"], counts["is"]), (2, 2, 1));
    /// # Ok::<(), genstage::pipeline::PipelineError>(())
    /// ```
    pub fn partition_by<K, F>(self, copies: usize, key: F) -> Partitioned<L::Out>
    where
        K: Hash + ?Sized,
        F: Fn(&L::Out) -> &K + Send + Sync + 'static,
    {
        Partitioned::new(self.line, Split::new(copies, move |event| place(key(event))))
    }

    /// Two lines as one: the next step gets the events of both, as they come. It goes on until both have ended.
    pub fn merge<M: Line<Out = L::Out>>(self, other: Pipeline<M>) -> Pipeline<Merge<L, M>> {
        Pipeline { line: Merge { left: self.line, right: other.line } }
    }

    /// One line into two: each event goes to both. The slower one sets the pace.
    ///
    /// Where an end is done before the other, with a `take` for instance, the other goes on.
    ///
    /// ```
    /// use genstage::pipeline;
    ///
    /// let (sum, count) = pipeline::from_iter(1..=10_u64)
    ///     .broadcast(
    ///         |numbers| numbers.map(|n| n * n).fold(0, |sum, n| *sum += n),
    ///         |numbers| numbers.filter(|n| n % 2 == 0).fold(0, |count, _| *count += 1),
    ///     )
    ///     .run()?;
    /// assert_eq!((sum, count), (385, 5));
    /// # Ok::<(), genstage::pipeline::PipelineError>(())
    /// ```
    pub fn broadcast<A: Ending, B: Ending>(
        self,
        left: impl FnOnce(Pipeline<Copied<L::Out>>) -> End<A>,
        right: impl FnOnce(Pipeline<Copied<L::Out>>) -> End<B>,
    ) -> End<Fork<L::Out, A, B>>
    where
        L::Out: Clone + Sync,
    {
        End { ending: Fork::new(Box::new(self.line), left, right) }
    }

    /// The last step: a closure for each event.
    pub fn for_each<F>(self, f: F) -> End<LastStep<ForEach<F, L::Out>, One>>
    where
        F: FnMut(L::Out) + Send + 'static,
    {
        End { ending: LastStep::new(Intake::new(self.line), vec![ForEach::new(f)]) }
    }

    /// The last step: a state that each event changes, and that the run gives. With several copies each begins with a
    /// clone of it, and the run gives all of them.
    pub fn fold<S, F>(self, state: S, f: F) -> End<LastStep<Fold<S, F, L::Out>, One>>
    where
        S: Send + 'static,
        F: FnMut(&mut S, L::Out) + Send + 'static,
    {
        End { ending: LastStep::new(Intake::new(self.line), vec![Fold::new(state, f)]) }
    }
}

impl<K: Kernel> Pipeline<Step<K>> {
    /// So many copies of this step, each a stage. They share the events by demand, evenly as long as all keep up. Order between
    /// copies is lost.
    ///
    /// Each has its own clone of the closure, and of what it holds. There may be 65,536 at most. Where events are slow
    /// to handle, a small [`max_demand`](Self::max_demand) shares them out better: what has been handed to a copy stays with it.
    pub fn concurrency(mut self, copies: usize) -> Self
    where
        K: Clone,
    {
        self.line.copies =
            self.line.copies.first().map_or_else(Vec::new, |kernel| vec![kernel.clone(); number_of_copies(copies)]);
        self
    }
}

impl<K: Kernel, N> Pipeline<Step<K, N>> {
    /// At most so many events are under way to each copy, from each copy of the step before; 1000 by default.
    pub fn max_demand(mut self, events: usize) -> Self {
        self.line.settings.max_demand(events);
        self
    }

    /// More are asked for when no more than this many are owed; half of `max_demand` by default.
    pub fn min_demand(mut self, events: usize) -> Self {
        self.line.settings.min_demand(events);
        self
    }
}

impl<L: Named> Pipeline<L> {
    /// What errors call this step.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.line.set_name(name.into());
        self
    }
}

impl<L: Line> IntoIterator for Pipeline<L> {
    type Item = Result<L::Out, PipelineError>;
    type IntoIter = IntoIter<L::Out>;

    /// Starts it. Nothing is asked for before the first `next`.
    fn into_iter(self) -> IntoIter<L::Out> {
        IntoIter::start(self.line)
    }
}

impl<L: fmt::Debug> fmt::Debug for Pipeline<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}

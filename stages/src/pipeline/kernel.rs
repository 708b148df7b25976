//! What steps do to a batch, as plain data and closures: no process, no demand.

use std::fmt;
use std::marker::PhantomData;

use genstage_dispatchers::Events;

use crate::emit::Emit;

/// Whether a step wants more events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(hidden)]
pub enum More {
    Yes,
    /// Its work is done, whatever is still to come.
    No,
}

/// The work of one copy of a step.
#[doc(hidden)]
pub trait Kernel: Send + 'static {
    type In: Send + 'static;
    type Out: Send + 'static;

    /// What the step is called unless it is given a name.
    const NAME: &'static str;

    fn handle(&mut self, events: Events<'_, Self::In>, out: &mut Emit<Self::Out>) -> More;

    /// No more events will come.
    fn finish(&mut self, out: &mut Emit<Self::Out>) {
        let _ = out;
    }

    /// What cannot be, by the name of the argument that is 0.
    fn zero(&self) -> Option<&'static str> {
        None
    }
}

/// The struct of a step that is a closure, and what the compiler cannot derive without asking too much of the events.
macro_rules! step {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<F, T, U = T> {
            f: F,
            types: PhantomData<fn(T) -> U>,
        }

        impl<F, T, U> $name<F, T, U> {
            pub(super) fn new(f: F) -> Self {
                Self { f, types: PhantomData }
            }
        }

        impl<F: Clone, T, U> Clone for $name<F, T, U> {
            fn clone(&self) -> Self {
                Self::new(self.f.clone())
            }
        }

        impl<F, T, U> fmt::Debug for $name<F, T, U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

step! {
    /// The step made by [`Pipeline::map`](super::Pipeline::map).
    Map
}
step! {
    /// The step made by [`Pipeline::filter`](super::Pipeline::filter).
    Filter
}
step! {
    /// The step made by [`Pipeline::filter_map`](super::Pipeline::filter_map).
    FilterMap
}
step! {
    /// The step made by [`Pipeline::flat_map`](super::Pipeline::flat_map).
    FlatMap
}

impl<F, T, U> Kernel for Map<F, T, U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> U + Send + 'static,
{
    type In = T;
    type Out = U;
    const NAME: &'static str = "map";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<U>) -> More {
        events.map_into(out, &mut self.f);
        More::Yes
    }
}

impl<F, T> Kernel for Filter<F, T>
where
    T: Send + 'static,
    F: FnMut(&T) -> bool + Send + 'static,
{
    type In = T;
    type Out = T;
    const NAME: &'static str = "filter";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<T>) -> More {
        out.extend(events.into_iter().filter(&mut self.f));
        More::Yes
    }
}

impl<F, T, U> Kernel for FilterMap<F, T, U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> Option<U> + Send + 'static,
{
    type In = T;
    type Out = U;
    const NAME: &'static str = "filter_map";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<U>) -> More {
        out.extend(events.into_iter().filter_map(&mut self.f));
        More::Yes
    }
}

impl<F, T, I> Kernel for FlatMap<F, T, I>
where
    T: Send + 'static,
    I: IntoIterator<Item: Send + 'static> + 'static,
    F: FnMut(T) -> I + Send + 'static,
{
    type In = T;
    type Out = I::Item;
    const NAME: &'static str = "flat_map";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<I::Item>) -> More {
        out.extend(events.into_iter().flat_map(&mut self.f));
        More::Yes
    }
}

/// The step made by [`Pipeline::map_with`](super::Pipeline::map_with).
pub struct MapWith<M, S, F, T, U> {
    make: M,
    /// Made in the copy's own process, with its first batch.
    state: Option<S>,
    f: F,
    types: PhantomData<fn(T) -> U>,
}

impl<M, S, F, T, U> MapWith<M, S, F, T, U> {
    pub(super) fn new(make: M, f: F) -> Self {
        Self { make, state: None, f, types: PhantomData }
    }
}

impl<M: Clone, S, F: Clone, T, U> Clone for MapWith<M, S, F, T, U> {
    fn clone(&self) -> Self {
        Self::new(self.make.clone(), self.f.clone())
    }
}

impl<M, S, F, T, U> fmt::Debug for MapWith<M, S, F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapWith")
    }
}

impl<M, S, F, T, U> Kernel for MapWith<M, S, F, T, U>
where
    M: FnMut() -> S + Send + 'static,
    S: Send + 'static,
    F: FnMut(&mut S, T) -> U + Send + 'static,
    T: Send + 'static,
    U: Send + 'static,
{
    type In = T;
    type Out = U;
    const NAME: &'static str = "map_with";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<U>) -> More {
        let state = self.state.get_or_insert_with(&mut self.make);
        events.map_into(out, |event| (self.f)(state, event));
        More::Yes
    }
}

/// The step made by [`Pipeline::chunks`](super::Pipeline::chunks).
pub struct Chunks<T> {
    size: usize,
    open: Vec<T>,
}

impl<T> Chunks<T> {
    pub(super) fn new(size: usize) -> Self {
        Self { size, open: Vec::new() }
    }
}

impl<T> Clone for Chunks<T> {
    fn clone(&self) -> Self {
        Self::new(self.size)
    }
}

impl<T> fmt::Debug for Chunks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunks({})", self.size)
    }
}

impl<T: Send + 'static> Kernel for Chunks<T> {
    type In = T;
    type Out = Vec<T>;
    const NAME: &'static str = "chunks";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<Vec<T>>) -> More {
        for event in events {
            self.open.push(event);
            if self.open.len() >= self.size {
                out.push(std::mem::take(&mut self.open));
            }
        }
        More::Yes
    }

    fn finish(&mut self, out: &mut Emit<Vec<T>>) {
        if !self.open.is_empty() {
            out.push(std::mem::take(&mut self.open));
        }
    }

    fn zero(&self) -> Option<&'static str> {
        (self.size == 0).then_some("size of chunks")
    }
}

/// The step made by [`Pipeline::take`](super::Pipeline::take).
pub struct Take<T> {
    left: usize,
    types: PhantomData<fn(T)>,
}

impl<T> Take<T> {
    pub(super) fn new(left: usize) -> Self {
        Self { left, types: PhantomData }
    }
}

impl<T> fmt::Debug for Take<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Take({})", self.left)
    }
}

impl<T: Send + 'static> Kernel for Take<T> {
    type In = T;
    type Out = T;
    const NAME: &'static str = "take";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<T>) -> More {
        let before = out.len();
        out.extend(events.into_iter().take(self.left));
        self.left -= out.len() - before;
        if self.left == 0 { More::No } else { More::Yes }
    }
}

/// Gives on what it gets: where one line is to be several, or where a source cannot itself route its events.
pub struct Forward<T>(PhantomData<fn(T)>);

impl<T> Forward<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Forward<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forward")
    }
}

impl<T: Send + 'static> Kernel for Forward<T> {
    type In = T;
    type Out = T;
    const NAME: &'static str = "forward";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<T>) -> More {
        out.extend(events);
        More::Yes
    }
}

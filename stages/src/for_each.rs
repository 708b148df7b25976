//! Stages from closures.

use std::fmt;
use std::marker::PhantomData;

use genstage_dispatchers::Events;

use crate::context::Context;
use crate::emit::Emit;
use crate::{Consumer, Outcome, ProducerConsumer};

/// A consumer that calls a closure with every event.
///
/// ```
/// use genstage::prelude::*;
///
/// let (send, sent) = std::sync::mpsc::channel();
/// let numbers = from_enumerable(1..=3).start(StageOptions::new())?;
/// let squares = for_each(move |n: i32| send.send(n * n).unwrap()).start(StageOptions::new())?;
/// squares.sync_subscribe(&numbers, SubscriptionOptions::new())?;
/// squares.wait()?;
/// assert_eq!(sent.iter().collect::<Vec<_>>(), [1, 4, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn for_each<T, F>(each: F) -> ForEach<T, F>
where
    T: Send + 'static,
    F: FnMut(T) + Send + 'static,
{
    ForEach { each, events: PhantomData }
}

/// The stage made by [`for_each`].
#[must_use = "a stage does nothing until it is started"]
pub struct ForEach<T, F> {
    each: F,
    events: PhantomData<fn(T)>,
}

impl<T, F> Consumer for ForEach<T, F>
where
    T: Send + 'static,
    F: FnMut(T) + Send + 'static,
{
    type Event = T;

    fn handle_events(&mut self, events: Events<'_, T>, _: &mut Context<'_, Self>) -> Outcome {
        events.into_iter().for_each(&mut self.each);
        Outcome::Continue
    }
}

impl<T, F: Clone> Clone for ForEach<T, F> {
    fn clone(&self) -> Self {
        Self { each: self.each.clone(), events: PhantomData }
    }
}

impl<T, F> fmt::Debug for ForEach<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForEach")
    }
}

/// A `producer_consumer` that emits what a closure makes of every event.
///
/// ```
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(1..=3).start(StageOptions::new())?;
/// let squares = map(|n: i32| n * n).start(StageOptions::new())?;
/// squares.sync_subscribe(&numbers, SubscriptionOptions::new())?;
/// let squares = stream(&squares, SubscriptionOptions::new())?;
/// assert_eq!(squares.collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn map<T, U, F>(each: F) -> Map<T, U, F>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> U + Send + 'static,
{
    Map { each, events: PhantomData }
}

/// The stage made by [`map`].
#[must_use = "a stage does nothing until it is started"]
pub struct Map<T, U, F> {
    each: F,
    events: PhantomData<fn(T) -> U>,
}

impl<T, U, F> ProducerConsumer for Map<T, U, F>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(T) -> U + Send + 'static,
{
    type In = T;
    type Out = U;

    fn handle_events(&mut self, events: Events<'_, T>, out: &mut Emit<U>, _: &mut Context<'_, Self>) -> Outcome {
        events.map_into(out, &mut self.each);
        Outcome::Continue
    }
}

impl<T, U, F: Clone> Clone for Map<T, U, F> {
    fn clone(&self) -> Self {
        Self { each: self.each.clone(), events: PhantomData }
    }
}

impl<T, U, F> fmt::Debug for Map<T, U, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Map")
    }
}

//! A producer over an iterator (section 17).

use std::fmt;

use genstage_core::{ExitReason, may_block};

use crate::book::Book;
use crate::context::Context;
use crate::emit::Emit;
use crate::messages::HandleInfo;
use crate::subscription::{Cancellation, Partner};
use crate::{Init, OptionsError, Outcome, Producer};

/// A producer that emits the items of an iterator, exactly as many as are asked for, in order.
///
/// When the iterator ends, the stage ends with reason normal, after everything it had buffered has gone out. An exact match of
/// demand and items is noticed at the next demand. A slow iterator holds up this stage alone: other processes
/// run meanwhile; [`max_batch`](Enumerable::max_batch) sends on what is there. A [drain](crate::drain()) waits for
/// the next 32 items at most, or fewer with a smaller `max_batch`, and what has been pulled goes out. A panic in it ends the stage, and its
/// consumers hear the reason; items that it gave before for the same demand are lost with it, as what a callback emits
/// before it panics. With a `max_batch` of 1 each has gone out by then.
///
/// With several consumers, start it with [`DemandMode::Accumulate`](crate::DemandMode::Accumulate) and let demand through once
/// all have subscribed: a short iterator may be at its end before the last of them is there.
///
/// ```
/// use genstage::prelude::*;
///
/// let words = from_enumerable("the quick brown fox".split(' ')).start(StageOptions::new())?;
/// let lengths = stream(&words, SubscriptionOptions::new())?.map(|word| word.map(str::len));
/// assert_eq!(lengths.collect::<Result<Vec<_>, _>>()?, [3, 5, 5, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_enumerable<I>(items: I) -> Enumerable<I::IntoIter>
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
{
    Enumerable {
        items: Some(items.into_iter()),
        on_cancel: OnCancel::Continue,
        consumers: 0,
        max_batch: usize::MAX,
        owed: 0,
    }
}

/// The stage made by [`from_enumerable`].
#[derive(Clone)]
#[must_use = "a stage does nothing until it is started"]
pub struct Enumerable<I> {
    /// `None` once it has ended.
    items: Option<I>,
    on_cancel: OnCancel,
    consumers: usize,
    max_batch: usize,
    /// Asked for and not pulled yet: only where batches are bounded.
    owed: usize,
}

/// What the end of the last subscription means to a producer over an iterator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnCancel {
    /// Nothing: it waits for the next consumer.
    #[default]
    Continue,
    /// It stops with reason normal. The first consumer may leave before the second arrives, so start with accumulated demand.
    Stop,
}

impl<I> Enumerable<I> {
    /// What happens when the last consumer leaves.
    pub fn on_cancel(mut self, on_cancel: OnCancel) -> Self {
        self.on_cancel = on_cancel;
        self
    }

    /// How many items are pulled before they are sent on; by default all that are asked for. With 0, which no batch can have, the start
    /// fails: [`StartError::Init`](crate::StartError::Init), with an [`OptionsError`] as the reason's detail.
    ///
    /// For an iterator that takes its time, as one over the lines of a terminal: without it the first item waits for the
    /// last that was asked for, and so do calls, asks and cancels. With 1 each goes on as it comes.
    ///
    /// ```
    /// use genstage::prelude::*;
    ///
    /// let (send, lines) = std::sync::mpsc::channel();
    /// let source = from_enumerable(lines).max_batch(1).start(StageOptions::new())?;
    /// let mut stream = stream(&source, SubscriptionOptions::new().max_demand(100))?;
    /// send.send("first")?;
    /// assert_eq!(stream.next(), Some(Ok("first"))); // 100 are asked for, and one is there
    /// send.send("second")?;
    /// drop(send);
    /// assert_eq!(stream.next(), Some(Ok("second")));
    /// # assert_eq!(stream.next(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_batch(mut self, items: usize) -> Self {
        self.max_batch = items;
        self
    }
}

/// How many items are pulled between two looks at whether the stage is to drain. A look at each would cost several times
/// what a plain range does; one for 32 is lost in the noise.
const PIECE: usize = 32;

/// Emits as many items as are asked for, or all that are left; fewer where the stage is told to drain meanwhile. Gives whether the
/// iterator is at its end. It is the user's, and may block.
pub(crate) fn pull<T>(items: &mut impl Iterator<Item = T>, demand: usize, out: &mut Emit<T>, book: &Book) -> bool {
    may_block(|| {
        let mut left = demand;
        while left > 0 && !book.is_told_to_drain() {
            let (piece, before) = (left.min(PIECE), out.len());
            out.extend(items.by_ref().take(piece));
            if out.len() - before < piece {
                return true;
            }
            left -= piece;
        }
        false
    })
}

/// All items have been emitted; handled when they have all gone out.
struct Finished;

/// More was asked for than one batch may have.
struct More;

impl<I: Iterator<Item: Send + 'static> + Send + 'static> Enumerable<I> {
    /// Pulls one batch. The rest comes in a turn of its own, behind what waits by then.
    fn pull(&mut self, demand: usize, out: &mut Emit<I::Item>, cx: &mut Context<'_, Self>) {
        let Some(items) = &mut self.items else { return };
        let asked = self.owed.saturating_add(demand);
        let batch = asked.min(self.max_batch);
        if pull(items, batch, out, cx.book()) {
            self.items = None;
            cx.async_info(Finished);
            return;
        }
        let left = asked - out.len();
        // One note is under way at a time.
        if self.owed == 0 && left > 0 {
            cx.send(More);
        }
        self.owed = left;
    }
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> Producer for Enumerable<I> {
    type Event = I::Item;

    fn init(&mut self, _: &mut Context<'_, Self>) -> Init {
        match self.max_batch {
            0 => Init::Stop(ExitReason::other(OptionsError::zero("max_batch"))),
            _ => Init::Continue,
        }
    }

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<I::Item>, cx: &mut Context<'_, Self>) -> Outcome {
        if self.owed == 0 {
            self.pull(demand, out, cx);
        } else {
            self.owed = self.owed.saturating_add(demand);
        }
        Outcome::Continue
    }

    /// Nothing more is pulled.
    fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
        self.owed = 0;
        0
    }

    fn handle_subscribe(&mut self, _: &Partner, _: &mut Context<'_, Self>) -> Outcome {
        self.consumers += 1;
        Outcome::Continue
    }

    fn handle_cancel(&mut self, _: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.consumers = self.consumers.saturating_sub(1);
        match self.on_cancel {
            OnCancel::Stop if self.consumers == 0 => Outcome::Stop(ExitReason::Normal),
            _ => Outcome::Continue,
        }
    }
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> HandleInfo<More> for Enumerable<I> {
    fn handle_info(&mut self, _: More, cx: &mut Context<'_, Self>) -> Outcome {
        let owed = std::mem::take(&mut self.owed);
        if owed > 0 {
            let mut out = Emit::new();
            self.pull(owed, &mut out, cx);
            cx.out().events.append(&mut out.events);
        }
        Outcome::Continue
    }
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> HandleInfo<Finished> for Enumerable<I> {
    fn handle_info(&mut self, _: Finished, cx: &mut Context<'_, Self>) -> Outcome {
        if cx.estimate_buffered_count() > 0 {
            // Taken back meanwhile from a consumer that died, to be delivered again.
            cx.async_info(Finished);
            return Outcome::Continue;
        }
        Outcome::Stop(ExitReason::Normal)
    }
}

impl<I> fmt::Debug for Enumerable<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enumerable")
            .field("finished", &self.items.is_none())
            .field("on_cancel", &self.on_cancel)
            .finish_non_exhaustive()
    }
}

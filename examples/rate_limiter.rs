//! A consumer that decides when it takes how much: no more than ten events in each interval, whatever the producer could give.
//!
//! Its demand is manual. It asks for what it may handle, and for nothing more until the interval is over; then for as many as it
//! has handled meanwhile.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use genstage::prelude::*;

struct RateLimiter {
    interval: Duration,
    /// For each producer, how many events may be asked for at the next turn.
    pending: HashMap<SubscriptionId, usize>,
    handled: Sender<Vec<u64>>,
}

/// Time to ask again.
struct Ask(SubscriptionId);

impl RateLimiter {
    fn ask_and_schedule(&mut self, producer: SubscriptionId, cx: &mut Context<'_, Self>) {
        // One that has been cancelled is not asked any more.
        if let Some(pending) = self.pending.get_mut(&producer) {
            cx.ask(producer, std::mem::take(pending));
            cx.send_after(Ask(producer), self.interval);
        }
    }
}

impl Consumer for RateLimiter {
    type Event = u64;

    fn handle_subscribe(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
        self.pending.insert(producer.subscription, producer.options.max());
        self.ask_and_schedule(producer.subscription, cx);
        Manner::Manual
    }

    fn handle_events(&mut self, events: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
        if let Some(pending) = cx.subscription().and_then(|producer| self.pending.get_mut(&producer)) {
            *pending += events.len();
        }
        let _ = self.handled.send(events.into_iter().collect());
        Outcome::Continue
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.pending.remove(&cancellation.subscription);
        Outcome::Continue
    }
}

impl HandleInfo<Ask> for RateLimiter {
    fn handle_info(&mut self, Ask(producer): Ask, cx: &mut Context<'_, Self>) -> Outcome {
        self.ask_and_schedule(producer, cx);
        Outcome::Continue
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const INTERVAL: Duration = Duration::from_millis(50);

    let (handled, batches) = channel();
    let counter = from_enumerable(0_u64..).start(StageOptions::new())?;
    let limiter = RateLimiter { interval: INTERVAL, pending: HashMap::new(), handled };
    let limiter = limiter.start(StageOptions::new())?;

    // Ten events in each interval.
    let begin = Instant::now();
    limiter.sync_subscribe(&counter, SubscriptionOptions::new().max_demand(10))?;

    let mut next = 0;
    for (turn, batch) in (0..).zip(batches.iter().take(5)) {
        let after = begin.elapsed();
        println!("{after:>7.0?}: {batch:?}");
        assert!(batch.iter().copied().eq(next..next + 10), "ten, in order, none left out");
        assert!(after >= INTERVAL * turn, "not before its turn");
        next += 10;
    }

    limiter.stop()?;
    counter.stop()?;
    Ok(())
}

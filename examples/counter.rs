//! The classical three stages, A -> B -> C: one counts, one multiplies, one collects.
//! C asks for ten numbers at a time, B for as many as C wants, and A emits no more than that.

use std::sync::mpsc::{Sender, channel};

use genstage::prelude::*;

struct Counter(u64);

impl Producer for Counter {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend((self.0..).take(demand));
        self.0 += demand as u64;
        Outcome::Continue
    }
}

struct Multiplier(u64);

impl ProducerConsumer for Multiplier {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend(events.into_iter().map(|number| number * self.0));
        Outcome::Continue
    }
}

struct Collector(Vec<u64>, Sender<Vec<u64>>);

impl Consumer for Collector {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        assert!(events.len() <= 10, "never more than was asked for");
        self.0.extend(events);
        if self.0.len() < 100 { Outcome::Continue } else { Outcome::Stop(ExitReason::Normal) }
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        // Fails only if nobody waits for the result.
        let _ = self.1.send(std::mem::take(&mut self.0));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, result) = channel();
    let a = Counter(0).start(StageOptions::new())?;
    let b = Multiplier(2).start(StageOptions::new())?;
    let c = Collector(Vec::new(), sender).start(StageOptions::new())?;
    c.sync_subscribe(&b, SubscriptionOptions::new().max_demand(10))?;
    b.sync_subscribe(&a, SubscriptionOptions::new().max_demand(10))?;
    c.wait()?;
    assert_eq!(result.recv()?, (0..100).map(|number| number * 2).collect::<Vec<_>>());
    println!("a hundred even numbers arrived");
    Ok(())
}

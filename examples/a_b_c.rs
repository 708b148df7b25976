//! A -> B -> C: a counter, two multipliers that share its numbers, and a consumer of both.
//!
//! ```text
//!        ┌─ B ─┐
//!   A ───┤     ├─── C
//!        └─ B ─┘
//! ```
//!
//! Subscribed from the end to the source, so that nothing flows before all are joined.

use std::sync::mpsc::{Sender, channel};

use genstage::prelude::*;

/// Counts, as it is asked.
struct A(u64);

impl Producer for A {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend(self.0..self.0 + demand as u64);
        self.0 += demand as u64;
        Outcome::Continue
    }
}

/// Multiplies.
struct B(u64);

impl ProducerConsumer for B {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        events.map_into(out, |n| n * self.0);
        Outcome::Continue
    }
}

/// Takes so many, and shows them.
struct C {
    left: usize,
    show: Sender<u64>,
}

impl Consumer for C {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        for event in events.into_iter().take(self.left) {
            self.left -= 1;
            let _ = self.show.send(event);
        }
        if self.left > 0 { Outcome::Continue } else { Outcome::Stop(ExitReason::Normal) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (show, shown) = channel();
    let a = A(0).start(StageOptions::new())?;
    let b1 = B(2).start(StageOptions::new())?;
    let b2 = B(2).start(StageOptions::new())?;
    let c = C { left: 100, show }.start(StageOptions::new())?;

    let ten = SubscriptionOptions::new().max_demand(10);
    c.sync_subscribe(&b1, ten)?;
    c.sync_subscribe(&b2, ten)?;
    b1.sync_subscribe(&a, ten)?;
    b2.sync_subscribe(&a, ten)?;
    c.wait()?;

    let numbers: Vec<u64> = shown.iter().collect();
    println!("{numbers:?}");
    assert_eq!(numbers.len(), 100);
    assert!(numbers.iter().all(|n| n % 2 == 0));
    // Each number of A's went one way only.
    let mut once = numbers.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), numbers.len());

    // A survives its consumers; it is stopped from outside.
    b1.stop()?;
    b2.stop()?;
    a.stop()?;
    Ok(())
}

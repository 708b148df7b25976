//! A pipeline that heals: one supervisor starts three stages, each subscribes by name to the one before. Each of them crashes in
//! turn; the stages behind it go with it, are started again, and events flow again.
//!
//! ```text
//!   supervisor (rest_for_one) ─┬─ source     counts
//!                              ├─ squares    depends on the source
//!                              └─ sink       depends on the squares
//! ```

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use genstage::core::{Strategy, Supervisor};
use genstage::prelude::*;

/// A message that no stage survives.
struct Crash;

#[derive(Clone)]
struct Source(u64);

impl Producer for Source {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend(self.0..self.0 + demand as u64);
        self.0 += demand as u64;
        Outcome::Continue
    }
}

#[derive(Clone)]
struct Squares;

impl ProducerConsumer for Squares {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        events.map_into(out, |n| n * n);
        Outcome::Continue
    }
}

/// Says who it is with each batch, and rests: the pace of the whole line.
#[derive(Clone)]
struct Sink(Sender<(Pid, Vec<u64>)>);

impl Consumer for Sink {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
        let _ = self.0.send((cx.pid(), events.into_iter().collect()));
        genstage::core::sleep(Duration::from_millis(2));
        Outcome::Continue
    }
}

macro_rules! crashes {
    ($($stage:ty),*) => {$(
        impl HandleCast<Crash> for $stage {
            fn handle_cast(&mut self, _: Crash, _: &mut Context<'_, Self>) -> Outcome {
                panic!("as it was told")
            }
        }
    )*};
}

crashes!(Source, Squares, Sink);

/// Waits for events that a new sink got.
fn flows_again(batches: &Receiver<(Pid, Vec<u64>)>, before: Pid) -> Result<Pid, Box<dyn Error>> {
    loop {
        let (sink, events) = batches.recv_timeout(Duration::from_secs(10))?;
        assert!(events.iter().all(|n| n.isqrt().pow(2) == *n));
        if sink != before {
            println!("{sink} got {events:?}");
            return Ok(sink);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (report, batches) = channel();
    let few = SubscriptionOptions::new().max_demand(4);
    let tree = Supervisor::new(Strategy::RestForOne)
        .max_restarts(100)
        .child(Source(0).child_spec(|| StageOptions::new().name("source")))
        .child(
            Squares.child_spec(move || StageOptions::new().name("squares").subscribe_to(&Source::named("source"), few)),
        )
        .child(
            Sink(report)
                .child_spec(move || StageOptions::new().name("sink").subscribe_to(&Squares::named("squares"), few)),
        )
        .start_link()?;

    let mut sink = flows_again(&batches, Pid::NOBODY)?;
    let crashes: [(&str, fn()); 3] = [
        ("sink", || Sink::named("sink").cast(Crash)),
        ("squares", || Squares::named("squares").cast(Crash)),
        ("source", || Source::named("source").cast(Crash)),
    ];
    for (name, crash) in crashes {
        println!("now {name} panics");
        crash();
        sink = flows_again(&batches, sink)?;
    }
    assert!(Source::named("source").is_alive() && Squares::named("squares").is_alive());
    tree.stop()?;
    Ok(())
}

//! One source of readings, several listeners: a log that wants all of them, an alarm that wants the high ones, and a
//! display that wants those of one room. Each event goes to all that select it, and nobody's demand is spent on events
//! it does not want.

use std::sync::mpsc::{Sender, channel};

use genstage::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Reading {
    room: &'static str,
    degrees: u32,
}

/// A consumer that passes on what it gets.
fn listener(name: &'static str, to: &Sender<(&'static str, Reading)>) -> impl Consumer<Event = Reading> + use<> {
    let to = to.clone();
    for_each(move |reading: Reading| to.send((name, reading)).expect("main waits for all of them"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let readings = (0..300).map(|n| Reading { room: ["attic", "cellar", "hall"][n as usize % 3], degrees: n % 100 });
    // Demand accumulates until all listeners are there, so that each gets everything from the beginning.
    let source = from_enumerable(readings)
        .start(StageOptions::new().dispatcher(BroadcastDispatcher::new()).demand(DemandMode::Accumulate))?;

    let (sender, heard) = channel();
    let log = listener("log", &sender).start(StageOptions::new())?;
    let alarm = listener("alarm", &sender).start(StageOptions::new())?;
    let display = listener("display", &sender).start(StageOptions::new())?;
    drop(sender);

    log.sync_subscribe(&source, SubscriptionOptions::new())?;
    alarm.sync_subscribe(&source, SubscriptionOptions::new().selector(|reading: &Reading| reading.degrees >= 90))?;
    // One at a time: it selects little, so it holds back the log only for what it selects.
    let attic = SubscriptionOptions::new().max_demand(1).selector(|reading: &Reading| reading.room == "attic");
    display.sync_subscribe(&source, attic)?;

    source.demand(DemandMode::Forward);
    for listener in [&log, &alarm, &display] {
        listener.wait()?;
    }
    drop((log, alarm, display));

    let heard: Vec<_> = heard.try_iter().collect();
    let count = |who| heard.iter().filter(|(name, _)| *name == who).count();
    assert_eq!((count("log"), count("alarm"), count("display")), (300, 30, 100));
    assert!(heard.iter().all(|(name, reading)| *name != "alarm" || reading.degrees >= 90));
    assert!(heard.iter().all(|(name, reading)| *name != "display" || reading.room == "attic"));
    println!("the log heard 300 readings, the alarm 30, the display 100");
    Ok(())
}

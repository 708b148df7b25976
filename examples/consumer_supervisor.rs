//! A child process for each event: printers that come and go as text arrives, no more than three at a time. One of them fails at
//! first, and is started again with the same text.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use genstage::prelude::*;

const LINES: [&str; 8] = ["one", "two", "three", "jam", "five", "six", "seven", "eight"];

#[derive(Default)]
struct Office {
    at_work: AtomicUsize,
    most: AtomicUsize,
    jams: AtomicUsize,
}

impl Office {
    /// The body of one child.
    fn print(&self, line: String, printed: &Sender<String>) -> Result<(), &'static str> {
        self.most.fetch_max(self.at_work.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let jam = line == "jam" && self.jams.fetch_add(1, Ordering::Relaxed) == 0;
        if !jam {
            println!("printing {line}");
            printed.send(line).unwrap_or(());
        }
        self.at_work.fetch_sub(1, Ordering::Relaxed);
        if jam { Err("the paper is jammed") } else { Ok(()) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let office = Arc::new(Office::default());
    let (send, printed) = channel();
    let next = || printed.recv_timeout(Duration::from_secs(10));

    let inside = Arc::clone(&office);
    let printers = ConsumerSupervisor::new(move |line: String| {
        let (office, send) = (Arc::clone(&inside), send.clone());
        async move { office.print(line, &send) }
    })
    .transient()
    .start_link(StageOptions::new().name("printers"))?;

    let lines = from_enumerable(LINES.map(String::from)).start(StageOptions::new())?;
    // Temporary: the end of the lines does not end the printers.
    let three_at_a_time = SubscriptionOptions::new().max_demand(3).min_demand(1).cancel(Cancel::Temporary);
    printers.sync_subscribe(&lines, three_at_a_time)?;

    let seen = LINES.iter().map(|_| next()).collect::<Result<BTreeSet<_>, _>>()?;
    assert_eq!(seen, LINES.map(String::from).into());
    assert_eq!(office.jams.load(Ordering::Relaxed), 2, "it was started once more");
    assert!(office.most.load(Ordering::Relaxed) <= 3);

    // A line of one's own, and the end.
    printers.start_child("nine".to_owned())?;
    assert_eq!(next()?, "nine");
    printers.stop()?;
    Ok(())
}

//! A broadcaster with a queue of its own. `sync_notify` returns when the event has been handed out to every printer, and not
//! before: who notifies is as fast as the slowest printer.
//!
//! Events that nobody has asked for wait in the queue, demand that nothing is there for is remembered. So nothing ever waits in
//! the buffer of the stage, where it could be discarded.

use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use genstage::CallError;
use genstage::core::ReplyTo;
use genstage::prelude::*;

type Event = &'static str;

#[derive(Default)]
struct QueueBroadcaster {
    /// Events, each with the one who waits for it to go out.
    queue: VecDeque<(ReplyTo<()>, Event)>,
    pending_demand: usize,
}

struct Notify(Event);

impl QueueBroadcaster {
    const NAME: &str = "broadcaster";

    /// Sends an event; returns when it has been dispatched, or fails after five seconds.
    fn sync_notify(event: Event) -> Result<(), CallError> {
        Self::named(Self::NAME).call(Notify(event))
    }

    /// As many events as there are, and as were asked for.
    fn dispatch(&mut self, out: &mut Emit<Event>) {
        let count = self.queue.len().min(self.pending_demand);
        self.pending_demand -= count;
        for (waiting, event) in self.queue.drain(..count) {
            waiting.send(());
            out.push(event);
        }
    }
}

impl Producer for QueueBroadcaster {
    type Event = Event;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<Event>, _: &mut Context<'_, Self>) -> Outcome {
        self.pending_demand += demand;
        self.dispatch(out);
        Outcome::Continue
    }
}

impl HandleCall<Notify> for QueueBroadcaster {
    type Reply = ();

    fn handle_call(&mut self, Notify(event): Notify, from: &mut Caller<()>, cx: &mut Context<'_, Self>) -> Answer<()> {
        self.queue.extend(from.take().map(|waiting| (waiting, event)));
        self.dispatch(cx.out());
        Answer::Later
    }
}

/// Prints what it gets, and passes it on.
struct Printer(Sender<(Pid, Event)>);

impl Consumer for Printer {
    type Event = Event;

    fn handle_events(&mut self, events: Events<'_, Event>, cx: &mut Context<'_, Self>) -> Outcome {
        for event in events {
            println!("{} {event}", cx.pid());
            let _ = self.0.send((cx.pid(), event));
        }
        Outcome::Continue
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = StageOptions::new().name(QueueBroadcaster::NAME).dispatcher(BroadcastDispatcher::new());
    let broadcaster = QueueBroadcaster::default().start(options)?;

    // Nobody listens: the call is not answered, and the event waits.
    let unheard = broadcaster.call_within(Notify("is anybody there?"), Duration::from_millis(20));
    assert!(matches!(unheard, Err(CallError::Timeout)));

    // Each printer subscribes as it starts, and finds the broadcaster by its name. The first one gets what waited.
    let (print, printed) = channel();
    let mut printers = Vec::new();
    for _ in 0..3 {
        let producer = QueueBroadcaster::named(QueueBroadcaster::NAME);
        let options = StageOptions::new().subscribe_to(&producer, SubscriptionOptions::new());
        printers.push(Printer(print.clone()).start(options)?);
    }
    assert_eq!(printed.recv()?, (printers[0].pid(), "is anybody there?"));

    for event in ["hello world", "and good bye"] {
        QueueBroadcaster::sync_notify(event)?;
        let mut heard: Vec<_> = printed.iter().take(3).collect();
        heard.sort();
        let mut expected: Vec<_> = printers.iter().map(|printer| (printer.pid(), event)).collect();
        expected.sort();
        assert_eq!(heard, expected, "each printer, once");
    }

    // Its end is theirs: their subscriptions are permanent.
    broadcaster.stop()?;
    for printer in printers {
        printer.wait()?;
    }
    Ok(())
}

//! What stages in the middle make of the batches they get: passed on as they are, changed in place, or both.

mod common;

use std::sync::mpsc::{Sender, channel};

use common::probes::{Counter, Sink};
use common::{demand, range, seeds};
use genstage::prelude::*;

/// Where the first event of a batch lies.
type Place = usize;

fn place(events: &Events<'_, u64>) -> Place {
    events.as_slice().as_ptr().addr()
}

/// Adds to each event, in its place, after it has emitted what it puts before each batch.
struct Adder {
    add: u64,
    before: Option<u64>,
    places: Sender<Place>,
}

impl ProducerConsumer for Adder {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        let _ = self.places.send(place(&events));
        out.extend(self.before);
        out.update(events, |event| *event += self.add);
        Outcome::Continue
    }
}

/// Tells where its batches lie.
struct Finder(Sender<Place>);

impl Consumer for Finder {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        let _ = self.0.send(place(&events));
        Outcome::Continue
    }
}

#[test]
fn a_batch_that_is_changed_in_place_goes_on_in_its_buffer() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let ((places, at_adder), (found, at_finder)) = (channel(), channel());
        let adder = Adder { add: 1, before: None, places }.start(StageOptions::new()).unwrap();
        let finder = Finder(found).start(StageOptions::new()).unwrap();
        finder.sync_subscribe(&adder, demand(10, 5)).unwrap();
        adder.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        let places: Vec<_> = at_adder.try_iter().collect();
        assert_eq!(places.len(), 20);
        assert_eq!(at_finder.try_iter().collect::<Vec<_>>(), places);
    });
}

#[test]
fn what_was_emitted_before_comes_first() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(4).start(StageOptions::new()).unwrap();
        let adder = Adder { add: 100, before: Some(7), places: channel().0 }.start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&adder, demand(10, 5)).unwrap();
        adder.sync_subscribe(&producer, demand(2, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("c"), [7, 100, 101, 7, 102, 103]);
    });
}

/// Who else holds the batch sees nothing of it.
#[test]
fn a_shared_batch_is_changed_in_a_copy() {
    seeds(100, |sim, log| {
        let options = StageOptions::new().dispatcher(BroadcastDispatcher::new()).demand(DemandMode::Accumulate);
        let producer = Counter::new("p", log).up_to(60).start(options).unwrap();
        for (add, who) in [(0, "as it is"), (1_000, "more"), (5_000, "most")] {
            let adder = Adder { add, before: None, places: channel().0 }.start(StageOptions::new()).unwrap();
            let sink = Sink::new(who, log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&adder, demand(10, 5)).unwrap();
            adder.sync_subscribe(&producer, demand(10, 5)).unwrap();
        }
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.events("as it is"), range(0..60));
        assert_eq!(log.events("more"), range(1_000..1_060));
        assert_eq!(log.events("most"), range(5_000..5_060));
    });
}

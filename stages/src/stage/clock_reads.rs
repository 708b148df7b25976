//! How often the clock is read for the numbers of a stage, exactly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use genstage_core::{Pid, ThreadProcess};

use crate::prelude::*;

thread_local! {
    static READS: RefCell<BTreeMap<Pid, u64>> = const { RefCell::new(BTreeMap::new()) };
    static SLICES: Cell<u64> = const { Cell::new(0) };
}

/// One more, for this stage.
pub(super) fn count(stage: Pid) {
    READS.with_borrow_mut(|reads| *reads.entry(stage).or_default() += 1);
}

/// A turn of any stage begins.
pub(super) fn count_slice(begins: bool) {
    SLICES.set(SLICES.get() + u64::from(begins));
}

/// Since this was asked last.
fn of(stage: Pid) -> u64 {
    READS.with_borrow_mut(|reads| reads.remove(&stage)).unwrap_or_default()
}

/// Lets virtual time pass inside a callback.
fn take(time: Duration) {
    let here = ThreadProcess::<()>::aside().unwrap();
    assert!(time.is_zero() || here.receive(Some(time)).is_none());
}

const LIGHT: Duration = Duration::ZERO;
const HEAVY: Duration = Duration::from_micros(20);
/// So long that every other wait for a worker beside it is sampled.
const LONG: Duration = Duration::from_micros(200);

/// Emits what is wanted, each time taking so long.
struct Source(Duration);

impl Producer for Source {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        take(self.0);
        out.extend(0..demand as u64);
        Outcome::Continue
    }
}

/// Takes so long over each batch.
struct Middle(Duration);

impl ProducerConsumer for Middle {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        take(self.0);
        out.extend(events);
        Outcome::Continue
    }
}

/// Takes so long over each batch, and stops after so many.
struct Sink(Duration, u64);

/// Says nothing.
struct Word;

impl HandleCast<Word> for Sink {
    fn handle_cast(&mut self, _: Word, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl Consumer for Sink {
    type Event = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        take(self.0);
        self.1 -= 1;
        if self.1 == 0 { Outcome::Stop(ExitReason::Normal) } else { Outcome::Continue }
    }
}

/// The reads of a source, a stage between and a sink, for so many batches of one event.
fn line(seed: u64, batches: u64, [source, middle, sink]: [Duration; 3]) -> [u64; 3] {
    Simulation::new(seed).run(|simulation| {
        let source = Source(source).start(StageOptions::new()).unwrap();
        let middle = Middle(middle).start(StageOptions::new()).unwrap();
        let sink = Sink(sink, batches).start(StageOptions::new()).unwrap();
        let options = SubscriptionOptions::new().max_demand(1).cancel(Cancel::Temporary);
        sink.sync_subscribe(&middle, options).unwrap();
        middle.sync_subscribe(&source, options).unwrap();
        simulation.run_until_idle();
        [source.pid(), middle.pid(), sink.pid()].map(of)
    })
}

/// The reads of 6400 batches, after the first 640.
fn reads(times: [Duration; 3]) -> [u64; 3] {
    let (some, more) = (line(7, 640, times), line(7, 640 + 6400, times));
    [0, 1, 2].map(|stage| more[stage] - some[stage])
}

/// A batch is one turn in a source and in a sink. Of 64 light ones one is timed, which is two reads; and of one the wait
/// for a worker is sampled, which is two as well, one of them by whoever wakes it.
#[test]
fn light_batches_cost_a_sixteenth_of_a_read() {
    let [source, middle, sink] = reads([LIGHT; 3]);
    // Where the two fall together the next turn is timed instead.
    assert_eq!((source, sink), (400, 400));
    // It waits for demand and for events in turns: a read where that changes before it rests.
    assert!(middle < 6400, "{middle}");
}

/// Begin and end, or begin and the time at which it became runnable.
#[test]
fn heavy_batches_cost_two_reads() {
    let [source, _, sink] = reads([HEAVY; 3]);
    assert_eq!((source, sink), (12_800, 12_800));
    let [source, _, sink] = reads([HEAVY, LIGHT, LIGHT]);
    assert!(source == 12_800 && sink <= 400, "the light ones beside it stay light: {sink}");
    let [source, _, sink] = reads([LIGHT, LIGHT, HEAVY]);
    assert!(source <= 400 && sink == 12_800, "{source}");
}

/// Every other wait beside them is sampled, in place of a turn.
#[test]
fn long_batches_cost_two_reads() {
    let [source, _, sink] = reads([LONG; 3]);
    assert_eq!((source, sink), (12_800, 12_800));
}

/// The end of each is the beginning of the next.
#[test]
fn turns_of_one_slice_share_their_reads() {
    Simulation::new(1).run(|simulation| {
        let sink = Sink(LIGHT, 1).start(StageOptions::new()).unwrap();
        // Its beginning, and the first wait for a worker.
        sink.cast(Word);
        simulation.run_until_idle();
        assert_eq!(of(sink.pid()), 1 + 1 + 2);
        for turns in [1, 2, 5, 40] {
            SLICES.set(0);
            (0..turns).for_each(|_| sink.cast(Word));
            simulation.run_until_idle();
            assert!(turns < 5 || SLICES.get() < turns);
            assert_eq!(of(sink.pid()), turns + SLICES.get(), "calls and casts are all timed");
        }
    });
}

//! Back-pressure bounds what is alive, however long the stream. A binary of its own: it counts living events.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::nap;
use genstage::Simulation;
use genstage::prelude::*;

static LIVING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// The counters serve one test at a time.
static COUNTING: Mutex<()> = Mutex::new(());

/// An event that is counted while it lives.
struct Counted(u64);

impl Counted {
    fn new(number: u64) -> Self {
        MOST.fetch_max(LIVING.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes a virtual second over each event, and stops after so many.
struct Slow {
    next: u64,
    end: u64,
}

impl Consumer for Slow {
    type Event = Counted;

    fn handle_events(&mut self, events: Events<'_, Counted>, _: &mut Context<'_, Self>) -> Outcome {
        nap(Duration::from_secs(events.len() as u64));
        for Counted(number) in &events {
            assert_eq!(*number, self.next);
            self.next += 1;
        }
        if self.next >= self.end { Outcome::Stop(ExitReason::Normal) } else { Outcome::Continue }
    }
}

/// The most events that lived at once in a run, and the virtual seconds it took. None must be left.
fn most_alive(run: impl FnOnce() -> ConsumerRef<Slow>) -> (usize, u64) {
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    LIVING.store(0, Ordering::Relaxed);
    MOST.store(0, Ordering::Relaxed);
    let seconds = Simulation::new(7).run(|sim| {
        let consumer = run();
        sim.run_until_idle();
        assert_eq!(consumer.exit_reason(), Some(ExitReason::Normal));
        sim.now().as_secs()
    });
    assert_eq!(LIVING.load(Ordering::Relaxed), 0, "events outlive their stages");
    (MOST.load(Ordering::Relaxed), seconds)
}

fn events() -> impl Iterator<Item = Counted> {
    (0..).map(Counted::new)
}

/// Section 7: at most `max_demand` events are under way on a subscription. An eager producer that could go on for ever holds no
/// more than that, after one million events and after ten.
#[test]
fn a_slow_consumer_bounds_an_endless_producer() {
    for million in [1, 10] {
        let end = million * 1_000_000;
        let (most, seconds) = most_alive(|| {
            let producer = from_enumerable(events()).start(StageOptions::new()).unwrap();
            let consumer = Slow { next: 0, end }.start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, SubscriptionOptions::new()).unwrap();
            consumer
        });
        assert_eq!((most, seconds), (1000, end));
    }
}

/// Section 12: each stage in the middle holds at most what it asked for, and the output of one message beyond demand: with one
/// event out for each one in, at most twice its `max_demand`.
#[test]
fn a_slow_consumer_bounds_a_pipeline() {
    for million in [1, 2] {
        let end = million * 1_000_000;
        let (most, seconds) = most_alive(|| {
            let producer = from_enumerable(events()).start(StageOptions::new()).unwrap();
            let options = SubscriptionOptions::new();
            let first = map(|event: Counted| event).start(StageOptions::new()).unwrap();
            let second = map(|event: Counted| event).start(StageOptions::new()).unwrap();
            let consumer = Slow { next: 0, end }.start(StageOptions::new()).unwrap();
            first.sync_subscribe(&producer, options).unwrap();
            second.sync_subscribe(&first, options).unwrap();
            consumer.sync_subscribe(&second, options).unwrap();
            consumer
        });
        assert!((1000..=2000 + 2000 + 1000).contains(&most), "{most}");
        assert_eq!(seconds, end);
    }
}

/// Section 10: a producer that emits without being asked holds its buffer and what was asked for, and no more.
#[test]
fn an_unasked_producer_is_bounded_by_its_buffer() {
    struct Gusher(u64);
    struct Gush;

    impl Producer for Gusher {
        type Event = Counted;

        fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
            cx.send(Gush);
            Init::Continue
        }

        fn handle_demand(&mut self, _: usize, _: &mut Emit<Counted>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    impl HandleInfo<Gush> for Gusher {
        fn handle_info(&mut self, _: Gush, cx: &mut Context<'_, Self>) -> Outcome {
            cx.out().extend((0..10).map(|_| Counted::new(0)));
            self.0 -= 1;
            if self.0 > 0 {
                cx.send(Gush);
            }
            Outcome::Continue
        }
    }

    struct Stuck;

    impl Consumer for Stuck {
        type Event = Counted;

        fn handle_subscribe(&mut self, producer: &genstage::Partner, cx: &mut Context<'_, Self>) -> Manner {
            cx.ask(producer.subscription, 30);
            Manner::Manual
        }

        fn handle_events(&mut self, _: Events<'_, Counted>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    LIVING.store(0, Ordering::Relaxed);
    MOST.store(0, Ordering::Relaxed);
    Simulation::new(3).run(|sim| {
        let producer = Gusher(10_000).start(StageOptions::new().buffer_size(100)).unwrap();
        let consumer = Stuck.start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, SubscriptionOptions::new()).unwrap();
        sim.run_until_idle();
        assert_eq!(producer.estimate_buffered_count(), Ok(100));
    });
    // The buffer, what was asked for, and one callback's events.
    let most = MOST.load(Ordering::Relaxed);
    assert!((100..=100 + 30 + 10).contains(&most), "{most}");
    assert_eq!(LIVING.load(Ordering::Relaxed), 0);
}

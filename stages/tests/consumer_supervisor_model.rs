//! Consumer supervisors against a model: random ends, crashes, cancels and terminations, checked after every step; and many
//! events on real threads.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::probes::Counter;
use common::spy::Spy;
use common::{Log, Replay, demand};
use genstage::core::{Address, ChildState, Mailbox, Shutdown, StopError, spawn_link};
use genstage::prelude::*;

/// Random numbers, the same for a seed every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).unwrap()
    }
}

const EVENTS: u64 = 60;
const NAMES: [&str; 3] = ["p0", "p1", "p2"];

/// A subscription as it should be.
struct Book {
    producer: ProducerRef<Counter>,
    id: SubscriptionId,
    max: usize,
    min: usize,
    cancelled: bool,
}

type Started = Arc<Mutex<Vec<(u64, Address<ExitReason>)>>>;

fn fails(event: u64) -> bool {
    event % 7 == 3
}

fn run(sim: &Simulation, seed: u64) {
    let log = Log::default();
    let mut random = Random(seed);
    let started: Started = Started::default();
    let transient = random.below(2) == 0;
    let inside = Arc::clone(&started);
    let supervisor = ConsumerSupervisor::with_start(move |event: u64| {
        match event % 14 {
            3 => return Err(StartError::Ignore),
            10 => panic!("no child"),
            _ => {}
        }
        let child = spawn_link(|mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await });
        inside.lock().unwrap().push((event, child.clone()));
        Ok(child)
    })
    .max_restarts(u32::MAX);
    let supervisor = if transient { supervisor.transient() } else { supervisor };
    let supervisor = supervisor.start(StageOptions::new()).unwrap();
    let mut books: Vec<Book> = (0..=random.below(3))
        .map(|at| {
            let max = 1 + random.below(6);
            let min = random.below(max);
            let producer = Counter::new(NAMES[at], &log).up_to(EVENTS);
            let producer = producer.start(StageOptions::new().dispatcher(Spy::new(NAMES[at], &log))).unwrap();
            let id = supervisor.sync_subscribe(&producer, demand(max, min).cancel(Cancel::Temporary)).unwrap();
            Book { producer, id, max, min, cancelled: false }
        })
        .collect();
    let mut terminated = BTreeSet::new();
    sim.run_until_idle();
    loop {
        let alive: Vec<_> = started.lock().unwrap().iter().filter(|(_, child)| child.is_alive()).cloned().collect();
        check(&supervisor, &log, &books, &alive);
        if alive.is_empty() {
            break;
        }
        // Several at a time, so that ends and batches meet in all orders.
        for _ in 0..=random.below(4) {
            let (_, child) = &alive[random.below(alive.len())];
            match random.below(10) {
                // One that has crashed meanwhile is not restarted, if the order comes first.
                0 if supervisor.terminate_child(child.pid()).is_ok() => drop(terminated.insert(child.pid())),
                1 => child.exit(ExitReason::Kill),
                2 | 3 => drop(child.send(ExitReason::other("crash"))),
                _ => drop(child.send(ExitReason::Normal)),
            }
        }
        let at = random.below(books.len());
        match random.below(200) {
            0 => {
                books[at].producer.cancel(books[at].id, ExitReason::Normal);
                books[at].cancelled = true;
            }
            1 => {
                books[at].producer.exit(ExitReason::Kill);
                books[at].cancelled = true;
            }
            _ => {}
        }
        sim.run_until_idle();
    }
    finish(&started, &books, transient, &terminated);
    if books.iter().all(|book| !book.cancelled) {
        let each = (0..EVENTS).filter(|event| event % 14 == 10).count();
        assert_eq!(supervisor.snapshot().unwrap().discarded.not_started, (books.len() * each) as u64);
    }
    supervisor.stop().unwrap();
}

/// After each step, when all is quiet.
fn check(supervisor: &ConsumerSupervisorRef<u64>, log: &Log, books: &[Book], alive: &[(u64, Address<ExitReason>)]) {
    let counts = supervisor.count_children().unwrap();
    assert_eq!(counts.active, alive.len());
    let shown: BTreeSet<_> = supervisor.which_children().unwrap().iter().map(|child| child.state.pid()).collect();
    assert_eq!(shown, alive.iter().map(|(_, child)| Some(child.pid())).collect());
    let seen = supervisor.snapshot().unwrap();
    assert_eq!(seen.input.events, seen.handled + seen.discarded.not_started);
    assert_eq!(seen.discarded.total(), seen.discarded.not_started);
    let most: usize = books.iter().map(|book| book.max).sum();
    assert!(alive.len() <= most, "{} alive, at most {most}", alive.len());
    if books.iter().all(|book| !book.cancelled) {
        for (name, book) in NAMES.iter().zip(books) {
            let asks = log.asks(name);
            assert_eq!(asks[0], book.max);
            assert!(asks[1..].iter().all(|ask| (book.max - book.min..=book.max).contains(ask)), "{asks:?}");
        }
        let asked: usize = NAMES.iter().flat_map(|name| log.asks(name)).sum();
        let sent: usize = NAMES.iter().take(books.len()).map(|name| log.demands(name).iter().sum::<usize>()).sum();
        assert_eq!(asked, sent, "every ask reaches its producer");
    }
}

/// At the end: every event of a producer that lived was started once, plus its restarts.
fn finish(started: &Started, books: &[Book], transient: bool, terminated: &BTreeSet<Pid>) {
    let mut starts = BTreeMap::<u64, usize>::new();
    let all = started.lock().unwrap();
    for (event, _) in all.iter() {
        *starts.entry(*event).or_default() += 1;
    }
    let mut expected = BTreeMap::<u64, usize>::new();
    for (event, child) in all.iter() {
        let crashed = child.exit_reason().is_some_and(|reason| !reason.is_clean());
        if transient && crashed && !terminated.contains(&child.pid()) {
            *expected.entry(*event).or_default() += 1;
        }
    }
    if books.iter().all(|book| !book.cancelled) {
        for event in (0..EVENTS).filter(|event| !fails(*event)) {
            *expected.entry(event).or_default() += books.len();
        }
        assert_eq!(starts, expected);
    }
    assert!(starts.keys().all(|event| !fails(*event)));
}

#[test]
fn s19_random_ends_keep_the_bounds_and_start_every_event_once() {
    for seed in 0..300 {
        let _replay = Replay(seed);
        Simulation::new(seed).run(|sim| run(sim, seed));
    }
}

/// Children on real threads, counted from inside.
#[test]
fn s19_ten_thousand_events_on_real_threads() {
    const EVENTS: u64 = 10_000;
    const MAX: usize = 100;
    let (alive, most, sum) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let (done, all_done) = channel();
    let crashes = Arc::new(AtomicU64::new(0));
    let supervisor = {
        let (alive, most, sum, crashes) = (alive, Arc::clone(&most), Arc::clone(&sum), Arc::clone(&crashes));
        ConsumerSupervisor::new(move |event: u64| {
            let (alive, most, sum, crashes) = (alive.clone(), most.clone(), sum.clone(), crashes.clone());
            let done = done.clone();
            async move {
                most.fetch_max(alive.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let first_try = event.is_multiple_of(100) && crashes.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
                alive.fetch_sub(1, Ordering::Relaxed);
                if first_try {
                    return Err("crash");
                }
                sum.fetch_add(event, Ordering::Relaxed);
                done.send(event).map_err(|_| "nobody waits")
            }
        })
    };
    let supervisor = supervisor.transient().max_restarts(1000).start_link(StageOptions::new()).unwrap();
    let numbers = from_enumerable(0..EVENTS).start(StageOptions::new()).unwrap();
    let options = SubscriptionOptions::new().max_demand(MAX).cancel(Cancel::Temporary);
    supervisor.sync_subscribe(&numbers, options).unwrap();
    let handled: BTreeSet<u64> = (0..EVENTS).map(|_| all_done.recv().unwrap()).collect();
    assert_eq!(handled, (0..EVENTS).collect());
    assert_eq!(sum.load(Ordering::Relaxed), EVENTS * (EVENTS - 1) / 2);
    assert!(most.load(Ordering::Relaxed) <= MAX);
    assert_eq!(numbers.wait(), Ok(()));
    supervisor.stop().unwrap();
    assert!(all_done.recv().is_err(), "all children are gone, and what they held");
}

#[test]
fn s19_4_a_stop_takes_no_longer_than_its_caller_wants_on_real_threads() {
    let stubborn = |_: u64| {
        Ok(spawn_link(|mailbox: Mailbox<Infallible>| async move {
            mailbox.trap_exit(true);
            loop {
                mailbox.receive_signal().await;
            }
        }))
    };
    let supervisor = ConsumerSupervisor::with_start(stubborn).shutdown(Shutdown::Infinity);
    let supervisor = supervisor.start_link(StageOptions::new()).unwrap();
    let child = Peer::from(supervisor.start_child(0).unwrap());
    assert!(matches!(supervisor.which_children().unwrap()[0].state, ChildState::Running(pid) if pid == child.pid()));
    let stopped = supervisor.stop_with(ExitReason::Normal, Duration::from_millis(10));
    assert_eq!(stopped, Err(StopError::Timeout));
    child.exit(ExitReason::Kill);
    assert_eq!(supervisor.wait(), Ok(()));
}

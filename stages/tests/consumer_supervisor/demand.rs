//! What it asks for, and what becomes of events: section 19.2.

use std::sync::{Arc, Mutex};

use crate::common::probes::Counter;
use crate::common::spy::Spy;
use crate::common::{demand, range, seeds};
use crate::crowd::*;
use genstage::StartEventChildError;
use genstage::core::{Address, Mailbox, spawn};
use genstage::prelude::*;

/// The examples of section 19.2, with the threshold of Q19.
#[test]
fn s19_2_q19_it_asks_for_max_and_again_when_no_more_than_min_are_left() {
    for (max, min, expected) in [
        (3, 2, vec![3, 1, 1, 1]),
        (3, 0, vec![3, 3]),
        (1, 0, vec![1, 1, 1, 1]),
        (10, 8, vec![10, 2]),
        (4, 2, vec![4, 2]),
    ] {
        seeds(10, |sim, log| {
            let crowd = Crowd::default();
            joined(log, &crowd, demand(max, min));
            sim.run_until_idle();
            assert_eq!(crowd.alive(), range(0..max as u64));
            for event in 0..3 {
                crowd.end(sim, event, ExitReason::Normal);
            }
            assert_eq!(log.asks("p"), expected, "{max}/{min}");
            assert!(crowd.alive().len() <= max);
        });
    }
}

/// max 1, min 0; the events are ok, error, ignore, panic, ok: the middle three are over at once.
#[test]
fn s19_2_a_start_that_fails_ignores_or_panics_counts_as_finished() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let inside = crowd.clone();
        let supervisor = ConsumerSupervisor::with_start(move |event| match event {
            1 => Err(StartError::Init(crash())),
            2 => Err(StartError::Ignore),
            3 => panic!("no child today"),
            event => Ok(inside.child(event)),
        });
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 5), demand(1, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!((crowd.events(), log.asks("p")), (vec![0], vec![1]));
        crowd.end(sim, 0, ExitReason::Normal);
        assert_eq!((crowd.events(), log.asks("p")), (vec![0, 4], vec![1; 5]));
        assert!(supervisor.is_alive());
    });
}

#[test]
fn s19_2_an_event_that_cannot_be_copied_for_a_transient_child_counts_as_finished() {
    #[derive(Debug)]
    struct Brittle(u64);

    impl Clone for Brittle {
        fn clone(&self) -> Self {
            assert!(self.0 != 1, "it broke");
            Self(self.0)
        }
    }

    impl Drop for Brittle {
        fn drop(&mut self) {
            assert!(self.0 != 2 || std::thread::panicking(), "it broke");
        }
    }

    seeds(10, |sim, _| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let supervisor = ConsumerSupervisor::new(move |event: Brittle| note.lock().unwrap().push(event.0))
            .transient()
            .start(StageOptions::new())
            .unwrap();
        let producer = from_enumerable((0..5).map(Brittle)).start(StageOptions::new()).unwrap();
        // The drop of 2 panics in its child, three times, and last in the supervisor: that one's panic goes nowhere.
        supervisor.sync_subscribe(&producer, demand(1, 0).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        assert_eq!(*seen.lock().unwrap(), [0, 2, 2, 2, 2]);
        assert_eq!(supervisor.exit_reason(), Some(ExitReason::Shutdown));
    });
}

type Start = dyn Fn(u64) -> Result<Address<ExitReason>, StartError> + Send + Sync;

/// What it is called, how many events it costs, and the start function.
type Way = (&'static str, u64, fn(Crowd) -> Box<Start>);

/// Of the events 0 to 3 the child of 2 cannot start: its place is given to 3 at once, and it is in no other number.
#[test]
fn s19_2_an_event_whose_child_cannot_start_is_discarded_and_acknowledged() {
    let crowd = Crowd::default;
    let ways: [Way; 6] = [
        ("error", 1, |crowd| {
            Box::new(move |n| if n == 2 { Err(StartError::Init(crash())) } else { Ok(crowd.child(n)) })
        }),
        ("panic", 1, |crowd| Box::new(move |n| if n == 2 { panic!("no child today") } else { Ok(crowd.child(n)) })),
        ("another child", 1, |crowd| Box::new(move |n| Ok(if n == 2 { crowd.of(0) } else { crowd.child(n) }))),
        ("name taken", 1, |crowd| {
            Box::new(move |n| match n {
                2 => Err(StartError::AlreadyStarted(crowd.of(0).pid())),
                n => Ok(crowd.child(n)),
            })
        }),
        ("a child that ends at once", 0, |crowd| {
            Box::new(move |n| Ok(if n == 2 { spawn(|_: Mailbox<ExitReason>| async {}) } else { crowd.child(n) }))
        }),
        ("no child wanted", 0, |crowd| {
            Box::new(move |n| if n == 2 { Err(StartError::Ignore) } else { Ok(crowd.child(n)) })
        }),
    ];
    for (way, discarded, start) in ways {
        seeds(10, |sim, log| {
            let crowd = crowd();
            let supervisor = ConsumerSupervisor::with_start(start(crowd.clone()));
            let supervisor = supervisor.start(StageOptions::new().name("events")).unwrap();
            let producer = source(log, u64::MAX);
            supervisor.sync_subscribe(&producer, demand(3, 2)).unwrap();
            sim.run_until_idle();
            assert_eq!((crowd.events(), log.asks("p")), (vec![0, 1, 3], vec![3, 1]), "{way}");

            let seen = supervisor.snapshot().unwrap();
            assert_eq!((seen.input.events, seen.handled), (4, 4 - discarded), "{way}");
            assert_eq!((seen.discarded.not_started, seen.discarded.total()), (discarded, discarded), "{way}");
            assert_eq!((seen.input.asked, seen.input.demand()), (4, 0), "{way}");
            let sent = producer.snapshot().unwrap();
            assert_eq!((sent.output, sent.consumers[0].unacknowledged), (seen.input, 3), "{way}: it is acknowledged");

            let drawn = genstage::graph(&[&supervisor]);
            for text in [drawn.to_dot(), drawn.to_mermaid()] {
                assert_eq!(text.contains("1 discarded"), discarded == 1, "{way}: {text}");
            }
        });
    }
}

/// The copy of 1 panics, that of 2 as well, and then the drop of 2: none is the supervisor's.
#[test]
fn s19_2_an_event_that_cannot_be_copied_is_discarded() {
    struct Brittle(u64);

    impl Clone for Brittle {
        fn clone(&self) -> Self {
            assert!(!(1..3).contains(&self.0), "it broke");
            Self(self.0)
        }
    }

    impl Drop for Brittle {
        fn drop(&mut self) {
            assert!(self.0 != 2 || std::thread::panicking(), "it broke");
        }
    }

    seeds(10, |sim, _| {
        let supervisor = ConsumerSupervisor::new(drop::<Brittle>).transient().start(StageOptions::new()).unwrap();
        let producer = from_enumerable((0..5).map(Brittle)).start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&producer, demand(3, 1).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        let seen = supervisor.snapshot().unwrap();
        assert_eq!((seen.input.events, seen.handled), (5, 3));
        assert_eq!((seen.discarded.not_started, seen.discarded.total()), (2, 2));
    });
}

/// Nothing is discarded here: the caller has the error.
#[test]
fn s19_4_a_child_that_was_asked_for_and_did_not_start_is_in_no_number() {
    seeds(5, |_, _| {
        let supervisor = ConsumerSupervisor::with_start(|_: u64| Err::<Address<()>, _>(StartError::Init(crash())));
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        assert_eq!(supervisor.start_child(1), Err(StartEventChildError::Start(StartError::Init(crash()))));
        let seen = supervisor.snapshot().unwrap();
        assert_eq!((seen.input.events, seen.handled, seen.discarded.total()), (0, 0, 0));
    });
}

#[test]
fn s19_2_events_in_excess_are_started_too_and_made_up_for() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let producer = source(log, u64::MAX);
        let supervisor = crowd.supervisor().start(StageOptions::new()).unwrap();
        let id = supervisor.sync_subscribe(&producer, demand(2, 1)).unwrap();
        producer.ask(id, 3);
        sim.run_until_idle();
        assert_eq!((crowd.alive().len(), log.asks("p")), (5, vec![2, 3]));
    });
}

#[test]
fn s19_2_producers_are_accounted_apart_and_children_outlive_their_producer() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().start(StageOptions::new()).unwrap();
        let one = source(log, u64::MAX);
        let other = Counter::new("q", log).silent();
        let other = other.start(StageOptions::new().dispatcher(Spy::new("q", log))).unwrap();
        let id = supervisor.sync_subscribe(&one, demand(2, 1).cancel(Cancel::Temporary)).unwrap();
        supervisor.sync_subscribe(&other, demand(3, 1)).unwrap();
        sim.run_until_idle();
        other.cast(crate::common::messages::Put(vec![100, 101, 102]));
        sim.run_until_idle();
        assert_eq!(crowd.alive().len(), 5);
        crowd.end(sim, 100, ExitReason::Normal);
        assert_eq!((log.asks("p"), log.asks("q")), (vec![2], vec![3]));
        one.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert_eq!(crowd.alive(), [0, 1, 101, 102], "the children of the cancelled subscription live on");
        crowd.end(sim, 0, ExitReason::Normal);
        crowd.end(sim, 1, crash());
        assert_eq!((log.asks("p"), log.asks("q")), (vec![2], vec![3]), "and nobody is asked for more when they end");
        crowd.end(sim, 101, ExitReason::Normal);
        assert_eq!(log.asks("q"), [3, 2]);
    });
}

//! Consumer supervisors: section 19, rule by rule.

mod common;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::probes::Counter;
use common::spy::Spy;
use common::{Log, Seen, demand, range, seeds};
use genstage::core::{
    Address, ChildState, ChildType, InvalidSupervisor, Mailbox, Restart, Shutdown, StopError, TerminateChildError,
    spawn, spawn_link,
};
use genstage::prelude::*;
use genstage::{OptionsError, StartEventChildError};

type Supervisor = ConsumerSupervisorRef<u64>;

/// Children that end when they are told to, for the reason they are told.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<Vec<Started>>>);

/// An event and its child.
type Started = (u64, Address<ExitReason>);

impl Crowd {
    fn supervisor(&self) -> ConsumerSupervisor<u64> {
        let crowd = self.clone();
        ConsumerSupervisor::with_start(move |event| Ok(crowd.child(event)))
    }

    fn child(&self, event: u64) -> Address<ExitReason> {
        let child = spawn_link(|mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await });
        self.0.lock().unwrap().push((event, child.clone()));
        child
    }

    /// All that were ever started, by their events.
    fn events(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|(event, _)| *event).collect()
    }

    fn alive(&self) -> Vec<u64> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|(_, child)| child.is_alive()).map(|(event, _)| *event).collect()
    }

    /// The present child of an event.
    fn of(&self, event: u64) -> Address<ExitReason> {
        let all = self.0.lock().unwrap();
        all.iter().rev().find(|(of, _)| *of == event).unwrap().1.clone()
    }

    fn end(&self, sim: &Simulation, event: u64, reason: ExitReason) {
        self.of(event).send(reason).unwrap();
        sim.run_until_idle();
    }
}

fn crash() -> ExitReason {
    ExitReason::other("crash")
}

fn source(log: &Log, end: u64) -> ProducerRef<Counter> {
    let options = StageOptions::new().dispatcher(Spy::new("p", log));
    Counter::new("p", log).up_to(end).start(options).unwrap()
}

/// A supervisor with children of this crowd, and its subscription to an endless source.
fn joined(log: &Log, crowd: &Crowd, options: SubscriptionOptions) -> (Supervisor, ProducerRef<Counter>) {
    let producer = source(log, u64::MAX);
    let supervisor = crowd.supervisor().start(StageOptions::new()).unwrap();
    supervisor.sync_subscribe(&producer, options).unwrap();
    (supervisor, producer)
}

struct Late(ConsumerSupervisor<u64>, Option<ExitReason>);

impl SuperviseEvents for Late {
    type Event = u64;

    fn init(self) -> Result<Option<ConsumerSupervisor<u64>>, ExitReason> {
        self.1.map_or(Ok(Some(self.0)), Err)
    }
}

#[test]
fn s19_1_its_defaults_are_those_of_every_supervisor() {
    seeds(5, |sim, _| {
        let crowd = Crowd::default();
        let plain = crowd.supervisor().start(StageOptions::new()).unwrap();
        plain.start_child(0).unwrap();
        let shown = plain.which_children().unwrap();
        assert_eq!((shown[0].child_type, shown[0].restart), (ChildType::Worker, Restart::Temporary));
        assert_eq!(Shutdown::default(), Shutdown::Within(Duration::from_secs(5)));

        // Three restarts in five seconds, and no fourth; after five seconds they are forgotten.
        for (pause, survives) in [(4, false), (6, true)] {
            let (crowd, begun) = (Crowd::default(), sim.now());
            let supervisor = crowd.supervisor().transient().start(StageOptions::new()).unwrap();
            supervisor.start_child(0).unwrap();
            for _ in 0..3 {
                crowd.end(sim, 0, crash());
            }
            assert!(supervisor.is_alive());
            sim.run_for(Duration::from_secs(pause));
            crowd.end(sim, 0, crash());
            assert_eq!(supervisor.is_alive(), survives, "{pause} s after {begun:?}");
        }
    });
}

#[test]
fn s19_1_it_may_decline_to_run() {
    struct Unwanted;

    impl SuperviseEvents for Unwanted {
        type Event = u64;

        fn init(self) -> Result<Option<ConsumerSupervisor<u64>>, ExitReason> {
            Ok(None)
        }
    }

    seeds(5, |sim, _| {
        let started = Unwanted.start_link(StageOptions::new().name("unwanted"));
        assert_eq!(started.map(drop), Err(StartError::Ignore));
        sim.run_until_idle();
        assert_eq!(Name::from("unwanted").pid(), None);
    });
}

#[test]
fn s19_1_wrong_options_fail_the_start() {
    seeds(5, |_, _| {
        let wrong = || Crowd::default().supervisor().max_seconds(0);
        let no_seconds = Err(StartError::Init(ExitReason::other(InvalidSupervisor::NoSeconds)));
        assert_eq!(wrong().start_link(StageOptions::new()).map(drop), no_seconds);
        assert_eq!(wrong().start(StageOptions::new()).map(drop), no_seconds);
        assert_eq!(Late(wrong(), None).start_link(StageOptions::new()).map(drop), no_seconds);
        let refused = Late(Crowd::default().supervisor(), Some(crash())).start_link(StageOptions::new());
        assert_eq!(refused.map(drop), Err(StartError::Init(crash())));
        let first = Crowd::default().supervisor().start(StageOptions::new().name("taken")).unwrap();
        let second = Late(Crowd::default().supervisor(), None).start_link(StageOptions::new().name("taken"));
        assert_eq!(second.map(drop), Err(StartError::AlreadyStarted(first.pid())));
    });
}

#[test]
fn s19_1_wrong_subscription_options_are_refused_and_cost_nothing_else() {
    seeds(5, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, producer) = joined(log, &crowd, demand(2, 1));
        let wrong = |options: SubscriptionOptions| -> OptionsError {
            match supervisor.sync_subscribe(&producer, options) {
                Err(SubscribeError::Options(error)) => error,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(wrong(demand(0, 0)).to_string(), "max_demand must be >= 1, got 0");
        assert_eq!(wrong(demand(5, 5)).to_string(), "min_demand must be <= 4, got 5");
        sim.run_until_idle();
        assert_eq!(crowd.alive(), [0, 1]);
    });
}

#[test]
fn s19_1_it_ends_with_a_permanent_producer_and_stops_its_children() {
    for (mode, reason, ends) in [
        (Cancel::Permanent, ExitReason::Normal, true),
        (Cancel::Transient, ExitReason::Normal, false),
        (Cancel::Transient, crash(), true),
        (Cancel::Temporary, crash(), false),
    ] {
        seeds(20, |sim, log| {
            let crowd = Crowd::default();
            let (supervisor, producer) = joined(log, &crowd, demand(3, 0).cancel(mode));
            sim.run_until_idle();
            producer.cast(common::messages::Die(reason.clone()));
            sim.run_until_idle();
            assert_eq!(supervisor.exit_reason(), ends.then(|| reason.clone()), "{mode:?} {reason}");
            assert_eq!(crowd.alive().len(), if ends { 0 } else { 3 }, "{mode:?} {reason}");
        });
    }
}

#[test]
fn s19_1_a_dead_producer_ends_it_as_the_mode_says() {
    seeds(10, |sim, log| {
        let dead = source(log, 0);
        dead.exit(ExitReason::Kill);
        sim.run_until_idle();
        for (mode, end) in [(Cancel::Permanent, Some(ExitReason::NoProc)), (Cancel::Temporary, None)] {
            let supervisor = Crowd::default().supervisor().start(StageOptions::new()).unwrap();
            supervisor.sync_subscribe(&dead, demand(3, 0).cancel(mode)).unwrap();
            sim.run_until_idle();
            assert_eq!(supervisor.exit_reason(), end);
        }
    });
}

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
        other.cast(common::messages::Put(vec![100, 101, 102]));
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

#[test]
fn s19_3_temporary_children_are_never_restarted_transient_ones_after_a_failure() {
    for (reason, again) in [
        (ExitReason::Normal, false),
        (ExitReason::Shutdown, false),
        (ExitReason::shutdown_with("x"), false),
        (crash(), true),
    ] {
        for transient in [false, true] {
            seeds(10, |sim, log| {
                let crowd = Crowd::default();
                let supervisor = if transient { crowd.supervisor().transient() } else { crowd.supervisor() };
                let supervisor = supervisor.start(StageOptions::new()).unwrap();
                supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
                sim.run_until_idle();
                let first = crowd.of(0);
                crowd.end(sim, 0, reason.clone());
                if transient && again {
                    // In the same place, with the same event: no demand arises.
                    assert_eq!((crowd.events(), log.asks("p")), (vec![0, 0], vec![1]));
                    assert_eq!(supervisor.count_children().unwrap().active, 1);
                    assert_ne!(crowd.of(0).pid(), first.pid());
                    crowd.end(sim, 0, ExitReason::Normal);
                }
                assert_eq!(supervisor.count_children().unwrap().active, 0);
                assert_eq!(log.asks("p"), [1, 1]);
            });
        }
    }
}

#[test]
fn s19_3_a_panic_ends_one_child_and_nothing_else() {
    seeds(10, |sim, log| {
        let (report, reports) = std::sync::mpsc::channel();
        let work = move |event: u64| {
            assert!(!event.is_multiple_of(3), "three");
            report.send(event).unwrap();
        };
        let supervisor = ConsumerSupervisor::new(work).start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 7), demand(2, 0).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        let mut handled: Vec<_> = reports.try_iter().collect();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2, 4, 5]);
        assert!(supervisor.is_alive());
    });
}

/// Children whose first start succeeds and whose restarts come to this.
fn restarts_to(crowd: &Crowd, again: impl Fn() -> StartError + Send + 'static) -> Supervisor {
    let inside = crowd.clone();
    let start = move |event| if inside.events().contains(&event) { Err(again()) } else { Ok(inside.child(event)) };
    let supervisor = ConsumerSupervisor::with_start(start).transient().max_restarts(1000);
    supervisor.start(StageOptions::new()).unwrap()
}

#[test]
fn s19_3_a_restart_that_ignores_removes_the_child() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = restarts_to(&crowd, || StartError::Ignore);
        supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
        sim.run_until_idle();
        crowd.end(sim, 0, crash());
        assert_eq!(supervisor.which_children().unwrap(), []);
        assert_eq!(log.asks("p"), [1, 1]);
    });
}

#[test]
fn s19_3_a_restart_that_fails_is_tried_again_until_it_is_too_many() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let tries = Arc::new(Mutex::new(0));
        let inside = Arc::clone(&tries);
        let supervisor = restarts_to(&crowd, move || {
            *inside.lock().unwrap() += 1;
            StartError::Init(crash())
        });
        supervisor.sync_subscribe(&source(log, 2), demand(2, 1)).unwrap();
        sim.run_until_idle();
        crowd.end(sim, 0, crash());
        assert_eq!(*tries.lock().unwrap(), 1000);
        assert_eq!(supervisor.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!((crowd.alive(), log.asks("p")), (vec![], vec![2]));
    });
}

#[test]
fn s19_3_too_many_restarts_end_it_and_the_other_children() {
    for allowed in [0, 3] {
        seeds(10, |sim, log| {
            let crowd = Crowd::default();
            let supervisor = crowd.supervisor().transient().max_restarts(allowed).start(StageOptions::new()).unwrap();
            // With these bounds each child that ends for good is asked for again: the last one must not be (Q27).
            supervisor.sync_subscribe(&source(log, u64::MAX), demand(3, 2)).unwrap();
            sim.run_until_idle();
            for _ in 0..allowed {
                crowd.end(sim, 1, crash());
                assert_eq!(crowd.alive().len(), 3);
            }
            crowd.end(sim, 1, crash());
            assert_eq!(supervisor.exit_reason(), Some(ExitReason::Shutdown));
            assert_eq!((crowd.alive(), log.asks("p")), (vec![], vec![3]));
        });
    }
}

#[test]
fn s19_3_restarts_are_counted_within_their_seconds() {
    seeds(5, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().transient().max_restarts(1).max_seconds(2);
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
        sim.run_until_idle();
        for _ in 0..10 {
            crowd.end(sim, 0, crash());
            common::nap(Duration::from_secs(3));
        }
        assert_eq!((crowd.events().len(), supervisor.is_alive()), (11, true));
    });
}

#[test]
fn s19_3_the_exit_of_a_stranger_is_ignored() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, _) = joined(log, &crowd, demand(2, 0));
        sim.run_until_idle();
        genstage::core::run(|_| supervisor.exit(crash()));
        sim.run_until_idle();
        assert_eq!(crowd.alive(), [0, 1]);
    });
}

#[test]
fn s19_4_children_started_on_request_have_no_part_in_demand() {
    seeds(10, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, _) = joined(log, &crowd, demand(1, 0));
        sim.run_until_idle();
        let extra = supervisor.start_child(100).unwrap();
        assert_eq!(extra, crowd.of(100).pid());
        assert_eq!(supervisor.count_children().unwrap().active, 2);
        crowd.end(sim, 100, crash());
        assert_eq!((crowd.alive(), log.asks("p")), (vec![0], vec![1]));

        let transient = crowd.supervisor().transient().start(StageOptions::new()).unwrap();
        transient.start_child(200).unwrap();
        crowd.end(sim, 200, crash());
        assert_eq!(crowd.alive(), [0, 200], "it is restarted like the others");
    });
}

#[test]
fn s19_4_start_child_passes_the_result_on() {
    seeds(5, |_, _| {
        let supervisor = ConsumerSupervisor::with_start(|event: u64| match event {
            0 => Err(StartError::Ignore),
            1 => Err(StartError::Init(crash())),
            _ => panic!("no child today") as Result<Address<()>, StartError>,
        });
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        assert_eq!(supervisor.start_child(0), Err(StartEventChildError::Start(StartError::Ignore)));
        assert_eq!(supervisor.start_child(1), Err(StartEventChildError::Start(StartError::Init(crash()))));
        let panicked = supervisor.start_child(2);
        assert!(
            matches!(&panicked, Err(StartEventChildError::Start(StartError::Init(ExitReason::Panic(_))))),
            "{panicked:?}"
        );
        assert_eq!(supervisor.which_children().unwrap(), []);
    });
}

#[test]
fn s19_4_a_start_function_that_gives_the_supervisor_or_another_child_gives_no_child() {
    seeds(5, |sim, _| {
        let crowd = Crowd::default();
        let inside = crowd.clone();
        let start = move |event| if event == 0 { Ok(inside.child(0)) } else { Ok(inside.of(0)) };
        let supervisor = ConsumerSupervisor::with_start(start).start(StageOptions::new()).unwrap();
        supervisor.start_child(0).unwrap();
        assert!(matches!(supervisor.start_child(1), Err(StartEventChildError::Start(StartError::Init(_)))));
        sim.run_until_idle();
        assert_eq!((crowd.alive(), supervisor.count_children().unwrap().active), (vec![0], 1));
    });
}

#[test]
fn s19_4_terminate_child_ends_it_for_good_and_makes_room() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().transient().start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, u64::MAX), demand(2, 1)).unwrap();
        sim.run_until_idle();
        let first = crowd.of(0);
        supervisor.terminate_child(first.pid()).unwrap();
        assert_eq!(first.exit_reason(), Some(ExitReason::Shutdown));
        sim.run_until_idle();
        assert_eq!((crowd.alive(), log.asks("p")), (vec![1, 2], vec![2, 1]));
        assert_eq!(supervisor.terminate_child(first.pid()), Err(TerminateChildError::NotFound));
    });
}

#[test]
fn s19_4_a_restarting_child_is_found_under_its_old_pid() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let (asked, old) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let (show, whom) = (Arc::clone(&asked), Arc::clone(&old));
        let itself = Arc::new(Mutex::new(None::<Supervisor>));
        let inside = Arc::clone(&itself);
        // The restart fails, and somebody looks and cancels it before the next one.
        let supervisor = restarts_to(&crowd, move || {
            let supervisor = inside.lock().unwrap().clone().unwrap();
            let (show, pid) = (Arc::clone(&show), whom.lock().unwrap().unwrap());
            if show.lock().unwrap().is_none() {
                *show.lock().unwrap() = Some(Vec::new());
                spawn(move |_: Mailbox<Infallible>| async move {
                    *show.lock().unwrap() = Some(supervisor.which_children().unwrap());
                    supervisor.terminate_child(pid).unwrap();
                });
            }
            StartError::Init(crash())
        });
        *itself.lock().unwrap() = Some(supervisor.clone());
        supervisor.sync_subscribe(&source(log, 1), demand(1, 0)).unwrap();
        sim.run_until_idle();
        *old.lock().unwrap() = Some(crowd.of(0).pid());
        crowd.end(sim, 0, crash());
        let shown = asked.lock().unwrap().take().unwrap();
        assert_eq!(shown.iter().map(|child| child.state).collect::<Vec<_>>(), [ChildState::Restarting]);
        assert_eq!((supervisor.which_children().unwrap(), log.asks("p")), (vec![], vec![1, 1]));
    });
}

#[test]
fn s19_4_which_and_count_show_the_children() {
    seeds(5, |sim, log| {
        let crowd = Crowd::default();
        let supervisor = crowd.supervisor().supervisors().transient().start(StageOptions::new()).unwrap();
        supervisor.sync_subscribe(&source(log, 2), demand(2, 0)).unwrap();
        sim.run_until_idle();
        let mut shown = supervisor.which_children().unwrap();
        shown.sort_by_key(|child| child.state.pid());
        let states: Vec<_> = shown.iter().map(|child| (child.state, child.child_type, child.restart)).collect();
        let running = |event| (ChildState::Running(crowd.of(event).pid()), ChildType::Supervisor, Restart::Transient);
        assert_eq!(states, [running(0), running(1)]);
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active, counts.workers, counts.supervisors), (1, 2, 0, 2));
    });
}

/// Children that trap exits and never end.
fn stubborn(shutdown: Shutdown) -> (Supervisor, Log) {
    let log = Log::default();
    let inside = log.clone();
    let start = move |_: u64| {
        let log = inside.clone();
        Ok(spawn_link(|mailbox: Mailbox<Infallible>| async move {
            mailbox.trap_exit(true);
            loop {
                mailbox.receive_signal().await;
                log.note("child", Seen::Signal);
            }
        }))
    };
    (ConsumerSupervisor::with_start(start).shutdown(shutdown).start(StageOptions::new()).unwrap(), log)
}

#[test]
fn s19_4_d11_children_are_stopped_at_the_same_time() {
    for (shutdown, takes, signals) in
        [(Shutdown::Within(Duration::from_secs(2)), 2, 3), (Shutdown::default(), 5, 3), (Shutdown::BrutalKill, 0, 0)]
    {
        seeds(10, |sim, _| {
            let (supervisor, log) = stubborn(shutdown);
            let children = [0, 1, 2].map(|event| supervisor.start_child(event).unwrap());
            sim.run_until_idle();
            let begun = sim.now();
            supervisor.stop().unwrap();
            assert_eq!(sim.now().checked_sub(begun), Some(Duration::from_secs(takes)));
            assert_eq!(log.of("child").len(), signals);
            assert!(children.iter().all(|child| !Peer::from(*child).is_alive()));
        });
    }
}

#[test]
fn s19_4_infinity_waits_for_as_long_as_it_takes() {
    seeds(10, |sim, _| {
        let (supervisor, _) = stubborn(Shutdown::Infinity);
        let child = Peer::from(supervisor.start_child(0).unwrap());
        sim.run_until_idle();
        spawn(move |mailbox: Mailbox<Infallible>| async move {
            mailbox.sleep(Duration::from_secs(3600)).await;
            child.exit(ExitReason::Kill);
        });
        supervisor.stop().unwrap();
        assert_eq!(sim.now(), Duration::from_secs(3600));
    });
}

#[test]
fn s19_4_children_that_trap_exits_obey_the_supervisor_as_their_parent() {
    use genstage::core::{Init, Process, ProcessContext};

    struct Careful(Log);

    impl Process for Careful {
        type Message = ();

        fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
            cx.trap_exit(true);
            Init::Continue
        }

        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> genstage::core::Outcome {
            Outcome::Continue
        }

        fn terminate(&mut self, reason: &ExitReason, _: &mut ProcessContext<'_, ()>) {
            self.0.note("child", Seen::Terminate(reason.clone()));
        }
    }

    seeds(10, |_, log| {
        let inside = log.clone();
        let supervisor = ConsumerSupervisor::with_start(move |_: u64| Careful(inside.clone()).start_link());
        let supervisor = supervisor.start(StageOptions::new()).unwrap();
        let first = supervisor.start_child(0).unwrap();
        supervisor.start_child(1).unwrap();
        supervisor.terminate_child(first).unwrap();
        supervisor.stop().unwrap();
        assert_eq!(log.of("child"), [Seen::Terminate(ExitReason::Shutdown), Seen::Terminate(ExitReason::Shutdown)]);
    });
}

#[test]
fn s19_4_a_dead_supervisor_answers_as_the_dead_do_and_a_killed_one_takes_its_children_along() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let (supervisor, _) = joined(log, &crowd, demand(3, 0));
        sim.run_until_idle();
        supervisor.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(crowd.alive(), []);
        assert_eq!(supervisor.start_child(0), Err(StartEventChildError::Call(CallError::NoProc)));
        assert_eq!(supervisor.terminate_child(crowd.of(0).pid()), Err(TerminateChildError::Call(CallError::NoProc)));
        assert_eq!(supervisor.which_children(), Err(CallError::NoProc));
        assert_eq!(supervisor.count_children(), Err(CallError::NoProc));
        assert_eq!(supervisor.stop(), Err(StopError::NoProc));
    });
}

#[test]
fn s19_4_a_start_function_cannot_ask_its_supervisor() {
    seeds(5, |_, _| {
        let itself = Arc::new(Mutex::new(None::<Supervisor>));
        let inside = Arc::clone(&itself);
        let start = move |_: u64| {
            let supervisor = inside.lock().unwrap().clone().unwrap();
            assert_eq!(supervisor.count_children(), Err(CallError::CallingSelf));
            assert_eq!(supervisor.start_child(1), Err(StartEventChildError::Call(CallError::CallingSelf)));
            assert_eq!(supervisor.stop(), Err(StopError::CallingSelf));
            Err::<Address<()>, _>(StartError::Ignore)
        };
        let supervisor = ConsumerSupervisor::with_start(start).start(StageOptions::new()).unwrap();
        *itself.lock().unwrap() = Some(supervisor.clone());
        assert_eq!(supervisor.start_child(0), Err(StartEventChildError::Start(StartError::Ignore)));
    });
}

#[test]
fn s19_4_it_ends_with_its_parent_and_stops_its_children() {
    seeds(20, |sim, log| {
        let crowd = Crowd::default();
        let inside = crowd.clone();
        let (give, given) = std::sync::mpsc::channel();
        let parent = spawn_link(move |mailbox: Mailbox<ExitReason>| async move {
            give.send(inside.supervisor().start_link(StageOptions::new()).unwrap()).unwrap();
            mailbox.receive().await
        });
        sim.run_until_idle();
        let supervisor = given.recv().unwrap();
        supervisor.sync_subscribe(&source(log, u64::MAX), demand(3, 0)).unwrap();
        sim.run_until_idle();
        assert_eq!(crowd.alive().len(), 3);
        parent.send(ExitReason::Normal).unwrap();
        sim.run_until_idle();
        assert_eq!((supervisor.exit_reason(), crowd.alive()), (Some(ExitReason::Normal), vec![]));
    });
}

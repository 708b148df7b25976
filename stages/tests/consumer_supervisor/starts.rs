//! How it starts, and with what it ends: section 19.1.

use std::time::Duration;

use crate::common::{demand, seeds};
use crate::crowd::*;
use genstage::OptionsError;
use genstage::core::{ChildType, InvalidSupervisor, Restart, Shutdown};
use genstage::prelude::*;

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
            producer.cast(crate::common::messages::Die(reason.clone()));
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

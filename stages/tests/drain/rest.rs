//! What is left when the time is over, or somebody crashes, is reported.

use genstage::prelude::*;
use genstage::{DrainEnd, drain};

use crate::common::messages::Put;
use crate::common::probes::{Counter, Sink};
use crate::common::{demand, range, seeds};
use crate::ms;

/// The consumer asks for six by hand, and for no more.
#[test]
fn after_the_deadline_the_rest_is_stopped_and_reported() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        counter.call(Put(range(0..100))).unwrap();
        let sink = Sink::new("b", log).ask_first(6).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        let report = drain(&[&counter], ms(50));
        assert!(!report.is_complete() && !counter.is_alive() && !sink.is_alive());
        assert!(ms(50) <= sim.now() && sim.now() <= ms(50 + 300));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((&from.end, &to.end), (&DrainEnd::Stopped, &DrainEnd::Stopped));
        assert_eq!((to.handled(), to.left(), from.left()), (6, 0, 94), "{report}");
    });
}

#[test]
fn without_a_consumer_the_buffer_is_reported_as_left() {
    seeds(20, |sim, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        counter.call(Put(range(0..5))).unwrap();
        let report = drain(&[&counter], ms(10));
        assert_eq!((report.left(), &report.stages[0].end), (5, &DrainEnd::Stopped));
        assert!(sim.now() >= ms(10) && !counter.is_alive());
    });
}

/// A consumer that crashes meanwhile takes what it had in hand with it; the report says so.
#[test]
fn a_crash_is_reported_with_what_was_lost() {
    seeds(50, |_, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        counter.call(Put(range(0..40))).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).panic_at(33).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(4, 2)).unwrap();
        let report = drain(&[&counter], ms(100));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert!(matches!(&to.end, DrainEnd::Ended(ExitReason::Panic(_))), "{report}");
        assert_eq!(to.handled(), 32);
        assert_eq!(from.left() + to.left(), 8, "{report}");
    });
}

/// A callback that does not return cannot be interrupted: the report comes all the same.
#[test]
fn who_does_not_return_in_time_is_reported_as_stuck() {
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl Consumer for Stuck {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }

        fn handle_cancel(&mut self, _: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
            let _ = genstage::core::may_block(|| self.0.recv());
            Outcome::Continue
        }
    }

    let (release, released) = std::sync::mpsc::channel::<()>();
    let numbers = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
    let stuck = Stuck(released).start(StageOptions::new()).unwrap();
    stuck.sync_subscribe(&numbers, demand(4, 2)).unwrap();
    let report = numbers.drain(ms(50));
    let [from, to] = &report.stages[..] else { panic!("{report}") };
    assert_eq!((&from.end, &to.end), (&DrainEnd::Drained, &DrainEnd::Stuck), "{report}");
    assert!(!report.is_complete() && report.unreachable.is_empty(), "{report}");
    drop(release);
    assert_eq!(stuck.wait(), Ok(()));
}

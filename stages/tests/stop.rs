//! Stopping a stage from outside (section 16), and asking for its demand mode (section 9.4).

mod common;

use std::time::Duration;

use common::messages::{Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

/// `terminate` runs, and the stop returns when the stage has ended with that reason.
#[test]
fn a_stop_runs_terminate_and_waits_for_the_end() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::other("bad")] {
        seeds(20, |_, log| {
            let producer = Counter::new("p", log).start(StageOptions::new().name("p")).unwrap();
            let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            assert_eq!(producer.stop_with(reason.clone(), Duration::MAX), Ok(()));
            assert_eq!(middle.stop_with(reason.clone(), Duration::MAX), Ok(()));
            assert_eq!(sink.stop_with(reason.clone(), Duration::MAX), Ok(()));
            for who in ["p", "m", "c"] {
                assert_eq!(log.of(who).last(), Some(&Seen::Terminate(reason.clone())));
            }
            assert_eq!(producer.exit_reason(), Some(reason.clone()));
            assert_eq!(Name::from("p").pid(), None);
        });
    }
}

/// A stop takes its place in the inbox: what waits there is handled first.
#[test]
fn what_waits_is_handled_before_a_stop() {
    seeds(30, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let options = demand(10, 5).cancel(Cancel::Transient);
        let _sink = Sink::new("c", log).start(StageOptions::new().subscribe_to(&producer, options)).unwrap();
        producer.cast(Put(range(0..5)));
        assert_eq!(producer.stop(), Ok(()));
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..5));
        assert_eq!(log.cancels("c"), [(CancelKind::Down, ExitReason::Normal)]);
    });
}

/// The ways in which a stop fails.
#[test]
fn a_stop_says_why_it_failed() {
    seeds(20, |_, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        producer.cast(Die(ExitReason::other("bad")));
        assert_eq!(producer.stop(), Err(StopError::Ended(ExitReason::other("bad"))));
        assert_eq!(producer.stop(), Err(StopError::NoProc));
    });
}

/// Blocks until it is told to go on.
struct Block(std::sync::mpsc::Receiver<()>);

impl HandleCast<Block> for Sink {
    fn handle_cast(&mut self, Block(go_on): Block, _: &mut Context<'_, Self>) -> Outcome {
        let _ = go_on.recv();
        Outcome::Continue
    }
}

/// A stage that does not come to it in time stops later.
#[test]
fn a_stop_that_takes_too_long_still_stops() {
    let log = Log::default();
    let sink = Sink::new("c", &log).start(StageOptions::new()).unwrap();
    let (go_on, gate) = std::sync::mpsc::channel();
    sink.cast(Block(gate));
    assert_eq!(sink.stop_with(ExitReason::Normal, Duration::from_millis(1)), Err(StopError::Timeout));
    assert!(sink.is_alive());
    drop(go_on);
    assert_eq!(sink.wait(), Ok(()));
    assert_eq!(sink.exit_reason(), Some(ExitReason::Normal));
}

struct StopMe;

impl HandleCast<StopMe> for Counter {
    fn handle_cast(&mut self, _: StopMe, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(Counter::named("p").whereis(), Some(cx.pid()));
        assert_eq!(Counter::named("p").stop(), Err(StopError::CallingSelf));
        Outcome::Stop(ExitReason::Shutdown)
    }
}

/// A stage cannot wait for its own end.
#[test]
fn a_stage_does_not_stop_itself_from_outside() {
    seeds(10, |_, log| {
        let producer = Counter::new("p", log).start(StageOptions::new().name("p")).unwrap();
        producer.cast(StopMe);
        assert_eq!(producer.wait(), Ok(()));
        assert_eq!(producer.exit_reason(), Some(ExitReason::Shutdown));
    });
}

/// From a future, on real threads.
#[test]
fn stop_async_waits_without_a_thread() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let (report, reports) = std::sync::mpsc::channel();
    let numbers = from_enumerable(0..).start(StageOptions::new()).unwrap();
    let target = numbers.clone();
    genstage::core::spawn(move |_: genstage::core::Mailbox<()>| async move {
        let _ = report.send(target.stop_async(ExitReason::Shutdown).await);
        let _ = report.send(target.stop_async(ExitReason::Shutdown).await);
    });
    assert_eq!(reports.recv(), Ok(Ok(())));
    assert_eq!(reports.recv(), Ok(Err(StopError::NoProc)));
    assert_eq!(numbers.exit_reason(), Some(ExitReason::Shutdown));
}

/// Section 9.4 and Q9: every kind of stage answers; only a producer accumulates.
#[test]
fn q9_every_stage_tells_its_demand_mode() {
    seeds(10, |_, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        for mode in [DemandMode::Accumulate, DemandMode::Accumulate, DemandMode::Forward] {
            producer.demand(mode);
            assert_eq!(producer.demand_mode(), Ok(mode));
        }
        assert_eq!(middle.demand_mode(), Ok(DemandMode::Forward));
        assert_eq!(sink.demand_mode(), Ok(DemandMode::Forward));
        sink.stop().unwrap();
        assert_eq!(sink.demand_mode(), Err(CallError::NoProc));
    });
}

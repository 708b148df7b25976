//! What users may get wrong, and what stages survive.

mod common;

use std::time::Duration;

use common::messages::{Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::{Seen, demand, range, seeds};
use genstage::prelude::*;

/// Section 14: telling a dead consumer to subscribe fails the caller.
#[test]
fn a_dead_consumer_does_not_subscribe() {
    seeds(10, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        let error = consumer.sync_subscribe(&producer, demand(10, 5)).unwrap_err();
        assert_eq!(error, SubscribeError::Call(CallError::NoProc));
        assert_eq!(error.to_string(), "the consumer did not subscribe: the process is dead");
        consumer.async_subscribe(&producer, demand(10, 5));
        sim.run_until_idle();
        assert_eq!(log.of("p"), [Seen::Init]);
    });
}

/// Section 3: the name is taken.
#[test]
fn a_name_that_is_taken_is_refused() {
    seeds(10, |sim, log| {
        let named = || StageOptions::new().name("counter");
        let first = Counter::new("p", log).start(named()).unwrap();
        let error = Counter::new("q", log).start(named()).unwrap_err();
        assert_eq!(error, StartError::AlreadyStarted(first.pid()));
        assert_eq!(log.of("q"), []);
        first.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert!(Counter::new("q", log).start(named()).is_ok());
    });
}

/// Section 3: a stop or a panic in `init` fails the start, without `terminate`.
#[test]
fn a_failing_init_fails_the_start() {
    struct Fails(bool);

    impl Producer for Fails {
        type Event = u64;

        fn init(&mut self, _: &mut Context<'_, Self>) -> Init {
            assert!(!self.0, "cannot");
            Init::Stop(ExitReason::other("will not"))
        }

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            unreachable!()
        }

        fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
            unreachable!()
        }
    }

    seeds(1, |_, _| {
        let error = Fails(false).start(StageOptions::new()).unwrap_err();
        assert_eq!(error, StartError::Init(ExitReason::other("will not")));
        let Err(StartError::Init(ExitReason::Panic(panic))) = Fails(true).start(StageOptions::new()) else { panic!() };
        assert_eq!(panic.message(), "cannot");
    });
}

/// A stage may subscribe to itself: nothing breaks, and it can be ended.
#[test]
fn a_stage_subscribed_to_itself_does_no_harm() {
    seeds(50, |sim, log| {
        let each = |event| if event < 10 { vec![event + 1] } else { vec![] };
        let middle = Middle::new("m", log, each).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&middle, demand(4, 2)).unwrap();
        middle.cast(Put(vec![0]));
        sim.run_until_idle();
        assert_eq!(log.events("m"), range(0..11));
        middle.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        assert_eq!(middle.exit_reason(), Some(ExitReason::Normal));
    });
}

/// P1.3: a kill takes effect after the callback that runs, also between the batches of one message.
#[test]
fn a_kill_takes_effect_between_the_batches_of_one_message() {
    for seed in 0..50 {
        Simulation::new(seed).run(|simulation| {
            let numbers = from_enumerable(0..500).start(StageOptions::new()).unwrap();
            let (report, reports) = std::sync::mpsc::channel();
            let sink = for_each(move |n: i32| {
                let _ = report.send(n);
                if n == 2 {
                    let me = genstage::core::current_pid().unwrap();
                    Peer::from(me).exit(ExitReason::Kill);
                }
            });
            let sink = sink.start(StageOptions::new()).unwrap();
            let options = SubscriptionOptions::new().max_demand(500).min_demand(499);
            sink.sync_subscribe(&numbers, options).unwrap();
            simulation.run_until_idle();
            assert_eq!(sink.exit_reason(), Some(ExitReason::Killed), "seed {seed}");
            assert_eq!(reports.iter().collect::<Vec<_>>(), [0, 1, 2], "seed {seed}");
        });
    }
}

/// A stage cannot wait for itself, nor stream from itself: both are errors at once.
#[test]
fn a_stage_that_waits_for_itself_is_told_so() {
    struct Selfish(std::sync::mpsc::Sender<(Result<(), WaitError>, Option<ExitReason>)>);
    struct Me(ProducerRef<Selfish>);

    impl Producer for Selfish {
        type Event = u8;

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u8>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    impl HandleCast<Me> for Selfish {
        fn handle_cast(&mut self, Me(me): Me, _: &mut Context<'_, Self>) -> Outcome {
            let mut own = stream(&me, SubscriptionOptions::new()).unwrap();
            let streamed = own.next().and_then(Result::err).map(|error| error.reason);
            let _ = self.0.send((me.wait(), streamed));
            Outcome::Continue
        }
    }

    let (report, reports) = std::sync::mpsc::channel();
    let stage = Selfish(report).start(StageOptions::new()).unwrap();
    stage.cast(Me(stage.clone()));
    assert_eq!(reports.recv(), Ok((Err(WaitError::Never), Some(ExitReason::other(CallError::CallingSelf)))));
    stage.exit(ExitReason::Kill);
}

#[test]
fn nothing_is_drained_and_drawn_as_well() {
    seeds(2, |_, _| {
        assert!(genstage::drain(&[], Duration::ZERO).is_complete());
        assert!(genstage::graph(&[]).stages.is_empty());
    });
}

/// Where the runtime has ended nobody answers: that is no drain that is complete, and no graph without stages.
#[test]
fn after_the_end_of_the_runtime_nobody_is_reached() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let producer = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
    assert!(runtime.shutdown(Duration::from_secs(10)).is_empty());
    let nobody = vec![(producer.pid(), CallError::NoProc)];
    let report = genstage::drain(&[&producer], Duration::from_secs(10));
    assert_eq!((report.unreachable.clone(), report.is_complete()), (nobody.clone(), false));
    assert_eq!(genstage::graph(&[&producer]).unreachable, nobody);
}

/// It cannot wait for itself: it is told so, and ends as one that is drained does, with nothing left.
#[test]
fn a_producer_that_drains_itself_is_told_so() {
    struct Selfish(std::sync::mpsc::Sender<Vec<(Pid, CallError)>>);
    struct Me(ProducerRef<Selfish>);

    impl Producer for Selfish {
        type Event = u8;

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u8>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    impl HandleCast<Me> for Selfish {
        fn handle_cast(&mut self, Me(me): Me, _: &mut Context<'_, Self>) -> Outcome {
            let _ = self.0.send(me.drain(Duration::from_secs(1)).unreachable);
            Outcome::Continue
        }
    }

    seeds(20, |sim, _| {
        let (report, reports) = std::sync::mpsc::channel();
        let stage = Selfish(report).start(StageOptions::new()).unwrap();
        stage.cast(Me(stage.clone()));
        sim.run_until_idle();
        assert_eq!(reports.recv(), Ok(vec![(stage.pid(), CallError::CallingSelf)]));
        assert_eq!(stage.exit_reason(), Some(ExitReason::Normal));
    });
}

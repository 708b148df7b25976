//! What users may get wrong, and what stages survive.

mod common;

use std::time::Duration;

use common::messages::{Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

fn refusal(options: SubscriptionOptions) -> String {
    let sim = genstage::Simulation::new(0);
    sim.run(|sim| {
        let log = Log::default();
        let producer = Counter::new("p", &log).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", &log).start(StageOptions::new()).unwrap();
        let error = consumer.sync_subscribe(&producer, options).unwrap_err();
        consumer.async_subscribe(&producer, options);
        // It is found before the producer is looked for: a name of nobody would end it.
        assert_eq!(consumer.sync_subscribe(&named("nobody"), options), Err(error.clone()));
        sim.run_until_idle();
        // Nothing was sent to the producer, and the consumer goes on.
        assert_eq!((log.of("p"), log.of("c")), (vec![Seen::Init], vec![]));
        assert!(consumer.is_alive());
        assert!(matches!(error, SubscribeError::Options(_)));
        error.to_string()
    })
}

/// Section 4: `max_demand` is checked first, then `min_demand` against it; the text names option, bound and value.
#[test]
fn bad_bounds_are_refused_with_their_text() {
    let text = |error: &str| format!("bad subscription options: {error}");
    assert_eq!(refusal(SubscriptionOptions::new().max_demand(0)), text("max_demand must be >= 1, got 0"));
    assert_eq!(refusal(demand(0, 5)), text("max_demand must be >= 1, got 0"));
    assert_eq!(refusal(SubscriptionOptions::new().min_demand(2000)), text("min_demand must be <= 999, got 2000"));
    assert_eq!(refusal(demand(10, 10)), text("min_demand must be <= 9, got 10"));
    assert_eq!(refusal(demand(1, 1)), text("min_demand must be <= 0, got 1"));
    assert_eq!(refusal(demand(5, usize::MAX)), text(&format!("min_demand must be <= 4, got {}", usize::MAX)));
}

/// Section 4: the bounds themselves are allowed.
#[test]
fn the_bounds_themselves_are_allowed() {
    for options in [demand(1, 0), demand(10, 9), demand(usize::MAX, 0), demand(usize::MAX, usize::MAX - 1)] {
        assert_eq!(options.check(), Ok(()));
    }
}

/// Section 4: `max_demand` has no upper bound.
#[test]
fn the_greatest_max_demand_works() {
    for min in [0, 1, usize::MAX - 1] {
        seeds(10, |sim, log| {
            let producer = Counter::new("p", log).up_to(1000).start(StageOptions::new()).unwrap();
            let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(usize::MAX, min)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.events("c"), range(0..1000));
            assert_eq!(log.demands("p")[0], usize::MAX);
        });
    }
}

/// Asks without measure from several consumers do not overflow anything.
#[test]
fn asks_without_measure_do_not_overflow() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(10, 5)).unwrap();
        for who in ["a", "b"] {
            let consumer = Sink::new(who, log).manual().start(StageOptions::new()).unwrap();
            let id = consumer.sync_subscribe(&middle, demand(1, 0)).unwrap();
            for _ in 0..3 {
                middle.ask(id, usize::MAX);
            }
        }
        sim.run_until_idle();
        let mut events = [log.events("a"), log.events("b")].concat();
        events.sort_unstable();
        assert_eq!(events, range(0..100));
        producer.cast(Put(vec![100]));
        sim.run_until_idle();
        assert_eq!(log.sizes("a").iter().chain(&log.sizes("b")).sum::<usize>(), 101);
    });
}

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

/// Section 1.7: a panic in `handle_events` ends that stage alone: the producer lives and serves others.
#[test]
fn a_panicking_consumer_ends_alone() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let bad = Sink::new("bad", log).panic_at(3).start(StageOptions::new()).unwrap();
        let id = bad.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert!(matches!(bad.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "not that one"));
        assert!(matches!(&log.cancels("p")[..], [(CancelKind::Down, ExitReason::Panic(_))]));
        let good = Sink::new("good", log).start(StageOptions::new()).unwrap();
        good.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("good"), range(10..100));
        producer.ask(id, 5);
        sim.run_until_idle();
        assert!(producer.is_alive());
    });
}

/// Section 1.7: a panic in `handle_demand` ends the producer; its consumers follow their modes.
#[test]
fn a_panicking_producer_takes_along_whom_the_mode_says() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).panic_on_demand().start(StageOptions::new()).unwrap();
        let modes = [("a", Cancel::Permanent), ("b", Cancel::Transient), ("c", Cancel::Temporary)];
        let consumers = modes.map(|(who, mode)| {
            let consumer = Sink::new(who, log).start(StageOptions::new()).unwrap();
            consumer.async_subscribe(&producer, demand(10, 5).cancel(mode));
            consumer
        });
        sim.run_until_idle();
        assert!(matches!(producer.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "no more"));
        assert_eq!(consumers.map(|consumer| consumer.is_alive()), [false, false, true]);
    });
}

/// Section 1.7: a panic in a stage in the middle ends it; what it had emitted before arrives.
#[test]
fn a_panicking_stage_in_the_middle_ends_alone() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).up_to(100).start(StageOptions::new()).unwrap();
        let middle = Middle::forwarder("m", log).panic_at(7).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        middle.sync_subscribe(&producer, demand(4, 2)).unwrap();
        consumer.sync_subscribe(&middle, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        // Batches of two: 6 and 7 are lost together.
        assert_eq!(log.events("c"), range(0..6));
        assert!(producer.is_alive() && consumer.is_alive() && !middle.is_alive());
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

/// An automatic subscription asks by itself: a further ask would break its bound, and is refused.
#[test]
fn an_ask_on_an_automatic_subscription_is_refused() {
    struct Greedy(std::sync::mpsc::Sender<bool>);

    impl Consumer for Greedy {
        type Event = i32;

        fn handle_events(&mut self, _: Events<'_, i32>, cx: &mut Context<'_, Self>) -> Outcome {
            let subscription = cx.subscription().unwrap();
            let _ = self.0.send(cx.ask(subscription, 1000));
            Outcome::Continue
        }
    }

    let (report, reports) = std::sync::mpsc::channel();
    let numbers = from_enumerable(0..30).start(StageOptions::new()).unwrap();
    let greedy = Greedy(report).start(StageOptions::new()).unwrap();
    greedy.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(10)).unwrap();
    greedy.wait().unwrap();
    drop(greedy);
    assert_eq!(reports.iter().collect::<Vec<_>>(), [false; 6]);
}

/// From inside there is nobody to tell but the log; `check` tells before.
#[test]
fn bad_bounds_from_inside_change_nothing() {
    struct Wrong(SubscriptionOptions);

    impl Consumer for Wrong {
        type Event = u64;

        fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
            cx.subscribe(&named::<u64>("p"), self.0);
            Init::Continue
        }

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            panic!("it is subscribed to nothing")
        }

        fn handle_cancel(&mut self, _: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
            panic!("it is subscribed to nothing")
        }
    }

    for options in [demand(0, 0), demand(5, 5), demand(1, 7)] {
        seeds(10, |sim, log| {
            Counter::new("p", log).start(StageOptions::new().name("p")).unwrap();
            let wrong = Wrong(options).start(StageOptions::new()).unwrap();
            sim.run_until_idle();
            assert!(wrong.is_alive() && options.check().is_err());
            assert_eq!(log.of("p"), [Seen::Init]);
        });
    }
}

/// Times beyond all measure never come, and overflow nothing.
#[test]
fn times_without_measure_never_come() {
    struct Patient;

    impl Producer for Patient {
        type Event = u64;

        fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
            cx.send_after(1_u64, Duration::MAX);
            cx.idle_timeout(Duration::MAX);
            cx.hibernate_after(Some(Duration::MAX));
            Init::Continue
        }

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    impl HandleInfo<u64> for Patient {
        fn handle_info(&mut self, _: u64, _: &mut Context<'_, Self>) -> Outcome {
            panic!("too soon")
        }
    }

    impl HandleTimeout for Patient {
        fn handle_timeout(&mut self, _: &mut Context<'_, Self>) -> Outcome {
            panic!("too soon")
        }
    }

    seeds(10, |sim, log| {
        let patient = Patient.start(StageOptions::new()).unwrap();
        sim.run_for(Duration::from_secs(1_000_000_000));
        assert!(patient.is_alive());
        assert!(patient.snapshot_within(Duration::MAX).is_ok());
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&patient, demand(1, 0)).unwrap();
        assert!(patient.drain(Duration::MAX).is_complete());
    });
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

/// A panic in `handle_drain` ends that stage, and the report says so.
#[test]
fn a_panic_over_a_drain_ends_that_stage_alone() {
    struct Clumsy;

    impl Consumer for Clumsy {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }

        fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
            panic!("not now")
        }
    }

    seeds(20, |_, log| {
        let producer = Counter::new("p", log).up_to(5).start(StageOptions::new()).unwrap();
        let (clumsy, sink) = (Clumsy.start(StageOptions::new()).unwrap(), Sink::new("c", log));
        let sink = sink.start(StageOptions::new()).unwrap();
        clumsy.sync_subscribe(&producer, demand(1, 0)).unwrap();
        sink.sync_subscribe(&producer, demand(1, 0)).unwrap();
        let report = producer.drain(Duration::from_secs(1));
        let ends: Vec<_> = report.stages.iter().map(|stage| &stage.end).collect();
        assert!(matches!(ends[1], genstage::DrainEnd::Ended(ExitReason::Panic(_))), "{report}");
        assert_eq!((ends[0], ends[2]), (&genstage::DrainEnd::Drained, &genstage::DrainEnd::Drained));
    });
}

/// A dispatcher of the user's that is wrong costs its own producer at most.
#[test]
fn a_dispatcher_that_is_wrong_harms_nobody_else() {
    use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};

    /// Sends everything to somebody who does not exist, or panics.
    #[derive(Debug)]
    struct Wrong(bool, usize);

    impl Dispatcher<u64> for Wrong {
        fn subscribe(&mut self, _: SubscriptionId, _: &Subscriber<u64>) -> Result<(), Refusal> {
            Ok(())
        }

        fn ask(&mut self, _: SubscriptionId, count: usize, _: &mut Deliveries<u64>) {
            self.1 += count;
        }

        fn cancel(&mut self, _: SubscriptionId, _: &mut Deliveries<u64>) {}

        fn demand(&self) -> usize {
            self.1
        }

        fn dispatch(&mut self, events: &mut Vec<u64>, out: &mut Deliveries<u64>) {
            assert!(!self.0, "no idea");
            self.1 = self.1.saturating_sub(events.len());
            out.deliver(SubscriptionId::new(99), std::mem::take(events));
        }
    }

    for panics in [false, true] {
        seeds(20, |sim, log| {
            let producer = Counter::new("p", log).up_to(3);
            let producer = producer.start(StageOptions::new().dispatcher(Wrong(panics, 0))).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&producer, demand(4, 2).cancel(Cancel::Temporary)).unwrap();
            sim.run_until_idle();
            assert!(sink.is_alive() && log.events("c").is_empty());
            if panics {
                assert!(matches!(producer.exit_reason(), Some(ExitReason::Panic(_))));
            } else {
                assert_eq!(producer.snapshot().unwrap().discarded.other, 3);
            }
        });
    }
}

/// Says nothing of what it holds.
struct Secretive;

impl Producer for Secretive {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        out.extend(0..demand as u64);
        Outcome::Continue
    }

    fn held(&self) -> usize {
        panic!("none of your business")
    }
}

#[test]
fn a_panic_of_held_is_no_number_and_harms_nobody() {
    seeds(5, |sim, log| {
        let secretive = Secretive.start(StageOptions::new()).unwrap();
        let sink = Sink::new("s", log).ask_first(3).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&secretive, SubscriptionOptions::new()).unwrap();
        sim.run_until_idle();
        let seen = secretive.snapshot().unwrap();
        assert_eq!((seen.held, seen.emitted), (0, 3));
        assert!(secretive.is_alive());
    });
}

/// Breaks where it is dropped, below a number, unless that is the end of its test.
#[derive(Debug)]
struct Brittle(u64, u64);

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(self.0 >= self.1 || std::thread::panicking(), "it broke");
    }
}

/// Emits what it is told.
struct Told<T>(std::marker::PhantomData<fn() -> T>);

struct Emitted<T>(Vec<T>);

impl<T: Send + 'static> Producer for Told<T> {
    type Event = T;

    fn handle_demand(&mut self, _: usize, _: &mut Emit<T>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl<T: Send + 'static> HandleCast<Emitted<T>> for Told<T> {
    fn handle_cast(&mut self, told: Emitted<T>, cx: &mut Context<'_, Self>) -> Outcome {
        cx.out().extend(told.0);
        Outcome::Continue
    }
}

fn told<T: Send + 'static>(options: StageOptions<genstage::AsProducer<Told<T>>>) -> ProducerRef<Told<T>> {
    Told(std::marker::PhantomData).start(options).unwrap()
}

fn brittle(numbers: std::ops::Range<u64>, below: u64) -> Emitted<Brittle> {
    Emitted(numbers.map(|number| Brittle(number, below)).collect())
}

/// The destructors of three that are discarded panic, whichever three these are.
#[test]
fn events_that_panic_when_the_buffer_drops_them_are_discarded_all_the_same() {
    seeds(5, |sim, _| {
        let last = told(StageOptions::new().buffer_size(2));
        last.cast(brittle(0..5, 3));
        let first = told(StageOptions::new().buffer_size(2).buffer_keep(Keep::First));
        // Two are there, and break nowhere; the other three find no room.
        first.cast(brittle(7..9, 3));
        first.cast(brittle(0..3, 3));
        // One more makes room for the new ones.
        last.cast(brittle(5..6, 3));
        sim.run_until_idle();
        for (producer, discarded, kept) in [(&last, 4, [4, 5]), (&first, 3, [7, 8])] {
            let seen = producer.snapshot().unwrap();
            assert_eq!((seen.discarded.buffer_full, seen.buffered), (discarded, 2));
            let numbers = stream(producer, SubscriptionOptions::new()).unwrap().take(2);
            assert_eq!(numbers.map(|event| event.unwrap().0).collect::<Vec<_>>(), kept);
            assert!(producer.is_alive());
        }
    });
}

#[test]
fn events_that_panic_when_a_partition_drops_them_are_discarded_all_the_same() {
    seeds(5, |sim, _| {
        for policy in [WhenFull::DiscardOldest, WhenFull::DiscardNewest] {
            let odd = PartitionDispatcher::by_key([0_u64, 1], |event: &Brittle| event.0 % 2).unwrap();
            let producer = told(StageOptions::new().dispatcher(odd.queue_size(1).when_full(policy)));
            let sink = Pick.start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&producer, SubscriptionOptions::new().max_demand(9).partition(0_u64)).unwrap();
            sim.run_until_idle();
            // Of 1, 3 and 5 the one that is left breaks nowhere: the last or the first.
            let below = if policy == WhenFull::DiscardOldest { 5 } else { 100 };
            let mut events: Vec<Brittle> = (0..6).map(|n| Brittle(n, if n % 2 == 0 { 0 } else { below })).collect();
            if policy == WhenFull::DiscardNewest {
                events[1].1 = 0;
            }
            producer.cast(Emitted(events));
            sim.run_until_idle();
            let seen = producer.snapshot().unwrap();
            assert_eq!((seen.output.events, seen.buffered), (3, 1), "{policy:?}");
            assert_eq!((seen.discarded.partition_full, seen.discarded.total()), (2, 2), "{policy:?}");
        }
    });
}

/// Takes numbers that break.
struct Pick;

impl Consumer for Pick {
    type Event = Brittle;

    fn handle_events(&mut self, _: Events<'_, Brittle>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

/// The captures of a selector, and the name of a partition, break when they are dropped: at the end of a subscription, or as
/// soon as it is refused. The producer and the others live on.
#[test]
fn what_a_selector_has_captured_may_panic_when_it_is_dropped() {
    /// A name that no dispatcher knows, and that breaks.
    #[derive(Debug)]
    struct Name(#[expect(dead_code, reason = "dropped")] Brittle);

    let capture = || {
        let breaks = Brittle(0, 1);
        move |event: &u64| {
            let Brittle(even, _) = &breaks;
            event % 2 == *even
        }
    };
    seeds(10, |sim, log| {
        let all = StageOptions::new().dispatcher(BroadcastDispatcher::new());
        let counter = Counter::new("a", log).up_to(100).start(all).unwrap();
        let [other, picky] = ["b", "c"].map(|who| Sink::new(who, log).start(StageOptions::new()).unwrap());
        let temporary = demand(4, 2).cancel(Cancel::Temporary);
        other.sync_subscribe(&counter, temporary).unwrap();
        let id = picky.sync_subscribe(&counter, temporary.selector(capture())).unwrap();
        sim.run_until_idle();
        counter.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert!(counter.is_alive() && other.is_alive() && picky.is_alive());
        assert_eq!(counter.snapshot().unwrap().consumers.len(), 1);
    });
    seeds(10, |sim, log| {
        let plain = Counter::new("a", log).up_to(8).start(StageOptions::new()).unwrap();
        let split = PartitionDispatcher::by_key(0..2_u64, |event: &u64| event % 2).unwrap();
        let split = Counter::new("d", log).up_to(8).start(StageOptions::new().dispatcher(split)).unwrap();
        let sink = Sink::new("b", log).start(StageOptions::new()).unwrap();
        let temporary = demand(4, 2).cancel(Cancel::Temporary);
        sink.sync_subscribe(&plain, temporary.selector(capture())).unwrap();
        sink.sync_subscribe(&split, temporary.partition(Name(Brittle(0, 1)))).unwrap();
        sim.run_until_idle();
        assert!(plain.is_alive() && split.is_alive() && sink.is_alive());
        assert_eq!(log.cancels("b").len(), 2, "both are refused");
    });
}

//! Options and numbers without sense or measure.

mod common;

use std::time::Duration;

use common::messages::Put;
use common::probes::{Counter, Middle, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;
use genstage::{OptionsError, pipeline};

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

/// Section 17: no batch can have no items. Found when the stage starts, also within a pipeline.
#[test]
fn a_batch_of_nothing_fails_the_start() {
    let text = "max_batch must be >= 1, got 0";
    let Err(StartError::Init(ExitReason::Other(detail))) =
        from_enumerable(0..3).max_batch(0).start(StageOptions::new())
    else {
        panic!("it started");
    };
    assert_eq!(detail.downcast_ref::<OptionsError>().unwrap().to_string(), text);
    let run = pipeline::from_producer(from_enumerable(0..3).max_batch(0)).for_each(|_| ()).run();
    assert!(run.unwrap_err().to_string().contains(text));
}

/// Three items, and promises about them.
struct Promises(u64, (usize, Option<usize>));

impl Iterator for Promises {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.1
    }
}

const PROMISES: [(usize, Option<usize>); 5] = [
    (usize::MAX, None),
    (usize::MAX, Some(usize::MAX)),
    (usize::MAX >> 17, Some(usize::MAX >> 17)),
    (0, Some(0)),
    (7, Some(1)),
];

/// What an iterator promises is no reason to make room for it: the process would end for want of memory.
#[test]
fn an_iterator_may_promise_more_than_there_is_memory() {
    struct Promising((usize, Option<usize>));

    impl Producer for Promising {
        type Event = u64;

        fn handle_demand(&mut self, _: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            out.extend(Promises(3, self.0));
            Outcome::Stop(ExitReason::Normal)
        }
    }

    for promise in PROMISES {
        seeds(3, |sim, log| {
            let producer = Promising(promise).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&producer, demand(10, 5)).unwrap();
            sim.run_until_idle();
            assert_eq!(log.events("c"), [2, 1, 0], "{promise:?}");
            for max_batch in [2, usize::MAX] {
                let source =
                    from_enumerable(Promises(3, promise)).max_batch(max_batch).start(StageOptions::new()).unwrap();
                let items = stream(&source, SubscriptionOptions::new().max_demand(usize::MAX)).unwrap();
                assert_eq!(items.collect::<Result<Vec<_>, _>>().unwrap(), [2, 1, 0], "{promise:?}");
            }
            let all = pipeline::from_iter(0..2)
                .flat_map(move |_| Promises(3, promise))
                .concurrency(1)
                .fold(Vec::new(), Vec::push)
                .run();
            assert_eq!(all.unwrap(), [2, 1, 0, 2, 1, 0], "{promise:?}");
        });
    }
}

/// More than room is made for at once, and more than one part.
#[test]
fn a_great_many_events_of_one_callback_all_go_out() {
    for count in [65_535, 65_536, 65_537, 200_000] {
        seeds(1, |_, _| {
            let all = pipeline::from_iter([count]).flat_map(|count: u64| (0..count).filter(|_| true));
            assert_eq!(all.fold(0, |sum, n| *sum += n).run(), Ok(count * (count - 1) / 2), "{count}");
        });
    }
}

/// Sections 3 and 15: sizes without measure are no bound, and cost nothing; a notice at every ask does no harm.
#[test]
fn sizes_without_measure_are_no_bound() {
    seeds(10, |sim, log| {
        let dispatcher = PartitionDispatcher::new(2).unwrap().queue_size(usize::MAX);
        let buffered = StageOptions::new().buffer_size(usize::MAX);
        let producer = Counter::new("p", log).up_to(100).start(buffered.dispatcher(dispatcher)).unwrap();
        let noticed = StageOptions::new().dispatcher(DemandDispatcher::new().max_demand(0));
        let second = Counter::new("q", log).up_to(10).start(noticed).unwrap();
        producer.cast(Put(range(100..200)));
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&second, demand(10, 5)).unwrap();
        sink.sync_subscribe(&producer, demand(usize::MAX, 0).partition(0)).unwrap();
        sink.sync_subscribe(&producer, demand(usize::MAX, 0).partition(1)).unwrap();
        sim.run_until_idle();
        let mut events = log.events("c");
        events.sort_unstable();
        assert!(events.into_iter().eq((0..200).flat_map(|n| std::iter::repeat_n(n, if n < 10 { 2 } else { 1 }))));
        assert!(producer.is_alive() && second.is_alive());
    });
}

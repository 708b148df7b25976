//! Back into iterators: section 18.

mod common;

use std::sync::mpsc;

use common::messages::{Boom, Die, Put};
use common::probes::{Counter, Middle, Sink};
use common::spy::Spy;
use common::{Seen, demand, range, seeds};
use genstage::core::ThreadProcess;
use genstage::prelude::*;

fn all<T>(items: impl Iterator<Item = Result<T, StreamError>>) -> Result<Vec<T>, StreamError> {
    items.collect()
}

/// Section 18: all events of a producer that ends, in order; its clean end is the end of the stream.
#[test]
fn a_stream_yields_all_events_and_ends_with_its_producer() {
    for (max, min) in [(1, 0), (10, 5), (100, 99), (1000, 500)] {
        seeds(20, |_, _| {
            let producer = from_enumerable(0..100_u64).start(StageOptions::new()).unwrap();
            assert_eq!(all(stream(&producer, demand(max, min)).unwrap()), Ok(range(0..100)));
        });
    }
}

/// Section 18: nothing is asked for before the first `next`; then a batch counts as handled when the caller pulls beyond it.
#[test]
fn a_batch_is_acknowledged_when_the_caller_pulls_beyond_it() {
    seeds(20, |sim, log| {
        let options = StageOptions::new().dispatcher(Spy::new("p", log));
        let producer = Counter::new("p", log).start(options).unwrap();
        let mut numbers = stream(&producer, demand(10, 6)).unwrap();
        sim.run_until_idle();
        assert_eq!(log.asks("p"), []);
        for n in 0..4 {
            assert_eq!(numbers.next(), Some(Ok(n)));
        }
        sim.run_until_idle();
        assert_eq!(log.asks("p"), [10]);
        assert_eq!(numbers.next(), Some(Ok(4)));
        sim.run_until_idle();
        assert_eq!(log.asks("p"), [10, 4]);
        for n in 5..9 {
            assert_eq!(numbers.next(), Some(Ok(n)));
        }
        sim.run_until_idle();
        assert_eq!(log.asks("p"), [10, 4, 4]);
    });
}

/// Section 18: a stream that is dropped early cancels upstream with reason normal, and the producer goes on without it.
#[test]
fn a_stream_dropped_early_cancels_upstream() {
    seeds(100, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let numbers = stream(&producer, demand(10, 5)).unwrap();
        assert_eq!(all(numbers.take(7)), Ok(range(0..7)));
        sim.run_until_idle();
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, ExitReason::Normal)]);
        // What was under way is not given back.
        let next = all(stream(&producer, demand(1, 0)).unwrap().take(1)).unwrap();
        assert!((10..=20).contains(&next[0]), "{next:?}");
    });
}

/// Section 18: an infinite iterator with `take`, and a producer that stops when its stream does.
#[test]
fn an_infinite_iterator_may_be_taken_from() {
    seeds(50, |sim, _| {
        let producer = from_enumerable(0..).on_cancel(OnCancel::Stop).start(StageOptions::new()).unwrap();
        assert_eq!(all(stream(&producer, SubscriptionOptions::new()).unwrap().take(2500)), Ok(range(0..2500)));
        sim.run_until_idle();
        assert_eq!(producer.exit_reason(), Some(ExitReason::Normal));
    });
}

/// A stream that was never iterated says nothing to its producer.
#[test]
fn a_stream_that_is_not_iterated_does_nothing() {
    seeds(10, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        drop(stream(&producer, demand(10, 5)).unwrap());
        sim.run_until_idle();
        assert_eq!(log.of("p"), [Seen::Init]);
    });
}

/// Section 18: bad options are an error when the stream is built.
#[test]
fn bad_options_are_refused_when_the_stream_is_built() {
    seeds(1, |_, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let error = stream(&producer, SubscriptionOptions::new().max_demand(0)).unwrap_err();
        assert_eq!(error.to_string(), "max_demand must be >= 1, got 0");
        let good = stream(&producer, demand(10, 5)).unwrap();
        let error = good.and(&producer, demand(10, 10)).unwrap_err();
        assert_eq!(error.to_string(), "min_demand must be <= 9, got 10");
    });
}

/// Section 18: several producers come in between as they arrive; each keeps its own order.
#[test]
fn several_producers_come_in_between() {
    seeds(100, |_, _| {
        let mode = Cancel::Transient;
        let a = from_enumerable(0..50_u64).start(StageOptions::new()).unwrap();
        let b = from_enumerable(100..130_u64).start(StageOptions::new()).unwrap();
        let both = stream(&a, demand(7, 3).cancel(mode)).unwrap().and(&b, demand(5, 1).cancel(mode)).unwrap();
        let (low, high): (Vec<_>, Vec<_>) = all(both).unwrap().into_iter().partition(|n| *n < 100);
        assert_eq!((low, high), (range(0..50), range(100..130)));
    });
}

/// Section 13 on a stream: the first end of a permanent producer ends it, without an error where the end is clean; the
/// other producer is cancelled.
#[test]
fn a_permanent_producer_ends_the_stream() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::other("bad")] {
        seeds(30, |sim, log| {
            let ending = Counter::new("ending", log).silent().start(StageOptions::new()).unwrap();
            let other = Counter::new("other", log).silent().start(StageOptions::new()).unwrap();
            ending.cast(Put(vec![1]));
            sim.run_until_idle();
            let mut events = stream(&ending, demand(10, 5)).unwrap().and(&other, demand(10, 5)).unwrap();
            assert_eq!(events.next(), Some(Ok(1)));
            ending.cast(Die(reason.clone()));
            let error = StreamErrorParts { producer: ending.pid(), reason: reason.clone() };
            let expected = (!reason.is_clean()).then_some(error);
            assert_eq!(events.next().map(|end| end.unwrap_err()).map(StreamErrorParts::from), expected);
            assert_eq!((events.next(), events.next()), (None, None));
            sim.run_until_idle();
            assert_eq!(log.cancels("other"), [(CancelKind::Cancel, ExitReason::Normal)]);
            assert!(other.is_alive());
        });
    }
}

#[derive(Debug, PartialEq)]
struct StreamErrorParts {
    producer: genstage::Pid,
    reason: ExitReason,
}

impl From<StreamError> for StreamErrorParts {
    fn from(error: StreamError) -> Self {
        Self { producer: error.producer, reason: error.reason }
    }
}

/// Section 13 on a stream: a transient producer may end cleanly, a temporary one anyhow; the others go on.
#[test]
fn transient_and_temporary_producers_may_end() {
    for (mode, reason, fails) in [
        (Cancel::Transient, ExitReason::Shutdown, false),
        (Cancel::Transient, ExitReason::other("bad"), true),
        (Cancel::Temporary, ExitReason::other("bad"), false),
        (Cancel::Temporary, ExitReason::Normal, false),
    ] {
        seeds(30, |_, log| {
            let ending = Counter::new("ending", log).silent().start(StageOptions::new()).unwrap();
            let going = Counter::new("going", log).silent().start(StageOptions::new()).unwrap();
            ending.cast(Put(vec![1]));
            let mut events = stream(&ending, demand(10, 5).cancel(mode)).unwrap();
            events = events.and(&going, demand(4, 2).cancel(Cancel::Transient)).unwrap();
            assert_eq!(events.next(), Some(Ok(1)));
            ending.cast(Die(reason.clone()));
            assert_eq!(ending.wait().is_err(), !reason.is_clean());
            going.cast(Put(vec![2]));
            going.cast(Die(ExitReason::Normal));
            let mut end = Vec::new();
            for event in events {
                end.push(event.map_err(|error| (error.producer, error.reason)));
            }
            let failed = vec![Err((ending.pid(), reason.clone()))];
            assert_eq!(end, if fails { failed } else { vec![Ok(2)] }, "{mode:?}, {reason}");
        });
    }
}

/// Section 18: a producer that panics gives one error, and then the stream is over.
#[test]
fn an_abnormal_end_is_one_error_and_then_the_end() {
    seeds(50, |_, log| {
        let producer = Counter::new("p", log).up_to(3).start(StageOptions::new()).unwrap();
        let mut events = stream(&producer, demand(10, 5)).unwrap();
        assert_eq!(events.by_ref().take(3).collect::<Result<Vec<_>, _>>(), Ok(range(0..3)));
        producer.cast(Boom);
        let error = events.next().unwrap().unwrap_err();
        assert_eq!(error.producer, producer.pid());
        let text = format!("the stream ended because producer {} did: panic: boom", producer.pid());
        assert_eq!(error.to_string(), text);
        assert_eq!((events.next(), events.next()), (None, None));
    });
}

/// Section 18: a producer that is dead from the start.
#[test]
fn a_dead_producer_is_an_error_unless_temporary() {
    for (mode, fails) in [(Cancel::Permanent, true), (Cancel::Transient, true), (Cancel::Temporary, false)] {
        seeds(10, |_, log| {
            let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
            producer.exit(ExitReason::Kill);
            producer.wait().unwrap_err();
            let mut events = stream(&producer, demand(10, 5).cancel(mode)).unwrap();
            assert_eq!(events.next().map(|end| end.unwrap_err().reason), fails.then_some(ExitReason::NoProc));
            assert_eq!(events.next(), None);
        });
    }
}

/// Section 18: a producer may cancel a stream like any consumer.
#[test]
fn a_producer_may_cancel_a_stream() {
    for reason in [ExitReason::Normal, ExitReason::other("enough")] {
        seeds(20, |_, log| {
            let producer = Counter::new("p", log).up_to(1).start(StageOptions::new()).unwrap();
            let mut events = stream(&producer, demand(10, 5)).unwrap();
            assert_eq!(events.next(), Some(Ok(0)));
            let Some(Seen::Subscribed(id)) = log.of("p").into_iter().find(|seen| matches!(seen, Seen::Subscribed(_)))
            else {
                panic!()
            };
            producer.cancel(id, reason.clone());
            let end = events.next().map(|end| end.unwrap_err().reason);
            assert_eq!(end, (!reason.is_clean()).then_some(reason.clone()));
            assert_eq!(events.next(), None);
        });
    }
}

/// Section 18: a stream over a stage in the middle, to the end of its source.
#[test]
fn a_stream_over_a_producer_consumer_drains_it() {
    seeds(50, |_, log| {
        let producer = from_enumerable(0..60_u64).start(StageOptions::new()).unwrap();
        let doubler = Middle::doubler("m", log).start(StageOptions::new()).unwrap();
        doubler.sync_subscribe(&producer, demand(10, 5)).unwrap();
        let events = all(stream(&doubler, demand(7, 2)).unwrap()).unwrap();
        assert_eq!(events, (0..60).flat_map(|n| [n, n]).collect::<Vec<_>>());
    });
}

/// Section 18: mail for the thread that iterates stays where it is.
#[test]
fn mail_of_the_calling_process_stays_untouched() {
    seeds(20, |_, _| {
        let here = ThreadProcess::<u8>::start().unwrap();
        here.me().send(1).unwrap();
        let producer = from_enumerable(0..10_u64).start(StageOptions::new()).unwrap();
        here.me().send(2).unwrap();
        assert_eq!(all(stream(&producer, demand(3, 1)).unwrap()), Ok(range(0..10)));
        let mail = [here.try_receive(), here.try_receive()];
        assert!(matches!(mail, [Some(genstage::core::Mail::Message(1)), Some(genstage::core::Mail::Message(2))]));
        assert!(here.try_receive().is_none());
    });
}

/// A stream and a stage share a producer as two consumers do.
#[test]
fn a_stream_shares_its_producer_with_stages() {
    seeds(50, |sim, log| {
        let producer = from_enumerable(0..100_u64).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        let streamed = all(stream(&producer, demand(10, 5)).unwrap()).unwrap();
        sim.run_until_idle();
        let mut events = [streamed, log.events("c")].concat();
        events.sort_unstable();
        assert_eq!(events, range(0..100));
    });
}

/// A consumer that sums up a stream of its own within one callback.
struct Summer;
struct SumOf(u64);

impl Consumer for Summer {
    type Event = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl HandleCall<SumOf> for Summer {
    type Reply = u64;

    fn handle_call(&mut self, SumOf(n): SumOf, _: &mut Caller<u64>, _: &mut Context<'_, Self>) -> Answer<u64> {
        let numbers = from_enumerable(0..n).start(StageOptions::new()).unwrap();
        let plus_one = map(|n: u64| n + 1).start(StageOptions::new()).unwrap();
        plus_one.sync_subscribe(&numbers, demand(10, 5)).unwrap();
        Answer::Reply(stream(&plus_one, demand(10, 5)).unwrap().map(Result::unwrap).sum())
    }
}

/// Section 18: a stream within a callback of a runtime with one worker: the wait is announced, and the producers run.
#[test]
fn a_stream_within_a_callback_does_not_stop_a_small_runtime() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let (send, sums) = mpsc::channel();
    let callers: Vec<_> = (0..4_u64)
        .map(|n| {
            let (send, summer) = (send.clone(), Summer.start(StageOptions::new()).unwrap());
            std::thread::spawn(move || send.send(summer.call(SumOf(1000 + n))).unwrap())
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
    let mut sums: Vec<_> = sums.try_iter().map(Result::unwrap).collect();
    sums.sort_unstable();
    assert_eq!(sums, (1000..1004).map(|n| n * (n + 1) / 2).collect::<Vec<_>>());
}

/// The same in simulation.
#[test]
fn a_stream_within_a_callback_works_in_simulation() {
    seeds(50, |_, _| {
        let summer = Summer.start(StageOptions::new()).unwrap();
        assert_eq!(summer.call(SumOf(100)), Ok(5050));
    });
}

/// Section 18: the end of whoever iterates ends the stream: the wait in `next` is over, and the producer hears of it.
#[test]
fn a_stream_ends_with_the_process_that_iterates_it() {
    struct Reader(mpsc::Sender<Option<ExitReason>>);
    struct Read(ProducerRef<Counter>);

    impl Consumer for Reader {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }
    }

    impl HandleCast<Read> for Reader {
        fn handle_cast(&mut self, Read(producer): Read, _: &mut Context<'_, Self>) -> Outcome {
            let mut events = stream(&producer, demand(10, 5)).unwrap();
            assert_eq!(events.next(), Some(Ok(1)));
            self.0.send(None).unwrap();
            self.0.send(events.next().and_then(Result::err).map(|error| error.reason)).unwrap();
            Outcome::Continue
        }
    }

    let log = common::Log::default();
    let producer = Counter::new("p", &log).silent().start(StageOptions::new()).unwrap();
    producer.cast(Put(vec![1]));
    let (send, ends) = mpsc::channel();
    let reader = Reader(send).start(StageOptions::new()).unwrap();
    reader.cast(Read(producer.clone()));
    assert_eq!(ends.recv(), Ok(None));
    reader.exit(ExitReason::Kill);
    assert_eq!(ends.recv(), Ok(Some(ExitReason::other(CallError::Exiting))));
    assert_eq!(reader.wait(), Err(WaitError::Ended(ExitReason::Killed)));
    // What the cancel brings is behind it in the inbox.
    while log.cancels("p").is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(log.cancels("p").len(), 1);
    producer.stop().unwrap();
}

/// A stream that cannot begin says so: an empty result would look like a producer without events.
#[test]
fn a_stream_on_a_runtime_that_is_shutting_down_is_an_error() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let inside = runtime.enter();
    let numbers = from_enumerable(0..3).start(StageOptions::new()).unwrap();
    let mut stream = stream(&numbers, SubscriptionOptions::new()).unwrap();
    runtime.shutdown(std::time::Duration::from_secs(5));
    let error = stream.next().unwrap().unwrap_err();
    assert_eq!((error.producer, error.reason), (numbers.pid(), ExitReason::Shutdown));
    assert!(stream.next().is_none());
    drop(inside);
}

/// Section 18: once all are subscribed to, the demand of the producers is let through.
#[test]
fn a_stream_lets_the_demand_of_its_producers_through() {
    seeds(30, |_, _| {
        let held = || from_enumerable(0_u64..4).start(StageOptions::new().demand(DemandMode::Accumulate)).unwrap();
        let (a, b) = (held(), held());
        let transient = demand(10, 5).cancel(Cancel::Transient);
        let both = stream(&a, transient).unwrap().and(&b, transient).unwrap();
        assert_eq!(a.demand_mode(), Ok(DemandMode::Accumulate));
        assert_eq!(both.map(Result::unwrap).sum::<u64>(), 12);
    });
}

/// Section 18: or is kept back, with the option.
#[test]
fn a_stream_may_keep_the_demand_of_its_producers_back() {
    seeds(10, |sim, _| {
        let numbers = from_enumerable(0_u64..5).start(StageOptions::new()).unwrap();
        let held = stream(&numbers, demand(2, 1)).unwrap().demand(DemandMode::Accumulate);
        let other = numbers.clone();
        genstage::core::spawn(move |mailbox: genstage::core::Mailbox<()>| async move {
            mailbox.sleep(std::time::Duration::from_secs(1)).await;
            assert_eq!(other.demand_mode(), Ok(DemandMode::Accumulate));
            other.demand(DemandMode::Forward);
        });
        // The first ask was there before the mode; what is asked for then waits for the second to be over.
        let times: Vec<_> = held.map(|event| (event.unwrap(), sim.now().as_secs())).collect();
        assert_eq!(times, [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)]);
    });
}

/// Section 18: stages in the middle have no mode; `producers` names those behind them, and nobody with an empty list.
#[test]
fn a_stream_over_stages_in_the_middle_names_its_producers() {
    seeds(30, |sim, log| {
        let numbers = from_enumerable(0_u64..4).start(StageOptions::new().demand(DemandMode::Accumulate)).unwrap();
        let middle =
            Middle::doubler("m", log).start(StageOptions::new().subscribe_to(&numbers, demand(10, 5))).unwrap();
        // Nobody's mode is touched: nothing ever comes, which in a simulation is the end.
        let mut nothing = stream(&middle, demand(10, 5).cancel(Cancel::Temporary)).unwrap().producers(&[]);
        assert!(nothing.next().is_none_or(|next| next.is_err()));
        drop(nothing);
        sim.run_until_idle();
        assert_eq!(numbers.demand_mode(), Ok(DemandMode::Accumulate));
        assert_eq!(middle.demand_mode(), Ok(DemandMode::Forward));
        let all = stream(&middle, demand(10, 5)).unwrap().producers(&[&numbers]);
        assert_eq!(all.map(Result::unwrap).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3]);
    });
}

/// Section 18 and Q24: a name that nobody has is as good as a dead producer; the others are cancelled.
#[test]
fn q24_a_name_of_nobody_ends_a_stream_and_cancels_the_others() {
    seeds(20, |sim, log| {
        let counter = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let mut names = stream(&counter, demand(10, 5)).unwrap().and(&named("nobody"), demand(10, 5)).unwrap();
        assert_eq!(names.next().unwrap().unwrap_err().reason, ExitReason::NoProc);
        assert_eq!(names.next(), None);
        // The caller survives it, and keeps the iterator: nothing more comes to it.
        sim.run_until_idle();
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, ExitReason::Normal)]);
        counter.cast(Put(vec![1]));
        sim.run_until_idle();
        assert_eq!((counter.estimate_buffered_count(), names.next()), (Ok(1), None));
        // A temporary one is skipped.
        let skipped = stream(&named::<u64>("nobody"), demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        assert_eq!(skipped.count(), 0);
    });
}

/// Section 18: a stream takes more producers while it runs. Q22: nobody is asked for that, so no answer can be lost.
#[test]
fn q22_a_stream_takes_more_producers_while_it_runs() {
    seeds(50, |sim, log| {
        let accumulate = || StageOptions::new().demand(DemandMode::Accumulate);
        let first = from_enumerable(0..20_u64).start(accumulate()).unwrap();
        let second = from_enumerable(20..40_u64).start(accumulate()).unwrap();
        let third = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let options = demand(4, 2).cancel(Cancel::Transient);
        let mut numbers = stream(&first, options).unwrap();
        let mut seen = Vec::new();
        while let Some(number) = numbers.next() {
            let number = number.unwrap();
            if number == 3 {
                assert!(numbers.add(&third, demand(4, 4)).is_err());
                numbers.add(&second, options).unwrap();
                // One that dies at once, and may.
                numbers.add(&third, demand(4, 2).cancel(Cancel::Temporary)).unwrap();
                third.exit(ExitReason::Kill);
            }
            seen.push(number);
        }
        let of = |range: std::ops::Range<u64>| seen.iter().copied().filter(move |n| range.contains(n));
        assert!(of(0..20).eq(0..20) && of(20..40).eq(20..40) && seen.len() == 40, "each in its own order");
        let fourth = from_enumerable(0..9_u64).start(StageOptions::new()).unwrap();
        numbers.add(&fourth, options).unwrap();
        assert_eq!((numbers.next(), numbers.next()), (None, None), "an end is for good");
        drop(numbers);
        sim.run_until_idle();
        assert!(!first.is_alive() && !second.is_alive() && fourth.is_alive());
    });
}

/// The end of one that was added counts as that of the others; dropped early, the stream cancels it as well.
#[test]
fn a_producer_that_was_added_is_one_like_others() {
    seeds(30, |sim, log| {
        let source = |who| Counter::new(who, log).start(StageOptions::new()).unwrap();
        let (first, second) = (source("p"), source("q"));
        let mut numbers = stream(&first, demand(4, 2)).unwrap();
        assert_eq!(numbers.next(), Some(Ok(0)));
        numbers.add(&second, demand(4, 2)).unwrap();
        assert!(numbers.by_ref().take(50).all(|number| number.is_ok()));
        sim.run_until_idle();
        drop(numbers);
        sim.run_until_idle();
        let left = [(CancelKind::Cancel, ExitReason::Normal)];
        assert_eq!((log.cancels("p"), log.cancels("q")), (left.to_vec(), left.to_vec()));

        let mut numbers = stream(&first, demand(4, 2)).unwrap();
        numbers.next();
        numbers.add(&second, demand(4, 2)).unwrap();
        assert!(numbers.by_ref().take(20).all(|number| number.is_ok()));
        second.exit(ExitReason::other("ill"));
        let error = numbers.by_ref().find_map(Result::err).unwrap();
        assert_eq!((error.producer, error.reason, numbers.next()), (second.pid(), ExitReason::other("ill"), None));
    });
}

//! Calls, casts and infos: section 16.

mod common;

use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use common::messages::{Boom, Die, Mark, Put, WhichSubscription};
use common::probes::{Counter, Sink};
use common::{Log, Seen, demand, seeds};
use genstage::core::ReplyTo;
use genstage::prelude::*;

/// Answers as it is told.
struct Desk {
    log: Log,
    kept: Vec<ReplyTo<u64>>,
}

#[derive(Debug)]
enum Request {
    Now(u64),
    /// Reply from a timer, after so long.
    After(Duration),
    /// Keep the way back for ever.
    Never,
    /// Do not even take the way back.
    Forget,
    /// Reply from another thread of the program's.
    Elsewhere(mpsc::Sender<ReplyTo<u64>>),
    Stop(ExitReason, Option<u64>),
    Panic,
    CallYourself(ConsumerRef<Desk>),
}

struct Late(ReplyTo<u64>);

impl Consumer for Desk {
    type Event = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        self.log.note("desk", Seen::Terminate(reason.clone()));
    }
}

impl HandleCall<Request> for Desk {
    type Reply = u64;

    fn handle_call(&mut self, request: Request, from: &mut Caller<u64>, cx: &mut Context<'_, Self>) -> Answer<u64> {
        match request {
            Request::Now(n) => return Answer::Reply(n),
            Request::After(delay) => drop(cx.send_after(Late(from.take().unwrap()), delay)),
            Request::Never => self.kept.extend(from.take()),
            Request::Forget => {}
            Request::Elsewhere(to) => to.send(from.take().unwrap()).unwrap(),
            Request::Stop(reason, reply) => return Answer::Stop(reason, reply),
            Request::Panic => panic!("boom"),
            Request::CallYourself(me) => {
                assert_eq!(me.call(Request::Now(1)), Err(CallError::CallingSelf));
                return Answer::Reply(7);
            }
        }
        Answer::Later
    }
}

impl HandleInfo<Late> for Desk {
    fn handle_info(&mut self, Late(to): Late, _: &mut Context<'_, Self>) -> Outcome {
        to.send(42);
        Outcome::Continue
    }
}

fn desk(log: &Log) -> ConsumerRef<Desk> {
    Desk { log: log.clone(), kept: Vec::new() }.start(StageOptions::new()).unwrap()
}

/// Section 16: a call gets its reply.
#[test]
fn a_call_gets_its_reply() {
    seeds(20, |_, log| {
        let desk = desk(log);
        assert_eq!(desk.call(Request::Now(5)), Ok(5));
        assert_eq!(desk.call(Request::Now(6)), Ok(6));
    });
}

/// Section 16: what a call emits goes out before its reply does; here there is nobody to take it, and no room.
#[test]
fn what_a_call_emits_is_dispatched_before_the_reply() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new().buffer_size(0)).unwrap();
        sim.run_until_idle();
        log.clear();
        let caller = common::Caller(log.clone());
        let mut call = Box::pin(producer.call_async(Put(vec![1, 2])));
        assert_eq!(caller.poll(call.as_mut()), Poll::Pending);
        sim.run_until_idle();
        assert_eq!(log.all(), [("p", Seen::Discarded(2)), ("caller", Seen::Info("replied"))]);
        assert_eq!(caller.poll(call.as_mut()), Poll::Ready(Ok(())));
    });
}

/// So a message that the caller sends afterwards comes behind it.
#[test]
fn events_go_out_before_the_reply() {
    seeds(200, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        consumer.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_until_idle();
        log.clear();
        assert_eq!(producer.call(Put(vec![1, 2])), Ok(()));
        consumer.cast(Mark("replied"));
        sim.run_until_idle();
        assert_eq!(log.of("c"), [Seen::Batch(vec![1, 2]), Seen::Info("replied")]);
    });
}

/// Section 16: a reply may come later; the call waits in virtual time.
#[test]
fn a_reply_may_come_later() {
    seeds(20, |sim, log| {
        let desk = desk(log);
        assert_eq!(desk.call(Request::After(Duration::from_secs(3))), Ok(42));
        assert_eq!(sim.now(), Duration::from_secs(3));
    });
}

/// Section 16: a reply may come from anywhere.
#[test]
fn a_reply_may_come_from_elsewhere() {
    seeds(20, |sim, log| {
        let desk = desk(log);
        let (send, ways_back) = mpsc::channel();
        let (report, reports) = mpsc::channel();
        let asker = {
            let desk = desk.clone();
            genstage::core::spawn(move |_: genstage::core::Mailbox<()>| async move {
                report.send(desk.call_async(Request::Elsewhere(send)).await).unwrap();
            })
        };
        sim.run_for(Duration::from_secs(1));
        assert!(reports.try_recv().is_err());
        std::thread::spawn(move || ways_back.recv().unwrap().send(9)).join().unwrap();
        sim.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(Ok(9)));
        drop(asker);
    });
}

/// Section 16: without a reply in time the caller fails, and a late reply vanishes.
#[test]
fn a_call_without_a_reply_times_out() {
    seeds(20, |sim, log| {
        let desk = desk(log);
        assert_eq!(desk.call(Request::Never), Err(CallError::Timeout));
        assert_eq!(sim.now(), Duration::from_secs(5));
        let late = desk.call_within(Request::After(Duration::from_secs(9)), Duration::from_secs(1));
        assert_eq!(late, Err(CallError::Timeout));
        assert_eq!(sim.now(), Duration::from_secs(6));
        sim.run_until_idle();
        assert_eq!(sim.now(), Duration::from_secs(14));
        assert_eq!(desk.call(Request::Now(1)), Ok(1));
    });
}

/// A call whose way back is dropped fails at once.
#[test]
fn a_call_that_is_dropped_fails_at_once() {
    seeds(20, |sim, log| {
        let desk = desk(log);
        assert_eq!(desk.call(Request::Forget), Err(CallError::NoReply));
        assert_eq!(sim.now(), Duration::ZERO);
    });
}

/// Section 16: a stop with a reply replies after `terminate`.
#[test]
fn a_stop_with_a_reply_replies_after_terminate() {
    seeds(20, |sim, log| {
        let desk = desk(log);
        let reason = ExitReason::other("closing");
        assert_eq!(desk.call(Request::Stop(reason.clone(), Some(3))), Ok(3));
        assert_eq!(log.of("desk"), [Seen::Terminate(reason.clone())]);
        sim.run_until_idle();
        assert_eq!(desk.exit_reason(), Some(reason.clone()));

        log.clear();
        let desk = self::desk(log);
        let caller = common::Caller(log.clone());
        let mut call = Box::pin(desk.call_async(Request::Stop(reason.clone(), Some(3))));
        assert_eq!(caller.poll(call.as_mut()), Poll::Pending);
        sim.run_until_idle();
        assert_eq!(log.all(), [("desk", Seen::Terminate(reason)), ("caller", Seen::Info("replied"))]);
        assert_eq!(caller.poll(call.as_mut()), Poll::Ready(Ok(3)));
    });
}

/// Section 16: a stop without a reply, or a panic, fails the caller at once with the reason.
#[test]
fn a_stage_that_ends_fails_its_callers_at_once() {
    seeds(20, |sim, log| {
        let reason = ExitReason::other("closing");
        assert_eq!(desk(log).call(Request::Stop(reason.clone(), None)), Err(CallError::Down(reason)));
        let Err(CallError::Down(ExitReason::Panic(panic))) = desk(log).call(Request::Panic) else { panic!() };
        assert_eq!(panic.message(), "boom");
        assert_eq!(sim.now(), Duration::ZERO);
    });
}

/// The same on real threads, where the caller is woken while the stage is still ending.
#[test]
fn callers_hear_the_reason_on_real_threads_too() {
    let log = Log::default();
    for _ in 0..300 {
        let reason = ExitReason::other("closing");
        assert_eq!(desk(&log).call(Request::Stop(reason.clone(), None)), Err(CallError::Down(reason)));
        let outcome = desk(&log).call(Request::Panic);
        assert!(matches!(&outcome, Err(CallError::Down(ExitReason::Panic(_)))), "{outcome:?}");
        let source = Counter::new("p", &log).silent().start(StageOptions::new()).unwrap();
        let stop = ExitReason::other("no");
        let sink = Sink::new("c", &log).manner(Manner::Stop(stop.clone())).start(StageOptions::new()).unwrap();
        let outcome = sink.sync_subscribe(&source, SubscriptionOptions::new());
        assert_eq!(outcome, Err(SubscribeError::Call(CallError::Down(stop))));
    }
}

/// Section 16: calls that wait in the inbox of a stage that ends, and those whose way back it keeps, fail with it.
#[test]
fn calls_that_wait_fail_when_the_stage_ends() {
    seeds(20, |sim, log| {
        let desk = desk(log);
        let (report, reports) = mpsc::channel();
        for _ in 0..2 {
            let (desk, report) = (desk.clone(), report.clone());
            genstage::core::spawn(move |_: genstage::core::Mailbox<()>| async move {
                report.send(desk.call_async(Request::Never).await).unwrap();
            });
        }
        sim.run_for(Duration::from_secs(1));
        desk.exit(ExitReason::Kill);
        sim.run_until_idle();
        let killed = || Err(CallError::Down(ExitReason::Killed));
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [killed(), killed()]);
    });
}

/// Section 16: calling the dead fails at once; casting and sending to them is nothing.
#[test]
fn the_dead_take_no_calls() {
    seeds(20, |sim, log| {
        let counter = Counter::new("p", log).start(StageOptions::new()).unwrap();
        counter.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        log.clear();
        assert_eq!(counter.call(WhichSubscription), Err(CallError::NoProc));
        assert_eq!(counter.estimate_buffered_count(), Err(CallError::NoProc));
        assert_eq!(counter.sync_info(Mark("x")), Err(CallError::NoProc));
        counter.cast(Boom);
        counter.send(Mark("x"));
        counter.async_info(Mark("x"));
        sim.run_until_idle();
        assert_eq!(log.all(), []);
        assert_eq!((counter.is_alive(), counter.exit_reason()), (false, Some(ExitReason::Normal)));
        assert_eq!(counter.wait(), Ok(()));
    });
}

/// A stage that calls itself is told so.
#[test]
fn a_stage_cannot_call_itself() {
    seeds(20, |_, log| {
        let desk = desk(log);
        assert_eq!(desk.call(Request::CallYourself(desk.clone())), Ok(7));
    });
}

/// Section 16: casts and infos of one sender are handled in the order in which they were sent, calls among them.
#[test]
fn messages_of_one_sender_keep_their_order() {
    seeds(100, |_, log| {
        let counter = Counter::new("p", log).start(StageOptions::new()).unwrap();
        counter.cast(Mark("1"));
        counter.send(Mark("2"));
        counter.cast(Mark("3"));
        assert_eq!(counter.call(WhichSubscription), Ok(None));
        assert_eq!(log.infos("p"), ["1", "2", "3"]);
    });
}

/// Outside of callbacks that are about a subscription, there is none.
#[test]
fn a_call_is_about_no_subscription() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).up_to(5).start(StageOptions::new()).unwrap();
        let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let id = consumer.sync_subscribe(&producer, demand(10, 5).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        assert_eq!((consumer.call(WhichSubscription), producer.call(WhichSubscription)), (Ok(None), Ok(None)));
        producer.cancel(id, ExitReason::Normal);
        sim.run_until_idle();
        assert_eq!((consumer.call(WhichSubscription), producer.call(WhichSubscription)), (Ok(None), Ok(None)));
    });
}

/// Nor is there one in `handle_demand`, which is about all consumers: the probe asserts it, also right after callbacks that are
/// about one.
#[test]
fn demand_is_about_no_subscription() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let first = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let second = Sink::new("d", log).manual().start(StageOptions::new()).unwrap();
        let options = demand(10, 5).cancel(Cancel::Temporary);
        let id = first.sync_subscribe(&producer, options).unwrap();
        producer.ask(id, 3);
        let other = second.sync_subscribe(&producer, options).unwrap();
        producer.cancel(id, ExitReason::Normal);
        producer.ask(other, 2);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [3, 2]);
        assert!(producer.is_alive());
    });
}

/// Section 2: a stop from a cast runs `terminate` and ends the stage with that reason.
#[test]
fn a_stop_runs_terminate_and_ends_the_stage() {
    seeds(20, |_, log| {
        let counter = Counter::new("p", log).start(StageOptions::new()).unwrap();
        counter.cast(Die(ExitReason::other("enough")));
        counter.cast(Mark("never"));
        assert_eq!(counter.wait(), Err(WaitError::Ended(ExitReason::other("enough"))));
        assert_eq!(log.of("p"), [Seen::Init, Seen::Terminate(ExitReason::other("enough"))]);
    });
}

/// Section 1.7: a panic ends the stage with the panic as its reason; `terminate` still runs.
#[test]
fn a_panic_ends_the_stage_with_its_message() {
    seeds(20, |_, log| {
        let counter = Counter::new("p", log).start(StageOptions::new()).unwrap();
        counter.cast(Boom);
        let Err(WaitError::Ended(ExitReason::Panic(panic))) = counter.wait() else { panic!() };
        assert_eq!(panic.message(), "boom");
        assert!(matches!(&log.of("p")[..], [Seen::Init, Seen::Terminate(ExitReason::Panic(_))]));
    });
}

/// The end of a stage is about no subscription, also when a callback that is about one brings it.
#[test]
fn terminate_is_about_no_subscription() {
    struct Last(mpsc::Sender<Option<SubscriptionId>>, fn(&mut Context<'_, Last>) -> Outcome);

    impl Consumer for Last {
        type Event = u64;

        fn handle_events(&mut self, _: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
            assert!(cx.subscription().is_some());
            (self.1)(cx)
        }

        fn terminate(&mut self, _: &ExitReason, cx: &mut Context<'_, Self>) {
            self.0.send(cx.subscription()).unwrap();
        }
    }

    let ways: [fn(&mut Context<'_, Last>) -> Outcome; 3] = [
        |_| Outcome::Stop(ExitReason::Normal),
        |_| panic!("not that"),
        // Ends with the subscription, which is permanent.
        |cx| {
            let id = cx.subscription().unwrap();
            cx.cancel(id, ExitReason::Normal);
            Outcome::Continue
        },
    ];
    for way in ways {
        seeds(10, |sim, log| {
            let (report, reports) = mpsc::channel();
            let producer = Counter::new("p", log).up_to(9).start(StageOptions::new()).unwrap();
            let last = Last(report, way).start(StageOptions::new()).unwrap();
            last.sync_subscribe(&producer, demand(10, 5)).unwrap();
            sim.run_until_idle();
            assert_eq!((reports.try_iter().collect::<Vec<_>>(), last.is_alive()), (vec![None], false));
        });
    }
}

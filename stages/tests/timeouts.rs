//! What comes after a callback: timeouts, continuations, hibernation, with the meaning they have in a server.

mod common;

use std::time::Duration;

use common::messages::Put;
use common::probes::{Counter, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// What a message tells a probe to do.
#[derive(Clone, Copy)]
enum Then {
    Wait(Duration),
    Nothing,
    Continue(u32),
    Hibernate,
    HibernateAfter(Option<Duration>),
}

struct Do(&'static str, Then);
/// The same as a call.
struct Ask(Then);
struct Left(u32);

struct Clock {
    log: Log,
    first: Then,
    /// What `handle_timeout` does.
    then: Then,
    emits: bool,
}

impl Clock {
    fn new(log: &Log) -> Self {
        Self { log: log.clone(), first: Then::Nothing, then: Then::Nothing, emits: false }
    }

    fn obey(then: Then, cx: &mut Context<'_, Self>) -> Outcome {
        match then {
            Then::Wait(time) => cx.idle_timeout(time),
            Then::Nothing => {}
            Then::Continue(times) => cx.continue_with(Left(times)),
            Then::Hibernate => cx.hibernate(),
            Then::HibernateAfter(time) => cx.hibernate_after(time),
        }
        Outcome::Continue
    }
}

impl Producer for Clock {
    type Event = u64;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        self.log.note("p", Seen::Init);
        Self::obey(self.first, cx).into()
    }

    fn handle_demand(&mut self, demand: usize, _: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(cx.subscription(), None);
        self.log.note("p", Seen::Demand(demand));
        Self::obey(self.first, cx)
    }
}

impl HandleCast<Do> for Clock {
    fn handle_cast(&mut self, Do(text, then): Do, cx: &mut Context<'_, Self>) -> Outcome {
        self.log.note("p", Seen::Info(text));
        if text == "stop" {
            let _ = Self::obey(then, cx);
            return Outcome::Stop(ExitReason::Normal);
        }
        Self::obey(then, cx)
    }
}

impl HandleCall<Ask> for Clock {
    type Reply = &'static str;

    fn handle_call(
        &mut self,
        Ask(then): Ask,
        _: &mut Caller<&'static str>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<&'static str> {
        let _ = Self::obey(then, cx);
        Answer::Reply("here")
    }
}

impl HandleContinue<Left> for Clock {
    fn handle_continue(&mut self, Left(left): Left, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(cx.subscription(), None);
        self.log.note("p", Seen::Info("continue"));
        if self.emits {
            cx.out().push(u64::from(left));
        }
        if left > 1 {
            cx.continue_with(Left(left - 1));
        }
        Outcome::Continue
    }
}

impl HandleTimeout for Clock {
    fn handle_timeout(&mut self, cx: &mut Context<'_, Self>) -> Outcome {
        assert_eq!(cx.subscription(), None);
        self.log.note("p", Seen::Info("timeout"));
        if self.emits {
            cx.out().push(7);
        }
        Self::obey(self.then, cx)
    }
}

fn start(clock: Clock) -> ProducerRef<Clock> {
    clock.start(StageOptions::new()).unwrap()
}

/// A timeout comes after its time, once, and not before.
#[test]
fn a_timeout_comes_once_when_nothing_has_come() {
    seeds(20, |sim, log| {
        let clock = start(Clock::new(log));
        clock.cast(Do("a", Then::Wait(SECOND)));
        sim.run_for(Duration::from_millis(999));
        assert_eq!(log.infos("p"), ["a"]);
        sim.run_for(Duration::from_millis(1));
        assert_eq!(log.infos("p"), ["a", "timeout"]);
        sim.run_for(10 * SECOND);
        assert_eq!(log.infos("p"), ["a", "timeout"]);
    });
}

/// Any callback ends the wait, and what it asked for is its own (G4.1, G4.2).
#[test]
fn a_callback_ends_the_wait() {
    seeds(20, |sim, log| {
        let clock = start(Clock::new(log));
        clock.cast(Do("a", Then::Wait(2 * SECOND)));
        sim.run_for(SECOND);
        clock.cast(Do("b", Then::Wait(2 * SECOND)));
        sim.run_for(SECOND);
        assert_eq!(log.infos("p"), ["a", "b"]);
        sim.run_for(SECOND);
        assert_eq!(log.infos("p"), ["a", "b", "timeout"]);
        clock.cast(Do("c", Then::Wait(SECOND)));
        clock.cast(Do("d", Then::Nothing));
        sim.run_for(10 * SECOND);
        assert_eq!(log.infos("p"), ["a", "b", "timeout", "c", "d"]);
    });
}

/// Zero comes behind what waits (G4.3).
#[test]
fn a_timeout_of_zero_comes_behind_what_waits() {
    seeds(30, |sim, log| {
        let clock = start(Clock::new(log));
        clock.cast(Do("a", Then::Wait(Duration::ZERO)));
        clock.cast(Do("b", Then::Wait(Duration::ZERO)));
        sim.run_until_idle();
        sim.run_for(Duration::ZERO);
        assert_eq!(log.infos("p"), ["a", "b", "timeout"]);
    });
}

/// From `init`, from `handle_demand`, and again from `handle_timeout`; what it emits goes out.
#[test]
fn a_timeout_may_be_set_in_any_callback_and_emit() {
    seeds(20, |sim, log| {
        let clock = Clock { first: Then::Wait(SECOND), then: Then::Wait(SECOND), emits: true, ..Clock::new(log) };
        let clock = start(clock);
        sim.run_for(SECOND);
        assert_eq!(log.infos("p"), ["timeout"]);
        let _sink = Sink::new("c", log).start(StageOptions::new().subscribe_to(&clock, demand(10, 5))).unwrap();
        sim.run_for(3 * SECOND);
        assert_eq!(log.infos("p").len(), 4);
        assert_eq!(log.events("c"), [7; 4]);
    });
}

/// What runs no callback leaves the wait alone: an ask that the buffer serves.
#[test]
fn an_ask_that_the_buffer_serves_leaves_the_wait_alone() {
    seeds(20, |sim, log| {
        let clock = start(Clock { emits: true, ..Clock::new(log) });
        clock.cast(Do("a", Then::Continue(9)));
        let sink = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&clock, demand(10, 5)).unwrap();
        sim.run_until_idle();
        clock.cast(Do("b", Then::Wait(2 * SECOND)));
        sim.run_for(SECOND);
        clock.ask(id, 3);
        sim.run_for(SECOND);
        assert_eq!(log.events("c"), [9, 8, 7]);
        assert_eq!(log.infos("p").last(), Some(&"timeout"));
    });
}

/// A continuation comes before anything that waits, and so does the next one (G3.1).
#[test]
fn a_continuation_comes_before_what_waits() {
    seeds(30, |sim, log| {
        let clock = start(Clock::new(log));
        clock.cast(Do("a", Then::Continue(3)));
        clock.cast(Do("b", Then::Nothing));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["a", "continue", "continue", "continue", "b"]);
    });
}

/// After `init` it runs before anything that waits, and the starter does not wait for it (G3.2).
#[test]
fn the_starter_does_not_wait_for_what_init_continues_with() {
    seeds(30, |sim, log| {
        let clock = start(Clock { first: Then::Continue(2), ..Clock::new(log) });
        assert!(log.infos("p").is_empty());
        clock.cast(Do("a", Then::Nothing));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["continue", "continue", "a"]);
    });
}

/// A caller has its reply before the continuation; what that emits goes out.
#[test]
fn a_caller_has_its_reply_before_the_continuation() {
    let (log, runtime) = (Log::default(), Runtime::builder().workers(1).build().unwrap());
    let _inside = runtime.enter();
    let clock = start(Clock { emits: true, ..Clock::new(&log) });
    assert_eq!(clock.call(Ask(Then::Continue(1))), Ok("here"));
    let first = stream(&clock, demand(1, 0)).unwrap().next();
    assert_eq!(first, Some(Ok(1)));

    seeds(20, |sim, log| {
        let clock = start(Clock::new(log));
        sim.run_until_idle();
        log.clear();
        let caller = common::Caller(log.clone());
        let mut call = Box::pin(clock.call_async(Ask(Then::Continue(1))));
        assert!(caller.poll(call.as_mut()).is_pending());
        sim.run_until_idle();
        assert_eq!(log.all(), [("caller", Seen::Info("replied")), ("p", Seen::Info("continue"))]);
    });
}

/// A stop wins over a continuation.
#[test]
fn a_stop_wins_over_a_continuation() {
    seeds(10, |sim, log| {
        let clock = start(Clock::new(log));
        clock.cast(Do("stop", Then::Continue(1)));
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["stop"]);
        assert_eq!(clock.exit_reason(), Some(ExitReason::Normal));
    });
}

/// A stage that hibernates goes on as before; a timeout holds as well.
#[test]
fn a_stage_that_hibernates_goes_on_as_before() {
    seeds(10, |sim, log| {
        let clock = start(Clock::new(log));
        clock.cast(Do("a", Then::Hibernate));
        sim.run_until_idle();
        clock.cast(Do("b", Then::HibernateAfter(Some(SECOND))));
        sim.run_for(5 * SECOND);
        clock.cast(Do("c", Then::Wait(SECOND)));
        sim.run_for(5 * SECOND);
        clock.cast(Do("d", Then::HibernateAfter(None)));
        sim.run_for(5 * SECOND);
        assert_eq!(log.infos("p"), ["a", "b", "c", "timeout", "d"]);
        assert!(clock.is_alive());
    });
}

/// A consumer that takes batches: each ends the wait of the one before, also within one message.
struct Batches(Log);

impl Consumer for Batches {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Batch(events.iter().copied().collect()));
        cx.continue_with(Left(1));
        cx.idle_timeout(SECOND);
        Outcome::Continue
    }
}

impl HandleContinue<Left> for Batches {
    fn handle_continue(&mut self, _: Left, cx: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Info("continue"));
        cx.idle_timeout(SECOND);
        Outcome::Continue
    }
}

impl HandleTimeout for Batches {
    fn handle_timeout(&mut self, _: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Info("timeout"));
        Outcome::Stop(ExitReason::Normal)
    }
}

/// A continuation comes after its batch and before the next of the same message; one timeout comes after the last.
#[test]
fn batches_of_one_message_are_callbacks_of_their_own() {
    seeds(20, |sim, log| {
        let counter = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let options = StageOptions::new().subscribe_to(&counter, demand(4, 2));
        let sink = Batches(log.clone()).start(options).unwrap();
        sim.run_until_idle();
        counter.cast(Put(range(0..4)));
        sim.run_for(SECOND);
        let (first, second) = (Seen::Batch(vec![0, 1]), Seen::Batch(vec![2, 3]));
        let (go_on, timeout) = (Seen::Info("continue"), Seen::Info("timeout"));
        assert_eq!(log.of("c"), [first, go_on.clone(), second, go_on, timeout]);
        assert_eq!(sink.exit_reason(), Some(ExitReason::Normal));
    });
}

struct Starter(Log);

impl Consumer for Starter {
    type Event = u64;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.idle_timeout(SECOND);
        cx.continue_with(Left(1));
        Init::Continue
    }

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl HandleContinue<Left> for Starter {
    fn handle_continue(&mut self, _: Left, cx: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Info("continue"));
        cx.idle_timeout(SECOND);
        Outcome::Continue
    }
}

impl HandleTimeout for Starter {
    fn handle_timeout(&mut self, _: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Info("timeout"));
        Outcome::Continue
    }
}

/// What `init` asks for holds also where the stage starts with subscriptions, whose callbacks come in between.
#[test]
fn subscriptions_at_the_start_do_not_undo_what_init_asked_for() {
    seeds(20, |sim, log| {
        let counter = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let options = StageOptions::new().subscribe_to(&counter, demand(4, 2));
        let _starter = Starter(log.clone()).start(options).unwrap();
        // The starter does not wait for it.
        assert!(log.infos("c").is_empty());
        sim.run_for(SECOND);
        assert_eq!(log.infos("c"), ["continue", "timeout"]);
    });
}

/// A consumer that does not come to it.
struct Busy(Log);

impl Consumer for Busy {
    type Event = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, producer: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.0.note("c", Seen::Subscribed(producer.subscription));
        Manner::Automatic
    }
}

impl HandleInfo<Left> for Busy {
    fn handle_info(&mut self, _: Left, _: &mut Context<'_, Self>) -> Outcome {
        self.0.note("c", Seen::Info("info"));
        Outcome::Continue
    }
}

/// Sections 11 and 14: calls to a stage that is busy fail after five seconds, or the time that they are given. What was
/// asked for is done all the same, when the stage comes to it.
#[test]
fn calls_to_a_busy_stage_have_a_limit() {
    seeds(10, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let busy = Busy(log.clone()).start(StageOptions::new()).unwrap();
        let options = demand(4, 2).cancel(Cancel::Temporary);
        let old = busy.sync_subscribe_within(&producer, options, SECOND).unwrap();
        assert_eq!(busy.sync_info_within(Left(1), SECOND), Ok(()));
        sim.run_until_idle();
        log.clear();

        let took = |begun: Duration| sim.now().checked_sub(begun).unwrap();
        let timeout = |begun, within| {
            assert_eq!(took(begun), within);
            Err(SubscribeError::Call(CallError::Timeout))
        };
        genstage::sys::suspend(&busy).unwrap();
        let begun = sim.now();
        let subscribed = busy.sync_subscribe_within(&producer, options, SECOND);
        assert_eq!(subscribed, timeout(begun, SECOND));
        let begun = sim.now();
        let subscribed = busy.sync_subscribe(&producer, options);
        assert_eq!(subscribed, timeout(begun, 5 * SECOND));
        let begun = sim.now();
        let again = busy.sync_resubscribe_within(old, ExitReason::Shutdown, &producer, options, 2 * SECOND);
        assert_eq!(again, timeout(begun, 2 * SECOND));
        let begun = sim.now();
        assert_eq!(busy.sync_info_within(Left(1), SECOND), Err(CallError::Timeout));
        assert_eq!(took(begun), SECOND);
        assert_eq!(log.of("c"), []);
        genstage::sys::resume(&busy).unwrap();
        sim.run_until_idle();
        assert_eq!(log.of("c").iter().filter(|seen| matches!(seen, Seen::Subscribed(_))).count(), 3);
        assert_eq!(log.infos("c"), ["info"]);
        assert_eq!(log.cancels("p"), [(CancelKind::Cancel, ExitReason::Shutdown)]);
    });
}

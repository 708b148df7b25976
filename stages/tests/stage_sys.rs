//! Looking into a running stage, and suspending it (section 16; Y1 to Y9 of the runtime rules).

mod common;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::messages::{Die, Mark, Put};
use common::probes::{Counter, Middle, Sink};
use common::{Seen, demand, range, seeds};
use genstage::core::{ChildSpec, Strategy, Supervisor};
use genstage::prelude::*;
use genstage::sys::{self, Event, Hook, StateError};
use genstage::{StageKind, StageStatus};

const SECOND: Duration = Duration::from_secs(1);

/// Emits what it is told; its state can be copied and shown.
#[derive(Clone, Debug, PartialEq)]
struct Total(u64);

struct Read;

impl Producer for Total {
    type Event = u64;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.trap_exit(true);
        Init::Continue
    }

    fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn handle_signal(&mut self, _: Signal, _: &mut Context<'_, Self>) -> Outcome {
        self.0 *= 2;
        Outcome::Continue
    }
}

impl HandleCast<u64> for Total {
    fn handle_cast(&mut self, n: u64, _: &mut Context<'_, Self>) -> Outcome {
        self.0 += n;
        Outcome::Continue
    }
}

impl HandleInfo<u64> for Total {
    fn handle_info(&mut self, n: u64, _: &mut Context<'_, Self>) -> Outcome {
        self.0 += n;
        Outcome::Continue
    }
}

impl HandleCall<Read> for Total {
    type Reply = u64;

    fn handle_call(&mut self, _: Read, _: &mut Caller<u64>, _: &mut Context<'_, Self>) -> Answer<u64> {
        Answer::Reply(self.0)
    }
}

impl HandleTimeout for Total {
    fn handle_timeout(&mut self, _: &mut Context<'_, Self>) -> Outcome {
        self.0 += 1000;
        Outcome::Continue
    }
}

impl HandleCast<Duration> for Total {
    fn handle_cast(&mut self, time: Duration, cx: &mut Context<'_, Self>) -> Outcome {
        cx.idle_timeout(time);
        Outcome::Continue
    }
}

fn total() -> ProducerRef<Total> {
    Total(0).start(StageOptions::new()).unwrap()
}

fn other(text: &'static str) -> ExitReason {
    ExitReason::other(text)
}

#[test]
fn y1_requests_wait_their_turn_and_fail_as_calls_do() {
    seeds(50, |_, _| {
        let total = total();
        total.cast(1);
        assert_eq!(sys::get_state(&total), Ok(Total(1)));
        total.stop().unwrap();
        assert_eq!(sys::get_state(&total), Err(StateError::Call(CallError::NoProc)));
        assert_eq!(sys::suspend(&Total::named("nobody")), Err(CallError::NoProc));
    });
}

#[test]
fn y2_the_state_can_be_replaced_and_a_failing_function_changes_nothing() {
    seeds(50, |_, _| {
        let total = total();
        assert_eq!(sys::replace_state(&total, |state| Total(state.0 + 5)), Ok(Total(5)));
        let Err(StateError::CallbackFailed(panic)) = sys::replace_state(&total, |_| panic!("boom")) else {
            panic!("expected the panic");
        };
        assert_eq!(panic.message(), "boom");
        assert_eq!(total.call(Read), Ok(5));
    });
}

#[test]
fn y3_a_suspended_stage_keeps_everything_in_its_order() {
    seeds(100, |sim, _| {
        let total = total();
        sys::suspend(&total).unwrap();
        sys::suspend(&total).unwrap();
        total.cast(1);
        total.exit(other("doubles"));
        total.cast(1);
        assert_eq!(total.call_within(Read, SECOND), Err(CallError::Timeout));
        assert_eq!(sys::get_state(&total), Ok(Total(0)));
        sys::resume(&total).unwrap();
        sys::resume(&total).unwrap();
        total.cast(10);
        sim.run_until_idle();
        assert_eq!(total.call(Read), Ok(13), "(0 + 1) * 2 + 1 + 10");
    });
}

/// Whichever stage of a pipeline is suspended: events, asks and the end of others wait there, and nothing is lost.
#[test]
fn y3_a_suspended_stage_holds_back_events_and_asks_and_loses_nothing() {
    for whom in 0..3 {
        seeds(50, |sim, log| {
            let counter = Counter::new("a", log).up_to(100).start(StageOptions::new()).unwrap();
            let middle = Middle::forwarder("b", log).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            let suspend = || match whom {
                0 => sys::suspend(&counter),
                1 => sys::suspend(&middle),
                _ => sys::suspend(&sink),
            };
            let resume = || match whom {
                0 => sys::resume(&counter),
                1 => sys::resume(&middle),
                _ => sys::resume(&sink),
            };
            sink.async_subscribe(&middle, demand(10, 5));
            middle.async_subscribe(&counter, demand(10, 5));
            sim.run_for(Duration::ZERO);
            suspend().unwrap();
            counter.cast(Put(range(100..200)));
            sim.run_until_idle();
            assert!(log.events("c").len() < 200, "{whom}");
            let before = log.all();
            sim.run_for(SECOND);
            assert_eq!(log.all(), before, "it stands still");
            // It shows its numbers all the same.
            assert_eq!(genstage::graph(&[&counter]).stages.len(), 3);
            resume().unwrap();
            sim.run_until_idle();
            let mut events = log.events("c");
            events.sort_unstable();
            assert_eq!(events, range(0..200));
        });
    }
}

/// The suspended consumer is told of the end of its producer behind the events that came before.
#[test]
fn y3_events_and_the_end_that_wait_keep_their_order() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).silent().start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sys::suspend(&sink).unwrap();
        counter.cast(Put(range(0..4)));
        counter.cast(Die(ExitReason::Normal));
        sink.cast(Mark("behind"));
        sim.run_until_idle();
        assert!(sink.is_alive() && log.events("b").is_empty());
        sys::resume(&sink).unwrap();
        sim.run_until_idle();
        assert_eq!(log.events("b"), range(0..4));
        assert!(log.infos("b").len() <= 1 && !sink.is_alive(), "the end of a permanent producer is its own");
        assert_eq!(log.of("b").last(), Some(&Seen::Terminate(ExitReason::Normal)));
    });
}

#[test]
fn y3_the_end_of_the_parent_and_a_stop_reach_a_suspended_stage() {
    seeds(50, |sim, _| {
        let (tell, told) = channel();
        let parent = genstage::core::spawn(move |mailbox: genstage::core::Mailbox<()>| async move {
            tell.send(Total(0).start_link(StageOptions::new()).unwrap()).unwrap();
            mailbox.receive().await;
        });
        sim.run_until_idle();
        let child = told.recv().unwrap();
        sys::suspend(&child).unwrap();
        parent.send(()).unwrap();
        sim.run_until_idle();
        assert_eq!(child.exit_reason(), Some(ExitReason::Normal));

        let total = total();
        sys::suspend(&total).unwrap();
        total.stop().unwrap();
        assert_eq!(sys::suspend(&total), Err(CallError::NoProc));
    });
}

#[test]
fn y3_the_wait_for_a_timeout_begins_anew_when_a_stage_is_resumed() {
    seeds(20, |sim, _| {
        let total = total();
        total.cast(2 * SECOND);
        sim.run_for(SECOND);
        sys::suspend(&total).unwrap();
        sim.run_for(10 * SECOND);
        assert_eq!(sys::get_state(&total), Ok(Total(0)), "a suspended stage does not wait");
        sys::resume(&total).unwrap();
        sim.run_for(SECOND);
        assert_eq!(total.whereis(), Some(total.pid()));
        sim.run_for(SECOND);
        assert_eq!(sys::get_state(&total), Ok(Total(1000)));
    });
}

#[test]
fn y4_the_status_tells_what_it_is_and_whether_it_runs() {
    seeds(20, |_, log| {
        let total = Total(0).start(StageOptions::new().buffer_size(3)).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&total, demand(10, 5)).unwrap();
        sys::suspend(&total).unwrap();
        let status = sys::get_status(&total).unwrap();
        assert_eq!((status.pid, status.suspended), (total.pid(), true));
        assert_eq!(status.state, "Total(0)");
        assert!(status.behaviour.ends_with("Total"), "{}", status.behaviour);
        sys::resume(&total).unwrap();
        let status = sys::get_status(&total).unwrap();
        assert!(!status.suspended);

        let StageStatus { dispatcher, buffer_size, demand_mode, snapshot, .. } = status.detail;
        assert!(dispatcher.unwrap().starts_with("DemandDispatcher"));
        assert_eq!((buffer_size, demand_mode), (Some(3), DemandMode::Forward));
        assert_eq!(snapshot.kind, StageKind::Producer);
        let [consumer] = &snapshot.consumers[..] else { panic!("{snapshot:?}") };
        assert_eq!((consumer.id, consumer.peer, consumer.flow.demand()), (id, sink.pid(), 10));
    });
}

#[test]
fn y5_statistics_count_what_came_and_what_was_replied() {
    seeds(50, |sim, _| {
        let total = total();
        assert_eq!(sys::statistics(&total), Ok(None));
        sys::statistics_on(&total).unwrap();
        total.cast(1);
        total.send(1);
        total.call(Read).unwrap();
        total.exit(other("x"));
        sim.run_for(SECOND);
        sys::statistics_on(&total).unwrap();
        let statistics = sys::statistics(&total).unwrap().unwrap();
        assert_eq!((statistics.messages_in, statistics.messages_out, statistics.reductions), (4, 1, 4));
        assert_eq!(statistics.current_time, statistics.start_time + SECOND, "turning it on twice does not begin anew");
        sys::statistics_off(&total).unwrap();
        assert_eq!(sys::statistics(&total), Ok(None));
    });
}

#[test]
fn y6_a_trace_tells_each_event() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).start(StageOptions::new()).unwrap();
        let (report, reports) = channel();
        sys::trace(&counter, move |event| report.send(event.to_string()).unwrap()).unwrap();
        let sink = Sink::new("b", log).stop_at(3).start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&counter, demand(4, 2)).unwrap();
        sim.run_until_idle();
        counter.cast(Mark("x"));
        counter.send(Mark("x"));
        counter.demand(DemandMode::Accumulate);
        counter.call(Put(vec![])).unwrap();
        sys::trace_off(&counter).unwrap();
        counter.cast(Mark("x"));
        sim.run_until_idle();
        let (mark, put) = (std::any::type_name::<Mark>(), std::any::type_name::<Put>());
        let told: Vec<String> = reports.try_iter().collect();
        assert_eq!(told[0], format!("got subscription {id} of {}", sink.pid()));
        assert_eq!(told[1], format!("got an ask for 4 on subscription {id}"));
        assert_eq!(told[2], format!("got an ask for 2 on subscription {id}"));
        assert!(told[3].starts_with("got the end of ") || told[3].starts_with("got down"), "{}", told[3]);
        assert_eq!(
            told[4..],
            [
                format!("got cast {mark}"),
                format!("got info {mark}"),
                "got demand mode Accumulate".to_owned(),
                format!("got call {put} from a thread"),
                format!("replied to {put} of a thread"),
            ]
        );
    });
}

#[test]
fn y7_the_log_keeps_the_last_events() {
    seeds(20, |_, _| {
        let total = total();
        sys::log_on(&total, 2).unwrap();
        total.call(Read).unwrap();
        total.cast(1);
        assert!(matches!(sys::log(&total).unwrap()[..], [Event::Reply { .. }, Event::Cast("u64")]));
        assert_eq!(sys::get_status(&total).unwrap().log.len(), 2);
        sys::log_off(&total).unwrap();
        total.cast(1);
        assert_eq!(sys::log(&total), Ok(vec![]));
    });
}

#[test]
fn y8_a_hook_stays_until_it_is_done_removed_or_panics() {
    seeds(50, |sim, _| {
        let total = total();
        let (report, reports) = channel();
        let again = report.clone();
        let once = move |_: &Event| {
            report.send("once").unwrap();
            Hook::Done
        };
        assert_eq!(sys::install(&total, "once", once), Ok(true));
        assert_eq!(sys::install(&total, "once", |_| Hook::Keep), Ok(false), "it is there already");
        sys::install(&total, "clumsy", |_| panic!("clumsy")).unwrap();
        let kept = move |_: &Event| {
            again.send("kept").unwrap();
            Hook::Keep
        };
        sys::install(&total, "kept", kept).unwrap();
        total.cast(1);
        total.cast(1);
        sim.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["once", "kept", "kept"]);
        assert_eq!(sys::remove(&total, "kept"), Ok(true));
        assert_eq!(sys::remove(&total, "kept"), Ok(false));
        total.cast(1);
        sim.run_until_idle();
        assert_eq!(reports.try_iter().count(), 0);
        assert_eq!(total.call(Read), Ok(3));
    });
}

/// A consumer and a stage in the middle are looked into alike, and so is whoever a supervisor's child is now.
#[test]
fn every_handle_of_a_stage_will_do() {
    seeds(20, |_, log| {
        let middle = Middle::forwarder("b", log).start(StageOptions::new().name("middle")).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&middle, demand(2, 1)).unwrap();
        sys::statistics_on(&Middle::named("middle")).unwrap();
        sys::statistics_on(&sink).unwrap();
        middle.cast(Put(vec![7]));
        sys::suspend(&middle).unwrap();
        assert_eq!(sys::statistics(&middle).unwrap().unwrap().messages_in, 1);
        assert_eq!(sys::statistics(&sink).unwrap().unwrap().messages_in, 1);

        let spec: ChildSpec<_> = Total(3).child_spec(StageOptions::new);
        let child = spec.handle();
        let tree = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        assert_eq!(sys::get_state(&child), Ok(Total(3)));
        tree.stop().unwrap();
        assert_eq!(sys::get_state(&child), Err(StateError::Call(CallError::NoProc)));
    });
}

//! Looking into a running server (Y1 to Y9).

mod common;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::{here, other, seeds};
use genstage_core::{
    Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Init, Outcome, ServerRef, Signal,
    dictionary, spawn, sys,
};
use sys::{Event, Hook, StateError};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq)]
struct Total(u64);

struct Read;

impl GenServer for Total {
    type Message = u64;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.trap_exit(true);
        Init::Continue
    }

    fn handle_cast(&mut self, n: u64, _: &mut Context<'_, Self>) -> Outcome {
        self.0 += n;
        Outcome::Continue
    }

    fn handle_signal(&mut self, _: Signal, _: &mut Context<'_, Self>) -> Outcome {
        self.0 *= 2;
        Outcome::Continue
    }
}

impl HandleCall<Read> for Total {
    type Reply = u64;
    fn handle_call(&mut self, _: Read, _: &mut Caller<u64>, _: &mut Context<'_, Self>) -> Answer<u64> {
        Answer::Reply(self.0)
    }
}

fn total() -> ServerRef<Total> {
    Total(0).start().unwrap()
}

#[test]
fn y1_requests_wait_their_turn_and_fail_as_calls_do() {
    seeds(50, |_| {
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
    seeds(50, |_| {
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
fn y3_a_suspended_server_keeps_everything_in_its_order() {
    seeds(100, |simulation| {
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
        simulation.run_until_idle();
        assert_eq!(total.call(Read), Ok(13), "(0 + 1) * 2 + 1 + 10");
    });
}

/// Traps exits, and tells why it terminates.
struct Loud(std::sync::mpsc::Sender<ExitReason>);

impl GenServer for Loud {
    type Message = ();

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.trap_exit(true);
        Init::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.0.send(reason.clone());
    }
}

#[test]
fn y3_the_end_of_the_parent_and_a_stop_reach_a_suspended_server() {
    seeds(50, |simulation| {
        let (tell, told) = channel();
        let (words, last) = channel();
        let own = words.clone();
        let parent = spawn(move |mailbox: genstage_core::Mailbox<()>| async move {
            tell.send(Loud(own).start_link().unwrap()).unwrap();
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        let child = told.recv().unwrap();
        sys::suspend(&child).unwrap();
        parent.send(()).unwrap();
        simulation.run_until_idle();
        assert_eq!(last.try_recv(), Ok(ExitReason::Normal), "terminate runs");
        assert_eq!(child.exit_reason(), Some(ExitReason::Normal));
        let child = Loud(words).start().unwrap();
        sys::suspend(&child).unwrap();
        assert_eq!(child.stop_with(ExitReason::Shutdown, SECOND), Ok(()));
        assert_eq!(last.try_recv(), Ok(ExitReason::Shutdown), "terminate runs");
    });
}

#[test]
fn y4_the_status_tells_what_it_is_and_whether_it_runs() {
    seeds(20, |_| {
        let total = total();
        sys::suspend(&total).unwrap();
        let status = sys::get_status(&total).unwrap();
        assert_eq!((status.pid, status.suspended), (total.pid(), true));
        assert_eq!(status.state, "Total(0)");
        assert!(status.behaviour.ends_with("Total"), "{}", status.behaviour);
        assert_eq!((status.parent, status.dictionary, status.watched_by), (None, vec![], vec![]), "a plain thread's");
        sys::resume(&total).unwrap();
        let here = here::<()>();
        let total = Total(0).start().unwrap();
        sys::replace_state(&total, |state| {
            dictionary::put("a text");
            state
        })
        .unwrap();
        sys::statistics_on(&total).unwrap();
        sys::log_on(&total, 1).unwrap();
        sys::trace(&total, |_| ()).unwrap();
        assert_eq!(sys::install(&total, "mine", |_| Hook::Keep), Ok(true));
        let status = sys::get_status(&total).unwrap();
        assert!(!status.suspended);
        assert_eq!(status.parent, Some(here.pid()));
        assert_eq!(status.dictionary, [("&str", "\"a text\"".to_owned())]);
        assert_eq!(status.watched_by, ["trace", "mine", "log", "statistics"]);
        sys::no_debug(&total).unwrap();
        assert_eq!(sys::get_status(&total).unwrap().watched_by, [""; 0]);
    });
}

#[test]
fn y5_statistics_count_what_came_and_what_was_replied() {
    seeds(50, |simulation| {
        let total = total();
        assert_eq!(sys::statistics(&total), Ok(None));
        sys::statistics_on(&total).unwrap();
        total.cast(1);
        total.cast(1);
        total.call(Read).unwrap();
        total.exit(other("x"));
        simulation.run_for(SECOND);
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
    seeds(50, |simulation| {
        let total = total();
        let (report, reports) = channel();
        sys::trace(&total, move |event| report.send(event.to_string()).unwrap()).unwrap();
        total.cast(1);
        total.call(Read).unwrap();
        total.exit(other("x"));
        simulation.run_until_idle();
        sys::trace_off(&total).unwrap();
        total.cast(1);
        simulation.run_until_idle();
        let read = std::any::type_name::<Read>();
        assert_eq!(
            reports.try_iter().collect::<Vec<_>>(),
            [
                "got cast u64".to_owned(),
                format!("got call {read} from a thread"),
                format!("replied to {read} of a thread"),
                "got exit of <0.0>: x".to_owned(),
            ]
        );
    });
}

#[test]
fn y7_the_log_keeps_the_last_events() {
    seeds(20, |_| {
        let total = total();
        sys::log_on(&total, 2).unwrap();
        total.call(Read).unwrap();
        total.cast(1);
        assert!(matches!(sys::log(&total).unwrap()[..], [Event::Reply { .. }, Event::Cast("u64")]));
        assert_eq!(sys::get_status(&total).unwrap().log.len(), 2);
        sys::log_on(&total, 0).unwrap();
        total.cast(1);
        assert_eq!(sys::log(&total), Ok(vec![]), "zero keeps none");
        sys::log_off(&total).unwrap();
        total.cast(1);
        assert_eq!(sys::log(&total), Ok(vec![]));
    });
}

#[test]
fn y8_a_hook_stays_until_it_is_done_removed_or_panics() {
    seeds(50, |simulation| {
        let total = total();
        let (report, reports) = channel();
        let say = |word: &'static str| {
            let report = report.clone();
            move || report.send(word).unwrap()
        };
        let (once, twice, clumsy, removed) = (say("once"), say("twice"), say("clumsy"), say("removed"));
        let mut left = 2;
        assert_eq!(
            sys::install(&total, "once", move |_| {
                once();
                Hook::Done
            }),
            Ok(true)
        );
        assert_eq!(sys::install(&total, "once", |_| Hook::Keep), Ok(false), "it is there already");
        sys::install(&total, "twice", move |_| {
            twice();
            left -= 1;
            if left == 0 { Hook::Done } else { Hook::Keep }
        })
        .unwrap();
        sys::install(&total, "clumsy", move |_| {
            clumsy();
            panic!("clumsy")
        })
        .unwrap();
        sys::install(&total, "removed", move |_| {
            removed();
            Hook::Keep
        })
        .unwrap();
        total.cast(1);
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["once", "twice", "clumsy", "removed"]);
        assert_eq!(sys::remove(&total, "removed"), Ok(true));
        assert_eq!(sys::remove(&total, "removed"), Ok(false));
        total.cast(1);
        total.cast(1);
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["twice"]);
        assert_eq!(total.call(Read), Ok(3));
    });
}

#[test]
fn y8_no_debug_drops_all() {
    seeds(20, |simulation| {
        let total = total();
        let (report, reports) = channel();
        sys::trace(&total, move |event| report.send(event.clone()).unwrap()).unwrap();
        sys::statistics_on(&total).unwrap();
        sys::no_debug(&total).unwrap();
        total.cast(1);
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().count(), 0);
        assert_eq!(sys::statistics(&total), Ok(None));
    });
}

#[test]
fn y2_a_state_that_panics_when_it_is_looked_at_harms_nobody() {
    struct Shy;
    impl Clone for Shy {
        fn clone(&self) -> Self {
            panic!("no copies")
        }
    }
    impl std::fmt::Debug for Shy {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no looking")
        }
    }
    impl GenServer for Shy {
        type Message = ();
    }
    seeds(20, |_| {
        let shy = Shy.start().unwrap();
        let failed = |error: Option<StateError>| match error {
            Some(StateError::CallbackFailed(panic)) => panic.message().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(failed(sys::get_state(&shy).err()), "no copies");
        assert_eq!(failed(sys::get_status(&shy).err()), "no looking");
        assert_eq!(failed(sys::replace_state(&shy, |shy| shy).err()), "no copies");
        assert!(shy.is_alive());
    });
}

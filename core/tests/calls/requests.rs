//! Requests whose outcome comes as a message (G5.11).

use std::sync::mpsc::channel;
use std::time::Duration;

use crate::common::{other, seeds};
use crate::door::*;
use genstage_core::{Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Outcome, ServerRef};

/// Asks a door and tells what came back.
struct Asker(ServerRef<Door>, std::sync::mpsc::Sender<(Duration, Result<u32, CallError>)>);

enum Asked {
    Ask(Option<Duration>),
    Itself,
    Outcome(Result<u32, CallError>),
}

impl GenServer for Asker {
    type Message = Asked;

    fn handle_cast(&mut self, message: Asked, cx: &mut Context<'_, Self>) -> Outcome {
        match message {
            Asked::Ask(None) => cx.request(&self.0, Knock, Asked::Outcome),
            Asked::Ask(Some(within)) => cx.request_within(&self.0, Knock, within, Asked::Outcome),
            Asked::Itself => cx.request(&cx.me(), Knock, Asked::Outcome),
            Asked::Outcome(outcome) => self.1.send((cx.now(), outcome)).unwrap(),
        }
        Outcome::Continue
    }
}

impl HandleCall<Knock> for Asker {
    type Reply = u32;
    fn handle_call(&mut self, _: Knock, _: &mut Caller<u32>, _: &mut Context<'_, Self>) -> Answer<u32> {
        Answer::Reply(9)
    }
}

#[test]
fn g5_11_the_outcome_of_a_request_comes_as_a_message_and_once() {
    seeds(100, |simulation| {
        let door = door();
        let (report, reports) = channel();
        let asker = Asker(door.clone(), report).start().unwrap();
        asker.cast(Asked::Ask(None));
        simulation.run_for(SECOND);
        assert!(reports.try_recv().is_err(), "it does not wait for the reply, and there is none yet");
        door.cast(Order::Open);
        simulation.run_for(10 * SECOND);
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [(SECOND, Ok(1))]);

        asker.cast(Asked::Ask(Some(2 * SECOND)));
        simulation.run_for(10 * SECOND);
        door.cast(Order::Open);
        simulation.run_for(SECOND);
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [(13 * SECOND, Err(CallError::Timeout))]);

        asker.cast(Asked::Ask(None));
        simulation.run_for(SECOND);
        door.exit(other("x"));
        simulation.run_for(SECOND);
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [(23 * SECOND, Err(CallError::Down(other("x"))))]);

        asker.cast(Asked::Ask(None));
        asker.cast(Asked::Itself);
        simulation.run_for(SECOND);
        let outcomes: Vec<_> = reports.try_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(outcomes, [Err(CallError::NoProc), Err(CallError::CallingSelf)]);
    });
}

#[test]
fn g5_11_a_panic_in_the_wrapping_function_ends_the_asker_alone() {
    struct Clumsy(ServerRef<Door>);
    impl GenServer for Clumsy {
        type Message = ();
        fn handle_cast(&mut self, (): (), cx: &mut Context<'_, Self>) -> Outcome {
            cx.request(&self.0, Heard, |_| panic!("clumsy"));
            Outcome::Continue
        }
    }
    seeds(50, |simulation| {
        let door = door();
        let clumsy = Clumsy(door.clone()).start().unwrap();
        clumsy.cast(());
        simulation.run_until_idle();
        assert!(matches!(clumsy.exit_reason(), Some(ExitReason::Panic(_))));
        assert!(door.is_alive());
    });
}

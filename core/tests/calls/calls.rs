//! Calls and casts (G5.1 to G5.7, G5.9, G5.10).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use crate::common::{here, other, seeds};
use crate::door::*;
use genstage_core::{
    Answer, CallError, Caller, ChildSpec, Context, ExitReason, GenServer, HandleCall, Mailbox, Name, Peer, Pid,
    Runtime, SendError, ServerRef, Shutdown, StartOptions, Strategy, Supervisor, spawn, spawn_with,
};

#[test]
fn g5_1_a_call_leaves_nothing_behind() {
    seeds(50, |_| {
        let (door, here) = (door(), here::<()>());
        assert_eq!(door.call(Heard), Ok(vec![]));
        door.stop().unwrap();
        assert!(here.try_receive().is_none(), "no DOWN, no late reply");
    });
}

#[test]
fn g5_2_each_failure_has_its_own_name() {
    seeds(50, |simulation| {
        assert_eq!(dead().call(Heard), Err(CallError::NoProc));
        assert_eq!(Door::named("nobody").call(Heard), Err(CallError::NoProc));
        assert_eq!(door().call(CallYourself), Ok(Err(CallError::CallingSelf)));
        assert_eq!(door().call(Forget), Err(CallError::NoReply));
        let before = simulation.now();
        assert_eq!(door().call(Knock), Err(CallError::Timeout));
        assert_eq!(simulation.now(), before + 5 * SECOND, "the default");
        assert_eq!(door().call_within(Knock, SECOND), Err(CallError::Timeout));
        assert_eq!(simulation.now(), before + 6 * SECOND);
    });
}

#[test]
fn g5_2_a_name_of_another_kind_answers_as_the_dead_do() {
    seeds(20, |_| {
        let _other = spawn_with(StartOptions::new().name("other"), |mailbox: Mailbox<u8>| async move {
            mailbox.receive().await;
        });
        let named = Door::named("other");
        assert_eq!(named.call(Heard), Err(CallError::NoProc));
        assert_eq!((named.is_alive(), named.whereis(), named.pid()), (false, None, Pid::NOBODY));
        named.cast(Order::Open);
        named.exit(ExitReason::Kill);
        assert!(Name::from("other").pid().is_some(), "a stranger is not hit");
    });
}

#[test]
fn g5_3_a_late_reply_vanishes() {
    seeds(50, |_| {
        let (door, here) = (door(), here::<()>());
        assert_eq!(door.call(Knock), Err(CallError::Timeout));
        door.cast(Order::Open);
        assert_eq!(door.call(Heard), Ok(vec![]), "the next call gets its own reply");
        assert!(here.try_receive().is_none());
    });
}

/// One timer serves all calls of a process: it moves with them, and is exact for the one that gets no answer.
#[test]
fn g5_3_a_future_that_calls_again_and_again_waits_its_whole_time_for_the_last() {
    seeds(50, |simulation| {
        let door = door();
        let (report, reports) = channel();
        let asker = door.clone();
        spawn(move |mailbox: Mailbox<()>| async move {
            for _ in 0..9 {
                asker.call_async(Heard).await.unwrap();
                mailbox.sleep(SECOND).await;
            }
            let outcome = asker.call_async(Knock).await;
            let _ = report.send((outcome, mailbox.now()));
            let outcome = asker.call_async_within(Knock, SECOND).await;
            let _ = report.send((outcome, mailbox.now()));
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok((Err(CallError::Timeout), 14 * SECOND)));
        assert_eq!(reports.try_recv(), Ok((Err(CallError::Timeout), 15 * SECOND)));
        assert_eq!(simulation.now(), 15 * SECOND, "nothing is left that would happen later");
    });
}

/// Each of several calls within one future has its own time.
#[test]
fn g5_3_calls_side_by_side_end_each_in_its_time() {
    seeds(50, |simulation| {
        let door = door();
        let (report, reports) = channel();
        let asker = door.clone();
        spawn(move |mailbox: Mailbox<()>| async move {
            let clock = &mailbox;
            let call = |seconds: u32| {
                let (asker, report) = (asker.clone(), report.clone());
                async move {
                    let outcome = asker.call_async_within(Knock, seconds * SECOND).await;
                    let _ = report.send((seconds, outcome, clock.now()));
                }
            };
            let (mut long, mut short) = (pin!(call(5)), pin!(call(2)));
            let (mut long_ends, mut short_ends) = (false, false);
            poll_fn(|task| {
                long_ends = long_ends || long.as_mut().poll(task).is_ready();
                short_ends = short_ends || short.as_mut().poll(task).is_ready();
                if long_ends && short_ends { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        simulation.run_until_idle();
        let ends: Vec<_> = reports.try_iter().collect();
        let late = |seconds| (seconds, Err(CallError::Timeout), seconds * SECOND);
        assert_eq!(ends, [late(2), late(5)]);
    });
}

/// A combinator that polls with a waker of its own is woken through that.
#[test]
fn g5_3_a_call_behind_another_waker_ends_in_its_time() {
    struct Passes(Waker);
    impl Wake for Passes {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    seeds(50, |simulation| {
        let door = door();
        let (report, reports) = channel();
        let asker = door.clone();
        spawn(move |mailbox: Mailbox<()>| async move {
            let mut call = pin!(asker.call_async_within(Knock, 3 * SECOND));
            let outcome = poll_fn(|task| {
                let waker = Waker::from(Arc::new(Passes(task.waker().clone())));
                call.as_mut().poll(&mut std::task::Context::from_waker(&waker))
            })
            .await;
            let _ = report.send((outcome, mailbox.now()));
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok((Err(CallError::Timeout), 3 * SECOND)));
    });
}

/// Wakers are the user's: a panic in one is not the fault of whoever replies.
#[test]
fn g5_4_a_waker_that_panics_does_not_end_who_replies() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    seeds(20, |simulation| {
        let door = door();
        let mut call = pin!(door.call_async(Knock));
        let mut poll = |waker: &Waker| call.as_mut().poll(&mut std::task::Context::from_waker(waker));
        assert_eq!(poll(&Waker::from(Arc::new(Panics))), Poll::Pending);
        door.cast(Order::Open);
        simulation.run_until_idle();
        assert_eq!(door.exit_reason(), None);
        assert_eq!(poll(Waker::noop()), Poll::Ready(Ok(1)));
        assert_eq!(door.call(Heard), Ok(vec![]), "it goes on");
    });
}

#[test]
fn g5_4_a_reply_may_come_later_and_from_another_process() {
    seeds(100, |simulation| {
        for (order, reply) in [(Order::Open, 1), (Order::OpenElsewhere, 2)] {
            let door = door();
            let (report, reports) = channel();
            for _ in 0..3 {
                let (door, report) = (door.clone(), report.clone());
                spawn(|_: Mailbox<()>| async move {
                    let _ = report.send(door.call_async(Knock).await);
                });
            }
            simulation.run_for(SECOND);
            assert!(reports.try_recv().is_err());
            door.cast(order);
            simulation.run_for(SECOND);
            assert_eq!(reports.try_iter().collect::<Vec<_>>(), vec![Ok(reply); 3]);
        }
    });
}

#[test]
fn g5_5_the_end_of_the_server_fails_its_callers_at_once() {
    seeds(100, |simulation| {
        for (end, reason) in [
            (ExitReason::Kill, ExitReason::Killed),
            (other("x"), other("x")),
            (ExitReason::Shutdown, ExitReason::Shutdown),
        ] {
            let door = door();
            let (report, reports) = channel();
            let asker = door.clone();
            spawn(|_: Mailbox<()>| async move {
                let _ = report.send(asker.call_async(Knock).await);
            });
            simulation.run_for(SECOND);
            door.exit(end);
            simulation.run_for(Duration::ZERO);
            assert_eq!(reports.try_recv(), Ok(Err(CallError::Down(reason))));
        }
    });
}

#[test]
fn g5_5_also_if_it_ends_normally() {
    seeds(100, |simulation| {
        let door = door();
        door.send_after(Order::Stop(ExitReason::Normal), SECOND);
        assert_eq!(door.call(Knock), Err(CallError::Down(ExitReason::Normal)));
        assert_eq!(simulation.now(), SECOND);
    });
}

#[test]
fn g5_6_a_cast_always_succeeds_and_a_send_hands_back() {
    seeds(20, |_| {
        dead().cast(Order::Open);
        Door::named("nobody").cast(Order::Open);
        assert!(door().send(Order::Note(1)).is_ok());
        let dead = dead();
        assert!(matches!(dead.send(Order::Note(7)),
            Err(SendError { process, message: Order::Note(7) }) if process == dead.pid()));
        assert!(matches!(
            Door::named("nobody").send(Order::Note(7)),
            Err(SendError { process: Pid::NOBODY, message: Order::Note(7) })
        ));
    });
}

#[test]
fn g5_7_a_cast_and_then_a_call_come_in_that_order() {
    seeds(100, |_| {
        let door = door();
        for n in 0..10 {
            door.cast(Order::Note(n));
        }
        assert_eq!(door.call(Heard), Ok((0..10).collect()));
    });
}

#[test]
fn g5_9_and_g5_10_a_server_is_found_by_pid_name_and_child_handle() {
    seeds(50, |_| {
        let door = Door::default().start_with(StartOptions::new().name("door")).unwrap();
        let named = Door::named("door");
        assert_eq!((door.whereis(), named.whereis()), (Some(door.pid()), Some(door.pid())));
        assert_eq!(Door::named("nobody").whereis(), None);
        assert_eq!(Door::named("nobody").pid(), Pid::NOBODY);
        named.cast(Order::Note(1));
        assert_eq!(door.call(Heard), Ok(vec![1]));
        assert!(named.is_alive());
        assert_eq!(Peer::from(&named).pid(), door.pid());
        named.stop().unwrap();
        assert_eq!((named.whereis(), door.is_alive()), (None, false));

        // A name finds the next incarnation, a reference stays with the dead.
        let next = Door::default().start_with(StartOptions::new().name("door")).unwrap();
        assert_eq!(named.whereis(), Some(next.pid()));
        assert_eq!(door.call(Heard), Err(CallError::NoProc));
        assert_eq!(named.call(Heard), Ok(vec![]));

        let spec = ChildSpec::new("door", || Door::default().start());
        let child = ServerRef::from(spec.handle());
        assert_eq!(child.call(Heard), Err(CallError::NoProc), "not started yet");
        assert_eq!(Name::from("nobody").pid(), None);
    });
}

#[test]
fn a_caller_is_told_from_another() {
    seeds(20, |_| {
        let door = door();
        assert_eq!(door.call(Whoami), Ok(None), "a plain thread is nobody");
        let here = here::<()>();
        assert_eq!(door.call(Whoami), Ok(Some(here.pid())));
    });
}

#[test]
fn p9_3_a_message_after_a_delay_finds_the_name_at_that_time() {
    seeds(50, |simulation| {
        let first = Door::default().start_with(StartOptions::new().name("door")).unwrap();
        Door::named("door").send_after(Order::Note(1), SECOND);
        Door::named("nobody").send_after(Order::Note(2), SECOND);
        first.send_after(Order::Note(3), SECOND);
        first.stop().unwrap();
        let second = Door::default().start_with(StartOptions::new().name("door")).unwrap();
        simulation.run_for(2 * SECOND);
        assert_eq!(second.call(Heard), Ok(vec![1]));
    });
}

#[test]
fn calls_from_threads_callbacks_and_futures_read_alike() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let door = door();
    let (report, reports) = channel();
    assert_eq!(door.call(Heard), Ok(vec![]));
    let (asked, blocking) = (door.clone(), report.clone());
    spawn(|_: Mailbox<()>| async move {
        let _ = report.send(asked.call_async(Heard).await);
        let _ = blocking.send(asked.call(Heard));
    });
    assert_eq!(reports.recv(), Ok(Ok(vec![])));
    assert_eq!(reports.recv(), Ok(Ok(vec![])));
    door.cast(Order::Trap);
    assert_eq!(door.call(Heard), Ok(vec![]));
    door.exit(other("trapped"));
    assert_eq!(door.stop(), Ok(()));
}

/// Blocks in its callback until it is let go.
struct Stuck(std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>);

struct Block;

impl GenServer for Stuck {
    type Message = ();
}

impl HandleCall<Block> for Stuck {
    type Reply = &'static str;
    fn handle_call(
        &mut self,
        _: Block,
        _: &mut Caller<&'static str>,
        _: &mut Context<'_, Self>,
    ) -> Answer<&'static str> {
        self.1.send(()).unwrap();
        let _ = self.0.recv();
        Answer::Reply("from the grave")
    }
}

#[test]
fn g5_5_one_that_is_killed_while_it_handles_a_call_says_nothing_more() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let (release, held) = channel();
    let (entered, inside) = channel();
    let stuck = Stuck(held, entered).start().unwrap();
    let (asked, (report, reports)) = (stuck.clone(), channel());
    spawn(move |_: Mailbox<()>| async move {
        let _ = report.send(asked.call_async_within(Block, Duration::MAX).await);
    });
    inside.recv().unwrap();
    stuck.exit(ExitReason::Kill);
    release.send(()).unwrap();
    assert_eq!(reports.recv(), Ok(Err(CallError::Down(ExitReason::Killed))));
}

#[test]
fn g5_5_the_caller_of_one_that_is_given_up_hears_of_it() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    for blocking in [true, false] {
        let (release, held) = channel();
        let (entered, inside) = channel();
        let way_in = std::sync::Mutex::new(Some((held, entered)));
        let spec = ChildSpec::new("stuck", move || {
            let (held, entered) = way_in.lock().unwrap().take().unwrap();
            Stuck(held, entered).start_link()
        });
        let stuck = spec.handle();
        let spec = spec.shutdown(Shutdown::BrutalKill);
        let sup = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        let stuck = stuck.get().unwrap();
        let (asked, (report, reports)) = (stuck.clone(), channel());
        spawn(move |_: Mailbox<()>| async move {
            let within = Duration::from_secs(1000);
            let outcome =
                if blocking { asked.call_within(Block, within) } else { asked.call_async_within(Block, within).await };
            let _ = report.send(outcome);
        });
        inside.recv().unwrap();
        sup.terminate_child("stuck").unwrap();
        assert_eq!(reports.recv(), Ok(Err(CallError::Down(ExitReason::Killed))));
        release.send(()).unwrap();
    }
}

#[test]
fn a_destructor_of_a_thread_local_may_call() {
    struct Bye;
    impl Drop for Bye {
        fn drop(&mut self) {
            Door::named("nobody").cast(Order::Open);
            assert_eq!(genstage_core::whereis("nobody"), None);
            let _ = Door::default().start().map(|door| door.call(Heard));
        }
    }
    thread_local! {
        static BYE: Bye = const { Bye };
    }
    let thread = std::thread::spawn(|| {
        BYE.with(|_| ());
        assert_eq!(door().call(Heard), Ok(vec![]));
        genstage_core::run(|me| me.pid());
    });
    thread.join().unwrap();
}

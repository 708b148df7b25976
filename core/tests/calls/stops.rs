//! Stops (G5.8).

use std::sync::mpsc::channel;
use std::time::Duration;

use crate::common::{here, other, seeds};
use crate::door::*;
use genstage_core::{ExitReason, GenServer, Mailbox, Runtime, StopError, spawn, sys};

#[test]
fn g5_8_a_stop_waits_behind_what_is_queued_and_for_the_end() {
    seeds(100, |_| {
        let ((door, last), here) = (heard_to_the_end(), here::<()>());
        door.cast(Order::Note(1));
        door.cast(Order::Note(2));
        assert_eq!(door.stop_with(other("over"), SECOND), Ok(()));
        assert_eq!(last.try_recv(), Ok((other("over"), vec![1, 2])), "it waits its turn, and runs terminate");
        assert_eq!(door.exit_reason(), Some(other("over")));
        assert!(here.try_receive().is_none(), "no DOWN is left");
    });
}

#[test]
fn g5_8_each_way_a_stop_can_fail() {
    seeds(50, |_| {
        assert_eq!(dead().stop(), Err(StopError::NoProc));
        assert_eq!(Door::named("nobody").stop(), Err(StopError::NoProc));
        assert_eq!(door().call(StopYourself), Ok(Err(StopError::CallingSelf)));
        let ended = door();
        ended.cast(Order::Stop(other("x")));
        assert_eq!(ended.stop(), Err(StopError::Ended(other("x"))));
        let killed = door();
        killed.exit(ExitReason::Kill);
        assert_eq!(killed.stop(), Err(StopError::Ended(ExitReason::Killed)));
    });
}

#[test]
fn g5_8_a_stop_that_takes_too_long_goes_on_without_its_caller() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let busy = door();
    let here = here::<()>();
    here.monitor(&busy);
    let (release, held) = channel::<()>();
    sys::trace(&busy, move |_| {
        let _ = held.recv();
    })
    .unwrap();
    busy.cast(Order::Note(1));
    let short = Duration::from_millis(5);
    assert_eq!(busy.stop_with(ExitReason::Normal, short), Err(StopError::Timeout));
    drop(release);
    assert_eq!(crate::common::down(&here).reason, ExitReason::Normal);
}

#[test]
fn g5_8_a_suspended_server_can_be_stopped_and_a_future_can_stop() {
    seeds(50, |simulation| {
        let (door, last) = heard_to_the_end();
        sys::suspend(&door).unwrap();
        door.cast(Order::Note(1));
        let (report, reports) = channel();
        let stopped = door.clone();
        spawn(|_: Mailbox<()>| async move {
            let _ = report.send(stopped.stop_async(ExitReason::Shutdown).await);
            let _ = report.send(stopped.stop_async(ExitReason::Shutdown).await);
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [Ok(()), Err(StopError::NoProc)]);
        assert_eq!(door.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(last.try_recv(), Ok((ExitReason::Shutdown, vec![])), "what waits behind the suspension is lost");
    });
}

#[test]
fn g5_8_a_link_hits_the_caller_of_a_stop_as_well() {
    seeds(50, |simulation| {
        let caller = spawn(|mailbox: Mailbox<()>| async move {
            let door = Door::default().start_link().unwrap();
            let _ = door.stop_with(other("x"), SECOND);
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        assert_eq!(caller.exit_reason(), Some(other("x")));
    });
}

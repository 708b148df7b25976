//! Agents (A1 to A5).

mod common;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::{here, other, seeds};
use genstage_core::{
    Agent, CallError, ChildSpec, ExitReason, Mailbox, Peer, Runtime, StartError, StartOptions, StopError, Strategy,
    Supervisor, Task, current_pid, spawn, sys,
};

#[test]
fn a1_the_value_is_made_inside_and_a_panic_fails_the_start() {
    seeds(50, |_| {
        let starter = here::<()>();
        starter.trap_exit(true);
        let agent = Agent::start_link(current_pid).unwrap();
        assert_eq!(agent.get(|made_in| *made_in), Ok(Some(agent.pid())));
        let failed = Agent::<u8>::start_link(|| panic!("no value"));
        assert!(matches!(failed, Err(StartError::Init(ExitReason::Panic(panic))) if panic.message() == "no value"));
        assert!(starter.try_receive().is_none());
    });
}

#[test]
fn a2_all_functions_see_the_same_value_in_order() {
    seeds(100, |_| {
        let agent = Agent::start(|| 1).unwrap();
        agent.cast(|n| *n += 1);
        assert_eq!(agent.update(|n| *n *= 10), Ok(()));
        assert_eq!(agent.get_and_update(|n| std::mem::replace(n, 7)), Ok(20));
        assert_eq!(agent.get(|n| *n), Ok(7));
        assert_eq!(agent.stop(), Ok(()));
        assert_eq!(agent.stop(), Err(StopError::NoProc));
        assert_eq!(agent.get(|n| *n), Err(CallError::NoProc));
        agent.cast(|n| *n += 1);
    });
}

#[test]
fn a2_from_a_future_all_functions_see_the_same_value_in_order() {
    seeds(50, |_| {
        let asked = Task::spawn(async {
            let agent = Agent::start(|| 1).unwrap();
            assert_eq!(agent.update_async(|n| *n += 9).await, Ok(()));
            assert_eq!(agent.get_and_update_async(|n| std::mem::replace(n, 7)).await, Ok(10));
            assert_eq!(agent.get_async(|n| *n).await, Ok(7));
            assert_eq!(agent.stop_async(ExitReason::Shutdown).await, Ok(()));
            assert_eq!(agent.get_async(|n| *n).await, Err(CallError::NoProc));
        });
        assert_eq!(asked.join(), Ok(()));
    });
}

#[test]
fn a2_a_slow_function_times_out_its_caller_and_runs_all_the_same() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let agent = Agent::start(|| 1).unwrap();
    let (release, held) = channel::<()>();
    let slow = move |n: &mut i32| {
        let _ = held.recv();
        *n = 2;
    };
    assert_eq!(agent.get_and_update_within(Duration::from_millis(5), slow), Err(CallError::Timeout));
    drop(release);
    assert_eq!(agent.get(|n| *n), Ok(2));
}

#[test]
fn a3_a_panic_ends_the_agent_and_its_caller_gets_the_reason() {
    seeds(50, |_| {
        let agent = Agent::start(|| 1).unwrap();
        let read: Result<(), _> = agent.get(|_| panic!("boom"));
        assert!(matches!(read, Err(CallError::Down(ExitReason::Panic(panic))) if panic.message() == "boom"));
        let agent = Agent::start(|| 1).unwrap();
        agent.cast(|_| panic!("boom"));
        assert!(matches!(agent.get(|n| *n), Err(CallError::Down(ExitReason::Panic(_)))));
    });
}

#[test]
fn a5_an_agent_is_found_by_name_and_by_its_child_handle() {
    seeds(20, |simulation| {
        let agent = Agent::start_with(StartOptions::new().name("agent"), || 5).unwrap();
        assert_eq!(Agent::named("agent").get(|n: &i32| *n), Ok(5));
        assert_eq!(Agent::<i32>::named("agent").pid(), agent.pid());
        assert_eq!(Agent::named("agent").get(|n: &u8| *n), Err(CallError::NoProc), "another type is another agent");
        let spec = ChildSpec::new("agent", || Agent::start_link(|| 1));
        let lasting = Agent::from(&spec.handle());
        assert_eq!(lasting.get(|n| *n), Err(CallError::NoProc), "not started");
        assert!(!lasting.is_alive());
        let _sup = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        lasting.update(|n| *n += 1).unwrap();
        assert_eq!(lasting.get(|n| *n), Ok(2));
        let (first, peer) = (lasting.pid(), Peer::from(&lasting));
        lasting.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(peer.exit_reason(), Some(other("x")));
        assert_eq!((lasting.get(|n| *n), lasting.exit_reason()), (Ok(1), None), "permanent, and made anew");
        assert_ne!(lasting.pid(), first);
        assert_eq!(format!("{:?}", Agent::<u8>::named("agent")), "Agent(ServerRef(\"agent\"))");
    });
}

#[test]
fn sys_sees_the_value() {
    seeds(20, |_| {
        let agent = Agent::start(|| vec![1, 2]).unwrap();
        assert_eq!(sys::get_status(agent.server()).unwrap().state, "[1, 2]");
        agent.stop_with(other("x"), Duration::MAX).unwrap();
    });
}

#[test]
fn a_future_asks_without_holding_a_thread() {
    seeds(50, |simulation| {
        let agent = Agent::start(|| 1).unwrap();
        let (report, reports) = channel();
        spawn(|_: Mailbox<()>| async move {
            let _ = report.send(agent.get_and_update_async(|n| *n + 1).await);
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(Ok(2)));
    });
}

//! Every kind of supervisor, a registry and an agent, stopped from a future (G5.8, S7.6, D12, PS7, TS7).

mod common;

use common::{here, other, seeds};
use genstage_core::{
    Agent, DynamicSupervisor, ExitReason, Mailbox, PartitionSupervisor, Registry, StartOptions, StopError, Strategy,
    Supervisor, Task, TaskSupervisor, registered, spawn_with,
};

/// What it said of the first stop, for a reason of its own, and of the second.
macro_rules! stopped_twice {
    ($handle:expr) => {{
        let handle = $handle;
        let both =
            Task::spawn(
                async move { (handle.stop_async(other("x")).await, handle.stop_async(ExitReason::Normal).await) },
            );
        both.join()
    }};
}

#[test]
fn a_stop_from_a_future_ends_each_kind_for_its_reason_and_finds_the_dead() {
    seeds(50, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let twice = Ok((Ok(()), Err(StopError::NoProc)));
        assert_eq!(stopped_twice!(Supervisor::new(Strategy::OneForOne).name("a").start_link().unwrap()), twice);
        assert_eq!(stopped_twice!(DynamicSupervisor::new().name("b").start_link().unwrap()), twice);
        assert_eq!(stopped_twice!(TaskSupervisor::new().name("c").start_link().unwrap()), twice);
        assert_eq!(stopped_twice!(Registry::<u8, ()>::unique().name("d").start_link().unwrap()), twice);
        assert_eq!(stopped_twice!(Agent::start_link(|| 0).unwrap()), twice);
        let worker =
            |_| spawn_with(StartOptions::new().link(), |mailbox: Mailbox<()>| async move { mailbox.receive().await });
        let children = PartitionSupervisor::new("e", worker).partitions(2);
        assert_eq!(stopped_twice!(children.start_link().unwrap()), twice);
        assert!(registered().is_empty());
    });
}

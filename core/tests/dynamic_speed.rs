//! What a child of a dynamic supervisor costs. Run by hand: `cargo test --release --test dynamic_speed -- --ignored --nocapture`.

use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use genstage_core::{
    Address, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef, ExitReason, Mailbox, Runtime, StartOptions,
    Started, spawn, spawn_with,
};

const CHILDREN: u32 = 100_000;

fn child() -> Started<Address<()>> {
    spawn_with(StartOptions::new().link(), |mailbox: Mailbox<()>| async move { mailbox.receive().await })
}

fn wait_until_empty(sup: &DynamicSupervisorRef) {
    while sup.count_children().is_ok_and(|counts| counts.specs > 0) {
        std::thread::yield_now();
    }
}

fn timed(what: &str, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    println!("{what}: {:?} each", start.elapsed() / CHILDREN);
}

#[test]
#[ignore = "a measurement"]
fn starts_and_ends() {
    let runtime = Runtime::builder().build().unwrap();
    let _inside = runtime.enter();
    let sup = DynamicSupervisor::new().start_link().unwrap();
    let (report, reports) = mpsc::channel();
    let starter = sup.clone();
    let mut children = Vec::new();
    timed("start, all alive", || {
        spawn(move |_: Mailbox<()>| async move {
            for _ in 0..CHILDREN {
                let _ =
                    report.send(starter.start_child_async(DynamicChildSpec::temporary(|()| child())).await.unwrap());
            }
        });
        children.extend(reports.iter());
    });
    // A fixed shuffle: neighbours in time are far apart.
    let shuffled = (0..children.len()).map(|at| &children[at * 61_813 % children.len()]);
    timed("end, in no order", || {
        shuffled.for_each(|child| child.send(()).unwrap());
        wait_until_empty(&sup);
    });
    for _ in 0..CHILDREN {
        sup.start_child(DynamicChildSpec::temporary(|()| child())).unwrap();
    }
    timed("stop of all", || sup.stop_with(ExitReason::Shutdown, Duration::MAX).unwrap());
}

//! Ten thousand idle processes use no processor time. Alone in its binary, so that no other test's time is counted.
#![cfg(target_os = "linux")]

use std::time::Duration;

use genstage_core::{Mailbox, Runtime, spawn};

/// Processor time of this process so far, in clock ticks of 10 ms: user and system, fields 14 and 15.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<_> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn idle_processes_cost_nothing() {
    let runtime = Runtime::builder().build().unwrap();
    let _inside = runtime.enter();
    let (report, reports) = std::sync::mpsc::channel();
    let all: Vec<_> = (0..10_000_u32)
        .map(|n| {
            let report = report.clone();
            spawn(move |mailbox: Mailbox<u32>| async move {
                let m = mailbox.receive().await;
                report.send(n + m).unwrap();
            })
        })
        .collect();
    // Until every search and tick has ended; and a machine that others use may need some seconds to come to rest.
    let quiet = (0..10).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        let before = ticks();
        std::thread::sleep(Duration::from_secs(1));
        let used = (ticks() - before) * 10;
        println!("10,000 idle processes: {used} ms of processor time in 1 s");
        used < 20
    });
    assert!(quiet, "never a quiet second");
    for process in &all {
        process.send(0).unwrap();
    }
    let sum: u64 = (0..10_000).map(|_| u64::from(reports.recv().unwrap())).sum();
    assert_eq!(sum, 9_999 * 10_000 / 2);
    assert_eq!(runtime.rescues(), 0);
}

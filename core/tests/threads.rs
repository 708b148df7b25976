//! Threads come and go. Alone in its binary, so that no other test's threads are counted.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use genstage_core::{Outcome, Process, ProcessContext, Runtime};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

struct Sleeper;

impl Process for Sleeper {
    type Message = Duration;

    fn handle(&mut self, time: Duration, _: &mut ProcessContext<'_, Duration>) -> Outcome {
        std::thread::sleep(time);
        Outcome::Continue
    }
}

#[test]
fn a_dropped_runtime_leaves_no_thread_behind() {
    let before = threads();
    for round in 0..20 {
        let runtime = Runtime::builder().workers(3).build().unwrap();
        {
            let _inside = runtime.enter();
            // Some rounds with threads that stand in or stand by.
            for _ in 0..round % 4 * 2 {
                Sleeper.start().unwrap().send(Duration::from_millis(10)).unwrap();
            }
        }
        assert!(threads() > before);
        if round % 2 == 0 {
            drop(runtime);
        } else {
            assert_eq!(runtime.shutdown(Duration::from_secs(10)), []);
        }
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while threads() > before {
        assert!(Instant::now() < deadline, "{} threads are left", threads() - before);
        std::thread::sleep(Duration::from_millis(5));
    }
}

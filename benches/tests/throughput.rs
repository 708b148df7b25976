//! The program as it is run.

use std::process::{Command, Output};

fn throughput(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_throughput")).args(args).output().expect("the program starts")
}

fn output(args: &[&str]) -> String {
    let output = throughput(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is text")
}

#[test]
fn every_engine_delivers_every_event_whatever_the_size() {
    for scale in ["0.00000001", "0.00001", "0.000012345", "0.001"] {
        output(&["--runs", "1", "--scale", scale, "--json"]);
    }
}

#[test]
fn the_table_has_one_header_and_json_none() {
    let small = ["--engine", "direct", "--runs", "1", "--scale", "0.0001"];
    let table = output(&small);
    assert_eq!(table.matches("scenario").count(), 1);
    assert_eq!(table.lines().count(), 1 + 12, "one line for each scenario that it runs");

    let json = output(&[&small[..], &["--json"]].concat());
    assert!(json.lines().all(|line| line.starts_with('{')));
    assert_eq!(json.lines().count(), 12);
}

#[test]
fn an_idle_process_takes_some_memory_and_not_much() {
    let printed = output(&["--resident", "idle", "tokio", "10000"]);
    let bytes: f64 = printed.trim().parse().expect("a number");
    assert!((100.0..10_000.0).contains(&bytes), "{bytes}");
}

#[test]
fn a_slow_consumer_holds_its_producer_back_whatever_the_number_of_events() {
    let most = |engine: &str, events: &str| -> f64 {
        output(&["--resident", "memory-1m", engine, events]).trim().parse().expect("a number")
    };
    let (short, long) = (most("genstage", "500000"), most("genstage", "5000000"));
    // Two batches of 4 KB are in flight; the system counts in steps of some hundred kilobytes.
    assert!(short < 2e6 && long < 2e6, "{short} bytes for 500,000 events, {long} for 5,000,000");
}

#[test]
fn an_engine_without_idle_processes_says_so() {
    let output = throughput(&["--resident", "idle", "direct", "10"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not run this scenario"));
}

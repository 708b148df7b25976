//! What a lookup costs, from one thread and from two. To be run by hand:
//! `cargo test --release -p genstage-core --test registry_speed -- --ignored --nocapture`

mod common;

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Job, actor, here};
use genstage_core::{Registry, RegistryRef};

const KEYS: usize = 1000;
const LOOKUPS: u32 = 20_000;
const ROUNDS: usize = 300;

/// Nanoseconds for each lookup, as one of so many threads sees it; the best of many short rounds, as others may use the machine.
fn measure(threads: usize, lookup: impl Fn(usize) + Sync) -> f64 {
    let start = Barrier::new(threads);
    let run = &|thread: usize| {
        let round = |_| {
            start.wait();
            let begin = Instant::now();
            (0..LOOKUPS as usize).for_each(|at| lookup((at * 7 + thread * 501) % KEYS));
            begin.elapsed()
        };
        (0..ROUNDS).map(round).min().unwrap_or(Duration::ZERO)
    };
    let best = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap_or(Duration::ZERO)
    });
    best.as_secs_f64() * 1e9 / f64::from(LOOKUPS)
}

#[test]
#[ignore = "a measurement"]
fn lookups_from_two_threads_against_one() {
    let here = here::<()>();
    let names: Vec<_> = (0..KEYS).map(|key| format!("room {key}")).collect();
    let rooms: RegistryRef<String, u64> = Registry::unique().start_link().unwrap();
    let numbers: RegistryRef<u64, u64> = Registry::unique().start_link().unwrap();
    let topics: RegistryRef<u64, u64> = Registry::duplicate().start_link().unwrap();
    let holders: Vec<_> = (0..KEYS).map(|_| actor()).collect();
    for ((key, name), holder) in (0..).zip(&names).zip(&holders) {
        let (rooms, numbers, topics, name) = (rooms.clone(), numbers.clone(), topics.clone(), name.clone());
        let (done, is_done) = channel();
        let work: Job = Box::new(move || {
            rooms.register(name, 1).unwrap();
            numbers.register(key, 1).unwrap();
            (0..4).for_each(|value| drop(topics.register(key, value).unwrap()));
            done.send(()).unwrap();
        });
        holder.send(work).unwrap_or_else(|_| panic!("alive"));
        is_done.recv().unwrap();
    }
    let absent: Vec<_> = (0..KEYS).map(|key| format!("no room {key}")).collect();
    println!("| ns for each lookup | 1 thread | 2 threads |\n|---|---|---|");
    let row = |what: &str, lookup: &(dyn Fn(usize) + Sync)| {
        println!("| {what} | {:.0} | {:.0} |", measure(1, lookup), measure(2, lookup));
    };
    row("`get`, absent text", &|key| drop(black_box(rooms.get(absent[key].as_str()))));
    row("`whereis`, text", &|key| drop(black_box(rooms.whereis(names[key].as_str()))));
    row("`get`, text", &|key| drop(black_box(rooms.get(names[key].as_str()))));
    row("`get`, number", &|key| drop(black_box(numbers.get(&(key as u64)))));
    row("`lookup`, number", &|key| drop(black_box(numbers.lookup(&(key as u64)))));
    row("`lookup`, number, 4 entries", &|key| drop(black_box(topics.lookup(&(key as u64)))));
    let start = Instant::now();
    for key in 0..100_000_u64 {
        numbers.register(key + 10_000, 1).unwrap();
    }
    let register = start.elapsed().as_nanos() / 100_000;
    let start = Instant::now();
    for key in 0..100_000_u64 {
        numbers.unregister(&(key + 10_000));
    }
    println!("register {register} ns, unregister {} ns", start.elapsed().as_nanos() / 100_000);
    drop(here);
}

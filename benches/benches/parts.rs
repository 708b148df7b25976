//! What does each part of the way of a batch cost?
//!
//! Demand arithmetic and inbox are private: they are measured through the nearest public call, which the name of the bench
//! says. What a batch takes from end to end less what the dispatcher takes is theirs.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::sync::mpsc::channel;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use genstage::Dispatcher;
use genstage::core::{Mailbox, Process, ProcessContext, monotonic_time, send_after, spawn};
use genstage::dispatchers::{Deliveries, Subscriber};
use genstage::prelude::*;

/// Events of a batch.
const BATCH: usize = 500;

/// Consumers of a dispatcher.
const CONSUMERS: u64 = 4;

/// Each consumer asks for a batch, and gets what there then is demand for; emptied batches go back.
fn dispatch(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch, events");
    let partitions = usize::try_from(CONSUMERS).expect("there are four");
    let partition = PartitionDispatcher::new(partitions).expect("there are partitions");
    let dispatchers: [(&str, u64, Box<dyn Dispatcher<u64>>); 4] = [
        ("demand, one consumer", 1, Box::new(DemandDispatcher::new())),
        ("demand, four consumers", CONSUMERS, Box::new(DemandDispatcher::new())),
        ("broadcast, four consumers", CONSUMERS, Box::new(BroadcastDispatcher::new())),
        ("partition, four consumers", CONSUMERS, Box::new(partition)),
    ];
    for (name, consumers, mut dispatcher) in dispatchers {
        let mut out = Deliveries::new();
        let ids: Vec<_> = (1..=consumers).map(SubscriptionId::new).collect();
        for (place, id) in ids.iter().enumerate() {
            let mut subscriber = Subscriber::new(2 * BATCH, BATCH);
            if name.starts_with("partition") {
                subscriber = subscriber.partition(place);
            }
            dispatcher.subscribe(*id, &subscriber).expect("there is room for it");
            dispatcher.ask(*id, BATCH, &mut out);
        }
        let mut events: Vec<u64> = Vec::new();
        let mut emptied = Vec::new();
        let mut next = 0;
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let demand = (dispatcher.demand() as u64).min(BATCH as u64);
                events.extend(next..next + demand);
                next += demand;
                dispatcher.dispatch(&mut events, &mut out);
                emptied.extend(out.drain());
                for delivery in emptied.drain(..) {
                    let (to, taken) = (delivery.to, black_box(delivery.batch.len()));
                    if let Some(batch) = delivery.batch.into_empty() {
                        out.recycle(batch);
                    }
                    dispatcher.ask(to, taken, &mut out);
                }
            });
        });
    }
    group.finish();
}

/// Asks, arithmetic and inboxes of both sides around the smallest batch: a pipeline with one event in flight.
fn demand(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    c.bench_function("demand arithmetic and two inboxes, through a stream with max_demand 1", |b| {
        let numbers = from_enumerable(0_u64..).start(StageOptions::new()).expect("the runtime is up");
        let mut stream = stream(&numbers, SubscriptionOptions::new().max_demand(1)).expect("one is in bounds");
        b.iter(|| black_box(stream.next()));
    });
}

/// A producer that emits what nobody asked for: it goes through the buffer.
struct Gusher;

struct Gush(usize);

impl Producer for Gusher {
    type Event = u64;

    fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl HandleCall<Gush> for Gusher {
    type Reply = ();

    fn handle_call(&mut self, Gush(events): Gush, _: &mut Caller<()>, cx: &mut Context<'_, Self>) -> Answer<()> {
        cx.out().extend(0..events as u64);
        Answer::Reply(())
    }
}

fn buffer(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    let mut group = c.benchmark_group("buffer, through a call");
    for events in [0, BATCH, 10 * BATCH] {
        let gusher = Gusher.start(StageOptions::new().buffer_size(BATCH)).expect("the runtime is up");
        group.bench_function(format!("{events} events into a full buffer of {BATCH}"), |b| {
            b.iter(|| gusher.call(Gush(events)).expect("it lives"));
        });
        gusher.stop().expect("it lives");
    }
    group.finish();
}

/// Tells when the last of its messages is there.
struct Counter {
    left: u64,
    done: std::sync::mpsc::Sender<()>,
}

impl Process for Counter {
    type Message = u64;

    fn handle(&mut self, sent: u64, _: &mut ProcessContext<'_, u64>) -> Outcome {
        if self.left == 0 {
            self.left = sent;
        }
        self.left -= 1;
        if self.left == 0 {
            let _ = self.done.send(());
        }
        Outcome::Continue
    }
}

fn inbox(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    let (done, is_done) = channel();
    let counter = Counter { left: 0, done }.start().expect("the runtime is up");
    let mut group = c.benchmark_group("inbox, messages");
    for messages in [1_u64, 1000] {
        group.throughput(Throughput::Elements(messages));
        group.bench_function(format!("send and drain {messages}"), |b| {
            b.iter(|| {
                for _ in 0..messages {
                    counter.send(messages).expect("it lives");
                }
                is_done.recv().expect("it lives");
            });
        });
    }
    group.finish();
}

fn start(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    c.bench_function("spawn, until its first step", |b| {
        let (started, has_started) = channel();
        b.iter(|| {
            let started = started.clone();
            spawn(move |_: Mailbox<()>| async move {
                let _ = started.send(());
            });
            has_started.recv().expect("it runs");
        });
    });
}

fn timers(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    let (done, _is_done) = channel();
    let counter = Counter { left: 0, done }.start().expect("the runtime is up");
    c.bench_function("timer, insert and cancel", |b| {
        b.iter(|| send_after(&counter, 1, black_box(Duration::from_secs(60))).cancel());
    });
    c.bench_function("clock, read", |b| b.iter(monotonic_time));
}

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = dispatch, demand, buffer, inbox, start, timers
}
criterion_main!(parts);

//! What does each part of the way of a batch cost?
//!
//! Demand arithmetic and buffer are private: they are measured through the nearest that is public, in a simulation, which runs
//! all of it on the thread that measures. What needs a runtime is measured by a process inside of it, on the one worker there is,
//! which looks at the clock before the first round and after the last: no thread is woken meanwhile.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use genstage::Dispatcher;
use genstage::core::{
    Address, ExitReason, Mailbox, Process, ProcessContext, Signal, monotonic_time, send_after, spawn, spawn_monitor,
};
use genstage::dispatchers::{Deliveries, Subscriber};
use genstage::prelude::*;

/// Events of a batch.
const BATCH: usize = 500;

/// Consumers of a dispatcher.
const CONSUMERS: u64 = 4;

/// All that a dispatcher has to do with a batch: the asks of its consumers, the hand-out, and the way back of the emptied batches.
/// The events are made beforehand, so each round has two looks at the clock, of which one is part of the time: see
/// `clock, a look`.
fn dispatch(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch of a batch of 500");
    group.throughput(Throughput::Elements(BATCH as u64));
    let partitions = usize::try_from(CONSUMERS).expect("there are four");
    let partition = PartitionDispatcher::new(partitions).expect("there are partitions");
    let dispatchers: [(&str, u64, Box<dyn Dispatcher<u64>>); 5] = [
        ("demand, one consumer", 1, Box::new(DemandDispatcher::new())),
        ("demand, four consumers", CONSUMERS, Box::new(DemandDispatcher::new())),
        ("demand, fair, four consumers", CONSUMERS, Box::new(DemandDispatcher::new().fair())),
        ("broadcast, four consumers", CONSUMERS, Box::new(BroadcastDispatcher::new())),
        ("partition, four consumers", CONSUMERS, Box::new(partition)),
    ];
    for (name, consumers, mut dispatcher) in dispatchers {
        let mut out = Deliveries::new();
        for (place, id) in (1..=consumers).map(SubscriptionId::new).enumerate() {
            let mut subscriber = Subscriber::new(2 * BATCH, BATCH);
            if name.starts_with("partition") {
                subscriber = subscriber.partition(place);
            }
            dispatcher.subscribe(id, &subscriber).expect("there is room for it");
            dispatcher.ask(id, 2 * BATCH, &mut out);
        }
        let mut events: Vec<u64> = Vec::new();
        let mut emptied = Vec::new();
        let mut next = 0;
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    assert!(dispatcher.demand() >= BATCH, "all events of a round find demand");
                    events.extend(next..next + BATCH as u64);
                    next += BATCH as u64;
                    let start = Instant::now();
                    dispatcher.dispatch(black_box(&mut events), &mut out);
                    emptied.extend(out.drain());
                    for delivery in emptied.drain(..) {
                        let (to, taken) = (delivery.to, black_box(delivery.batch.len()));
                        if let Some(batch) = delivery.batch.into_empty() {
                            out.recycle(batch);
                        }
                        dispatcher.ask(to, taken, &mut out);
                    }
                    took += start.elapsed();
                    assert!(events.is_empty(), "and none is left");
                }
                took
            });
        });
    }
    group.finish();
}

/// A batch from an ask to the next, with the inboxes of both sides and all arithmetic, on this thread: the nearest to the demand
/// arithmetic of a stage that is public. Of a batch of one next to nothing else is left.
fn demand(c: &mut Criterion) {
    let mut group = c.benchmark_group("demand, a batch through a simulated stream");
    for size in [1, BATCH] {
        Simulation::new(1).run(|_| {
            let numbers = from_enumerable(0_u64..).start(StageOptions::new()).expect("nothing forbids it");
            let options = SubscriptionOptions::new().max_demand(2 * size);
            let mut stream = stream(&numbers, options).expect("the numbers are in bounds");
            group.throughput(Throughput::Elements(size as u64));
            group.bench_function(format!("of {size}"), |b| {
                b.iter(|| {
                    for _ in 0..size {
                        black_box(stream.next());
                    }
                });
            });
        });
    }
    group.finish();
}

/// A producer that emits when it is told to, so that what nobody has asked for waits in the buffer.
struct Gusher;

struct Gush;

impl Producer for Gusher {
    type Event = u64;

    fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

impl HandleCast<Gush> for Gusher {
    fn handle_cast(&mut self, _: Gush, cx: &mut Context<'_, Self>) -> Outcome {
        cx.out().extend(0..BATCH as u64);
        Outcome::Continue
    }
}

/// Leaves it to others to ask.
struct Taker;

impl Consumer for Taker {
    type Event = u64;

    fn handle_subscribe(&mut self, _: &Partner, _: &mut Context<'_, Self>) -> Manner {
        Manner::Manual
    }

    fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        black_box(events.as_slice());
        Outcome::Continue
    }
}

/// The same batch past the buffer and through it: what is more is the buffer's. On this thread, simulated.
fn buffer(c: &mut Criterion) {
    let mut group = c.benchmark_group("buffer, a batch of 500");
    group.throughput(Throughput::Elements(BATCH as u64));
    let gusher = || Gusher.start(StageOptions::new().buffer_size(BATCH)).expect("nothing forbids it");
    for name in ["asked for beforehand: past it", "asked for afterwards: in and out"] {
        Simulation::new(1).run(|simulation| {
            let (gusher, taker) = (gusher(), Taker.start(StageOptions::new()).expect("nothing forbids it"));
            let subscription = taker.sync_subscribe(&gusher, SubscriptionOptions::new()).expect("both live");
            group.bench_function(name, |b| {
                b.iter(|| {
                    if name.contains("beforehand") {
                        gusher.ask(subscription, BATCH);
                        simulation.run_until_idle();
                        gusher.cast(Gush);
                    } else {
                        gusher.cast(Gush);
                        simulation.run_until_idle();
                        gusher.ask(subscription, BATCH);
                    }
                    simulation.run_until_idle();
                });
            });
        });
    }
    Simulation::new(1).run(|simulation| {
        let gusher = gusher();
        group.bench_function("into a full one, each discards the oldest", |b| {
            b.iter(|| {
                gusher.cast(Gush);
                simulation.run_until_idle();
            });
        });
    });
    group.finish();
}

/// Runs a process with this body, on the only worker, and gives what it says it took.
fn inside<F>(body: impl FnOnce(Mailbox<()>) -> F + Send + 'static) -> Duration
where
    F: Future<Output = Duration> + Send + 'static,
{
    let (report, reports) = channel();
    spawn(move |mailbox| async move {
        let _ = report.send(body(mailbox).await);
    });
    reports.recv().expect("the process ends well")
}

/// Says so to whoever a message names.
struct Reader;

impl Process for Reader {
    type Message = Option<Address<()>>;

    fn handle(&mut self, last: Self::Message, _: &mut ProcessContext<'_, Self::Message>) -> Outcome {
        if let Some(sender) = last {
            let _ = sender.send(());
        }
        Outcome::Continue
    }
}

fn inbox(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    let reader = Reader.start().expect("the runtime is up");
    let mut group = c.benchmark_group("inbox");
    for messages in [1_u64, 1000] {
        group.throughput(Throughput::Elements(messages));
        let name = format!("send {messages}, drain, and one message back");
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let reader = reader.clone();
                inside(move |mailbox| async move {
                    let start = Instant::now();
                    for _ in 0..rounds {
                        for _ in 1..messages {
                            reader.send(None).expect("it lives");
                        }
                        reader.send(Some(mailbox.me().clone())).expect("it lives");
                        mailbox.receive().await;
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
}

fn start(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    c.bench_function("spawn, run, end, and the notice of the end", |b| {
        b.iter_custom(|rounds| {
            inside(move |mailbox| async move {
                let start = Instant::now();
                for _ in 0..rounds {
                    let (_, monitor) = spawn_monitor(|_: Mailbox<()>| async {});
                    let signal = mailbox.receive_signal().await;
                    assert!(matches!(signal, Signal::Down(down)
                        if Some(down.monitor) == monitor && down.reason == ExitReason::Normal));
                }
                start.elapsed()
            })
        });
    });
}

fn timers(c: &mut Criterion) {
    let runtime = Runtime::builder().workers(1).build().expect("the runtime starts");
    let _inside = runtime.enter();
    let reader = Reader.start().expect("the runtime is up");
    let mut group = c.benchmark_group("timer, insert and cancel");
    let minute = Duration::from_secs(60);
    for others in [0, 10_000] {
        let pending: Vec<_> = (0..others).map(|_| send_after(&reader, None, minute)).collect();
        group.bench_function(format!("beside {others} others"), |b| {
            b.iter(|| {
                let left = send_after(&reader, None, black_box(minute)).cancel();
                assert!(left.is_some(), "it had not fired");
            });
        });
        for timer in pending {
            let _ = timer.cancel();
        }
    }
    group.finish();
    c.bench_function("clock, a look", |b| b.iter(monotonic_time));
}

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = dispatch, demand, buffer, inbox, start, timers
}
criterion_main!(parts);

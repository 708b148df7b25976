//! What waits reads alike in a thread, in a callback and in a future, where its name ends in `_async` and no thread is held.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread::{Thread, current, park};
use std::time::Duration;

use common::messages::{Mark, Put, WhichSubscription};
use common::probes::{Counter, Middle, Sink};
use common::{Seen, demand, range, seeds};
use genstage::core::{Mailbox, TerminateChildError, processes, spawn};
use genstage::pipeline::{self, PipelineError};
use genstage::prelude::*;
use genstage::{StartEventChildError, graph_async, snapshot_async};

/// The outcome of a future that a process of its own awaits.
fn awaited<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    genstage::core::Task::spawn(future).join_within(Duration::MAX).unwrap()
}

/// A thread of no runtime's, as an executor has it.
struct Elsewhere(Thread);

impl Wake for Elsewhere {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Elsewhere(current())));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Task::from_waker(&waker)) {
            return value;
        }
        park();
    }
}

#[test]
fn a_stage_says_the_same_to_a_future() {
    seeds(50, |sim, log| {
        let accumulate = StageOptions::new().demand(DemandMode::Accumulate);
        let producer = Counter::new("p", log).silent().start(accumulate).unwrap();
        let middle = Middle::forwarder("m", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
        let (source, step, end) = (producer.clone(), middle.clone(), sink.clone());
        let (first, second) = awaited(async move {
            let temporary = demand(10, 5).cancel(Cancel::Temporary);
            step.sync_subscribe_async(&source, demand(10, 5)).await.unwrap();
            let first = end.sync_subscribe_async(&step, temporary).await.unwrap();
            let second = end.sync_resubscribe_async(first, ExitReason::Normal, &step, temporary).await.unwrap();
            assert_eq!(source.demand_mode_async().await, Ok(DemandMode::Accumulate));
            assert_eq!(step.demand_mode_async().await, Ok(DemandMode::Forward));
            source.demand(DemandMode::Forward);
            source.call_async(Put(range(0..3))).await.unwrap();
            source.sync_info_async(Mark("behind them")).await.unwrap();
            assert_eq!(end.call_async_within(WhichSubscription, Duration::from_secs(1)).await, Ok(None));
            (first, second)
        });
        sim.run_until_idle();
        assert_eq!(log.cancels("c"), [(CancelKind::Cancel, ExitReason::Normal)]);
        assert_eq!(log.of("c")[..2], [Seen::Subscribed(first), Seen::Subscribed(second)]);
        assert_eq!(log.infos("p"), ["behind them"]);

        producer.call(Put(range(3..100))).unwrap();
        let counted = (producer.estimate_buffered_count(), producer.snapshot().unwrap().emitted);
        assert_eq!(counted, (Ok(90), 100));
        let edges = genstage::graph(&[&sink]).edges;
        assert_eq!(edges.len(), 2);
        let (source, named) = (producer.clone(), producer.clone());
        let told = awaited(async move {
            let counted =
                (source.estimate_buffered_count_async().await, source.snapshot_async().await.unwrap().emitted);
            assert_eq!(snapshot_async(&source).await.unwrap().emitted, counted.1);
            (counted, graph_async(&[&source]).await.edges)
        });
        assert_eq!(told, (counted, edges));
        let asked = genstage::core::Task::spawn(move || named.snapshot().unwrap().emitted);
        assert_eq!(asked.join(), Ok(100), "in a callback");
    });
}

#[test]
fn a_future_is_told_what_went_wrong() {
    seeds(30, |_, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let bad = sink.sync_subscribe(&producer, demand(0, 0)).unwrap_err();
        let (source, end) = (producer.clone(), sink.clone());
        assert_eq!(awaited(async move { end.sync_subscribe_async(&source, demand(0, 0)).await }), Err(bad));
        sink.stop().unwrap();
        producer.stop().unwrap();
        awaited(async move {
            let dead = CallError::NoProc;
            let subscribed = sink.sync_subscribe_async(&producer, demand(2, 1)).await;
            assert_eq!(subscribed, Err(SubscribeError::Call(dead.clone())));
            assert_eq!(producer.sync_info_async(Mark("")).await, Err(dead.clone()));
            assert_eq!(producer.demand_mode_async().await, Err(dead.clone()));
            assert_eq!(producer.estimate_buffered_count_async().await, Err(dead.clone()));
            assert_eq!(producer.snapshot_async().await.unwrap_err(), dead);
            assert_eq!(snapshot_async(&sink).await.unwrap_err(), dead);
            assert_eq!(graph_async(&[&sink]).await.unreachable, [(sink.pid(), dead)]);
        });
    });
}

#[test]
fn a_future_drains_as_a_thread_does() {
    let within = Duration::from_secs(5);
    seeds(30, |_, log| {
        let drained = |drain: &dyn Fn(ProducerRef<Counter>) -> DrainReport| {
            let producer = Counter::new("p", log).up_to(40).start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&producer, demand(10, 5)).unwrap();
            let report = drain(producer);
            let [source, end] = &report.stages[..] else { panic!("{report:?}") };
            assert_eq!((source.snapshot.emitted, sink.is_alive()), (end.handled(), false));
            report.is_complete()
        };
        assert!(drained(&|producer| drain(&[&producer], within)));
        assert!(drained(&|producer| awaited(drain_async(&[&producer], within))));
        assert!(drained(&|producer| awaited(async move { producer.drain_async(within).await })));
    });
    let counted = pipeline::from_iter(0_u64..).map(|n| n + 1).fold(0_u64, |count, _| *count += 1).start().unwrap();
    let report = block_on(counted.drain_async(within));
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(block_on(counted.join_async()), Ok(report.stages[0].snapshot.emitted));
}

#[test]
fn a_future_waits_for_the_end() {
    seeds(50, |sim, log| {
        for (reason, outcome) in [
            (ExitReason::Normal, Ok(())),
            (ExitReason::Shutdown, Ok(())),
            (ExitReason::other("ill"), Err(WaitError::Ended(ExitReason::other("ill")))),
        ] {
            let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
            let (report, reports) = std::sync::mpsc::channel();
            for _ in 0..2 {
                let (producer, report) = (producer.clone(), report.clone());
                spawn(move |_: Mailbox<()>| async move {
                    let _ = report.send(producer.wait_async().await);
                    let _ = report.send(producer.wait_async().await);
                });
            }
            sim.run_until_idle();
            assert!(reports.try_recv().is_err(), "it runs");
            let _ = producer.stop_with(reason, Duration::MAX);
            sim.run_until_idle();
            assert_eq!(reports.try_iter().collect::<Vec<_>>(), vec![outcome; 4]);
        }
        let nobody = Counter::named("nobody");
        let waited = nobody.wait();
        assert_eq!(awaited(async move { nobody.wait_async().await }), waited);
    });
}

/// A wait that is given up, by a limit of its own or with its process, leaves nothing behind.
#[test]
fn a_wait_that_is_given_up_leaves_nothing_behind() {
    seeds(30, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let waited = producer.clone();
        let patient = spawn(move |mailbox: Mailbox<()>| async move {
            let second = Duration::from_secs(1);
            assert_eq!(mailbox.within(second, waited.wait_async()).await, None);
            mailbox.within(Duration::MAX, waited.wait_async()).await;
        });
        sim.run_for(Duration::from_secs(2));
        assert_eq!(processes().len(), 3, "the producer, who waits, and the one that waits for it");
        patient.exit(ExitReason::Kill);
        sim.run_until_idle();
        assert_eq!(processes(), [producer.pid()]);
    });
}

#[test]
fn a_pipeline_is_run_joined_drawn_and_stopped_by_a_future() {
    seeds(30, |sim, _| {
        let sum = || pipeline::from_iter(0..1000_u64).map(|n| n + 1).fold(0, |sum, n| *sum += n);
        assert_eq!(awaited(async move { sum().run_async().await }), Ok(500_500));
        let started = sum().start().unwrap();
        assert_eq!(awaited(async move { (started.join_async().await, started.join_async().await) }), {
            (Ok(500_500), Err(PipelineError::Taken))
        });

        let fails = || pipeline::from_iter(0..1000_u64).for_each(|n| assert_ne!(n, 500)).name("picky");
        let failed = awaited(async move { fails().run_async().await }).unwrap_err();
        assert!(matches!(failed, PipelineError::Failed { step, .. } if step == "picky"));
        let bad = awaited(async {
            pipeline::from_iter(0..9).map(|n: u64| n).concurrency(0).for_each(|_| ()).run_async().await
        });
        assert!(matches!(bad, Err(PipelineError::Options { .. })));

        let endless = pipeline::from_iter(0_u64..).for_each(|_| ()).start().unwrap();
        let drawn = endless.clone();
        let names = awaited(async move {
            let mut names: Vec<_> =
                drawn.graph_async().await.stages.into_iter().filter_map(|stage| stage.name).collect();
            names.sort();
            drawn.stop_async().await;
            names
        });
        assert_eq!(names, ["for_each (2)", "from_iter (1)"]);
        assert!(!endless.is_alive());
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

/// Nobody wants its outcome any more.
#[test]
fn a_pipeline_whose_future_is_dropped_is_stopped() {
    seeds(30, |sim, _| {
        let never_polled = pipeline::from_iter(0_u64..).for_each(|_| ()).run_async();
        assert_eq!(processes().len(), 3, "a supervisor and two stages");
        drop(never_polled);
        sim.run_until_idle();
        assert_eq!(processes(), []);
        awaited(async {
            let mut endless = Box::pin(pipeline::from_iter(0_u64..).for_each(|_| ()).run_async());
            let first = std::future::poll_fn(|task| Poll::Ready(endless.as_mut().poll(task))).await;
            assert!(first.is_pending());
        });
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

#[test]
fn a_future_starts_ends_and_counts_children() {
    seeds(30, |sim, _| {
        let sleepers =
            ConsumerSupervisor::new(|_: u64| std::future::pending::<()>()).start(StageOptions::new()).unwrap();
        let asked = sleepers.clone();
        awaited(async move {
            let first = asked.start_child_async(1).await.unwrap();
            let second = asked.start_child_async(2).await.unwrap();
            assert_eq!(asked.which_children_async().await.unwrap().len(), 2);
            assert_eq!(asked.terminate_child_async(first).await, Ok(()));
            assert_eq!(asked.terminate_child_async(first).await, Err(TerminateChildError::NotFound));
            assert_eq!(asked.count_children_async().await.unwrap(), asked.count_children().unwrap());
            assert!(processes().contains(&second));
        });
        sleepers.stop().unwrap();
        awaited(async move {
            let dead = CallError::NoProc;
            assert_eq!(sleepers.start_child_async(3).await, Err(StartEventChildError::Call(dead.clone())));
            assert_eq!(
                sleepers.terminate_child_async(sleepers.pid()).await,
                Err(TerminateChildError::from(dead.clone()))
            );
            assert_eq!(sleepers.which_children_async().await.unwrap_err(), dead);
            assert_eq!(sleepers.count_children_async().await.unwrap_err(), dead);
        });
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

/// On real threads, awaited by what is no process.
#[test]
fn any_executor_will_do() {
    let numbers = from_enumerable(0..1000_u64).start(StageOptions::new().demand(DemandMode::Accumulate)).unwrap();
    let (give, got) = std::sync::mpsc::channel();
    let sink = for_each(move |n| give.send(n).unwrap()).start(StageOptions::new()).unwrap();
    block_on(async {
        sink.sync_subscribe_async(&numbers, SubscriptionOptions::new()).await.unwrap();
        assert_eq!(graph_async(&[&numbers]).await.edges.len(), 1);
        assert_eq!(numbers.demand_mode_async().await, Ok(DemandMode::Accumulate));
        numbers.demand(DemandMode::Forward);
        assert_eq!(sink.wait_async().await, Ok(()));
        assert_eq!(numbers.wait_async().await, Ok(()));
        let sum =
            pipeline::from_iter(0..1000_u64).map(|n| n).concurrency(2).fold(0, |sum, n| *sum += n).run_async().await;
        assert_eq!(sum, Ok(499_500));
    });
    assert!(got.try_iter().eq(0..1000));
}

/// The one thread of the runtime is all that there is, and it is what the stages need.
#[test]
fn a_drain_and_a_graph_hold_no_thread() {
    let runtime = Runtime::builder().workers(1).max_threads(1).build().unwrap();
    let _inside = runtime.enter();
    let numbers = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
    let (give, got) = std::sync::mpsc::channel();
    let sink = for_each(move |n| give.send(n).unwrap()).start(StageOptions::new()).unwrap();
    sink.sync_subscribe(&numbers, demand(10, 5)).unwrap();
    let graph = block_on(graph_async(&[&numbers]));
    assert_eq!((graph.edges.len(), graph.unreachable.len()), (1, 0));
    assert_eq!(block_on(snapshot_async(&numbers)).unwrap().consumers.len(), 1);
    let report = block_on(drain_async(&[&numbers], Duration::from_secs(5)));
    assert!(report.is_complete(), "{report}");
    assert!(got.try_iter().eq(0..report.stages[0].snapshot.emitted));
}

/// What a future has begun, until the process that waits for it is ended: the future says so at once, and tries nothing again.
fn ended_after<F: Future>(sim: &Simulation, time: Duration, future: F) -> F::Output {
    let (mut future, before) = (pin!(future), processes());
    let mut task = Task::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut task).is_pending());
    if !time.is_zero() {
        sim.run_for(time);
    }
    let (at, now) = (sim.now(), processes());
    let new: Vec<_> = now.into_iter().filter(|pid| !before.contains(pid)).collect();
    assert_eq!(new.len(), 2, "it, and the one that waits for its end");
    for pid in new {
        Peer::from(pid).exit(ExitReason::Kill);
    }
    sim.run_for(Duration::ZERO);
    let Poll::Ready(outcome) = future.as_mut().poll(&mut task) else { panic!("it waits on") };
    assert_eq!((processes(), sim.now()), (before, at));
    outcome
}

#[test]
fn a_drain_or_a_graph_whose_process_is_ended_is_not_tried_again() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        producer.call(Put(range(0..3))).unwrap();
        let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
        let nobody = vec![(producer.pid(), CallError::NoReply)];
        let graph = ended_after(sim, Duration::ZERO, graph_async(&[&producer]));
        assert_eq!((graph.unreachable, graph.stages.len()), (nobody.clone(), 1));
        let report = ended_after(sim, Duration::from_millis(1), producer.drain_async(Duration::from_secs(9)));
        assert_eq!((report.unreachable.clone(), report.stages.len(), report.is_complete()), (nobody, 0, false));
        // It has been told to end when nothing is left.
        sink.sync_subscribe(&producer, demand(10, 5)).unwrap();
        sim.run_for(Duration::from_millis(1));
        assert_eq!((producer.exit_reason(), log.events("c")), (Some(ExitReason::Normal), range(0..3)));
    });
}

/// A drain that nobody waits for any more goes on; a graph does not.
#[test]
fn a_drain_whose_future_is_dropped_goes_on() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        producer.call(Put(range(0..3))).unwrap();
        let mut drained = Box::pin(producer.drain_async(Duration::from_secs(1)));
        assert!(drained.as_mut().poll(&mut Task::from_waker(Waker::noop())).is_pending());
        sim.run_for(Duration::from_millis(1));
        drop(drained);
        sim.run_for(Duration::from_millis(900));
        assert!(producer.is_alive());
        sim.run_for(Duration::from_millis(300));
        assert_eq!((producer.exit_reason(), processes()), (Some(ExitReason::Shutdown), vec![]));

        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let before = processes();
        let mut drawn = Box::pin(graph_async(&[&producer]));
        assert!(drawn.as_mut().poll(&mut Task::from_waker(Waker::noop())).is_pending());
        drop(drawn);
        sim.run_until_idle();
        assert_eq!((processes(), producer.is_alive()), (before, true));
    });
}

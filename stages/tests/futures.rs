//! From and into futures' streams.
#![cfg(feature = "futures")]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Task, Poll};

use common::seeds;
use futures_core::Stream;
use futures_sink::Sink;
use genstage::core::{Mailbox, processes, spawn};
use genstage::prelude::*;
use genstage::{FeedError, feed, from_stream, into_stream, pipeline};

/// Counts how far it is driven, and is pending every other time.
struct Numbers {
    next: Arc<AtomicU64>,
    end: u64,
    pause: bool,
}

impl Stream for Numbers {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<u64>> {
        self.pause = !self.pause;
        if self.pause {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.next.load(Ordering::Relaxed);
        assert!(next != 666, "a bad number");
        if next == self.end {
            return Poll::Ready(None);
        }
        self.next.store(next + 1, Ordering::Relaxed);
        Poll::Ready(Some(next))
    }
}

fn numbers(from: u64, end: u64) -> (Arc<AtomicU64>, Numbers) {
    let next = Arc::new(AtomicU64::new(from));
    (Arc::clone(&next), Numbers { next, end, pause: false })
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|task| Pin::new(&mut *stream).poll_next(task)).await
}

#[test]
fn a_stream_is_driven_as_far_as_it_is_wanted() {
    seeds(60, |sim, _| {
        let (driven, stream) = numbers(0, u64::MAX);
        let source = from_stream(stream).start(StageOptions::new()).unwrap();
        sim.run_until_idle();
        assert_eq!(driven.load(Ordering::Relaxed), 0);
        let mut all = genstage::stream(&source, SubscriptionOptions::new().max_demand(10)).unwrap();
        assert_eq!(all.next(), Some(Ok(0)));
        sim.run_until_idle();
        assert!(driven.load(Ordering::Relaxed) <= 10);
        drop(all);
        source.exit(ExitReason::Shutdown);
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

#[test]
fn the_end_of_a_stream_and_its_panic_come_through() {
    seeds(60, |sim, _| {
        let sum = pipeline::from_producer(from_stream(numbers(0, 500).1)).map(|n| n).fold(0, |sum, n| *sum += n).run();
        assert_eq!(sum, Ok(124_750));
        let run = pipeline::from_producer(from_stream(numbers(600, 999).1)).name("here").for_each(|_| ()).run();
        assert!(matches!(&run, Err(pipeline::PipelineError::Failed { step, .. }) if step == "here"), "{run:?}");
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

#[test]
fn a_stage_is_a_stream() {
    seeds(60, |sim, _| {
        let source = from_enumerable(0..1000_u64).start(StageOptions::new()).unwrap();
        let mut stream = into_stream(&source, SubscriptionOptions::new().max_demand(7)).unwrap();
        let (give, got) = std::sync::mpsc::channel();
        spawn(move |_: Mailbox<()>| async move {
            while let Some(event) = next(&mut stream).await {
                give.send(event.unwrap()).unwrap();
            }
            assert!(next(&mut stream).await.is_none());
        });
        sim.run_until_idle();
        assert!(got.try_iter().eq(0..1000));
        let endless = from_enumerable(0_u64..).start(StageOptions::new()).unwrap();
        drop(into_stream(&endless, SubscriptionOptions::new()).unwrap());
        endless.exit(ExitReason::Shutdown);
        sim.run_until_idle();
        assert_eq!(processes(), []);
        assert!(into_stream(&endless, SubscriptionOptions::new().max_demand(0)).is_err());
    });
}

#[test]
fn a_feed_is_a_sink() {
    seeds(60, |_, _| {
        let (feed, source) = feed(2);
        spawn(move |_: Mailbox<()>| async move {
            let mut feed = feed;
            for n in 0..100_u64 {
                std::future::poll_fn(|task| Pin::new(&mut feed).poll_ready(task)).await.unwrap();
                Pin::new(&mut feed).start_send(n).unwrap();
            }
            std::future::poll_fn(|task| Pin::new(&mut feed).poll_close(task)).await.unwrap();
        });
        let all = pipeline::from_producer(source).fold(Vec::new(), Vec::push).run().unwrap();
        assert!(all.into_iter().eq(0..100));
    });
}

/// Ready means room, with and without a capacity; what a sink has taken is in the feed's numbers, and outlives the sink.
#[test]
fn a_sink_is_ready_when_the_feed_has_room() {
    seeds(60, |sim, log| {
        let mut task = Task::from_waker(std::task::Waker::noop());
        for capacity in [0, 1, 3] {
            let (mut feed, source) = feed(capacity);
            let source = source.start(StageOptions::new()).unwrap();
            for n in 0..capacity as u64 {
                assert!(Pin::new(&mut feed).poll_ready(&mut task).is_ready());
                Pin::new(&mut feed).start_send(n).unwrap();
            }
            assert!(Pin::new(&mut feed).poll_ready(&mut task).is_pending());
            assert_eq!(Pin::new(&mut feed).start_send(9), Err(FeedError::Full(9)));
            assert_eq!(source.snapshot().unwrap().held, capacity);
            let who = format!("c{capacity}").leak();
            let sink = common::probes::Sink::new(who, log).manual().start(StageOptions::new()).unwrap();
            let id = sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
            source.ask(id, 10);
            sim.run_until_idle();
            assert!(Pin::new(&mut feed).poll_ready(&mut task).is_ready());
            Pin::new(&mut feed).start_send(capacity as u64).unwrap();
            drop(feed);
            sim.run_until_idle();
            assert_eq!(log.events(who), common::range(0..capacity as u64 + 1));
            assert_eq!(source.exit_reason(), Some(ExitReason::Normal));
        }
    });
}

/// The room of a sink that is ready is its own until it sends, closes or is dropped; and the end of the source is told with the event.
#[test]
fn a_sink_that_is_ready_keeps_its_room() {
    let (feed, source) = feed(1);
    let mut task = Task::from_waker(std::task::Waker::noop());
    let [mut a, mut b, mut c] = [(); 3].map(|()| feed.clone());
    for _ in 0..2 {
        assert!(Pin::new(&mut a).poll_ready(&mut task).is_ready());
        assert!(Pin::new(&mut b).poll_ready(&mut task).is_pending());
        assert_eq!(feed.try_send(1), Err(FeedError::Full(1)));
    }
    assert!(Pin::new(&mut a).poll_close(&mut task).is_ready());
    assert!(Pin::new(&mut b).poll_ready(&mut task).is_ready());
    assert!(Pin::new(&mut a).poll_ready(&mut task).is_pending());
    drop(b);
    assert!(Pin::new(&mut a).poll_ready(&mut task).is_ready());
    drop(source);
    assert_eq!(Pin::new(&mut a).start_send(2), Err(FeedError::Closed(2)));
    assert!(Pin::new(&mut c).poll_ready(&mut task).is_ready());
    assert_eq!(Pin::new(&mut c).start_send(3), Err(FeedError::Closed(3)));
}

#[test]
fn a_sink_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    struct Idle;

    impl std::task::Wake for Idle {
        fn wake(self: Arc<Self>) {}
    }

    let (feed, source) = feed(1);
    let waker = Arc::new(Idle);
    feed.try_send(1).unwrap();
    for _ in 0..3 {
        let mut sink = feed.clone();
        for _ in 0..2 {
            let own = Arc::clone(&waker).into();
            assert!(Pin::new(&mut sink).poll_ready(&mut Task::from_waker(&own)).is_pending());
        }
    }
    assert_eq!(Arc::strong_count(&waker), 1);
    drop(source);
}

/// What has been fetched is delivered, and nothing more is fetched.
#[test]
fn a_stream_is_drained() {
    seeds(60, |sim, log| {
        let (driven, stream) = numbers(0, u64::MAX);
        let source = from_stream(stream).start(StageOptions::new()).unwrap();
        let sink = common::probes::Sink::new("c", log).slow(std::time::Duration::from_millis(1));
        let sink = sink.start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, common::demand(7, 3)).unwrap();
        let report = source.drain(std::time::Duration::from_secs(60));
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("c"), common::range(0..driven.load(Ordering::Relaxed)));
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

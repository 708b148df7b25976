//! Feeds: what is pushed arrives, never more than there is room for, and nobody waits for ever.

mod common;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Task, Poll, Wake};
use std::time::Duration;

use common::probes::Sink;
use common::{nap, seeds};
use genstage::core::{Mailbox, processes, spawn};
use genstage::prelude::*;
use genstage::{FeedError, feed, graph, pipeline};

#[test]
fn what_is_pushed_arrives_in_order_and_the_last_feed_ends_the_source() {
    seeds(80, |sim, _| {
        let (feed, source) = feed(3);
        let second = feed.clone();
        let all = pipeline::from_producer(source).map(|n: u64| n).fold(Vec::new(), Vec::push).start().unwrap();
        for n in 0..100 {
            feed.send(n).unwrap();
        }
        drop(feed);
        second.send(100).unwrap();
        drop(second);
        assert!(all.join().unwrap().into_iter().eq(0..=100));
        sim.run_until_idle();
        assert_eq!(processes(), []);
    });
}

#[test]
fn a_full_feed_gives_the_event_back() {
    let (feed, source) = feed(2);
    assert_eq!(feed.try_send(1), Ok(()));
    assert_eq!(feed.try_send(2), Ok(()));
    assert_eq!(feed.try_send(3), Err(FeedError::Full(3)));
    drop(source);
    assert!(feed.is_closed());
    assert_eq!(feed.send(4), Err(FeedError::Closed(4)));
    assert_eq!(feed.try_send(4).unwrap_err().into_event(), 4);
}

/// A capacity of 0: what nobody has asked for finds no room, and what somebody has goes on at once.
#[test]
fn without_a_capacity_only_what_is_asked_for_is_taken() {
    seeds(60, |sim, log| {
        let (feed, source) = feed(0);
        let source = source.start(StageOptions::new()).unwrap();
        assert_eq!(feed.try_send(0), Err(FeedError::Full(0)));
        let sink = Sink::new("s", log).ask_first(2).start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
        sim.run_until_idle();
        // One at a time, although two are wanted.
        assert_eq!((feed.try_send(0), feed.try_send(1)), (Ok(()), Err(FeedError::Full(1))));
        sim.run_until_idle();
        assert_eq!(feed.try_send(1), Ok(()));
        sim.run_until_idle();
        assert_eq!((feed.try_send(2), log.events("s")), (Err(FeedError::Full(2)), vec![0, 1]));
        let later = feed.clone();
        spawn(move |_: Mailbox<()>| async move {
            for n in 2..5 {
                later.send_async(n).await.unwrap();
            }
        });
        sim.run_until_idle();
        assert_eq!(source.snapshot().unwrap().held, 0);
        drop(feed);
        source.ask(id, 3);
        sim.run_until_idle();
        assert_eq!((log.events("s"), source.exit_reason()), ((0..5).collect(), Some(ExitReason::Normal)));
    });
}

/// 7 are pushed; 3 are asked for, then 2 more.
#[test]
fn what_waits_in_a_feed_is_in_the_numbers() {
    seeds(30, |sim, log| {
        let (feed, source) = feed(10);
        let source = source.start(StageOptions::new().name("fed")).unwrap();
        let numbers = || {
            let seen = source.snapshot().unwrap();
            (seen.held, seen.emitted, seen.buffered, seen.output.events, seen.owed)
        };
        (0..7).for_each(|n| feed.send(n).unwrap());
        assert_eq!(numbers(), (7, 0, 0, 0, 0));
        assert!(graph(&[&source]).to_mermaid().contains("fed<br/>7 held"));
        let sink = Sink::new("s", log).ask_first(3).start(StageOptions::new()).unwrap();
        let id = sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
        sim.run_until_idle();
        assert_eq!(numbers(), (4, 3, 0, 3, 0));
        source.ask(id, 2);
        feed.send(7).unwrap();
        sim.run_until_idle();
        assert_eq!(numbers(), (3, 5, 0, 5, 0));
        source.ask(id, 5);
        sim.run_until_idle();
        assert_eq!(numbers(), (0, 8, 0, 8, 2));
        feed.send(8).unwrap();
        sim.run_until_idle();
        assert_eq!(numbers(), (0, 9, 0, 9, 1));
    });
}

/// Nobody asks for them: they are left when the time is over.
#[test]
fn what_waits_in_a_feed_is_left_by_a_drain() {
    seeds(10, |_, _| {
        let (feed, source) = feed(10);
        let source = source.start(StageOptions::new()).unwrap();
        (0..7).for_each(|n| feed.send(n).unwrap());
        let report = source.drain(Duration::from_secs(1));
        assert_eq!((report.stages[0].snapshot.held, report.stages[0].held, report.left()), (7, 7, 7));
        assert!(!report.is_complete());
    });
}

#[test]
fn who_waits_for_room_hears_of_the_end() {
    seeds(60, |_, _| {
        let (feed, source) = feed(1);
        let stage = source.start(StageOptions::new()).unwrap();
        let sink = for_each(|_: u64| nap(Duration::from_secs(1))).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&stage, SubscriptionOptions::new().max_demand(1)).unwrap();
        let end = stage.clone();
        spawn(move |mailbox: Mailbox<()>| async move {
            mailbox.sleep(Duration::from_millis(1500)).await;
            end.exit(ExitReason::Shutdown);
        });
        // The first two are taken up by the sink at 0 s and 1 s, the third waits, the fourth finds no room.
        let sent = (0..10).take_while(|n| feed.send(*n).is_ok()).count();
        assert_eq!(sent, 3);
        assert!(feed.is_closed());
    });
}

#[test]
fn futures_wait_for_room_without_a_thread() {
    seeds(60, |_, _| {
        let (feed, source) = feed(2);
        for _ in 0..5 {
            let feed = feed.clone();
            spawn(move |_: Mailbox<()>| async move {
                for n in 0..50_u64 {
                    feed.send_async(n).await.unwrap();
                }
            });
        }
        drop(feed);
        let sum = pipeline::from_producer(source).fold(0, |sum, n| *sum += n).max_demand(3).run();
        assert_eq!(sum, Ok(5 * 1225));
    });
}

struct Idle;

impl Wake for Idle {
    fn wake(self: Arc<Self>) {}
}

/// A limit of time is one: nobody takes anything for as long as this test runs, and each wait has a waker of its own.
#[test]
fn waits_that_are_given_up_leave_nothing_behind() {
    let (feed, source) = feed(1);
    feed.send(0).unwrap();
    let wakers: Vec<_> = (0..100).map(|_| Arc::new(Idle)).collect();
    for waker in &wakers {
        let mut sent = pin!(feed.send_async(1));
        for _ in 0..2 {
            assert!(sent.as_mut().poll(&mut Task::from_waker(&Arc::clone(waker).into())).is_pending());
        }
    }
    assert_eq!(wakers.iter().map(Arc::strong_count).sum::<usize>(), 100);
    drop(source);
}

/// Three wait for one place, and the one that is woken first is not there any more.
#[test]
fn a_wait_that_is_given_up_takes_nobody_elses_turn() {
    seeds(40, |sim, log| {
        let (feed, source) = feed(1);
        let source = source.start(StageOptions::new()).unwrap();
        feed.send(0).unwrap();
        let given_up = feed.clone();
        spawn(move |mailbox: Mailbox<()>| async move {
            assert_eq!(mailbox.within(Duration::from_secs(1), given_up.send_async(1)).await, None);
        });
        sim.run_until_idle();
        let mut first = Box::pin(feed.send_async(2));
        let poll =
            |future: Pin<&mut dyn Future<Output = _>>| future.poll(&mut Task::from_waker(&Arc::new(Idle).into()));
        assert!(poll(first.as_mut()).is_pending());
        let patient = feed.clone();
        spawn(move |_: Mailbox<()>| async move { patient.send_async(3).await.unwrap() });
        sim.run_until_idle();
        let sink = Sink::new("s", log).ask_first(2).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, SubscriptionOptions::new()).unwrap();
        drop(first);
        sim.run_until_idle();
        assert_eq!(log.events("s"), [0, 3]);
        assert_eq!(poll(pin!(feed.send_async(4))), Poll::Ready(Ok(())));
    });
}

#[test]
fn threads_push_and_wait() {
    let (feed, source) = feed(4);
    let pushers: Vec<_> = (0..4)
        .map(|_| {
            let feed = feed.clone();
            std::thread::spawn(move || (0..2000_u64).for_each(|n| feed.send(n).unwrap()))
        })
        .collect();
    drop(feed);
    let sum = pipeline::from_producer(source).map(|n| n).fold(0, |sum, n| *sum += n).run();
    assert_eq!(sum, Ok(4 * 1_999_000));
    for pusher in pushers {
        pusher.join().unwrap();
    }
}

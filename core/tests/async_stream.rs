//! A task for each input, a few at a time (T4).

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{here, other, seeds};
use genstage_core::{
    AsyncStreamError, AsyncStreamOptionsError, ExitReason, Mailbox, OnTimeout, Peer, Runtime, Task, ThreadProcess,
    async_stream, current_pid, spawn,
};
use tasks::{Bomb, SECOND, doer, gate, sleep};

type Failed = AsyncStreamError;

fn exit<X>(input: X, reason: ExitReason) -> AsyncStreamError<X> {
    AsyncStreamError::Exit { input, reason }
}

/// Counts what is alive, and the most that ever was; remembers who ran.
#[derive(Clone, Default)]
struct Census(Arc<Counts>);

#[derive(Default)]
struct Counts {
    alive: AtomicUsize,
    most: AtomicUsize,
    peers: Mutex<Vec<Peer>>,
}

struct Counted(Arc<Counts>);

impl Census {
    fn enter(&self) -> Counted {
        let alive = self.0.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(alive, Ordering::SeqCst);
        self.0.peers.lock().unwrap().extend(current_pid().map(Peer::from));
        Counted(Arc::clone(&self.0))
    }

    fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    /// How many ever ran, and how many of them are not down.
    fn ran(&self) -> (usize, usize) {
        let peers = self.0.peers.lock().unwrap();
        (peers.len(), peers.iter().filter(|peer| peer.exit_reason().is_none()).count())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Sleeps for as many seconds as its number says, then gives it.
fn sleeper(census: &Census) -> impl FnMut(u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> + use<> {
    let census = census.clone();
    move |seconds| {
        let census = census.clone();
        Box::pin(async move {
            let _counted = census.enter();
            sleep(SECOND * seconds).await;
            seconds
        })
    }
}

#[test]
fn t4_1_nothing_runs_before_the_first_outcome_is_asked_for() {
    seeds(20, |simulation| {
        let census = Census::default();
        let pulled = Rc::new(Cell::new(0));
        let count = Rc::clone(&pulled);
        let inputs = [1, 2, 3].into_iter().inspect(move |_| count.set(count.get() + 1));
        let stream = async_stream(inputs, sleeper(&census)).max_concurrency(2).unwrap();
        let mut outcomes = stream.into_iter();
        simulation.run_until_idle();
        assert_eq!((pulled.get(), census.ran()), (0, (0, 0)));
        assert_eq!(outcomes.next(), Some(Ok(1)));
        assert_eq!(pulled.get(), 2);
    });
}

#[test]
fn t4_1_options_are_checked_when_the_stream_is_built() {
    let none = async_stream([1], |n| move || n).max_concurrency(0);
    assert_eq!(none.err(), Some(AsyncStreamOptionsError::ZeroConcurrency));
}

#[test]
fn t4_1_by_default_five_seconds_and_in_order() {
    seeds(20, |simulation| {
        let outcomes: Vec<_> =
            async_stream([4, 2, 6], sleeper(&Census::default())).max_concurrency(3).unwrap().into_iter().collect();
        assert_eq!(outcomes, [Ok(4), Ok(2), Err(Failed::Timeout)]);
        assert_eq!(simulation.now(), SECOND * 5);
    });
}

#[test]
fn t4_1_by_default_as_many_as_the_runtime_has_seats() {
    let census = Census::default();
    let runtime = Runtime::builder().workers(3).build().unwrap();
    let _inside = runtime.enter();
    let stream = async_stream(0..3, |_| {
        let census = census.clone();
        move || {
            let _counted = census.enter();
            // Each waits until all are there.
            while census.most() < 3 {
                std::thread::yield_now();
            }
        }
    });
    assert_eq!(stream.into_iter().collect::<Vec<_>>(), vec![Ok(()); 3]);
    seeds(5, |simulation| {
        let census = Census::default();
        assert_eq!(async_stream([1, 1, 1], sleeper(&census)).into_iter().count(), 3);
        assert_eq!((census.most(), simulation.now()), (1, SECOND * 3), "the same on every machine");
    });
}

#[test]
fn t4_2_a_crash_is_an_item_for_a_caller_that_traps_and_for_a_plain_thread() {
    seeds(100, |_| {
        for process in [true, false] {
            let here = process.then(here::<()>);
            if let Some(here) = &here {
                here.trap_exit(true);
            }
            let outcomes: Vec<_> = async_stream([2, 0, 4], |n| move || 8 / n).into_iter().collect();
            assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(4), &Ok(2)));
            let Err(AsyncStreamError::Exit { input: (), reason: ExitReason::Panic(panic) }) = &outcomes[1] else {
                panic!("{outcomes:?}")
            };
            assert!(panic.message().contains("divide by zero"));
            assert!(here.is_none_or(|here| here.try_receive().is_none()), "no EXIT goes through the inbox");
        }
    });
}

#[test]
fn t4_2_the_input_is_shown_with_its_exit() {
    seeds(20, |_| {
        let stream = async_stream(["a", "b"], |word| async move { assert_eq!(word, "a") }).zip_input();
        let outcomes: Vec<_> = stream.into_iter().collect();
        assert_eq!(outcomes[0], Ok(()));
        assert!(matches!(&outcomes[1], Err(AsyncStreamError::Exit { input: "b", reason: ExitReason::Panic(_) })));
    });
}

#[test]
fn t4_3_at_most_so_many_are_alive_and_an_input_is_pulled_when_one_is_down() {
    seeds(100, |_| {
        for ordered in [true, false] {
            let census = Census::default();
            let watch = census.clone();
            let inputs = (0..20).inspect(move |_| assert!(watch.ran().1 < 3, "pulled before one was down"));
            let stream = async_stream(inputs, {
                let census = census.clone();
                move |n: u32| {
                    let census = census.clone();
                    async move {
                        let _counted = census.enter();
                        sleep(SECOND * (n * 7 % 5)).await;
                        n
                    }
                }
            });
            let stream = stream.max_concurrency(3).unwrap().ordered(ordered);
            let mut values: Vec<_> = stream.into_iter().map(Result::unwrap).collect();
            assert!(ordered == values.is_sorted());
            values.sort_unstable();
            assert_eq!(values, (0..20).collect::<Vec<_>>());
            assert_eq!((census.most(), census.ran()), (3, (20, 0)));
        }
    });
}

#[test]
fn t4_3_behind_a_slow_head_the_others_go_on() {
    seeds(20, |simulation| {
        let census = Census::default();
        let mut outcomes = async_stream([4, 1, 1, 1, 1], sleeper(&census)).max_concurrency(2).unwrap().into_iter();
        assert_eq!(outcomes.next(), Some(Ok(4)));
        assert_eq!(simulation.now(), SECOND * 4);
        // Two slots for four seconds: the slow one, and three short ones behind it, with a fourth at work.
        assert!(census.ran().0 >= 4);
        assert_eq!(outcomes.collect::<Vec<_>>(), [Ok(1), Ok(1), Ok(1), Ok(1)]);
    });
}

#[test]
fn t4_4_a_task_that_takes_too_long_is_killed_and_is_an_item_or_the_end() {
    seeds(100, |simulation| {
        for (on_timeout, ordered) in [
            (OnTimeout::KillTask, true),
            (OnTimeout::KillTask, false),
            (OnTimeout::Exit, true),
            (OnTimeout::Exit, false),
        ] {
            let start = simulation.now();
            let census = Census::default();
            let stream = async_stream([9, 1, 3, 1], sleeper(&census))
                .max_concurrency(2)
                .unwrap()
                .ordered(ordered)
                .timeout(SECOND * 2)
                .on_timeout(on_timeout)
                .zip_input();
            let late = |input| Err(exit(input, ExitReason::Timeout));
            let outcomes: Vec<_> = stream.into_iter().collect();
            match (on_timeout, ordered) {
                (OnTimeout::KillTask, true) => assert_eq!(outcomes, [late(9), Ok(1), late(3), Ok(1)]),
                // The second 1 starts when the 9 is killed, and ends when the 3 is killed.
                (OnTimeout::KillTask, false) => {
                    assert_eq!(outcomes[..2], [Ok(1), late(9)]);
                    assert!(outcomes[2..].contains(&late(3)) && outcomes[2..].contains(&Ok(1)));
                }
                (OnTimeout::Exit, true) => assert_eq!(outcomes, [Err(AsyncStreamError::Timeout)]),
                (OnTimeout::Exit, false) => assert_eq!(outcomes, [Ok(1), Err(AsyncStreamError::Timeout)]),
            }
            assert_eq!(census.ran().1, 0, "all are down");
            assert_eq!(
                simulation.now().saturating_sub(start),
                SECOND * if on_timeout == OnTimeout::KillTask { 3 } else { 2 }
            );
        }
    });
}

#[test]
fn t4_4_a_value_that_is_there_before_the_time_is_over_counts() {
    seeds(20, |simulation| {
        let mut outcomes = async_stream([1, 1], sleeper(&Census::default()))
            .max_concurrency(2)
            .unwrap()
            .timeout(SECOND * 2)
            .into_iter();
        assert_eq!(outcomes.next(), Some(Ok(1)));
        // The consumer takes its time.
        simulation.run_for(SECOND * 10);
        assert_eq!(outcomes.next(), Some(Ok(1)));
        assert_eq!(outcomes.next(), None);
    });
}

#[test]
fn t4_4_without_a_timeout_a_task_may_take_for_ever() {
    seeds(5, |_| {
        let outcomes: Vec<_> = async_stream([1000], sleeper(&Census::default())).no_timeout().into_iter().collect();
        assert_eq!(outcomes, [Ok(1000)]);
    });
}

#[test]
fn t4_5_a_crash_ends_a_caller_that_does_not_trap_and_its_other_tasks() {
    seeds(100, |simulation| {
        let census = Census::default();
        let counted = census.clone();
        let (report, reports) = channel();
        let caller = doer(move |_| {
            let mut work = sleeper(&counted);
            let stream = async_stream([1_u32, 0, 2], move |n| {
                let work = work(if n == 0 { 3 } else { 60 });
                async move {
                    if n == 0 {
                        sleep(SECOND).await;
                        panic!("boom");
                    }
                    work.await
                }
            });
            let outcomes: Vec<_> = stream.max_concurrency(3).unwrap().no_timeout().into_iter().collect();
            report.send(outcomes).unwrap();
        });
        simulation.run_until_idle();
        assert_eq!(reports.recv().unwrap(), [Err(AsyncStreamError::Exiting)]);
        assert!(matches!(caller.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "boom"));
        assert_eq!(census.ran(), (2, 0));
    });
}

#[test]
fn t4_5_the_end_of_the_caller_ends_the_tasks() {
    seeds(100, |simulation| {
        let census = Census::default();
        let counted = census.clone();
        let caller = spawn(move |mailbox: Mailbox<()>| async move {
            let mut outcomes = async_stream([1, 60], sleeper(&counted)).max_concurrency(2).unwrap().into_async();
            outcomes.next().await;
            mailbox.receive().await;
        });
        simulation.run_for(SECOND * 2);
        assert_eq!(census.ran(), (2, 1));
        caller.exit(other("x"));
        simulation.run_for(Duration::ZERO);
        assert_eq!(census.ran(), (2, 0));
    });
}

#[test]
fn t4_6_stopping_early_leaves_no_task_no_message_and_no_link_behind() {
    seeds(100, |simulation| {
        for trap in [true, false] {
            let here = here::<u8>();
            here.trap_exit(trap);
            here.me().send(1).unwrap();
            let census = Census::default();
            let closed = Arc::new(());
            let open = Arc::clone(&closed);
            let inputs = [1, 60, 60, 60].into_iter().inspect(move |_| assert_eq!(Arc::strong_count(&open), 2));
            let stream = async_stream(inputs, sleeper(&census)).max_concurrency(3).unwrap();
            let first: Vec<_> = stream.into_iter().take(1).collect();
            assert_eq!(first, [Ok(1)]);
            assert_eq!(census.ran().1, 0, "they are down when the stream is dropped");
            assert_eq!(Arc::strong_count(&closed), 1, "the inputs are closed too");
            for peer in census.0.peers.lock().unwrap().iter() {
                assert!(matches!(peer.exit_reason(), Some(ExitReason::Normal | ExitReason::Killed)));
            }
            simulation.run_until_idle();
            assert!(here.me().is_alive());
            assert!(matches!(here.try_receive(), Some(genstage_core::Mail::Message(1))));
            assert!(here.try_receive().is_none());
        }
    });
}

#[test]
fn t4_6_a_panic_of_the_consumer_the_inputs_or_the_function_cleans_up() {
    seeds(20, |_| {
        for culprit in 0..3 {
            let census = Census::default();
            let mut work = sleeper(&census);
            let inputs = (1..10).inspect(move |n| assert!(culprit != 0 || *n < 4, "the inputs panic"));
            let stream = async_stream(inputs, move |n| {
                assert!(culprit != 1 || n < 4, "the function panics");
                work(n * 2)
            });
            let stream = stream.max_concurrency(3).unwrap().no_timeout();
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                for outcome in stream {
                    assert!(culprit != 2 || outcome == Ok(0), "the consumer panics");
                }
            }));
            assert!(panicked.is_err());
            assert_eq!(census.ran().1, 0);
        }
    });
}

/// Its value panics when it is dropped, and so does what it holds while it works.
async fn bomb(seconds: u32) -> Bomb {
    let while_at_work = Bomb;
    sleep(SECOND * seconds).await;
    std::mem::forget(while_at_work);
    Bomb
}

#[test]
fn t4_6_a_stream_that_is_dropped_inside_a_panic_does_not_abort() {
    seeds(20, |_| {
        for asynchronous in [false, true] {
            let dropped = catch_unwind(AssertUnwindSafe(|| {
                let inputs = [3, 1, 1, 60].into_iter();
                let stream = async_stream(inputs, bomb).max_concurrency(4).unwrap();
                if asynchronous {
                    let mut outcomes = stream.into_async();
                    let waker = std::task::Waker::noop();
                    let _ = outcomes.poll_next(&mut std::task::Context::from_waker(waker));
                    panic!("with a stream on the stack");
                }
                let mut outcomes = stream.into_iter();
                std::mem::forget(outcomes.next());
                panic!("with a stream on the stack");
            }));
            assert!(dropped.is_err());
        }
    });
}

#[test]
fn t4_7_any_number_of_inputs_will_do() {
    seeds(20, |_| {
        for ordered in [true, false] {
            for count in 0..4 {
                let stream = async_stream(0..count, |n| move || n).max_concurrency(2).unwrap().ordered(ordered);
                let mut outcomes = stream.into_iter();
                let mut values: Vec<_> = outcomes.by_ref().map(Result::unwrap).collect();
                values.sort_unstable();
                assert_eq!(values, (0..count).collect::<Vec<_>>());
                assert_eq!(outcomes.next(), None, "and stays at its end");
            }
        }
    });
}

#[test]
fn t4_8_unordered_outcomes_come_as_tasks_complete() {
    seeds(100, |_| {
        let stream = async_stream([3, 1, 2], sleeper(&Census::default())).max_concurrency(3).unwrap().ordered(false);
        assert_eq!(stream.into_iter().collect::<Vec<_>>(), [Ok(1), Ok(2), Ok(3)]);
    });
}

#[test]
fn t4_in_a_future_the_outcomes_are_awaited() {
    seeds(100, |simulation| {
        for ordered in [true, false] {
            let (report, reports) = channel();
            let census = Census::default();
            let counted = census.clone();
            let caller = spawn(move |mailbox: Mailbox<()>| async move {
                mailbox.trap_exit(true);
                let mut outcomes = async_stream([3, 1, 9, 2], sleeper(&counted))
                    .max_concurrency(2)
                    .unwrap()
                    .ordered(ordered)
                    .on_timeout(OnTimeout::KillTask)
                    .zip_input()
                    .into_async();
                loop {
                    // A wait that is given up loses nothing.
                    let Some(outcome) = mailbox.within(SECOND / 2, outcomes.next()).await else { continue };
                    let Some(outcome) = outcome else { break };
                    report.send(outcome).unwrap();
                }
                drop(outcomes);
                mailbox.receive_mail().await;
            });
            simulation.run_until_idle();
            let outcomes: Vec<_> = reports.try_iter().collect();
            let late = Err(exit(9, ExitReason::Timeout));
            let expected = if ordered { [Ok(3), Ok(1), late, Ok(2)] } else { [Ok(1), Ok(3), Ok(2), late] };
            assert_eq!(outcomes, expected);
            assert_eq!((census.most(), census.ran()), (2, (4, 0)));
            assert!(caller.is_alive(), "there was no mail");
        }
    });
}

#[test]
fn t4_6_an_async_stream_that_is_dropped_early_ends_its_tasks() {
    seeds(100, |simulation| {
        let census = Census::default();
        let counted = census.clone();
        let (report, reports) = channel();
        let caller = spawn(move |mailbox: Mailbox<()>| async move {
            let mut outcomes = async_stream([1, 60, 60], sleeper(&counted)).max_concurrency(3).unwrap().into_async();
            report.send(outcomes.next().await).unwrap();
            drop(outcomes);
            mailbox.receive_mail().await;
        });
        simulation.run_until_idle();
        assert_eq!(reports.recv(), Ok(Some(Ok(1))));
        assert_eq!(census.ran(), (3, 0));
        assert!(caller.is_alive(), "unlinked, and no mail");
    });
}

#[test]
fn t4_on_threads_closures_may_block_and_inputs_too() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let census = Census::default();
    let (feed, inputs) = channel();
    let feeder = std::thread::spawn(move || (0..200_u64).for_each(|n| feed.send(n).unwrap()));
    let counted = census.clone();
    let (report, reports) = channel();
    // Inside a callback, which waits for the inputs and for the tasks.
    doer(move |_| {
        let stream = async_stream(inputs, move |n| {
            let census = counted.clone();
            move || {
                let _counted = census.enter();
                std::thread::sleep(Duration::from_micros(n % 3 * 100));
                n * n
            }
        });
        for outcome in stream.max_concurrency(4).unwrap() {
            report.send(outcome.unwrap()).unwrap();
        }
    });
    assert_eq!(reports.iter().collect::<Vec<_>>(), (0..200).map(|n| n * n).collect::<Vec<_>>());
    feeder.join().unwrap();
    assert!(census.most() <= 4);
    assert_eq!(runtime.shutdown(SECOND * 30), []);
}

#[test]
fn t4_4_on_threads_work_that_does_not_return_is_given_up() {
    let (release, hold) = channel::<()>();
    let hold = Arc::new(Mutex::new(hold));
    let stream = async_stream([0, 1, 2], |n| {
        let hold = Arc::clone(&hold);
        move || {
            if n == 1 {
                hold.lock().unwrap().recv().ok();
            }
            n
        }
    });
    let stream = stream.timeout(Duration::from_millis(20)).on_timeout(OnTimeout::KillTask);
    let outcomes: Vec<_> = stream.max_concurrency(1).unwrap().into_iter().collect();
    assert_eq!(outcomes, [Ok(0), Err(exit((), ExitReason::Timeout)), Ok(2)]);

    let gate = gate();
    let (busy, is_busy) = channel();
    let hold = Arc::clone(&hold);
    let mut outcomes = async_stream([0, 1], move |n| {
        let (hold, busy) = (Arc::clone(&hold), busy.clone());
        move || {
            if n == 1 {
                busy.send(current_pid().unwrap()).unwrap();
                hold.lock().unwrap().recv().ok();
            }
        }
    })
    .max_concurrency(2)
    .unwrap()
    .into_iter();
    assert_eq!(outcomes.next(), Some(Ok(())));
    let stuck = Peer::from(is_busy.recv().unwrap());
    drop(outcomes);
    assert_eq!(stuck.exit_reason(), Some(ExitReason::Killed), "given up by the drop");
    gate.open();
    drop(release);
}

#[test]
fn t4_5_on_threads_a_caller_that_is_killed_stops_waiting() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let census = Census::default();
    let counted = census.clone();
    let (busy, is_busy) = channel();
    let caller = doer(move |_| {
        let stream = async_stream(0..100, move |_| {
            let (census, busy) = (counted.clone(), busy.clone());
            async move {
                let _counted = census.enter();
                busy.send(()).unwrap();
                std::future::pending::<()>().await;
            }
        });
        let outcomes: Vec<_> = stream.no_timeout().max_concurrency(2).unwrap().into_iter().collect();
        assert_eq!(outcomes, [Err(AsyncStreamError::Exiting)]);
    });
    is_busy.recv().unwrap();
    is_busy.recv().unwrap();
    let here = ThreadProcess::<()>::aside().unwrap();
    here.monitor(&caller);
    caller.exit(ExitReason::Kill);
    assert_eq!(common::down(&here).reason, ExitReason::Killed);
    assert_eq!(census.ran(), (2, 0));
    drop(Task::completed(()));
}

//! Bodies that are futures.

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{here, mortal, other, seeds};
use genstage_core::{Address, ExitReason, Mail, Mailbox, Signal, spawn, spawn_with};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn p1_2_receive_takes_the_first_of_its_kind_and_leaves_the_rest_in_order() {
    seeds(100, |simulation| {
        let (report, reports) = channel();
        let target = mortal();
        let watched = target.clone();
        let reader = spawn(move |mailbox: Mailbox<u32>| async move {
            mailbox.monitor(&watched);
            mailbox.trap_exit(true);
            mailbox.sleep(SECOND).await;
            assert_eq!(mailbox.receive().await, 1);
            assert!(matches!(mailbox.receive_signal().await, Signal::Down(_)));
            let mut kinds = vec![];
            for _ in 0..3 {
                kinds.push(match mailbox.receive_mail().await {
                    Mail::Message(n) => n,
                    Mail::Signal(Signal::Exit(_)) => 100,
                    Mail::Signal(_) => 200,
                });
            }
            report.send(kinds).unwrap();
        });
        simulation.run_for(Duration::ZERO);
        target.send(ExitReason::Normal).unwrap();
        simulation.run_for(Duration::ZERO);
        for n in [1, 2] {
            reader.send(n).unwrap();
        }
        reader.exit(other("x"));
        reader.send(3).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.recv(), Ok(vec![2, 100, 3]));
    });
}

#[test]
fn what_a_body_returns_is_its_exit_reason() {
    seeds(20, |simulation| {
        let normal = spawn(|_: Mailbox<()>| async {});
        let given = spawn(|_: Mailbox<()>| async { ExitReason::Shutdown });
        let fine = spawn(|_: Mailbox<()>| async { Ok::<(), String>(()) });
        let failed = spawn(|_: Mailbox<()>| async { "x".parse::<u8>().map(drop) });
        simulation.run_until_idle();
        assert_eq!(
            [normal, given, fine, failed].map(|process| process.exit_reason()),
            [
                Some(ExitReason::Normal),
                Some(ExitReason::Shutdown),
                Some(ExitReason::Normal),
                Some(ExitReason::other("invalid digit found in string".to_owned()))
            ]
        );
    });
}

#[test]
fn p9_6_sleep_takes_its_time_and_consumes_no_message() {
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let sleeper = spawn(move |mailbox: Mailbox<u8>| async move {
            mailbox.sleep(Duration::ZERO).await;
            mailbox.sleep(SECOND).await;
            report.send(mailbox.receive().await).unwrap();
        });
        sleeper.send(7).unwrap();
        simulation.run_for(Duration::from_nanos(999_999_999));
        assert!(reports.try_recv().is_err(), "never early");
        simulation.run_for(Duration::from_nanos(1));
        assert_eq!(reports.try_recv(), Ok(7));
    });
}

/// Says so when it is dropped.
struct Guard(Sender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

#[test]
fn p3_5_an_exit_while_it_sleeps_drops_the_future_at_once() {
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let sleeper = spawn(|mailbox: Mailbox<()>| async move {
            let _guard = Guard(report);
            mailbox.sleep(1000 * SECOND).await;
        });
        simulation.run_for(Duration::ZERO);
        sleeper.exit(other("x"));
        simulation.run_for(Duration::ZERO);
        assert_eq!(reports.try_recv(), Ok("dropped"));
        assert_eq!(sleeper.exit_reason(), Some(other("x")));
        simulation.run_until_idle();
        assert_eq!(simulation.now(), Duration::ZERO, "its timer is gone too");
    });
}

#[test]
fn an_exit_before_the_first_poll_still_drops_the_body() {
    seeds(20, |simulation| {
        let (report, reports) = channel();
        let guard = Guard(report);
        let process = spawn(|_: Mailbox<()>| async move { drop(guard) });
        process.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok("dropped"));
        assert_eq!(process.exit_reason(), Some(ExitReason::Killed));
    });
}

#[test]
fn mail_that_is_left_queued_does_not_make_it_spin() {
    seeds(20, |simulation| {
        let polls = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&polls);
        let process = spawn(|mailbox: Mailbox<()>| async move {
            let mut signal = pin!(mailbox.receive_signal());
            poll_fn(|task| {
                counter.fetch_add(1, Ordering::Relaxed);
                signal.as_mut().poll(task)
            })
            .await;
        });
        simulation.run_until_idle();
        (0..10).for_each(|_| process.send(()).unwrap());
        simulation.run_until_idle();
        let after_mail = polls.load(Ordering::Relaxed);
        assert!(after_mail <= 11, "{after_mail} polls");
        assert_eq!(simulation.run_until_idle(), 0);
        assert_eq!(process.inbox_len(), 10);
    });
}

/// A future that is woken by hand.
#[derive(Default)]
struct Door(Mutex<(bool, Option<Waker>)>);

impl Door {
    fn open(&self) {
        let waker = {
            let mut door = self.0.lock().unwrap();
            door.0 = true;
            door.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    async fn pass(&self) {
        poll_fn(|task| {
            let mut door = self.0.lock().unwrap();
            if door.0 {
                return Poll::Ready(());
            }
            door.1 = Some(task.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn a_waker_wakes_once_or_often_and_after_death_does_nothing() {
    seeds(20, |simulation| {
        let door = Arc::new(Door::default());
        let inside = Arc::clone(&door);
        let process = spawn(|_: Mailbox<()>| async move { inside.pass().await });
        simulation.run_until_idle();
        let waker = door.0.lock().unwrap().1.clone().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(simulation.run_until_idle(), 1, "two wakes, one poll");
        assert!(process.is_alive());
        door.open();
        simulation.run_until_idle();
        assert_eq!(process.exit_reason(), Some(ExitReason::Normal));
        waker.wake();
        assert_eq!(simulation.run_until_idle(), 0);
    });
}

#[test]
fn a_sleep_that_moves_to_another_waker_wakes_that_one() {
    struct Flag(Waker, AtomicU32);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.wake_by_ref();
        }
    }
    seeds(10, |simulation| {
        let (report, reports) = channel();
        spawn(move |mailbox: Mailbox<()>| async move {
            let mut sleep = pin!(mailbox.sleep(SECOND));
            let first = poll_fn(|task| Poll::Ready(sleep.as_mut().poll(task).is_pending())).await;
            assert!(first);
            // As a combinator does: it polls its child only when the child's own waker says so.
            let flag: Mutex<Option<Arc<Flag>>> = Mutex::new(None);
            poll_fn(|task| {
                let mut slot = flag.lock().unwrap();
                let fresh = slot.is_none();
                let flag = slot.get_or_insert_with(|| Arc::new(Flag(task.waker().clone(), AtomicU32::new(0))));
                if !fresh && flag.1.load(Ordering::Relaxed) == 0 {
                    return Poll::Pending;
                }
                let waker = Waker::from(Arc::clone(flag));
                sleep.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await;
            report.send(()).unwrap();
        });
        simulation.run_until_idle();
        assert_eq!((reports.try_recv(), simulation.now()), (Ok(()), SECOND));
    });
}

#[test]
fn p2_1_spawn_with_names_and_links() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let options = genstage_core::StartOptions::new().name("future").link();
        let process: Address<()> = spawn_with(options, |mailbox| async move { mailbox.receive().await }).unwrap();
        assert_eq!(genstage_core::whereis("future"), Some(process.pid()));
        process.send(()).unwrap();
        simulation.run_until_idle();
        assert_eq!(common::exit(&here).reason, ExitReason::Normal);
    });
}

/// P1.2: what decides is the process's own code: its panic ends the process, and nobody else is hurt.
#[test]
fn a_panic_in_the_choice_of_mail_ends_the_process_alone() {
    seeds(20, |_| {
        let here = here::<()>();
        let picky = spawn(|mailbox: Mailbox<u32>| async move {
            mailbox.receive_if(|mail| matches!(mail, Mail::Message(n) if 10 / n == 5)).await;
        });
        here.monitor(&picky);
        picky.send(7).unwrap();
        picky.send(0).unwrap();
        let Some(Mail::Signal(Signal::Down(down))) = here.receive(None) else { unreachable!() };
        assert!(matches!(down.reason, ExitReason::Panic(_)), "{}", down.reason);
        assert!(picky.send(2).is_err());
    });
}

/// P1.2: it may send, also to itself, and look at its own process.
#[test]
fn the_choice_of_mail_may_send_to_its_own_process() {
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let picky = spawn(move |mailbox: Mailbox<u32>| async move {
            let mut seen = vec![];
            for _ in 0..4 {
                let mail = mailbox
                    .receive_if(|mail| match mail {
                        Mail::Message(1) => {
                            mailbox.me().send(3).unwrap();
                            assert!(mailbox.info().is_some());
                            true
                        }
                        Mail::Message(n) => n % 2 == 1,
                        Mail::Signal(_) => false,
                    })
                    .await;
                seen.extend(match mail {
                    Mail::Message(n) => Some(n),
                    Mail::Signal(_) => None,
                });
            }
            let left = mailbox.me().inbox_len();
            report.send((seen, left)).unwrap();
        });
        for n in [2, 1, 4, 5, 7] {
            picky.send(n).unwrap();
        }
        simulation.run_until_idle();
        assert_eq!(reports.recv(), Ok((vec![1, 5, 7, 3], 2)));
    });
}

//! Seats and threads in real time: nobody stalls the others, and nothing is lost.

mod common;

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::calm::percentile;
use common::{down, here};
use genstage_core::{
    Address, ExitReason, Mail, Mailbox, Outcome, Process, ProcessContext, Runtime, ThreadProcess, spawn, start_with,
};

const MS: Duration = Duration::from_millis(1);

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).build().unwrap()
}

/// Runs what it is sent.
struct Hog;

impl Process for Hog {
    type Message = Box<dyn FnOnce() + Send>;

    fn handle(&mut self, work: Box<dyn FnOnce() + Send>, _: &mut ProcessContext<'_, Self::Message>) -> Outcome {
        work();
        Outcome::Continue
    }
}

fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn a_callback_that_waits_in_receive_lends_its_seat() {
    struct Waiter(Sender<u32>);
    impl Process for Waiter {
        type Message = Sender<Address<u32>>;
        fn handle(&mut self, tell: Sender<Address<u32>>, _: &mut ProcessContext<'_, Self::Message>) -> Outcome {
            let inner: ThreadProcess<u32> = here();
            tell.send(inner.me().clone()).unwrap();
            let Some(Mail::Message(n)) = inner.receive(None) else { panic!("no message") };
            self.0.send(n).unwrap();
            Outcome::Continue
        }
    }
    let runtime = runtime(1);
    let _inside = runtime.enter();
    let (report, reports) = channel();
    for round in 0..20 {
        let waiter = Waiter(report.clone()).start().unwrap();
        let (tell, told) = channel();
        waiter.send(tell).unwrap();
        // On the one seat there is, another process must run for the wait to end.
        spawn(move |_: Mailbox<()>| async move { told.recv().unwrap().send(round).unwrap() });
        assert_eq!(reports.recv(), Ok(round));
    }
}

#[test]
fn every_message_is_handled_exactly_once() {
    const PROCESSES: u64 = 64;
    const SENDERS: u64 = 4;
    const EACH: u64 = 2_000;
    struct Sum {
        next: Vec<u64>,
        left: u64,
        forward: Option<Address<(u64, u64)>>,
        done: Sender<()>,
    }
    impl Process for Sum {
        type Message = (u64, u64);
        fn handle(&mut self, (sender, n): (u64, u64), _: &mut ProcessContext<'_, (u64, u64)>) -> Outcome {
            let next = &mut self.next[usize::try_from(sender).unwrap()];
            assert_eq!(*next, n, "P1.1 from sender {sender}");
            *next += 1;
            if let Some(forward) = &self.forward {
                forward.send((sender, n)).unwrap();
            }
            self.left -= 1;
            if self.left == 0 {
                self.done.send(()).unwrap();
            }
            Outcome::Continue
        }
    }
    for workers in [1, 2, 4] {
        let runtime = runtime(workers);
        let _inside = runtime.enter();
        let (done, finished) = channel();
        // Threads send to the first of each pair, which forwards to the second.
        let all: Vec<_> = (0..PROCESSES)
            .map(|_| {
                let sum = |forward| Sum { next: vec![0; 4], left: SENDERS * EACH, forward, done: done.clone() };
                let second = sum(None).start().unwrap();
                sum(Some(second)).start().unwrap()
            })
            .collect();
        let start = Arc::new(Barrier::new(usize::try_from(SENDERS).unwrap()));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (all, start) = (all.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    for n in 0..EACH {
                        for process in &all {
                            process.send((sender, n)).unwrap();
                        }
                        if n % 128 == 0 {
                            // Lets the queues run dry now and then, so that seats fall asleep.
                            thread::sleep(Duration::from_micros(200));
                        }
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        for _ in 0..PROCESSES * 2 {
            finished.recv_timeout(Duration::from_secs(60)).expect("a message was lost");
        }
        assert_eq!(runtime.rescues(), 0);
    }
}

struct Player {
    peer: Option<Address<Ball>>,
    done: Sender<()>,
}

enum Ball {
    Peer(Address<Ball>),
    Hit(u32),
}

impl Process for Player {
    type Message = Ball;

    fn handle(&mut self, ball: Ball, _: &mut ProcessContext<'_, Ball>) -> Outcome {
        match ball {
            Ball::Peer(peer) => self.peer = Some(peer),
            Ball::Hit(0) => self.done.send(()).unwrap(),
            Ball::Hit(n) => self.peer.as_ref().unwrap().send(Ball::Hit(n - 1)).unwrap_or(()),
        }
        Outcome::Continue
    }
}

#[test]
fn ping_pong_ends() {
    for workers in [1, 2, 4] {
        let runtime = runtime(workers);
        let _inside = runtime.enter();
        let (done, finished) = channel();
        for _ in 0..2 {
            let [a, b] = [(), ()].map(|()| Player { peer: None, done: done.clone() }.start().unwrap());
            a.send(Ball::Peer(b.clone())).ok();
            b.send(Ball::Peer(a.clone())).ok();
            a.send(Ball::Hit(100_000)).ok();
        }
        for _ in 0..2 {
            finished.recv_timeout(Duration::from_secs(60)).expect("the ball was lost");
        }
        assert_eq!(runtime.rescues(), 0);
    }
}

#[test]
fn a_wake_up_from_outside_is_never_lost() {
    let runtime = runtime(2);
    let _inside = runtime.enter();
    let (report, reports) = channel();
    let echo = spawn(move |mailbox: Mailbox<u32>| async move {
        loop {
            let n = mailbox.receive().await;
            if report.send(n).is_err() {
                return;
            }
        }
    });
    // Pauses around the time a seat searches before it sleeps, to hit the moment between the two.
    for n in 0..20_000_u32 {
        echo.send(n).unwrap();
        assert_eq!(reports.recv_timeout(Duration::from_secs(10)), Ok(n), "a wake-up was lost");
        if n % 2 == 0 {
            burn(Duration::from_nanos(u64::from(n) * 7919 % 60_000));
        }
    }
    assert_eq!(runtime.rescues(), 0);
}

#[test]
fn seats_that_change_hands_lose_nothing() {
    struct Rude {
        peers: Vec<Address<u32>>,
        handled: Sender<()>,
    }
    impl Process for Rude {
        type Message = u32;
        fn handle(&mut self, n: u32, cx: &mut ProcessContext<'_, u32>) -> Outcome {
            self.handled.send(()).unwrap();
            if self.peers.is_empty() {
                return Outcome::Continue;
            }
            // Around the moment at which the seat is taken, and pushing all the while.
            let pause = Duration::from_micros(u64::from(n) * 613 % 5_000);
            if n.is_multiple_of(2) {
                thread::sleep(pause);
            } else {
                burn(pause / 4);
            }
            for peer in &self.peers {
                peer.send(n).unwrap();
                cx.me().inbox_len();
            }
            Outcome::Continue
        }
    }
    let runtime = runtime(2);
    let _inside = runtime.enter();
    let (handled, handlings) = channel();
    let peers: Vec<_> = (0..8).map(|_| Rude { peers: vec![], handled: handled.clone() }.start().unwrap()).collect();
    let rude: Vec<_> =
        (0..8).map(|_| Rude { peers: peers.clone(), handled: handled.clone() }.start().unwrap()).collect();
    for n in 0..100 {
        for (shift, process) in (0..).zip(&rude) {
            process.send(n * 8 + shift).unwrap();
        }
    }
    let all = 100 * 8 * 9;
    for done in 0..all {
        assert_eq!(handlings.recv_timeout(Duration::from_secs(60)), Ok(()), "{done} of {all} handled");
    }
    assert_eq!(runtime.rescues(), 0);
}

#[test]
fn at_the_cap_of_threads_the_blocked_go_on_when_they_are_let() {
    let runtime = Runtime::builder().workers(1).max_threads(3).build().unwrap();
    let _inside = runtime.enter();
    let (done, finished) = channel();
    let doors: Vec<_> = (0..6)
        .map(|n| {
            let (open, door) = channel::<()>();
            let done = done.clone();
            let hog = Hog.start().unwrap();
            hog.send(Box::new(move || {
                let _ = door.recv();
                done.send(n).unwrap();
            }))
            .ok();
            open
        })
        .collect();
    // Three threads are in callbacks at most; whichever they are, every open door lets the next one in.
    for open in doors {
        open.send(()).unwrap();
    }
    let mut all: Vec<_> = (0..6).map(|_| finished.recv_timeout(Duration::from_secs(20)).expect("stuck")).collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn shutdown_names_who_is_stuck_and_does_not_wait_for_it() {
    let runtime = runtime(2);
    let (open, door) = channel::<()>();
    let (entered, inside_callback) = channel();
    let (stuck, fine) = {
        let _inside = runtime.enter();
        let stuck = Hog.start().unwrap();
        stuck
            .send(Box::new(move || {
                entered.send(()).unwrap();
                let _ = door.recv();
            }))
            .ok();
        (stuck, Hog.start().unwrap())
    };
    inside_callback.recv().unwrap();
    let start = Instant::now();
    // Time enough for the idle one to end, also on a busy machine.
    let stragglers: Vec<_> = runtime.shutdown(500 * MS).iter().map(|straggler| straggler.pid).collect();
    assert_eq!(stragglers, [stuck.pid()]);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(fine.exit_reason(), Some(ExitReason::Shutdown));
    assert_eq!(stuck.exit_reason(), Some(ExitReason::Shutdown), "dead for everybody else");
    drop(open);
}

#[test]
fn shutdown_ends_all_in_time_and_leaves_trapping_ones_to_the_kill() {
    // The killed have a tenth of a second to end, which a machine that others use may not give each time.
    let in_time = (0..20).any(|_| {
        let runtime = runtime(2);
        let _inside = runtime.enter();
        let polite: Vec<_> = (0..1000).map(|_| common::idler()).collect();
        let (report, trapping) = channel();
        let stubborn = spawn(move |mailbox: Mailbox<()>| async move {
            mailbox.trap_exit(true);
            report.send(()).unwrap();
            mailbox.receive().await;
        });
        trapping.recv().unwrap();
        let left = runtime.shutdown(100 * MS);
        let seen = |process: &Address<()>, reason| process.exit_reason().is_none_or(|seen| seen == reason);
        assert!(polite.iter().all(|process| seen(process, ExitReason::Shutdown)));
        assert!(seen(&stubborn, ExitReason::Killed));
        left.is_empty()
    });
    assert!(in_time);
}

#[test]
fn dropping_a_runtime_drops_what_its_processes_hold() {
    struct Told(#[allow(dead_code, reason = "held to be dropped")] Sender<()>);
    impl Process for Told {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Continue
        }
    }
    for _ in 0..10 {
        let (told, dropped) = channel();
        let runtime = runtime(2);
        {
            let _inside = runtime.enter();
            let all: Vec<_> = (0..2000).map(|_| Told(told.clone()).start().unwrap()).collect();
            for process in &all {
                process.send(()).unwrap();
            }
        }
        drop(told);
        drop(runtime);
        assert!(
            dropped
                .recv_timeout(Duration::from_secs(20))
                .is_err_and(|error| { error == std::sync::mpsc::RecvTimeoutError::Disconnected })
        );
    }
}

#[test]
fn a_runtime_may_be_dropped_by_one_of_its_own_callbacks() {
    let runtime = runtime(1);
    let _inside = runtime.enter();
    let guard = here::<()>();
    let hog = Hog.start().unwrap();
    guard.monitor(&hog);
    let inner = Runtime::builder().workers(1).build().unwrap();
    let victim = {
        let _inner = inner.enter();
        Hog.start().unwrap()
    };
    let keep = Arc::new(std::sync::Mutex::new(Some(inner)));
    let inside = Arc::clone(&keep);
    victim.send(Box::new(move || drop(inside.lock().unwrap().take()))).ok();
    hog.send(Box::new(move || {
        let deadline = Instant::now() + Duration::from_secs(10);
        while victim.exit_reason().is_none() && Instant::now() < deadline {
            thread::sleep(MS);
        }
        assert_eq!(victim.exit_reason(), Some(ExitReason::Killed));
        panic!("seen");
    }))
    .ok();
    let seen = down(&guard).reason;
    assert!(matches!(&seen, ExitReason::Panic(panic) if panic.message() == "seen"), "{seen:?}");
}

#[test]
fn a_process_that_is_made_with_its_own_address_can_use_it() {
    let runtime = runtime(1);
    let _inside = runtime.enter();
    let (done, finished) = channel();
    let process = start_with(genstage_core::StartOptions::new(), |me| {
        me.send(Ball::Hit(0)).unwrap_or(());
        Player { peer: None, done }
    });
    assert!(process.is_ok());
    assert_eq!(finished.recv_timeout(Duration::from_secs(10)), Ok(()));
}

#[test]
fn a_panic_in_an_announced_wait_does_not_cost_the_seat() {
    // With the seat lost, each round would wait for the clock to find that out: two milliseconds or more. So the fast tenth
    // of the rounds tells, whatever else the machine does.
    const ROUNDS: usize = 500;
    let runtime = runtime(1);
    let _inside = runtime.enter();
    let here = here::<()>();
    let round = |_| {
        let start = Instant::now();
        let hog = Hog.start().unwrap();
        here.monitor(&hog);
        // Past the panic hook, which would print 500 times.
        hog.send(Box::new(|| genstage_core::may_block(|| std::panic::resume_unwind(Box::new("expected"))))).ok();
        assert!(matches!(down(&here).reason, ExitReason::Panic(panic) if panic.message() == "expected"));
        start.elapsed()
    };
    let mut rounds: Vec<_> = (0..ROUNDS).map(round).collect();
    assert!(percentile(&mut rounds, 10) < MS, "{rounds:?}");
}

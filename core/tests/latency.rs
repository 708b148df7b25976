//! How late a timer is while callbacks hold their threads. Alone in its binary, and one test at a time: it measures.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::calm::{Case, assert_below};
use genstage_core::{ExitReason, Init, Outcome, Process, ProcessContext, Runtime};

const MS: Duration = Duration::from_millis(1);

/// How long to wait for the machine to be calm.
const TIME: Duration = Duration::from_secs(10);

static ALONE: Mutex<()> = Mutex::new(());

/// Sets itself a timer of a millisecond, again and again, and measures how late each comes.
struct Ticker {
    due: Instant,
    worst: Duration,
    stop: Arc<AtomicBool>,
    report: Sender<Duration>,
}

impl Ticker {
    fn arm(&mut self, cx: &ProcessContext<'_, ()>) {
        self.due = Instant::now() + MS;
        cx.send_after(cx.me(), (), MS);
    }
}

impl Process for Ticker {
    type Message = ();

    fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
        self.arm(cx);
        Init::Continue
    }

    fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
        self.worst = self.worst.max(self.due.elapsed());
        if self.stop.load(Ordering::Relaxed) {
            self.report.send(self.worst).unwrap();
            return Outcome::Stop(ExitReason::Normal);
        }
        self.arm(cx);
        Outcome::Continue
    }
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

/// The worst lateness of a ticker while some callbacks do something for long, all at once.
fn lateness_beside(workers: usize, hogs: usize, work: impl Fn() + Clone + Send + 'static) -> Duration {
    let runtime = Runtime::builder().workers(workers).build().unwrap();
    let _inside = runtime.enter();
    let stop = Arc::new(AtomicBool::new(false));
    let (report, reports) = channel();
    let (done, finished) = channel();
    Ticker { due: Instant::now(), worst: Duration::ZERO, stop: Arc::clone(&stop), report }.start().unwrap();
    for _ in 0..hogs {
        let (done, work) = (done.clone(), work.clone());
        let hog = Hog.start().unwrap();
        hog.send(Box::new(move || {
            work();
            done.send(()).unwrap();
        }))
        .ok();
    }
    (0..hogs).for_each(|_| finished.recv().unwrap());
    stop.store(true, Ordering::Relaxed);
    let worst = reports.recv().unwrap();
    assert_eq!(runtime.rescues(), 0);
    worst
}

fn case(limit: Duration, what: &str, workers: usize, hogs: usize, work: impl Fn() + Clone + Send + 'static) -> Case {
    let measure = Box::new(move || vec![lateness_beside(workers, hogs, work.clone())]);
    Case { what: format!("{workers} seats, {hogs} callbacks {what}"), limit, percent: 100, measure }
}

#[test]
fn callbacks_that_sleep_unannounced_do_not_hold_up_a_ticker() {
    let _alone = ALONE.lock();
    assert_below(TIME, [1, 2].map(|workers| case(20 * MS, "asleep", workers, 2, || thread::sleep(200 * MS))));
}

#[test]
fn callbacks_that_burn_do_not_hold_up_a_ticker_for_long() {
    let _alone = ALONE.lock();
    // They share the cores with the ticker, so the machine's own scheduler has a say here.
    assert_below(TIME, [1, 2].map(|hogs| case(60 * MS, "burning", 2, hogs, || burn(100 * MS))));
}

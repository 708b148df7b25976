//! Callbacks that burn or sleep for long, again and again, beside a ticker and a small pipeline. Alone in its binary, and
//! one test at a time: it measures.
//!
//! To see how it stands, in a table: `cargo test -p genstage-core --release --test hogs -- --ignored --nocapture`

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::calm::{Case, assert_below, beside_control, percentile};
use genstage_core::{Address, ExitReason, Init, Outcome, Process, ProcessContext, Runtime};

const MS: Duration = Duration::from_millis(1);

/// How long the callback of a hog takes.
const LONG: Duration = Duration::from_millis(100);

const SEATS: usize = 2;

static ALONE: Mutex<()> = Mutex::new(());

#[derive(Clone, Copy, Debug)]
enum Work {
    Burn,
    Sleep,
    /// As `Burn`, each time in a new process.
    Born,
}

/// Burns or sleeps, and sends itself the next message.
struct Hog(Work, Arc<AtomicU64>);

impl Process for Hog {
    type Message = ();

    fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
        let start = Instant::now();
        match self.0 {
            Work::Burn | Work::Born => {
                while start.elapsed() < LONG {
                    std::hint::spin_loop();
                }
            }
            Work::Sleep => thread::sleep(LONG),
        }
        self.1.fetch_add(1, Ordering::Relaxed);
        if let Work::Born = self.0 {
            if let Ok(next) = Hog(self.0, Arc::clone(&self.1)).start() {
                next.send(()).unwrap_or(());
            }
            return Outcome::Stop(ExitReason::Normal);
        }
        cx.me().send(()).unwrap_or(());
        Outcome::Continue
    }
}

/// Sets itself a timer of a millisecond, again and again, and measures how late each comes.
struct Ticker {
    due: Instant,
    late: Vec<Duration>,
    stop: Arc<AtomicBool>,
    report: Sender<Vec<Duration>>,
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
        self.late.push(self.due.elapsed());
        if self.stop.load(Ordering::Relaxed) {
            self.report.send(std::mem::take(&mut self.late)).unwrap();
            return Outcome::Stop(ExitReason::Normal);
        }
        self.arm(cx);
        Outcome::Continue
    }
}

/// Three of these pass a ball around, without a pause.
struct Player {
    next: Option<Address<Ball>>,
    hits: Arc<AtomicU64>,
}

enum Ball {
    Next(Address<Ball>),
    Hit,
}

impl Process for Player {
    type Message = Ball;

    fn handle(&mut self, ball: Ball, _: &mut ProcessContext<'_, Ball>) -> Outcome {
        match (ball, &self.next) {
            (Ball::Next(next), _) => self.next = Some(next),
            (Ball::Hit, next) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                if let Some(next) = next {
                    next.send(Ball::Hit).unwrap_or(());
                }
            }
        }
        Outcome::Continue
    }
}

struct Seen {
    /// Of the ticker.
    late: Vec<Duration>,
    /// How often the ball was hit.
    hits: u64,
    /// How often the hogs' callbacks ran.
    rounds: u64,
    /// What the hog did that ran least.
    fewest: u64,
}

fn beside(work: Work, hogs: usize, time: Duration) -> Seen {
    let runtime = Runtime::builder().workers(SEATS).build().unwrap();
    let _inside = runtime.enter();
    let stop = Arc::new(AtomicBool::new(false));
    let hits = Arc::new(AtomicU64::new(0));
    let (report, reports) = channel();
    let ring: Vec<_> = (0..3).map(|_| Player { next: None, hits: Arc::clone(&hits) }.start().unwrap()).collect();
    for (player, next) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        player.send(Ball::Next(next.clone())).ok();
    }
    ring[0].send(Ball::Hit).ok();
    Ticker { due: Instant::now(), late: Vec::new(), stop: Arc::clone(&stop), report }.start().unwrap();
    // They are no strangers when the hogs come.
    thread::sleep(20 * MS);
    let rounds: Vec<_> = (0..hogs).map(|_| Arc::new(AtomicU64::new(0))).collect();
    for rounds in &rounds {
        Hog(work, Arc::clone(rounds)).start().unwrap().send(()).unwrap();
    }
    thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let late = reports.recv().unwrap();
    assert_eq!(runtime.rescues(), 0);
    let rounds = rounds.iter().map(|rounds| rounds.load(Ordering::Relaxed));
    Seen {
        late,
        hits: hits.load(Ordering::Relaxed),
        rounds: rounds.clone().sum(),
        fewest: rounds.min().unwrap_or_default(),
    }
}

fn case(limit: Duration, work: Work, hogs: usize) -> Case {
    let measure = Box::new(move || {
        let seen = beside(work, hogs, 600 * MS);
        assert!(seen.hits >= 1_000, "{hogs} hogs, {work:?}: the pipeline beside got stuck after {} hits", seen.hits);
        seen.late
    });
    Case { what: format!("{hogs} hogs, {work:?}"), limit, percent: 99, measure }
}

#[test]
fn a_ticker_stays_in_time_beside_hogs() {
    let _alone = ALONE.lock();
    // While a core is left, the ticker hardly notices. Where all burn, the machine's own scheduler deals out the cores.
    let (free, shared) = (5 * MS, 25 * MS);
    let all = [
        case(free, Work::Burn, SEATS - 1),
        case(free, Work::Born, SEATS - 1),
        case(free, Work::Sleep, 1),
        case(free, Work::Sleep, SEATS),
        case(free, Work::Sleep, 4 * SEATS),
        case(shared, Work::Burn, SEATS),
        case(shared, Work::Burn, 4 * SEATS),
        case(shared, Work::Born, SEATS),
        case(shared, Work::Born, 4 * SEATS),
    ];
    assert_below(Duration::from_secs(9), all);
}

/// Rude does not mean starved: each of more burning processes than cores gets its turns.
#[test]
fn every_hog_runs_again_and_again() {
    let _alone = ALONE.lock();
    for work in [Work::Burn, Work::Sleep] {
        let seen = beside(work, 4 * SEATS, 1000 * MS);
        assert!(seen.fewest >= 1, "{work:?}: {} rounds in all, but one had none", seen.rounds);
    }
}

#[test]
#[ignore = "a table to read, not a test"]
fn table() {
    let _alone = ALONE.lock();
    println!("work   hogs |   p50   p99   max us | control p99   max us | ticks   khits  rounds fewest");
    for work in [Work::Burn, Work::Sleep, Work::Born] {
        for hogs in [1, SEATS, 4 * SEATS] {
            for _ in 0..2 {
                let (mut seen, mut control) = beside_control(|| beside(work, hogs, 2000 * MS));
                let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(&mut seen.late, percent).as_micros());
                let [control, worst] = [99, 100].map(|percent| percentile(&mut control, percent).as_micros());
                println!(
                    "{work:<6?} {hogs:>4} | {p50:>5} {p99:>5} {max:>8} | {control:>11} {worst:>8} | {:>5} {:>7} {:>7} {:>6}",
                    seen.late.len(),
                    seen.hits / 1000,
                    seen.rounds,
                    seen.fewest
                );
            }
        }
    }
}

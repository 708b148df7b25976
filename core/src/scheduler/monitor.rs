//! The clock thread: fires timers, counts the coarse tick, and takes seats from callbacks that outstay their time.
//! It runs no user code.

use std::thread::{self, Thread};
use std::time::Duration;

use super::away::Does;
use super::row::Manners;
use super::seat::Seen;
use super::{Scheduler, Seat};
use crate::runtime::clock::Clock;
use crate::runtime::engine::Engine;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use crate::sync::{Arc, Mutex};

/// How long the monitor sleeps while any seat is busy. A callback that was seen in two rounds has run for one to two of them.
const ROUND: Duration = Duration::from_millis(1);

/// After so many rounds in which nothing waited behind a slice that lasts, the monitor takes more time. As in Go.
const QUIET: u32 = 50;

/// How long it then sleeps. Guessed: with a callback that starts to block just then, what arrives behind it waits this
/// much longer, once.
const LAZY_ROUND: Duration = Duration::from_millis(4);

/// How long the coarse clock may stand still while a seat is busy, as far as the system lets the clock's thread run.
pub(crate) const LONGEST_TICK: Duration = LAZY_ROUND;

/// In how many rounds in a row the same slice must be seen before its seat is taken; announced waits need one. Guessed: a
/// callback of a millisecond or two is cheaper to wait for than to replace.
const PATIENCE: u32 = 2;

/// What is known of a slice whose seat was taken.
pub(super) const OVERSTAYED: Duration = Duration::from_millis(PATIENCE as u64);

/// In how many rounds in a row work must be seen that nobody was woken for. A pusher that the system preempts between its
/// push and its wake-up looks the same for as long; guessed to be far above that.
const FORSAKEN: u32 = 20;

/// What others know of the clock thread.
#[derive(Default)]
pub(crate) struct Bell {
    thread: Mutex<Option<Thread>>,
    dormant: AtomicBool,
    rescues: AtomicU64,
}

impl Bell {
    /// Makes the clock look again now.
    pub(crate) fn ring(&self) {
        if let Some(thread) = &*self.thread.lock() {
            thread.unpark();
        }
    }

    /// A seat wakes: the clock must tick.
    pub(crate) fn attend(&self) {
        fence(Ordering::SeqCst);
        if self.dormant.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    pub(crate) fn rescues(&self) -> u64 {
        self.rescues.load(Ordering::Relaxed)
    }
}

pub(crate) fn spawn(scheduler: &Scheduler, engine: &Arc<Engine>) -> std::io::Result<()> {
    let engine = Arc::clone(engine);
    let name = format!("{}-clock", scheduler.threads.name());
    let thread = thread::Builder::new().name(name).spawn(move || run(&engine))?;
    *scheduler.monitor.thread.lock() = Some(thread.thread().clone());
    Ok(())
}

fn run(engine: &Arc<Engine>) {
    let Some(scheduler) = engine.scheduler() else { return };
    let mut watch = Watch {
        engine,
        scheduler,
        seats: vec![(Seen::default(), 0); scheduler.seats.len()],
        vacant: Vec::new(),
        forsaken: [0; 2],
        crowded: false,
        quiet: 0,
    };
    let mut last_round = engine.clock.now();
    while !scheduler.is_stopping() {
        let now = engine.clock.now();
        while engine.timers.fire_next(now) {}
        if now.saturating_sub(last_round) >= ROUND {
            last_round = now;
            scheduler.tick.fetch_add(1, Ordering::Relaxed);
            watch.round();
        }
        sleep(engine, scheduler, watch.pause());
    }
}

fn sleep(engine: &Engine, scheduler: &Scheduler, pause: Duration) {
    let bell = &scheduler.monitor;
    let until_next = |latest| engine.timers.next_deadline(latest).map(|next| next.saturating_sub(engine.clock.now()));
    let all_rest = || scheduler.polite.rests() && scheduler.rude.rests();
    if all_rest() {
        bell.dormant.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if all_rest() && !scheduler.is_stopping() {
            match until_next(Clock::END) {
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
        bell.dormant.store(false, Ordering::SeqCst);
    } else {
        let latest = engine.clock.now().saturating_add(pause);
        thread::park_timeout(until_next(latest).unwrap_or(pause).min(pause));
    }
}

struct Watch<'a> {
    engine: &'a Arc<Engine>,
    scheduler: &'a Scheduler,
    /// What each seat's word was in the last round, and in how many rounds its slice has been seen again.
    seats: Vec<(Seen, u32)>,
    /// Seats that were taken and for which the system refused a thread.
    vacant: Vec<usize>,
    /// For each row, rounds in a row in which there was work and somebody slept.
    forsaken: [u32; 2],
    /// Whether as many may burn away from their seats as there can be.
    crowded: bool,
    /// Rounds in a row in which nothing waited behind a slice that lasts.
    quiet: u32,
}

impl Watch<'_> {
    /// How long to sleep while seats are busy. Each round takes a core from one of them for some microseconds, which a pair of
    /// stages in step pays twice; where nothing has waited for long, fewer will do.
    fn pause(&self) -> Duration {
        if self.quiet < QUIET { ROUND } else { LAZY_ROUND }
    }

    fn round(&mut self) {
        let (scheduler, engine) = (self.scheduler, self.engine);
        let rows = [Manners::Polite, Manners::Rude].map(|manners| scheduler.row(manners));
        let injected = rows.iter().any(|row| !row.injector.is_empty());
        let waiting = injected || scheduler.seats.iter().any(|seat| seat.queue.len() > 0);
        self.quiet = self.quiet.saturating_add(1);
        self.vacant.retain(|seat| !scheduler.threads.fill(engine, *seat));
        for at in 0..self.seats.len() {
            let seen = self.scheduler.seats[at].word.look();
            let (last, rounds) = &mut self.seats[at];
            *rounds = if seen.in_callback() && seen.same_slice(*last) { *rounds + 1 } else { 0 };
            *last = seen;
            if *rounds > 0 {
                if waiting {
                    self.quiet = 0;
                }
                let rounds = *rounds;
                self.relieve(at, seen, rounds);
            }
        }
        self.keep_the_last_seats();
        self.staff_rude();
        // The backstop: it turns a lost wake-up from a hang into a delay, and counts it.
        for (manners, rounds) in [Manners::Polite, Manners::Rude].into_iter().zip(&mut self.forsaken) {
            let row = scheduler.row(manners);
            let forsaken = !row.injector.is_empty() && row.idle.any() && !row.idle.is_anyone_searching();
            *rounds = if forsaken { *rounds + 1 } else { 0 };
            if *rounds >= FORSAKEN {
                *rounds = 0;
                scheduler.monitor.rescues.fetch_add(1, Ordering::Relaxed);
                scheduler.rouse_one(manners);
            }
        }
    }

    /// While as many burn away from their seats as may, no other seat could be taken from whoever burns there. So of those that
    /// nobody knows yet none gets one.
    fn keep_the_last_seats(&mut self) {
        if self.crowded {
            self.crowded = self.scheduler.away.is_full();
            self.scheduler.rude.takes_strangers.store(self.crowded, Ordering::Relaxed);
            self.scheduler.rude.want();
        }
    }

    /// The seats of the rude get threads when the first such process is found, if there is room for all.
    fn staff_rude(&mut self) {
        let scheduler = self.scheduler;
        let seats = scheduler.seats();
        if scheduler.rude.is_wanted() && scheduler.threads.has_room(seats) {
            let refused = (seats..seats * 2).filter(|seat| !scheduler.threads.fill(self.engine, *seat));
            self.vacant.extend(refused);
            scheduler.rude.set_staffed();
        }
    }

    /// A callback has been running for a while: see that what waits behind it gets a thread.
    fn relieve(&mut self, at: usize, seen: Seen, rounds: u32) {
        let scheduler = self.scheduler;
        let seat: &Seat = &scheduler.seats[at];
        let manners = scheduler.manners(at);
        let row = scheduler.row(manners);
        if row.idle.any() {
            scheduler.release_work(seat);
            return;
        }
        let waiting = seat.queue.len() > 0 || !row.injector.is_empty();
        let patience = if seen.waiting() { 1 } else { PATIENCE };
        if !waiting || rounds < patience || scheduler.is_stopping() {
            return;
        }
        let thread = seat.sitter.number();
        let does = Does::look(thread, seen.waiting());
        if !scheduler.away.allows(does, manners) || !scheduler.threads.may_fill() {
            // It stays, so what waits behind it goes to where the other seats find it.
            scheduler.release_work(seat);
            return;
        }
        // Entered before the seat is taken, so that the thread finds itself there when it learns of it.
        scheduler.away.enter(thread);
        if !seat.word.take(seen) {
            scheduler.away.leave(thread);
            return;
        }
        if does != Does::Sleep {
            // Before somebody sits there, who might find a stranger that then stays.
            self.crowded = true;
            self.keep_the_last_seats();
            self.staff_rude();
        }
        if !scheduler.threads.fill(self.engine, at) {
            self.vacant.push(at);
        }
    }
}

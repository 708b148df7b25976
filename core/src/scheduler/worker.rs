//! The life of a thread: sit on a seat and run slices, stand by, leave.

use std::thread;
use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::row::{Manners, Row};
use super::seat::Seen;
use super::{Age, Cost, LONG, Scheduler, Seat, Task, away, monitor};
use crate::process::current;
use crate::runtime::engine::{Engine, pause};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// Every so many slices the injector comes first, so that it cannot starve. A prime, as in tokio and Go.
const INJECTOR_FIRST: u32 = 61;

/// Every so many slices one is timed, whoever it is. A clock read costs 27 ns here, a light slice some 100. Odd, as two processes
/// that take turns would else be the one that always is and the one that never is.
const SAMPLE: u32 = 63;

/// Where slices are light, every so many slices one is timed whose process is new; where they are heavy, each is. Guessed:
/// processes that live for one light slice pay 2 ns for it on average.
const SAMPLE_NEW: u32 = 31;

/// How long a seat without work looks around before it sleeps, in rounds of some 500 ns. Chosen by `heavy-2`: shorter, and
/// the two sides of a balanced pipeline pay for a wake-up with every batch.
const SEARCH_ROUNDS: u32 = 100;

/// The bound of a longer search, in lengths of a long slice. Guessed: a search of some 200 us is still little beside the slices
/// that justify it.
const MOST_LONG: u32 = 8;

pub(crate) fn main(engine: &Arc<Engine>, seat: usize) {
    let Some(scheduler) = engine.scheduler() else { return };
    let _inside = current::enter_engine(engine);
    let number = away::this_thread();
    let mut next = Some(seat);
    while let Some(seat) = next {
        let at = seat;
        let manners = scheduler.manners(at);
        let (own, row) = (&scheduler.seats[at], scheduler.row(manners));
        let (seen, crowd) = (Vec::new(), Crowd::default());
        let mut worker = Worker {
            scheduler,
            at,
            seat: own,
            manners,
            row,
            slices: 0,
            injector_at: INJECTOR_FIRST,
            sample_at: SAMPLE,
            seen,
            crowd,
        };
        worker.seat.sitter.sit(number);
        current::set_seat(scheduler.id(), at);
        match worker.sit() {
            Left::Stopping => break,
            Left::Lost(task) => {
                scheduler.away.leave(number);
                match task {
                    Some(task) if scheduler.is_out_of_place(task.cost()) => scheduler.move_to_rude(task),
                    Some(polite) => scheduler.inject(polite),
                    None => {}
                }
            }
        }
        next = scheduler.threads.stand_by(|| scheduler.is_stopping());
    }
    if scheduler.is_stopping() {
        scheduler.drain();
    }
    scheduler.threads.leave();
    // Again: a push that still counted this thread relied on it.
    if scheduler.is_stopping() {
        scheduler.drain();
    }
}

/// Why a thread left its seat.
enum Left {
    Stopping,
    /// Its callback took too long; here is the process that must be put into a run queue.
    Lost(Option<Task>),
}

struct Worker<'a> {
    scheduler: &'a Scheduler,
    at: usize,
    seat: &'a Seat,
    manners: Manners,
    row: &'a Row,
    slices: u32,
    /// The slices at which the injector comes first, and that are timed, whatever comes: counted on, as a remainder takes a
    /// multiplication.
    injector_at: u32,
    sample_at: u32,
    /// The words of the other seats when the present search began.
    seen: Vec<Seen>,
    crowd: Crowd,
}

impl Worker<'_> {
    fn sit(&mut self) -> Left {
        let mut next = None;
        while let Some(task) = self.next_task(next.take()) {
            match self.run(task) {
                Ok(None) => {}
                // Through the queue it would come next all the same. No callback runs before, so nobody has to find it there.
                Ok(Some(task)) if self.manners == Manners::Polite && self.seat.queue.len() == 0 => next = Some(task),
                Ok(Some(task)) => self.queue(task),
                Err(task) => return Left::Lost(task),
            }
        }
        Left::Stopping
    }

    /// To the back, and nobody is woken for it.
    fn queue(&self, task: Task) {
        match self.manners {
            Manners::Polite => {
                if let Err(task) = self.seat.queue.push(task) {
                    self.scheduler.inject(task);
                }
            }
            Manners::Rude if task.cost().is_rude() => self.row.injector.push(task),
            Manners::Rude => self.scheduler.inject(task),
        }
    }

    /// One slice, and who must be put into a run queue after it. `Err`: the seat was lost meanwhile.
    #[inline]
    fn run(&mut self, task: Task) -> Result<Option<Task>, Option<Task>> {
        let sampled = self.slices == self.sample_at;
        if sampled {
            self.sample_at = self.slices.wrapping_add(SAMPLE);
        }
        let cost = task.cost();
        let heavy = cost.is_heavy();
        if heavy.unwrap_or(true) && self.manners == Manners::Polite && self.scheduler.is_out_of_place(cost) {
            self.scheduler.move_to_rude(task);
            return Ok(None);
        }
        let timed = sampled || heavy.unwrap_or_else(|| self.times_new());
        let stranger = cost.is_unknown();
        let began = timed.then(Instant::now);
        let tick = self.scheduler.tick.load(Ordering::Relaxed);
        let slice = self.seat.word.begin();
        current::set_slice(slice, began.map_or(Age::Unknown, Age::Since));
        let mut kept = false;
        let end = &mut kept;
        let next = task.run(&mut move |cost| {
            if let Some(began) = began {
                self.learn(cost, began.elapsed(), stranger, sampled);
            } else if stranger {
                // The coarse clock tells a long slice all the same. One tick may be chance.
                let ticks = self.scheduler.tick.load(Ordering::Relaxed).saturating_sub(tick);
                if ticks > 1 {
                    let took = Duration::from_millis(ticks);
                    self.seat.strangers.learn(took);
                    cost.learn(took);
                } else {
                    cost.has_run();
                }
            }
            *end = self.seat.word.end(slice);
            if !*end && began.is_none() {
                // Nobody timed it, but so much is known. Its next slices will be timed.
                cost.learn(monitor::OVERSTAYED);
            }
        });
        if kept { Ok(next) } else { Err(next) }
    }

    fn learn(&self, cost: &Cost, took: Duration, stranger: bool, sampled: bool) {
        if stranger {
            self.seat.strangers.learn(took);
        }
        match self.manners {
            Manners::Polite => cost.learn(took),
            Manners::Rude => cost.learn_kindly(took),
        }
        if sampled {
            // What is longer makes no difference, and may have been the system's doing.
            self.seat.average.learn(took.min(LONG * MOST_LONG));
        }
    }

    /// Whether to time a slice of a process of which nothing is known.
    fn times_new(&self) -> bool {
        self.slices.is_multiple_of(SAMPLE_NEW)
            || self.seat.average.is_heavy() == Some(true)
            || self.scheduler.rude.takes_strangers.load(Ordering::Relaxed)
    }

    /// `next`: the one that is to run next, if it were for the seat's queue.
    fn next_task(&mut self, next: Option<Task>) -> Option<Task> {
        self.slices = self.slices.wrapping_add(1);
        if self.manners == Manners::Rude {
            return self.search();
        }
        if self.slices == self.injector_at {
            self.injector_at = self.slices.wrapping_add(INJECTOR_FIRST);
            if let Some(next) = next {
                self.queue(next);
            }
            if self.scheduler.is_stopping() {
                return None;
            }
            if let Some(task) = self.row.injector.pop() {
                return Some(task);
            }
        } else if next.is_some() {
            return next;
        }
        let own = self.seat.queue.pop();
        own.or_else(|| self.row.injector.pop()).or_else(|| self.search())
    }

    /// Looks around for a while, then sleeps until there is something. `None`: the runtime stops.
    fn search(&mut self) -> Option<Task> {
        // The coarse clock may stand still from here on.
        current::forget_time();
        let scheduler = self.scheduler;
        self.row.idle.start_search();
        loop {
            if let Some(task) = self.look_around() {
                if self.row.idle.end_search() && !self.row.injector.is_empty() {
                    scheduler.rouse_one(self.manners);
                }
                return Some(task);
            }
            if scheduler.is_stopping() {
                let _ = self.row.idle.end_search();
                return None;
            }
            if !self.seat.queue.fall_asleep() {
                continue;
            }
            self.row.idle.sleep(self.at);
            if !self.is_there_work() {
                while self.row.idle.is_asleep(self.at) && !scheduler.is_stopping() {
                    thread::park();
                }
            }
            self.row.idle.stay_awake(self.at);
            // Also where it did not sleep: the clock may have gone dormant on seeing the announcement.
            scheduler.monitor.attend();
            self.seat.queue.wake_up();
        }
    }

    fn look_around(&mut self) -> Option<Task> {
        if self.manners == Manners::Rude {
            return if self.scheduler.is_stopping() { None } else { self.row.injector.pop() };
        }
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        seen.extend(self.others().map(|seat| seat.word.look()));
        self.seen = seen;
        // Where slices are long, a core given to one of them is no loss, and a wake-up with each batch would be.
        let light = self.seat.average.get() < LONG;
        let at_leisure = !light || self.crowd.leaves_time();
        let mut looked = None;
        for round in 0..self.rounds() {
            if let Some(task) = self.look() {
                if round > 0 {
                    self.crowd.found();
                }
                return Some(task);
            }
            if self.scheduler.is_stopping() || !at_leisure {
                return None;
            }
            let now = Instant::now();
            if light && looked.replace(now).is_some_and(|last| self.crowd.has_taken(now - last)) {
                break;
            }
            pause(round);
        }
        // Whoever is still in the slice it was in when the search began will be there for a while.
        self.steal(|at, seat| seat.word.look() == self.seen[at] && self.seen[at].in_callback())
    }

    fn look(&self) -> Option<Task> {
        if let Some(task) = self.seat.queue.pop() {
            return Some(task);
        }
        if let Some(task) = self.row.injector.pop() {
            self.take_share();
            return Some(task);
        }
        self.steal(|_, seat| seat.is_worth_moving())
    }

    /// Where slices are long, so are the gaps between them, and a wake-up hurts both sides of the pipeline: it is worth looking
    /// around for about as long as a slice takes, within bounds.
    fn rounds(&self) -> u32 {
        let slices = self.seat.average.get().as_nanos() / LONG.as_nanos();
        SEARCH_ROUNDS * (1 + u32::try_from(slices).unwrap_or(MOST_LONG).min(MOST_LONG))
    }

    /// A fair part of a long injector comes along, to be taken from here with less traffic.
    fn take_share(&self) {
        let share = (self.row.injector.len() / self.scheduler.seats()).min(32);
        for _ in 0..share {
            let Some(task) = self.row.injector.pop() else { return };
            if let Err(task) = self.seat.queue.push(task) {
                return self.row.injector.push(task);
            }
        }
    }

    /// The other seats of the polite, beginning with the next.
    fn others(&self) -> impl Iterator<Item = &Seat> {
        let seats = &self.scheduler.seats[..self.scheduler.seats()];
        (1..seats.len()).map(|step| &*seats[(self.at + step) % seats.len()])
    }

    /// Half of the queue of the first other seat that `worth` picks.
    fn steal(&self, worth: impl Fn(usize, &Seat) -> bool) -> Option<Task> {
        for (at, victim) in self.others().enumerate() {
            if !worth(at, victim) {
                continue;
            }
            let more = victim.queue.len() / 2;
            let Some(first) = victim.queue.pop() else { continue };
            for _ in 1..more {
                let Some(task) = victim.queue.pop() else { break };
                if let Err(task) = self.seat.queue.push(task) {
                    self.row.injector.push(task);
                    break;
                }
            }
            return Some(first);
        }
        None
    }

    fn is_there_work(&self) -> bool {
        !self.row.injector.is_empty()
            || self.manners == Manners::Polite
                && (self.seat.queue.len() > 0 || self.others().any(Seat::is_worth_moving))
    }
}

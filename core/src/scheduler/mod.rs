//! Who runs when: seats, threads and queues. The README beside this file states the protocols and why they hold.

mod away;
mod budget;
mod cost;
mod crowd;
mod idle;
mod monitor;
mod queue;
mod row;
mod seat;
mod threads;
mod worker;

use std::time::{Duration, Instant};

pub(crate) use budget::Budget;
pub(crate) use cost::Cost;
pub(crate) use monitor::LONGEST_TICK;

use crate::BuildError;
use crate::process::current;
use crate::runtime::engine::Engine;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded};
use queue::Queue;
use row::{Manners, Row};
use seat::SeatWord;
pub(crate) use seat::Slice;
use threads::Threads;

/// A process in a run queue.
pub(crate) type Task = Arc<dyn Runnable>;

pub(crate) trait Runnable: Send + Sync {
    /// One slice, of which `over` is told as soon as it is over. Gives who must be put into a run queue because of it: the process itself,
    /// or one that its end has woken.
    fn run(self: Arc<Self>, over: &mut dyn FnMut(&Cost)) -> Option<Task>;
    fn cost(&self) -> &Cost;
}

/// From here on a slice counts as long: what it pushes is offered to other seats. Measured: waking another core costs some
/// 5 us and moving a batch there another, so that shorter slices lose by it.
const LONG: Duration = Duration::from_micros(20);

/// What it costs that a process is run elsewhere: its lines, and those of all whom it tells something, are in the cache of
/// another core. Measured with `supervisor`: 140 ns for a child at home, 1,300 elsewhere.
const MOVE: Duration = Duration::from_micros(1);

/// The slice that a thread runs, for whatever its callbacks push.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeatClaim {
    pub(crate) scheduler: usize,
    pub(crate) seat: usize,
    pub(crate) slice: Slice,
}

/// What is known of how long a slice has been going.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Age {
    /// Nothing: its beginning was not looked up.
    Unknown,
    Since(Instant),
    /// It was found to be long, which it stays: no further look at the clock.
    Long,
}

impl Age {
    #[inline]
    fn is_long(self) -> bool {
        match self {
            Age::Unknown => false,
            Age::Long => true,
            Age::Since(began) => {
                let long = began.elapsed() >= LONG;
                if long {
                    current::set_age(Age::Long);
                }
                long
            }
        }
    }
}

/// What a runtime with threads is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) thread_name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) max_threads: usize,
}

pub(crate) struct Seat {
    word: SeatWord,
    queue: Queue,
    /// What a slice takes here on average.
    average: Cost,
    /// What the first slice of a process takes here on average.
    strangers: Cost,
    sitter: threads::Sitter,
}

impl Seat {
    fn new(manners: Manners) -> Self {
        let queue = match manners {
            Manners::Polite => Queue::new(queue::CAPACITY),
            // Whatever their callbacks push is for everybody.
            Manners::Rude => Queue::new(0),
        };
        let average = Cost::of(Duration::from_micros(1));
        let strangers = Cost::of(LONG);
        Self { word: SeatWord::new(), queue, average, strangers, sitter: threads::Sitter::default() }
    }

    /// Whether what another seat would take along from the queue is worth that.
    fn is_worth_moving(&self) -> bool {
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let taken = (waiting / 2).max(1);
        waiting > 0
            && self.average.get().saturating_mul(taken) >= LONG
            && self.queue.head(|task| !self.keeps(task.cost())) == Some(true)
    }

    /// Whether a process had better be run here than elsewhere, even if it has to wait for that: strangers, where those before it
    /// were over before a move would have been.
    fn keeps(&self, cost: &Cost) -> bool {
        cost.is_unknown() && self.strangers.get() < MOVE
    }
}

pub(crate) struct Scheduler {
    /// Those of the polite, then as many of the rude.
    seats: Box<[CachePadded<Seat>]>,
    polite: Row,
    rude: Row,
    threads: Threads,
    away: away::Away,
    /// Counts milliseconds, roughly, while any seat is busy.
    tick: CachePadded<AtomicU64>,
    monitor: monitor::Bell,
    stopping: AtomicBool,
}

impl Scheduler {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let row = |manners| (0..plan.workers).map(move |_| CachePadded(Seat::new(manners)));
        Arc::new(Self {
            seats: row(Manners::Polite).chain(row(Manners::Rude)).collect(),
            polite: Row::new(plan.workers, true),
            rude: Row::new(plan.workers, false),
            away: away::Away::new(plan.workers),
            threads: Threads::new(plan),
            tick: CachePadded(AtomicU64::new(0)),
            monitor: monitor::Bell::default(),
            stopping: AtomicBool::new(false),
        })
    }

    /// Starts a thread for each seat of the polite, and the clock.
    pub(crate) fn start(&self, engine: &Arc<Engine>) -> Result<(), BuildError> {
        let started = (0..self.seats())
            .try_for_each(|seat| self.threads.spawn(engine, seat))
            .and_then(|()| monitor::spawn(self, engine));
        started.map_err(|error| {
            self.stop();
            BuildError::System(error)
        })
    }

    /// How many callbacks run at once, those of the rude apart.
    pub(crate) fn seats(&self) -> usize {
        self.seats.len() / 2
    }

    /// Whose seat it is. Not a field of the seat: with one more there, its words fall on other cache lines, which cost
    /// `linear-1` a fifth.
    fn manners(&self, seat: usize) -> Manners {
        if seat < self.seats() { Manners::Polite } else { Manners::Rude }
    }

    fn row(&self, manners: Manners) -> &Row {
        match manners {
            Manners::Polite => &self.polite,
            Manners::Rude => &self.rude,
        }
    }

    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Puts a process into a run queue. From a callback it stays on the same seat, cache-warm and waking nobody, unless the
    /// slice has been long.
    #[inline]
    pub(crate) fn schedule(&self, task: Task) {
        match current::seat() {
            Some(claim) if claim.scheduler == self.id() => self.push(claim, task),
            _ => self.inject(task),
        }
    }

    #[inline]
    fn push(&self, claim: SeatClaim, task: Task) {
        let seat = &self.seats[claim.seat];
        let offered = current::age().is_long() && !seat.keeps(task.cost());
        if offered || !seat.word.is_current(claim.slice) {
            return self.inject(task);
        }
        match seat.queue.push(task) {
            // The first runs here next, cache-warm; it takes more than one to wake somebody.
            Ok(queued) if queued > 1 && self.polite.idle.any() && seat.is_worth_moving() => {
                self.rouse_one(Manners::Polite);
            }
            Ok(_) => {}
            Err(task) => self.inject(task),
        }
    }

    /// Offers a process to whoever comes first.
    #[cold]
    pub(crate) fn inject(&self, task: Task) {
        self.polite.injector.push(task);
        self.rouse_one(Manners::Polite);
        if self.is_stopping() && self.threads.count() == 0 {
            self.drain();
        }
    }

    /// Once the runtime stops: the last slices of the doomed, so that what they hold is dropped. Every leaving thread does
    /// this, and whoever pushes after the last has left.
    fn drain(&self) {
        loop {
            let mut seats = self.seats.iter();
            let found = self.polite.injector.pop().or_else(|| self.rude.injector.pop());
            let Some(task) = found.or_else(|| seats.find_map(|seat| seat.queue.pop())) else {
                return;
            };
            task.run(&mut |_| {}).into_iter().for_each(|next| self.polite.injector.push(next));
        }
    }

    /// Wakes one sleeping seat of a row, unless somebody is searching there already and will find what there is.
    fn rouse_one(&self, manners: Manners) {
        if let Some(seat) = self.row(manners).idle.rouse() {
            self.seats[seat].sitter.unpark();
        }
    }

    /// The coarse clock, which ticks while a thread of this runtime is on a seat. `None`: the calling thread is none of those.
    #[inline]
    pub(crate) fn tick_on_seat(&self) -> Option<u64> {
        let claim = current::seat().filter(|claim| claim.scheduler == self.id());
        claim.map(|_| self.tick.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn budget(&self, mail: u32) -> Budget<'_> {
        Budget::new(mail, &self.tick)
    }

    /// Runs something of ours that waits. On a seat, what is queued there moves to where others find it, and the monitor
    /// gives the seat away if they are too few.
    pub(crate) fn blocking<T>(&self, wait: impl FnOnce() -> T) -> T {
        let claim = current::seat().filter(|claim| claim.scheduler == self.id());
        let Some(claim) = claim else { return wait() };
        let seat = &self.seats[claim.seat];
        let Some(_announced) = seat.word.announce(claim.slice) else { return wait() };
        self.release_work(seat);
        wait()
    }

    /// Runs something of the user's that may wait. Two atomic operations if it does not: the monitor sees the mark, and gives
    /// the seat away sooner than it would without.
    pub(crate) fn may_block<T>(&self, work: impl FnOnce() -> T) -> T {
        let claim = current::seat().filter(|claim| claim.scheduler == self.id());
        let Some(claim) = claim else { return work() };
        let seat = &self.seats[claim.seat];
        let _announced = seat.word.announce(claim.slice);
        work()
    }

    /// Moves what waits at one seat to where every seat finds it.
    fn release_work(&self, seat: &Seat) {
        let mut released = false;
        while let Some(task) = seat.queue.pop() {
            self.polite.injector.push(task);
            released = true;
        }
        if released {
            self.rouse_one(Manners::Polite);
        }
    }

    pub(crate) fn rouse_clock(&self) {
        self.monitor.ring();
    }

    /// How often work was found that nobody had been woken for. Always zero, or there is a fault in the parking protocol.
    pub(crate) fn rescues(&self) -> u64 {
        self.monitor.rescues()
    }

    /// Tells every thread to leave at the end of its slice.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.seats.iter().for_each(|seat| seat.sitter.unpark());
        self.threads.dismiss();
        self.monitor.ring();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Nothing(Cost);

    impl Runnable for Nothing {
        fn run(self: Arc<Self>, _: &mut dyn FnMut(&Cost)) -> Option<Task> {
            None
        }

        fn cost(&self) -> &Cost {
            &self.0
        }
    }

    /// A seat whose slices take so long, and where so many of these wait.
    fn seat(slice: Duration, waiting: usize, cost: impl Fn() -> Cost) -> Seat {
        let mut seat = Seat::new(Manners::Polite);
        seat.average = Cost::of(slice);
        for _ in 0..waiting {
            assert!(seat.queue.push(Arc::new(Nothing(cost()))).is_ok());
        }
        seat
    }

    fn light() -> Cost {
        Cost::of(Duration::from_nanos(300))
    }

    #[test]
    fn what_another_seat_would_take_along_must_be_worth_it() {
        let worth = |slice, waiting| seat(Duration::from_micros(slice), waiting, light).is_worth_moving();
        assert!(!worth(20, 0));
        assert!(worth(20, 1));
        assert!(!worth(19, 1));
        assert!(!worth(5, 7), "half of seven are three");
        assert!(worth(5, 8));
        assert!(worth(1, 40));
    }

    #[test]
    fn light_strangers_stay_however_many_they_are() {
        let crowd = seat(Duration::from_micros(1), 1000, Cost::unknown);
        assert!(crowd.is_worth_moving(), "as long as nothing is known of such");
        assert!(!crowd.keeps(&Cost::unknown()));
        (0..100).for_each(|_| crowd.strangers.learn(Duration::from_nanos(150)));
        assert!(!crowd.is_worth_moving());
        assert!(crowd.keeps(&Cost::unknown()));
        assert!(!crowd.keeps(&light()), "who has run is no stranger");
        crowd.strangers.learn(Duration::from_millis(1));
        assert!(crowd.is_worth_moving(), "heavy ones have come");
    }
}

//! The inside of a runtime: what all its processes share.

use std::any::Any;
use std::time::Duration;

use super::clock::{Clock, nanos};
use crate::names::Names;
use crate::process::doom::DoomWatch;
use crate::process::{CrashReport, Hook, current};
use crate::reason::Panic;
use crate::scheduler::{Budget, Cost, LONGEST_TICK, Runnable, Scheduler, Task};
use crate::simulation::Simulator;
use crate::sync::{Arc, CachePadded, Mutex};
use crate::table::Table;
use crate::timer::{Action, Alive, Due, Timer, Timers};
use crate::{MonitorRef, Pid, log};
// Counters, not protocols.
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub(crate) struct Engine {
    id: u32,
    /// Written with every start, so away from what is only read.
    numbers: CachePadded<Numbers>,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) names: Names,
    pub(crate) timers: EngineTimers,
    on_crash: Mutex<Option<Hook>>,
    mode: Mode,
}

/// The next of each kind.
struct Numbers {
    serial: AtomicU64,
    references: AtomicU64,
}

/// Who runs the processes.
pub(crate) enum Mode {
    Seats(Arc<Scheduler>),
    Simulated(Simulator),
}

impl Engine {
    pub(crate) fn new(clock: Clock, mode: Mode) -> Arc<Self> {
        static IDS: AtomicU32 = AtomicU32::new(0);
        // Simulated runtimes share one id, so that a seed gives the same pids every time.
        let id = match mode {
            Mode::Seats(_) => IDS.fetch_add(1, Ordering::Relaxed).wrapping_add(1),
            Mode::Simulated(_) => 0,
        };
        let scheduler = match &mode {
            Mode::Seats(scheduler) => Some(Arc::clone(scheduler)),
            Mode::Simulated(_) => None,
        };
        Arc::new(Self {
            id,
            numbers: CachePadded(Numbers {
                serial: AtomicU64::new(1),
                // Unique across runtimes too: a stage may subscribe to one of another runtime.
                references: AtomicU64::new((u64::from(id) << 40) + 1),
            }),
            timers: EngineTimers { timers: Timers::new(clock.clone()), clock: clock.clone(), scheduler },
            clock,
            table: Table::new(),
            names: Names::new(),
            on_crash: Mutex::new(None),
            mode,
        })
    }

    pub(crate) fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(crate) fn scheduler(&self) -> Option<&Arc<Scheduler>> {
        match &self.mode {
            Mode::Seats(scheduler) => Some(scheduler),
            Mode::Simulated(_) => None,
        }
    }

    pub(crate) fn next_pid(&self) -> Pid {
        Pid::new(self.id, self.numbers.serial.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn next_monitor(&self) -> MonitorRef {
        MonitorRef(self.numbers.references.fetch_add(1, Ordering::Relaxed))
    }

    /// Puts a process into a run queue.
    #[inline]
    pub(crate) fn schedule(&self, task: Task) {
        match &self.mode {
            Mode::Seats(scheduler) => scheduler.schedule(task),
            Mode::Simulated(simulator) => simulator.schedule(task),
        }
    }

    #[inline]
    pub(crate) fn schedule_some(&self, task: Option<Task>) {
        if let Some(task) = task {
            self.schedule(task);
        }
    }

    /// Drops a message that nobody took, which is user code and may block or panic: not on the clock's thread.
    pub(crate) fn discard(&self, message: Box<dyn Any + Send>) {
        let drop_it = move || {
            if let Err(panic) = Panic::catch(|| drop(message)) {
                log::error!("an undelivered message panicked while it was dropped: {}", panic.message());
            }
        };
        match &self.mode {
            Mode::Seats(_) => self.run_soon(drop_it),
            Mode::Simulated(_) => drop_it(),
        }
    }

    /// Runs something of the user's on a seat, outside any process.
    pub(crate) fn run_soon(&self, job: impl FnOnce() + Send + 'static) {
        let job = Arc::new(Job { job: Mutex::new(Some(Box::new(job))), cost: Cost::unknown() });
        match &self.mode {
            Mode::Seats(scheduler) => scheduler.inject(job),
            Mode::Simulated(simulator) => simulator.schedule(job),
        }
    }

    /// Who is told of crashes from now on.
    pub(crate) fn set_on_crash(&self, hook: Hook) {
        let before = self.on_crash.lock().replace(hook);
        drop(before);
    }

    /// Logs a crash and tells the user's hook. Both are user code, which may panic.
    #[cold]
    pub(crate) fn report(&self, report: &CrashReport) {
        let _ = Panic::catch(|| log::error!("{report}"));
        let hook = self.on_crash.lock().clone();
        if let Some(hook) = hook
            && Panic::catch(|| hook(report)).is_err()
        {
            let _ = Panic::catch(|| log::error!("the hook for crash reports panicked"));
        }
    }

    /// How much one slice may do.
    #[inline]
    pub(crate) fn budget(&self, mail: u32) -> Budget<'_> {
        match &self.mode {
            Mode::Seats(scheduler) => scheduler.budget(mail),
            Mode::Simulated(simulator) => simulator.budget(mail),
        }
    }

    /// How much mail one slice of a future may take.
    pub(crate) fn slice_mail(&self, mail: u32) -> u32 {
        match &self.mode {
            Mode::Seats(_) => mail,
            // Others get in between often, as in slices of callbacks.
            Mode::Simulated(_) => 2,
        }
    }

    /// How long a wait for a reply may sleep before it looks whether the callee was given up. In a simulation the wait sees all
    /// that happens.
    pub(crate) fn look_up_before(&self, deadline: Duration) -> Duration {
        match &self.mode {
            Mode::Seats(_) => deadline.min(self.clock.now().saturating_add(LOOK_UP)),
            Mode::Simulated(_) => deadline,
        }
    }

    /// When a call that is made now, on this thread, has waited for so long, in nanoseconds; [`Clock::END`] at most.
    ///
    /// Who has patience for a second does not mind a few milliseconds more, and the coarse clock will do: on a seat, the time
    /// that was read in the same tick, and the longest tick on top, so that it is not early.
    #[inline]
    pub(crate) fn deadline_after(&self, within: Duration) -> u64 {
        let within = nanos(within);
        let tick = match &self.mode {
            Mode::Seats(scheduler) if within >= COARSE => scheduler.tick_on_seat(),
            _ => None,
        };
        let now = match tick {
            Some(tick) => current::time_of(self.id, tick, || self.clock.nanos().saturating_add(nanos(LONGEST_TICK))),
            None => self.clock.nanos(),
        };
        now.saturating_add(within)
    }

    /// Runs something of the user's that may wait, announced.
    pub(crate) fn may_block<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.mode {
            Mode::Seats(scheduler) => scheduler.may_block(work),
            Mode::Simulated(_) => work(),
        }
    }

    /// Waits on this thread until `ready` gives something, or until the deadline (time since the runtime began). Whoever
    /// makes it ready unparks the thread.
    ///
    /// On a seat the wait is announced, so that others run meanwhile. In a simulation, waiting is what makes the others
    /// run; `None` then also means that nothing can ever make it ready.
    pub(crate) fn wait<T>(&self, deadline: Option<Duration>, ready: impl FnMut() -> Option<T>) -> Option<T> {
        self.wait_watching(deadline, ready, DoomWatch::off).ok()
    }

    /// As [`wait`](Self::wait), for the process that the calling thread stands for: its exit signal ends the wait.
    pub(crate) fn wait_in_process<T>(
        &self,
        deadline: Option<Duration>,
        ready: impl FnMut() -> Option<T>,
    ) -> Result<T, GaveUp> {
        self.wait_watching(deadline, ready, DoomWatch::own)
    }

    fn wait_watching<T>(
        &self,
        deadline: Option<Duration>,
        mut ready: impl FnMut() -> Option<T>,
        watch: impl FnOnce() -> DoomWatch,
    ) -> Result<T, GaveUp> {
        if let Some(value) = ready() {
            return Ok(value);
        }
        // Whoever waits here lives on; and those who wait for it may be those it waits for.
        current::tell_orphans();
        let mut outcome = |watch: &DoomWatch| match ready() {
            Some(value) => Some(Ok(value)),
            None => watch.has_hit().then_some(Err(GaveUp::Exiting)),
        };
        let outcome = match &self.mode {
            Mode::Seats(scheduler) => scheduler.blocking(|| {
                // With one core, looking keeps from running whoever is to make it ready.
                let looks = if scheduler.seats() > 1 { LOOKS } else { 0 };
                look(looks, || outcome(&DoomWatch::off())).or_else(|| {
                    let watch = watch();
                    park_until(&self.clock, deadline, || outcome(&watch))
                })
            }),
            Mode::Simulated(simulator) => {
                let watch = watch();
                loop {
                    let outcome = outcome(&watch);
                    if outcome.is_some() || !simulator.step(self, deadline) {
                        break outcome;
                    }
                }
            }
        };
        outcome.unwrap_or(Err(GaveUp::Late))
    }
}

/// Why a wait ended without what it was for.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// The deadline is over; in a simulation also, nothing can ever make it ready.
    Late,
    /// The waiting process is bound to end.
    Exiting,
}

/// Something to be run once, on a seat.
struct Job {
    job: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    cost: Cost,
}

impl Runnable for Job {
    fn run(self: Arc<Self>, over: &mut dyn FnMut(&Cost)) -> Option<Task> {
        let job = self.job.lock().take();
        if let Some(job) = job
            && let Err(panic) = Panic::catch(job)
        {
            log::error!("a job panicked: {}", panic.message());
        }
        over(&self.cost);
        None
    }

    fn cost(&self) -> &Cost {
        &self.cost
    }
}

/// A tenth of what a supervisor waits before it gives a killed child up, and far longer than a healthy call: nobody
/// notices either.
const LOOK_UP: Duration = Duration::from_millis(100);

/// The shortest patience that is counted on the coarse clock. Guessed: the longest tick is below half a percent of it.
const COARSE: u64 = 1_000_000_000;

/// How often a wait looks before it parks, some 500 ns apart. Chosen by `stream`, where the next batch is a microsecond or two
/// away: to park and be woken takes several times as long.
const LOOKS: u32 = 100;

/// Looks that come `pause`d: at first in quick succession, then far enough apart for others.
fn look<T>(looks: u32, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    (0..looks).find_map(|round| {
        pause(round);
        ready()
    })
}

/// Between two looks for what somebody else is to bring. The first are a spin of a microsecond together, as long as an
/// answer takes from a core that is free. Then it yields: whoever is to bring it may need this very core. Where they
/// share one, because others keep the rest busy, a longer spin ends in a park, and a park on one side in a park on the other.
pub(crate) fn pause(round: u32) {
    if round < SPINS {
        (0..8).for_each(|_| std::hint::spin_loop());
    } else {
        std::thread::yield_now();
    }
}

/// See [`pause`]; some 250 ns each.
const SPINS: u32 = 4;

fn park_until<T>(clock: &Clock, deadline: Option<Duration>, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        match deadline {
            None => std::thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_sub(clock.now());
                if left.is_zero() {
                    return None;
                }
                std::thread::park_timeout(left);
            }
        }
    }
}

/// The timers, and the clock thread to rouse when one is set that is due before it would look again.
pub(crate) struct EngineTimers {
    timers: Timers,
    clock: Clock,
    scheduler: Option<Arc<Scheduler>>,
}

impl EngineTimers {
    pub(crate) fn after(&self, delay: Duration, action: Action, alive: Option<Alive>) -> Timer {
        self.at(self.clock.now().saturating_add(delay), action, alive)
    }

    pub(crate) fn at(&self, deadline: Duration, action: Action, alive: Option<Alive>) -> Timer {
        let (timer, early) = self.timers.set(deadline, action, alive);
        self.rouse_if(early);
        timer
    }

    /// Something that becomes due then, unless it is done by that time.
    pub(crate) fn file(&self, deadline: Duration, due: Arc<dyn Due>) {
        let early = self.timers.push(deadline, due);
        self.rouse_if(early);
    }

    fn rouse_if(&self, early: bool) {
        if early && let Some(scheduler) = &self.scheduler {
            scheduler.rouse_clock();
        }
    }
}

impl std::ops::Deref for EngineTimers {
    type Target = Timers;

    fn deref(&self) -> &Timers {
        &self.timers
    }
}

//! The simulation: the same processes on one seat, with virtual time and a seeded choice of who runs next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::process::{CrashReport, current};
use crate::runtime::Straggler;
use crate::runtime::clock::Clock;
use crate::runtime::engine::{Engine, Mode};
use crate::scheduler::{Budget, Task};
use crate::sync::{Arc, Mutex};

/// A runtime that runs on the calling thread, in virtual time, in an order that its seed decides.
///
/// Everything that works on a [`Runtime`](crate::Runtime) works here: the code under test needs no change. Nothing sleeps:
/// when no process can run, time jumps to the next timer. The same seed gives the same run, so a failure that prints its
/// seed can be replayed.
///
/// There is one stack: a callback that waits runs the others on top of its own, and goes on when those have returned. So of
/// two callbacks that wait for each other in a ring the inner one sees that nothing can arrive, where threads would
/// have waited for ever. Delays that end beyond 584 years of virtual time never end.
///
/// ```
/// use genstage_core::{Mail, Simulation, ThreadProcess};
/// use std::time::Duration;
///
/// for seed in 0..100 {
///     Simulation::new(seed).run(|simulation| {
///         let here = ThreadProcess::start().unwrap();
///         here.send_after(here.me(), "an hour has passed", Duration::from_secs(3600));
///         assert!(matches!(here.receive(None), Some(Mail::Message("an hour has passed"))));
///         assert_eq!(simulation.now(), Duration::from_secs(3600));
///     });
/// }
/// ```
pub struct Simulation {
    engine: Arc<Engine>,
    seed: u64,
}

impl Simulation {
    /// A simulation without processes, at time zero.
    pub fn new(seed: u64) -> Self {
        let engine = Engine::new(Clock::simulated(), Mode::Simulated(Simulator::new(seed)));
        Self { engine, seed }
    }

    /// Calls this with the report of each process that ends abnormally; see [`Builder::on_crash`](crate::Builder::on_crash).
    ///
    /// ```
    /// use genstage_core::{Mailbox, Simulation, spawn};
    /// use std::sync::mpsc::channel;
    ///
    /// let (report, reports) = channel();
    /// Simulation::new(1).on_crash(move |crash| drop(report.send(crash.to_string()))).run(|simulation| {
    ///     spawn(|_: Mailbox<()>| async { Err("disk full") });
    ///     simulation.run_until_idle();
    /// });
    /// assert!(reports.recv().is_ok_and(|text| text.contains("disk full")));
    /// ```
    #[must_use]
    pub fn on_crash(self, hook: impl Fn(&CrashReport) + Send + Sync + 'static) -> Self {
        self.engine.set_on_crash(Arc::new(hook));
        self
    }

    /// After so many slices and timers nothing happens any more: `run_until_idle` and `run_for` return, and waits end as where nothing
    /// can ever end them, those with a time limit as if that were over. So a test of what may go on for ever fails instead of
    /// hanging: work that takes no virtual time and never ends, and a callback that waits, without end, beside timers that set
    /// themselves anew. There is no limit unless set.
    ///
    /// ```
    /// use genstage_core::{Mailbox, Simulation, spawn};
    ///
    /// let steps = Simulation::new(1).max_steps(1000).run(|simulation| {
    ///     spawn(|mailbox: Mailbox<()>| async move {
    ///         loop {
    ///             mailbox.me().send(()).ok();
    ///             mailbox.receive().await;
    ///         }
    ///     });
    ///     simulation.run_until_idle()
    /// });
    /// assert_eq!(steps, 1000);
    /// ```
    #[must_use]
    pub fn max_steps(self, steps: u64) -> Self {
        if let Mode::Simulated(simulator) = self.engine.mode() {
            simulator.steps_left.store(steps, Ordering::Relaxed);
        }
        self
    }

    /// Ends every process in order, as [`Runtime::shutdown`](crate::Runtime::shutdown) does, in virtual time. Afterwards nothing
    /// starts in this simulation.
    pub fn shutdown(&self, within: Duration) -> Vec<Straggler> {
        let _inside = current::enter_engine(&self.engine);
        self.engine.shut_down(within)
    }

    /// What decides the order.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Runs a function as the world outside the processes: what it starts belongs to the simulation, and what it waits for
    /// makes the processes run.
    pub fn run<T>(&self, outside: impl FnOnce(&Self) -> T) -> T {
        let _inside = current::enter_engine(&self.engine);
        outside(self)
    }

    /// Runs processes and timers until nothing is left to happen, and returns how many slices that took.
    ///
    /// With timers that set themselves anew this never ends; [`run_for`](Self::run_for) does. Neither ends while some process always
    /// has something to do, as a producer without end with a consumer that keeps up: see [`max_steps`](Self::max_steps).
    pub fn run_until_idle(&self) -> usize {
        self.steps(None)
    }

    /// Runs processes and timers for this much virtual time, and returns how many slices that took.
    ///
    /// A callback that waits runs the others on its own stack until its wait is over, also beyond that time.
    pub fn run_for(&self, time: Duration) -> usize {
        self.steps(Some(self.now().saturating_add(time)))
    }

    /// Virtual time since the start.
    pub fn now(&self) -> Duration {
        self.engine.clock.now()
    }

    fn steps(&self, end: Option<Duration>) -> usize {
        let _inside = current::enter_engine(&self.engine);
        let Mode::Simulated(simulator) = self.engine.mode() else { return 0 };
        std::iter::from_fn(|| simulator.step(&self.engine, end).then_some(())).count()
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("seed", &self.seed).field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Drop for Simulation {
    /// The processes end, so that what they hold is dropped.
    fn drop(&mut self) {
        self.engine.table.close();
        let _inside = current::enter_engine(&self.engine);
        for process in self.engine.table.all() {
            crate::Peer::new(process).exit(crate::ExitReason::Kill);
        }
        if let Mode::Simulated(simulator) = self.engine.mode() {
            while simulator.run_one() {}
        }
        self.engine.timers.close();
    }
}

/// The run queue of a simulation.
pub(crate) struct Simulator {
    state: Mutex<State>,
    steps_left: AtomicU64,
}

struct State {
    ready: Vec<Task>,
    random: Random,
}

impl Simulator {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State { ready: Vec::new(), random: Random(seed) };
        Self { state: Mutex::new(state), steps_left: AtomicU64::new(u64::MAX) }
    }

    pub(crate) fn schedule(&self, task: Task) {
        self.state.lock().ready.push(task);
    }

    /// Slices of one to four pieces of mail, so that the same seed list also covers interleavings within a burst.
    pub(crate) fn budget(&self, _mail: u32) -> Budget<'_> {
        let pieces = self.state.lock().random.below(4) + 1;
        Budget::counted(u32::try_from(pieces).unwrap_or(1))
    }

    /// One slice, or, when nobody can run, one timer. False: nothing is left to happen before `end`.
    pub(crate) fn step(&self, engine: &Engine, end: Option<Duration>) -> bool {
        // One thread runs all of it.
        let left = self.steps_left.load(Ordering::Relaxed);
        // Before it runs: what waits inside it counts on.
        self.steps_left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 {
            return false;
        }
        let stepped = self.step_on(engine, end);
        if !stepped {
            self.steps_left.fetch_add(1, Ordering::Relaxed);
        }
        stepped
    }

    fn step_on(&self, engine: &Engine, end: Option<Duration>) -> bool {
        if self.run_one() {
            return true;
        }
        let next = engine.timers.next_deadline(Clock::END).filter(|next| *next < Clock::END);
        match (next, end) {
            (Some(next), end) if end.is_none_or(|end| next <= end) => {
                engine.clock.advance_to(next);
                engine.timers.fire_next(next)
            }
            (_, Some(end)) if end < Clock::END => {
                engine.clock.advance_to(end);
                false
            }
            _ => false,
        }
    }

    fn run_one(&self) -> bool {
        let task = {
            let mut state = self.state.lock();
            let State { ready, random } = &mut *state;
            if ready.is_empty() {
                return false;
            }
            let at = random.below(ready.len());
            ready.swap_remove(at)
        };
        if let Some(next) = task.run(&mut |_| {}) {
            self.schedule(next);
        }
        true
    }
}

/// `SplitMix64`: small, and good enough to choose who runs next.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let bound = bound.max(1) as u64;
        // Below a usize, so it fits.
        usize::try_from(z % bound).unwrap_or(0)
    }
}

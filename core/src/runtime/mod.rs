//! The runtime: the default one that starts by itself, and those that are built.

pub(crate) mod clock;
pub(crate) mod engine;
mod names;
pub(crate) mod shutdown;

use std::fmt;
use std::num::NonZero;
use std::sync::OnceLock;
use std::time::Duration;

use crate::process::{CrashReport, Hook, current};
use crate::scheduler::{Plan, Scheduler};
use crate::sync::Arc;
use crate::{BuildError, Pid, log};
use clock::Clock;
use engine::{Engine, Mode};

pub(crate) use names::find;
pub use names::{register, registered, unregister, whereis};
pub use shutdown::{Callback, Straggler};

/// A runtime: seats, threads, timers, and the processes that live on them.
///
/// A default one, with a seat for each core, starts by itself on first use. Build one to choose its size, and
/// [`enter`](Self::enter) it to have what the thread starts belong to it. Dropping a built runtime kills its processes and
/// dismisses its threads, and waits a tenth of a second at most; [`shutdown`](Self::shutdown) ends them in order.
///
/// ```
/// use genstage_core::Runtime;
///
/// let runtime = Runtime::builder().workers(1).thread_name("small").build()?;
/// let _inside = runtime.enter();
/// let process = genstage_core::spawn(|_: genstage_core::Mailbox<()>| async {});
/// # drop(process);
/// # Ok::<(), genstage_core::BuildError>(())
/// ```
pub struct Runtime {
    engine: Arc<Engine>,
}

impl Runtime {
    /// A builder with the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Until the guard drops, what this thread starts belongs to this runtime. Guards nest: drop the last one first.
    pub fn enter(&self) -> Entered {
        Entered { _guard: current::enter_engine(&self.engine), _not_send: std::marker::PhantomData }
    }

    /// The number of seats: how many callbacks run at once.
    pub fn workers(&self) -> usize {
        self.engine.scheduler().map_or(1, |scheduler| scheduler.seats())
    }

    /// How often work was found that nobody had been woken for: a fault counter of the scheduler, zero in health.
    pub fn rescues(&self) -> u64 {
        self.engine.scheduler().map_or(0, |scheduler| scheduler.rescues())
    }

    /// All living processes, in the order of their pids.
    pub fn processes(&self) -> Vec<Pid> {
        self.engine.table.all().iter().map(|process| process.pid()).collect()
    }

    /// Ends every process in order, then the threads; gives those that would not end. Takes hardly longer than `within`,
    /// whatever they do.
    ///
    /// 1. From now on nothing starts.
    /// 2. The roots, which no living process started, get [`ExitReason::Shutdown`](crate::ExitReason::Shutdown) from the runtime
    ///    ([`Exit::is_from_runtime`](crate::Exit::is_from_runtime)); supervisors take their children down. When a parent is
    ///    gone, what it leaves are roots. What a thread started counts as roots too.
    /// 3. After three quarters of the time all that are left get the same.
    /// 4. At the end of the time all that are left are killed.
    /// 5. A tenth of a second later those that are still in a callback are given up: they are dead for everybody else, and what
    ///    they hold is dropped when the callback returns, as their thread ends. These are the stragglers. A
    ///    [`ThreadProcess`](crate::ThreadProcess) is among them, as nobody can end its thread.
    /// 6. Then timers and threads end.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = genstage_core::Runtime::builder().workers(1).build()?;
    /// let _inside = runtime.enter();
    /// let idler = genstage_core::spawn(|mailbox| async move {
    ///     let () = mailbox.receive().await;
    /// });
    /// assert_eq!(runtime.shutdown(Duration::from_secs(5)), []);
    /// assert_eq!(idler.exit_reason(), Some(genstage_core::ExitReason::Shutdown));
    /// # Ok::<(), genstage_core::BuildError>(())
    /// ```
    pub fn shutdown(self, within: Duration) -> Vec<Straggler> {
        self.engine.shut_down(within)
    }

    /// The runtime of the calling thread: its own, the one it entered, or the default.
    pub(crate) fn current_engine() -> Arc<Engine> {
        current::engine().unwrap_or_else(|| Arc::clone(&default_runtime().engine))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.engine.shut_down(Duration::ZERO);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

/// The guard of [`Runtime::enter`].
#[must_use]
pub struct Entered {
    _guard: current::EngineGuard,
    /// It belongs to the thread that entered.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}

/// More than any machine has cores; a number gone wrong is told from a wish.
pub(crate) const MOST_WORKERS: usize = 4096;

/// Below this a stack ends in the middle of what is not the user's, with the whole program. Guessed.
pub(crate) const LEAST_STACK: usize = 65_536;

/// A cap far above what a healthy program needs: a thread is used up only by a callback that blocks unannounced.
const MAX_THREADS: usize = 1024;

/// Chooses the size of a [`Runtime`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    plan: Plan,
    max_threads: Option<usize>,
    on_crash: Option<Hook>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        let thread_name = "genstage".to_owned();
        let plan = Plan { workers, thread_name, stack_size: None, max_threads: MAX_THREADS };
        Self { plan, max_threads: None, on_crash: None }
    }
}

impl Builder {
    /// Seats: how many callbacks run at once, from 1 to 4096. One for each core by default.
    pub fn workers(mut self, workers: usize) -> Self {
        self.plan.workers = workers;
        self
    }

    /// What threads are called, followed by a number. By default `genstage`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        // A name with a zero byte would be refused by the system, with a panic.
        self.plan.thread_name = name.into().replace('\0', "");
        self
    }

    /// The stack of each thread in bytes, at least 65,536. By default the platform's.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.plan.stack_size = Some(bytes);
        self
    }

    /// The most threads there may be, the clock's not counted: the seats' and those that stand in for callbacks that block.
    /// At least as many as seats. By default 1024, or as many as seats if those are more; a warning is logged at half, an error at the cap.
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = Some(threads);
        self
    }

    /// Calls this with the report of each process that ends abnormally (P14), after its name is free and before others hear of
    /// the end. It runs wherever the process ends and must not block; a panic in it is logged.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// let (report, reports) = channel();
    /// let runtime = genstage_core::Runtime::builder()
    ///     .workers(1)
    ///     .on_crash(move |crash| drop(report.send(crash.reason.to_string())))
    ///     .build()?;
    /// let _inside = runtime.enter();
    /// genstage_core::spawn(|_: genstage_core::Mailbox<()>| async { Err("disk full") });
    /// assert_eq!(reports.recv().as_deref(), Ok("disk full"));
    /// # Ok::<(), genstage_core::BuildError>(())
    /// ```
    pub fn on_crash(mut self, hook: impl Fn(&CrashReport) + Send + Sync + 'static) -> Self {
        self.on_crash = Some(Arc::new(hook));
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: a number makes no sense, and it says which; or the system refuses a thread.
    pub fn build(mut self) -> Result<Runtime, BuildError> {
        self.check()?;
        self.plan.max_threads = self.max_threads.unwrap_or(MAX_THREADS.max(self.plan.workers));
        let scheduler = Scheduler::new(self.plan);
        let engine = Engine::new(Clock::real(), Mode::Seats(Arc::clone(&scheduler)));
        self.on_crash.into_iter().for_each(|hook| engine.set_on_crash(hook));
        scheduler.start(&engine)?;
        Ok(Runtime { engine })
    }

    /// Whether its numbers make sense.
    fn check(&self) -> Result<(), BuildError> {
        let Plan { workers, stack_size, .. } = self.plan;
        if !(1..=MOST_WORKERS).contains(&workers) {
            return Err(BuildError::Workers(workers));
        }
        if let Some(threads) = self.max_threads.filter(|threads| *threads < workers) {
            return Err(BuildError::MaxThreads { threads, workers });
        }
        stack_size.filter(|bytes| *bytes < LEAST_STACK).map_or(Ok(()), |bytes| Err(BuildError::StackSize(bytes)))
    }
}

/// All living processes of the calling thread's runtime, in the order of their pids (P13).
///
/// ```
/// let idler = genstage_core::spawn(|mailbox| async move {
///     let () = mailbox.receive().await;
/// });
/// assert!(genstage_core::processes().contains(&idler.pid()));
/// ```
pub fn processes() -> Vec<Pid> {
    Runtime::current_engine().table.all().iter().map(|process| process.pid()).collect()
}

fn default_runtime() -> &'static Runtime {
    static DEFAULT: OnceLock<Runtime> = OnceLock::new();
    DEFAULT.get_or_init(|| {
        Builder::default().build().unwrap_or_else(|error| {
            // Without threads nothing can run, but nothing may panic either: processes are dead from the start.
            log::error!("the default runtime has no threads: {error}");
            let engine = Engine::new(Clock::simulated(), Mode::Simulated(crate::simulation::Simulator::new(0)));
            engine.table.close();
            Runtime { engine }
        })
    })
}

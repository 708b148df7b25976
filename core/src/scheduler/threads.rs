//! The threads: who sits on a seat, who stands by, and how one takes over from another.

use std::io;
use std::thread::{self, Thread};
use std::time::Duration;

use super::{Plan, worker};
use crate::log;
use crate::runtime::engine::Engine;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex};

/// How long a thread stands by before it leaves. Guessed: longer than the pauses between bursts of blocking calls.
const STANDBY: Duration = Duration::from_secs(10);

/// The thread that sits on a seat, to be woken; and its number in the system, to be asked whether it sleeps or burns.
#[derive(Default)]
pub(crate) struct Sitter(Mutex<Option<(Thread, Option<u64>)>>);

impl Sitter {
    pub(crate) fn sit(&self, number: Option<u64>) {
        *self.0.lock() = Some((thread::current(), number));
    }

    pub(crate) fn unpark(&self) {
        if let Some((thread, _)) = &*self.0.lock() {
            thread.unpark();
        }
    }

    pub(crate) fn number(&self) -> Option<u64> {
        self.0.lock().as_ref().and_then(|(_, number)| *number)
    }
}

/// A thread without a seat, and the seat it is given.
struct Standby {
    thread: Thread,
    seat: Mutex<Option<usize>>,
}

pub(crate) struct Threads {
    plan: Plan,
    count: AtomicUsize,
    serial: AtomicUsize,
    warned: AtomicBool,
    /// Whether the cap has been reported since threads were last to be had.
    capped: AtomicBool,
    standby: Mutex<Vec<Arc<Standby>>>,
}

impl Threads {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            count: AtomicUsize::new(0),
            serial: AtomicUsize::new(0),
            warned: AtomicBool::new(false),
            capped: AtomicBool::new(false),
            standby: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.plan.thread_name
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Starts a thread on a seat.
    pub(crate) fn spawn(&self, engine: &Arc<Engine>, seat: usize) -> io::Result<()> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut builder = thread::Builder::new().name(format!("{}-{serial}", self.plan.thread_name));
        if let Some(size) = self.plan.stack_size {
            builder = builder.stack_size(size);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let engine = Arc::clone(engine);
        let spawned = builder.spawn(move || worker::main(&engine, seat)).map(drop);
        if spawned.is_err() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        spawned
    }

    /// Gives a vacant seat to a thread that stands by, or to a new one. Loud when the cap is near, louder at it.
    pub(crate) fn fill(&self, engine: &Arc<Engine>, seat: usize) -> bool {
        let standby = self.standby.lock().pop();
        if let Some(standby) = standby {
            *standby.seat.lock() = Some(seat);
            standby.thread.unpark();
            return true;
        }
        match self.spawn(engine, seat) {
            Ok(()) => true,
            Err(error) => {
                log::error!("no thread could be started for a blocked seat: {error}");
                false
            }
        }
    }

    /// Whether so many more threads may be started, or are standing by.
    pub(crate) fn has_room(&self, threads: usize) -> bool {
        self.count() + threads <= self.plan.max_threads + self.standby.lock().len()
    }

    /// Whether one more thread may be started, or is standing by.
    pub(crate) fn may_fill(&self) -> bool {
        let count = self.count();
        let most = self.plan.max_threads;
        if count * 2 >= most && !self.warned.swap(true, Ordering::Relaxed) {
            log::warn!("{count} threads run callbacks, most of them blocked; the cap is {most}");
        }
        if count < most || !self.standby.lock().is_empty() {
            self.capped.store(false, Ordering::Relaxed);
            return true;
        }
        if !self.capped.swap(true, Ordering::Relaxed) {
            log::error!("all {most} threads are blocked in callbacks; other processes wait until one returns");
        }
        false
    }

    /// Waits for a seat. `None`: nobody needed this thread, or the runtime stops.
    pub(crate) fn stand_by(&self, stopping: impl Fn() -> bool) -> Option<usize> {
        let own = Arc::new(Standby { thread: thread::current(), seat: Mutex::new(None) });
        self.standby.lock().push(Arc::clone(&own));
        let start = std::time::Instant::now();
        loop {
            if let Some(seat) = own.seat.lock().take() {
                return Some(seat);
            }
            let left = STANDBY.saturating_sub(start.elapsed());
            if left.is_zero() || stopping() {
                let mut standby = self.standby.lock();
                if let Some(at) = standby.iter().position(|other| Arc::ptr_eq(other, &own)) {
                    standby.swap_remove(at);
                    return None;
                }
                // Popped by somebody who is about to give it a seat.
                drop(standby);
                thread::yield_now();
                continue;
            }
            thread::park_timeout(left);
        }
    }

    pub(crate) fn leave(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes all that stand by, to leave.
    pub(crate) fn dismiss(&self) {
        self.standby.lock().iter().for_each(|standby| standby.thread.unpark());
    }
}

//! The end of a runtime: from the roots down, within a time, whatever its processes do.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use super::engine::Engine;
use crate::process::AnyProcess;
use crate::sync::Arc;
use crate::{ExitReason, Pid};

/// A process that did not end when its runtime was shut down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Straggler {
    /// Its pid.
    pub pid: Pid,
    /// The name it had.
    pub name: Option<String>,
    /// The type of its body.
    pub initial_call: &'static str,
    /// Where it was.
    pub callback: Callback,
    /// How long the shutdown has seen it there: it may have been there before.
    pub since: Duration,
}

impl fmt::Display for Straggler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("-");
        write!(f, "{} ({name}), {}: {} for {:?}", self.pid, self.initial_call, self.callback, self.since)
    }
}

/// Where a process is that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Callback {
    /// In its `init`.
    Init,
    /// In a callback for a message or a signal, or its future in a poll.
    Message,
    /// In its `terminate`.
    Terminate,
    /// In a destructor of what it holds.
    Drop,
    /// In none: all threads are taken, and it waits for its turn.
    Waiting,
    /// It is a thread's own, which ends when the thread lets go of it.
    Thread,
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "in init",
            Self::Message => "in a callback",
            Self::Terminate => "in terminate",
            Self::Drop => "in a destructor",
            Self::Waiting => "waiting for a thread",
            Self::Thread => "a thread's own",
        })
    }
}

/// How long those that were killed have to leave their callbacks. Guessed.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The shortest pause between two looks for new roots. A look takes as long as there are processes, so that the pause grows
/// with it.
const PAUSE: Duration = Duration::from_millis(1);

/// Who is a root: nobody alive started it, or a thread did, which takes nobody down.
fn is_root(process: &dyn AnyProcess, supervising: &HashSet<Pid, ahash::RandomState>) -> bool {
    process.parent().is_none_or(|parent| !supervising.contains(&parent))
}

/// The first look at a process.
struct Seen {
    callback: Callback,
    reductions: u64,
    at: Duration,
}

type Glance = HashMap<Pid, Seen, ahash::RandomState>;

impl Engine {
    pub(crate) fn shut_down(self: &Arc<Self>, within: Duration) -> Vec<Straggler> {
        self.table.close();
        let start = self.clock.now();
        let end = start.saturating_add(within);
        let seen = self.glance();
        if !within.is_zero() {
            self.end_roots(start.saturating_add(within / 4 * 3));
            self.tell_all(&ExitReason::Shutdown);
            self.wait_for_all(end);
        }
        self.tell_all(&ExitReason::Kill);
        // Killed processes end between callbacks: those that are in none end at once.
        self.wait_for_all(self.clock.now().saturating_add(LAST_WORDS));
        let stragglers = self.abandon_all(&seen);
        if let Some(scheduler) = self.scheduler() {
            scheduler.stop();
        }
        self.timers.close();
        stragglers
    }

    /// Ends the roots, and those that become roots by that, until nobody is left or it is late.
    fn end_roots(&self, deadline: Duration) {
        let mut told = HashSet::<Pid, ahash::RandomState>::default();
        loop {
            let look = Instant::now();
            let all = self.table.all();
            let supervising = all
                .iter()
                .filter(|process| process.is_alive() && process.callback() != Callback::Thread)
                .map(|process| process.pid())
                .collect();
            for process in &all {
                if is_root(&**process, &supervising) && told.insert(process.pid()) {
                    Arc::clone(process).exit_signal(Pid::NOBODY, ExitReason::Shutdown, false);
                }
            }
            drop(all);
            let next = self.clock.now().saturating_add(look.elapsed().max(PAUSE));
            if self.wait_for_all(next.min(deadline)) || next >= deadline {
                return;
            }
        }
    }

    /// The sender is the runtime, whoever calls.
    fn tell_all(&self, reason: &ExitReason) {
        for process in self.table.all() {
            process.exit_signal(Pid::NOBODY, reason.clone(), false);
        }
    }

    /// Whether all are gone by then.
    fn wait_for_all(&self, deadline: Duration) -> bool {
        self.wait(Some(deadline), || self.table.is_empty().then_some(())).is_some()
    }

    fn glance(&self) -> Glance {
        let at = self.clock.now();
        let see = |process: &Arc<dyn AnyProcess>| {
            (process.pid(), Seen { callback: process.callback(), reductions: process.handled(), at })
        };
        self.table.all().iter().map(see).collect()
    }

    /// Gives up on all that are left.
    fn abandon_all(&self, seen: &Glance) -> Vec<Straggler> {
        let now = self.clock.now();
        let give_up = |process: Arc<dyn AnyProcess>| {
            let mut name = None;
            process.read_rare(&mut |rare| name = rare.name.as_ref().map(ToString::to_string));
            let (pid, callback) = (process.pid(), process.callback());
            let same = |before: &&Seen| before.callback == callback && before.reductions == process.handled();
            let since = seen.get(&pid).filter(same).map_or(Duration::ZERO, |before| now.saturating_sub(before.at));
            let initial_call = process.initial_call();
            // One that has ended at this very moment is none.
            process.abandon().then_some(Straggler { pid, name, initial_call, callback, since })
        };
        self.table.all().into_iter().filter_map(give_up).collect()
    }
}

//! What a process keeps for those who watch it. Nothing is allocated, and a message costs one look, while nobody does.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::event::{Event, Hook};
use crate::reason::Panic;

/// What a server has done since its statistics were turned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// When they were turned on, as time since the runtime began.
    pub start_time: Duration,
    /// When they were asked for.
    pub current_time: Duration,
    /// Callbacks that were run.
    pub reductions: u64,
    /// Calls, casts, infos, signals and messages of its protocol that were handled.
    pub messages_in: u64,
    /// Replies that callbacks gave.
    pub messages_out: u64,
}

/// Hooks, log and statistics of one process, for a kind of process that offers `sys`: see [`Target`](super::Target).
#[derive(Default)]
pub struct Watchers(Option<Box<Watched>>);

type Watch = Box<dyn FnMut(&Event) -> Hook + Send>;

#[derive(Default)]
struct Watched {
    hooks: Vec<(String, Watch)>,
    /// The last events, at most so many.
    log: Option<(usize, VecDeque<Event>)>,
    statistics: Option<Statistics>,
}

impl Watchers {
    /// Tells them, if there are any.
    #[inline]
    pub fn say(&mut self, event: impl FnOnce() -> Event) {
        if let Some(watched) = &mut self.0 {
            watched.say(event());
        }
    }

    /// False if a hook of this name is there already (Y8).
    pub(crate) fn install(&mut self, name: String, hook: Watch) -> bool {
        let hooks = &mut self.0.get_or_insert_default().hooks;
        let new = hooks.iter().all(|(other, _)| *other != name);
        if new {
            hooks.push((name, hook));
        }
        new
    }

    /// False if there was none.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let Some(watched) = &mut self.0 else { return false };
        let before = watched.hooks.len();
        watched.hooks.retain(|(other, _)| other != name);
        watched.hooks.len() < before
    }

    pub(crate) fn log(&mut self, size: Option<usize>) {
        self.0.get_or_insert_default().log = size.map(|size| (size, VecDeque::new()));
    }

    pub(crate) fn logged(&self) -> Vec<Event> {
        let log = self.0.as_ref().and_then(|watched| watched.log.as_ref());
        log.map(|(_, events)| events.iter().cloned().collect()).unwrap_or_default()
    }

    /// Turning on what is on changes nothing (Y5).
    pub(crate) fn statistics_on(&mut self, now: Duration) {
        let fresh = Statistics { start_time: now, current_time: now, reductions: 0, messages_in: 0, messages_out: 0 };
        self.0.get_or_insert_default().statistics.get_or_insert(fresh);
    }

    pub(crate) fn statistics_off(&mut self) {
        if let Some(watched) = &mut self.0 {
            watched.statistics = None;
        }
    }

    pub(crate) fn statistics(&self, now: Duration) -> Option<Statistics> {
        let statistics = self.0.as_ref()?.statistics?;
        Some(Statistics { current_time: now, ..statistics })
    }

    /// What there is of them.
    pub(crate) fn names(&self) -> Vec<String> {
        let Some(watched) = &self.0 else { return Vec::new() };
        let hooks = watched.hooks.iter().map(|(name, _)| name.as_str());
        let log = watched.log.as_ref().map(|_| "log");
        let statistics = watched.statistics.as_ref().map(|_| "statistics");
        hooks.chain(log).chain(statistics).map(str::to_owned).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    /// Whether nobody watches.
    pub fn is_empty(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|watched| watched.hooks.is_empty() && watched.log.is_none() && watched.statistics.is_none())
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Watchers(none)" } else { "Watchers(some)" })
    }
}

impl Watched {
    fn say(&mut self, event: Event) {
        if let Some(statistics) = &mut self.statistics {
            let reply = matches!(event, Event::Reply { .. });
            statistics.messages_out += u64::from(reply);
            statistics.reductions += u64::from(!reply);
            statistics.messages_in += u64::from(event.is_incoming());
        }
        // A hook that panics is done (Y8).
        self.hooks.retain_mut(|(_, hook)| matches!(Panic::catch(|| hook(&event)), Ok(Hook::Keep)));
        if let Some((size, events)) = &mut self.log {
            if events.len() >= *size {
                events.pop_front();
            }
            if *size > 0 {
                events.push_back(event);
            }
        }
    }
}

//! Threads whose callback outlived its seat. Each that burns takes a core from the seats, so their number is bounded; those
//! that only sleep cost nothing.

use std::fs;

use super::row::Manners;
use crate::sync::Mutex;

/// What a thread does in its callback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Does {
    Sleep,
    Burn,
    /// The system does not tell.
    Hide,
}

impl Does {
    /// An announced wait may yet burn, so its word counts only where the system does not tell.
    pub(crate) fn look(thread: Option<u64>, announced: bool) -> Self {
        match state(thread) {
            Some(state) if is_asleep(state) => Self::Sleep,
            Some(_) => Self::Burn,
            None if announced => Self::Sleep,
            None => Self::Hide,
        }
    }
}

pub(crate) struct Away {
    threads: Mutex<Vec<Option<u64>>>,
    /// As many burning threads as there are seats: at most twice as many run as there are cores.
    most_burning: usize,
}

impl Away {
    pub(crate) fn new(seats: usize) -> Self {
        Self { threads: Mutex::new(Vec::new()), most_burning: seats }
    }

    /// Whether a seat may be taken from this thread. From the rude it is taken only if they do not burn: as many of them burn
    /// at once as sit there. Where the system does not tell, they may be blocked for all that is known.
    pub(crate) fn allows(&self, does: Does, manners: Manners) -> bool {
        match (does, manners) {
            (Does::Sleep, _) => true,
            (Does::Burn, Manners::Rude) => false,
            (Does::Burn, Manners::Polite) | (Does::Hide, _) => !self.is_full(),
        }
    }

    /// Whether as many burn as may.
    pub(crate) fn is_full(&self) -> bool {
        let threads = self.threads.lock();
        threads.iter().filter(|thread| burns(**thread)).take(self.most_burning).count() == self.most_burning
    }

    pub(crate) fn enter(&self, thread: Option<u64>) {
        self.threads.lock().push(thread);
    }

    pub(crate) fn leave(&self, thread: Option<u64>) {
        let mut threads = self.threads.lock();
        if let Some(at) = threads.iter().position(|other| *other == thread) {
            threads.swap_remove(at);
        }
    }
}

/// This thread's number in the system, where the system tells.
pub(crate) fn this_thread() -> Option<u64> {
    let link = fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// Whether a thread runs, or wants to. Where the system does not tell, it is taken to: the bound then holds for all.
fn burns(thread: Option<u64>) -> bool {
    !state(thread).is_some_and(is_asleep)
}

fn is_asleep(state: char) -> bool {
    matches!(state, 'S' | 'D' | 'T' | 't')
}

/// What the system says of a thread.
fn state(thread: Option<u64>) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", thread?)).ok()?;
    // The name in parentheses may hold anything, so the state is what follows the last of them.
    stat.rsplit(')').next()?.trim_start().chars().next()
}

#[cfg(all(test, not(loom), target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_who_burns() {
        let (send, receive) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || {
            let _ = send.send(this_thread());
            let _ = stopped.recv();
        });
        let number = receive.recv().ok().flatten();
        assert!(number.is_some());
        while burns(number) {
            std::thread::yield_now();
        }
        assert!(burns(this_thread()), "the one who asks runs");
        drop(stop);
        sleeper.join().ok();
    }

    #[test]
    fn burning_threads_are_bounded_and_waiting_ones_are_not() {
        let away = Away::new(1);
        let me = this_thread();
        let both = [Manners::Polite, Manners::Rude];
        assert_eq!(Does::look(me, true), Does::Burn, "whatever it announced");
        assert_eq!(both.map(|manners| away.allows(Does::Burn, manners)), [true, false]);
        assert_eq!(both.map(|manners| away.allows(Does::Hide, manners)), [true, true]);
        away.enter(me);
        assert!(away.is_full());
        assert_eq!(both.map(|manners| away.allows(Does::Burn, manners)), [false, false]);
        assert_eq!(both.map(|manners| away.allows(Does::Hide, manners)), [false, false]);
        assert_eq!(both.map(|manners| away.allows(Does::Sleep, manners)), [true, true]);
        away.leave(me);
        assert!(!away.is_full());
        assert_eq!(Does::look(None, true), Does::Sleep, "its word is all there is");
        assert_eq!(Does::look(None, false), Does::Hide);
    }
}

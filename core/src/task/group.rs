//! Several tasks that one caller waits for: which of them have news.

use std::collections::VecDeque;
use std::task::Waker;
use std::thread::Thread;

use crate::contained::wake;
use crate::sync::Mutex;

/// Told by the tasks, asked by the caller. An index may come twice: when the value is there, and when the task is down.
#[derive(Default)]
pub(super) struct Group(Mutex<News>);

#[derive(Default)]
struct News {
    indices: VecDeque<usize>,
    sleeper: Option<Sleeper>,
}

pub(super) enum Sleeper {
    Thread(Thread),
    Future(Waker),
}

impl Group {
    pub(super) fn push(&self, index: usize) {
        let mut news = self.0.lock();
        news.indices.push_back(index);
        let sleeper = news.sleeper.take();
        drop(news);
        match sleeper {
            Some(Sleeper::Thread(thread)) => thread.unpark(),
            Some(Sleeper::Future(waker)) => wake(waker),
            None => {}
        }
    }

    /// Who has news, oldest first, without waiting.
    pub(super) fn pop(&self) -> Option<usize> {
        self.0.lock().indices.pop_front()
    }

    /// True if there is news; else who is to be woken for it.
    pub(super) fn poll(&self, sleeper: impl FnOnce() -> Sleeper) -> bool {
        if !self.0.lock().indices.is_empty() {
            return true;
        }
        let sleeper = sleeper();
        let mut news = self.0.lock();
        if !news.indices.is_empty() {
            return true;
        }
        let before = news.sleeper.replace(sleeper);
        drop(news);
        // A waker is the user's: it is dropped outside the lock.
        drop(before);
        false
    }
}

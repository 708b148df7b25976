//! The inbox: messages and signals in one queue, and the phase that schedules a process exactly once.
//!
//! Pure: every transition is a method on plain data that says what the caller must do now. The process's cell holds
//! one behind a mutex, so there are no orderings to argue about.
//!
//! ```text
//!     Idle ──push──▶ Queued ──begin──▶ Running ──end, empty──▶ Idle
//!                      ▲                  └─────end, mail────▶ Queued
//!     any ──close──▶ Dead                    (terminal: pushes are refused)
//! ```
//!
//! A process is in at most one run queue or on at most one thread, and while it has mail it is in one of the two.

use std::collections::VecDeque;
use std::thread::Thread;

use super::relations::Relations;
use crate::{ExitReason, Panic, Pid, Signal};

/// One entry of the queue.
#[derive(Debug)]
pub enum Mail<M> {
    /// What another process, or the user, sent.
    Message(M),
    /// What the runtime says.
    Signal(Signal),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Idle,
    Queued,
    Running,
    Dead,
}

/// What the sender must do after a push.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed<T> {
    /// The process was idle: put it into a run queue.
    Schedule,
    /// It is queued or running and will see it.
    Noted,
    /// It is dead: here is what was sent.
    Refused(T),
}

/// What the runner must do after a slice.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ended {
    /// Nothing is left to do.
    Idle,
    /// Put it at the back of the queue.
    Requeue,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(crate) struct Inbox<M> {
    mail: VecDeque<Mail<M>>,
    phase: Phase,
    /// Something came since the slice began: run once more.
    woken: bool,
    /// Mail that a future has taken in this slice.
    taken: u32,
    pub(crate) trap_exit: bool,
    /// The reason this process is to die with at the next gap between callbacks.
    pub(crate) doom: Option<ExitReason>,
    pub(crate) relations: Relations,
    /// Whether it ever had a name.
    pub(crate) named: bool,
    /// The thread that waits inside the present callback: an exit signal that hits wakes it.
    pub(crate) waiting: Option<Thread>,
    /// Set once dead.
    pub(crate) reason: Option<ExitReason>,
    /// Whether the end is complete: state dropped, name free, everybody told who had asked by then.
    finished: bool,
}

impl<M> Inbox<M> {
    /// An inbox of a process that is being started: it counts as running until its first slice ends.
    pub(crate) fn starting() -> Self {
        Self {
            mail: VecDeque::new(),
            phase: Phase::Running,
            woken: false,
            taken: 0,
            trap_exit: false,
            doom: None,
            relations: Relations::default(),
            named: false,
            waiting: None,
            reason: None,
            finished: false,
        }
    }

    /// Whether the process is gone or bound to go (P1.5, P3.5): queries and sends already see it as dead.
    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.phase != Phase::Dead && self.doom.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.mail.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, mail: Mail<M>) -> Pushed<Mail<M>> {
        if self.is_alive() { self.accept(mail) } else { Pushed::Refused(mail) }
    }

    /// As [`push`](Self::push), where the process is known to be alive. A path without a way back spares the mail a copy.
    #[inline]
    pub(crate) fn accept<T>(&mut self, mail: Mail<M>) -> Pushed<T> {
        self.mail.push_back(mail);
        self.wake()
    }

    /// Makes the process run, with or without mail; once more if it is running right now.
    #[inline]
    pub(crate) fn wake<T>(&mut self) -> Pushed<T> {
        self.woken = true;
        match self.phase {
            Phase::Idle => {
                self.phase = Phase::Queued;
                Pushed::Schedule
            }
            _ => Pushed::Noted,
        }
    }

    /// The start of a slice: what has arrived moves to `work`, whose buffer is kept here in exchange.
    #[inline]
    pub(crate) fn begin(&mut self, work: &mut VecDeque<Mail<M>>) {
        self.phase = Phase::Running;
        if work.is_empty() {
            std::mem::swap(&mut self.mail, work);
        }
        self.woken = !self.mail.is_empty();
    }

    /// The start of a slice of a future, which takes its mail one by one.
    pub(crate) fn begin_future(&mut self) {
        self.phase = Phase::Running;
        self.woken = false;
        self.taken = 0;
    }

    /// The end of a slice; `more` says that the body itself still holds mail.
    #[inline]
    pub(crate) fn end(&mut self, more: bool) -> Ended {
        if more || self.woken || self.doom.is_some() {
            self.phase = Phase::Queued;
            Ended::Requeue
        } else {
            self.phase = Phase::Idle;
            Ended::Idle
        }
    }

    /// The first entry that fits; the others keep their places.
    pub(crate) fn take_first(&mut self, fits: impl Fn(&Mail<M>) -> bool) -> Option<Mail<M>> {
        let at = self.mail.iter().position(fits)?;
        self.mail.remove(at)
    }

    /// As [`take_first`](Self::take_first), for a future: nothing once the process is doomed (P1.3), nor beyond `most` in one
    /// slice; what is left then is for the next.
    pub(crate) fn take_in_slice(&mut self, most: u32, fits: impl Fn(&Mail<M>) -> bool) -> Option<Mail<M>> {
        if self.doom.is_some() {
            return None;
        }
        if self.taken >= most {
            self.woken = true;
            return None;
        }
        let mail = self.take_first(fits)?;
        self.taken += 1;
        Some(mail)
    }

    /// Whether this process is linked to another, or has an exit of it queued: it hears of its end.
    pub(crate) fn hears_of(&self, pid: Pid) -> bool {
        let told = |mail: &Mail<M>| matches!(mail, Mail::Signal(Signal::Exit(exit)) if exit.from == pid);
        self.relations.is_linked(pid) || self.mail.iter().any(told)
    }

    /// The end begins: from now on pushes are refused. Gives what was queued; `None` if it had begun before.
    ///
    /// An exit signal that hit before decides the reason. Links and monitors can still be added: they hear of the end when
    /// it is complete, as the others do.
    pub(crate) fn close(&mut self, reason: ExitReason) -> Option<VecDeque<Mail<M>>> {
        if self.phase == Phase::Dead {
            return None;
        }
        self.phase = Phase::Dead;
        self.reason = Some(self.doom.clone().unwrap_or(reason));
        Some(std::mem::take(&mut self.mail))
    }

    /// A destructor panicked. That counts like a panic in the last callback (G6.5), but not against what came first: an exit
    /// signal or another panic.
    pub(crate) fn amend(&mut self, panic: Panic) {
        if self.doom.is_none() && !matches!(self.reason, Some(ExitReason::Panic(_))) {
            self.reason = Some(ExitReason::Panic(panic));
        }
    }

    /// The end is complete. Gives those who must be told.
    pub(crate) fn finish(&mut self) -> Relations {
        self.finished = true;
        std::mem::take(&mut self.relations)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> Inbox<u8> {
        let mut inbox = Inbox::starting();
        assert_eq!(inbox.end(false), Ended::Idle);
        inbox
    }

    #[test]
    fn the_first_push_schedules_and_the_next_do_not() {
        let mut inbox = idle();
        assert!(matches!(inbox.push(Mail::Message(1)), Pushed::Schedule));
        assert!(matches!(inbox.push(Mail::Message(2)), Pushed::Noted));
        let mut work = VecDeque::new();
        inbox.begin(&mut work);
        assert_eq!(work.len(), 2);
        assert!(matches!(inbox.push(Mail::Message(3)), Pushed::Noted));
        assert_eq!(inbox.end(false), Ended::Requeue);
    }

    #[test]
    fn unfinished_work_keeps_its_place_before_new_mail() {
        let mut inbox = idle();
        let _ = inbox.push(Mail::Message(1));
        let mut work = VecDeque::new();
        inbox.begin(&mut work);
        let _ = inbox.push(Mail::Message(2));
        assert_eq!(inbox.end(true), Ended::Requeue);
        inbox.begin(&mut work);
        assert!(matches!(work.pop_front(), Some(Mail::Message(1))));
        assert!(work.is_empty(), "new mail waits until the old work is done");
    }

    #[test]
    fn the_dead_and_the_doomed_refuse_mail() {
        let mut inbox = idle();
        inbox.doom = Some(ExitReason::Killed);
        assert!(matches!(inbox.push(Mail::Message(1)), Pushed::Refused(Mail::Message(1))));
        let mut inbox = idle();
        assert!(inbox.close(ExitReason::Normal).is_some());
        assert!(inbox.close(ExitReason::Shutdown).is_none());
        assert_eq!(inbox.reason, Some(ExitReason::Normal));
        assert!(matches!(inbox.push(Mail::Message(1)), Pushed::Refused(_)));
        assert!(!inbox.is_alive());
    }

    #[test]
    fn a_waker_that_fires_during_the_slice_is_not_lost() {
        let mut inbox = idle();
        assert_eq!(inbox.wake::<()>(), Pushed::Schedule);
        inbox.begin_future();
        assert_eq!(inbox.wake::<()>(), Pushed::Noted);
        assert_eq!(inbox.end(false), Ended::Requeue);
    }

    #[test]
    fn a_future_that_leaves_mail_behind_does_not_spin() {
        let mut inbox = idle();
        let _ = inbox.push(Mail::Message(1));
        inbox.begin_future();
        assert_eq!(inbox.end(false), Ended::Idle);
        assert!(matches!(inbox.push(Mail::Message(2)), Pushed::Schedule));
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::sync::atomic::{AtomicUsize, Ordering};
    use crate::sync::{Arc, Mutex};
    use loom::thread;

    struct Process {
        inbox: Mutex<Inbox<u8>>,
        /// How often it is in a run queue.
        queued: AtomicUsize,
        handled: AtomicUsize,
    }

    impl Process {
        fn schedule(&self) {
            assert_eq!(self.queued.fetch_add(1, Ordering::AcqRel), 0, "in one run queue at most");
        }

        fn send(&self, message: u8) {
            let pushed = self.inbox.lock().push(Mail::Message(message));
            match pushed {
                Pushed::Schedule => self.schedule(),
                Pushed::Noted => {}
                Pushed::Refused(_) => unreachable!("it lives"),
            }
        }

        /// What a seat does. False: it was in no queue.
        fn run_one(&self, work: &mut VecDeque<Mail<u8>>) -> bool {
            if self.queued.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                return false;
            }
            self.inbox.lock().begin(work);
            // A budget of one piece of mail.
            self.handled.fetch_add(usize::from(work.pop_front().is_some()), Ordering::Relaxed);
            let ended = self.inbox.lock().end(!work.is_empty());
            if ended == Ended::Requeue {
                self.schedule();
            }
            true
        }
    }

    #[test]
    fn it_is_scheduled_exactly_when_it_must_be() {
        loom::model(|| {
            let mut starting = Inbox::starting();
            assert_eq!(starting.end(false), Ended::Idle);
            let process = Arc::new(Process {
                inbox: Mutex::new(starting),
                queued: AtomicUsize::new(0),
                handled: AtomicUsize::new(0),
            });
            let senders: Vec<_> = (0..2)
                .map(|sender| {
                    let process = Arc::clone(&process);
                    thread::spawn(move || process.send(sender))
                })
                .collect();
            let mut work = VecDeque::new();
            process.run_one(&mut work);
            process.run_one(&mut work);
            assert!(senders.into_iter().all(|sender| sender.join().is_ok()));
            while process.run_one(&mut work) {}
            assert_eq!(process.handled.load(Ordering::Relaxed), 2, "nothing is left behind");
            assert_eq!(process.inbox.lock().len(), 0);
        });
    }
}

//! The inbox: messages and signals in one queue, and the phase that schedules a process exactly once.
//!
//! Pure: every transition is a method on plain data that says what the caller must do now. The process's cell holds
//! one behind a mutex, so there are no orderings to argue about.
//!
//! ```text
//!     Starting ──end──▶ Idle ──push──▶ Queued ──begin──▶ Running ──end, empty──▶ Idle
//!                                        ▲                  └─────end, mail────▶ Queued
//!     Running ──last──▶ Terminating
//!     any ──close──▶ Dead                    (terminal: pushes are refused)
//! ```
//!
//! A process is in at most one run queue or on at most one thread, and while it has mail it is in one of the two.

use std::collections::VecDeque;
use std::thread::Thread;

use super::patience::Patience;
use super::rare::Rare;
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
    /// In its `init`. Runs, as far as senders are concerned.
    Starting,
    Idle,
    Queued,
    Running,
    /// In its `terminate`.
    Terminating,
    Dead,
}

/// What kind of mail was taken last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Last {
    #[default]
    Nothing,
    /// Of this type.
    Message(&'static str),
    Signal,
}

impl Last {
    #[inline]
    pub(crate) fn of<M>(mail: &Mail<M>) -> Self {
        match mail {
            Mail::Message(_) => Self::Message(std::any::type_name::<M>()),
            Mail::Signal(_) => Self::Signal,
        }
    }

    /// The name of its type.
    pub(crate) fn type_name(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Message(name) => Some(name),
            Self::Signal => Some(std::any::type_name::<Signal>()),
        }
    }
}

/// What the sender must do after a push.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed {
    /// The process was idle: put it into a run queue.
    Schedule,
    /// It is queued or running and will see it.
    Noted,
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

/// How far the end of a process has come once it is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rites {
    Before,
    /// Somebody is at telling the others.
    Begun,
    /// State dropped, name free, everybody told who had asked by then.
    Over,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Inbox<M> {
    mail: VecDeque<Mail<M>>,
    phase: Phase,
    /// Something came since the slice began: run once more.
    woken: bool,
    /// Mail that a future has taken in this slice.
    taken: u32,
    pub(crate) trap_exit: bool,
    /// Give memory back once nothing is left to do.
    pub(crate) hibernate: bool,
    /// An exit signal has hit: the process dies at the next gap between callbacks, for the reason in `end`.
    doomed: bool,
    rites: Rites,
    /// What a future has taken last.
    last: Last,
    /// Why it ends: set once doomed or dead.
    end: Option<ExitReason>,
    /// Mail taken since the start.
    handled: u64,
    /// Waits in a callback, and is to be unparked by an exit signal.
    pub(crate) waiter: Option<Thread>,
    pub(crate) relations: Relations,
    pub(crate) rare: Option<Box<Rare>>,
}

impl<M> Inbox<M> {
    /// An inbox of a process that is being started: it counts as running until its first slice ends, or as queued where its starter
    /// has only to put it into a run queue.
    #[inline]
    pub(crate) fn starting(relations: Relations, rare: Option<Box<Rare>>, queued: bool) -> Self {
        Self {
            mail: VecDeque::new(),
            phase: if queued { Phase::Queued } else { Phase::Starting },
            woken: false,
            taken: 0,
            trap_exit: false,
            hibernate: false,
            doomed: false,
            rites: Rites::Before,
            last: Last::Nothing,
            end: None,
            handled: 0,
            waiter: None,
            relations,
            rare,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// An exit signal hits. What hit first counts.
    pub(crate) fn doom(&mut self, reason: ExitReason) {
        if !self.doomed {
            self.doomed = true;
            self.end = Some(reason);
        }
    }

    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed
    }

    /// The reason this process is to die with, or has died with, because an exit signal hit.
    pub(crate) fn doom_reason(&self) -> Option<&ExitReason> {
        self.end.as_ref().filter(|_| self.doomed)
    }

    /// Why it is dead.
    pub(crate) fn reason(&self) -> Option<&ExitReason> {
        self.end.as_ref().filter(|_| self.phase == Phase::Dead)
    }

    /// Mail taken since the start.
    pub(crate) fn handled(&self) -> u64 {
        self.handled
    }

    pub(crate) fn last(&self) -> Last {
        self.last
    }

    /// The bytes of the queue's buffer.
    pub(crate) fn memory(&self) -> usize {
        self.mail.capacity().saturating_mul(size_of::<Mail<M>>())
    }

    /// What few processes have; made when first needed.
    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Until when its future waits for replies, where it does or did.
    #[inline]
    pub(crate) fn patience(&mut self) -> Option<&mut Patience> {
        self.rare.as_mut().map(|rare| &mut rare.patience)
    }

    /// Whether the process is gone or bound to go (P1.5, P3.5): queries and sends already see it as dead.
    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.phase != Phase::Dead && !self.doomed
    }

    pub(crate) fn len(&self) -> usize {
        self.mail.len()
    }

    /// The caller has made sure that the process is [alive](Self::is_alive): the dead and the doomed take no mail.
    #[inline]
    pub(crate) fn push(&mut self, mail: Mail<M>) -> Pushed {
        self.mail.push_back(mail);
        self.wake()
    }

    /// As [`push`](Self::push), of mail that is made when there is room, and so is written to its place word by word. To copy as a
    /// whole what was just written in words stalls until they have left the store buffer: two such copies were a third of the
    /// price of a cast.
    #[expect(clippy::inline_always, reason = "what is made elsewhere is copied")]
    #[inline(always)]
    pub(crate) fn push_made(&mut self, make: impl FnOnce() -> Mail<M>) -> Pushed {
        self.mail.extend(std::iter::once_with(make));
        self.wake()
    }

    /// Makes the process run, with or without mail; once more if it is running right now.
    #[inline]
    pub(crate) fn wake(&mut self) -> Pushed {
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
            self.handled += self.mail.len() as u64;
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
        if more || self.woken || self.doomed {
            self.phase = Phase::Queued;
            Ended::Requeue
        } else {
            self.phase = Phase::Idle;
            Ended::Idle
        }
    }

    /// The process went idle after it had asked for this: gives the spare memory of the queue back.
    pub(crate) fn shrink(&mut self) {
        self.hibernate = false;
        self.mail.shrink_to_fit();
    }

    /// `terminate` is about to run.
    pub(crate) fn terminate(&mut self) {
        if self.phase != Phase::Dead {
            self.phase = Phase::Terminating;
        }
    }

    /// The first entry that fits; the others keep their places.
    pub(crate) fn take_first(&mut self, fits: impl Fn(&Mail<M>) -> bool) -> Option<Mail<M>> {
        let at = self.mail.iter().position(fits)?;
        if at == 0 { self.mail.pop_front() } else { self.mail.remove(at) }
    }

    /// The first entry, for a thread's own process.
    pub(crate) fn take_next(&mut self) -> Option<Mail<M>> {
        let mail = self.mail.pop_front()?;
        self.note(&mail);
        Some(mail)
    }

    fn note(&mut self, mail: &Mail<M>) {
        self.handled += 1;
        self.last = Last::of(mail);
    }

    /// As [`take_first`](Self::take_first), for a future: nothing once the process is doomed (P1.3), nor beyond `most` in one
    /// slice; what is left then is for the next.
    pub(crate) fn take_in_slice(&mut self, most: u32, fits: impl Fn(&Mail<M>) -> bool) -> Option<Mail<M>> {
        if !self.may_take(most) {
            return None;
        }
        let mail = self.take_first(fits)?;
        self.taken += 1;
        self.note(&mail);
        Some(mail)
    }

    fn may_take(&mut self, most: u32) -> bool {
        let spent = self.taken >= most;
        self.woken |= spent && !self.doomed;
        !spent && !self.doomed
    }

    /// As [`take_in_slice`](Self::take_in_slice), where code of the user's decides what fits, which must not run under the lock: all
    /// that is queued, until [`give_back`](Self::give_back).
    pub(crate) fn lend(&mut self, most: u32) -> VecDeque<Mail<M>> {
        if self.may_take(most) { std::mem::take(&mut self.mail) } else { VecDeque::new() }
    }

    /// What was lent, to its place before what has come meanwhile, without what was taken out of it. The dead hand it back.
    pub(crate) fn give_back(&mut self, mut lent: VecDeque<Mail<M>>, taken: Option<&Mail<M>>) -> VecDeque<Mail<M>> {
        if let Some(mail) = taken {
            self.taken += 1;
            self.note(mail);
        }
        if self.phase != Phase::Dead {
            lent.append(&mut self.mail);
            std::mem::swap(&mut self.mail, &mut lent);
        }
        lent
    }

    /// Whether this process is linked to another, or has an exit of it queued: it hears of its end.
    pub(crate) fn hears_of(&self, pid: Pid) -> bool {
        let told = |mail: &Mail<M>| matches!(mail, Mail::Signal(Signal::Exit(exit)) if exit.from == pid);
        self.relations.is_linked(pid) || self.mail.iter().any(told)
    }

    /// The end begins: from now on pushes are refused. False if it had begun before. What was queued can be
    /// [taken](Self::take_mail).
    ///
    /// An exit signal that hit before decides the reason. Links and monitors can still be added: they hear of the end when
    /// it is complete, as the others do.
    #[inline]
    pub(crate) fn close(&mut self, reason: ExitReason) -> bool {
        if self.phase == Phase::Dead {
            return false;
        }
        self.phase = Phase::Dead;
        if self.end.is_none() {
            self.end = Some(reason);
        }
        true
    }

    /// All that is queued.
    pub(crate) fn take_mail(&mut self) -> VecDeque<Mail<M>> {
        std::mem::take(&mut self.mail)
    }

    /// A destructor panicked. That counts like a panic in the last callback (G6.5), but not against what came first: an exit
    /// signal or another panic.
    pub(crate) fn amend(&mut self, panic: Panic) {
        if !self.doomed && !matches!(self.end, Some(ExitReason::Panic(_))) {
            self.end = Some(ExitReason::Panic(panic));
        }
    }

    /// Whether the caller is the one to tell the others of the end: the first who asks.
    pub(crate) fn conclude(&mut self) -> bool {
        let first = self.phase == Phase::Dead && self.rites == Rites::Before;
        if first {
            self.rites = Rites::Begun;
        }
        first
    }

    /// The end is complete. Gives those who must be told.
    pub(crate) fn finish(&mut self) -> Relations {
        self.rites = Rites::Over;
        std::mem::take(&mut self.relations)
    }

    /// Whether it is dead and nobody needs to be told why.
    pub(crate) fn has_ended_well(&self) -> bool {
        self.reason().is_some_and(ExitReason::is_clean)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.rites == Rites::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> Inbox<u8> {
        let mut inbox = Inbox::starting(Relations::default(), None, false);
        assert_eq!(inbox.end(false), Ended::Idle);
        inbox
    }

    #[test]
    fn the_first_push_schedules_and_the_next_do_not() {
        let mut inbox = idle();
        assert_eq!(inbox.push(Mail::Message(1)), Pushed::Schedule);
        assert_eq!(inbox.push(Mail::Message(2)), Pushed::Noted);
        let mut work = VecDeque::new();
        inbox.begin(&mut work);
        assert_eq!(work.len(), 2);
        assert_eq!(inbox.push(Mail::Message(3)), Pushed::Noted);
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
    fn the_dead_and_the_doomed_are_not_alive() {
        let mut inbox = idle();
        assert!(inbox.is_alive());
        inbox.doom(ExitReason::Killed);
        assert!(!inbox.is_alive());
        let mut inbox = idle();
        assert!(inbox.close(ExitReason::Normal));
        assert!(!inbox.close(ExitReason::Shutdown));
        assert_eq!(inbox.reason(), Some(&ExitReason::Normal));
        assert!(!inbox.is_alive());
    }

    #[test]
    fn a_waker_that_fires_during_the_slice_is_not_lost() {
        let mut inbox = idle();
        assert_eq!(inbox.wake(), Pushed::Schedule);
        inbox.begin_future();
        assert_eq!(inbox.wake(), Pushed::Noted);
        assert_eq!(inbox.end(false), Ended::Requeue);
    }

    #[test]
    fn what_was_lent_comes_back_before_what_has_come_meanwhile() {
        let mut inbox = idle();
        for n in 1..=3 {
            let _ = inbox.push(Mail::Message(n));
        }
        inbox.begin_future();
        let mut lent = inbox.lend(8);
        let _ = inbox.push(Mail::Message(4));
        let taken = lent.remove(1);
        assert!(inbox.give_back(lent, taken.as_ref()).is_empty());
        let rest: Vec<_> = std::iter::from_fn(|| inbox.take_in_slice(8, |_| true)).collect();
        assert!(matches!(rest[..], [Mail::Message(1), Mail::Message(3), Mail::Message(4)]), "{rest:?}");
        assert_eq!(inbox.handled(), 4);
        let _ = inbox.push(Mail::Message(5));
        assert!(inbox.lend(4).is_empty(), "the slice has had its share");
        assert_eq!(inbox.end(false), Ended::Requeue);
    }

    #[test]
    fn the_dead_take_nothing_back() {
        let mut inbox = idle();
        let _ = inbox.push(Mail::Message(1));
        inbox.begin_future();
        let lent = inbox.lend(8);
        assert!(inbox.close(ExitReason::Killed) && inbox.len() == 0);
        assert_eq!(inbox.give_back(lent, None).len(), 1);
        assert_eq!(inbox.len(), 0);
    }

    #[test]
    fn a_future_that_leaves_mail_behind_does_not_spin() {
        let mut inbox = idle();
        let _ = inbox.push(Mail::Message(1));
        inbox.begin_future();
        assert_eq!(inbox.end(false), Ended::Idle);
        assert_eq!(inbox.push(Mail::Message(2)), Pushed::Schedule);
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
            if pushed == Pushed::Schedule {
                self.schedule();
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
            let mut starting = Inbox::starting(Relations::default(), None, false);
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

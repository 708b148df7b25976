//! Replies: a slot that is filled once, and whoever waits for it.
//!
//! A reply that comes after its caller gave up vanishes; a slot that can no longer be filled fails its caller at once.
//! Specification: P7.4, G5.3 to G5.5.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::Thread;
use std::time::Duration;

use crate::contained::wake;
use crate::process::{Address, current};
use crate::runtime::engine::GaveUp;
use crate::sync::{Arc, Latch};
use crate::timer::{Due, Review};
use crate::{ExitReason, Pid, SendError};

/// How long a call waits by default (G5.1).
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the reply to one request goes. May be kept and used later, from any process or thread.
///
/// Dropping it unused fails the caller at once; within a callback of the process that was asked, as soon as that waits or is
/// over, since only then it is known whether the process goes on.
pub struct ReplyTo<R>(Option<Arc<Slot<R>>>);

impl<R> ReplyTo<R> {
    /// Replies. If the caller has given up, the reply vanishes.
    pub fn send(mut self, reply: R) {
        if let Some(slot) = self.0.take() {
            slot.fill(Filled::Reply(reply));
        }
    }
}

impl<R> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            if current::is_slice_of(slot.callee) {
                (slot.keep)(slot);
            } else {
                slot.fill(Filled::Dropped);
            }
        }
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo")
    }
}

/// A call that got no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The process was dead already; it never saw the request.
    NoProc,
    /// A process called itself: it could never reply.
    CallingSelf,
    /// No reply came in time. The request may still be handled; its late reply vanishes.
    Timeout,
    /// The process ended without a reply, for this reason.
    Down(ExitReason),
    /// The process lives but dropped the request without a reply.
    NoReply,
    /// The calling process is bound to end itself: an exit signal hit it before or during the wait, which is over so that it
    /// can end. The request may still be handled.
    Exiting,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("the process is dead"),
            Self::CallingSelf => f.write_str("a process cannot call itself"),
            Self::Timeout => f.write_str("no reply in time"),
            Self::Down(reason) => write!(f, "the process ended without a reply: {reason}"),
            Self::NoReply => f.write_str("the request was dropped without a reply"),
            Self::Exiting => f.write_str("the calling process is about to end"),
        }
    }
}

impl std::error::Error for CallError {}

enum Filled<R> {
    Not,
    Reply(R),
    Dropped,
    Expired,
}

enum Waiter<R> {
    Nobody,
    Thread(Thread),
    Task(Waker),
    Then(Then<R>),
}

/// Told what the slot is filled with.
type Then<R> = Box<dyn FnOnce(Filled<R>) + Send>;

struct Slot<R> {
    state: Latch<(Filled<R>, Waiter<R>)>,
    /// Who is to reply.
    callee: Pid,
    /// Keeps it until the end of the callee's slice. A function, as only the caller knows that `R` is `'static`.
    keep: fn(Arc<Self>),
}

impl<R: Send + 'static> Slot<R> {
    fn new(callee: Pid, waiter: Waiter<R>) -> Arc<Self> {
        let state = Latch::new((Filled::Not, waiter));
        Arc::new(Self {
            state,
            callee,
            keep: |slot| current::keep_orphan(slot.callee, &(Arc::clone(&slot) as Arc<dyn current::Orphan>)),
        })
    }
}

impl<R> current::Orphan for Slot<R> {
    fn tell(&self) {
        self.fill(Filled::Dropped);
    }
}

impl<R> Slot<R> {
    /// False if it was filled before, or nobody waits for it any more.
    fn fill(&self, with: Filled<R>) -> bool {
        let (first, unused, waiter) = {
            let mut slot = self.state.lock();
            let waiter = std::mem::replace(&mut slot.1, Waiter::Nobody);
            let first = matches!(slot.0, Filled::Not);
            match (first, waiter) {
                (true, waiter @ Waiter::Then(..)) => {
                    slot.0 = Filled::Expired;
                    (first, Some(with), waiter)
                }
                (true, waiter) => {
                    slot.0 = with;
                    (first, None, waiter)
                }
                // Dropped outside the lock below: it is the user's value.
                (false, waiter) => (first, Some(with), waiter),
            }
        };
        match waiter {
            Waiter::Nobody => {}
            Waiter::Thread(thread) => thread.unpark(),
            Waiter::Task(waker) => wake(waker),
            Waiter::Then(then) => {
                then(unused.unwrap_or(Filled::Expired));
                return first;
            }
        }
        drop(unused);
        first
    }

    /// What is there. Else this waiter is in the slot from now on, and the caller has the old one: a waker is the user's, and not
    /// dropped under the lock.
    fn take(&self, waiter: &mut Waiter<R>) -> Option<Filled<R>> {
        let mut slot = self.state.lock();
        match std::mem::replace(&mut slot.0, Filled::Expired) {
            Filled::Not => {
                slot.0 = Filled::Not;
                std::mem::swap(&mut slot.1, waiter);
                None
            }
            filled => Some(filled),
        }
    }

    /// What is there. Else this waker is woken for it, and the slot is handed back.
    fn claim(self: Arc<Self>, waker: &Waker) -> Result<Filled<R>, Arc<Self>> {
        // Nearly always whoever was to reply has let go of it by then: no lock, no waker.
        match Self::open(self) {
            Ok(filled) => Ok(filled),
            Err(slot) => slot.take(&mut Waiter::Task(waker.clone())).ok_or(slot),
        }
    }

    /// What is in a slot that nobody else holds any more.
    fn open(self: Arc<Self>) -> Result<Filled<R>, Arc<Self>> {
        // A glance first: a failed attempt costs as much as a lock.
        if Arc::strong_count(&self) > 1 {
            return Err(self);
        }
        Arc::try_unwrap(self).map(|slot| slot.state.into_inner().0)
    }

    /// Nobody waits any more.
    fn give_up(&self) {
        let unused = {
            let mut slot = self.state.lock();
            (std::mem::replace(&mut slot.0, Filled::Expired), std::mem::replace(&mut slot.1, Waiter::Nobody))
        };
        // Outside the lock: it is the user's value.
        drop(unused);
    }
}

/// The wait for a reply ends by itself.
impl<R: Send> Due for Slot<R> {
    fn fire(&self) -> bool {
        self.fill(Filled::Expired)
    }

    fn review(&self, _: Duration) -> Review {
        Review::pending(matches!(self.state.lock().0, Filled::Not))
    }

    fn is_live(&self, filed: Duration) -> bool {
        self.review(filed) == Review::Due
    }

    fn may_wait_for(&self, callee: Pid) -> bool {
        self.callee == callee
    }

    fn orphan(&self) {
        self.fill(Filled::Dropped);
    }
}

impl<M: Send + 'static> Address<M> {
    /// Sends a request and waits for its reply.
    ///
    /// Works alike from a plain thread and from a callback, where the wait is announced, so that other processes run
    /// meanwhile. From a future, use [`request`](Self::request).
    ///
    /// # Errors
    ///
    /// [`CallError`]: dead, calling itself, no reply in time, or ended without one. An end is noticed at once, not
    /// by the timeout; that of the caller as well: a process that is killed during the call does not sit it out.
    pub fn call_with<R: Send + 'static>(
        &self,
        within: Duration,
        request: impl FnOnce(ReplyTo<R>) -> M,
    ) -> Result<R, CallError> {
        if current::pid() == Some(self.pid()) {
            return Err(CallError::CallingSelf);
        }
        let slot = self.post(Waiter::Nobody, request)?;
        let engine = self.0.engine();
        let deadline = engine.clock.now().saturating_add(within);
        let ready = || slot.take(&mut Waiter::Thread(std::thread::current()));
        loop {
            let look_up = engine.look_up_before(deadline);
            match engine.wait_in_process(Some(look_up), ready) {
                Ok(filled) => return self.outcome(filled),
                Err(GaveUp::Exiting) => return Err(CallError::Exiting),
                Err(GaveUp::Late) if look_up >= deadline => return Err(CallError::Timeout),
                Err(GaveUp::Late) => {}
            }
            // One that was given up while it handles the request will not reply, and its handle is not dropped.
            if let Some(reason) = self.exit_reason() {
                return slot
                    .take(&mut Waiter::Nobody)
                    .map_or(Err(CallError::Down(reason)), |filled| self.outcome(filled));
            }
        }
    }

    /// Sends a request; the reply is the future's value. The request is under way at once. [`Duration::MAX`] is no limit.
    pub fn request<R: Send + 'static>(&self, within: Duration, request: impl FnOnce(ReplyTo<R>) -> M) -> Request<M, R> {
        if current::pid() == Some(self.pid()) {
            return Request { to: self.clone(), state: State::Failed(CallError::CallingSelf) };
        }
        let state = match self.post(Waiter::Nobody, request) {
            Ok(slot) => {
                // Without a limit there is nothing to wait for.
                if within < Duration::MAX {
                    self.expire(&slot, within);
                }
                State::Waiting(slot)
            }
            Err(error) => State::Failed(error),
        };
        Request { to: self.clone(), state }
    }

    /// As [`request`](Self::request), from within a future that awaits it at once. In a process no timer is set for each call, but one
    /// for the process.
    pub(crate) async fn ask<R: Send + 'static, T>(
        &self,
        within: Duration,
        request: impl FnOnce(ReplyTo<R>) -> T,
        wrap: impl FnOnce(T) -> M,
    ) -> Result<R, CallError> {
        let mut request = Some((request, wrap));
        let mut wait = Wait { slot: None, until: 0, filed: false };
        poll_fn(|task| match request.take() {
            Some((request, wrap)) => wait.begin(self, within, request, wrap, task.waker()),
            None => wait.poll(self, task.waker()),
        })
        .await
    }

    fn expire<R: Send + 'static>(&self, slot: &Arc<Slot<R>>, within: Duration) {
        let engine = self.0.engine();
        engine.timers.file(engine.clock.now().saturating_add(within), Arc::clone(slot) as Arc<dyn Due>);
    }

    fn post<R: Send + 'static>(
        &self,
        waiter: Waiter<R>,
        request: impl FnOnce(ReplyTo<R>) -> M,
    ) -> Result<Arc<Slot<R>>, CallError> {
        self.post_as(waiter, request, |message| message)
    }

    /// As [`post`](Self::post), of a request that is wrapped in its place in the inbox.
    fn post_as<R: Send + 'static, T>(
        &self,
        waiter: Waiter<R>,
        request: impl FnOnce(ReplyTo<R>) -> T,
        wrap: impl FnOnce(T) -> M,
    ) -> Result<Arc<Slot<R>>, CallError> {
        let slot = Slot::new(self.pid(), waiter);
        match self.send_as(request(ReplyTo(Some(Arc::clone(&slot)))), wrap) {
            Ok(()) => Ok(slot),
            Err(SendError { .. }) => Err(CallError::NoProc),
        }
    }

    fn outcome<R>(&self, filled: Filled<R>) -> Result<R, CallError> {
        match filled {
            Filled::Reply(reply) => Ok(reply),
            Filled::Dropped => Err(self.exit_reason().map_or(CallError::NoReply, CallError::Down)),
            Filled::Not | Filled::Expired => Err(CallError::Timeout),
        }
    }
}

/// Sends a request; its outcome is handed to a function, on whichever thread has it: that function may do no more than send.
pub(crate) fn deliver<M: Send + 'static, R: Send + 'static>(
    to: &Address<M>,
    within: Duration,
    request: impl FnOnce(ReplyTo<R>) -> M,
    then: impl FnOnce(Result<R, CallError>) + Send + 'static,
) {
    if current::pid() == Some(to.pid()) {
        return then(Err(CallError::CallingSelf));
    }
    let slot = match to.post(Waiter::Nobody, request) {
        Ok(slot) => slot,
        Err(error) => return then(Err(error)),
    };
    to.expire(&slot, within);
    let asked = to.clone();
    let mut waiter = Waiter::Then(Box::new(move |filled| then(asked.outcome(filled))));
    if let Some(filled) = slot.take(&mut waiter)
        && let Waiter::Then(then) = waiter
    {
        then(filled);
    }
}

/// The wait for a reply within a future.
struct Wait<R> {
    /// `None` before the request is sent, and once it is over.
    slot: Option<Arc<Slot<R>>>,
    /// In nanoseconds since the runtime began.
    until: u64,
    /// Whether the slot is among the timers, as somebody else's waker is to be woken.
    filed: bool,
}

impl<R: Send + 'static> Wait<R> {
    fn begin<M: Send + 'static, T>(
        &mut self,
        to: &Address<M>,
        within: Duration,
        request: impl FnOnce(ReplyTo<R>) -> T,
        wrap: impl FnOnce(T) -> M,
        waker: &Waker,
    ) -> Poll<Result<R, CallError>> {
        if current::pid() == Some(to.pid()) {
            return Poll::Ready(Err(CallError::CallingSelf));
        }
        self.until = to.0.engine().deadline_after(within);
        match to.post_as(Waiter::Task(waker.clone()), request, wrap) {
            Ok(slot) => self.pause(to, slot, waker),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll<M: Send + 'static>(&mut self, to: &Address<M>, waker: &Waker) -> Poll<Result<R, CallError>> {
        // Polled again after its end, which no future need bear.
        let Some(slot) = self.slot.take() else { return Poll::Ready(Err(CallError::Timeout)) };
        let slot = match slot.claim(waker) {
            Ok(filled) => return Poll::Ready(to.outcome(filled)),
            Err(slot) => slot,
        };
        if current::is_patience_over(waker) {
            let late = to.0.engine().clock.nanos() >= self.until;
            // One that was given up while it handles the request will not reply, and its handle is not dropped.
            let gone = to.exit_reason().map(CallError::Down).or(late.then_some(CallError::Timeout));
            if let Some(error) = gone {
                let filled = slot.take(&mut Waiter::Nobody);
                slot.give_up();
                return Poll::Ready(filled.map_or(Err(error), |filled| to.outcome(filled)));
            }
        }
        self.pause(to, slot, waker)
    }

    fn pause<M: Send + 'static, T>(&mut self, to: &Address<M>, slot: Arc<Slot<R>>, waker: &Waker) -> Poll<T> {
        if !current::wake_by(waker, self.until) && !self.filed && self.until < current::NEVER {
            self.filed = true;
            to.0.engine().timers.file(Duration::from_nanos(self.until), Arc::clone(&slot) as Arc<dyn Due>);
        }
        self.slot = Some(slot);
        Poll::Pending
    }
}

impl<R> Drop for Wait<R> {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            slot.give_up();
        }
    }
}

/// A request that is under way: a future of its reply. Dropping it gives up the reply, not the request.
#[must_use = "the reply is the value of this future"]
pub struct Request<M: Send + 'static, R> {
    to: Address<M>,
    state: State<R>,
}

enum State<R> {
    Failed(CallError),
    Waiting(Arc<Slot<R>>),
    /// It has given its value.
    Done,
}

// Nothing in it is ever pinned.
impl<M: Send + 'static, R> Unpin for Request<M, R> {}

impl<M: Send + 'static, R: Send + 'static> Future for Request<M, R> {
    type Output = Result<R, CallError>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Waiting(slot) => match slot.take(&mut Waiter::Task(task.waker().clone())) {
                Some(filled) => self.to.outcome(filled),
                None => return Poll::Pending,
            },
            // Polled again after its end, which no future need bear.
            State::Done => Err(CallError::Timeout),
        };
        self.get_mut().state = State::Done;
        Poll::Ready(outcome)
    }
}

impl<M: Send + 'static, R> Drop for Request<M, R> {
    fn drop(&mut self) {
        if let State::Waiting(slot) = &self.state {
            slot.give_up();
        }
    }
}

impl<M: Send + 'static, R> fmt::Debug for Request<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request(to {})", self.to.pid())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Mailbox, Simulation, spawn};

    #[test]
    fn a_reply_comes_back_to_a_thread_and_to_a_future() {
        for seed in 0..50 {
            Simulation::new(seed).run(|_| {
                let echo = spawn(|mailbox: Mailbox<(u32, ReplyTo<u32>)>| async move {
                    loop {
                        let (n, reply) = mailbox.receive().await;
                        reply.send(n + 1);
                    }
                });
                assert_eq!(echo.call_with(CALL_TIMEOUT, |reply| (1, reply)), Ok(2), "seed {seed}");
                let (report, reports) = std::sync::mpsc::channel();
                let asker = spawn(move |_: Mailbox<()>| async move {
                    let _ = report.send(echo.request(CALL_TIMEOUT, |reply| (2, reply)).await);
                });
                let here = crate::ThreadProcess::<()>::start().unwrap();
                here.monitor(&asker);
                here.receive(None);
                assert_eq!(reports.recv(), Ok(Ok(3)), "seed {seed}");
            });
        }
    }

    #[test]
    fn g5_5_a_server_that_ends_fails_its_callers_at_once_with_its_reason() {
        Simulation::new(1).run(|simulation| {
            let server = spawn(|mailbox: Mailbox<ReplyTo<()>>| async move {
                let _reply = mailbox.receive().await;
                ExitReason::other("tired")
            });
            let outcome = server.call_with(CALL_TIMEOUT, |reply| reply);
            assert_eq!(outcome, Err(CallError::Down(ExitReason::other("tired"))));
            assert_eq!(simulation.now(), Duration::ZERO);
            assert_eq!(server.call_with(CALL_TIMEOUT, |reply| reply), Err(CallError::NoProc));
        });
    }

    #[test]
    fn g5_3_no_reply_in_time_is_a_timeout_and_the_late_reply_vanishes() {
        Simulation::new(1).run(|simulation| {
            let server = spawn(|mailbox: Mailbox<ReplyTo<u8>>| async move {
                let reply = mailbox.receive().await;
                mailbox.sleep(Duration::from_secs(9)).await;
                reply.send(1);
                mailbox.receive().await.send(2);
            });
            assert_eq!(server.call_with(CALL_TIMEOUT, |reply| reply), Err(CallError::Timeout));
            assert_eq!(simulation.now(), CALL_TIMEOUT);
            assert_eq!(server.call_with(CALL_TIMEOUT, |reply| reply), Ok(2));
        });
    }
}

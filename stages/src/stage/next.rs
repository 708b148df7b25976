//! What a callback asked to come after it: a continuation, a timeout, hibernation; and the wait that follows.

use std::time::Duration;

use genstage_core::sys::Event;
use genstage_core::{Timer, send_after};

use super::{Cx, Inner, Stage};
use crate::Outcome;
use crate::context::Context;
use crate::mail::{Command, StageMail};
use crate::role::Role;

/// `handle_timeout` of a stage.
pub(crate) type OnTimeout<S> = fn(&mut S, &mut Context<'_, S>) -> Outcome;

/// What comes after a callback. It belongs to that callback alone, but for `hibernate_after`.
pub(super) struct Next<S> {
    /// Whether there is anything here at all: most stages never ask for any of it.
    pub(super) any: bool,
    pub(super) message: Option<Box<dyn Command<S>>>,
    pub(super) timeout: Option<(Duration, OnTimeout<S>)>,
    pub(super) hibernate: bool,
    pub(super) hibernate_after: Option<Duration>,
    /// Counts the waits, so that the timer of an earlier one says nothing.
    number: u64,
    wait: Option<(Timer, Then<S>)>,
}

/// What happens when the wait is over.
enum Then<S> {
    Timeout(OnTimeout<S>),
    Hibernate,
}

impl<S> Next<S> {
    pub(super) fn new() -> Self {
        Self {
            any: false,
            message: None,
            timeout: None,
            hibernate: false,
            hibernate_after: None,
            number: 0,
            wait: None,
        }
    }

    /// What `init` asked for holds unless the subscriptions that the stage starts with asked for something themselves; what it
    /// continues with is never lost.
    pub(super) fn or(&mut self, first: Self) {
        if !self.any {
            *self = first;
        } else if self.message.is_none() {
            self.message = first.message;
        }
    }

    /// A callback begins: the wait is over, and what an earlier one asked for does not hold any more.
    #[cold]
    fn begin(&mut self) {
        if let Some((timer, _)) = self.wait.take() {
            timer.cancel();
            self.number += 1;
        }
        self.timeout = None;
        self.hibernate = false;
        self.any = self.message.is_some() || self.hibernate_after.is_some();
    }
}

impl<R: Role> Stage<R> {
    /// A callback begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        if self.wiring.next.any {
            self.wiring.next.begin();
        }
    }

    /// What comes after a callback: first what it continues with, then the wait.
    #[inline]
    pub(super) fn go_on(&mut self, outcome: Outcome, cx: &mut Cx<'_, R>) -> Outcome {
        if self.wiring.next.any { self.go_on_with(outcome, cx) } else { outcome }
    }

    #[cold]
    fn go_on_with(&mut self, mut outcome: Outcome, cx: &mut Cx<'_, R>) -> Outcome {
        while outcome == Outcome::Continue && !cx.is_doomed() {
            let Some(mut message) = self.wiring.next.message.take() else {
                self.wait(cx);
                break;
            };
            self.wiring.current = None;
            self.begin();
            self.say(|| Some(message.event()));
            let mut inside = Inner { wiring: &mut self.wiring, own: cx };
            outcome = message.run(&mut self.user, &mut Context::new(&mut inside));
            self.dispatch(cx);
        }
        outcome
    }

    /// After `init`, while the starter waits: what it continues with runs in the first turn, before anything that waits then.
    pub(super) fn wait_first(&mut self, cx: &Cx<'_, R>) {
        if self.wiring.next.message.is_some() {
            let _ = cx.me().send(StageMail::Wake);
        } else if self.wiring.next.any {
            self.wait(cx);
        }
    }

    /// What `init` continues with.
    #[inline]
    pub(super) fn catch_up(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        if self.wiring.next.any && self.wiring.next.message.is_some() {
            return self.go_on_with(Outcome::Continue, cx);
        }
        Outcome::Continue
    }

    fn wait(&mut self, cx: &Cx<'_, R>) {
        let next = &mut self.wiring.next;
        let (time, then) = match (next.timeout, next.hibernate, next.hibernate_after) {
            (Some((time, handle)), ..) => (time, Then::Timeout(handle)),
            (None, true, _) => return cx.hibernate(),
            (None, false, Some(time)) => (time, Then::Hibernate),
            (None, false, None) => return,
        };
        // A batch may follow another without a word: the wait of the one before is over.
        if let Some((timer, _)) = next.wait.take() {
            timer.cancel();
        }
        next.number += 1;
        next.wait = Some((send_after(cx.me(), StageMail::Idle(next.number), time), then));
    }

    /// The time to wait begins anew.
    pub(super) fn rearm(&mut self, cx: &Cx<'_, R>) {
        if self.wiring.next.wait.is_some() {
            self.wait(cx);
        }
    }

    /// No callback has run since the timer was set.
    pub(super) fn on_idle(&mut self, number: u64, cx: &mut Cx<'_, R>) -> Outcome {
        let suspended = self.is_suspended();
        let next = &mut self.wiring.next;
        if number != next.number || suspended {
            return Outcome::Continue;
        }
        match next.wait.take() {
            None => Outcome::Continue,
            Some((_, Then::Hibernate)) => {
                cx.hibernate();
                Outcome::Continue
            }
            Some((_, Then::Timeout(handle))) => {
                self.wiring.current = None;
                self.say(|| Some(Event::Timeout));
                let outcome = self.callback(cx, handle);
                match self.after(outcome, cx) {
                    Outcome::Continue => self.refill(cx),
                    stop @ Outcome::Stop(_) => stop,
                }
            }
        }
    }
}

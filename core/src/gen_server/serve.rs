//! The loop of a server: which callback for which mail, and what comes after it.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::call::Request;
use super::context::Next;
use super::{Context, GenServer};
use crate::process::{Process, ProcessContext};
use crate::sys::{Event, Watchers};
use crate::timer::Timer;
use crate::{ExitReason, Init, Outcome, Signal, send_after};

/// What is in a server's inbox. Nobody but the server looks into it.
pub struct ServerMail<S: GenServer>(pub(crate) Order<S>);

pub(crate) enum Order<S: GenServer> {
    /// A message that wants no reply.
    Cast(S::Message),
    /// A request.
    Call(Box<dyn Request<S>>),
    /// A message that is made here, as making it is the user's code.
    Later(Box<dyn FnOnce() -> S::Message + Send>),
    /// The server has idled since the timer with this number was set.
    Idle(u64),
    /// Something is left to continue with.
    Wake,
    /// Stop.
    Stop(ExitReason),
    /// A sys request; also handled while suspended.
    System(System<S>),
}

type System<S> = Box<dyn FnOnce(&mut Serve<S>, &Cx<'_, S>) + Send>;

pub(crate) type Cx<'a, S> = ProcessContext<'a, ServerMail<S>>;

/// Mail that must wait while the server is suspended.
enum Held<S: GenServer> {
    Mail(Order<S>),
    Signal(Signal),
}

/// A server as a process.
pub(crate) struct Serve<S: GenServer> {
    pub(crate) server: S,
    next: Next<S::Message>,
    /// The request that is being handled. It is dropped after the reason of an end is known, so that its caller hears of that.
    current: Option<Box<dyn Request<S>>>,
    idle: Idle,
    pub(crate) watchers: Watchers,
    /// What came while suspended, in its order.
    held: VecDeque<Held<S>>,
    suspended: bool,
}

/// The wait for the next message.
#[derive(Default)]
struct Idle {
    /// Counts the waits, so that the timer of an earlier one says nothing.
    number: u64,
    wait: Option<Wait>,
}

struct Wait {
    then: Then,
    time: Duration,
    timer: Timer,
}

/// What happens when it is over.
#[derive(Clone, Copy)]
enum Then {
    Timeout,
    Hibernate,
}

impl<S: GenServer> Serve<S> {
    pub(crate) fn new(server: S) -> Self {
        Self {
            server,
            next: Next::default(),
            current: None,
            idle: Idle::default(),
            watchers: Watchers::default(),
            held: VecDeque::new(),
            suspended: false,
        }
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    pub(crate) fn suspend(&mut self) {
        self.suspended = true;
    }

    pub(crate) fn resume(&mut self, cx: &Cx<'_, S>) {
        self.suspended = false;
        if !self.held.is_empty() {
            let _ = cx.me().send(ServerMail(Order::Wake));
        }
    }

    /// What must be handled before anything else: what `init` continues with, and what was held.
    fn catch_up(&mut self, cx: &mut Cx<'_, S>) -> Outcome {
        if self.next.message.is_some() {
            let outcome = self.after(Outcome::Continue, cx);
            if outcome != Outcome::Continue {
                return outcome;
            }
        }
        while !self.suspended && !cx.is_doomed() {
            let Some(held) = self.held.pop_front() else { break };
            let outcome = match held {
                Held::Mail(order) => self.deal_with(order, cx),
                Held::Signal(signal) => self.hear(signal, cx),
            };
            if outcome != Outcome::Continue {
                return outcome;
            }
        }
        Outcome::Continue
    }

    fn deal_with(&mut self, order: Order<S>, cx: &mut Cx<'_, S>) -> Outcome {
        self.begin();
        let outcome = match order {
            Order::Cast(message) => self.take(message, cx),
            Order::Later(make) => self.take(make(), cx),
            Order::Call(request) => self.answer(request, cx),
            // The rest is not for the user.
            _ => Outcome::Continue,
        };
        self.after(outcome, cx)
    }

    fn take(&mut self, message: S::Message, cx: &mut Cx<'_, S>) -> Outcome {
        self.watchers.say(|| Event::Cast(std::any::type_name::<S::Message>()));
        self.callback(cx, |server, cx| server.handle_cast(message, cx))
    }

    fn answer(&mut self, request: Box<dyn Request<S>>, cx: &mut Cx<'_, S>) -> Outcome {
        self.watchers.say(|| Event::Call { request: request.name(), from: request.caller() });
        let request = self.current.insert(request);
        let mut context = Context { process: cx.reborrow(), next: &mut self.next };
        let outcome = request.run(&mut self.server, &mut context);
        if request.replied() {
            self.watchers.say(|| Event::Reply { request: request.name(), to: request.caller() });
        }
        // The request of one that is bound to end stays, until its reason is known.
        if outcome == Outcome::Continue && !cx.is_doomed() {
            self.current = None;
        }
        outcome
    }

    fn hear(&mut self, signal: Signal, cx: &mut Cx<'_, S>) -> Outcome {
        self.begin();
        self.watchers.say(|| Event::Signal(signal.clone()));
        let outcome = self.callback(cx, |server, cx| server.handle_signal(signal, cx));
        self.after(outcome, cx)
    }

    /// A callback begins: the wait is over, and what it asked for does not hold any more (G4.1, G4.2).
    #[inline]
    fn begin(&mut self) {
        if self.idle.wait.is_some() || !self.next.is_plain() {
            self.begin_anew();
        }
    }

    fn begin_anew(&mut self) {
        if let Some(wait) = self.idle.wait.take() {
            wait.timer.cancel();
            self.idle.number += 1;
        }
        self.next.timeout = None;
        self.next.hibernate = false;
    }

    fn callback(
        &mut self,
        cx: &mut Cx<'_, S>,
        callback: impl FnOnce(&mut S, &mut Context<'_, S>) -> Outcome,
    ) -> Outcome {
        callback(&mut self.server, &mut Context { process: cx.reborrow(), next: &mut self.next })
    }

    /// What comes after a callback: first what it continues with, then the wait.
    #[inline]
    fn after(&mut self, outcome: Outcome, cx: &mut Cx<'_, S>) -> Outcome {
        if self.next.is_plain() { outcome } else { self.go_on(outcome, cx) }
    }

    fn go_on(&mut self, mut outcome: Outcome, cx: &mut Cx<'_, S>) -> Outcome {
        while outcome == Outcome::Continue && !cx.is_doomed() {
            let Some(message) = self.next.message.take() else {
                self.wait(cx);
                break;
            };
            self.begin();
            self.watchers.say(|| Event::Continue(std::any::type_name::<S::Message>()));
            outcome = self.callback(cx, |server, cx| server.handle_continue(message, cx));
        }
        outcome
    }

    fn wait(&mut self, cx: &Cx<'_, S>) {
        if let Some(time) = self.next.timeout {
            self.arm(Then::Timeout, time, cx);
        } else if self.next.hibernate {
            self.hibernate(cx);
        } else if let Some(time) = self.next.hibernate_after {
            self.arm(Then::Hibernate, time, cx);
        }
    }

    #[cold]
    fn arm(&mut self, then: Then, time: Duration, cx: &Cx<'_, S>) {
        let timer = send_after(cx.me(), ServerMail(Order::Idle(self.idle.number)), time);
        self.idle.wait = Some(Wait { then, time, timer });
    }

    /// A sys request came in between: the whole time begins anew (G4.5).
    fn rearm(&mut self, cx: &Cx<'_, S>) {
        if let Some(wait) = self.idle.wait.take() {
            wait.timer.cancel();
            self.idle.number += 1;
            self.arm(wait.then, wait.time, cx);
        }
    }

    #[cold]
    fn hibernate(&mut self, cx: &Cx<'_, S>) {
        self.held.shrink_to_fit();
        cx.hibernate();
    }

    fn idled(&mut self, number: u64, cx: &mut Cx<'_, S>) -> Outcome {
        if number != self.idle.number || self.suspended {
            return Outcome::Continue;
        }
        let Some(wait) = self.idle.wait.take() else { return Outcome::Continue };
        self.idle.number += 1;
        match wait.then {
            Then::Hibernate => {
                self.hibernate(cx);
                Outcome::Continue
            }
            Then::Timeout => {
                self.begin();
                self.watchers.say(|| Event::Timeout);
                let outcome = self.callback(cx, GenServer::handle_timeout);
                self.after(outcome, cx)
            }
        }
    }
}

impl<S: GenServer> Process for Serve<S> {
    type Message = ServerMail<S>;

    fn message_type(ServerMail(order): &ServerMail<S>) -> &'static str {
        match order {
            Order::Call(request) => request.name(),
            _ => std::any::type_name::<S::Message>(),
        }
    }

    fn behaviour() -> &'static str {
        std::any::type_name::<S>()
    }

    fn init(&mut self, cx: &mut Cx<'_, S>) -> Init {
        let mut context = Context { process: cx.reborrow(), next: &mut self.next };
        let outcome = self.server.init(&mut context);
        if outcome == Init::Continue {
            if self.next.message.is_some() {
                // It runs in the first slice, before anything that waits then: the starter does not wait for it (G3.2).
                let _ = cx.me().send(ServerMail(Order::Wake));
            } else {
                self.wait(cx);
            }
        }
        outcome
    }

    #[inline]
    fn handle(&mut self, ServerMail(order): ServerMail<S>, cx: &mut Cx<'_, S>) -> Outcome {
        if self.next.message.is_some() || !self.held.is_empty() {
            let outcome = self.catch_up(cx);
            if outcome != Outcome::Continue {
                return outcome;
            }
        }
        match order {
            Order::System(request) => {
                request(self, cx);
                self.rearm(cx);
                Outcome::Continue
            }
            Order::Stop(reason) => Outcome::Stop(reason),
            Order::Idle(number) => self.idled(number, cx),
            Order::Wake => Outcome::Continue,
            order if self.suspended => {
                self.held.push_back(Held::Mail(order));
                Outcome::Continue
            }
            order => self.deal_with(order, cx),
        }
    }

    fn handle_signal(&mut self, signal: Signal, cx: &mut Cx<'_, S>) -> Outcome {
        let outcome = self.catch_up(cx);
        if outcome != Outcome::Continue {
            return outcome;
        }
        if self.suspended {
            self.held.push_back(Held::Signal(signal));
            return Outcome::Continue;
        }
        self.hear(signal, cx)
    }

    fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<'_, S>) {
        // The reply goes out after `terminate`, also if that panics (G6.8).
        let _reply = Finish(self.current.as_mut());
        let mut context = Context { process: cx.reborrow(), next: &mut self.next };
        self.server.terminate(reason, &mut context);
    }
}

/// Sends the reply that was kept back, at the latest moment.
struct Finish<'a, S: GenServer>(Option<&'a mut Box<dyn Request<S>>>);

impl<S: GenServer> Drop for Finish<'_, S> {
    fn drop(&mut self) {
        if let Some(request) = &mut self.0 {
            request.finish();
        }
    }
}

impl<S: GenServer> fmt::Debug for ServerMail<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Order::Cast(_) | Order::Later(_) => "a cast",
            Order::Call(_) => "a call",
            Order::Idle(_) | Order::Wake => "a note to itself",
            Order::Stop(_) => "a stop",
            Order::System(_) => "a sys request",
        })
    }
}

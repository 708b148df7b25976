//! The stage: a thin loop around pure parts. It takes one message, lets a pure part or a callback decide, and acts.
//!
//! 1. `mod` — the loop: which message goes where
//! 2. `upstream` — its subscriptions to producers: events, demand, the queue of a `producer_consumer`
//! 3. `downstream` — the subscriptions of its consumers: asks, deliveries, demand on the producer
//! 4. `report` — its numbers, and its part in a drain
//! 5. `inside` — what callbacks reach through their context
//! 6. `next` — what comes after a callback: continuations, timeouts, hibernation
//! 7. `sys` — looking into it, watching it, suspending it

mod downstream;
mod inside;
mod next;
mod report;
mod sys;
pub(crate) mod table;
mod upstream;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genstage_core::{
    ChildId, ChildSpec, Exit, ExitReason, Init, Name, Pid, Process, ProcessContext as Core, Signal, StartError,
    StartOptions,
};
use genstage_dispatchers::Batch;

use crate::book::Book;
use crate::context::Context;
use crate::emit::Emit;
use crate::handle::StageRef;
use crate::mail::{Command, StageMail, SubscribeTo, Subscriber};
use crate::meter::{Kind, Lack, Meter};
use crate::options::DemandMode;
use crate::outlet::Outlet;
use crate::role::Role;
use crate::snapshot::StageKind;
use crate::{Outcome, StageOptions, by_name, log};
use downstream::Downstream;
use inside::Inner;
use next::Next;
pub(crate) use next::OnTimeout;
pub(crate) use sys::Look;
pub use sys::StageStatus;
use sys::Sys;
use table::Table;
pub(crate) use upstream::ends_consumer;
use upstream::{Queued, Upstream};

/// What the loop's steps need of the process they run in.
type Cx<'a, R> = Core<'a, StageMail<R>>;

/// A stage as a process.
pub(crate) struct Stage<R: Role> {
    user: R::Stage,
    out: Emit<R::Out>,
    wiring: Wiring<R>,
    /// The command at hand. If it ends the stage, its caller is answered after `terminate`, or, without a reply, when the stage
    /// is dead and the reason known: so it stays here until then.
    command: Option<Box<dyn Command<R::Stage>>>,
    /// The same for whoever told the stage to subscribe.
    subscriber: Option<Subscriber>,
    /// The subscriptions to start with.
    subscribe_to: Vec<SubscribeTo<R::In>>,
    name: Option<Name>,
    sys: Option<Box<Sys<R>>>,
}

/// All of a stage but the user's part.
pub(crate) struct Wiring<R: Role> {
    outlet: Outlet<R::Out, Box<dyn Command<R::Stage>>>,
    consumers: Table<Downstream<R::Out>>,
    producers: Table<Upstream<R::In>>,
    /// Input that waits for downstream (section 12).
    queue: std::collections::VecDeque<Queued<R>>,
    /// For the pieces that a message is cut into.
    piece: Batch<R::In>,
    /// What `Context::out` gave, to be emitted after the callback.
    extra: Emit<R::Out>,
    /// The subscription that the current callback is about.
    current: Option<genstage_dispatchers::SubscriptionId>,
    next: Next<R::Stage>,
    book: Arc<Book>,
    meter: Meter,
    /// Its producer is asked for nothing more.
    on_hold: bool,
    /// Whether `handle_drain` has run.
    asked_to_drain: bool,
    /// In a drain it does not wait for the ends of its producers, as these wait for its own.
    cut: bool,
    /// Who drains this stage; somebody does unless it is empty.
    drain: Vec<genstage_core::Address<crate::snapshot::StageSnapshot>>,
    /// Who drains a producer of this stage's, and has not said yet whether this one is drained as well.
    perhaps: Vec<genstage_core::Address<crate::snapshot::StageSnapshot>>,
}

pub(crate) fn start<R: Role>(
    stage: R::Stage,
    mut options: StageOptions<R>,
    link: bool,
) -> Result<StageRef<R>, StartError> {
    for subscription in &options.subscribe_to {
        // Nothing has begun: there is nothing to take back (Q17).
        subscription.options.check().map_err(|error| StartError::Init(ExitReason::other(error)))?;
    }
    if R::EMITS {
        by_name::enlist::<R>();
    }
    let mut start = StartOptions::new();
    if link {
        start = start.link();
    }
    if let Some(name) = &options.name {
        start = start.name(name.clone());
    }
    let accumulate = options.demand == DemandMode::Accumulate;
    let stage = Stage {
        user: stage,
        out: Emit::new(),
        wiring: Wiring {
            outlet: Outlet::new(options.take_dispatcher(), options.capacity(), options.keep(), accumulate),
            consumers: Table::new(),
            producers: Table::new(),
            queue: std::collections::VecDeque::new(),
            piece: Batch::new(),
            extra: Emit::new(),
            current: None,
            next: Next::new(),
            book: Arc::new(Book::new(StageKind::of::<R>(), options.name.as_ref().map(ToString::to_string))),
            meter: Meter::new(if R::EMITS { Lack::Demand } else { Lack::Events }),
            on_hold: false,
            asked_to_drain: false,
            cut: false,
            drain: Vec::new(),
            perhaps: Vec::new(),
        },
        command: None,
        subscriber: None,
        subscribe_to: std::mem::take(&mut options.subscribe_to),
        name: options.name.take(),
        sys: None,
    };
    genstage_core::start(stage, start).map(StageRef::one)
}

/// A stage as a supervisor starts it, each time as a copy of the first state.
pub(crate) fn child_spec<R: Role<Stage: Clone>>(
    stage: R::Stage,
    options: impl Fn() -> StageOptions<R> + Send + Sync + 'static,
) -> ChildSpec<StageRef<R>> {
    let id = options().name.map_or_else(ChildId::of_type::<R::Stage>, |name| name.to_string().into());
    let first = Mutex::new(stage);
    ChildSpec::new(id, move || {
        // A clone that panicked leaves the state as it was.
        let copy = first.lock().unwrap_or_else(PoisonError::into_inner).clone();
        start(copy, options(), true)
    })
}

impl<R: Role> Process for Stage<R> {
    type Message = StageMail<R>;

    fn init(&mut self, cx: &mut Cx<'_, R>) -> Init {
        cx.show(&self.wiring.book);
        self.wiring.meter.begin(nanos(cx));
        cx.note_runnable(1);
        // Random choices differ between stages and are the same in every run of a simulation.
        let mut seed = DefaultHasher::new();
        cx.pid().hash(&mut seed);
        self.wiring.outlet.init(seed.finish());
        let mut init = self.callback(cx, R::init);
        self.dispatch(cx);
        let asked = std::mem::replace(&mut self.wiring.next, Next::new());
        // As ordinary subscriptions, in their order (section 3).
        for subscribe in std::mem::take(&mut self.subscribe_to) {
            if init == Init::Continue {
                init = self.on_subscribe_to(subscribe, cx).into();
            }
        }
        self.wiring.next.or(asked);
        if init == Init::Continue {
            self.wait_first(cx);
        }
        init
    }

    #[inline]
    fn handle(&mut self, mail: StageMail<R>, cx: &mut Cx<'_, R>) -> Outcome {
        if self.sys.is_some() {
            return self.handle_watched(mail, cx);
        }
        self.turn(mail, cx)
    }

    fn handle_signal(&mut self, signal: Signal, cx: &mut Cx<'_, R>) -> Outcome {
        if self.sys.is_some() {
            return self.hear_watched(signal, cx);
        }
        self.hear(signal, cx)
    }

    fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<'_, R>) {
        self.tell_last(cx);
        self.wiring.current = None;
        let mut inside = Inner { wiring: &mut self.wiring, own: cx };
        R::terminate(&mut self.user, reason, &mut Context::new(&mut inside));
        // A panic may have come between a reply and the events that belong before it.
        if let (Some(command), false) = (&mut self.command, matches!(reason, ExitReason::Panic(_))) {
            command.finish();
        }
    }
}

impl<R: Role> Stage<R> {
    /// One message.
    #[expect(clippy::inline_always, reason = "a message would be copied once more")]
    #[inline(always)]
    fn turn(&mut self, mail: StageMail<R>, cx: &mut Cx<'_, R>) -> Outcome {
        let kind = match mail {
            StageMail::Events(..) => Kind::Events,
            StageMail::Ask(..) => Kind::Ask,
            _ => Kind::Other,
        };
        let from = self.time(kind, cx);
        let outcome = self.take(mail, cx);
        if let Some(from) = from {
            self.wiring.meter.timed(kind, from, nanos(cx));
        }
        self.settle(cx);
        if self.is_drained() && matches!(outcome, Outcome::Continue) {
            return self.drained(cx);
        }
        outcome
    }

    /// A turn begins. When, if it is to be timed.
    #[inline]
    fn time(&mut self, kind: Kind, cx: &Cx<'_, R>) -> Option<u64> {
        #[cfg(test)]
        clock_reads::count_slice(cx.begins_slice());
        let meter = &mut self.wiring.meter;
        let known = meter.known(cx.begins_slice());
        let since = cx.runnable_since();
        let timed = meter.turn(kind, since.is_some());
        if !timed && since.is_none() {
            return None;
        }
        let now = known.unwrap_or_else(|| nanos(cx));
        if let Some(since) = since {
            // Whoever woke it has looked at the clock for it.
            #[cfg(test)]
            clock_reads::count(cx.pid());
            cx.note_runnable(self.wiring.meter.waited(in_nanos(since), now));
        }
        timed.then_some(now)
    }

    /// One signal.
    fn hear(&mut self, signal: Signal, cx: &mut Cx<'_, R>) -> Outcome {
        let from = self.time(Kind::Signal, cx);
        let outcome = self.take_signal(signal, cx);
        if let Some(from) = from {
            self.wiring.meter.timed(Kind::Signal, from, nanos(cx));
        }
        self.settle(cx);
        if self.is_drained() && matches!(outcome, Outcome::Continue) {
            return self.drained(cx);
        }
        outcome
    }

    /// Has few callers, and moves the mail no further.
    #[expect(clippy::inline_always, reason = "a message would be copied once more")]
    #[inline(always)]
    fn take(&mut self, mail: StageMail<R>, cx: &mut Cx<'_, R>) -> Outcome {
        if let stop @ Outcome::Stop(_) = self.catch_up(cx) {
            return stop;
        }
        match mail {
            StageMail::Events(id, batch) => self.on_events(id, batch, cx),
            StageMail::Ask(id, count, buffer) => self.on_ask(id, count, buffer, cx),
            StageMail::Command(command) => self.on_command(command, cx),
            StageMail::Cancelled(id, reason) => self.on_cancelled(id, reason, cx),
            StageMail::Subscribe(subscribe) => self.on_subscribe(*subscribe, cx),
            StageMail::Cancel(id, reason) => self.on_cancel(id, reason, cx),
            StageMail::SubscribeTo(subscribe) => self.on_subscribe_to(*subscribe, cx),
            StageMail::Info(info, queued) => {
                let outcome = self.on_info(info, cx);
                if let Some(queued) = queued {
                    queued.send(());
                }
                outcome
            }
            StageMail::Demand(mode) => self.on_demand_mode(mode, cx),
            StageMail::Buffered(reply) => {
                reply.send(self.wiring.outlet.buffered());
                Outcome::Continue
            }
            StageMail::Mode(reply) => {
                reply.send(self.wiring.outlet.mode());
                Outcome::Continue
            }
            StageMail::Stop(reason) => Outcome::Stop(reason),
            StageMail::Pull => self.supply(cx),
            StageMail::Idle(number) => self.on_idle(number, cx),
            StageMail::Wake => Outcome::Continue,
            StageMail::Report(reply) => {
                reply.send(self.snapshot(cx));
                Outcome::Continue
            }
            StageMail::Tell(to) => {
                let _ = to.send(self.snapshot(cx));
                Outcome::Continue
            }
            StageMail::Drain(drain) => self.on_drain(drain, cx),
            StageMail::System(look) => {
                self.on_system(look, cx);
                Outcome::Continue
            }
        }
    }

    fn take_signal(&mut self, signal: Signal, cx: &mut Cx<'_, R>) -> Outcome {
        if let stop @ Outcome::Stop(_) = self.catch_up(cx) {
            return stop;
        }
        let signal = match signal {
            Signal::Down(down) => match self.on_down(down, cx) {
                Ok(outcome) => return outcome,
                Err(down) => Signal::Down(down),
            },
            signal => signal,
        };
        self.wiring.current = None;
        let outcome = self.callback(cx, |stage, cx| R::signal(stage, signal, cx));
        match self.after(outcome, cx) {
            Outcome::Continue => self.refill(cx),
            stop @ Outcome::Stop(_) => stop,
        }
    }

    /// After the last turn of a slice: what it waits for now. What it lacks between two turns it lacks for no time.
    #[inline]
    fn settle(&mut self, cx: &Cx<'_, R>) {
        if cx.has_mail() {
            return;
        }
        let lack = self.wiring.lack();
        if self.wiring.meter.changes(lack) {
            let now = self.wiring.meter.end().unwrap_or_else(|| nanos(cx));
            self.wiring.meter.settle(lack, now);
        }
    }

    /// Runs a callback that emits through its context, if at all.
    fn callback<T>(
        &mut self,
        cx: &mut Cx<'_, R>,
        callback: impl FnOnce(&mut R::Stage, &mut Context<'_, R::Stage>) -> T,
    ) -> T {
        self.begin();
        let mut inside = Inner { wiring: &mut self.wiring, own: cx };
        callback(&mut self.user, &mut Context::new(&mut inside))
    }

    /// After a callback: dispatches what it emitted, also when it wants to stop; then what it continues with, or the wait.
    #[inline]
    fn after(&mut self, outcome: Outcome, cx: &mut Cx<'_, R>) -> Outcome {
        self.dispatch(cx);
        self.go_on(outcome, cx)
    }

    fn on_command(&mut self, command: Box<dyn Command<R::Stage>>, cx: &mut Cx<'_, R>) -> Outcome {
        self.wiring.current = None;
        self.begin();
        let mut inside = Inner { wiring: &mut self.wiring, own: cx };
        let outcome = self.command.insert(command).run(&mut self.user, &mut Context::new(&mut inside));
        self.dispatch(cx);
        if self.sys.is_some() {
            let replied = self.command.as_ref().and_then(|command| command.replied());
            self.say(|| replied);
        }
        if outcome != Outcome::Continue {
            return outcome;
        }
        if let Some(mut command) = self.command.take() {
            command.finish();
        }
        match self.go_on(outcome, cx) {
            Outcome::Continue => self.refill(cx),
            stop @ Outcome::Stop(_) => stop,
        }
    }

    /// An info takes its place (section 11): behind the input that waits, behind what is buffered, behind what the dispatcher
    /// holds, at the end of the own inbox.
    fn on_info(&mut self, info: Box<dyn Command<R::Stage>>, cx: &mut Cx<'_, R>) -> Outcome {
        if !R::EMITS {
            let _ = cx.me().send(StageMail::Command(info));
        } else if self.wiring.queue.is_empty() {
            self.wiring.outlet.info(info);
            self.flush(cx);
        } else {
            self.wiring.queue.push_back(Queued::Info(info));
        }
        Outcome::Continue
    }

    fn describe(&self, cx: &Cx<'_, R>) -> String {
        match &self.name {
            Some(name) => format!("{} {} ({name})", R::KIND, cx.pid()),
            None => format!("{} {}", R::KIND, cx.pid()),
        }
    }
}

/// The time, in nanoseconds: enough for 584 years, and cheaper to add up than a `Duration`.
fn nanos<R: Role>(cx: &Cx<'_, R>) -> u64 {
    #[cfg(test)]
    clock_reads::count(cx.pid());
    in_nanos(cx.now())
}

fn in_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod clock_reads;

pub(crate) fn log_signal(kind: &str, stage: Pid, signal: &Signal) {
    match signal {
        Signal::Exit(Exit { from, reason }) => {
            log::warn!("{kind} {stage}: unexpected exit of {from}: {reason}");
        }
        other => log::warn!("{kind} {stage}: unexpected {other:?}"),
    }
}

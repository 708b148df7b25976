//! A stage that is looked into, watched or suspended: see [`genstage_core::sys`]. Most never are, and pay one look at a message.

use std::collections::VecDeque;
use std::time::Duration;

use genstage_core::sys::{Event, Inspected, Target, Watchers};
use genstage_core::{CALL_TIMEOUT, CallError, Pid, Signal};

use super::{Cx, Stage};
use crate::Outcome;
use crate::buffer::Capacity;
use crate::drain::DrainMail;
use crate::handle::StageRef;
use crate::mail::StageMail;
use crate::options::DemandMode;
use crate::role::Role;
use crate::snapshot::StageSnapshot;

/// To a stage: run this between two callbacks.
pub(crate) type Look<R> = Box<dyn FnOnce(&mut Inside<'_, '_, R>) + Send>;

/// There is one only while somebody watches, or has suspended, the stage.
pub(crate) struct Sys<R: Role> {
    pub(super) watchers: Watchers,
    suspended: bool,
    /// What came while suspended, in its order.
    held: VecDeque<Held<R>>,
}

enum Held<R: Role> {
    Mail(StageMail<R>),
    Signal(Signal),
}

impl<R: Role> Default for Sys<R> {
    fn default() -> Self {
        Self { watchers: Watchers::default(), suspended: false, held: VecDeque::new() }
    }
}

impl<R: Role> Sys<R> {
    fn is_needed(&self) -> bool {
        self.suspended || !self.held.is_empty() || !self.watchers.is_empty()
    }
}

/// What a suspended stage does all the same: it answers who looks into it, stops, and passes over its own notes.
fn is_urgent<R: Role>(mail: &StageMail<R>) -> bool {
    matches!(
        mail,
        StageMail::System(_)
            | StageMail::Stop(_)
            | StageMail::Report(_)
            | StageMail::Tell(_)
            | StageMail::Drain(DrainMail::Stop)
            | StageMail::Idle(_)
            | StageMail::Wake
    )
}

impl<R: Role> Stage<R> {
    #[cold]
    #[inline(never)]
    pub(super) fn handle_watched(&mut self, mail: StageMail<R>, cx: &mut Cx<'_, R>) -> Outcome {
        if let stop @ Outcome::Stop(_) = self.let_go_held(cx) {
            return stop;
        }
        if self.is_suspended() && !is_urgent(&mail) {
            return self.hold(Held::Mail(mail), cx);
        }
        self.say(|| describe(&mail));
        self.turn(mail, cx)
    }

    #[cold]
    pub(super) fn hear_watched(&mut self, signal: Signal, cx: &mut Cx<'_, R>) -> Outcome {
        if let stop @ Outcome::Stop(_) = self.let_go_held(cx) {
            return stop;
        }
        if self.is_suspended() {
            return self.hold(Held::Signal(signal), cx);
        }
        self.say(|| Some(Event::Signal(signal.clone())));
        self.hear(signal, cx)
    }

    /// What was held while the stage was suspended is handled before anything that came later.
    fn let_go_held(&mut self, cx: &mut Cx<'_, R>) -> Outcome {
        while !cx.is_doomed()
            && let Some(sys) = self.sys.as_mut().filter(|sys| !sys.suspended)
            && let Some(held) = sys.held.pop_front()
        {
            let outcome = match held {
                Held::Mail(mail) => {
                    self.say(|| describe(&mail));
                    self.turn(mail, cx)
                }
                Held::Signal(signal) => {
                    self.say(|| Some(Event::Signal(signal.clone())));
                    self.hear(signal, cx)
                }
            };
            if outcome != Outcome::Continue {
                return outcome;
            }
        }
        self.sys.take_if(|sys| !sys.is_needed());
        Outcome::Continue
    }

    fn hold(&mut self, held: Held<R>, cx: &Cx<'_, R>) -> Outcome {
        self.sys.get_or_insert_default().held.push_back(held);
        // It may be the last of the slice.
        self.settle(cx);
        Outcome::Continue
    }

    /// Tells those who watch.
    #[inline]
    pub(super) fn say(&mut self, event: impl FnOnce() -> Option<Event>) {
        if let Some(sys) = &mut self.sys
            && !sys.watchers.is_empty()
            && let Some(event) = event()
        {
            sys.watchers.say(|| event);
        }
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.sys.as_ref().is_some_and(|sys| sys.suspended)
    }

    /// Messages that wait because the stage is suspended.
    pub(super) fn held(&self) -> usize {
        self.sys.as_ref().map_or(0, |sys| sys.held.len())
    }

    pub(super) fn on_system(&mut self, look: Look<R>, cx: &mut Cx<'_, R>) {
        look(&mut Inside { stage: self, cx });
        self.sys.take_if(|sys| !sys.is_needed());
        // The whole time begins anew, as in servers.
        self.rearm(cx);
    }
}

/// What a message says, to those who watch. `None`: nothing that concerns them, or not yet.
fn describe<R: Role>(mail: &StageMail<R>) -> Option<Event> {
    let text = match mail {
        StageMail::Command(command) => return Some(command.event()),
        StageMail::Events(id, batch) => format!("{} events on subscription {id}", batch.len()),
        StageMail::Ask(id, count, _) => format!("an ask for {count} on subscription {id}"),
        StageMail::Subscribe(subscribe) => {
            format!("subscription {} of {}", subscribe.tie.id, subscribe.consumer.peer().pid())
        }
        StageMail::Cancel(id, reason) => format!("a cancel of subscription {id}: {reason}"),
        StageMail::Cancelled(id, reason) => format!("the end of subscription {id}: {reason}"),
        StageMail::SubscribeTo(order) => format!("an order to subscribe to {}", order.producer.peer().pid()),
        StageMail::Demand(mode) => format!("demand mode {mode:?}"),
        StageMail::Drain(DrainMail::Begin(_)) => "a drain".to_owned(),
        StageMail::Info(..)
        | StageMail::Mode(_)
        | StageMail::Stop(_)
        | StageMail::Buffered(_)
        | StageMail::Report(_)
        | StageMail::Tell(_)
        | StageMail::Drain(_)
        | StageMail::Pull
        | StageMail::Idle(_)
        | StageMail::Wake
        | StageMail::System(_) => return None,
    };
    Some(Event::Protocol(text))
}

/// A stage, seen from its loop.
pub(crate) struct Inside<'a, 'b, R: Role> {
    stage: &'a mut Stage<R>,
    cx: &'a Cx<'b, R>,
}

impl<R: Role> Inspected for Inside<'_, '_, R> {
    type State = R::Stage;
    type Detail = StageStatus;

    fn pid(&self) -> Pid {
        self.cx.pid()
    }

    fn now(&self) -> Duration {
        self.cx.now()
    }

    fn behaviour(&self) -> &'static str {
        std::any::type_name::<R::Stage>()
    }

    fn state(&mut self) -> &mut R::Stage {
        &mut self.stage.user
    }

    fn detail(&self) -> StageStatus {
        let outlet = &self.stage.wiring.outlet;
        StageStatus {
            dispatcher: R::EMITS.then(|| format!("{:?}", outlet.dispatcher())),
            buffer_size: match outlet.capacity() {
                Capacity::Events(most) => Some(most),
                Capacity::Infinity => None,
            },
            demand_mode: outlet.mode(),
            snapshot: self.stage.snapshot(self.cx),
        }
    }

    fn watchers(&mut self) -> &mut Watchers {
        &mut self.stage.sys.get_or_insert_default().watchers
    }

    fn is_suspended(&self) -> bool {
        self.stage.is_suspended()
    }

    fn suspend(&mut self) {
        self.stage.sys.get_or_insert_default().suspended = true;
    }

    fn resume(&mut self) {
        if let Some(sys) = &mut self.stage.sys {
            sys.suspended = false;
            if !sys.held.is_empty() {
                let _ = self.cx.me().send(StageMail::Wake);
            }
        }
    }
}

/// What [`sys::get_status`](genstage_core::sys::get_status) tells of a stage besides what it tells of every process.
///
/// ```
/// use genstage::prelude::*;
/// use genstage::sys;
///
/// let numbers = from_enumerable(0..30).start(StageOptions::new().buffer_size(50))?;
/// let mut first = stream(&numbers, SubscriptionOptions::new().max_demand(10))?;
/// assert_eq!(first.next(), Some(Ok(0)));
///
/// let status = sys::get_status(&numbers)?;
/// assert!(status.state.contains("finished: false"));
/// assert_eq!(status.detail.buffer_size, Some(50));
/// assert_eq!(status.detail.snapshot.consumers.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Specification: section 16.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StageStatus {
    /// Its dispatcher, as `Debug` shows it; `None` in a consumer.
    pub dispatcher: Option<String>,
    /// How many events its buffer takes; `None` is without bound.
    pub buffer_size: Option<usize>,
    /// Whether its demand is let through.
    pub demand_mode: DemandMode,
    /// Its kind, its subscriptions and its numbers.
    pub snapshot: StageSnapshot,
}

impl<R: Role> Target for StageRef<R> {
    type State = R::Stage;
    type Detail = StageStatus;

    fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut dyn Inspected<State = R::Stage, Detail = StageStatus>) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        self.0.call_with(CALL_TIMEOUT, |reply| StageMail::System(Box::new(move |inside| reply.send(look(inside)))))
    }
}

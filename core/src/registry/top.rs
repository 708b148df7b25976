//! The process above the owners: it starts them and starts them again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::runtime::Runtime;
use crate::{
    Address, ChildPlan, ExitReason, Init, Name, Outcome, Peer, Pid, Process, ProcessContext, ReplyTo, Signal,
    StartError, StartOptions, ThreadProcess, start,
};

/// What the owners of a registry may do to each other (R1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    OneForOne,
    OneForAll,
}

/// Restarts in so many seconds before it gives up.
const RESTARTS: (usize, Duration) = (3, Duration::from_secs(5));
/// How long a child may take to stop.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Stop(ReplyTo<()>);

struct Top {
    strategy: Strategy,
    plans: Vec<ChildPlan>,
    /// In the order of the plans.
    children: Vec<Peer>,
    restarts: VecDeque<Duration>,
}

/// Starts the processes of a registry, in their order, and restarts them.
pub(super) fn start_top(
    name: Option<Name>,
    link: bool,
    strategy: Strategy,
    plans: Vec<ChildPlan>,
) -> Result<Peer, StartError> {
    let options = if link { StartOptions::new().link() } else { StartOptions::new() };
    let options = match name {
        Some(name) => options.name(name),
        None => options,
    };
    let top = Top { strategy, plans, children: Vec::new(), restarts: VecDeque::new() };
    start(top, options).map(|address| Peer::from(&address))
}

/// Stops them, in reverse order, and waits for that.
pub(super) fn stop_top(top: &Peer) {
    let top: Option<Address<Stop>> = top.address();
    if let Some(top) = top {
        let _ = top.call_with(Duration::MAX, Stop);
    }
}

impl Top {
    fn start_all(&mut self) -> Result<(), ExitReason> {
        self.children.clear();
        for plan in &self.plans {
            match (plan.start)() {
                Ok(child) => self.children.push(child),
                Err(error) => {
                    self.stop_all();
                    return Err(ExitReason::other(error.to_string()));
                }
            }
        }
        Ok(())
    }

    fn stop_all(&mut self) {
        let Ok(here) = ThreadProcess::<()>::aside() else { return };
        for child in self.children.drain(..).rev() {
            here.monitor(&child);
            child.exit(ExitReason::Shutdown);
            if here.receive(Some(PATIENCE)).is_none() {
                child.exit(ExitReason::Kill);
                here.receive(None);
            }
        }
    }

    fn restart(&mut self, ended: Pid) -> Result<(), ExitReason> {
        let Some(at) = self.children.iter().position(|child| child.pid() == ended) else { return Ok(()) };
        let now = Runtime::current_engine().clock.now();
        self.restarts.push_back(now);
        self.restarts.retain(|then| now.saturating_sub(*then) <= RESTARTS.1);
        if self.restarts.len() > RESTARTS.0 {
            return Err(ExitReason::Shutdown);
        }
        if self.strategy == Strategy::OneForAll {
            self.children.remove(at);
            self.stop_all();
            return self.start_all();
        }
        let Some(plan) = self.plans.get(at) else { return Ok(()) };
        let child = (plan.start)().map_err(|error| ExitReason::other(error.to_string()))?;
        if let Some(place) = self.children.get_mut(at) {
            *place = child;
        }
        Ok(())
    }
}

impl Process for Top {
    type Message = Stop;

    fn init(&mut self, cx: &mut ProcessContext<'_, Stop>) -> Init {
        cx.trap_exit(true);
        match self.start_all() {
            Ok(()) => Init::Continue,
            Err(reason) => Init::Stop(reason),
        }
    }

    fn handle(&mut self, Stop(reply): Stop, _: &mut ProcessContext<'_, Stop>) -> Outcome {
        self.stop_all();
        reply.send(());
        Outcome::Stop(ExitReason::Normal)
    }

    fn handle_signal(&mut self, signal: Signal, _: &mut ProcessContext<'_, Stop>) -> Outcome {
        let Signal::Exit(exit) = signal else { return Outcome::Continue };
        match self.restart(exit.from) {
            Ok(()) => Outcome::Continue,
            Err(reason) => Outcome::Stop(reason),
        }
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut ProcessContext<'_, Stop>) {
        self.stop_all();
    }
}

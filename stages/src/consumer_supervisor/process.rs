//! The loop: events become children, their ends become demand, failures restarts.

use genstage_core::supervision::{Child, Contained, Ended, Leaving, guarded, stop_all_from_callback};
use genstage_core::{
    ChildCounts, DynamicChildInfo, Exit, ExitReason, Peer, Pid, Restart, Signal, StartError, monotonic_time,
};
use genstage_dispatchers::{Events, SubscriptionId};

use super::account::Account;
use super::handle::{Count, StartChild, Terminate, Which};
use super::{ConsumerSupervisor, ConsumerSupervisorRef};
use crate::context::Context;
use crate::role::AsConsumer;
use crate::{
    Answer, Caller, Cancellation, Consumer, HandleCall, HandleInfo, Init, Manner, Outcome, Partner, StageOptions, log,
    stage,
};

/// A child that runs, and where its event came from; from nowhere, if it was started on request.
pub(super) struct Running {
    peer: Peer,
    from: Option<SubscriptionId>,
}

/// What a transient child is started with again.
pub(super) struct Kept<T> {
    event: Contained<T>,
    from: Option<SubscriptionId>,
}

/// From the supervisor itself: try again to restart the child that had this pid.
struct TryAgain(Pid);

impl<T: Send + 'static> Consumer for ConsumerSupervisor<T> {
    type Event = T;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.trap_exit(true);
        cx.waits_for_children();
        while let Some(init) = self.init.take() {
            match init() {
                Ok(Some(made)) => *self = made,
                Ok(None) => return Init::Ignore,
                Err(reason) => return Init::Stop(reason),
            }
        }
        match self.flags.intensity() {
            Ok(intensity) => self.intensity = intensity,
            Err(invalid) => return Init::Stop(ExitReason::other(invalid)),
        }
        Init::Continue
    }

    fn handle_subscribe(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
        let (min, max) = (producer.options.min(), producer.options.max());
        self.accounts.insert(producer.subscription, Account::new(min, max));
        cx.ask(producer.subscription, max);
        Manner::Manual
    }

    fn handle_events(&mut self, events: Events<'_, T>, cx: &mut Context<'_, Self>) -> Outcome {
        let from = cx.subscription();
        let (mut started, mut ignored, mut failed) = (0, 0, 0);
        for event in events {
            match self.start_event(event, from, cx) {
                Ok(_) => started += 1,
                Err(StartError::Ignore) => ignored += 1,
                Err(error) => {
                    failed += 1;
                    contained(|| log::error!("consumer supervisor {}: a child did not start: {error}", cx.pid()));
                }
            }
        }
        cx.not_started(failed);
        if let Some((id, account)) = from.and_then(|id| Some((id, self.accounts.get_mut(id)?))) {
            let excess = account.arrived(started, ignored + failed);
            if excess > 0 {
                log::error!("consumer supervisor {}: {excess} events in excess on subscription {id}", cx.pid());
            }
            ask(id, account, cx);
        }
        Outcome::Continue
    }

    /// Its children live on; nobody is asked for more when they end.
    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.accounts.remove(cancellation.subscription);
        Outcome::Continue
    }

    fn handle_signal(&mut self, signal: Signal, cx: &mut Context<'_, Self>) -> Outcome {
        let Signal::Exit(Exit { from: pid, reason }) = signal else { return Outcome::Continue };
        match self.children.ended(pid, &reason) {
            Ended::Gone(child) => {
                if !reason.is_clean() {
                    contained(|| log::error!("consumer supervisor {}: child {pid} ended: {reason}", cx.pid()));
                }
                self.finished(child.from, cx);
                Outcome::Continue
            }
            Ended::Restart => {
                contained(|| log::error!("consumer supervisor {}: child {pid} is restarted: {reason}", cx.pid()));
                self.restart_child(pid, cx)
            }
            // Who is no child is ignored.
            Ended::Stranger => Outcome::Continue,
        }
    }

    /// It waits for its children.
    fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
        self.draining = true;
        self.children.len()
    }

    fn terminate(&mut self, _: &ExitReason, cx: &mut Context<'_, Self>) {
        let running = self.children.take_all().filter_map(|child| leaving(&child, cx)).collect();
        stop_all_from_callback(cx.pid(), running);
    }

    fn start(self, options: StageOptions<AsConsumer<Self>>) -> Result<ConsumerSupervisorRef<T>, StartError> {
        self.check()?;
        stage::start(self, options, false)
    }

    fn start_link(self, options: StageOptions<AsConsumer<Self>>) -> Result<ConsumerSupervisorRef<T>, StartError> {
        self.check()?;
        stage::start(self, options, true)
    }
}

impl<T: Send + 'static> ConsumerSupervisor<T> {
    fn check(&self) -> Result<(), StartError> {
        self.flags.intensity().map(drop).map_err(|invalid| StartError::Init(ExitReason::other(invalid)))
    }

    fn start_event(
        &mut self,
        event: T,
        from: Option<SubscriptionId>,
        cx: &Context<'_, Self>,
    ) -> Result<Pid, StartError> {
        let kept = match self.keep {
            None => None,
            Some(keep) => {
                let copy = match guarded(|| Ok(keep(&event))) {
                    Ok(copy) => Contained::new(copy),
                    Err(error) => {
                        drop(Contained::new(event));
                        return Err(error);
                    }
                };
                Some(Kept { event: copy, from })
            }
        };
        let restart = if kept.is_some() { Restart::Transient } else { Restart::Temporary };
        let peer = self.start.start(event)?;
        self.adopt(&peer, cx)?;
        let pid = peer.pid();
        let child = Child::new(Running { peer, from }, restart, self.shutdown, self.child_type, kept);
        self.children.insert(pid, child);
        Ok(pid)
    }

    /// Makes sure that the end of a child is heard of, also where its start function has not linked it. Where it has ended by
    /// now, unlinked, it counts as ended with [`ExitReason::NoProc`].
    fn adopt(&self, child: &Peer, cx: &Context<'_, Self>) -> Result<(), StartError> {
        if self.start.links() {
            return Ok(());
        }
        let pid = child.pid();
        if pid == cx.pid() || self.children.contains(pid) {
            let fault =
                format!("the start function gave process {pid}, which is the supervisor itself or another child");
            return Err(StartError::Init(ExitReason::other(fault)));
        }
        // It traps exits, so this cannot fail.
        let _ = cx.link(child);
        Ok(())
    }

    /// One attempt, which counts. Where it fails the next one waits behind the mail that is queued.
    fn restart_child(&mut self, pid: Pid, cx: &mut Context<'_, Self>) -> Outcome {
        let Some((kept, keep)) = self.children.restarting(pid).zip(self.keep) else { return Outcome::Continue };
        if !self.intensity.allows_restart_at(monotonic_time()) {
            log::error!("consumer supervisor {}: too many restarts", cx.pid());
            // It is dead already.
            self.children.remove(pid);
            return Outcome::Stop(ExitReason::Shutdown);
        }
        let from = kept.from;
        let copy = guarded(|| kept.event.get().map(keep).ok_or(StartError::ShutDown));
        let started = copy.and_then(|event| self.start.start(event));
        match started.and_then(|peer| self.adopt(&peer, cx).map(|()| peer)) {
            Ok(peer) => self.children.restarted(pid, peer.pid(), Running { peer, from }),
            Err(StartError::Ignore) => {
                self.children.remove(pid);
                self.finished(from, cx);
            }
            Err(error) => {
                contained(|| log::error!("consumer supervisor {}: no restart of {pid}: {error}", cx.pid()));
                cx.send(TryAgain(pid));
            }
        }
        Outcome::Continue
    }

    /// A child has ended for good.
    fn finished(&mut self, from: Option<SubscriptionId>, cx: &mut Context<'_, Self>) {
        if self.draining {
            cx.still_holds(self.children.len());
        }
        if let Some((id, account)) = from.and_then(|id| Some((id, self.accounts.get_mut(id)?))) {
            account.ended();
            ask(id, account, cx);
        }
    }
}

fn ask<T: Send + 'static>(id: SubscriptionId, account: &mut Account, cx: &mut Context<'_, ConsumerSupervisor<T>>) {
    let count = account.take_ask();
    if count > 0 {
        cx.ask(id, count);
    }
}

/// What is needed to stop it; nothing, where it does not run.
fn leaving<T: Send + 'static>(
    child: &Child<Running, Kept<T>>,
    cx: &Context<'_, ConsumerSupervisor<T>>,
) -> Option<Leaving> {
    let running = child.running()?;
    cx.unlink(&running.peer);
    Some(Leaving::anonymous(running.peer.clone(), child.restart, child.shutdown))
}

/// Shows the user's reason to the user's subscriber: either may panic.
fn contained(log: impl FnOnce()) {
    let _ = guarded(|| {
        log();
        Ok(())
    });
}

impl<T: Send + 'static> HandleInfo<TryAgain> for ConsumerSupervisor<T> {
    fn handle_info(&mut self, again: TryAgain, cx: &mut Context<'_, Self>) -> Outcome {
        self.restart_child(again.0, cx)
    }
}

impl<T: Send + 'static> HandleCall<StartChild<T>> for ConsumerSupervisor<T> {
    type Reply = Result<Pid, StartError>;

    fn handle_call(
        &mut self,
        StartChild(event): StartChild<T>,
        _: &mut Caller<Self::Reply>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<Self::Reply> {
        Answer::Reply(self.start_event(event, None, cx))
    }
}

impl<T: Send + 'static> HandleCall<Terminate> for ConsumerSupervisor<T> {
    type Reply = bool;

    fn handle_call(
        &mut self,
        Terminate(pid): Terminate,
        _: &mut Caller<bool>,
        cx: &mut Context<'_, Self>,
    ) -> Answer<bool> {
        let Some(child) = self.children.remove(pid) else { return Answer::Reply(false) };
        let from = match child.running() {
            Some(running) => running.from,
            None => child.start().and_then(|kept| kept.from),
        };
        stop_all_from_callback(cx.pid(), leaving(&child, cx).into_iter().collect());
        self.finished(from, cx);
        Answer::Reply(true)
    }
}

impl<T: Send + 'static> HandleCall<Which> for ConsumerSupervisor<T> {
    type Reply = Vec<DynamicChildInfo>;

    fn handle_call(&mut self, _: Which, _: &mut Caller<Self::Reply>, _: &mut Context<'_, Self>) -> Answer<Self::Reply> {
        Answer::Reply(self.children.infos(|running| running.peer.pid()))
    }
}

impl<T: Send + 'static> HandleCall<Count> for ConsumerSupervisor<T> {
    type Reply = ChildCounts;

    fn handle_call(&mut self, _: Count, _: &mut Caller<ChildCounts>, _: &mut Context<'_, Self>) -> Answer<ChildCounts> {
        let mut counts = self.children.counts();
        counts.specs = 1;
        Answer::Reply(counts)
    }
}

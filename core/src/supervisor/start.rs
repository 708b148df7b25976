//! Starting a supervisor: in one step for whoever starts it, children and all.
//!
//! Everything up to the last child's start happens on the starter's thread, so a start needs no seat and a tree no wait. Only
//! where a child fails is there something to wait for: the others must be stopped again. The supervisor does that as it
//! does at its end, and the starter hears when it is gone.

use std::time::Duration;

use super::handle::SupervisorRef;
use super::options::Supervisor;
use super::process::{Live, Order};
use crate::process::{Turn, current, start_future};
use crate::{ExitReason, Mailbox, Peer, Pid, RegisterError, StartError, StartOptions, ThreadProcess};

pub(super) fn start_link(init: impl FnOnce() -> Option<Supervisor>) -> Result<SupervisorRef, StartError> {
    let parent = current::pid().map(Peer::from);
    let mut failure = None;
    let started =
        start_future(std::any::type_name::<Supervisor>, StartOptions::new().link(), |mailbox: Mailbox<Order>| {
            let parent_pid = parent.as_ref().map_or(Pid::NOBODY, Peer::pid);
            mailbox.trap_exit(true);
            let supervisor = init().ok_or(Turn::Ignore)?;
            let mut refuse = |error| {
                failure = Some(error);
                Turn::Fail(ExitReason::Normal)
            };
            let invalid = |invalid| StartError::Init(ExitReason::other(invalid));
            let intensity = supervisor.flags.intensity().map_err(|error| refuse(invalid(error)))?;
            let table = supervisor.check().map_err(|error| refuse(invalid(error)))?;
            if let Some(name) = &supervisor.flags.name {
                name.register(&Peer::from(mailbox.me())).map_err(|error| refuse(name_error(error)))?;
            }
            let mut live = Live::new(mailbox, parent_pid, table, intensity, supervisor.escalates);
            let first = live.start_all(supervisor.children).map_err(|failed| {
                let reason = ExitReason::shutdown_with(failed);
                failure = Some(StartError::Init(reason.clone()));
                live.part_from(parent.as_ref());
                reason
            });
            Ok(live.run(first))
        });
    match (started, failure) {
        (Ok(address), None) => Ok(SupervisorRef(address)),
        (Ok(address), Some(failure)) => {
            wait_until_gone(&Peer::from(&address), None);
            Err(failure)
        }
        (Err(_), Some(failure)) => Err(failure),
        (Err(error), None) => Err(error),
    }
}

fn name_error(error: RegisterError) -> StartError {
    match error {
        RegisterError::NameTaken(holder) => StartError::AlreadyStarted(holder),
        error => StartError::Name(error),
    }
}

/// Waits until a process is gone, its name free and everybody told. `None`: not in this time, or the runtime is shutting down and
/// has no place to wait in.
pub(super) fn wait_until_gone(process: &Peer, within: Option<Duration>) -> Option<ExitReason> {
    if let Ok(here) = ThreadProcess::<()>::aside() {
        here.monitor(process);
        here.receive(within);
    }
    process.exit_reason()
}

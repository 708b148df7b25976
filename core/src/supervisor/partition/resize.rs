//! Resizing: one after the other, in a process of its own, as it takes several requests to the supervisor.

use super::ResizeError;
use super::table::Table;
use crate::process::current;
use crate::supervisor::spec::ChildId;
use crate::supervisor::{RestartChildError, SupervisorRef, TerminateChildError};
use crate::sync::Arc;
use crate::{Address, CallError, Mail, Mailbox, ReplyTo, spawn};

/// To so many partitions; the answer is how many there were.
pub(super) type Resize = (usize, ReplyTo<Result<usize, ResizeError>>);

/// Who resizes these partitions. Started when it is asked for first: most are never resized.
pub(super) fn resizer<H: Send + Sync + 'static>(table: &Arc<Table<H>>, supervisor: &SupervisorRef) -> Address<Resize> {
    let mut resizer = table.resizer.lock();
    if let Some(resizer) = resizer.as_ref().filter(|resizer| resizer.is_alive()) {
        return resizer.clone();
    }
    let _there = current::enter_engine(supervisor.engine());
    let (table, supervisor) = (Arc::clone(table), supervisor.clone());
    let started = spawn(move |mailbox| serve(mailbox, table, supervisor));
    *resizer = Some(started.clone());
    started
}

async fn serve<H>(mailbox: Mailbox<Resize>, table: Arc<Table<H>>, supervisor: SupervisorRef) {
    mailbox.monitor(&supervisor);
    // It ends with the supervisor.
    while let Mail::Message((partitions, reply)) = mailbox.receive_mail().await {
        reply.send(resize(&table, &supervisor, partitions).await);
    }
}

/// PS5: readers find none that does not run, as far as it is for the resize to say.
async fn resize<H>(table: &Table<H>, supervisor: &SupervisorRef, to: usize) -> Result<usize, ResizeError> {
    if to > table.max() {
        return Err(ResizeError::TooMany(table.max()));
    }
    let from = table.shown().map_err(|_| CallError::NoProc)?;
    if to < from {
        table.show(to);
        stop(supervisor, to, from).await?;
        return Ok(from);
    }
    for index in from..to {
        match supervisor.restart_child_async(id(index)).await {
            // Or the end of another has brought it back, as some strategies do.
            Ok(_) | Err(RestartChildError::Running | RestartChildError::Restarting) => {}
            Err(RestartChildError::Start(error)) => {
                stop(supervisor, from, index).await?;
                return Err(ResizeError::Start(index, error));
            }
            Err(RestartChildError::Call(error)) => return Err(error.into()),
            Err(RestartChildError::NotFound) => return Err(CallError::NoReply.into()),
        }
    }
    table.show(to);
    Ok(from)
}

/// Stops these, the last one first.
async fn stop(supervisor: &SupervisorRef, first: usize, end: usize) -> Result<(), CallError> {
    for index in (first..end).rev() {
        if let Err(TerminateChildError::Call(error)) = supervisor.terminate_child_async(id(index)).await {
            return Err(error);
        }
    }
    Ok(())
}

pub(super) fn id(index: usize) -> ChildId {
    // No usize is wider.
    ChildId::from(index as u64)
}

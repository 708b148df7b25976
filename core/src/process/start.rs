//! Starting processes.

use std::future::Future;

use super::address::Address;
use super::cell::{AnyProcess, Body, Cell, Home};
use super::current;
use super::mailbox::{FutureBody, IntoExit, Mailbox};
use super::own::{Own, link};
use super::peer::Peer;
use super::server::{Process, Server};
use crate::runtime::{Runtime, engine::Engine};
use crate::sync::Arc;
use crate::{ExitReason, MonitorRef, Name, Panic, Pid, RegisterError, StartError};

/// How to start a process.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct StartOptions {
    link: bool,
    name: Option<Name>,
}

impl StartOptions {
    /// Neither linked nor named.
    pub fn new() -> Self {
        Self::default()
    }

    /// Links it to the process that starts it, in one step with the start (P2.1). From a plain thread there is nothing to
    /// link to, and it starts without; a [`ThreadProcess`](crate::ThreadProcess) makes it one.
    pub fn link(mut self) -> Self {
        self.link = true;
        self
    }

    /// Registers it under a name before `init` runs (G1.3): a text, or a place in a registry.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// Starts a process with synchronous callbacks; returns after its `init`.
///
/// # Errors
///
/// [`StartError`]: the name is taken, `init` failed, or the runtime is shutting down. Nothing is left behind, and the process is
/// gone by then (G1.5). A linked starter that does not trap exits ends with it, unless `init` ended normally (G1.6); one
/// that does gets the error and no [`Exit`](crate::Exit).
pub fn start<P: Process>(process: P, options: StartOptions) -> Result<Address<P::Message>, StartError> {
    start_with(options, |_| process)
}

/// As [`start`], with a process that is made knowing its own address.
///
/// # Errors
///
/// As [`start`].
pub fn start_with<P: Process>(
    options: StartOptions,
    make: impl FnOnce(&Address<P::Message>) -> P,
) -> Result<Address<P::Message>, StartError> {
    launch(&Runtime::current_engine(), options, |cell, parent| {
        let me = Address(Arc::clone(cell));
        let process = make(&me);
        Box::new(Server::new(process, me, parent))
    })
}

/// Starts a process whose body is a future. It holds no thread while it waits.
///
/// The runtime polls it itself. A reactor of another library works inside if its context has been entered.
///
/// ```
/// use std::time::Duration;
///
/// let (report, reports) = std::sync::mpsc::channel();
/// let pinger = genstage_core::spawn(move |mailbox| async move {
///     let n: u32 = mailbox.receive().await;
///     mailbox.sleep(Duration::from_millis(1)).await;
///     let _ = report.send(n + 1);
/// });
/// pinger.send(41).ok();
/// assert_eq!(reports.recv(), Ok(42));
/// ```
///
/// On a runtime that is shutting down the process is dead from the start.
pub fn spawn<M, F, Fut>(body: F) -> Address<M>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_on(&Runtime::current_engine(), StartOptions::new(), body).unwrap_or_else(|(address, _)| address)
}

/// As [`spawn`], linked to the calling process (P2.1).
pub fn spawn_link<M, F, Fut>(body: F) -> Address<M>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_on(&Runtime::current_engine(), StartOptions::new().link(), body).unwrap_or_else(|(address, _)| address)
}

/// As [`spawn`], with options.
///
/// # Errors
///
/// [`StartError`]: the name is taken, or the runtime is shutting down.
pub fn spawn_with<M, F, Fut>(options: StartOptions, body: F) -> Result<Address<M>, StartError>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_on(&Runtime::current_engine(), options, body).map_err(|(_, error)| error)
}

fn spawn_on<M, F, Fut>(
    engine: &Arc<Engine>,
    options: StartOptions,
    body: F,
) -> Result<Address<M>, (Address<M>, StartError)>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let cell = Cell::starting(engine, Home::Seats);
    let address = Address(Arc::clone(&cell));
    prepare(&cell, options)
        .and_then(|parent| {
            let future = FutureBody::new(&cell, Own(address.clone()), body);
            cell.launch(parent.as_ref(), || Box::new(future))
        })
        .map(|()| address.clone())
        .map_err(|error| (address, error))
}

fn launch<M: Send + 'static>(
    engine: &Arc<Engine>,
    options: StartOptions,
    make: impl FnOnce(&Arc<Cell<M>>, Option<Pid>) -> Box<dyn Body<M>>,
) -> Result<Address<M>, StartError> {
    let cell = Cell::starting(engine, Home::Seats);
    let parent = prepare(&cell, options)?;
    cell.launch(parent.as_ref(), || make(&cell, parent.as_ref().map(Peer::pid)))?;
    Ok(Address(cell))
}

/// Table, name and link, in this order; undone where one fails. Returns the parent of a linked process.
pub(crate) fn prepare<M: Send + 'static>(
    cell: &Arc<Cell<M>>,
    options: StartOptions,
) -> Result<Option<Peer>, StartError> {
    let engine = cell.engine();
    let process = Arc::clone(cell) as Arc<dyn AnyProcess>;
    if !engine.table.insert(Arc::clone(&process)) {
        cell.bury(None, ExitReason::Shutdown);
        return Err(StartError::ShutDown);
    }
    if let Some(name) = options.name
        && let Err(error) = take_name(&name, &Peer::new(process))
    {
        cell.bury(None, ExitReason::Normal);
        return Err(error);
    }
    let parent = options.link.then(current::pid).flatten().map(Peer::from);
    if let Some(parent) = &parent
        && let Some(own) = parent.process()
    {
        // The parent runs, so it lives; if a kill hits it right now, the child's end follows through this link.
        let _ = link(&**own, parent, &Peer::from(&Address(Arc::clone(cell))));
    }
    Ok(parent)
}

/// A book of names may be the user's, and so are the keys of a registry: their panic fails the start.
fn take_name(name: &Name, process: &Peer) -> Result<(), StartError> {
    match Panic::catch(|| name.register(process)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(RegisterError::NameTaken(holder))) => Err(StartError::AlreadyStarted(holder)),
        Ok(Err(error)) => Err(StartError::Name(error)),
        Err(panic) => Err(StartError::Init(ExitReason::Panic(panic))),
    }
}

/// As [`spawn`], watched by the calling process from the first moment (P2.1). From a plain thread, which nobody can tell,
/// there is no monitor.
pub fn spawn_monitor<M, F, Fut>(body: F) -> (Address<M>, Option<MonitorRef>)
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let engine = Runtime::current_engine();
    let cell = Cell::starting(&engine, Home::Seats);
    let address = Address(Arc::clone(&cell));
    let monitor = current::pid().map(Peer::from).and_then(|caller| {
        let own = caller.process()?.clone();
        let monitor = engine.next_monitor();
        own.add_monitor(monitor, Peer::from(&address));
        cell.add_watcher(monitor, caller);
        Some(monitor)
    });
    if prepare(&cell, StartOptions::new()).is_ok() {
        let future = FutureBody::new(&cell, Own(address.clone()), body);
        let _ = cell.launch(None, || Box::new(future));
    }
    (address, monitor)
}

//! Starting processes.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use super::address::Address;
use super::any::AnyProcess;
use super::cell::{BoxedBody, Cell, Home, Turn};
use super::current;
use super::family::Family;
use super::info::Priority;
use super::init;
use super::mailbox::{self, FutureBody, IntoExit, Mailbox};
use super::own::Own;
use super::peer::Peer;
use super::server::{Process, Server};
use crate::sync::Arc;
use crate::{ExitReason, MonitorRef, Name, Panic, RegisterError, StartError};

/// How to start a process.
///
/// Specification: P2.2, G1.2.
///
/// ```
/// use genstage_core::{Mailbox, Priority, StartOptions, ThreadProcess, spawn_with};
///
/// let here = ThreadProcess::<()>::start()?;
/// let options = StartOptions::new().name("clerk").link().priority(Priority::High).monitor();
/// let (clerk, monitor) = spawn_with(options, |mailbox: Mailbox<()>| async move { mailbox.receive().await })?;
/// assert!(monitor.is_some_and(|monitor| here.demonitor(monitor)));
/// clerk.send(()).ok();
/// # Ok::<(), genstage_core::StartError>(())
/// ```
#[must_use]
pub struct StartOptions<R = Alone> {
    link: bool,
    name: Option<Name>,
    priority: Priority,
    timeout: Option<Duration>,
    _result: PhantomData<fn() -> R>,
}

/// What a start gives: by default the address alone.
#[derive(Clone, Copy, Debug)]
pub enum Alone {}

/// What a start gives after [`StartOptions::monitor`]: the address and the monitor.
#[derive(Clone, Copy, Debug)]
pub enum Watched {}

/// What a start gives.
pub trait StartResult: sealed::Sealed {
    /// To whoever starts a process that takes messages of type `M`.
    type Of<M: Send + 'static>;
    #[doc(hidden)]
    const WATCHES: bool;
    #[doc(hidden)]
    fn give<M: Send + 'static>(address: Address<M>, monitor: Option<MonitorRef>) -> Self::Of<M>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Alone {}
    impl Sealed for super::Watched {}
}

impl StartResult for Alone {
    type Of<M: Send + 'static> = Address<M>;
    const WATCHES: bool = false;

    fn give<M: Send + 'static>(address: Address<M>, _: Option<MonitorRef>) -> Address<M> {
        address
    }
}

impl StartResult for Watched {
    type Of<M: Send + 'static> = (Address<M>, Option<MonitorRef>);
    const WATCHES: bool = true;

    fn give<M: Send + 'static>(address: Address<M>, monitor: Option<MonitorRef>) -> Self::Of<M> {
        (address, monitor)
    }
}

impl StartOptions {
    /// Neither linked nor named nor monitored, of normal priority, with all the time it wants for its `init`.
    pub fn new() -> Self {
        Self { link: false, name: None, priority: Priority::Normal, timeout: None, _result: PhantomData }
    }
}

impl<R> StartOptions<R> {
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

    /// Has the process that starts it monitor it from the first moment (P2.1). The start then gives the address and the
    /// monitor; from a plain thread, which nobody can tell, there is none. A start that fails leaves no monitor behind.
    pub fn monitor(self) -> StartOptions<Watched> {
        let Self { link, name, priority, timeout, .. } = self;
        StartOptions { link, name, priority, timeout, _result: PhantomData }
    }

    /// Gives it a priority (P2.2), to be shown by [`Peer::info`]: see [`Priority`].
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Gives its `init` at most this time (G1.2). When it is over, the start fails with [`StartError::Timeout`], and the
    /// process is unlinked, killed and dead for everybody, its name free; what it holds is dropped when its `init`
    /// returns. The starter lives on, also if linked (G1.6).
    ///
    /// With a limit `init` runs on a seat and not on the starter's thread. A process whose body is a future has no
    /// `init`, so the limit means nothing to it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

impl Default for StartOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for StartOptions<R> {
    fn clone(&self) -> Self {
        let Self { link, name, priority, timeout, .. } = self;
        Self { link: *link, name: name.clone(), priority: *priority, timeout: *timeout, _result: PhantomData }
    }
}

impl<R> std::fmt::Debug for StartOptions<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { link, name, priority, timeout, .. } = self;
        f.debug_struct("StartOptions")
            .field("link", link)
            .field("name", name)
            .field("priority", priority)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

/// Starts a process with synchronous callbacks; returns after its `init`.
///
/// # Errors
///
/// [`StartError`]: the name is taken, `init` failed or took too long, or the runtime is shutting down. Nothing is left behind,
/// and the process is gone by then (G1.5). A linked starter that does not trap exits ends with it, unless `init` ended
/// normally (G1.6); one that does gets the error and no [`Exit`](crate::Exit).
pub fn start<P: Process, R: StartResult>(
    process: P,
    options: StartOptions<R>,
) -> Result<R::Of<P::Message>, StartError> {
    start_with(options, |_| process)
}

/// As [`start`], with a process that is made knowing its own address.
///
/// # Errors
///
/// As [`start`].
pub fn start_with<P: Process, R: StartResult>(
    options: StartOptions<R>,
    make: impl FnOnce(&Address<P::Message>) -> P,
) -> Result<R::Of<P::Message>, StartError> {
    begin(kind_of::<P>, options, |cell, family| {
        let me = Address(Arc::clone(cell));
        let process = make(&me);
        Ok(Box::pin(Server::new(process, me, family.is_linked())))
    })
}

/// What a process is called. It is the user's to say, and asked in the middle of its death: a panic there falls back on the type.
fn kind_of<P: Process>() -> &'static str {
    Panic::catch(P::behaviour).unwrap_or_else(|_| std::any::type_name::<P>())
}

/// Starts a process whose body is a future that `begin` makes: it runs inside the process, on the starter's thread, with the
/// starter waiting, as `init` does for callbacks. An error ends the start and the process: as its [`Turn`] says.
pub(crate) fn start_future<M, F, Fut>(
    kind: fn() -> &'static str,
    options: StartOptions,
    make: F,
) -> Result<Address<M>, StartError>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Result<Fut, Turn>,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    begin(kind, options, |cell, _| {
        let mailbox = Mailbox::new(Own(Address(Arc::clone(cell))));
        make(mailbox).map(mailbox::begun)
    })
}

/// A start whose body is made inside the process.
fn begin<M: Send + 'static, R: StartResult>(
    kind: fn() -> &'static str,
    options: StartOptions<R>,
    make: impl FnOnce(&Arc<Cell<M>>, &Family) -> Result<BoxedBody<M>, Turn>,
) -> Result<R::Of<M>, StartError> {
    let limit = options.timeout;
    let (cell, family) = prepare(kind, options, None).map_err(|(_, error)| error)?;
    let body = {
        let _inside = current::enter_start(cell.engine(), cell.pid());
        Panic::catch_exit(|| make(&cell, &family))
    };
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(turn)) => return Err(cell.fail_as(&family, None, turn)),
        Err(reason) => return Err(StartError::Init(cell.fail(&family, None, reason))),
    };
    match limit {
        None => cell.launch(&family, body, || true)?,
        Some(limit) => init::within(limit, &cell, &family, body)?,
    }
    Ok(R::give(Address(cell), family.monitor()))
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
    spawn_on(StartOptions::new(), body).unwrap_or_else(|(address, _)| address)
}

/// As [`spawn`], linked to the calling process (P2.1).
pub fn spawn_link<M, F, Fut>(body: F) -> Address<M>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_on(StartOptions::new().link(), body).unwrap_or_else(|(address, _)| address)
}

/// As [`spawn`], with options.
///
/// # Errors
///
/// [`StartError`]: the name is taken, or the runtime is shutting down.
pub fn spawn_with<M, F, Fut, R>(options: StartOptions<R>, body: F) -> Result<R::Of<M>, StartError>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
    R: StartResult,
{
    spawn_on(options, body).map_err(|(_, error)| error)
}

/// As [`spawn`], watched by the calling process from the first moment (P2.1). From a plain thread, which nobody can tell,
/// there is no monitor.
pub fn spawn_monitor<M, F, Fut>(body: F) -> (Address<M>, Option<MonitorRef>)
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_on(StartOptions::new().monitor(), body).unwrap_or_else(|(dead, _)| {
        // Also of a process that could not start the caller hears: P6.3.
        let monitor = Family::of_caller(false).mourn(&dead.0);
        (dead, monitor)
    })
}

/// The address of what could not start goes with the error, for those who give a dead process instead.
fn spawn_on<M, F, Fut, R>(options: StartOptions<R>, body: F) -> Result<R::Of<M>, (Address<M>, StartError)>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
    R: StartResult,
{
    let (cell, family) = prepare(std::any::type_name::<F>, options, Some(FutureBody::boxed(body)))?;
    cell.begin();
    Ok(R::give(Address(cell), family.monitor()))
}

/// Each start within a start stands on the stack of the first. Measured: 150 supervisors within each other fit 2 MiB of
/// stack without optimisation, 200 do not.
const DEEPEST: usize = 100;

pub(super) type Prepared<M> = Result<(Arc<Cell<M>>, Family), (Address<M>, StartError)>;

/// A new process with a body of this kind, tied to who starts it: monitor, table, name and link, in this order; undone where
/// one fails. One that has its body already is ready to [begin](Cell::begin).
pub(super) fn prepare<M: Send + 'static, R: StartResult>(
    kind: fn() -> &'static str,
    options: StartOptions<R>,
    body: Option<BoxedBody<M>>,
) -> Prepared<M> {
    let too_deep = current::starts() >= DEEPEST;
    let mut family = Family::of_caller(options.link);
    let mut birth = family.bear(kind, R::WATCHES && !too_deep);
    if options.priority != Priority::Normal {
        birth.rare.get_or_insert_default().priority = options.priority;
    }
    let cell = Cell::starting(Home::Seats, birth, body);
    if too_deep {
        cell.bury(None, ExitReason::Normal);
        return Err((Address(cell), StartError::TooDeep));
    }
    match enter(&cell, &family, options.name) {
        Ok(()) => Ok((cell, family)),
        Err(error) => Err((Address(cell), error)),
    }
}

/// Table, name and link.
pub(crate) fn enter<M: Send + 'static>(
    cell: &Arc<Cell<M>>,
    family: &Family,
    name: Option<Name>,
) -> Result<(), StartError> {
    if !cell.engine().table.insert(cell.pid(), Arc::clone(cell) as _) {
        cell.fail(family, None, ExitReason::Shutdown);
        return Err(StartError::ShutDown);
    }
    if let Some(name) = name
        && let Err(error) = take_name(&name, &Peer::new(Arc::clone(cell) as _))
    {
        cell.fail(family, None, ExitReason::Normal);
        return Err(error);
    }
    family.link(cell);
    Ok(())
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

//! What a dynamic supervisor is given to start.

use std::fmt;

use super::StartDynamicChildError;
use super::table;
use crate::contained::Contained;
use crate::reason::Panic;
use crate::supervisor::{ChildSpec, ChildType, Restart, Shutdown, Started};
use crate::{ExitReason, Peer, ReplyTo, StartError};

/// A child for a [`DynamicSupervisor`](super::DynamicSupervisor), reached through an `H` and started with the supervisor's extra
/// argument, an `E`.
///
/// A [`ChildSpec`] serves as well where the extra argument is of no use; this one adds functions that get it, and functions that
/// can run only once, for children that are never restarted. It has no id: nothing is found by it here (D3).
///
/// Like a `ChildSpec` it is a worker with five seconds to stop, unless it says otherwise.
///
/// ```
/// use genstage_core::{DynamicChildSpec, DynamicSupervisor, Mailbox, StartOptions, spawn_with};
///
/// let greeting = String::from("hello ");
/// let (report, reports) = std::sync::mpsc::channel();
/// let sup = DynamicSupervisor::with(greeting).start_link()?;
///
/// let name = String::from("Ada"); // moved in, and on: this child is started once
/// sup.start_child(DynamicChildSpec::temporary(move |greeting: &String| {
///     let text = greeting.clone() + &name;
///     spawn_with(StartOptions::new().link(), |_: Mailbox<()>| async move { report.send(text).unwrap_or(()) })
/// }))?;
/// assert_eq!(reports.recv()?, "hello Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct DynamicChildSpec<H, E = ()> {
    start: Start<H, E>,
    restart: Restart,
    shutdown: Shutdown,
    child_type: ChildType,
    significant: bool,
}

enum Start<H, E> {
    Once(Once<H, E>),
    Always(Always<H, E>),
    Spec(ChildSpec<H>),
}

type Once<H, E> = Box<dyn FnOnce(&E) -> Started<H> + Send>;
type Always<H, E> = Box<dyn Fn(&E) -> Started<H> + Send>;

/// The supervisor keeps it, and must not end by its destructor.
fn contained<H, E>(start: impl Fn(&E) -> Started<H> + Send + 'static) -> Always<H, E> {
    let start = Contained::new(start);
    // It is there until it is dropped.
    Box::new(move |extra| start.get().ok_or(StartError::ShutDown)?(extra))
}

/// What the supervisor keeps of a child: its process, and what starts it again.
pub(super) type Child<E> = table::Child<Peer, Restarter<E>>;
pub(super) type Restarter<E> = Always<Peer, E>;

impl<H, E> DynamicChildSpec<H, E> {
    /// A child that is always restarted.
    pub fn permanent(start: impl Fn(&E) -> Started<H> + Send + 'static) -> Self {
        Self::new(Start::Always(contained(start)), Restart::Permanent)
    }

    /// A child that is restarted after an abnormal end.
    pub fn transient(start: impl Fn(&E) -> Started<H> + Send + 'static) -> Self {
        Self::new(Start::Always(contained(start)), Restart::Transient)
    }

    /// A child that is never restarted: the function runs once, so it may give away what it holds, and is gone after that (D7).
    pub fn temporary(start: impl FnOnce(&E) -> Started<H> + Send + 'static) -> Self {
        Self::new(Start::Once(Box::new(start)), Restart::Temporary)
    }

    fn new(start: Start<H, E>, restart: Restart) -> Self {
        Self { start, restart, shutdown: Shutdown::default(), child_type: ChildType::Worker, significant: false }
    }

    /// How it is stopped: by default a worker has five seconds, a supervisor no limit.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// That it is a supervisor, which has no time limit to stop, as its whole tree stops within it.
    pub fn supervisor(mut self) -> Self {
        self.child_type = ChildType::Supervisor;
        self.shutdown = Shutdown::Infinity;
        self
    }

    /// D2. The other fields cannot be wrong: their types see to that.
    pub(super) fn check(&self) -> Result<(), StartDynamicChildError> {
        if self.significant { Err(StartDynamicChildError::Significant) } else { Ok(()) }
    }
}

impl<H, E> From<ChildSpec<H>> for DynamicChildSpec<H, E> {
    fn from(spec: ChildSpec<H>) -> Self {
        Self {
            restart: spec.plan.restart,
            shutdown: spec.plan.shutdown,
            child_type: spec.plan.child_type,
            significant: spec.plan.significant,
            start: Start::Spec(spec),
        }
    }
}

impl<H, E> fmt::Debug for DynamicChildSpec<H, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicChildSpec")
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("child_type", &self.child_type)
            .field("significant", &self.significant)
            .finish_non_exhaustive()
    }
}

impl<H, E> DynamicChildSpec<H, E>
where
    H: Clone + Send + 'static,
    for<'a> &'a H: Into<Peer>,
    E: 'static,
{
    /// The first start: the handle for who asked, and what the supervisor keeps.
    fn launch(self, extra: &E, adopt: &Adopt<'_>) -> Result<(H, Child<E>), StartError> {
        let (handle, peer, again): (H, Peer, Option<Restarter<E>>) = match self.start {
            Start::Once(start) => {
                let (handle, peer) = guarded(|| start(extra).map(|handle| with_peer(handle)))?;
                (handle, peer, None)
            }
            Start::Always(start) => {
                let (handle, peer) = guarded(|| start(extra).map(|handle| with_peer(handle)))?;
                let again: Restarter<E> = Box::new(move |extra| start(extra).map(|handle| (&handle).into()));
                (handle, peer, Some(again))
            }
            Start::Spec(ChildSpec { plan, slot }) => {
                let start = plan.start;
                let (handle, peer) = guarded(|| start().map(|peer| (slot.get(), peer)))?;
                let handle = handle.ok_or(StartError::ShutDown)?;
                let again: Option<Restarter<E>> = match self.restart {
                    // D7: what a temporary child was started with is not kept.
                    Restart::Temporary => None,
                    _ => Some(Box::new(move |_| start())),
                };
                (handle, peer, again)
            }
        };
        adopt(&peer)?;
        Ok((handle, Child::new(peer, self.restart, self.shutdown, self.child_type, again)))
    }
}

fn with_peer<H>(handle: H) -> (H, Peer)
where
    for<'a> &'a H: Into<Peer>,
{
    let peer = (&handle).into();
    (handle, peer)
}

/// Runs a start function; its panic is an error like any other (D4).
///
/// # Errors
///
/// The function's own, and [`StartError::Init`] with the panic.
pub fn guarded<T>(start: impl FnOnce() -> Result<T, StartError>) -> Result<T, StartError> {
    Panic::catch(start).unwrap_or_else(|panic| Err(StartError::Init(ExitReason::Panic(panic))))
}

/// A child to start, and who waits for its handle; the handle's type is known only inside.
pub(super) trait Order<E>: Send {
    /// Starts it, and answers. What it gave may be refused as a child.
    fn start(self: Box<Self>, extra: &E, adopt: &Adopt<'_>) -> Option<Child<E>>;
    /// Answers that there is no room.
    fn refuse(self: Box<Self>);
}

pub(super) type Adopt<'a> = dyn Fn(&Peer) -> Result<(), StartError> + 'a;

pub(super) struct Asked<H, E> {
    pub(super) spec: DynamicChildSpec<H, E>,
    pub(super) reply: ReplyTo<Result<H, StartDynamicChildError>>,
}

impl<H, E> Order<E> for Asked<H, E>
where
    H: Clone + Send + 'static,
    for<'a> &'a H: Into<Peer>,
    E: 'static,
{
    fn start(self: Box<Self>, extra: &E, adopt: &Adopt<'_>) -> Option<Child<E>> {
        let Self { spec, reply } = *self;
        match spec.launch(extra, adopt) {
            Ok((handle, child)) => {
                answer(reply, Ok(handle));
                Some(child)
            }
            Err(error) => {
                answer(reply, Err(StartDynamicChildError::Start(error)));
                None
            }
        }
    }

    fn refuse(self: Box<Self>) {
        let Self { spec, reply } = *self;
        drop(Contained::new(spec));
        answer(reply, Err(StartDynamicChildError::MaxChildren));
    }
}

/// The reply to somebody who has given up is dropped here, and a handle is the user's.
fn answer<T>(reply: ReplyTo<T>, with: T) {
    let _ = Panic::catch(|| reply.send(with));
}

//! Another process, whatever its messages: what links, monitors and exit signals are addressed to.

use std::any::Any;
use std::fmt;

use super::any::AnyProcess;
use super::info::ProcessInfo;
use super::{Address, current};
use crate::runtime::Runtime;
use crate::runtime::engine::Engine;
use crate::sync::Arc;
use crate::{ExitReason, Name, Pid};

/// Another process, whatever its messages: what links, monitors and exit signals are addressed to.
///
/// Made from an [`Address`] or, through the current runtime's table, from a [`Pid`]. A pid whose process is gone gives a
/// peer that answers as the dead do.
///
/// ```
/// use genstage_core::{ExitReason, Peer};
///
/// let idler = genstage_core::spawn(|mailbox| async move {
///     let () = mailbox.receive().await;
/// });
/// let peer = Peer::from(&idler);
/// assert!(peer.is_alive());
/// peer.exit(ExitReason::Kill);
/// assert!(!peer.is_alive()); // P1.5: the sender of an exit sees its effect at once
/// ```
#[derive(Clone)]
pub struct Peer {
    pid: Pid,
    process: Option<Arc<dyn AnyProcess>>,
}

impl Peer {
    pub(crate) fn new(process: Arc<dyn AnyProcess>) -> Self {
        Self { pid: process.pid(), process: Some(process) }
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it lives: false from the moment it is bound to end.
    pub fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.is_alive())
    }

    /// Sends an exit signal (P4). The sender is the calling process. From a plain thread it is the runtime
    /// ([`Exit::is_from_runtime`](crate::Exit::is_from_runtime)), which stands in for the parent of a process that has none:
    /// [`ExitReason::Shutdown`] from there ends such a process in order also if it traps exits.
    ///
    /// [`ExitReason::Kill`] cannot be trapped; [`ExitReason::Normal`] is ignored by all but the process itself. Never fails:
    /// the dead ignore it (P4.2).
    pub fn exit(&self, reason: ExitReason) {
        if let Some(process) = &self.process {
            let from = current::pid().unwrap_or(Pid::NOBODY);
            Arc::clone(process).exit_signal(from, reason, false);
        }
    }

    /// What there is to know of it (P12). `None` once it is dead or bound to end, also if only by the caller's own exit
    /// signal just before (P1.5). One short lock; nothing waits for the process.
    ///
    /// ```
    /// use genstage_core::{Mailbox, Peer, StartOptions, Status, spawn_with};
    ///
    /// let clerk = spawn_with(StartOptions::new().name("desk"), |mailbox: Mailbox<()>| async move {
    ///     mailbox.receive().await;
    /// })?;
    /// let info = Peer::from(&clerk).info().expect("it waits for mail");
    /// assert_eq!(info.registered_name.as_deref(), Some("desk"));
    /// assert_eq!((info.message_queue_len, info.links, info.trap_exit), (0, vec![], false));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn info(&self) -> Option<ProcessInfo> {
        self.process.as_ref()?.info()
    }

    /// Its address, if it takes messages of type `M`. `None` also for a pid whose process is gone.
    pub fn address<M: Send + 'static>(&self) -> Option<Address<M>> {
        let cell = Arc::clone(self.process.as_ref()?).into_any().downcast().ok()?;
        Some(Address(cell))
    }

    /// Why it ended; `None` while it runs, also while it is only bound to end.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        match &self.process {
            Some(process) => process.exit_reason(),
            None => Some(ExitReason::NoProc),
        }
    }

    /// Has it [show](crate::Own::show) this.
    pub(crate) fn show<T: Any + Send + Sync>(&self, thing: &Arc<T>) {
        if let Some(process) = &self.process {
            let thing: Arc<dyn Any + Send + Sync> = Arc::clone(thing) as _;
            process.edit_rare(&mut |rare| rare.shown = Some(Arc::downgrade(&thing)));
        }
    }

    /// What it [shows](crate::Own::show), if that is a `T`. Nobody is asked: one short lock, also while it is in a callback.
    ///
    /// For genstage alone; may change with every version.
    #[doc(hidden)]
    pub fn shown<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let mut shown = None;
        self.process.as_ref()?.read_rare(&mut |rare| shown.clone_from(&rare.shown));
        shown?.upgrade()?.downcast().ok()
    }

    pub(crate) fn process(&self) -> Option<&Arc<dyn AnyProcess>> {
        self.process.as_ref()
    }

    /// As [`new`](Self::new), where the pid is at hand.
    pub(crate) fn found(pid: Pid, process: Arc<dyn AnyProcess>) -> Self {
        Self { pid, process: Some(process) }
    }

    /// One of the caller's runtime that is looked for when it is needed.
    pub(crate) fn by_pid(pid: Pid) -> Self {
        Self { pid, process: None }
    }

    /// As [`process`](Self::process), also of one that is known [by its pid](Self::by_pid) in this runtime.
    pub(crate) fn process_in(&self, engine: &Engine) -> Option<Arc<dyn AnyProcess>> {
        self.process.clone().or_else(|| engine.table.get(self.pid))
    }

    /// Leaves it as one that is known [by its pid](Self::by_pid).
    pub(crate) fn take_process(&mut self) -> Option<Arc<dyn AnyProcess>> {
        self.process.take()
    }

    pub(crate) fn into_process(self) -> Option<Arc<dyn AnyProcess>> {
        self.process
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({})", self.pid)
    }
}

impl<M: Send + 'static> From<&Address<M>> for Peer {
    fn from(address: &Address<M>) -> Self {
        Self::new(Arc::clone(&address.0) as Arc<dyn AnyProcess>)
    }
}

impl From<Pid> for Peer {
    fn from(pid: Pid) -> Self {
        Self { pid, process: Runtime::current_engine().table.get(pid) }
    }
}

/// Whoever has the name now (P6.2). Nobody is as good as dead.
impl From<&Name> for Peer {
    fn from(name: &Name) -> Self {
        name.whereis().unwrap_or(Self { pid: Pid::NOBODY, process: None })
    }
}

impl From<&Peer> for Peer {
    fn from(peer: &Peer) -> Self {
        peer.clone()
    }
}

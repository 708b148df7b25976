//! Who a new process is tied to: the process that starts it.

use super::any::AnyProcess;
use super::cell::Cell;
use super::current;
use super::own::link;
use super::peer::Peer;
use crate::signal::Down;
use crate::sync::Arc;
use crate::{Address, ExitReason, MonitorRef};

/// Who starts a process, and by what the two are tied from the first moment (P2.1).
#[derive(Clone, Default)]
pub(crate) struct Family {
    /// `None` from a plain thread.
    starter: Option<Peer>,
    linked: bool,
    monitor: Option<MonitorRef>,
}

impl Family {
    /// The calling process as the starter.
    pub(crate) fn of_caller(linked: bool) -> Self {
        let starter = current::pid().map(Peer::from).filter(|starter| starter.process().is_some());
        Self { linked: linked && starter.is_some(), starter, monitor: None }
    }

    pub(crate) fn starter(&self) -> Option<&Peer> {
        self.starter.as_ref()
    }

    /// Whether the starter is its parent (G1.4).
    pub(crate) fn is_linked(&self) -> bool {
        self.linked
    }

    pub(crate) fn monitor(&self) -> Option<MonitorRef> {
        self.monitor
    }

    pub(crate) fn set_monitor<M: Send + 'static>(&mut self, cell: &Arc<Cell<M>>) {
        self.monitor = self.watch(cell);
    }

    /// Has the starter monitor it.
    pub(crate) fn watch<M: Send + 'static>(&self, cell: &Arc<Cell<M>>) -> Option<MonitorRef> {
        let starter = self.starter.as_ref()?;
        let own = starter.process()?;
        let monitor = cell.engine().next_monitor();
        own.add_monitor(monitor, Peer::from(&Address(Arc::clone(cell))));
        if !cell.add_watcher(monitor, starter.clone()) {
            let reason = cell.exit_reason().unwrap_or(ExitReason::NoProc);
            own.down(Down { monitor, process: AnyProcess::pid(&**cell), reason });
        }
        Some(monitor)
    }

    pub(crate) fn link<M: Send + 'static>(&self, cell: &Arc<Cell<M>>) {
        if let Some(starter) = self.starter.as_ref().filter(|_| self.linked)
            && let Some(own) = starter.process()
        {
            // The starter runs, so it lives; if a kill hits it right now, the child's end follows through this link.
            let _ = link(&**own, starter, &Peer::from(&Address(Arc::clone(cell))));
        }
    }

    /// The start has failed: a starter that traps exits hears of it from the start alone (G1.5).
    pub(crate) fn forget(&self, process: &dyn AnyProcess) {
        if let Some(own) = self.starter.as_ref().and_then(Peer::process) {
            if self.linked && own.traps_exits() {
                Self::unlink(&**own, process);
            }
            self.demonitor(&**own, process);
        }
    }

    /// The start took too long: the starter lives on, whether it traps exits or not (G1.6).
    pub(crate) fn part(&self, process: &dyn AnyProcess) {
        if let Some(own) = self.starter.as_ref().and_then(Peer::process) {
            if self.linked {
                Self::unlink(&**own, process);
            }
            self.demonitor(&**own, process);
        }
    }

    fn unlink(own: &dyn AnyProcess, process: &dyn AnyProcess) {
        own.remove_link(process.pid());
        process.remove_link(own.pid());
    }

    fn demonitor(&self, own: &dyn AnyProcess, process: &dyn AnyProcess) {
        if let Some(monitor) = self.monitor {
            process.remove_watcher(monitor);
            if own.remove_monitor(monitor).is_none() {
                own.flush_down(monitor);
            }
        }
    }
}

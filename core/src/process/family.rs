//! Who a new process is tied to: the process that starts it.

use super::any::AnyProcess;
use super::cell::{Birth, Cell};
use super::current;
use super::lineage::Origin;
use super::own::link;
use super::peer::Peer;
use super::relations::{Relations, Tie};
use crate::runtime::Runtime;
use crate::runtime::engine::Engine;
use crate::sync::Arc;
use crate::{ExitReason, MonitorRef};

/// Who starts a process, and by what the two are tied from the first moment (P2.1).
#[derive(Clone, Default)]
pub(crate) struct Family {
    /// `None` from a plain thread.
    starter: Option<Peer>,
    linked: bool,
    monitor: Option<MonitorRef>,
}

impl Family {
    /// The calling process as the starter, if it is of the current runtime.
    #[inline]
    pub(crate) fn of_caller(linked: bool) -> Self {
        let find = |pid| {
            let found = current::see_engine(|engine| engine.table.get(pid));
            found.unwrap_or_else(|| Runtime::current_engine().table.get(pid))
        };
        let starter = current::pid().and_then(|pid| Some(Peer::found(pid, find(pid)?)));
        Self { linked: linked && starter.is_some(), starter, monitor: None }
    }

    /// What a new process with a body of this kind has from its birth. If it is to be watched, its starter monitors it.
    #[inline]
    pub(crate) fn bear(&mut self, kind: fn() -> &'static str, watched: bool) -> Birth {
        let Some((starter, own)) = self.starter.as_mut().and_then(|peer| peer.take_process().map(|own| (peer, own)))
        else {
            let engine = Runtime::current_engine();
            let pid = engine.next_pid();
            return Birth { pid, kind, origin: Origin::Nobody(engine), relations: Relations::default(), rare: None };
        };
        let (pid, lineage) = own.bear(watched);
        let relations = if watched {
            let monitor = MonitorRef::of_start(pid);
            self.monitor = Some(monitor);
            // The tie takes the reference; who still needs the starter, to link or to undo, finds it again.
            Relations::One(Tie::Watcher(monitor, Peer::found(starter.pid(), own)))
        } else {
            *starter = Peer::found(starter.pid(), own);
            Relations::default()
        };
        Birth { pid, kind, origin: Origin::Parents(lineage), relations, rare: None }
    }

    /// Whether the starter is its parent (G1.4).
    pub(crate) fn is_linked(&self) -> bool {
        self.linked
    }

    pub(crate) fn monitor(&self) -> Option<MonitorRef> {
        self.monitor
    }

    /// Has the starter hear of a process that has ended already.
    pub(crate) fn mourn<M: Send + 'static>(&self, cell: &Arc<Cell<M>>) -> Option<MonitorRef> {
        let starter = self.found(cell.engine())?;
        let monitor = cell.engine().next_monitor();
        starter.add_monitor(monitor, Peer::new(Arc::clone(cell) as _));
        let reason = cell.exit_reason().unwrap_or(ExitReason::NoProc);
        let woken = starter.down(monitor, AnyProcess::pid(&**cell), &reason, cell.engine());
        cell.engine().schedule_some(woken);
        Some(monitor)
    }

    pub(crate) fn link<M: Send + 'static>(&self, cell: &Arc<Cell<M>>) {
        if let Some(starter) = self.linked.then(|| self.found(cell.engine())).flatten() {
            // The starter runs, so it lives; if a kill hits it right now, the child's end follows through this link.
            let _ = link(&Peer::new(starter), &Peer::new(Arc::clone(cell) as _));
        }
    }

    fn found(&self, engine: &Engine) -> Option<Arc<dyn AnyProcess>> {
        self.starter.as_ref()?.process_in(engine)
    }

    /// The start has failed: a starter that traps exits hears of it from the start alone (G1.5).
    pub(crate) fn forget(&self, process: &dyn AnyProcess, engine: &Engine) {
        if let Some(own) = self.found(engine) {
            if self.linked && own.traps_exits() {
                Self::unlink(&*own, process);
            }
            self.demonitor(&*own, process);
        }
    }

    /// The start took too long: the starter lives on, whether it traps exits or not (G1.6).
    pub(crate) fn part(&self, process: &dyn AnyProcess, engine: &Engine) {
        if let Some(own) = self.found(engine) {
            if self.linked {
                Self::unlink(&*own, process);
            }
            self.demonitor(&*own, process);
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

//! The process that owns a partition: it removes what the dead leave.

use super::inside::Inside;
use super::{RegistryKey, RegistryValue};
use crate::process::AnyProcess;
use crate::sync::Arc;
use crate::{Address, Init, Outcome, Pid, Process, ProcessContext, Signal, StartError};

/// It takes no messages.
pub(super) enum Nothing {}

struct Owner<K: RegistryKey, V: RegistryValue> {
    registry: Arc<Inside<K, V>>,
    partition: usize,
    me: Option<Pid>,
}

/// Starts the owner of a partition, linked to the caller.
pub(super) fn start_link<K: RegistryKey, V: RegistryValue>(
    registry: &Arc<Inside<K, V>>,
    partition: usize,
) -> Result<Address<Nothing>, StartError> {
    Owner { registry: Arc::clone(registry), partition, me: None }.start_link()
}

impl<K: RegistryKey, V: RegistryValue> Process for Owner<K, V> {
    type Message = Nothing;

    fn init(&mut self, cx: &mut ProcessContext<'_, Nothing>) -> Init {
        // Before anybody can link to it: their ends must not be its own.
        cx.trap_exit(true);
        self.me = Some(cx.pid());
        if let Some(partition) = self.registry.partitions.get(self.partition) {
            let me = Arc::clone(&cx.me().0) as Arc<dyn AnyProcess>;
            partition.open(&me);
        }
        Init::Continue
    }

    fn handle(&mut self, message: Nothing, _: &mut ProcessContext<'_, Nothing>) -> Outcome {
        match message {}
    }

    fn handle_signal(&mut self, signal: Signal, _: &mut ProcessContext<'_, Nothing>) -> Outcome {
        if let Some(partition) = self.registry.partitions.get(self.partition) {
            match signal {
                Signal::Exit(exit) => partition.forget(exit.from),
                Signal::Down(down) => partition.locks.holder_ended(&down),
            }
        }
        Outcome::Continue
    }
}

/// The table ends with its owner, before the registrants hear of that (P3.3): who restarts them finds it empty.
impl<K: RegistryKey, V: RegistryValue> Drop for Owner<K, V> {
    fn drop(&mut self) {
        if let (Some(partition), Some(me)) = (self.registry.partitions.get(self.partition), self.me) {
            partition.close(me);
        }
    }
}

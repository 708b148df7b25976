//! Doing something with all who hold a key.

use std::borrow::Borrow;
use std::hash::Hash;

use super::inside::Inside;
use super::read::shown;
use super::{DispatchError, RegistryKey, RegistryRef, RegistryValue};
use crate::process::current;
use crate::sync::Arc;
use crate::{Address, ExitReason, Mail, Mailbox, Peer, Signal, ThreadProcess, spawn_link};

impl<K: RegistryKey, V: RegistryValue> RegistryRef<K, V> {
    /// Calls a function, in the caller, with those who hold a key: once for each partition that has any, so once at most unless
    /// duplicate keys are partitioned by process. Never with an empty list. A panic of it is the caller's.
    ///
    /// Specification: R3.1.
    ///
    /// ```
    /// use genstage_core::{Mail, Registry, ThreadProcess};
    ///
    /// let here = ThreadProcess::start()?;
    /// let topics = Registry::duplicate().start_link()?;
    /// topics.register("weather".to_owned(), here.me().clone())?;
    /// topics.dispatch("weather", |members| {
    ///     for (_, member) in members {
    ///         member.send("rain").ok();
    ///     }
    /// });
    /// assert!(matches!(here.receive(None), Some(Mail::Message("rain"))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dispatch<Q>(&self, key: &Q, visit: impl FnMut(&[(Peer, V)]))
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut visit = visit;
        self.groups(key).for_each(|group| visit(&group));
    }

    /// As [`dispatch`](Self::dispatch), but where more than one partition has entries, each call runs in a process of its own, linked
    /// to the caller, at the same time. Returns when all have ended; blocks the caller, announced.
    ///
    /// # Errors
    ///
    /// [`DispatchError`] if a call panicked in its process. Through the link that ends the calling process too, after this callback,
    /// unless it traps exits; a plain thread has the error alone. Where there is one list at most, the function runs in
    /// the caller, and a panic is the caller's.
    pub fn dispatch_parallel<Q>(
        &self,
        key: &Q,
        visit: impl Fn(&[(Peer, V)]) + Send + Sync + 'static,
    ) -> Result<(), DispatchError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.inside.of_key(self.inside.hash(key)).len() == 1 {
            self.dispatch(key, visit);
            return Ok(());
        }
        // A process in passing hears the ends, so that the caller's own inbox stays as it is.
        let Ok(ends) = ThreadProcess::<()>::aside() else {
            return Err(DispatchError { reason: ExitReason::Shutdown });
        };
        let visit = Arc::new(visit);
        let caller = current::pid().map(Peer::from);
        let workers: Vec<_> = self.groups(key).map(|group| visitor(group, &visit, caller.clone())).collect();
        for worker in &workers {
            ends.monitor(worker);
            worker.send(()).ok();
        }
        // In a simulation nobody comes if the ends wait for this caller.
        let reasons = workers.iter().map(|_| match ends.receive(None) {
            Some(Mail::Signal(Signal::Down(down))) => down.reason,
            _ => ExitReason::Timeout,
        });
        let failed = reasons.fold(None, |first, reason| first.or((reason != ExitReason::Normal).then_some(reason)));
        failed.map_or(Ok(()), |reason| Err(DispatchError { reason }))
    }

    /// The entries of a key, by partition; no empty ones.
    fn groups<Q>(&self, key: &Q) -> impl Iterator<Item = Vec<(Peer, V)>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.inside.hash(key);
        let groups = self.inside.of_key(hash).iter().map(move |partition| Inside::entries(partition, hash, key));
        groups.filter(|group| !group.is_empty()).map(|group| group.iter().map(shown).collect())
    }
}

/// A process that does one call of the function when it is told to, linked to the caller.
fn visitor<V: RegistryValue>(
    group: Vec<(Peer, V)>,
    visit: &Arc<impl Fn(&[(Peer, V)]) + Send + Sync + 'static>,
    caller: Option<Peer>,
) -> Address<()> {
    let visit = Arc::clone(visit);
    spawn_link(move |mailbox: Mailbox<()>| async move {
        mailbox.receive().await;
        visit(&group);
        // A caller that traps exits is to hear of failures alone.
        if let Some(caller) = caller {
            mailbox.unlink(&caller);
        }
    })
}

//! Who hears of registrations.

use std::fmt;

use super::{RegistryKey, RegistryRef, RegistryValue};
use crate::sync::Arc;
use crate::{Address, Name, Panic, Pid, log};

/// What a listener hears (R2.7). Nothing is sent when entries go because their process ended: monitor it to hear of that.
#[derive(Clone)]
pub enum RegistryEvent<K, V> {
    /// A process has registered.
    Register {
        /// Where.
        registry: RegistryRef<K, V>,
        /// Under which key.
        key: K,
        /// Who.
        pid: Pid,
        /// With which value.
        value: V,
    },
    /// A process has unregistered, and holds the key no more.
    Unregister {
        /// Where.
        registry: RegistryRef<K, V>,
        /// Under which key.
        key: K,
        /// Who.
        pid: Pid,
    },
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for RegistryEvent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register { registry, key, pid, value } => f
                .debug_struct("Register")
                .field("registry", registry)
                .field("key", key)
                .field("pid", pid)
                .field("value", value)
                .finish(),
            Self::Unregister { registry, key, pid } => {
                f.debug_struct("Unregister").field("registry", registry).field("key", key).field("pid", pid).finish()
            }
        }
    }
}

type Tell<K, V> = dyn Fn(RegistryEvent<K, V>) + Send + Sync;

/// A process that hears of registrations: an address or a name, whose process takes [`RegistryEvent`]s, or such a place with a
/// function that makes the process's own messages of them.
///
/// A name is looked up for each event. Whom it does not find, or who takes other messages, hears nothing.
pub struct Listener<K, V>(Arc<Tell<K, V>>);

impl<K: RegistryKey, V: RegistryValue> Listener<K, V> {
    /// A process that takes other messages, with the function that makes them.
    ///
    /// ```
    /// use genstage_core::{Listener, Mailbox, Registry, RegistryEvent, spawn};
    ///
    /// enum Order {
    ///     Open,
    ///     Registered(RegistryEvent<String, u32>),
    /// }
    /// let lobby = spawn(|mailbox: Mailbox<Order>| async move {
    ///     if let Order::Registered(event) = mailbox.receive().await { /* ... */ }
    /// });
    /// let rooms = Registry::unique().listener(Listener::address(&lobby, Order::Registered)).start_link()?;
    /// # lobby.send(Order::Open).ok();
    /// # rooms.stop().unwrap();
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn address<M: Send + 'static>(
        to: &Address<M>,
        convert: impl Fn(RegistryEvent<K, V>) -> M + Send + Sync + 'static,
    ) -> Self {
        let to = to.clone();
        Self(Arc::new(move |event| drop(to.send(convert(event)))))
    }

    /// Whoever has a name when there is something to hear, and takes the messages that a function makes.
    pub fn name<M: Send + 'static>(
        to: impl Into<Name>,
        convert: impl Fn(RegistryEvent<K, V>) -> M + Send + Sync + 'static,
    ) -> Self {
        let to = to.into();
        Self(Arc::new(move |event| {
            if let Some(to) = to.address() {
                drop(to.send(convert(event)));
            }
        }))
    }

    /// What a listener does with an event is no matter of the registrant's.
    pub(super) fn tell(&self, event: &RegistryEvent<K, V>) {
        if let Err(panic) = Panic::catch(|| (self.0)(event.clone())) {
            log::error!("a listener of a registry panicked: {}", panic.message());
        }
    }
}

impl<K: RegistryKey, V: RegistryValue> From<&Address<RegistryEvent<K, V>>> for Listener<K, V> {
    fn from(address: &Address<RegistryEvent<K, V>>) -> Self {
        Self::address(address, |event| event)
    }
}

impl<K: RegistryKey, V: RegistryValue> From<Name> for Listener<K, V> {
    fn from(name: Name) -> Self {
        Self::name(name, |event| event)
    }
}

impl<K: RegistryKey, V: RegistryValue> From<&str> for Listener<K, V> {
    fn from(name: &str) -> Self {
        Self::from(Name::from(name))
    }
}

impl<K, V> Clone for Listener<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for Listener<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
    }
}

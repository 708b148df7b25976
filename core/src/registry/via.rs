//! Names in a registry.

use std::fmt;

use super::inside::Keys;
use super::{Refusal, RegistryKey, RegistryRef, RegistryValue};
use crate::name::Naming;
use crate::{Name, Peer, RegisterError};

/// A place in a registry, as a name.
struct Via<K, V> {
    registry: RegistryRef<K, V>,
    key: K,
    value: V,
}

impl<K: RegistryKey, V: RegistryValue> RegistryRef<K, V> {
    /// A name for who holds a key: for [`StartOptions::name`](crate::StartOptions::name) and all else that takes one. A process that
    /// starts under it is registered before its `init` runs.
    ///
    /// It finds the living alone (R2.4). Where keys are not unique it finds nobody, and starting under it is
    /// an error (R3.2). A taken key gives [`StartError::AlreadyStarted`](crate::StartError::AlreadyStarted).
    ///
    /// ```
    /// use genstage_core::{Mailbox, Registry, StartError, StartOptions, spawn_with};
    ///
    /// let rooms = Registry::<_, ()>::unique().start_link()?;
    /// let idle = |mailbox: Mailbox<()>| async move { mailbox.receive().await };
    /// let lobby = spawn_with(StartOptions::new().name(rooms.via("lobby")), idle)?;
    /// assert_eq!(rooms.via("lobby").pid(), Some(lobby.pid()));
    /// let again = spawn_with(StartOptions::new().name(rooms.via("lobby")), idle);
    /// assert_eq!(again.unwrap_err(), StartError::AlreadyStarted(lobby.pid()));
    /// # rooms.stop().unwrap();
    /// # Ok::<(), StartError>(())
    /// ```
    pub fn via(&self, key: K) -> Name
    where
        V: Default,
    {
        self.via_value(key, V::default())
    }

    /// As [`via`](Self::via), with the value to register.
    pub fn via_value(&self, key: K, value: V) -> Name {
        Name::via(Via { registry: self.clone(), key, value })
    }
}

impl<K: RegistryKey, V: RegistryValue> Naming for Via<K, V> {
    fn whereis(&self) -> Option<Peer> {
        match self.registry.inside.keys {
            Keys::Unique => self.registry.whereis(&self.key),
            Keys::DuplicateByPid | Keys::DuplicateByKey => None,
        }
    }

    fn register(&self, process: &Peer) -> Result<(), RegisterError> {
        if self.registry.inside.keys != Keys::Unique {
            return Err(RegisterError::NotABook(format!("{:?}, as its keys may be duplicate", self.registry)));
        }
        match self.registry.enter(self.key.clone(), self.value.clone(), process) {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.refusal {
                Refusal::AlreadyRegistered(holder) => RegisterError::NameTaken(holder),
                Refusal::Dead(pid) => RegisterError::Dead(pid),
                Refusal::Down | Refusal::NoProcess => {
                    RegisterError::NotABook(format!("{:?}, as it is down", self.registry))
                }
            }),
        }
    }
}

impl<K, V> fmt::Debug for Via<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of {:?}", self.registry)
    }
}

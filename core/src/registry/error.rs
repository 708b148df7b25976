//! What can go wrong in a registry, one small type for each operation.

use std::fmt;

use super::builder::MOST_PARTITIONS;
use crate::{ExitReason, Pid, StartError};

/// What is wrong with the options of a registry. Nothing has been started.
///
/// Specification: R1.1. What types rule out has no case here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRegistry {
    /// So many partitions: there must be one at least, and 4096 at most.
    Partitions(usize),
}

impl InvalidRegistry {
    /// What was wrong with the options, if that made this start fail.
    pub fn of(error: &StartError) -> Option<&Self> {
        match error {
            StartError::Init(ExitReason::Other(detail)) => detail.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for InvalidRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Partitions(partitions) = self;
        write!(f, "{partitions} partitions; the least are 1, the most {MOST_PARTITIONS}")
    }
}

impl std::error::Error for InvalidRegistry {}

/// Why something was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The key is unique, and this process holds it; perhaps the caller itself (R2.1).
    AlreadyRegistered(Pid),
    /// The caller is a plain thread. A [`ThreadProcess`](crate::ThreadProcess) makes it a process.
    NoProcess,
    /// The process has ended.
    Dead(Pid),
    /// The registry has ended, or is just being restarted.
    Down,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRegistered(pid) => write!(f, "the key is held by process {pid}"),
            Self::NoProcess => f.write_str("the calling thread is no process"),
            Self::Dead(pid) => write!(f, "process {pid} is dead"),
            Self::Down => f.write_str("the registry is down"),
        }
    }
}

/// A registration that failed, with what was to be registered.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationError<K, V> {
    /// Why.
    pub refusal: Refusal,
    /// The key, handed back.
    pub key: K,
    /// The value, handed back.
    pub value: V,
}

impl<K, V> fmt::Display for RegistrationError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not registered: {}; key and value are handed back", self.refusal)
    }
}

impl<K, V> fmt::Debug for RegistrationError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistrationError({:?})", self.refusal)
    }
}

impl<K, V> std::error::Error for RegistrationError<K, V> {}

/// A value that was not updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// The calling process does not hold the key.
    NotRegistered,
    /// The keys of this registry are not unique, so that it is not clear which value is meant.
    DuplicateKeys,
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRegistered => "the calling process does not hold the key",
            Self::DuplicateKeys => "only the values of unique keys can be updated",
        })
    }
}

impl std::error::Error for UpdateError {}

/// A parallel dispatch in which a call of the function failed. The others have run to their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchError {
    /// The end of the process that the first of them ran in.
    pub reason: ExitReason,
}

impl fmt::Display for DispatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a dispatch failed: {}", self.reason)
    }
}

impl std::error::Error for DispatchError {}

/// A lock that was not taken; the function did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockError {
    /// The caller holds this very lock, and would wait for itself.
    HeldByCaller,
    /// The caller was bound to end when its turn came.
    Dead,
    /// The registry has ended, or is just being restarted.
    Down,
    /// In a simulation: nobody can ever release it.
    Stuck,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeldByCaller => "the caller holds this lock already",
            Self::Dead => "the caller was bound to end when its turn came",
            Self::Down => "the registry is down",
            Self::Stuck => "nobody can ever release the lock",
        })
    }
}

impl std::error::Error for LockError {}

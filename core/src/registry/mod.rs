//! The registry: processes found by keys, one or many for each, with a value.
//!
//! 1. `shard` — some entries, pure
//! 2. `partition` — the entries, who holds them, and the links that keep them true
//! 3. `owner` — the process that cleans up behind the dead
//! 4. `inside` — what all handles share, and which partition is whose
//! 5. `builder` — starting one, and finding it by name
//! 6. `handle`, `read`, `dispatch`, `meta`, `via` — what it is good for
//! 7. `listener` — who hears of registrations
//! 8. `line`, `lock`, `exclusive` — locks by key: one line, pure; all lines; the handle's side
//! 9. `error` — what can go wrong

mod builder;
mod dispatch;
mod error;
mod exclusive;
mod handle;
mod inside;
mod line;
mod listener;
mod lock;
mod meta;
mod owner;
mod partition;
mod read;
mod shard;
mod via;

#[cfg(all(test, not(loom)))]
mod tests;

use std::hash::Hash;

pub use builder::Registry;
pub use error::{DispatchError, InvalidRegistry, LockError, Refusal, RegistrationError, UpdateError};
pub use handle::RegistryRef;
pub use listener::{Listener, RegistryEvent};

/// What a key of a registry must be able to do. Implemented for everything that can; there is nothing to write.
///
/// Keys are equal where `Eq` says so (R2.8).
pub trait RegistryKey: Eq + Hash + Clone + Send + Sync + 'static {}

impl<T: Eq + Hash + Clone + Send + Sync + 'static> RegistryKey for T {}

/// What a value in a registry must be able to do. Implemented for everything that can; there is nothing to write.
pub trait RegistryValue: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> RegistryValue for T {}

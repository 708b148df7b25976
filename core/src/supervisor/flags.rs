//! What all supervisors can be told, and what is wrong with what they were told.

use std::fmt;

use super::intensity::Intensity;
use super::spec::ChildId;
use crate::Name;

/// The options that all supervisors share.
///
/// Specification: S1.3, D1.
#[derive(Clone, Debug)]
pub struct Flags {
    /// How many restarts are granted in that time.
    pub max_restarts: u32,
    /// The time in which they are counted, in seconds.
    pub max_seconds: u32,
    /// What it is registered under.
    pub name: Option<Name>,
}

impl Default for Flags {
    /// Three restarts in five seconds; no name.
    fn default() -> Self {
        Self { max_restarts: 3, max_seconds: 5, name: None }
    }
}

impl Flags {
    /// The intensity they ask for, if there is such a one.
    ///
    /// # Errors
    ///
    /// [`InvalidSupervisor::NoSeconds`].
    pub fn intensity(&self) -> Result<Intensity, InvalidSupervisor> {
        if self.max_seconds == 0 {
            return Err(InvalidSupervisor::NoSeconds);
        }
        Ok(Intensity::new(self.max_restarts, self.max_seconds))
    }
}

/// What is wrong with the options of a supervisor or the specification of a child. Nothing has been started.
///
/// Specification: S1.4. What types rule out has no case here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSupervisor {
    /// `max_seconds` is zero: restarts cannot be counted in no time at all.
    NoSeconds,
    /// Two children have this id.
    DuplicateChild(ChildId),
    /// This child is significant, but nothing ends the supervisor: its `auto_shutdown` is `Never`.
    SignificantWithoutAutoShutdown(ChildId),
    /// This child is significant and permanent: it is always restarted, so its end could never count.
    SignificantPermanent(ChildId),
}

impl fmt::Display for InvalidSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeconds => f.write_str("max_seconds is zero"),
            Self::DuplicateChild(id) => write!(f, "two children have the id `{id}`"),
            Self::SignificantWithoutAutoShutdown(id) => {
                write!(f, "child `{id}` is significant, but auto_shutdown is never")
            }
            Self::SignificantPermanent(id) => write!(f, "child `{id}` is significant and permanent"),
        }
    }
}

impl std::error::Error for InvalidSupervisor {}

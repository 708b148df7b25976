//! Partitions that make no sense.

use std::{error, fmt};

/// Why a [`PartitionDispatcher`](super::PartitionDispatcher) cannot be built. Specification: section 15.4, decision Q23.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionError {
    /// There must be one partition at least.
    None,
    /// Two partitions have this name.
    Twice(String),
}

impl fmt::Display for PartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there must be at least one partition, got none"),
            Self::Twice(name) => write!(f, "two partitions are named {name}"),
        }
    }
}

impl error::Error for PartitionError {}

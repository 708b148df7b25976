//! Partitions that make no sense.

use std::{error, fmt};

/// More are a mistake. Guessed: far above usual numbers.
pub(super) const MOST: usize = 65_536;

/// Why a [`PartitionDispatcher`](super::PartitionDispatcher) cannot be built. Specification: section 15.4, decision Q23.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionError {
    /// There must be one partition at least.
    None,
    /// There may be 65,536 partitions at most: room is made for each at once. Of names, one more is looked at.
    TooMany(usize),
    /// Two partitions have this name.
    Twice(String),
}

impl fmt::Display for PartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there must be at least one partition, got none"),
            Self::TooMany(partitions) => write!(f, "there may be at most {MOST} partitions, got {partitions}"),
            Self::Twice(name) => write!(f, "two partitions are named {name}"),
        }
    }
}

impl error::Error for PartitionError {}

//! The partition supervisor: copies of one child, found by a key without asking anybody.
//!
//! 1. `route` — which partition a key belongs to, pure
//! 2. `table` — the partitions as readers see them
//! 3. `options`, `handle` — starting it, asking it
//! 4. `name` — a partition as a name
//! 5. `resize` — fewer of them, or more again

mod error;
mod handle;
mod name;
mod options;
mod resize;
mod route;
mod table;

pub use error::{InvalidPartitions, PartitionError, ResizeError};
pub use handle::PartitionSupervisorRef;
pub use options::PartitionSupervisor;

/// Guessed: far above the cores of any machine, and a number gone wrong is told from a wish.
const MOST_PARTITIONS: usize = 1 << 16;

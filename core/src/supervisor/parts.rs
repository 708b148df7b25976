//! What supervisors outside this crate are made of. For genstage alone; may change with every version.

pub use super::dynamic::spec::guarded;
pub use super::dynamic::table::{Child, Children, Ended};
pub use super::flags::Flags;
pub use super::intensity::Intensity;
pub use super::stop::{Leaving, stop_all_from_callback};
pub use crate::contained::Contained;
pub use crate::process::called::call_link;
pub use crate::process::current::is_starting;

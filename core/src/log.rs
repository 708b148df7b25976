//! What the specifications log: through `tracing`, or nowhere without that feature.

use crate::{ExitReason, Pid};

#[cfg(feature = "tracing")]
pub(crate) use tracing::{error, warn};

/// Takes its arguments, so that they are no different with and without the feature, and says nothing.
#[cfg(not(feature = "tracing"))]
macro_rules! silent {
    ($($arg:tt)*) => {{
        let _ = format_args!($($arg)*);
    }};
}
#[cfg(not(feature = "tracing"))]
pub(crate) use {silent as error, silent as warn};

/// The report of a process that ended abnormally (P14).
pub(crate) fn crash(pid: Pid, name: Option<&str>, reason: &ExitReason) {
    let name = name.unwrap_or("-");
    error!("process {pid} ({name}) ended: {reason}");
}

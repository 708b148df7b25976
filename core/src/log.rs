//! What the specifications log: through `tracing`, or nowhere without that feature.

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

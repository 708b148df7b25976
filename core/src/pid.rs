//! Names of processes and of the things between them.

use std::fmt;

/// The identity of one process in one runtime. Never reused: a restarted process has a new pid.
///
/// Specification: vocabulary (section 1) and P8 of the runtime rules.
///
/// ```
/// let counter = genstage_core::spawn(|mailbox| async move {
///     let _: Option<()> = mailbox.receive().await;
/// });
/// println!("{}", counter.pid()); // <0.1>, say
/// # counter.exit(genstage_core::ExitReason::Kill);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid {
    pub(crate) runtime: u32,
    pub(crate) serial: u64,
}

impl Pid {
    /// The pid of nobody: the sender of what a plain thread sends, and of whom a name finds that nobody has.
    pub const NOBODY: Self = Self { runtime: 0, serial: 0 };
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}>", self.runtime, self.serial)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub(crate) u64);

        impl $name {
            /// The number behind it; unique within its runtime.
            pub fn get(self) -> u64 {
                self.0
            }
        }
    };
}

reference! {
    /// One monitor, as returned by `monitor` and carried by its [`Down`](crate::Down) notice. Unique within its runtime.
    MonitorRef
}

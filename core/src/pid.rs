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
pub struct Pid(u64);

/// The bits of the serial number. At two million starts a second they last for more than four years; the 16 left tell 65,536
/// runtimes of one program apart. One word for both makes every piece of mail smaller, and every tie between processes.
const SERIAL: u32 = 48;

impl Pid {
    /// The pid of nobody: the sender of what a plain thread sends, and of whom a name finds that nobody has.
    pub const NOBODY: Self = Self(0);

    pub(crate) const fn new(runtime: u32, serial: u64) -> Self {
        Self((runtime as u64) << SERIAL | serial & ((1 << SERIAL) - 1))
    }

    /// Its number in the order of starts; the first process of a runtime has 1.
    pub(crate) const fn serial(self) -> u64 {
        self.0 & ((1 << SERIAL) - 1)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}>", self.0 >> SERIAL, self.serial())
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

/// Marks the numbers of those that come with a start.
const OF_START: u64 = 1 << 63;

impl MonitorRef {
    /// The monitor that whoever starts a process has of it from the first moment. A start has one at most, so that the pid says
    /// which.
    pub(crate) const fn of_start(child: Pid) -> Self {
        Self(child.0 | OF_START)
    }
}

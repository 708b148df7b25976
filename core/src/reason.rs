//! Why a process ended.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::contained::Contained;
use crate::sync::Arc;

/// Why a process ended, or is asked to end.
///
/// `Normal`, `Shutdown` and `ShutdownWith` are *clean*: they are not logged as errors. All others are abnormal.
/// Cloning costs at most one reference count.
///
/// Specification: the table of exit reasons in section 1 of the runtime rules.
///
/// ```
/// use genstage_core::ExitReason;
///
/// assert!(ExitReason::Normal.is_clean());
/// assert!(!ExitReason::Killed.is_clean());
/// let full = ExitReason::other("disk full");
/// assert_eq!(full, ExitReason::other("disk full"));
/// assert_eq!(full.to_string(), "disk full");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// The body returned, or asked for a normal end.
    Normal,
    /// An ordered stop.
    Shutdown,
    /// An ordered stop that carries data.
    ShutdownWith(Detail),
    /// As a signal: an end that cannot be trapped. A process hit by it dies as [`Killed`](Self::Killed).
    Kill,
    /// The process was ended by an explicit [`Kill`](Self::Kill).
    Killed,
    /// The process did not exist.
    NoProc,
    /// A deadline passed.
    Timeout,
    /// A callback panicked.
    Panic(Panic),
    /// A reason of the user's own.
    Other(Detail),
}

impl ExitReason {
    /// A reason of the user's own: a text or any value that can be shown and compared.
    pub fn other<T: Reason>(value: T) -> Self {
        Self::Other(Detail::new(value))
    }

    /// An ordered stop that carries data.
    pub fn shutdown_with<T: Reason>(value: T) -> Self {
        Self::ShutdownWith(Detail::new(value))
    }

    /// Whether this is an orderly end: `Normal`, `Shutdown` or `ShutdownWith`.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(detail) => write!(f, "shutdown: {detail}"),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::NoProc => f.write_str("no such process"),
            Self::Timeout => f.write_str("timeout"),
            Self::Panic(panic) => write!(f, "panic: {}", panic.message()),
            Self::Other(detail) => write!(f, "{detail}"),
        }
    }
}

impl std::error::Error for ExitReason {}

impl fmt::Debug for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What unwinds a process that ends itself.
struct Raised(ExitReason);

impl ExitReason {
    /// The reason a process ends with that unwinds with this.
    #[cold]
    pub(crate) fn from_unwinding(payload: Box<dyn Any + Send>) -> Self {
        match payload.downcast::<Raised>() {
            Ok(raised) => raised.0,
            Err(payload) => Self::Panic(Panic::consume(payload)),
        }
    }

    /// As [`from_unwinding`](Self::from_unwinding), where the unwinding goes on.
    #[cold]
    pub(crate) fn of_unwinding(payload: &(dyn Any + Send)) -> Self {
        match payload.downcast_ref::<Raised>() {
            Some(raised) => raised.0.clone(),
            None => Self::Panic(Panic::from_payload(payload)),
        }
    }
}

/// Ends the calling process with this reason, from wherever its callback, future or thread is: `exit(reason)` of Elixir.
///
/// It unwinds, as a panic does but without its message, so destructors run and `catch_unwind` catches it (P3.1). After it
/// `terminate` runs. Where there is a way back, return [`Outcome::Stop`](crate::Outcome::Stop) or the reason itself instead.
/// Not the same as an exit signal to oneself ([`Address::exit`](crate::Address::exit), P3.2): that acts after the
/// callback, can be trapped, and skips `terminate`. A plain thread is no process: it unwinds as by a panic.
///
/// ```
/// use genstage_core::{ExitReason, Mailbox, raise_exit, spawn_monitor};
///
/// fn deep_down() {
///     raise_exit(ExitReason::other("enough"));
/// }
///
/// let reason = genstage_core::run(|me| {
///     spawn_monitor(|_: Mailbox<()>| async { deep_down() });
///     me.receive_signal(None)
/// });
/// assert!(matches!(reason, Some(genstage_core::Signal::Down(down)) if down.reason == ExitReason::other("enough")));
/// ```
pub fn raise_exit(reason: ExitReason) -> ! {
    resume_unwind(Box::new(Raised(reason)))
}

/// What a panic said: the message alone, so that reasons can be compared and logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Panic(
    /// Behind one pointer, as a reason is part of every piece of mail that may be a signal.
    Arc<Box<str>>,
);

impl Panic {
    /// The panic's message, or a placeholder where the payload was no text.
    pub fn message(&self) -> &str {
        &self.0
    }

    /// Runs user code and catches its panic, and the panics that the payload may cause when it is dropped.
    ///
    /// # Errors
    ///
    /// The panic.
    #[doc(hidden)]
    #[inline]
    pub fn catch<T>(user: impl FnOnce() -> T) -> Result<T, Self> {
        catch_unwind(AssertUnwindSafe(user)).map_err(Self::consume)
    }

    /// As [`catch`](Self::catch), for what runs as a process: gives the reason it ends with, which
    /// [`raise_exit`](crate::raise_exit) may have chosen.
    #[inline]
    pub(crate) fn catch_exit<T>(user: impl FnOnce() -> T) -> Result<T, ExitReason> {
        catch_unwind(AssertUnwindSafe(user)).map_err(ExitReason::from_unwinding)
    }

    fn consume(payload: Box<dyn Any + Send>) -> Self {
        let panic = Self::from_payload(&*payload);
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // A payload of a payload: nobody knows where that ends.
            std::mem::forget(again);
        }
        panic
    }

    fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(Arc::new(Box::from(text.unwrap_or("(a payload that is not text)"))))
    }
}

/// What a user's reason must be able to do: be shown, be compared, be shared.
///
/// Implemented for everything that can; there is nothing to write.
pub trait Reason: Any + fmt::Debug + fmt::Display + PartialEq + Send + Sync {}

impl<T: Any + fmt::Debug + fmt::Display + PartialEq + Send + Sync> Reason for T {}

/// A value carried by an exit reason.
///
/// ```
/// use genstage_core::ExitReason;
///
/// let ExitReason::Other(detail) = ExitReason::other(404_u16) else { unreachable!() };
/// assert_eq!(detail.downcast_ref::<u16>(), Some(&404));
/// ```
#[derive(Clone)]
pub struct Detail(
    /// As in [`Panic`]: behind one pointer.
    Arc<Box<dyn Erased>>,
);

impl Detail {
    /// Wraps a value.
    pub fn new<T: Reason>(value: T) -> Self {
        Self(Arc::new(Box::new(Contained::new(value))))
    }

    /// The value, where it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.as_any().downcast_ref()
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(other.0.as_any())
    }
}

impl Eq for Detail {}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

trait Erased: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn same(&self, other: &dyn Any) -> bool;
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Whoever drops a process last drops its reason, on a thread of the runtime's as well: a panic there is contained.
impl<T: Reason> Erased for Contained<T> {
    fn as_any(&self) -> &dyn Any {
        match self.get() {
            Some(value) => value,
            None => &(),
        }
    }

    fn same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>() == self.get()
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().map_or(Ok(()), |value| fmt::Display::fmt(value, f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_small() {
        assert_eq!(size_of::<ExitReason>(), 16);
        assert_eq!(size_of::<crate::Signal>(), 32);
        assert_eq!(size_of::<crate::Mail<u64>>(), 32);
    }

    #[test]
    fn reasons_compare_by_value_and_type() {
        assert_eq!(ExitReason::other("a"), ExitReason::other("a"));
        assert_ne!(ExitReason::other("a"), ExitReason::other("b"));
        assert_ne!(ExitReason::other(1_u8), ExitReason::other(1_u16));
        assert_ne!(ExitReason::other("a"), ExitReason::shutdown_with("a"));
    }

    #[test]
    fn clean_reasons_are_exactly_three() {
        let clean = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(1)];
        assert!(clean.iter().all(ExitReason::is_clean));
        let not = [
            ExitReason::Kill,
            ExitReason::Killed,
            ExitReason::NoProc,
            ExitReason::Timeout,
            ExitReason::other("x"),
            ExitReason::Panic(Panic::from_payload(&"boom")),
        ];
        assert!(!not.iter().any(ExitReason::is_clean));
    }

    #[test]
    fn a_panic_keeps_its_message() {
        assert_eq!(Panic::from_payload(&"boom").message(), "boom");
        assert_eq!(Panic::from_payload(&String::from("bang")).message(), "bang");
        assert_eq!(Panic::from_payload(&7_u8).message(), "(a payload that is not text)");
    }
}

//! What can go wrong with stages.

use std::fmt;

use genstage_core::{CallError, ExitReason, Pid};

use crate::OptionsError;

/// A subscription that was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscribeError {
    /// An option is out of its bounds. Nothing was sent to the producer.
    Options(OptionsError),
    /// The consumer could not be asked.
    Call(CallError),
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(error) => write!(f, "bad subscription options: {error}"),
            Self::Call(error) => write!(f, "the consumer did not subscribe: {error}"),
        }
    }
}

impl std::error::Error for SubscribeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Options(error) => Some(error),
            Self::Call(error) => Some(error),
        }
    }
}

/// The reason why a subscription by a name is cancelled: the name belongs to a process that is not what is wanted. For
/// [`named`](crate::named) it is no stage, a consumer, or a stage of other events; for `Producer::named` it is of another type.
///
/// ```
/// use genstage::WrongSource;
/// use genstage::prelude::*;
///
/// let texts = from_enumerable(["a", "b"]).start(StageOptions::new().name("texts"))?;
/// let Some(Err(error)) = stream(&named::<u64>("texts"), SubscriptionOptions::new())?.next() else { unreachable!() };
/// let wrong = WrongSource::of(&error.reason).unwrap();
/// assert_eq!((wrong.process, &*wrong.wanted), (texts.pid(), "producer of u64"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct WrongSource {
    /// The name.
    pub name: String,
    /// Who has it.
    pub process: Pid,
    /// What is wanted: the kind of stage, and the type of its events or its own.
    pub wanted: String,
}

impl WrongSource {
    /// What the reason of a cancel says, if it says this.
    pub fn of(reason: &ExitReason) -> Option<&Self> {
        if let ExitReason::Other(detail) = reason { detail.downcast_ref() } else { None }
    }
}

impl fmt::Display for WrongSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, process, wanted } = self;
        write!(f, "{name} is there, but is no {wanted}: it is process {process}")
    }
}

impl std::error::Error for WrongSource {}

/// A stream that ended before its producers were done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StreamError {
    /// The producer whose end, or whose refusal, ended the stream.
    pub producer: Pid,
    /// Why.
    pub reason: ExitReason,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream ended because producer {} did: {}", self.producer, self.reason)
    }
}

impl std::error::Error for StreamError {}

/// A stage that ended abnormally, as [`StageRef::wait`](crate::StageRef::wait) reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// It ended for this reason.
    Ended(ExitReason),
    /// A stage waited for itself, or the runtime is shutting down, or, in a simulation, nothing can ever end it.
    Never,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(reason) => write!(f, "the stage ended: {reason}"),
            Self::Never => f.write_str("the stage's end cannot be waited for here"),
        }
    }
}

impl std::error::Error for WaitError {}

//! What a process tells those who watch it.

use std::fmt;

use crate::{Pid, Signal};

/// What a process does, as its hooks see it. Of the user's types it knows the names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request came.
    Call {
        /// The type of the request.
        request: &'static str,
        /// The process that called; `None` for a plain thread.
        from: Option<Pid>,
    },
    /// A message came that wants no reply, of this type.
    Cast(&'static str),
    /// A message came that stages handle as an info, of this type.
    Info(&'static str),
    /// A message came that is not for the user's callbacks by itself, in words: between stages, for one, what they say to each
    /// other.
    Protocol(String),
    /// An exit or the end of a monitored process came.
    Signal(Signal),
    /// Nothing came for as long as the server said.
    Timeout,
    /// It goes on with what it told itself, of this type.
    Continue(&'static str),
    /// A callback replied.
    Reply {
        /// The type of the request.
        request: &'static str,
        /// The process that called; `None` for a plain thread.
        to: Option<Pid>,
    },
}

impl Event {
    /// Whether it is something that came in and was handled.
    pub fn is_incoming(&self) -> bool {
        matches!(self, Self::Call { .. } | Self::Cast(_) | Self::Info(_) | Self::Protocol(_) | Self::Signal(_))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |pid: &Option<Pid>| pid.map_or_else(|| "a thread".to_owned(), |pid| pid.to_string());
        match self {
            Self::Call { request, from } => write!(f, "got call {request} from {}", who(from)),
            Self::Cast(message) => write!(f, "got cast {message}"),
            Self::Info(message) => write!(f, "got info {message}"),
            Self::Protocol(message) => write!(f, "got {message}"),
            Self::Signal(signal) => write!(f, "got {}", crate::process::describe(signal)),
            Self::Timeout => f.write_str("got timeout"),
            Self::Continue(message) => write!(f, "continues with {message}"),
            Self::Reply { request, to } => write!(f, "replied to {request} of {}", who(to)),
        }
    }
}

/// Whether a hook stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// It wants more.
    Keep,
    /// It is done, and removed.
    Done,
}

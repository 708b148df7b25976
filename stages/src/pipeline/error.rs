//! What can go wrong with a pipeline.

use std::fmt;

use genstage_core::{ExitReason, Pid, StartError};

use super::line::MOST_COPIES;
use crate::OptionsError;

/// A pipeline that was not started, or did not come to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PipelineError {
    /// A step was told something that cannot be. Nothing has flowed.
    Options {
        /// The step.
        step: String,
        /// What it was told.
        error: StepError,
    },
    /// A stage did not start. Nothing has flowed, and those before it have been stopped.
    Start {
        /// The step.
        step: String,
        /// Why.
        error: StartError,
    },
    /// The supervisor of its stages did not start, and so nothing did: the runtime is shutting down, for instance.
    Supervisor(StartError),
    /// A stage failed, and all others were stopped. What was under way is lost.
    Failed {
        /// The step: its name, or what it is and its place in the line.
        step: String,
        /// Which of its copies, from 0.
        copy: usize,
        /// Why: a panic in a closure of the step, for instance.
        reason: ExitReason,
        /// How each stage ended, in order of the flow.
        outcomes: Vec<StageOutcome>,
    },
    /// It was stopped from outside before its ends were done.
    Stopped {
        /// How each stage ended, in order of the flow.
        outcomes: Vec<StageOutcome>,
    },
    /// Its end cannot be waited for here: in one of its own stages, in a process that is bound to end, or, in a simulation, where
    /// nothing can ever end it.
    Never,
    /// Another handle has taken the result.
    Taken,
}

/// How a stage of a pipeline ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StageOutcome {
    /// The step.
    pub step: String,
    /// Which of its copies, from 0.
    pub copy: usize,
    /// Its pid.
    pub pid: Pid,
    /// Why it ended; `None`: it still runs.
    pub reason: Option<ExitReason>,
}

/// What a step cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StepError {
    /// This must be at least 1.
    Zero(&'static str),
    /// There may be 65,536 copies of a step at most: each is a process.
    TooManyCopies,
    /// There may be 65,536 partitions at most: each has a copy of the step behind it.
    TooManyPartitions,
    /// Its demand.
    Demand(OptionsError),
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options { step, error } => write!(f, "step {step}: {error}"),
            Self::Supervisor(error) => write!(f, "the supervisor of the pipeline did not start: {error}"),
            Self::Start { step, error } => write!(f, "step {step} did not start: {error}"),
            Self::Failed { step, copy, reason, .. } => write!(f, "step {step}, copy {copy}, failed: {reason}"),
            Self::Stopped { .. } => f.write_str("the pipeline was stopped before its end"),
            Self::Never => f.write_str("the end of the pipeline cannot be waited for here"),
            Self::Taken => f.write_str("the result of the pipeline was taken before"),
        }
    }
}

impl std::error::Error for PipelineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Options { error: StepError::Demand(error), .. } => Some(error),
            Self::Start { error, .. } | Self::Supervisor(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero(what) => write!(f, "{what} must be >= 1, got 0"),
            Self::TooManyCopies => write!(f, "concurrency must be <= {MOST_COPIES}"),
            Self::TooManyPartitions => write!(f, "partitions must be <= {MOST_COPIES}"),
            Self::Demand(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StepError {}

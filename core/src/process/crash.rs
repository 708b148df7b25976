//! What is reported of a process that ended abnormally.

use std::fmt;

use super::lineage::Ancestor;
use crate::sync::Arc;
use crate::{ExitReason, Pid};

/// The report of a process that ended abnormally: it is logged, and handed to what
/// [`Builder::on_crash`](crate::Builder::on_crash) or [`Simulation::on_crash`](crate::Simulation::on_crash) was given. A clean
/// end is not reported.
///
/// Specification: P14, G6.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// Its pid.
    pub pid: Pid,
    /// The name it had.
    pub name: Option<Arc<str>>,
    /// Who it descended from, the parent first.
    pub ancestors: Vec<Ancestor>,
    /// Of a task: whom it worked for, as in [`ProcessInfo::callers`](crate::ProcessInfo::callers).
    pub callers: Vec<Ancestor>,
    /// The type of its body.
    pub initial_call: &'static str,
    /// The label it gave itself.
    pub label: Option<Arc<str>>,
    /// Why it ended.
    pub reason: ExitReason,
    /// The type of what it took last: its messages' type, or [`Signal`](crate::Signal). `None` if it took nothing yet, or if
    /// its callback was given up.
    pub last_message: Option<&'static str>,
    /// Messages and signals that were lost with it.
    pub message_queue_len: usize,
    /// Who it was linked to.
    pub links: Vec<Pid>,
    /// Its dictionary: types and debug forms.
    pub dictionary: Vec<(&'static str, String)>,
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("-");
        writeln!(f, "process {} ({name}) ended: {}", self.pid, self.reason)?;
        writeln!(f, "  initial call: {}", self.initial_call)?;
        if let Some(label) = &self.label {
            writeln!(f, "  label: {label}")?;
        }
        writeln!(f, "  ancestors: {:?}", self.ancestors)?;
        if !self.callers.is_empty() {
            writeln!(f, "  callers: {:?}", self.callers)?;
        }
        writeln!(f, "  links: {:?}", self.links)?;
        write!(f, "  last message: {}, {} more lost", self.last_message.unwrap_or("-"), self.message_queue_len)?;
        for (key, value) in &self.dictionary {
            write!(f, "\n  {key}: {value}")?;
        }
        Ok(())
    }
}

/// What a user wants to be called with each report.
pub(crate) type Hook = Arc<dyn Fn(&CrashReport) + Send + Sync>;

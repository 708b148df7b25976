//! What there is to know of a process.

use super::lineage::Ancestor;
use crate::Pid;

/// What there is to know of a process at one moment; see [`Peer::info`](crate::Peer::info).
///
/// Specification: P12, P2.4, T1.4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its pid.
    pub pid: Pid,
    /// Its name in its runtime.
    pub registered_name: Option<String>,
    /// What it does.
    pub status: Status,
    /// Messages and signals that wait; not counted are those its current slice has taken already.
    pub message_queue_len: usize,
    /// Who it is linked to, in the order of the pids.
    pub links: Vec<Pid>,
    /// Whom it monitors, once for each monitor, in the order of setting.
    pub monitors: Vec<Pid>,
    /// Who monitors it, once for each monitor, in the order of setting.
    pub monitored_by: Vec<Pid>,
    /// Whether it traps exits.
    pub trap_exit: bool,
    /// The priority it was given.
    pub priority: Priority,
    /// Its dictionary: type and value, as their debug texts, in the order of the types' names.
    pub dictionary: Vec<(&'static str, String)>,
    /// Who it descends from, the parent first; the nearest 32.
    pub ancestors: Vec<Ancestor>,
    /// Of a task: whom it works for, the process that started it first, then whom that one works for if it is a task itself; the
    /// nearest 32. Under a supervisor that is not told by the ancestors.
    pub callers: Vec<Ancestor>,
    /// The type of its body: of the process, of the function that makes the future, or `ThreadProcess`.
    pub initial_call: &'static str,
    /// The label it gave itself.
    pub label: Option<String>,
    /// Messages and signals it has taken, in place of the reductions of OTP. Counted when a slice takes them.
    pub reductions: u64,
    /// Bytes of its inbox's buffers; not what the messages in them hold elsewhere.
    pub memory: usize,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It is in its `init`.
    Starting,
    /// It waits for mail, or its future for something else.
    Waiting,
    /// It waits for its turn.
    Runnable,
    /// It is in a callback, or its future is polled.
    Running,
    /// It is in its `terminate`.
    Exiting,
}

/// The priority of a process.
///
/// It is stored and shown, and changes nothing: no callback keeps others from running, so there is nothing for it to
/// overtake.
///
/// Specification: P2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Below the others.
    Low,
    /// As the others.
    #[default]
    Normal,
    /// Above the others.
    High,
}

//! The calling thread as a process, for as long as a function runs.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::current;
use super::thread::ThreadProcess;
use crate::ExitReason;

/// Makes the calling thread a process while `body` runs: for `main`, scripts, tests and examples. Gives what `body` returns.
///
/// What `body` starts linked is linked to it, exits it sends come from it, and monitors and trapped exits reach it as
/// signals. It takes no messages; [`run_with_inbox`] does. Works alike on a runtime, in a
/// [`Simulation`](crate::Simulation), and inside a callback, which then stands for this process meanwhile. On a runtime
/// that is shutting down the process is dead from the start.
///
/// A panic goes on to the caller, after the process has ended with it. An exit signal cannot stop a thread: see
/// [`ThreadProcess`].
///
/// ```
/// use genstage_core::{ExitReason, Mailbox, Signal, spawn_link};
///
/// let reason = genstage_core::run(|me| {
///     me.trap_exit(true);
///     spawn_link(|_: Mailbox<()>| async { ExitReason::other("done") });
///     match me.receive_signal(None) {
///         Some(Signal::Exit(exit)) => exit.reason,
///         _ => ExitReason::Normal,
///     }
/// });
/// assert_eq!(reason, ExitReason::other("done"));
/// ```
pub fn run<T>(body: impl FnOnce(&ThreadProcess<Infallible>) -> T) -> T {
    run_with_inbox(body)
}

/// As [`run`], with an inbox for messages; their type follows from what is sent or received.
///
/// ```
/// use genstage_core::{Mail, Mailbox, spawn};
///
/// let answer = genstage_core::run_with_inbox(|me| {
///     let asker = me.me().clone();
///     spawn(|_: Mailbox<()>| async move {
///         let _ = asker.send(42);
///     });
///     me.receive(None)
/// });
/// assert!(matches!(answer, Some(Mail::Message(42))));
/// ```
pub fn run_with_inbox<M: Send + 'static, T>(body: impl FnOnce(&ThreadProcess<M>) -> T) -> T {
    let (me, _) = ThreadProcess::make();
    let _inside = current::enter_pid(me.pid());
    match catch_unwind(AssertUnwindSafe(|| body(&me))) {
        Ok(value) => {
            me.end(ExitReason::Normal);
            value
        }
        Err(payload) => {
            me.end(ExitReason::of_unwinding(&*payload));
            resume_unwind(payload)
        }
    }
}

//! How to start a dynamic supervisor.

use super::DynamicSupervisorRef;
use super::process::Dynamic;
use super::table::Children;
use crate::process::start_future;
use crate::supervisor::flags::Flags;
use crate::sync::Arc;
use crate::{ChildSpec, ExitReason, Name, StartError, StartOptions, current_pid};

/// A supervisor whose children come and go at run time.
///
/// It starts without children; [`start_child`](DynamicSupervisorRef::start_child) adds them. Each fails and is restarted
/// by itself; all are stopped at the same time. Made for many: a start or an end costs the same beside a hundred
/// thousand children as beside one.
///
/// ```
/// use genstage_core::{ChildSpec, DynamicSupervisor, Outcome, Process, ProcessContext};
///
/// struct Session;
///
/// impl Process for Session {
///     type Message = &'static str;
///
///     fn handle(&mut self, line: &'static str, _cx: &mut ProcessContext<'_, &'static str>) -> Outcome {
///         println!("{line}");
///         Outcome::Continue
///     }
/// }
///
/// let sessions = DynamicSupervisor::new().max_children(1000).start_link()?;
/// let session = sessions.start_child(ChildSpec::new("session", || Session.start_link()))?;
/// session.send("hello")?;
/// assert_eq!(sessions.count_children()?.active, 1);
/// sessions.terminate_child(session.pid())?;
/// sessions.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What all children need can be given once, as the extra argument: [`with`](Self::with).
///
/// Specification: section 8.
#[derive(Debug)]
#[must_use]
pub struct DynamicSupervisor<E = ()> {
    flags: Flags,
    max_children: usize,
    extra: Arc<E>,
}

impl DynamicSupervisor {
    /// Three restarts in five seconds, any number of children, no name.
    pub fn new() -> Self {
        Self::with(())
    }
}

impl Default for DynamicSupervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Clone for DynamicSupervisor<E> {
    fn clone(&self) -> Self {
        Self { flags: self.flags.clone(), max_children: self.max_children, extra: Arc::clone(&self.extra) }
    }
}

impl<E: Send + Sync + 'static> DynamicSupervisor<E> {
    /// As [`new`](DynamicSupervisor::new), with an argument that the start functions of a
    /// [`DynamicChildSpec`](super::DynamicChildSpec) get, at the first start and at each restart (D6).
    pub fn with(extra: E) -> Self {
        Self { flags: Flags::default(), max_children: usize::MAX, extra: Arc::new(extra) }
    }

    /// The most children there may be; those that are being restarted count (D5). With zero, none.
    pub fn max_children(mut self, children: usize) -> Self {
        self.max_children = children;
        self
    }

    /// How many restarts are granted within [`max_seconds`](Self::max_seconds); at the next one the supervisor stops all children
    /// and ends with [`ExitReason::Shutdown`](crate::ExitReason::Shutdown) (D9). By default 3.
    pub fn max_restarts(mut self, restarts: u32) -> Self {
        self.flags.max_restarts = restarts;
        self
    }

    /// The time in which restarts are counted, in whole seconds, at least one. By default 5.
    pub fn max_seconds(mut self, seconds: u32) -> Self {
        self.flags.max_seconds = seconds;
        self
    }

    /// Registers it under a name.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.flags.name = Some(name.into());
        self
    }

    /// Starts it, linked to the calling process, which is its parent from now on: it ends when that one ends, for
    /// whatever reason. On a plain thread its parent is the world outside, and exits sent from there end it.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the name is taken, an option is wrong, or the runtime is shutting down.
    pub fn start_link(self) -> Result<DynamicSupervisorRef<E>, StartError> {
        let intensity = self.flags.intensity().map_err(|wrong| StartError::Init(ExitReason::other(wrong)))?;
        let parent = current_pid().unwrap_or(crate::Pid::NOBODY);
        let dynamic = Dynamic { parent, extra: self.extra, children: Children::new(self.max_children), intensity };
        let options = self.flags.name.into_iter().fold(StartOptions::new().link(), StartOptions::name);
        let address = start_future(std::any::type_name::<Self>, options, |mailbox| {
            // Before the parent goes on: a normal end of its own would not be heard of otherwise.
            mailbox.trap_exit(true);
            Ok(dynamic.run(mailbox))
        })?;
        Ok(DynamicSupervisorRef(address))
    }

    /// It as the child of another supervisor: of type supervisor, with no time limit to stop. Its id is its name, or else
    /// `DynamicSupervisor`.
    ///
    /// Specification: D13.
    pub fn child_spec(self) -> ChildSpec<DynamicSupervisorRef<E>> {
        let id = self.flags.name.as_ref().map_or_else(|| "DynamicSupervisor".to_owned(), ToString::to_string);
        ChildSpec::new(id, move || self.clone().start_link()).supervisor()
    }
}

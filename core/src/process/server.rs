//! Processes with synchronous callbacks, run in slices.

use std::collections::VecDeque;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use super::address::Address;
use super::any::AnyProcess;
use super::cell::{Body, Cell, Turn};
use super::inbox::{Inbox, Last, Mail};
use super::own::{Own, describe};
use super::start::{StartOptions, start};
use crate::sync::Arc;
use crate::{Exit, ExitReason, MonitorRef, Signal, StartError, log};

/// A process with synchronous callbacks. One callback runs at a time, in strict order of arrival.
///
/// A callback may block or burn: others go on. A panic in one ends this process alone, with
/// [`ExitReason::Panic`].
///
/// ```
/// use genstage_core::{ProcessContext, ExitReason, Outcome, Process};
///
/// struct Adder(u64, std::sync::mpsc::Sender<u64>);
///
/// impl Process for Adder {
///     type Message = u64;
///
///     fn handle(&mut self, message: u64, _cx: &mut ProcessContext<'_, u64>) -> Outcome {
///         self.0 += message;
///         if message == 0 { Outcome::Stop(ExitReason::Normal) } else { Outcome::Continue }
///     }
///
///     fn terminate(&mut self, _reason: &ExitReason, _cx: &mut ProcessContext<'_, u64>) {
///         let _ = self.1.send(self.0);
///     }
/// }
///
/// let (report, reports) = std::sync::mpsc::channel();
/// let adder = Adder(0, report).start()?;
/// for n in [1, 2, 3, 0] {
///     adder.send(n).ok();
/// }
/// assert_eq!(reports.recv(), Ok(6));
/// # Ok::<(), genstage_core::StartError>(())
/// ```
pub trait Process: Send + Sized + 'static {
    /// What others send to it.
    type Message: Send + 'static;

    /// Once, before anything else, while the starter waits. It runs on the starter's thread, or with a
    /// [limit](StartOptions::timeout) on a seat.
    fn init(&mut self, cx: &mut ProcessContext<'_, Self::Message>) -> Init {
        let _ = cx;
        Init::Continue
    }

    /// One message.
    fn handle(&mut self, message: Self::Message, cx: &mut ProcessContext<'_, Self::Message>) -> Outcome;

    /// A trapped exit, or the end of a monitored process. By default it is logged.
    fn handle_signal(&mut self, signal: Signal, cx: &mut ProcessContext<'_, Self::Message>) -> Outcome {
        log::warn!("process {}: unexpected {}", cx.pid(), describe(&signal));
        Outcome::Continue
    }

    /// The last callback: after a stop or a panic, but not after an exit signal that was not trapped, nor when `init`
    /// failed (G6.1, G6.3).
    fn terminate(&mut self, reason: &ExitReason, cx: &mut ProcessContext<'_, Self::Message>) {
        let _ = (reason, cx);
    }

    /// What a message is called in reports: by default its type.
    fn message_type(message: &Self::Message) -> &'static str {
        let _ = message;
        std::any::type_name::<Self::Message>()
    }

    /// What the process is called in reports: by default the type of its state.
    fn behaviour() -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Starts it, neither linked nor named; returns after its `init`.
    ///
    /// # Errors
    ///
    /// As [`start`](crate::start).
    fn start(self) -> Result<Address<Self::Message>, StartError> {
        start(self, StartOptions::new())
    }

    /// Starts it, linked to the calling process.
    ///
    /// # Errors
    ///
    /// As [`start`](crate::start).
    fn start_link(self) -> Result<Address<Self::Message>, StartError> {
        start(self, StartOptions::new().link())
    }
}

/// What becomes of a start.
///
/// Specification: the table of `init` outcomes behind G1.4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Init {
    /// The process runs.
    Continue,
    /// It is not wanted, which is no fault: it ends normally, and the start gives [`StartError::Ignore`].
    Ignore,
    /// The start fails for this reason, and the process ends normally: nothing is logged.
    Fail(ExitReason),
    /// The start fails for this reason, and the process ends for it.
    Stop(ExitReason),
}

impl From<Outcome> for Init {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Continue => Self::Continue,
            Outcome::Stop(reason) => Self::Stop(reason),
        }
    }
}

/// What a callback wants to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Go on with the next message.
    Continue,
    /// Run `terminate`, then end with this reason.
    Stop(ExitReason),
}

/// What a callback can reach: the process itself, its links, monitors and timers.
#[derive(Debug)]
pub struct ProcessContext<'a, M: Send + 'static> {
    own: &'a Own<M>,
    work: &'a mut VecDeque<Mail<M>>,
    begins: bool,
}

impl<M: Send + 'static> ProcessContext<'_, M> {
    /// The same for a shorter time: what a context of another kind is made of.
    pub(crate) fn reborrow(&mut self) -> ProcessContext<'_, M> {
        ProcessContext { own: self.own, work: self.work, begins: self.begins }
    }

    /// Whether more of the mail that this slice began with waits to be handled: the process will not rest after this callback. For
    /// what is worth doing once for all that has come.
    ///
    /// ```
    /// use genstage_core::{Outcome, Process, ProcessContext, Simulation};
    ///
    /// struct Sum(u64, std::sync::mpsc::Sender<u64>);
    ///
    /// impl Process for Sum {
    ///     type Message = u64;
    ///
    ///     fn handle(&mut self, n: u64, cx: &mut ProcessContext<'_, u64>) -> Outcome {
    ///         self.0 += n;
    ///         if !cx.has_mail() {
    ///             let _ = self.1.send(self.0);
    ///         }
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let (report, reports) = std::sync::mpsc::channel();
    /// Simulation::new(7).run(|simulation| {
    ///     let sum = Sum(0, report).start()?;
    ///     (1..=3).for_each(|n| drop(sum.send(n)));
    ///     simulation.run_until_idle();
    ///     assert_eq!(reports.try_iter().collect::<Vec<_>>(), [6]);
    ///     Ok::<(), genstage_core::StartError>(())
    /// })?;
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    #[inline]
    pub fn has_mail(&self) -> bool {
        !self.work.is_empty()
    }

    /// Whether this callback is the first of a slice: before it others may have run. Between two callbacks of one slice no time
    /// passes that is worth a look at the clock.
    ///
    /// ```
    /// use genstage_core::{Outcome, Process, ProcessContext, Simulation};
    ///
    /// struct Tell(std::sync::mpsc::Sender<bool>);
    ///
    /// impl Process for Tell {
    ///     type Message = ();
    ///
    ///     fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
    ///         let _ = self.0.send(cx.begins_slice());
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// Simulation::new(7).run(|simulation| {
    ///     let process = Tell(tell).start()?;
    ///     (0..100).for_each(|_| drop(process.send(())));
    ///     simulation.run_until_idle();
    ///     let told: Vec<_> = told.try_iter().collect();
    ///     assert!(told[0] && told.contains(&false));
    ///     Ok::<(), genstage_core::StartError>(())
    /// })?;
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    #[inline]
    pub fn begins_slice(&self) -> bool {
        self.begins
    }

    /// Asks to have it noted when this process becomes runnable for the `nth` time from now on: when it gets mail while it rests,
    /// or its slice ends with mail left. 1 means the next time, 0 takes the wish back. What it then waited for a worker is the time
    /// from [`runnable_since`](Self::runnable_since) to its first callback.
    ///
    /// Costs one look at the clock at the time that is noted, and a count at those before: ask for few of many short slices. A
    /// process that does not ask pays one branch.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use genstage_core::{Init, Outcome, Process, ProcessContext};
    ///
    /// /// Tells how long it waited for a worker.
    /// struct Patient(std::sync::mpsc::Sender<Option<Duration>>);
    ///
    /// impl Process for Patient {
    ///     type Message = ();
    ///
    ///     fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
    ///         cx.note_runnable(1);
    ///         Init::Continue
    ///     }
    ///
    ///     fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
    ///         let _ = self.0.send(cx.runnable_since().map(|since| cx.now() - since));
    ///         Outcome::Continue
    ///     }
    /// }
    ///
    /// let (report, reports) = std::sync::mpsc::channel();
    /// let patient = Patient(report).start()?;
    /// patient.send(()).ok();
    /// assert!(matches!(reports.recv(), Ok(Some(_))));
    /// patient.send(()).ok();
    /// assert_eq!(reports.recv(), Ok(None), "asked once, told once");
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    pub fn note_runnable(&self, nth: u32) {
        self.own.0.0.since.ask(nth);
    }

    /// Since when this process was runnable before this slice, on the clock of [`now`](Own::now), where that was noted: see
    /// [`note_runnable`](Self::note_runnable). Told once, so ask in the first callback of a slice. One relaxed load.
    #[inline]
    pub fn runnable_since(&self) -> Option<Duration> {
        self.own.0.0.since.take()
    }

    /// As [`Own::demonitor`], and takes back a [`Down`](crate::Down) that is already queued. True if the monitor was active.
    pub fn demonitor_flush(&mut self, monitor: MonitorRef) -> bool {
        let active = self.own.demonitor_flush(monitor);
        if !active {
            let unwanted = |mail: &Mail<M>| matches!(mail, Mail::Signal(Signal::Down(down)) if down.monitor == monitor);
            self.work.retain(|mail| !unwanted(mail));
        }
        active
    }
}

impl<M: Send + 'static> Deref for ProcessContext<'_, M> {
    type Target = Own<M>;

    fn deref(&self) -> &Own<M> {
        self.own
    }
}

/// Mail one slice may handle before others get their turn. Guessed: long enough to be cheap, and the clock ends the slices of
/// slow callbacks much sooner.
pub(crate) const SLICE_MAIL: u32 = 64;

/// The body of such a process.
pub(crate) struct Server<P: Process> {
    process: P,
    own: Own<P::Message>,
    /// Whether it has a parent (G1.4): who started it linked.
    linked: bool,
    /// Taken from the inbox, not handled yet.
    work: VecDeque<Mail<P::Message>>,
    last: Last,
}

impl<P: Process> Server<P> {
    pub(crate) fn new(process: P, me: Address<P::Message>, linked: bool) -> Self {
        Self { process, own: Own(me), linked, work: VecDeque::new(), last: Last::Nothing }
    }

    fn handle(&mut self, mail: Mail<P::Message>, begins: bool) -> Outcome {
        self.last = match &mail {
            Mail::Message(message) => Last::Message(P::message_type(message)),
            Mail::Signal(_) => Last::Signal,
        };
        let mut cx = ProcessContext { own: &self.own, work: &mut self.work, begins };
        match mail {
            Mail::Message(message) => self.process.handle(message, &mut cx),
            Mail::Signal(Signal::Exit(exit)) if is_from_parent(&self.own, self.linked, &exit) => {
                Outcome::Stop(exit.reason)
            }
            Mail::Signal(signal) => self.process.handle_signal(signal, &mut cx),
        }
    }
}

/// G6.2: the parent's end is ours, whatever its reason. The runtime stands in for the parent of those who have none.
fn is_from_parent<M: Send + 'static>(own: &Own<M>, linked: bool, exit: &Exit) -> bool {
    if linked { own.0.0.parent() == Some(exit.from) } else { exit.is_runtime_shutdown() }
}

/// It holds no future, and nothing of the user's relies on where it is.
impl<P: Process> Unpin for Server<P> {}

impl<P: Process> Body<P::Message> for Server<P> {
    fn begin(mut self: Pin<&mut Self>, inbox: &mut Inbox<P::Message>) {
        inbox.begin(&mut self.work);
    }

    fn init(self: Pin<&mut Self>, cell: &Cell<P::Message>) -> Turn {
        let this = self.get_mut();
        let mut cx = ProcessContext { own: &this.own, work: &mut this.work, begins: true };
        match this.process.init(&mut cx) {
            // A link brought an end during `init`: the start has failed, or its starter would hold a dead address.
            Init::Continue if cell.is_doomed() => Turn::Doomed,
            Init::Continue => Turn::Drained,
            Init::Ignore => Turn::Ignore,
            Init::Fail(reason) => Turn::Fail(reason),
            Init::Stop(reason) => Turn::Stop(reason),
        }
    }

    fn run(self: Pin<&mut Self>, cell: &Arc<Cell<P::Message>>) -> Turn {
        let this = self.get_mut();
        let mut budget = cell.engine().budget(SLICE_MAIL);
        let mut begins = true;
        loop {
            if cell.is_doomed() {
                return Turn::Doomed;
            }
            let Some(mail) = this.work.pop_front() else { return Turn::Drained };
            if let Outcome::Stop(reason) = this.handle(mail, std::mem::take(&mut begins)) {
                return Turn::Stop(reason);
            }
            if budget.spend() && !this.work.is_empty() {
                return if cell.is_doomed() { Turn::Doomed } else { Turn::More };
            }
        }
    }

    fn terminate(self: Pin<&mut Self>, reason: &ExitReason) {
        let this = self.get_mut();
        let mut cx = ProcessContext { own: &this.own, work: &mut this.work, begins: true };
        this.process.terminate(reason, &mut cx);
    }

    fn take_work(mut self: Pin<&mut Self>) -> VecDeque<Mail<P::Message>> {
        std::mem::take(&mut self.work)
    }

    fn work(&self) -> (usize, usize) {
        (self.work.len(), self.work.capacity().saturating_mul(size_of::<Mail<P::Message>>()))
    }

    fn last(&self) -> Last {
        self.last
    }

    fn hibernate(mut self: Pin<&mut Self>) {
        self.work.shrink_to_fit();
    }
}

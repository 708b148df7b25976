//! The actor runtime beneath genstage: how do many processes share a few threads, fail apart from each other, and still
//! may block, burn or wait as they like?
//!
//! It gives what Erlang's processes give, in safe Rust: processes with one inbox each, links, monitors, exit signals,
//! timers and names. Callbacks are plain synchronous functions; a process may also be a future. There is nothing to
//! start: a runtime with a seat for each core comes up by itself.
//!
//! ```
//! use genstage_core::{Answer, Caller, Context, GenServer, HandleCall, Outcome};
//!
//! struct Counter(u64);
//!
//! struct Add(u64);
//! struct Read;
//!
//! impl GenServer for Counter {
//!     type Message = Add;
//!
//!     fn handle_cast(&mut self, Add(n): Add, _cx: &mut Context<'_, Self>) -> Outcome {
//!         self.0 += n;
//!         Outcome::Continue
//!     }
//! }
//!
//! impl HandleCall<Read> for Counter {
//!     type Reply = u64;
//!
//!     fn handle_call(&mut self, _: Read, _from: &mut Caller<u64>, _cx: &mut Context<'_, Self>) -> Answer<u64> {
//!         Answer::Reply(self.0)
//!     }
//! }
//!
//! let counter = Counter(0).start()?;
//! counter.cast(Add(1));
//! counter.cast(Add(2));
//! assert_eq!(counter.call(Read)?, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The parts
//!
//! ```text
//!   Address ──send──▶ inbox ──slice──▶ Process (callbacks) | future (Mailbox) | thread (ThreadProcess)
//!   Peer ─exit, link─▶  │                  │ ProcessContext, Own: link, monitor, trap exits, set timers
//!                       ▼                  ▼
//!      seats (one a core), threads that sit on them, queues anyone may push to
//!      one clock: timers, and it takes seats from callbacks that outstay their time
//! ```
//!
//! | to | use |
//! |---|---|
//! | keep a state, and be called | [`GenServer`]; [`Agent`] for a value and functions |
//! | look into one that runs | [`sys`] |
//! | write a process from the ground | a future and its [`Mailbox`] with [`spawn`], or [`Process`] |
//! | start it, named or linked | [`start`], [`spawn_with`], [`StartOptions`] |
//! | send, and be told if it is dead | [`Address::send`] |
//! | ask and wait for the reply | [`ServerRef::call`]; from a future [`ServerRef::call_async`] |
//! | ask and have the reply as a message | [`Context::request`] |
//! | ask a process of one's own making | [`Address::call_with`], [`Address::request`] |
//! | live and die together | [`Own::link`], [`Own::trap_exit`], [`Signal::Exit`] |
//! | hear of an end | [`Own::monitor`], [`Signal::Down`] |
//! | end somebody | [`Peer::exit`], [`ExitReason`] |
//! | send later | [`send_after`], [`Timer`] |
//! | have work done aside, and its value | [`Task`], [`async_stream`], [`TaskSupervisor`] |
//! | find by name | [`register`], [`whereis`] |
//! | find by key, publish to many, lock by key | [`Registry`], [`RegistryRef`] |
//! | have it started again when it fails | [`Supervisor`], [`ChildSpec`], [`Child`] |
//! | start and stop children at run time | [`DynamicSupervisor`] |
//! | share keys out to copies of a process | [`PartitionSupervisor`], [`Name::partition`] |
//! | take part from a plain thread | [`run`], [`ThreadProcess`] |
//! | see what a process does, and why it crashed | [`Peer::info`], [`CrashReport`] |
//! | keep what the code below a callback asks for | [`Own::put`], [`dictionary`] |
//! | choose the number of threads, shut down | [`Runtime`] |
//! | test without waiting, over many interleavings | [`Simulation`] |
//!
//! | feature | default | what |
//! |---|---|---|
//! | `tracing` | yes | reports crashes, unexpected signals and used-up threads through the `tracing` crate |
//!
//! # The promises
//!
//! **Order.** What one process sends to another arrives in the order sent: messages, exits, ends alike, in one queue.
//! Between different senders nothing is promised. An exit signal that kills overtakes the queue; one that is trapped
//! does not.
//!
//! **Death.** In this order: no more callbacks; inbox, state and name are given up; then links and monitors are told.
//! So whoever hears of an end can take the name, and finds files and sockets closed. Killing acts between callbacks: no
//! thread is ever stopped within one. From the moment a process is bound to end, it takes no messages and counts as
//! dead.
//!
//! **Panics.** A panic in a callback, or in the destructor of a state or a message, ends its own process with
//! [`ExitReason::Panic`], and nothing else: no thread, no lock, no neighbour. The runtime itself does not panic on
//! anything its users do.
//!
//! **Blocking.** A callback may sleep, block or compute. Within a few milliseconds another thread takes over what waits
//! behind it: beside two callbacks that block, a timer of a millisecond was 6 ms late at worst in the median run on two
//! cores, 13 in the worst of 25. Waits of this crate's own, and what runs in [`may_block`], are taken over sooner.
//! Blocked callbacks are bounded by [`Builder::max_threads`]. Whoever burns again and again is known after a few slices and runs
//! apart, so that the others are served in time beside any number of them; burning ones share three threads a seat.
//!
//! **Timers.** Never early. Those of one deadline fire in the order of setting.
//!
//! **Memory.** Inboxes have no bound; stages bound what is under way by demand. An idle process holds no thread and
//! uses no processor time. Dropping a runtime drops what its processes and timers hold.
//!
//! # What it is not for
//!
//! Other machines: pids and names end at the process's border. Hard real time. Preempting a callback that never
//! returns: it keeps its thread, and [`Runtime::shutdown`] tells who it was. Data-parallel work on one batch: use rayon
//! below a callback. Thousands of callbacks that block at once: each takes a thread; write those as futures.
//!
//! The meaning of processes, signals and timers is that of Erlang/OTP and Elixir. Tags such as P4 or G1.5 in these
//! pages number the rules; the tests cite them.

pub(crate) mod log;

mod agent;
mod alarm;
mod contained;
mod error;
mod gen_server;
mod name;
mod names;
mod pid;
mod process;
mod reason;
mod registry;
mod reply;
mod runtime;
mod scheduler;
mod signal;
mod simulation;
mod stop;
mod supervisor;
mod sync;
pub mod sys;
mod table;
mod task;
mod timer;

pub use agent::{Agent, AgentServer};
#[doc(hidden)]
pub use contained::wake;
pub use error::{BuildError, LinkError, NameSendError, RegisterError, SendError, StartError, StopError};
pub use gen_server::{Answer, Caller, Context, GenServer, HandleCall, ServerRef};
pub use name::{Name, Naming};
pub use pid::{MonitorRef, Pid};
pub use process::{
    Address, Alone, Ancestor, CrashReport, Init, IntoExit, Mail, Mailbox, Outcome, Own, Peer, Priority, Process,
    ProcessContext, ProcessInfo, StartOptions, StartResult, Status, ThreadProcess, Watched, current_pid, dictionary,
    may_block, run, run_with_inbox, spawn, spawn_link, spawn_monitor, spawn_with, start, start_with,
};
pub use reason::{Detail, ExitReason, Panic, Reason, raise_exit};
pub use registry::{
    DispatchError, InvalidRegistry, Listener, LockError, Refusal, RegistrationError, Registry, RegistryEvent,
    RegistryKey, RegistryRef, RegistryValue, UpdateError,
};
pub use reply::{CALL_TIMEOUT, CallError, ReplyTo, Request};
pub use runtime::{
    Builder, Callback, Entered, Runtime, Straggler, processes, register, registered, unregister, whereis,
};
pub use signal::{Down, Exit, Signal};
pub use simulation::Simulation;
#[doc(hidden)]
pub use supervisor::parts as supervision;
pub use supervisor::{
    AutoShutdown, Child, ChildCounts, ChildId, ChildInfo, ChildPlan, ChildSpec, ChildState, ChildType,
    DeleteChildError, FailedToStartChild, InvalidSupervisor, Restart, RestartChildError, Shutdown, StartChildError,
    Started, Strategy, Supervise, Supervisor, SupervisorRef, TerminateChildError,
};
pub use supervisor::{
    DynamicChildInfo, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef, StartDynamicChildError,
};
pub use supervisor::{InvalidPartitions, PartitionError, PartitionSupervisor, PartitionSupervisorRef, ResizeError};
pub use task::{
    AsyncStream, AsyncStreamError, AsyncStreamOptionsError, AsyncTaskOutcomes, JoinError, OnTimeout, Task,
    TaskOutcomes, TaskSupervisor, TaskSupervisorRef, Work, YieldOptions, YieldTimeout, async_stream, join_many,
    join_many_async, yield_many, yield_many_async,
};
pub use timer::{Recipient, Timer, monotonic_time, send_after, send_at, sleep};

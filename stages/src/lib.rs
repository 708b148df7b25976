//! Demand-driven producers and consumers.
//!
//! A **stage** is a process with callbacks. A [`Producer`] emits **events**, a [`Consumer`] handles them, and a
//! [`ProducerConsumer`] does both. A consumer **subscribes** to a producer and **asks** it for events; what is asked for and not
//! yet delivered is its **demand**. A producer is called only when there is demand, and a consumer never gets more than it asked
//! for. So the slowest stage sets the pace, and memory does not grow with the length of the stream.
//!
//! ```text
//!                ask                         ask
//!           <-----------                <-----------
//!   producer             producer_consumer           consumer
//!           ----------->                ----------->
//!              events                      events
//! ```
//!
//! * Events travel in **batches**. A callback gets a whole batch as [`Events`], and emits as many events as it likes into an
//!   [`Emit`].
//! * What a stage emits beyond demand waits in its **buffer**: at most 10,000 events in a producer, without bound in a
//!   `ProducerConsumer`. A full buffer discards its oldest events. [`StageOptions`] change both.
//! * With several consumers the **dispatcher** decides who gets which event. [`DemandDispatcher`], the default, serves the
//!   consumer with the biggest demand first; each event goes to one consumer. [`BroadcastDispatcher`] gives each event to every
//!   consumer that selects it, [`PartitionDispatcher`] to the consumer of its partition. Write others with the [`Dispatcher`]
//!   trait.
//!
//! # From closures
//!
//! [`from_enumerable`] emits the items of an iterator, [`map`] transforms them, [`for_each`] consumes them. [`stream`] makes an
//! iterator of any producer. The end of the iterator ends the line, stage by stage.
//!
//! ```
//! use genstage::prelude::*;
//!
//! let words = from_enumerable("a rose is a rose".split(' ')).start(StageOptions::new())?;
//! let lengths = map(str::len).start(StageOptions::new())?;
//! let (send, sent) = std::sync::mpsc::channel();
//! let sink = for_each(move |length: usize| send.send(length).unwrap()).start(StageOptions::new())?;
//!
//! // From the end to the source, so that nothing flows before all are joined.
//! sink.sync_subscribe(&lengths, SubscriptionOptions::new())?;
//! lengths.sync_subscribe(&words, SubscriptionOptions::new())?;
//!
//! sink.wait()?;
//! assert_eq!(sent.iter().collect::<Vec<_>>(), [1, 4, 2, 1, 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Stages with state
//!
//! Implement a trait, and start the value. Here `max_demand` is 10, so the producer is called for 10 events at first and then
//! for 5 at a time:
//!
//! ```
//! use genstage::prelude::*;
//!
//! struct Counter {
//!     next: u64,
//!     demands: Vec<usize>,
//! }
//!
//! impl Producer for Counter {
//!     type Event = u64;
//!
//!     fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
//!         self.demands.push(demand);
//!         out.extend(self.next..self.next + demand as u64);
//!         self.next += demand as u64;
//!         Outcome::Continue
//!     }
//! }
//!
//! struct Demands;
//!
//! impl HandleCall<Demands> for Counter {
//!     type Reply = Vec<usize>;
//!
//!     fn handle_call(
//!         &mut self,
//!         _: Demands,
//!         _: &mut Caller<Vec<usize>>,
//!         _: &mut Context<'_, Self>,
//!     ) -> Answer<Vec<usize>> {
//!         Answer::Reply(self.demands.clone())
//!     }
//! }
//!
//! struct Summer {
//!     sum: u64,
//! }
//!
//! impl Consumer for Summer {
//!     type Event = u64;
//!
//!     fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
//!         assert!(events.len() <= 5);
//!         self.sum += events.iter().sum::<u64>();
//!         if self.sum < 190 { Outcome::Continue } else { Outcome::Stop(ExitReason::Normal) }
//!     }
//! }
//!
//! let counter = Counter { next: 0, demands: Vec::new() }.start(StageOptions::new().name("counter"))?;
//! let summer = Summer { sum: 0 }.start(StageOptions::new())?;
//! summer.sync_subscribe(&counter, SubscriptionOptions::new().max_demand(10))?;
//! summer.wait()?; // 0 + 1 + ... + 19 is 190
//! assert_eq!(counter.call(Demands)?, [10, 5, 5, 5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Manual demand
//!
//! A consumer that returns [`Manner::Manual`] from `handle_subscribe` asks by itself, when and for as much as it likes. This one
//! takes two events a second. A [`Simulation`] runs it in virtual time, so that the test takes no second at all:
//!
//! ```
//! use std::time::Duration;
//!
//! use genstage::{Simulation, prelude::*};
//!
//! struct Slowly;
//!
//! struct More(SubscriptionId);
//!
//! impl Consumer for Slowly {
//!     type Event = u64;
//!
//!     fn handle_subscribe(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
//!         cx.send(More(producer.subscription));
//!         Manner::Manual
//!     }
//!
//!     fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
//!         assert!(events.len() <= 2);
//!         Outcome::Continue
//!     }
//! }
//!
//! impl HandleInfo<More> for Slowly {
//!     fn handle_info(&mut self, more: More, cx: &mut Context<'_, Self>) -> Outcome {
//!         if cx.ask(more.0, 2) {
//!             cx.send_after(more, Duration::from_secs(1));
//!         }
//!         Outcome::Continue
//!     }
//! }
//!
//! Simulation::new(7).run(|simulation| {
//!     let numbers = from_enumerable(0..10).start(StageOptions::new())?;
//!     let slowly = Slowly.start(StageOptions::new())?;
//!     slowly.sync_subscribe(&numbers, SubscriptionOptions::new())?;
//!     slowly.wait()?;
//!     // Asked at 0, 1, 2, 3 and 4 s; at 5 s there is no more, and the producer ends.
//!     assert_eq!(simulation.now(), Duration::from_secs(5));
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The arithmetic of demand
//!
//! With the defaults, `max_demand` 1000 and `min_demand` 500 ([`SubscriptionOptions`]):
//!
//! 1. The consumer asks for `max_demand` when it subscribes: 1000 are owed to it.
//! 2. What arrives is handled in batches of at most `max_demand - min_demand`: 1000 events are two batches of 500.
//! 3. After each batch its events are owed no more: 500 are left.
//! 4. If no more than `min_demand` are left, it asks for the difference to `max_demand`: 500, and 1000 are owed again.
//! 5. So at most 1000 events are under way or being handled, and the producer works ahead while the consumer handles 500.
//!
//! `max_demand(1)` means one event at a time. A producer asked for more than it has now remembers the rest, and emits
//! it later, from whatever callback; [`handle_demand`](Producer::handle_demand) tells it of new demand only.
//!
//! # How stages end
//!
//! A stage ends when a callback returns [`Outcome::Stop`], when a callback panics, when somebody [`stop`](StageRef::stop)s it,
//! or through an exit signal: of somebody who
//! called [`exit`](StageRef::exit), or of a stage it is linked to with `start_link`. Dropping its handle does not end it. When a
//! producer has ended, or cancelled the subscription, the consumer's `handle_cancel` runs; then the [`Cancel`] mode of the
//! subscription decides about the consumer:
//!
//! | the producer ended | `Permanent` (default) | `Transient` | `Temporary` |
//! |---|---|---|---|
//! | normally, or by a shutdown | ends with the same reason | goes on | goes on |
//! | otherwise: a panic, killed, a reason of its own | ends with the same reason | ends with the same reason | goes on |
//!
//! Input that arrived before that is handled first. The end of a consumer does not end its producer; its demand is
//! forgotten and the others are served. What had been sent to it is lost. [`wait`](StageRef::wait) returns when a
//! stage has ended; it is an error only where the reason is neither normal nor a shutdown.
//!
//! # Stages that a supervisor starts again
//!
//! A consumer goes down with its producer, unless its [`Cancel`] mode says otherwise, and a supervisor starts both again. For the
//! new ones to find each other, they subscribe as they start, by name: [`StageOptions::subscribe_to`].
//!
//! ```
//! use genstage::core::{Strategy, Supervisor};
//! use genstage::prelude::*;
//!
//! let (send, sent) = std::sync::mpsc::channel();
//! let numbers = from_enumerable(0_u64..).child_spec(|| StageOptions::new().name("numbers"));
//! let printer = for_each(move |n: u64| drop(send.send(n)))
//!     .child_spec(|| StageOptions::new().name("printer").subscribe_to(&named("numbers"), SubscriptionOptions::new()));
//! let tree = Supervisor::new(Strategy::RestForOne).child(numbers).child(printer).start_link()?;
//! assert_eq!(sent.recv(), Ok(0));
//! tree.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Calls, casts and infos
//!
//! Besides events a stage takes messages, one small trait for each type. All may emit events through [`Context::out`].
//!
//! | trait | sent with | |
//! |---|---|---|
//! | [`HandleCall`] | [`call`](StageRef::call), `call_within`, [`call_async`](StageRef::call_async) | the caller waits for a reply, 5 s by default |
//! | [`HandleCast`] | [`cast`](StageRef::cast) | no reply, and no error if the stage is dead |
//! | [`HandleInfo`] | [`send`](StageRef::send), [`Context::send`], [`Context::send_after`] | from others, from itself, from timers |
//! | [`HandleInfo`] | [`async_info`](StageRef::async_info), `sync_info` | handled after what is buffered now has gone to consumers |
//! | [`HandleContinue`] | [`Context::continue_with`] | from a callback to itself, right after it |
//! | [`HandleTimeout`] | [`Context::idle_timeout`] | no callback has run for some time |
//!
//! These messages have no demand: the inbox of a stage has no bound, so send events as events.
//!
//! # From async code
//!
//! What waits has a form that ends in `_async`, for futures: it holds no thread, and any executor will do.
//! [`call_async`](StageRef::call_async), [`sync_subscribe_async`](StageRef::sync_subscribe_async),
//! [`wait_async`](StageRef::wait_async), [`graph_async`], [`drain_async`], [`pipeline::End::run_async`] and so on. Events come from
//! async code through [`Feed::send_async`], and go there through `into_stream` (feature `futures`). A start waits for `init` alone:
//! what takes long belongs behind [`Context::continue_with`].
//!
//! # Callbacks that block
//!
//! Callbacks are synchronous, and one stage runs one callback at a time. There is a seat for each core. A callback that waits or
//! computes for long loses its seat to another thread after some milliseconds, so that the other stages go on; waits of
//! this library's own, and what is wrapped in [`core::may_block`], are announced and give way sooner. Such a callback keeps
//! its thread, though, of which there are 1024 at most by default, and it cannot be interrupted: exit signals take effect
//! between callbacks. Of callbacks that compute, only as many are replaced as there are seats; beyond that others wait.
//! A stage whose work can be split is made faster by starting it several times: each of them subscribes to the same producer.
//!
//! # Runtime and simulation
//!
//! The first stage starts a default [`Runtime`]. To choose its size, build one and enter it:
//!
//! ```
//! use genstage::prelude::*;
//!
//! let runtime = Runtime::builder().workers(1).build()?;
//! let _inside = runtime.enter();
//! let numbers = from_enumerable(0..3).start(StageOptions::new())?;
//! assert_eq!(stream(&numbers, SubscriptionOptions::new())?.count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a [`Simulation`] the same stages run on the calling thread, in virtual time, in an order that a seed decides: run a test
//! over many seeds and it sees many interleavings, without sleeping.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `tracing` | yes | reports crashes, discarded events and events in excess through the `tracing` crate; without it nothing is logged |
//! | `rayon` | no | `par_map` in [`pipeline`]: a batch worked on by several threads, in a pool of its own |
//! | `futures` | no | `from_stream`, `into_stream`, and a `Sink` for [`Feed`] |

mod awaited;
mod book;
mod buffer;
mod by_name;
mod choice;
mod consumer;
mod consumer_supervisor;
mod context;
mod demand;
mod drain;
mod emit;
mod enumerable;
mod error;
mod for_each;
mod futures;
mod graph;
mod handle;
mod log;
mod mail;
mod messages;
mod meter;
mod misfit;
mod options;
mod outlet;
pub mod pipeline;
mod place;
mod producer;
mod producer_consumer;
mod redeliver;
mod role;
mod snapshot;
mod stage;
mod stream;
mod subscription;
mod target;
#[cfg(test)]
mod testing;
mod watch;

/// The runtime beneath: processes, servers, supervisors, registries, tasks.
pub use genstage_core as core;
/// Looking into a running stage: its state, its status, statistics, traces; and suspending it.
pub use genstage_core::sys;
pub use genstage_dispatchers as dispatchers;

pub use awaited::{drain_async, graph_async, snapshot_async};
pub use by_name::{Named, named};
pub use choice::{Anything, Choice, Redelivered};
pub use consumer::Consumer;
pub use consumer_supervisor::{
    Awaited, ChildWork, ConsumerSupervisor, ConsumerSupervisorRef, Returned, StartEventChildError, SuperviseEvents,
};
pub use context::{Context, EmitsAs, ReceivesAs};
pub use drain::{DrainEnd, DrainReport, Drainable, DrainedStage, drain};
pub use emit::Emit;
pub use enumerable::{Enumerable, OnCancel, from_enumerable};
pub use error::{StreamError, SubscribeError, WaitError, WrongSource};
pub use for_each::{ForEach, Map, for_each, map};
pub use futures::{Feed, FeedError, FeedSource, feed};
#[cfg(feature = "futures")]
pub use futures::{IntoStream, from_stream, into_stream};
pub use genstage_core::{Answer, Caller};
pub use genstage_core::{
    CallError, Down, Exit, ExitReason, Init, MonitorRef, Name, Outcome, Peer, Pid, ReplyTo, Runtime, Signal,
    Simulation, StartError, StopError, Timer,
};
pub use genstage_dispatchers::{
    Batch, BroadcastDispatcher, DemandDispatcher, Dispatcher, Events, PartitionDispatcher, SubscriptionId, WhenFull,
};
pub use graph::{AnyStage, Edge, Graph, graph, graph_within, snapshot};
pub use handle::{ConsumerRef, HasDemandMode, ProducerConsumerRef, ProducerRef, Source, StageRef};
pub use messages::{HandleCall, HandleCast, HandleContinue, HandleInfo, HandleTimeout};

pub use options::{Cancel, DemandMode, Keep, OptionsError, StageOptions, SubscriptionOptions};
pub use producer::Producer;
pub use producer_consumer::ProducerConsumer;
pub use role::{AsConsumer, AsProducer, AsProducerConsumer, Emits, IsProducer, Receives, Role};
pub use snapshot::{Discarded, Flow, StageKind, StageSnapshot, SubscriptionSnapshot, Times};
pub use stage::StageStatus;
pub use stream::{Stream, stream};
pub use subscription::{CancelKind, Cancellation, Manner, Partner, Side};

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What a program that builds pipelines needs, in one `use`.
///
/// Of [`core`](mod@crate::core) it has what goes with stages. A server has a `Context` and a `HandleCall` of its own: where both kinds
/// of processes are in one file, say whose is meant.
///
/// ```
/// use genstage::core::*;
/// use genstage::prelude::*;
/// use genstage::{Context, HandleCall}; // those of stages; those of servers with their path
///
/// struct Printer;
///
/// impl Consumer for Printer {
///     type Event = u64;
///
///     fn handle_events(&mut self, events: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
///         println!("{events:?}");
///         Outcome::Continue
///     }
/// }
///
/// struct Clerk;
///
/// impl GenServer for Clerk {
///     type Message = ();
/// }
///
/// struct Name;
///
/// impl genstage::core::HandleCall<Name> for Clerk {
///     type Reply = &'static str;
///
///     fn handle_call(
///         &mut self,
///         _: Name,
///         _: &mut Caller<&'static str>,
///         _: &mut genstage::core::Context<'_, Self>,
///     ) -> Answer<&'static str> {
///         Answer::Reply("Bartleby")
///     }
/// }
///
/// assert_eq!(GenServer::start(Clerk)?.call(Name), Ok("Bartleby"));
/// let printer = Consumer::start(Printer, StageOptions::new())?;
/// # printer.stop().unwrap();
/// # Ok::<(), StartError>(())
/// ```
pub mod prelude {
    pub use crate::pipeline;
    pub use crate::{
        Answer, BroadcastDispatcher, CallError, Caller, Cancel, CancelKind, Cancellation, Consumer, ConsumerRef,
        ConsumerSupervisor, ConsumerSupervisorRef, Context, DemandDispatcher, DemandMode, DrainReport, Emit, Events,
        ExitReason, Feed, FeedError, FeedSource, HandleCall, HandleCast, HandleContinue, HandleInfo, HandleTimeout,
        Init, Keep, Manner, Name, OnCancel, OptionsError, Outcome, PartitionDispatcher, Partner, Peer, Pid, Producer,
        ProducerConsumer, ProducerConsumerRef, ProducerRef, ReplyTo, Runtime, Side, Signal, Simulation, Source,
        StageOptions, StageRef, StageSnapshot, StartError, StopError, StreamError, SubscribeError, SubscriptionId,
        SubscriptionOptions, SuperviseEvents, WaitError, WhenFull, WrongSource, drain, drain_async, feed, for_each,
        from_enumerable, graph, graph_async, map, named, snapshot, snapshot_async, stream,
    };
}

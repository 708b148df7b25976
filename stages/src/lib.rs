//! Demand-driven producers and consumers.

mod buffer;
mod consumer;
mod context;
mod demand;
mod emit;
mod enumerable;
mod error;
mod for_each;
mod handle;
mod log;
mod mail;
mod messages;
mod options;
mod outlet;
mod producer;
mod producer_consumer;
mod role;
mod stage;
mod stream;
mod subscription;

pub use genstage_core as core;
pub use genstage_dispatchers as dispatchers;

pub use consumer::Consumer;
pub use context::{Context, EmitsAs};
pub use emit::Emit;
pub use enumerable::{Enumerable, OnCancel, from_enumerable};
pub use error::{StreamError, SubscribeError, WaitError};
pub use for_each::{ForEach, Map, for_each, map};
pub use genstage_core::{
    CallError, Down, Exit, ExitReason, MonitorRef, Outcome, Peer, Pid, ReplyTo, Runtime, Signal, Simulation,
    StartError, Timer,
};
pub use genstage_dispatchers::{Batch, DemandDispatcher, Dispatcher, Events, SubscriptionId};
pub use handle::{ConsumerRef, ProducerConsumerRef, ProducerRef, Source, StageRef};
pub use messages::{Answer, Caller, HandleCall, HandleCast, HandleInfo};
pub use options::{Cancel, DemandMode, Keep, OptionsError, StageOptions, SubscriptionOptions};
pub use producer::Producer;
pub use producer_consumer::ProducerConsumer;
pub use role::{AsConsumer, AsProducer, AsProducerConsumer, Emits, IsProducer, Receives, Role};
pub use stream::{Stream, stream};
pub use subscription::{CancelKind, Cancellation, Manner, Partner};

/// What a program that builds pipelines needs, in one `use`.
pub mod prelude {
    pub use crate::{
        Answer, CallError, Caller, Cancel, CancelKind, Cancellation, Consumer, ConsumerRef, Context, DemandDispatcher,
        DemandMode, Emit, Events, ExitReason, HandleCall, HandleCast, HandleInfo, Keep, Manner, OnCancel, Outcome,
        Partner, Producer, ProducerConsumer, ProducerConsumerRef, ProducerRef, Runtime, Signal, Source, StageOptions,
        StartError, StreamError, SubscribeError, SubscriptionId, SubscriptionOptions, WaitError, for_each,
        from_enumerable, map, stream,
    };
}

//! The numbers of a stage: always counted, read when somebody asks.

use std::fmt;
use std::time::Duration;

use genstage_core::{CALL_TIMEOUT, CallError, Pid};
use genstage_dispatchers::SubscriptionId;

use crate::handle::StageRef;
use crate::mail::StageMail;
use crate::role::Role;

/// What a stage has done so far, and what it holds now. All counters only grow; rates are the difference of two snapshots.
///
/// They add up. In a stage that receives:
///
/// ```text
///     input.events = handled + waiting + discarded.late + discarded.not_started
/// ```
///
/// In a stage that emits, where each event goes to one consumer (a broadcast sends it to several):
///
/// ```text
///     emitted + redelivered = output.events + buffered + filtered
///                             + discarded.buffer_full + discarded.partition_full
///                             + discarded.unknown_partition + discarded.unknown_subscription
///                             + discarded.hash_panicked + discarded.other
/// ```
///
/// In a [`feed`](crate::feed()) what was pushed is `emitted + held`.
///
/// And on a subscription between two living stages what the producer has sent is what the consumer has received, or lies in the
/// consumer's inbox.
///
/// ```
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0..30).start(StageOptions::new())?;
/// let mut first = stream(&numbers, SubscriptionOptions::new().max_demand(10))?;
/// assert_eq!(first.next(), Some(Ok(0)));
///
/// let snapshot = numbers.snapshot()?;
/// assert_eq!((snapshot.emitted, snapshot.output.events, snapshot.output.batches), (10, 10, 1));
/// assert_eq!((snapshot.output.asks, snapshot.output.asked, snapshot.output.demand()), (1, 10, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StageSnapshot {
    /// The stage.
    pub pid: Pid,
    /// The name that it was started with; from the handle of a pipeline, that of its step.
    pub name: Option<String>,
    /// Which of the three kinds it is.
    pub kind: StageKind,
    /// What came in, of all subscriptions, those that are over included.
    pub input: Flow,
    /// What went out, likewise.
    pub output: Flow,
    /// Events whose `handle_events` has returned; in a [`ConsumerSupervisor`](crate::ConsumerSupervisor) those that
    /// became children, or for which its start function wanted none ([`StartError::Ignore`](crate::StartError::Ignore)).
    pub handled: u64,
    /// How often `handle_events` has returned.
    pub batches: u64,
    /// Events that came in and wait for demand; only in a `producer_consumer`.
    pub waiting: usize,
    /// Events that callbacks have emitted.
    pub emitted: u64,
    /// Events that wait to go out: in the buffer, in the dispatcher, or because demand accumulates.
    pub buffered: usize,
    /// Events that a producer keeps in a state of its own and has not emitted, as its [`held`](crate::Producer::held) says: in a
    /// [`feed`](crate::feed()) those that were pushed and that nobody has asked for.
    pub held: usize,
    /// Events that the producer was asked for and has not emitted.
    pub owed: usize,
    /// Events that were discarded, by cause.
    pub discarded: Discarded,
    /// Events that nobody was meant to get: rejected by all selectors, or dropped by the hash of a partition.
    pub filtered: u64,
    /// Events sent on subscriptions that have ended, without an ask that acknowledged them: handled or not, nobody knows. They
    /// are in the hands of a consumer that died or left.
    pub unacknowledged: u64,
    /// Events that were taken back from such subscriptions, to be sent again.
    pub redelivered: u64,
    /// Messages in the inbox behind the question for this snapshot.
    pub inbox: usize,
    /// Where the time went.
    pub times: Times,
    /// Its subscriptions to producers, oldest first.
    pub producers: Vec<SubscriptionSnapshot>,
    /// The subscriptions of its consumers, oldest first.
    pub consumers: Vec<SubscriptionSnapshot>,
}

/// The kind of a stage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StageKind {
    /// It emits.
    Producer,
    /// It does both.
    ProducerConsumer,
    /// It receives.
    Consumer,
}

/// What has passed one subscription, or one side of a stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Flow {
    /// Events.
    pub events: u64,
    /// Messages that carried them.
    pub batches: u64,
    /// Asks.
    pub asks: u64,
    /// Events asked for.
    pub asked: u64,
}

impl Flow {
    /// Events asked for that have not come yet.
    pub fn demand(&self) -> u64 {
        self.asked.saturating_sub(self.events)
    }

    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.batches += other.batches;
        self.asks += other.asks;
        self.asked = self.asked.saturating_add(other.asked);
    }

    pub(crate) fn plus<'a>(mut self, others: impl Iterator<Item = &'a SubscriptionSnapshot>) -> Self {
        others.for_each(|other| self.add(&other.flow));
        self
    }
}

/// One subscription, as one of its sides sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SubscriptionSnapshot {
    /// The subscription.
    pub id: SubscriptionId,
    /// The stage on the other side.
    pub peer: Pid,
    /// What has passed. On the consumer's side, what has arrived.
    pub flow: Flow,
    /// Events that were delivered and not acknowledged by an ask. On the producer's side; 0 on the other.
    pub unacknowledged: u64,
}

/// Events that were lost on purpose or by a fault, by cause. Each is logged as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Discarded {
    /// There was no room in the buffer.
    pub buffer_full: u64,
    /// As many events waited for their partition as may: see [`WhenFull`](crate::WhenFull).
    pub partition_full: u64,
    /// The hash named a partition that does not exist.
    pub unknown_partition: u64,
    /// A dispatcher of one's own sent them to a subscription that does not exist.
    pub unknown_subscription: u64,
    /// The hash panicked.
    pub hash_panicked: u64,
    /// For another reason, that a dispatcher of one's own gave: see [`Deliveries::discard`](crate::dispatchers::Deliveries::discard).
    /// Or a faulty one took them, and said nothing: see [`Notice::Unaccounted`](crate::dispatchers::Notice::Unaccounted).
    pub other: u64,
    /// They came for a subscription that was over.
    pub late: u64,
    /// Their child could not start, in a [`ConsumerSupervisor`](crate::ConsumerSupervisor): its start function failed or
    /// panicked, or the event could not be copied for it. They are asked for again.
    pub not_started: u64,
}

impl Discarded {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { buffer_full, partition_full, unknown_partition, .. } = self;
        let Self { unknown_subscription, hash_panicked, other, late, not_started, .. } = self;
        let sent = buffer_full + partition_full + unknown_partition + unknown_subscription + hash_panicked + other;
        sent + late + not_started
    }
}

/// Where the time of a stage went: the others make up `alive`.
///
/// Turns with events, with asks and with signals that take 5 µs or more are timed each, of light ones of each of these
/// kinds one in
/// 64, which stands for the others: two looks at the clock would be a tenth of such a turn. So one that is suddenly long
/// among light ones of its kind may count as a light one, and the rest of its time as waiting. Calls, casts and all
/// other turns are timed.
///
/// Waits for a worker are sampled likewise: each while such waits or the turns take 100 µs or more, else one in 64,
/// which stands for those after it. So one long wait among short ones may count as waiting for demand or events, and
/// what came since the last sample is counted with the next. In a [`Simulation`](genstage_core::Simulation) nobody waits
/// for a worker: virtual time stands still while a stage is runnable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Times {
    /// Since it was started.
    pub alive: Duration,
    /// In callbacks, and in what the stage does around them. Waits inside callbacks count as well.
    pub busy: Duration,
    /// With mail in its inbox, and no worker free to handle it: the machine, or whoever blocks its workers, is the slower side.
    pub runnable: Duration,
    /// Idle, and nobody had asked for what it could give: downstream is the slower side.
    pub waiting_for_demand: Duration,
    /// Idle, with demand that was not met: upstream, or its own source, is the slower side.
    pub waiting_for_events: Duration,
}

impl<R: Role> StageRef<R> {
    /// The numbers of this stage. A message like others: it waits for what is in the inbox already, five seconds at most.
    ///
    /// # Errors
    ///
    /// [`CallError`], as for a call.
    pub fn snapshot(&self) -> Result<StageSnapshot, CallError> {
        self.snapshot_within(CALL_TIMEOUT)
    }

    /// As [`snapshot`](Self::snapshot), with a time limit of its own.
    ///
    /// # Errors
    ///
    /// [`CallError`], as for a call.
    pub fn snapshot_within(&self, within: Duration) -> Result<StageSnapshot, CallError> {
        self.0.call_with(within, StageMail::Report)
    }
}

impl StageKind {
    pub(crate) const fn of<R: Role>() -> Self {
        match (R::EMITS, R::PULLS) {
            (false, _) => Self::Consumer,
            (true, false) => Self::Producer,
            (true, true) => Self::ProducerConsumer,
        }
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Producer => "producer",
            Self::ProducerConsumer => "producer_consumer",
            Self::Consumer => "consumer",
        })
    }
}

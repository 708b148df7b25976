//! What is measured? The scenarios: their names, their size, and the sum that proves every event arrived.

use std::fmt;

use crate::work;

/// One question about speed or size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Producer to consumer, numbers counted up and summed; at most 1000 in flight, batches of 500.
    Linear1,
    /// [`Linear1`](Self::Linear1) with two stages between that map: times three, then plus one.
    Linear3,
    /// [`Linear1`](Self::Linear1) with at most one event in flight.
    Max1,
    /// Producer to consumer, each doing [`work::heavy`] on each event.
    Heavy2,
    /// One producer, four consumers, each event to one of them; at most 1000 in flight to each.
    Demand4,
    /// One producer, four consumers, each event to all of them.
    Broadcast4,
    /// One producer, four consumers, each event to the one that its hash says.
    Partition4,
    /// [`Linear1`](Self::Linear1) with a `String` as event.
    Strings,
    /// A light producer, four consumers that do [`work::heavy`] twice on each event.
    HeavyFan4,
    /// 10,000 pipelines like [`Linear1`](Self::Linear1) at once.
    Many10k,
    /// [`Linear1`](Self::Linear1) with 1000 stages between that each add one.
    Chain1000,
    /// A supervised process for each event, at most 1000 at once.
    Supervisor,
    /// An iterator as the source, pulled back as an iterator by the caller's thread.
    Stream,
    /// One process asks another for one number after the other, and waits for each.
    Call,
    /// One process sends numbers to another, which sums them.
    Cast,
    /// A process is started, ends at once, and its end is seen, before the next is started.
    Spawn,
    /// Processes that have handled one message each and wait for the next: the memory they take.
    Idle,
    /// Two threads look up registered processes by their keys.
    Registry,
    /// A fast producer before a slow consumer, one million events: the most memory it takes.
    Memory1m,
    /// The same with ten million events.
    Memory10m,
}

/// A graph of light stages, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Producer to consumer, with so many events in flight at most.
    Line {
        /// `max_demand`; batches have half as many.
        in_flight: usize,
    },
    /// One producer, so many consumers, each event to one of them.
    Fan {
        /// How many.
        consumers: usize,
    },
    /// Producer to consumer, so many times beside each other.
    Many {
        /// How many.
        pipelines: usize,
    },
    /// Producer to consumer with so many stages between, each adds one.
    Chain {
        /// How many.
        hops: usize,
    },
}

impl Shape {
    /// The sum that an engine must arrive at.
    pub fn expected(self, events: u64) -> Checksum {
        match self {
            Self::Line { .. } | Self::Fan { .. } | Self::Many { .. } => sum_below(events),
            Self::Chain { hops } => sum_below(events).wrapping_add(events.wrapping_mul(hops as u64)),
        }
    }
}

/// Consumers of each fan.
pub const FAN: usize = 4;

/// Processes that may be alive at once in [`Scenario::Supervisor`].
pub const CHILDREN: usize = 1000;

/// Cuts the numbers below `events` into so many ranges, none larger than another by more than one.
pub fn shares(events: u64, parts: usize) -> impl Iterator<Item = std::ops::Range<u64>> {
    let (each, more) = (events / parts as u64, events % parts as u64);
    (0..parts as u64).map(move |part| {
        let first = part * each + part.min(more);
        first..first + each + u64::from(part < more)
    })
}

/// Keys that are registered in [`Scenario::Registry`].
pub const KEYS: usize = 1000;

/// The sum of all events that arrived, wrapping.
pub type Checksum = u64;

impl Scenario {
    /// All of them, in the order they are run.
    pub const ALL: [Self; 20] = [
        Self::Linear1,
        Self::Linear3,
        Self::Max1,
        Self::Demand4,
        Self::Broadcast4,
        Self::Partition4,
        Self::Stream,
        Self::Strings,
        Self::Heavy2,
        Self::HeavyFan4,
        Self::Many10k,
        Self::Chain1000,
        Self::Supervisor,
        Self::Call,
        Self::Cast,
        Self::Spawn,
        Self::Idle,
        Self::Registry,
        Self::Memory1m,
        Self::Memory10m,
    ];

    /// What it is called on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear1 => "linear-1",
            Self::Linear3 => "linear-3",
            Self::Max1 => "max-1",
            Self::Heavy2 => "heavy-2",
            Self::Demand4 => "demand-4",
            Self::Broadcast4 => "broadcast-4",
            Self::Partition4 => "partition-4",
            Self::Strings => "strings",
            Self::HeavyFan4 => "heavy-fan-4",
            Self::Many10k => "many-10k",
            Self::Chain1000 => "chain-1000",
            Self::Supervisor => "supervisor",
            Self::Stream => "stream",
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Spawn => "spawn",
            Self::Idle => "idle",
            Self::Registry => "registry",
            Self::Memory1m => "memory-1m",
            Self::Memory10m => "memory-10m",
        }
    }

    /// What is counted, for each of what: in this scenario an event is a call, a message, a process or a look-up.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Call => "ns/call",
            Self::Cast => "ns/message",
            Self::Spawn => "ns/process",
            Self::Idle => "bytes/process",
            Self::Registry => "ns/look-up",
            Self::Memory1m | Self::Memory10m => "bytes",
            _ => "ns/event",
        }
    }

    /// Whether it is memory that counts, and not time.
    pub fn is_about_memory(self) -> bool {
        matches!(self, Self::Idle | Self::Memory1m | Self::Memory10m)
    }

    /// The shape of its graph, where it is one that comes in several sizes.
    pub fn shape(self) -> Option<Shape> {
        match self {
            Self::Linear1 => Some(Shape::Line { in_flight: 2 * work::BATCH }),
            Self::Max1 => Some(Shape::Line { in_flight: 1 }),
            Self::Demand4 => Some(Shape::Fan { consumers: FAN }),
            Self::Many10k => Some(Shape::Many { pipelines: 10_000 }),
            Self::Chain1000 => Some(Shape::Chain { hops: 1000 }),
            _ => None,
        }
    }

    /// The scenario of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Events in one run at scale 1: enough that the start of threads and tasks does not show.
    pub fn default_events(self) -> u64 {
        match self {
            Self::Linear1 | Self::Linear3 | Self::Many10k => 100_000_000,
            Self::Demand4 => 50_000_000,
            Self::Broadcast4 | Self::Stream => 25_000_000,
            Self::Partition4 | Self::Memory10m => 10_000_000,
            Self::Strings | Self::Cast | Self::Registry => 2_000_000,
            Self::Chain1000 | Self::Heavy2 | Self::Memory1m => 1_000_000,
            Self::Max1 | Self::HeavyFan4 => 500_000,
            Self::Supervisor | Self::Call | Self::Spawn => 200_000,
            Self::Idle => 100_000,
        }
    }

    /// The sum the engine must arrive at: of events or replies, or the count of processes and finds. In closed form except
    /// for heavy work and texts, which are done over again here.
    pub fn expected(self, events: u64) -> Checksum {
        if let Some(shape) = self.shape() {
            return shape.expected(events);
        }
        match self {
            Self::Call => sum_below(events).wrapping_add(events),
            Self::Spawn | Self::Idle | Self::Registry => events,
            Self::Linear3 => sum_below(events).wrapping_mul(3).wrapping_add(events),
            Self::Broadcast4 => sum_below(events).wrapping_mul(FAN as u64),
            Self::Strings => (0..events).fold(0, |sum, event| sum.wrapping_add(work::text_value(&work::text(event)))),
            Self::Heavy2 | Self::HeavyFan4 => {
                (0..events).fold(0, |sum, event| sum.wrapping_add(work::heavy(work::heavy(event))))
            }
            Self::Memory1m | Self::Memory10m => {
                (0..events).fold(0, |sum, event| sum.wrapping_add(work::slow_value(event)))
            }
            _ => sum_below(events),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// So many events as the scale makes of them, at least one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the scale is positive, and a count of events need not be exact"
)]
pub fn scaled(events: u64, scale: f64) -> u64 {
    ((events as f64 * scale).round() as u64).max(1)
}

/// 0 + 1 + ... + (n - 1), wrapping.
fn sum_below(n: u64) -> u64 {
    if n.is_multiple_of(2) { (n / 2).wrapping_mul(n.wrapping_sub(1)) } else { n.wrapping_mul(n / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_scenarios() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::from_name("linear-2"), None);
    }

    #[test]
    fn there_is_always_an_event() {
        assert_eq!(scaled(500_000, 1e-12), 1);
        assert_eq!(scaled(1_000_000, 0.5), 500_000);
    }

    #[test]
    fn shares_are_even_and_leave_nothing_out() {
        let cut: Vec<_> = shares(11, 4).collect();
        assert_eq!(cut, [0..3, 3..6, 6..9, 9..11]);
        assert_eq!(shares(2, 3).collect::<Vec<_>>(), [0..1, 1..2, 2..2]);
    }

    #[test]
    fn closed_forms_agree_with_counting() {
        for events in [0_u64, 1, 2, 7, 500, 1001] {
            assert_eq!(Scenario::Linear1.expected(events), (0..events).sum::<u64>());
            let mapped = (0..events).map(|event| work::increment(work::triple(event)));
            assert_eq!(Scenario::Linear3.expected(events), mapped.sum::<u64>());
        }
    }

    #[test]
    fn closed_forms_wrap() {
        let events = 1_u64 << 33;
        let wide = u128::from(events) * u128::from(events - 1) / 2;
        let wrapped = u64::try_from(wide & u128::from(u64::MAX)).unwrap();
        assert_eq!(Scenario::Linear1.expected(events), wrapped);
    }
}

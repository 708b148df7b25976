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
}

/// Keys that are registered in [`Scenario::Registry`].
pub const KEYS: usize = 1000;

/// The sum of all events that arrived, wrapping.
pub type Checksum = u64;

impl Scenario {
    /// All of them, in the order they are run.
    pub const ALL: [Self; 10] = [
        Self::Linear1,
        Self::Linear3,
        Self::Max1,
        Self::Heavy2,
        Self::Stream,
        Self::Call,
        Self::Cast,
        Self::Spawn,
        Self::Idle,
        Self::Registry,
    ];

    /// What it is called on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear1 => "linear-1",
            Self::Linear3 => "linear-3",
            Self::Max1 => "max-1",
            Self::Heavy2 => "heavy-2",
            Self::Stream => "stream",
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Spawn => "spawn",
            Self::Idle => "idle",
            Self::Registry => "registry",
        }
    }

    /// What is counted, for each of what: in this scenario an event is a call, a message, a process or a look-up.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Linear1 | Self::Linear3 | Self::Max1 | Self::Heavy2 | Self::Stream => "ns/event",
            Self::Call => "ns/call",
            Self::Cast => "ns/message",
            Self::Spawn => "ns/process",
            Self::Idle => "bytes/process",
            Self::Registry => "ns/look-up",
        }
    }

    /// The scenario of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Events in one run at scale 1: enough that the start of threads and tasks does not show.
    pub fn default_events(self) -> u64 {
        match self {
            Self::Linear1 | Self::Linear3 => 100_000_000,
            Self::Max1 => 500_000,
            Self::Heavy2 => 1_000_000,
            Self::Stream => 25_000_000,
            Self::Call | Self::Spawn => 200_000,
            Self::Cast | Self::Registry => 2_000_000,
            Self::Idle => 100_000,
        }
    }

    /// The sum the engine must arrive at: of events or replies, or the count of processes and finds. In closed form except for heavy work, which is done over again here.
    pub fn expected(self, events: u64) -> Checksum {
        match self {
            Self::Linear1 | Self::Max1 | Self::Stream | Self::Cast => sum_below(events),
            Self::Call => sum_below(events).wrapping_add(events),
            Self::Spawn | Self::Idle | Self::Registry => events,
            Self::Linear3 => sum_below(events).wrapping_mul(3).wrapping_add(events),
            Self::Heavy2 => (0..events).fold(0, |sum, event| sum.wrapping_add(work::heavy(work::heavy(event)))),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
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

//! What is done with each event? The same for every engine, so that only the handing over differs.

use crate::scenario::FAN;

/// Events handed over together.
pub const BATCH: usize = 500;

/// A batch as the peers hand it over.
pub type Batch = Vec<u64>;

/// Rounds of arithmetic in [`heavy`]: 80 took 195 to 210 ns on the two-core x86-64 machine (AMD EPYC, Zen 4) where
/// the numbers of this crate were measured; 78 took 190 to 205.
const HEAVY_ROUNDS: u32 = 80;

/// Rounds for each event of a slow consumer.
const SLOW_ROUNDS: u32 = 20;

/// A producer's state: the numbers still to be made.
#[derive(Debug, Clone)]
pub struct Counter {
    next: u64,
    end: u64,
}

impl Counter {
    /// Counts from 0 up to, not including, `events`.
    pub fn new(events: u64) -> Self {
        Self { next: 0, end: events }
    }

    /// Counts through these numbers.
    pub fn over(numbers: std::ops::Range<u64>) -> Self {
        Self { next: numbers.start, end: numbers.end }
    }

    /// Takes the next numbers, `demand` at most; an empty range once all are made.
    #[inline]
    pub fn take(&mut self, demand: usize) -> std::ops::Range<u64> {
        let first = self.next;
        self.next = first.saturating_add(demand as u64).min(self.end);
        first..self.next
    }
}

/// What the first of the two mapping stages does with an event.
#[inline]
pub fn triple(event: u64) -> u64 {
    event.wrapping_mul(3)
}

/// What the second of the two mapping stages does with an event.
#[inline]
pub fn increment(event: u64) -> u64 {
    event.wrapping_add(1)
}

/// What a consumer does with a batch: the sum of its events, wrapping.
#[inline]
pub fn sum(batch: &[u64]) -> u64 {
    batch.iter().fold(0, |sum, event| sum.wrapping_add(*event))
}

/// What a consumer of heavy work does with a batch: works on each event, then sums.
#[inline]
pub fn heavy_sum(batch: &[u64]) -> u64 {
    batch.iter().fold(0, |sum, event| sum.wrapping_add(heavy(*event)))
}

/// What a slow consumer does with a batch: some 50 ns for each event, far more than it takes to make it.
#[inline]
pub fn slow_sum(batch: &[u64]) -> u64 {
    batch.iter().fold(0, |sum, event| sum.wrapping_add(slow_value(*event)))
}

/// What an event counts for a slow consumer.
#[inline]
pub fn slow_value(event: u64) -> u64 {
    event ^ (mixed(event, SLOW_ROUNDS) & 1)
}

/// What each consumer of a fan of heavy work does with a batch: works on each event twice, then sums.
#[inline]
pub fn heavy_twice_sum(batch: &[u64]) -> u64 {
    batch.iter().fold(0, |sum, event| sum.wrapping_add(heavy(heavy(*event))))
}

/// The partition of an event, by its hash: the same function for all who sort.
#[inline]
pub fn partition(event: u64) -> usize {
    let hash = ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(event);
    // The high half of the product is below FAN.
    usize::try_from((u128::from(hash) * FAN as u128) >> 64).unwrap_or(0)
}

/// An event with memory of its own.
#[inline]
pub fn text(event: u64) -> String {
    format!("event number {event} of this run")
}

/// What a consumer of texts does with a batch: sums their lengths and their digits of least weight.
#[inline]
pub fn text_sum(batch: &[String]) -> u64 {
    batch.iter().fold(0, |sum, text| sum.wrapping_add(text_value(text)))
}

/// What one text counts.
#[inline]
pub fn text_value(text: &str) -> u64 {
    let digit = text.as_bytes().get(text.len().wrapping_sub(" of this run".len() + 1));
    text.len() as u64 + u64::from(digit.copied().unwrap_or_default())
}

/// What the caller does with a stream: one `for` loop, an event at a time.
#[inline]
pub fn sum_stream(stream: impl Iterator<Item = u64>) -> u64 {
    let mut sum = 0_u64;
    for event in stream {
        sum = sum.wrapping_add(event);
    }
    sum
}

/// About 200 ns of arithmetic in which each step needs the one before.
///
/// Never inlined, so that every engine runs the same instructions and no compiler joins the work on two events.
#[inline(never)]
pub fn heavy(event: u64) -> u64 {
    mixed(event, HEAVY_ROUNDS)
}

#[inline]
fn mixed(event: u64, rounds: u32) -> u64 {
    let mut x = event ^ 0x9E37_79B9_7F4A_7C15;
    for _ in 0..rounds {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x = x.wrapping_mul(0x2545_F491_4F6C_DD1D);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_gives_what_is_asked_and_then_what_is_left() {
        let mut counter = Counter::new(7);
        assert_eq!(counter.take(5), 0..5);
        assert_eq!(counter.take(5), 5..7);
        assert!(counter.take(5).is_empty());
    }

    #[test]
    fn heavy_work_keeps_events_apart() {
        let results: std::collections::BTreeSet<u64> = (0..1000).map(heavy).collect();
        assert_eq!(results.len(), 1000);
    }
}

//! How long does an event take from one end of a pipeline to the other, where events come one by one?
//!
//! A plain thread has an event every 10 us, pushes it into the pipeline, where one stage hands it on and the next
//! notes how long it took. An event's time starts when it was due, not when the pipeline had room for it, so that a
//! pipeline that holds back its source does not look faster than it is. Where the system itself was late to run
//! the source, the time starts when the source runs again: that is not the pipeline's doing.
//!
//! The source stands for one outside the machine, which takes no core from those it feeds. So it yields until the next
//! event is due, and has what the others leave. One that spins burns a core; one that sleeps comes too late.

mod channels;
mod genstage;
mod tokio;

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measure::Fault;

/// Time from one event to the next.
pub const PACE: Duration = Duration::from_micros(10);

/// Events in one run at scale 1: one second.
pub const EVENTS: u64 = 100_000;

/// Pipelines that do all they can beside it, where it is not alone.
pub const BUSY: usize = 2;

/// Events that may wait before the source is held back.
const ROOM: usize = 1000;

/// Nanoseconds that events took.
type Times = Histogram<u64>;

/// What a pipeline with an entrance did with the events pushed into it.
type Run = fn(events: u64, busy: usize) -> Result<Times, Fault>;

/// The engines, in the order they take turns.
const ENGINES: [(&str, Run); 4] = [
    ("genstage", genstage::run),
    ("tokio", tokio::on_two_workers),
    ("tokio-one-thread", tokio::on_one_thread),
    ("crossbeam", channels::run),
];

/// What one engine reached: medians over its runs, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The engine's name.
    pub engine: String,
    /// Busy pipelines beside it.
    pub busy: usize,
    /// Half of the events took no longer.
    pub p50: f64,
    /// 99 of 100 events took no longer.
    pub p99: f64,
    /// 999 of 1000 events took no longer.
    pub p999: f64,
    /// The slowest event of the run in the middle.
    pub max: f64,
}

/// Runs all engines in turn, alone and beside busy pipelines.
///
/// # Errors
///
/// When an engine loses an event.
pub fn measure(runs: usize, scale: f64) -> Result<Vec<Latency>, Box<dyn std::error::Error>> {
    let events = crate::scenario::scaled(EVENTS, scale).max(100);
    let mut measured = Vec::new();
    for busy in [0, BUSY] {
        let mut taken: Vec<Vec<Times>> = ENGINES.iter().map(|_| Vec::new()).collect();
        for _ in 0..runs {
            for ((engine, run), taken) in ENGINES.iter().zip(&mut taken) {
                taken.push(run(events, busy).map_err(|fault| format!("latency, {engine}: {fault}"))?);
            }
        }
        measured.extend(ENGINES.iter().zip(taken).map(|((engine, _), taken)| summary(engine, busy, &taken)));
    }
    Ok(measured)
}

fn summary(engine: &str, busy: usize, taken: &[Times]) -> Latency {
    let median = |of: fn(&Times) -> u64| {
        #[expect(clippy::cast_precision_loss, reason = "no event takes years")]
        let all = taken.iter().map(|times| of(times) as f64).collect();
        crate::measure::Spread::of(all).map_or(f64::NAN, |spread| spread.median)
    };
    Latency {
        engine: engine.to_owned(),
        busy,
        p50: median(|times| times.value_at_quantile(0.5)),
        p99: median(|times| times.value_at_quantile(0.99)),
        p999: median(|times| times.value_at_quantile(0.999)),
        max: median(Times::max),
    }
}

/// Pushes events as they are due, each with the moment its time starts. False from `push` ends it.
fn pace(events: u64, mut push: impl FnMut(Instant) -> bool) {
    let mut due = Instant::now() + PACE;
    for _ in 0..events {
        let mut now = Instant::now();
        // Later than due already: the push before held us back, and the event's time runs.
        let start = if now > due {
            due
        } else {
            while now < due {
                thread::yield_now();
                now = Instant::now();
            }
            now
        };
        if !push(start) {
            return;
        }
        due = start + PACE;
    }
}

/// Notes how long it took since then.
fn note(times: &mut Times, start: Instant) {
    let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    times.saturating_record(nanos.max(1));
}

/// From a nanosecond to a minute, to three digits.
fn times() -> Times {
    Times::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// All events must have been noted.
fn complete(times: Times, events: u64) -> Result<Times, Fault> {
    Fault::check(times.len(), events)?;
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_notes_every_event() {
        for (engine, run) in ENGINES {
            for busy in [0, 1] {
                let times = run(300, busy).unwrap_or_else(|fault| panic!("{engine}: {fault}"));
                assert_eq!(times.len(), 300, "{engine}");
            }
        }
    }

    #[test]
    fn an_event_that_was_held_back_is_timed_from_when_it_was_due() {
        let mut starts = Vec::new();
        pace(3, |start| {
            starts.push(start);
            // The first push holds the source back for ten paces.
            let until = Instant::now() + 10 * PACE;
            while starts.len() == 1 && Instant::now() < until {}
            true
        });
        assert_eq!(starts[1] - starts[0], PACE);
    }
}

//! How does the cost of an event grow with the number of consumers, pipelines, hops, and with the size of batches?

use std::error::Error;

use serde::{Deserialize, Serialize};

use crate::engines;
use crate::measure::{self, Contender};
use crate::scenario::{self, Shape};

/// What is varied.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// What it is called.
    pub name: &'static str,
    /// What is on the axis.
    pub axis: &'static str,
    /// Where it is measured.
    pub points: &'static [usize],
    shape: fn(usize) -> Shape,
    /// Events of one run at scale 1.
    events: fn(usize) -> u64,
}

/// All of them.
pub const SWEEPS: [Sweep; 4] = [
    Sweep {
        name: "batch",
        axis: "events in a batch",
        points: &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
        shape: |size| Shape::Line { in_flight: 2 * size },
        // As many as take some 50 ms: in a shorter run a single thread that is woken late would show.
        events: |size| (500_000 * size as u64).min(200_000_000),
    },
    Sweep {
        name: "consumers",
        axis: "consumers of one producer",
        points: &[1, 2, 4, 8, 16, 32, 64],
        shape: |consumers| Shape::Fan { consumers },
        events: |_| 50_000_000,
    },
    Sweep {
        name: "pipelines",
        axis: "pipelines at once",
        points: &[1, 10, 100, 1000, 10_000],
        shape: |pipelines| Shape::Many { pipelines },
        // As many as in `many-10k`: with fewer it is the start of all those stages that is measured.
        events: |_| 100_000_000,
    },
    Sweep {
        name: "hops",
        axis: "stages between producer and consumer",
        points: &[1, 3, 10, 30, 100, 300, 1000],
        shape: |hops| Shape::Chain { hops },
        events: |hops| (200_000_000 / (hops as u64 + 1)).max(1_000_000),
    },
];

/// Who is compared.
const ENGINES: [&str; 4] = ["genstage", "tokio", "tokio-one-thread", "direct"];

/// What an event takes at one point of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The sweep's name.
    pub sweep: String,
    /// The engine's name.
    pub engine: String,
    /// Where: so many consumers, pipelines, hops, events in a batch.
    pub at: usize,
    /// Nanoseconds for each event, the median of the runs.
    pub nanos: f64,
}

/// Runs all sweeps, the engines in turn at each point.
///
/// # Errors
///
/// When an engine loses events.
pub fn measure(runs: usize, scale: f64) -> Result<Vec<Point>, Box<dyn Error>> {
    let engines: Vec<_> =
        ENGINES.iter().filter_map(|name| engines::named(name)).map(|listing| (listing, (listing.start)())).collect();
    let mut points = Vec::new();
    for sweep in &SWEEPS {
        for at in sweep.points {
            let shape = (sweep.shape)(*at);
            let events = scenario::scaled((sweep.events)(*at), scale);
            let contenders: Vec<Contender<'_>> = engines
                .iter()
                .filter_map(|(listing, engine)| {
                    let trial = measure::timed(engine.shaped(shape)?, events, shape.expected(events));
                    Some(Contender { name: listing.name, role: listing.role, trial })
                })
                .collect();
            let measured = measure::in_turn(&contenders, runs)
                .map_err(|(engine, fault)| format!("{} {at}, {engine}: {fault}", sweep.name))?;
            points.extend(measured.iter().map(|one| Point {
                sweep: sweep.name.to_owned(),
                engine: one.engine.to_owned(),
                at: *at,
                nanos: one.spread.median,
            }));
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_every_sweep_runs_with_few_events() {
        let points = measure(1, 1e-6).expect("no engine loses events");
        let most: usize = SWEEPS.iter().map(|sweep| sweep.points.len()).sum();
        for engine in ["genstage", "tokio", "tokio-one-thread"] {
            assert_eq!(points.iter().filter(|point| point.engine == engine).count(), most, "{engine}");
        }
    }
}

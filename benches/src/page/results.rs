//! What is on the page?

use serde::{Deserialize, Serialize};

use super::Place;
use crate::engines::Role;
use crate::latency::Latency;
use crate::measure::Measured;
use crate::scaling::Point;
use crate::scenario::Scenario;

/// All that one report measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where and when.
    pub place: Place,
    /// Measured runs of each engine in each scenario.
    pub runs: usize,
    /// Factor on the number of events.
    pub scale: f64,
    /// Each engine in each scenario.
    pub throughput: Vec<Row>,
    /// Each engine, alone and beside busy pipelines.
    pub latency: Vec<Latency>,
    /// Each engine at each point of each sweep.
    pub scaling: Vec<Point>,
}

/// What one engine reached in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// The engine's name.
    pub engine: String,
    /// What it stands for.
    pub role: Role,
    /// What is counted.
    pub unit: String,
    /// The run that took least.
    pub min: f64,
    /// The run in the middle.
    pub median: f64,
    /// The run that took most.
    pub max: f64,
}

impl Results {
    /// All that has one number for each engine: throughput, and of latency what 99 of 100 events do not exceed.
    pub(super) fn rows(&self) -> Vec<Row> {
        let latency = self.latency.iter().map(|one| Row {
            scenario: if one.busy == 0 { "latency".to_owned() } else { "latency-busy".to_owned() },
            engine: one.engine.clone(),
            role: if one.engine == "genstage" { Role::Ours } else { Role::Peer },
            unit: "us".to_owned(),
            min: one.p50 / 1e3,
            median: one.p99 / 1e3,
            max: one.max / 1e3,
        });
        self.throughput.iter().cloned().chain(latency).collect()
    }

    /// When and where, in a line.
    pub(super) fn caption(&self) -> String {
        let Place { date, cores, processor, compiler, load: [before, after], .. } = &self.place;
        let runs = self.runs;
        format!(
            "{date}: medians of {runs} runs at scale {}, {cores} cores of {processor}, {compiler}; load {before} before and \
             {after} after",
            self.scale
        )
    }
}

impl Row {
    /// What was measured, with the names in it.
    pub fn of(scenario: Scenario, measured: &Measured) -> Self {
        Self {
            scenario: scenario.name().to_owned(),
            engine: measured.engine.to_owned(),
            role: measured.role,
            unit: scenario.unit().to_owned(),
            min: measured.spread.min,
            median: measured.spread.median,
            max: measured.spread.max,
        }
    }

    /// Whether time was measured, and not memory.
    pub(super) fn is_time(&self) -> bool {
        self.unit.starts_with("ns/")
    }
}

/// The rows of one scenario, by what they stand for.
pub(super) struct Compared<'a> {
    pub(super) scenario: &'a str,
    pub(super) unit: &'a str,
    pub(super) ours: &'a Row,
    pub(super) limit: Option<&'a Row>,
    /// tokio with a worker for each core, as it is by default and as genstage is.
    pub(super) tokio: Option<&'a Row>,
    /// The peer of least median.
    pub(super) peer: Option<&'a Row>,
}

/// All scenarios that genstage ran in, in the order of the rows.
pub(super) fn compared(rows: &[Row]) -> Vec<Compared<'_>> {
    let least = |scenario: &str, role: Role| {
        rows.iter()
            .filter(|row| row.scenario == scenario && row.role == role)
            .min_by(|one, other| one.median.total_cmp(&other.median))
    };
    rows.iter()
        .filter(|row| row.engine == "genstage")
        .map(|ours| Compared {
            scenario: &ours.scenario,
            unit: &ours.unit,
            ours,
            limit: least(&ours.scenario, Role::Limit),
            tokio: rows.iter().find(|row| row.scenario == ours.scenario && row.engine == "tokio"),
            peer: least(&ours.scenario, Role::Peer),
        })
        .collect()
}

#[cfg(test)]
pub(super) fn row(scenario: &str, engine: &str, role: Role, unit: &str, median: f64) -> Row {
    let (scenario, engine, unit) = (scenario.to_owned(), engine.to_owned(), unit.to_owned());
    Row { scenario, engine, role, unit, min: median / 2.0, median, max: median * 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_a_row_for_each_engine_alone_and_beside_others() {
        let one = |engine: &str, busy, p99| {
            let engine = engine.to_owned();
            Latency { engine, busy, p50: 1e3, p99: 1e3 * p99, p999: 3e3, max: 4e3 }
        };
        let latency =
            vec![one("genstage", 0, 2.0), one("tokio", 0, 8.0), one("genstage", 2, 5.0), one("tokio", 2, 4.0)];
        let place = Place::here();
        let results = Results { place, runs: 1, scale: 1.0, throughput: Vec::new(), latency, scaling: Vec::new() };
        let rows = results.rows();
        let compared: Vec<_> = compared(&rows)
            .iter()
            .map(|one| (one.scenario.to_owned(), one.ours.median, one.peer.map(|peer| peer.median)))
            .collect();
        assert_eq!(compared, [("latency".to_owned(), 2.0, Some(8.0)), ("latency-busy".to_owned(), 5.0, Some(4.0))]);
    }
}

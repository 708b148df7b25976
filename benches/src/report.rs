//! How are the results shown? As a table for people, or as lines of JSON for programs.

use serde::Serialize;

use crate::engines::Role;
use crate::measure::Measured;
use crate::scenario::Scenario;

/// What stands above the table.
pub fn header() -> String {
    row(["scenario", "engine", "unit", "median", "min", "max", "x direct", "x best peer"]) + "\n"
}

/// The rows of one scenario. `x direct` and `x best peer` divide medians; the best peer is the one of least median.
pub fn rows(scenario: Scenario, measured: &[Measured]) -> String {
    let least =
        |role: Role| measured.iter().filter(|one| one.role == role).map(|one| one.spread.median).min_by(f64::total_cmp);
    let limit = least(Role::Limit);
    let best_peer = least(Role::Peer);
    let mut rows = String::new();
    for one in measured {
        let spread = one.spread;
        rows += &row([
            scenario.name(),
            one.engine,
            scenario.unit(),
            &number(spread.median),
            &number(spread.min),
            &number(spread.max),
            &ratio(spread.median, limit),
            &ratio(spread.median, best_peer),
        ]);
        rows.push('\n');
    }
    rows
}

/// One line of JSON for each engine that ran.
///
/// # Errors
///
/// Only if a number cannot be written as JSON.
pub fn json(scenario: Scenario, events: u64, runs: usize, measured: &[Measured]) -> serde_json::Result<String> {
    let mut lines = String::new();
    for one in measured {
        lines += &serde_json::to_string(&Line {
            scenario: scenario.name(),
            engine: one.engine,
            events,
            runs,
            unit: scenario.unit(),
            min: one.spread.min,
            median: one.spread.median,
            max: one.spread.max,
        })?;
        lines.push('\n');
    }
    Ok(lines)
}

#[derive(Serialize)]
struct Line {
    scenario: &'static str,
    engine: &'static str,
    events: u64,
    runs: usize,
    unit: &'static str,
    min: f64,
    median: f64,
    max: f64,
}

fn row([scenario, engine, unit, median, min, max, direct, peer]: [&str; 8]) -> String {
    format!("{scenario:<11} {engine:<16} {unit:<13} {median:>9} {min:>9} {max:>9} {direct:>9} {peer:>12}")
}

/// Three digits that count, whether a fraction of the unit or a thousand of it.
fn number(amount: f64) -> String {
    match amount {
        amount if amount < 10.0 => format!("{amount:.3}"),
        amount if amount < 100.0 => format!("{amount:.2}"),
        amount => format!("{amount:.1}"),
    }
}

fn ratio(median: f64, to: Option<f64>) -> String {
    to.map_or_else(|| "-".to_owned(), |to| format!("{:.2}", median / to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Spread;

    fn measured(engine: &'static str, role: Role, median: f64) -> Measured {
        let spread = Spread { min: median / 2.0, median, max: median * 100.0 };
        Measured { engine, role, spread }
    }

    #[test]
    fn the_table_is_aligned_and_relates_each_engine_to_limit_and_best_peer() {
        let table = header()
            + &rows(
                Scenario::Linear1,
                &[
                    measured("genstage", Role::Ours, 1.0),
                    measured("tokio", Role::Peer, 2.0),
                    measured("crossbeam", Role::Peer, 4.0),
                    measured("direct", Role::Limit, 0.5),
                ],
            );
        let expected = "\
scenario    engine           unit             median       min       max  x direct  x best peer
linear-1    genstage         ns/event          1.000     0.500     100.0      2.00         0.50
linear-1    tokio            ns/event          2.000     1.000     200.0      4.00         1.00
linear-1    crossbeam        ns/event          4.000     2.000     400.0      8.00         2.00
linear-1    direct           ns/event          0.500     0.250     50.00      1.00         0.25
";
        assert_eq!(table, expected);
    }

    #[test]
    fn without_limit_or_peers_there_is_no_ratio() {
        let rows = rows(Scenario::Idle, &[measured("genstage-future", Role::Ours, 320.0)]);
        let expected =
            "idle        genstage-future  bytes/process     320.0     160.0   32000.0         -            -\n";
        assert_eq!(rows, expected);
    }

    #[test]
    fn json_is_one_line_an_engine() {
        let ran = [measured("tokio", Role::Peer, 2.0), measured("direct", Role::Limit, 0.5)];
        let lines = json(Scenario::Stream, 1000, 5, &ran).unwrap();
        let expected = r#"{"scenario":"stream","engine":"tokio","events":1000,"runs":5,"unit":"ns/event","min":1.0,"median":2.0,"max":200.0}
{"scenario":"stream","engine":"direct","events":1000,"runs":5,"unit":"ns/event","min":0.25,"median":0.5,"max":50.0}
"#;
        assert_eq!(lines, expected);
    }
}

//! Numbers next to each other, in HTML and in Markdown.

use std::fmt::Write;

use super::results::{Compared, Results, Row, compared};
use super::svg::{digits, escaped, time};

/// What a reader must know of each scenario.
fn what(scenario: &str) -> &'static str {
    match scenario {
        "linear-1" => "producer to consumer, batches of 500",
        "linear-3" => "with two stages between that map",
        "max-1" => "one event in flight",
        "demand-4" => "four consumers, each event to one of them",
        "broadcast-4" => "four consumers, each event to all",
        "partition-4" => "four consumers, each event by its hash",
        "stream" => "from an iterator to an iterator",
        "strings" => "producer to consumer, a String an event",
        "heavy-2" => "two stages, 200 ns of work in each",
        "heavy-fan-4" => "four consumers, 400 ns of work in each",
        "many-10k" => "10,000 pipelines at once",
        "chain-1000" => "1000 stages between",
        "supervisor" => "a supervised process for each event",
        "call" => "request and reply",
        "cast" => "message to a server",
        "spawn" => "a process from its start to its end",
        "idle" => "an idle process with a mailbox",
        "registry" => "a look-up by key",
        "memory-1m" => "slow consumer, one million events: most memory, to some 100,000",
        "memory-10m" => "slow consumer, ten million events: most memory, to some 100,000",
        "latency" => "one event each 10 us: 99 of 100 are under way no longer",
        "latency-busy" => "the same beside two busy pipelines",
        _ => "",
    }
}

const HEAD: [&str; 9] =
    ["scenario", "what", "genstage", "limit", "tokio", "best peer", "x limit", "x tokio", "x best peer"];

/// One row: how long it takes here, at the limit, in tokio, in the best peer; and how many times as long as those.
fn cells(one: &Compared<'_>) -> [String; 9] {
    let shown = |row: &Row| match row.unit.as_str() {
        unit if unit.starts_with("bytes") => grouped(&format!("{:.0}", row.median)),
        _ => digits(row.median),
    };
    // The whole memory of a run is counted too coarsely for a ratio of what is small.
    let ratio = |other: &&Row| one.unit != "bytes" && other.median > 0.0;
    let times = |other: Option<&Row>| match other.filter(ratio).map(|other| one.ours.median / other.median) {
        None => String::new(),
        Some(little) if little < 0.1 => format!("{little:.4}"),
        Some(times) => format!("{times:.2}"),
    };
    [
        one.scenario.to_owned(),
        format!("{}, {}", what(one.scenario), one.unit),
        shown(one.ours),
        one.limit.map_or(String::new(), shown),
        one.tokio.map_or(String::new(), shown),
        one.peer.map_or(String::new(), |peer| format!("{} {}", shown(peer), peer.engine)),
        times(one.limit),
        times(one.tokio),
        times(one.peer),
    ]
}

/// The main table and where it was measured.
pub(super) fn markdown(results: &Results) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String; 9]| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(&HEAD.map(str::to_owned));
    line(&["---", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---:"].map(str::to_owned));
    for one in compared(&results.rows()) {
        let mut cells = cells(&one);
        cells[0] = format!("`{}`", cells[0]);
        line(&cells);
    }
    let _ = writeln!(text, "\nMeasured on {}.", results.caption());
    text
}

/// The main table.
pub(super) fn main(results: &Results) -> String {
    let rows = compared(&results.rows()).iter().map(cells).collect::<Vec<_>>();
    table(&HEAD, 2, rows.iter().map(|cells| cells.to_vec()))
}

/// All engines in all scenarios.
pub(super) fn all(results: &Results) -> String {
    let head = ["scenario", "engine", "unit", "median", "least", "most"];
    table(
        &head,
        3,
        results.throughput.iter().map(|row| {
            let numbers = [row.median, row.min, row.max].map(digits);
            [row.scenario.clone(), row.engine.clone(), row.unit.clone()].into_iter().chain(numbers).collect()
        }),
    )
}

/// The percentiles of all engines.
pub(super) fn latency(results: &Results) -> String {
    let head = ["engine", "beside it", "50 %", "99 %", "99.9 %", "slowest"];
    table(
        &head,
        2,
        results.latency.iter().map(|row| {
            let beside = if row.busy == 0 { "nothing".to_owned() } else { format!("{} busy pipelines", row.busy) };
            let times = [row.p50, row.p99, row.p999, row.max].map(time);
            [row.engine.clone(), beside].into_iter().chain(times).collect()
        }),
    )
}

/// A table whose first columns, so many, are words, and the others numbers.
fn table(head: &[&str], words: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let class = |column: usize| if column < words { "" } else { " class=\"number\"" };
    let mut text = String::from("<table>\n<tr>");
    for (column, name) in head.iter().enumerate() {
        let _ = write!(text, "<th{}>{name}</th>", class(column));
    }
    text.push_str("</tr>\n");
    for row in rows {
        text.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(text, "<td{}>{}</td>", class(column), escaped(cell));
        }
        text.push_str("</tr>\n");
    }
    text + "</table>\n"
}

/// A comma before each three digits of the whole part.
pub(super) fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Role;
    use crate::page::results::row;
    use crate::scenario::Scenario;

    #[test]
    fn every_scenario_is_explained() {
        for scenario in Scenario::ALL {
            assert_ne!(what(scenario.name()), "", "{scenario}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(["0.31", "999", "1000", "1234567.5"].map(grouped), ["0.31", "999", "1,000", "1,234,567.5"]);
    }

    #[test]
    fn a_row_compares_with_the_limit_and_the_best_peer() {
        let rows = [
            row("linear-1", "genstage", Role::Ours, "ns/event", 0.5),
            row("linear-1", "tokio", Role::Peer, "ns/event", 1.0),
            row("linear-1", "tokio-one-thread", Role::Peer, "ns/event", 0.8),
            row("linear-1", "crossbeam", Role::Peer, "ns/event", 2.0),
            row("linear-1", "direct", Role::Limit, "ns/event", 0.25),
            row("idle", "genstage", Role::Ours, "bytes/process", 526.0),
            row("idle", "tokio", Role::Peer, "bytes/process", 1295.0),
            row("latency", "genstage", Role::Ours, "us", 4.0),
            row("latency", "tokio", Role::Peer, "us", 4000.0),
            row("memory-1m", "genstage", Role::Ours, "bytes", 28_672.0),
            row("memory-1m", "tokio", Role::Peer, "bytes", 24_576.0),
        ];
        let shown: Vec<_> = compared(&rows).iter().map(cells).collect();
        let linear = "producer to consumer, batches of 500, ns/event";
        assert_eq!(
            shown[0],
            ["linear-1", linear, "0.50", "0.25", "1.00", "0.80 tokio-one-thread", "2.00", "0.50", "0.62"]
        );
        let idle = "an idle process with a mailbox, bytes/process";
        assert_eq!(shown[1], ["idle", idle, "526", "", "1,295", "1,295 tokio", "", "0.41", "0.41"]);
        assert_eq!(shown[2][2..], ["4.00", "", "4,000", "4,000 tokio", "", "0.0010", "0.0010"]);
        assert_eq!(shown[3][2..], ["28,672", "", "24,576", "24,576 tokio", "", "", ""], "too coarse for a ratio");
    }
}

//! Latency: how long the median event takes, and how long the slow ones.

use super::svg::{Anchor, Axis, Drawing, FAINT, GRID, INK, OTHERS, OURS, tick_time};
use crate::latency::{BUSY, Latency};

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 392.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 316.0;
/// Where the panels begin, and how wide they are.
const PANELS: [f64; 2] = [78.0, 458.0];
const PANEL: f64 = 330.0;

pub(super) fn plot(rows: &[Latency], caption: &str) -> String {
    let numbers = rows.iter().flat_map(|row| [row.p50, row.p99, row.p999, row.max]);
    let axis = Axis::over(numbers, BOTTOM, TOP);
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    drawing.headline("How long an event is under way", "one event each 10 us, two hand-overs; logarithmic scale");

    let mut engines: Vec<&str> = Vec::new();
    for row in rows {
        if !engines.contains(&row.engine.as_str()) {
            engines.push(&row.engine);
        }
    }
    let color = |engine: &str| match engines.iter().position(|name| *name == engine) {
        Some(0) | None => OURS,
        Some(place) => OTHERS[(place - 1) % OTHERS.len()],
    };
    let mut x = 20.0;
    for engine in &engines {
        x = drawing.key((x, 54.0), color(engine), engine);
    }

    for (left, busy) in PANELS.into_iter().zip([0, BUSY]) {
        let title = if busy == 0 { "alone".to_owned() } else { format!("beside {busy} busy pipelines") };
        drawing.bold((left, TOP - 12.0), Anchor::Start, 12.0, INK, &title);
        for number in axis.ticks() {
            let y = axis.at(number);
            drawing.line((left, y), (left + PANEL, y), GRID, 1.0);
            if busy == 0 {
                drawing.text((left - 8.0, y + 4.0), Anchor::End, 11.0, FAINT, &tick_time(number));
            }
        }
        let names = ["50 %", "99 %", "99.9 %", "slowest"];
        let places = [0.08, 0.36, 0.64, 0.92].map(|share| left + share * PANEL);
        for (name, x) in names.iter().zip(places) {
            drawing.text((x, BOTTOM + 18.0), Anchor::Middle, 11.0, FAINT, name);
        }
        // Ours last, on top of the others.
        for row in rows.iter().rev().filter(|row| row.busy == busy) {
            let times = [row.p50, row.p99, row.p999, row.max];
            let points: Vec<_> = places.into_iter().zip(times.map(|nanos| axis.at(nanos))).collect();
            drawing.curve(&points, color(&row.engine));
        }
    }
    drawing.text((WIDTH / 2.0, BOTTOM + 40.0), Anchor::Middle, 11.0, FAINT, "so many of the events took no longer");
    drawing.caption(caption);
    drawing.finish()
}

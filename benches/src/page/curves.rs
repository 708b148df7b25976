//! Scaling: what an event takes as consumers, pipelines, hops and batches grow.

use super::svg::{Anchor, Axis, Drawing, FAINT, GRID, INK, LIMIT, OTHERS, OURS, tick};
use crate::scaling::{Point, SWEEPS, Sweep};

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 632.0;
/// The upper left corners of the panels, and their size.
const PANELS: [(f64, f64); 4] = [(64.0, 92.0), (464.0, 92.0), (64.0, 362.0), (464.0, 362.0)];
const PANEL: (f64, f64) = (326.0, 190.0);

const ENGINES: [(&str, &str, &str); 4] = [
    ("genstage", "genstage", OURS),
    ("tokio", "tokio", OTHERS[0]),
    ("tokio-one-thread", "tokio on one thread", OTHERS[1]),
    ("direct", "limit: plain function calls on one core", LIMIT),
];

pub(super) fn plot(points: &[Point], caption: &str) -> String {
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    drawing.headline("How the cost of an event grows", "nanoseconds for each event; both scales logarithmic");
    let mut x = 20.0;
    for (_, name, color) in ENGINES {
        x = drawing.key((x, 54.0), color, name);
    }
    for (sweep, corner) in SWEEPS.iter().zip(PANELS) {
        panel(&mut drawing, sweep, corner, points);
    }
    drawing.caption(caption);
    drawing.finish()
}

fn panel(drawing: &mut Drawing, sweep: &Sweep, (left, top): (f64, f64), points: &[Point]) {
    let (right, bottom) = (left + PANEL.0, top + PANEL.1);
    let mine: Vec<&Point> = points.iter().filter(|point| point.sweep == sweep.name).collect();
    #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
    let place = |at: usize| at as f64;
    let across = Axis::over(sweep.points.iter().map(|at| place(*at)), left, right);
    let up = Axis::over(mine.iter().map(|point| point.nanos), bottom, top);

    for number in across.ticks() {
        let x = across.at(number);
        drawing.line((x, top), (x, bottom), GRID, 1.0);
        drawing.text((x, bottom + 17.0), Anchor::Middle, 11.0, FAINT, &tick(number));
    }
    for number in up.ticks() {
        let y = up.at(number);
        drawing.line((left, y), (right, y), GRID, 1.0);
        drawing.text((left - 8.0, y + 4.0), Anchor::End, 11.0, FAINT, &tick(number));
    }
    drawing.text((f64::midpoint(left, right), bottom + 35.0), Anchor::Middle, 11.0, INK, sweep.axis);
    // Ours last, on top of the others.
    for (engine, _, color) in ENGINES.iter().rev() {
        let curve: Vec<_> = mine
            .iter()
            .filter(|point| point.engine == *engine)
            .map(|point| (across.at(place(point.at)), up.at(point.nanos)))
            .collect();
        if !curve.is_empty() {
            drawing.curve(&curve, color);
        }
    }
}

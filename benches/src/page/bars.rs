//! Throughput: for each scenario what an event takes here, in the best peer, and at the limit.

use super::results::{Row, compared};
use super::svg::{Anchor, Axis, Drawing, FAINT, GRID, INK, LIMIT, OURS, PEER, tick, time};

const WIDTH: f64 = 820.0;
/// Where bars begin, and where the axis ends.
const LEFT: f64 = 118.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 74.0;
/// Height of a scenario, and of a bar in it.
const STEP: f64 = 34.0;
const BAR: f64 = 11.0;

pub(super) fn plot(rows: &[Row], caption: &str) -> String {
    let scenarios: Vec<_> = compared(rows).into_iter().filter(|one| one.ours.is_time()).collect();
    let numbers = scenarios
        .iter()
        .flat_map(|one| [Some(one.ours), one.limit, one.peer].into_iter().flatten().map(|row| row.median));
    let axis = Axis::over(numbers, LEFT, RIGHT);
    #[expect(clippy::cast_precision_loss, reason = "there are not that many scenarios")]
    let bottom = TOP + STEP * scenarios.len() as f64;
    let mut drawing = Drawing::new(WIDTH, bottom + 66.0);

    drawing.headline("What an event takes", "median, logarithmic scale; a shorter bar is faster");
    let next = drawing.key((20.0, 54.0), OURS, "genstage");
    let next = drawing.key((next, 54.0), PEER, "best peer");
    drawing.key((next, 54.0), LIMIT, "limit: plain function calls on one core");

    for number in axis.ticks() {
        let x = axis.at(number);
        drawing.line((x, TOP), (x, bottom), GRID, 1.0);
        drawing.text((x, bottom + 17.0), Anchor::Middle, 11.0, FAINT, &tick(number));
    }
    drawing.text((f64::midpoint(LEFT, RIGHT), bottom + 34.0), Anchor::Middle, 11.0, FAINT, "nanoseconds");

    let mut y = TOP;
    for one in &scenarios {
        drawing.text((LEFT - 10.0, y + 21.0), Anchor::End, 12.0, INK, one.scenario);
        let upper = y + 5.0;
        let lower = upper + BAR + 2.0;
        let end = axis.at(one.ours.median);
        drawing.bar(LEFT, upper, (end - LEFT).max(1.0), BAR, OURS);
        drawing.bold((label(end, one.limit, axis), upper + 9.5), Anchor::Start, 11.0, OURS, &time(one.ours.median));
        if let Some(peer) = one.peer {
            let end = axis.at(peer.median);
            drawing.bar(LEFT, lower, (end - LEFT).max(1.0), BAR, PEER);
            let text = format!("{}  {}", time(peer.median), peer.engine);
            drawing.text((label(end, one.limit, axis), lower + 9.5), Anchor::Start, 11.0, FAINT, &text);
        }
        if let Some(limit) = one.limit {
            let x = axis.at(limit.median);
            drawing.line((x, upper - 2.0), (x, lower + BAR + 2.0), LIMIT, 2.5);
        }
        y += STEP;
    }
    drawing.caption(caption);
    drawing.finish()
}

/// Where the label of a bar begins: behind the bar, and behind the mark of the limit if that would cross it.
fn label(end: f64, limit: Option<&Row>, axis: Axis) -> f64 {
    let mark = limit.map_or(end, |limit| axis.at(limit.median));
    if mark > end - 2.0 && mark < end + 130.0 { mark.max(end) + 7.0 } else { end + 7.0 }
}

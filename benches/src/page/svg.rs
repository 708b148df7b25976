//! A pen for plots: boxes, lines and text, in one style.

use std::fmt::Write;

/// How we are drawn.
pub(super) const OURS: &str = "#1f5fa8";
/// How a peer is drawn.
pub(super) const PEER: &str = "#a3adb8";
/// How a limit is drawn.
pub(super) const LIMIT: &str = "#d1622b";
/// How other peers are drawn.
pub(super) const OTHERS: [&str; 3] = ["#5b6773", "#3d8b6d", "#8a5fb0"];
/// Text.
pub(super) const INK: &str = "#22272e";
/// Text that is less important.
pub(super) const FAINT: &str = "#66707b";
/// Lines behind the data.
pub(super) const GRID: &str = "#e3e7eb";

/// Where a text begins, or ends.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing of a certain size, in pixels from its upper left corner.
pub(super) struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

impl Drawing {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(super) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, color: &str) {
        self.put(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="1.5" fill="{color}"/>"#
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: &str, width: f64) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{color}" stroke-width="{width}"/>"#
        ));
    }

    /// A line through all of them, and a dot at each.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], color: &str) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2" stroke-linejoin="round"/>"#,
            path.join(" ")
        ));
        for (x, y) in points {
            self.put(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{color}"/>"#));
        }
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, size: f64, color: &str, text: &str) {
        self.write(at, anchor, size, color, "400", text);
    }

    pub(super) fn bold(&mut self, at: (f64, f64), anchor: Anchor, size: f64, color: &str, text: &str) {
        self.write(at, anchor, size, color, "600", text);
    }

    fn write(&mut self, (x, y): (f64, f64), anchor: Anchor, size: f64, color: &str, weight: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.put(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{color}">{text}</text>"#
        ));
    }

    /// The title, and what else to know of the drawing.
    pub(super) fn headline(&mut self, title: &str, more: &str) {
        self.bold((20.0, 28.0), Anchor::Start, 15.0, INK, title);
        self.text((20.0 + 1.12 * wide(title, 15.0) + 12.0, 28.0), Anchor::Start, 12.0, FAINT, more);
    }

    /// Where and when it was measured, at the lower edge: a drawing is shown without its page.
    pub(super) fn caption(&mut self, text: &str) {
        self.text((20.0, self.height - 12.0), Anchor::Start, 10.0, FAINT, text);
    }

    /// A box of color and what it stands for, one after the other; where the next one may begin.
    pub(super) fn key(&mut self, (x, y): (f64, f64), color: &str, text: &str) -> f64 {
        self.bar(x, y - 9.0, 10.0, 10.0, color);
        self.text((x + 15.0, y), Anchor::Start, 12.0, INK, text);
        x + 15.0 + wide(text, 12.0) + 22.0
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }

    /// The whole file.
    pub(super) fn finish(self) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"-apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

/// About how wide a text is.
pub(super) fn wide(text: &str, size: f64) -> f64 {
    text.chars().map(|_| 0.58 * size).sum()
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Where a number is on an axis of powers of ten, from `low` to `high`, both powers of ten.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis from pixel to pixel that all of these numbers are on.
    pub(super) fn over(numbers: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let logs = numbers.filter(|number| *number > 0.0).map(f64::log10);
        let (low, high) = logs.fold((f64::MAX, f64::MIN), |(low, high), log| (low.min(log), high.max(log)));
        if low > high {
            return Self { low: 0.0, high: 1.0, from, to };
        }
        let (low, high) = (low.floor(), high.ceil());
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to }
    }

    pub(super) fn at(self, number: f64) -> f64 {
        let share = (number.log10() - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// The powers of ten on it.
    pub(super) fn ticks(self) -> impl Iterator<Item = f64> {
        #[expect(clippy::cast_possible_truncation, reason = "powers of ten are few")]
        let (low, high) = (self.low as i32, self.high as i32);
        (low..=high).map(|power| 10_f64.powi(power))
    }
}

/// A time: `0.37 ns`, `4.20 us`.
pub(super) fn time(nanos: f64) -> String {
    let (number, unit) = in_unit(nanos);
    format!("{} {unit}", digits(number))
}

/// A tick of an axis of times: `1 us`.
pub(super) fn tick_time(nanos: f64) -> String {
    let (number, unit) = in_unit(nanos);
    format!("{} {unit}", tick(number))
}

fn in_unit(nanos: f64) -> (f64, &'static str) {
    match nanos {
        n if n >= 999_500_000.0 => (n / 1e9, "s"),
        n if n >= 999_500.0 => (n / 1e6, "ms"),
        n if n >= 999.5 => (n / 1e3, "us"),
        n => (n, "ns"),
    }
}

/// A tick of an axis: `0.1`, `1`, `1000`.
pub(super) fn tick(number: f64) -> String {
    if number < 1.0 { format!("{number:.1}") } else { super::tables::grouped(&format!("{number:.0}")) }
}

/// Three digits, or all of a whole number that has more.
pub(super) fn digits(number: f64) -> String {
    let text = match number {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    };
    super::tables::grouped(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let times = [0.372, 3.72, 37.2, 372.0, 3720.0, 37.2e6, 2e9].map(time);
        assert_eq!(times, ["0.37 ns", "3.72 ns", "37.2 ns", "372 ns", "3.72 us", "37.2 ms", "2.00 s"]);
    }

    #[test]
    fn an_axis_reaches_from_power_to_power() {
        let axis = Axis::over([0.3, 25.0].into_iter(), 0.0, 300.0);
        assert_eq!(axis.ticks().map(tick).collect::<Vec<_>>(), ["0.1", "1", "10", "100"]);
        assert!((axis.at(1.0) - 100.0).abs() < 1e-9);
        assert_eq!(Axis::over([].into_iter(), 0.0, 1.0).ticks().count(), 2);
    }
}

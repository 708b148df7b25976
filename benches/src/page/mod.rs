//! What has been measured, as a page for people: tables, plots, and where it was measured.
//!
//! 1. `results` — what is on it, read and written as JSON
//! 2. `place` — the machine, the versions, the day
//! 3. `tables` — numbers next to each other, in HTML and in Markdown
//! 4. `svg` — a pen; `bars`, `percentiles`, `curves` — what it draws
//! 5. `html` — all of it on one page

mod bars;
mod curves;
mod html;
mod percentiles;
mod place;
mod results;
mod svg;
mod tables;

use std::error::Error;
use std::fs;
use std::path::Path;

pub use place::Place;
pub use results::{Results, Row};

use crate::args::Report;

/// What surrounds the table in a README.
const MARKS: [&str; 2] = ["<!-- speed -->", "<!-- /speed -->"];

/// Writes the page `index.html`, its plots, and `results.json` into the directory, and the table and the plot that are
/// wanted elsewhere.
///
/// # Errors
///
/// When a file cannot be written, or the README has no place for the table.
pub fn write(report: &Report, results: &Results) -> Result<(), Box<dyn Error>> {
    let directory = &report.directory;
    fs::create_dir_all(directory)?;
    let caption = &results.caption();
    let plots = [
        ("throughput.svg", bars::plot(&results.throughput, caption)),
        ("latency.svg", percentiles::plot(&results.latency, caption)),
        ("scaling.svg", curves::plot(&results.scaling, caption)),
    ];
    for (name, plot) in &plots {
        put(&directory.join(name), plot)?;
    }
    put(&directory.join("results.json"), &serde_json::to_string_pretty(results)?)?;
    let [(_, throughput), (_, latency), (_, scaling)] = &plots;
    put(&directory.join("index.html"), &html::page(results, throughput, latency, scaling))?;
    if let Some(plot) = &report.plot {
        put(plot, throughput)?;
    }
    if let Some(readme) = &report.readme {
        let text = fs::read_to_string(readme).map_err(|error| format!("{}: {error}", readme.display()))?;
        put(readme, &between(&text, &tables::markdown(results))?)?;
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The text with this table between the two marks.
fn between(text: &str, table: &str) -> Result<String, String> {
    let [open, close] = MARKS;
    let parts = text.split_once(open).and_then(|(before, rest)| Some((before, rest.split_once(close)?.1)));
    let Some((before, after)) = parts else {
        return Err(format!("there is no {open} followed by {close} to put the table between"));
    };
    Ok(format!("{before}{open}\n{table}{close}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_goes_between_the_marks_however_often() {
        let text = "# Speed\n\n<!-- speed -->\nold\n<!-- /speed -->\n\nmore\n";
        let once = between(text, "new\n").unwrap();
        assert_eq!(once, "# Speed\n\n<!-- speed -->\nnew\n<!-- /speed -->\n\nmore\n");
        assert_eq!(between(&once, "new\n").unwrap(), once);
    }

    #[test]
    fn a_text_without_marks_is_refused() {
        for text in ["", "<!-- speed -->", "<!-- /speed --> <!-- speed -->"] {
            assert!(between(text, "new").is_err(), "{text}");
        }
    }
}

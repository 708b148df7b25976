//! What does the `throughput` program do, from its options to its output?

use std::error::Error;
use std::io::Write;

use crate::args::Options;
use crate::engines::Engine;
use crate::measure::{self, Contender};
use crate::report;
use crate::scenario::Scenario;

/// Measures what the options ask for and writes each scenario's results as soon as it is through.
///
/// # Errors
///
/// When an engine loses events, when no chosen engine runs any chosen scenario, and when `out` cannot be written.
pub fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let engines: Vec<(_, Box<dyn Engine>)> =
        options.engines.iter().map(|listing| (*listing, (listing.start)())).collect();
    let mut header = (!options.json).then(report::header);
    let mut ran = false;

    for &scenario in &options.scenarios {
        let contenders: Vec<Contender<'_>> = engines
            .iter()
            .filter_map(|(listing, engine)| {
                Some(Contender { name: listing.name, role: listing.role, form: engine.form(scenario)? })
            })
            .collect();
        if contenders.is_empty() {
            continue;
        }
        ran = true;
        let events = scaled(scenario, options.scale);
        let expected = scenario.expected(events);
        let measured = measure::in_turn(&contenders, events, expected, options.runs)
            .map_err(|wrong| format!("{scenario}: {wrong}"))?;
        let text = if options.json {
            report::json(scenario, events, options.runs, &measured)?
        } else {
            header.take().unwrap_or_default() + &report::rows(scenario, &measured)
        };
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }

    if ran { Ok(()) } else { Err("none of the chosen engines runs any of the chosen scenarios".into()) }
}

/// Events in one run, at least one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the scale is positive, and a count of events need not be exact"
)]
fn scaled(scenario: Scenario, scale: f64) -> u64 {
    ((scenario.default_events() as f64 * scale).round() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Request};

    fn output(args: &[&str]) -> Result<String, String> {
        let Ok(Request::Measure(options)) = args::parse(args) else {
            panic!("{args:?} asks for no measuring");
        };
        let mut out = Vec::new();
        run(&options, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_engine_delivers_every_event_whatever_the_size() {
        for scale in ["0.00000001", "0.00001", "0.000012345", "0.001"] {
            output(&["--runs", "1", "--scale", scale, "--json"]).unwrap();
        }
    }

    #[test]
    fn the_table_has_one_header_and_json_none() {
        let small = ["--engine", "direct", "--runs", "1", "--scale", "0.0001"];
        let table = output(&small).unwrap();
        assert_eq!(table.matches("scenario").count(), 1);
        assert_eq!(table.lines().count(), 2 + Scenario::ALL.len());

        let json = output(&[&small[..], &["--json"]].concat()).unwrap();
        assert!(json.lines().all(|line| line.starts_with('{')));
        assert_eq!(json.lines().count(), Scenario::ALL.len());
    }

    #[test]
    fn there_is_always_an_event() {
        assert_eq!(scaled(Scenario::Max1, 1e-12), 1);
        assert_eq!(scaled(Scenario::Heavy2, 0.5), 500_000);
    }
}

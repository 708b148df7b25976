//! What does the `throughput` program do, from its options to its output?

use std::error::Error;
use std::fs;
use std::io::Write;

use crate::args::Options;
use crate::engines::Engine;
use crate::latency;
use crate::measure::{self, Contender, Measured, Trial};
use crate::page::{self, Place, Results, Row};
use crate::report;
use crate::resident;
use crate::scaling;
use crate::scenario::{self, Scenario};

/// Measures what the options ask for and writes each scenario's results as soon as it is through; and a page, if one is
/// wanted.
///
/// # Errors
///
/// When an engine loses events, when no chosen engine runs any chosen scenario, and when `out` cannot be written.
pub fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let Some(report) = &options.report else { return measured(options, out, |_, _| ()) };
    let results = match &report.from {
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            serde_json::from_str(&text)?
        }
        None => everything(options, out)?,
    };
    page::write(report, &results)?;
    writeln!(out, "\n{}", report.directory.join("index.html").display())?;
    Ok(())
}

/// All that belongs on a page.
fn everything(options: &Options, out: &mut impl Write) -> Result<Results, Box<dyn Error>> {
    let mut place = Place::here();
    let mut throughput = Vec::new();
    measured(options, out, |scenario, measured| {
        throughput.extend(measured.iter().map(|one| Row::of(scenario, one)));
    })?;
    writeln!(out, "\nlatency ...")?;
    let latency = latency::measure(options.runs, options.scale)?;
    writeln!(out, "scaling ...")?;
    let scaling = scaling::measure(options.runs, options.scale)?;
    place.leave();
    Ok(Results { place, runs: options.runs, scale: options.scale, throughput, latency, scaling })
}

/// Measures the scenarios, writes each as soon as it is through, and hands it to `keep`.
fn measured(
    options: &Options,
    out: &mut impl Write,
    mut keep: impl FnMut(Scenario, &[Measured]),
) -> Result<(), Box<dyn Error>> {
    let engines: Vec<(_, Box<dyn Engine>)> =
        options.engines.iter().map(|listing| (*listing, (listing.start)())).collect();
    let mut header = (!options.json).then(report::header);
    let mut ran = false;

    for &scenario in &options.scenarios {
        let events = scenario::scaled(scenario.default_events(), options.scale);
        let contenders: Vec<Contender<'_>> = engines
            .iter()
            .filter_map(|(listing, engine)| {
                let trial = trial(scenario, listing.name, &**engine, events)?;
                Some(Contender { name: listing.name, role: listing.role, trial })
            })
            .collect();
        if contenders.is_empty() {
            continue;
        }
        ran = true;
        let measured = measure::in_turn(&contenders, options.runs)
            .map_err(|(engine, fault)| format!("{scenario}, {engine}: {fault}"))?;
        let text = if options.json {
            report::json(scenario, events, options.runs, &measured)?
        } else {
            header.take().unwrap_or_default() + &report::rows(scenario, &measured)
        };
        keep(scenario, &measured);
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }

    if ran { Ok(()) } else { Err("none of the chosen engines runs any of the chosen scenarios".into()) }
}

/// How this engine is measured in this scenario; none if it does not run it.
fn trial<'a>(scenario: Scenario, name: &'static str, engine: &'a dyn Engine, events: u64) -> Option<Trial<'a>> {
    let form = engine.form(scenario)?;
    Some(match scenario {
        _ if scenario.is_about_memory() => resident::in_child(scenario, name, events),
        _ => measure::timed(form, events, scenario.expected(events)),
    })
}

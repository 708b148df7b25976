//! What was asked for on the command line?

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use lexopt::{Arg, Parser, ValueExt};

use crate::engines::{self, Listing};
use crate::scenario::Scenario;

/// What `--help` prints.
pub const HELP: &str = "\
What an event takes in each engine, in each scenario: nanoseconds, or bytes.

Usage: throughput [--scenario NAME]... [--engine NAME]... [--runs K] [--scale X] [--json | --report DIR]
       throughput --from FILE --report DIR [--readme FILE --plot FILE]

  --scenario NAME  only this scenario (repeat for more); default: all
  --engine NAME    only this engine (repeat for more); default: all
  --runs K         measured runs of each engine, after one warm-up; default: 5
  --scale X        multiply the number of events by X; default: 1
  --json           one line of JSON per scenario and engine instead of the table
  --report DIR     measure latency and scaling too, and write a page with tables and plots into this directory, and
                   what was measured as results.json
  --from FILE      measure nothing; read what an earlier report has left in its results.json
  --readme FILE    put the report's main table between the two comments `speed` of this file
  --plot FILE      write the report's main plot to this file
  --resident SCENARIO ENGINE N
                   print how many bytes of memory N events, or each of N idle processes, take, and do nothing else; it
                   is what scenarios about memory have a program of its own do for each run
  --help           this text
";

/// What the program is to do.
#[derive(Debug)]
pub enum Request {
    /// Print [`HELP`] and the names.
    Help,
    /// Measure.
    Measure(Options),
    /// Run a scenario with so many events or processes and print what memory it takes.
    Resident(Scenario, &'static Listing, u64),
}

/// What page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where it goes.
    pub directory: PathBuf,
    /// Results of before; without them it is measured.
    pub from: Option<PathBuf>,
    /// Whose table is to be written anew.
    pub readme: Option<PathBuf>,
    /// Where the main plot goes besides.
    pub plot: Option<PathBuf>,
}

/// What to measure, and how to show it.
#[derive(Debug)]
pub struct Options {
    /// The scenarios, in the order they run.
    pub scenarios: Vec<Scenario>,
    /// The engines, in the order they take turns.
    pub engines: Vec<&'static Listing>,
    /// Measured runs of each engine in each scenario.
    pub runs: usize,
    /// Factor on the number of events.
    pub scale: f64,
    /// JSON instead of a table.
    pub json: bool,
    /// A page is wanted.
    pub report: Option<Report>,
}

/// Reads the arguments, without the program's name. The error is one line for the user.
///
/// # Errors
///
/// On unknown options or names, and on values that make no sense.
pub fn parse<I>(args: I) -> Result<Request, String>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let mut scenarios = Vec::new();
    let mut engines = Vec::new();
    let mut runs = 5;
    let mut scale = 1.0;
    let mut json = false;

    let (mut directory, mut from, mut readme, mut plot) = (None, None, None, None);
    let mut parser = Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(one_line)? {
        match arg {
            Arg::Long("scenario") => scenarios.push(scenario(&mut parser)?),
            Arg::Long("engine") => engines.push(engine(&mut parser)?),
            Arg::Long("resident") => {
                let (scenario, engine) = (scenario(&mut parser)?, engine(&mut parser)?);
                let events =
                    number(&mut parser, "--resident", "a scenario, an engine and a number from 1", |n| *n >= 1)?;
                return Ok(Request::Resident(scenario, engine, events));
            }
            Arg::Long("runs") => {
                runs = number(&mut parser, "--runs", "a whole number from 1", |n| *n >= 1)?;
            }
            Arg::Long("scale") => {
                scale = number(&mut parser, "--scale", "a number above 0 and up to 1000", |x: &f64| {
                    *x > 0.0 && *x <= 1000.0
                })?;
            }
            Arg::Long("json") => json = true,
            Arg::Long("report") => directory = Some(path(&mut parser)?),
            Arg::Long("from") => from = Some(path(&mut parser)?),
            Arg::Long("readme") => readme = Some(path(&mut parser)?),
            Arg::Long("plot") => plot = Some(path(&mut parser)?),
            Arg::Long("help") | Arg::Short('h') => return Ok(Request::Help),
            other => return Err(one_line(other.unexpected())),
        }
    }

    let report = match directory {
        Some(directory) => Some(Report { directory, from, readme, plot }),
        None if from.is_some() || readme.is_some() || plot.is_some() => {
            return Err("--from, --readme and --plot need --report".to_owned());
        }
        None => None,
    };
    Ok(Request::Measure(Options {
        scenarios: chosen(Scenario::ALL, |scenario| scenarios.contains(scenario)),
        engines: chosen(&engines::ALL, |listing| engines.iter().any(|engine| engine.name == listing.name)),
        runs,
        scale,
        json,
        report,
    }))
}

/// Runs a program that takes `--runs`, `--scale` and `--json` alone.
///
/// The exit status is 2 where another option is given, and 1 where the program fails.
pub fn sized(name: &str, program: impl FnOnce(&Options, &mut dyn Write) -> Result<(), Box<dyn Error>>) -> ExitCode {
    let options = match parse(std::env::args_os().skip(1)) {
        Ok(Request::Measure(options)) if options.is_of_all() => options,
        Ok(_) => {
            eprintln!("usage: {name} [--runs K] [--scale X] [--json]");
            return ExitCode::from(2);
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(2);
        }
    };
    match program(&options, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    /// Whether nothing was chosen but how much is measured and how it is shown.
    fn is_of_all(&self) -> bool {
        self.scenarios.len() == Scenario::ALL.len() && self.engines.len() == engines::ALL.len() && self.report.is_none()
    }
}

/// The scenarios' names, for messages.
pub fn scenario_names() -> String {
    Scenario::ALL.map(Scenario::name).join(", ")
}

/// The engines' names, for messages.
pub fn engine_names() -> String {
    let names: Vec<_> = engines::ALL.iter().map(|listing| listing.name).collect();
    names.join(", ")
}

/// Those of `all` that were named, in the order of `all`, each once; all of them if none was named.
fn chosen<T>(all: impl IntoIterator<Item = T>, named: impl Fn(&T) -> bool) -> Vec<T> {
    let (mut chosen, others): (Vec<T>, Vec<T>) = all.into_iter().partition(named);
    if chosen.is_empty() {
        chosen = others;
    }
    chosen
}

fn scenario(parser: &mut Parser) -> Result<Scenario, String> {
    let name = text(parser)?;
    Scenario::from_name(&name).ok_or_else(|| unknown("scenario", &name, &scenario_names()))
}

fn path(parser: &mut Parser) -> Result<PathBuf, String> {
    parser.value().map(PathBuf::from).map_err(one_line)
}

fn engine(parser: &mut Parser) -> Result<&'static Listing, String> {
    let name = text(parser)?;
    engines::named(&name).ok_or_else(|| unknown("engine", &name, &engine_names()))
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(ValueExt::string).map_err(one_line)
}

fn number<N: FromStr>(
    parser: &mut Parser,
    option: &str,
    wanted: &str,
    valid: impl Fn(&N) -> bool,
) -> Result<N, String> {
    let value = text(parser)?;
    value.parse().ok().filter(valid).ok_or_else(|| format!("{option} takes {wanted}, not '{value}'"))
}

fn unknown(what: &str, name: &str, valid: &str) -> String {
    format!("unknown {what} '{name}'; the {what}s are: {valid}")
}

fn one_line(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(args: &[&str]) -> Options {
        match parse(args) {
            Ok(Request::Measure(options)) => options,
            other => panic!("{args:?} gave {other:?}"),
        }
    }

    fn error(args: &[&str]) -> String {
        parse(args).expect_err("the arguments are wrong")
    }

    #[test]
    fn nothing_named_means_everything() {
        let options = measure(&[]);
        assert_eq!(options.scenarios, Scenario::ALL);
        assert_eq!(options.engines.len(), engines::ALL.len());
        assert_eq!(options.runs, 5);
        assert!((options.scale - 1.0).abs() < f64::EPSILON);
        assert!(!options.json);
    }

    #[test]
    fn names_choose_and_repeat() {
        let options = measure(&[
            "--scenario=stream",
            "--scenario",
            "max-1",
            "--scenario",
            "stream",
            "--engine",
            "direct",
            "--json",
        ]);
        assert_eq!(options.scenarios, [Scenario::Max1, Scenario::Stream]);
        let names: Vec<_> = options.engines.iter().map(|listing| listing.name).collect();
        assert_eq!(names, ["direct"]);
        assert!(options.json);
    }

    #[test]
    fn unknown_names_list_the_valid_ones() {
        assert_eq!(
            error(&["--scenario", "linear"]),
            format!("unknown scenario 'linear'; the scenarios are: {}", scenario_names()),
        );
        assert!(scenario_names().starts_with("linear-1, linear-3, max-1, demand-4, "), "{}", scenario_names());
        assert_eq!(
            error(&["--engine", "Tokio"]),
            format!("unknown engine 'Tokio'; the engines are: {}", engine_names()),
        );
        assert!(engine_names().starts_with("genstage, genstage-thread, "), "{}", engine_names());
    }

    #[test]
    fn a_report_needs_a_directory() {
        let options = measure(&["--report", "out", "--readme", "README.md"]);
        let expected = Report { directory: "out".into(), from: None, readme: Some("README.md".into()), plot: None };
        assert_eq!(options.report, Some(expected));
        assert_eq!(measure(&[]).report, None);
        assert_eq!(error(&["--from", "results.json"]), "--from, --readme and --plot need --report");
    }

    #[test]
    fn bad_values_are_named() {
        assert_eq!(error(&["--runs", "0"]), "--runs takes a whole number from 1, not '0'");
        for scale in ["0", "-1", "1001", "inf", "NaN", "much"] {
            let expected = format!("--scale takes a number above 0 and up to 1000, not '{scale}'");
            assert_eq!(error(&["--scale", scale]), expected);
        }
        assert!(error(&["--scale"]).contains("--scale"));
        assert!(error(&["--jsn"]).contains("--jsn"));
        assert!(error(&["stream"]).contains("stream"));
    }

    #[test]
    fn help_wins() {
        assert!(matches!(parse(["--runs", "2", "-h"]), Ok(Request::Help)));
    }
}

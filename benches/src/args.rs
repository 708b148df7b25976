//! What was asked for on the command line?

use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;

use lexopt::{Arg, Parser, ValueExt};

use crate::engines::{self, Listing};
use crate::scenario::Scenario;

/// What `--help` prints.
pub const HELP: &str = "\
What an event takes in each engine, in each scenario: nanoseconds, or bytes.

Usage: throughput [--scenario NAME]... [--engine NAME]... [--runs K] [--scale X] [--json]

  --scenario NAME  only this scenario (repeat for more); default: all
  --engine NAME    only this engine (repeat for more); default: all
  --runs K         measured runs of each engine, after one warm-up; default: 5
  --scale X        multiply the number of events by X; default: 1
  --json           one line of JSON per scenario and engine instead of the table
  --resident ENGINE PROCESSES
                   print how many bytes of memory each of so many idle processes takes, and do nothing else; it is
                   what `idle` has a program of its own do for each run
  --help           this text
";

/// What the program is to do.
#[derive(Debug)]
pub enum Request {
    /// Print [`HELP`] and the names.
    Help,
    /// Measure.
    Measure(Options),
    /// Start so many idle processes and print what memory each takes.
    Resident(&'static Listing, u64),
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

    let mut parser = Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(one_line)? {
        match arg {
            Arg::Long("scenario") => {
                let name = text(&mut parser)?;
                let found = Scenario::from_name(&name).ok_or_else(|| unknown("scenario", &name, &scenario_names()))?;
                scenarios.push(found);
            }
            Arg::Long("engine") => engines.push(engine(&mut parser)?),
            Arg::Long("resident") => {
                let engine = engine(&mut parser)?;
                let processes = number(&mut parser, "--resident", "an engine and a number from 1", |n| *n >= 1)?;
                return Ok(Request::Resident(engine, processes));
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
            Arg::Long("help") | Arg::Short('h') => return Ok(Request::Help),
            other => return Err(one_line(other.unexpected())),
        }
    }

    Ok(Request::Measure(Options {
        scenarios: chosen(Scenario::ALL, |scenario| scenarios.contains(scenario)),
        engines: chosen(&engines::ALL, |listing| engines.iter().any(|engine| engine.name == listing.name)),
        runs,
        scale,
        json,
    }))
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
            "unknown scenario 'linear'; the scenarios are: linear-1, linear-3, max-1, heavy-2, stream, call, cast, \
             spawn, idle, registry",
        );
        assert_eq!(
            error(&["--engine", "Tokio"]),
            "unknown engine 'Tokio'; the engines are: genstage, genstage-thread, genstage-sync, genstage-future, \
             tokio, ractor, kameo, crossbeam, rwlock, dashmap, direct",
        );
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

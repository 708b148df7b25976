//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use lexopt::prelude::*;

/// One line, printed below every complaint about the options.
pub(crate) const USAGE: &str = "usage: word_count PATH [--top N] [--workers N] [--json]";

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Counts the words of every regular file below PATH.

usage: word_count PATH [--top N] [--workers N] [--json]

  PATH         a directory or a file; directories named .git or target are left out
  --top N      how many of the most frequent words to print (default 20)
  --workers N  how many readers share the files (default: one for each core)
  --json       print one JSON object instead of the table
  -h, --help   print this";

/// More readers than this are a typing mistake, not a wish.
const MOST_WORKERS: usize = 256;

/// What the user asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Print [`HELP`] and stop.
    Help,
    /// Count.
    Count(Args),
}

/// The options of a count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// Where to look for files.
    pub(crate) path: PathBuf,
    /// How many of the most frequent words to report.
    pub(crate) top: usize,
    /// How many readers; `None` leaves the choice to the program.
    pub(crate) workers: Option<usize>,
    /// One JSON object instead of the table.
    pub(crate) json: bool,
}

/// Why the command line was refused.
#[derive(Debug)]
pub(crate) enum ArgsError {
    /// No `PATH` was given.
    NoPath,
    /// `--workers` was zero or absurdly large.
    Workers(usize),
    /// The value of an option is not a whole number.
    Number {
        /// The option.
        option: &'static str,
        /// What was given instead.
        value: OsString,
    },
    /// An unknown option, a second path, a value that is missing.
    Other(lexopt::Error),
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPath => f.write_str("no PATH given"),
            Self::Workers(n) => {
                write!(f, "--workers must be from 1 to {MOST_WORKERS}, not {n}")
            }
            Self::Number { option, value } => {
                write!(f, "{option} takes a whole number, not '{}'", value.display())
            }
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ArgsError {}

impl From<lexopt::Error> for ArgsError {
    fn from(error: lexopt::Error) -> Self {
        Self::Other(error)
    }
}

impl Request {
    /// Reads the arguments of this process.
    pub(crate) fn from_env() -> Result<Self, ArgsError> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Self, ArgsError> {
        let mut path = None;
        let mut top = 20;
        let mut workers = None;
        let mut json = false;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("top") => top = number("--top", parser.value()?)?,
                Long("workers") => match number("--workers", parser.value()?)? {
                    n @ 1..=MOST_WORKERS => workers = Some(n),
                    n => return Err(ArgsError::Workers(n)),
                },
                Long("json") => json = true,
                Short('h') | Long("help") => return Ok(Self::Help),
                Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
                other => return Err(other.unexpected().into()),
            }
        }
        let path = path.ok_or(ArgsError::NoPath)?;
        Ok(Self::Count(Args { path, top, workers, json }))
    }
}

fn number(option: &'static str, value: OsString) -> Result<usize, ArgsError> {
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) => Ok(number),
        None => Err(ArgsError::Number { option, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Request, String> {
        Request::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    fn args(arguments: &[&str]) -> Args {
        match parse(arguments) {
            Ok(Request::Count(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults() {
        let expected = Args { path: "here".into(), top: 20, workers: None, json: false };
        assert_eq!(args(&["here"]), expected);
    }

    #[test]
    fn everything_in_any_order() {
        let expected = Args { path: "here".into(), top: 0, workers: Some(2), json: true };
        assert_eq!(args(&["--top", "0", "here", "--json", "--workers=2"]), expected);
    }

    #[test]
    fn a_path_that_looks_like_an_option() {
        assert_eq!(args(&["--", "--json"]).path, PathBuf::from("--json"));
    }

    #[test]
    fn help_wins() {
        assert_eq!(parse(&["--help"]), Ok(Request::Help));
        assert_eq!(parse(&["here", "-h"]), Ok(Request::Help));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for (arguments, message) in [
            (&[][..], "no PATH given"),
            (&["a", "--workers", "0"], "--workers must be from 1 to 256, not 0"),
            (&["a", "--workers", "257"], "--workers must be from 1 to 256, not 257"),
            (&["a", "--top", "x"], "--top takes a whole number, not 'x'"),
            (&["a", "--top", "-1"], "--top takes a whole number, not '-1'"),
            (&["a", "--top"], "missing argument for option '--top'"),
            (&["a", "--json=1"], "unexpected argument for option '--json': \"1\""),
            (&["a", "--fast"], "invalid option '--fast'"),
            (&["a", "b"], "unexpected argument \"b\""),
        ] {
            assert_eq!(parse(arguments), Err(message.to_owned()));
        }
    }
}

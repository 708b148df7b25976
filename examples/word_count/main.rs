//! Counts the words of every file below a path.
//!
//! ```text
//! cargo run --release --example word_count -- PATH [--top N] [--workers N] [--json]
//! ```
//!
//! A word is a maximal run of the bytes `A-Z a-z 0-9 _`, in lower case. Any other byte separates
//! words, so any file can be read.
//!
//! Files are found, read and counted by stages, as many readers and counters as there are workers:
//!
//! ```text
//!               +-> reader -> counter -+
//!     chunks ---+-> reader -> counter -+--> total
//!               +-> reader -> counter -+
//! ```
//!
//! Nothing is pushed. The total asks the counters, these ask for text, the readers ask for chunks of files, and only
//! then the next file is looked for. So whoever is free gets the next chunk, and no more is in memory than was asked for.

mod args;
mod chunks;
mod files;
mod progress;
mod read;
mod report;
#[cfg(test)]
mod scratch;
mod stages;
#[cfg(test)]
mod tests;
mod words;

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use args::{Args, ArgsError, HELP, Request, USAGE};
use chunks::{CHUNK, Chunk, Chunks};
use files::Files;
use genstage::prelude::*;
use progress::{Progress, complain};
use read::Buffers;
use report::Report;
use stages::{Counter, Reader};
use words::Counts;

fn main() -> ExitCode {
    ExitCode::from(run(Request::from_env(), io::BufWriter::new(io::stdout().lock())))
}

/// Does what was asked for; returns the exit status.
fn run(request: Result<Request, ArgsError>, mut out: impl Write) -> u8 {
    let printed = match request {
        Ok(Request::Help) => writeln!(out, "{HELP}").and_then(|()| out.flush()),
        Ok(Request::Count(args)) => {
            let files = match Files::below(&args.path) {
                Ok(files) => files,
                Err(error) => {
                    complain(error);
                    return 2;
                }
            };
            match count(files, &args) {
                Ok(report) if args.json => report.write_json(out),
                Ok(report) => report.write_text(out),
                Err(error) => {
                    complain(error);
                    return 1;
                }
            }
        }
        Err(error) => {
            complain(format_args!("{error}\n{USAGE}"));
            return 2;
        }
    };
    match printed {
        // Whoever was reading, `head` perhaps, has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(format_args!("cannot print the result: {error}"));
            1
        }
        _ => 0,
    }
}

/// What could not be read is named on stderr and counted. A file that fails midway counts as skipped, but the words that
/// were read before stay counted.
fn count(files: Files, args: &Args) -> Result<Report, Box<dyn Error>> {
    let progress = Arc::new(Progress::new());
    let chunks = Chunks::new(files, CHUNK, Arc::clone(&progress));
    let workers = args.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    let total = total(chunks, workers)?;
    let top = total.top(args.top);
    progress.finish();
    Ok(Report {
        files: progress.files(),
        bytes: progress.bytes(),
        words: total.words(),
        distinct: total.distinct(),
        skipped: progress.skipped(),
        seconds: progress.seconds(),
        top,
    })
}

/// Builds the stages, and adds up what they count.
fn total(chunks: impl Iterator<Item = Chunk> + Send + 'static, workers: usize) -> Result<Counts, Box<dyn Error>> {
    let runtime = Runtime::builder().workers(workers).build()?;
    let _inside = runtime.enter();

    // A stage that ends as planned leaves the others to finish, one that panics ends all that depend on it.
    let options = SubscriptionOptions::new().cancel(Cancel::Transient);
    // Little work ahead, so that it is shared fairly and memory stays small.
    let some_chunks = options.max_demand(4).min_demand(2);
    let some_text = options.max_demand(4).min_demand(2);

    // Demand is kept back for now: a short source could end before the last reader is there.
    let chunks = from_enumerable(chunks).start(StageOptions::new().demand(DemandMode::Accumulate))?;
    let mut counters = Vec::new();
    for _ in 0..workers {
        // A reader for each counter: if each took from all readers, the text under way would grow with the square of
        // their number.
        let buffers = Buffers::default();
        let reader = Reader::new(buffers.clone()).start(StageOptions::new())?;
        let counter = Counter::new(buffers).start(StageOptions::new())?;
        counter.sync_subscribe(&reader, some_text)?;
        reader.sync_subscribe(&chunks, some_chunks)?;
        counters.push(counter);
    }
    chunks.demand(DemandMode::Forward);

    let mut total = Counts::default();
    let Some((first, others)) = counters.split_first() else { return Ok(total) };
    let mut tables = stream(first, options)?;
    for counter in others {
        tables = tables.and(counter, options)?;
    }
    for table in tables {
        total.merge(table?);
    }
    Ok(total)
}

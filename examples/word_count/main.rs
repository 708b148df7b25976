//! Counts the words of every file below a path.
//!
//! ```text
//! cargo run --release --example word_count -- PATH [--top N] [--workers N] [--json]
//! ```
//!
//! A word is a maximal run of the bytes `A-Z a-z 0-9 _`, in lower case. Any other byte separates
//! words, so any file can be read.

mod args;
mod files;
mod pieces;
mod progress;
mod report;
#[cfg(test)]
mod scratch;
mod words;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use args::{Args, HELP, Request, USAGE};
use files::{Files, Skipped};
use pieces::{PIECE, Piece, Pieces};
use progress::Progress;
use report::Report;
use words::Counts;

fn main() -> ExitCode {
    let args = match Request::from_env() {
        Ok(Request::Count(args)) => args,
        Ok(Request::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("word_count: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let files = match Files::below(&args.path) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("word_count: {error}");
            return ExitCode::from(2);
        }
    };
    match print(&args, &count(files, &args)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever was reading, `head` perhaps, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("word_count: cannot print the result: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(args: &Args, report: &Report) -> io::Result<()> {
    let out = io::BufWriter::new(io::stdout().lock());
    if args.json { report.write_json(out) } else { report.write_text(out) }
}

/// One file after the other.
fn count(files: Files, args: &Args) -> Report {
    let start = Instant::now();
    let progress = Progress::new();
    let mut tables: Vec<Counts> = Vec::new();
    tables.resize_with(args.workers.unwrap_or(1), Counts::default);
    let (mut done, mut bytes, mut skipped) = (0, 0, 0);
    let mut piece = Piece::default();
    let workers = tables.len();
    for (file, worker) in files.zip((0..workers).cycle()) {
        let read = file.and_then(|path| {
            count_file(&path, &mut piece, &mut tables[worker], &progress).map_err(|error| Skipped::new(&path, &error))
        });
        match read {
            Ok(read) => {
                done += 1;
                bytes += read;
                progress.file_done();
            }
            Err(error) => {
                skipped += 1;
                progress.say(format_args!("word_count: skipped {error}"));
            }
        }
    }
    let mut total = Counts::default();
    for table in tables {
        total.merge(table);
    }
    let top = total.top(args.top);
    progress.finish();
    Report {
        files: done,
        bytes,
        words: total.words(),
        distinct: total.distinct(),
        skipped,
        seconds: start.elapsed().as_secs_f64(),
        top,
    }
}

fn count_file(path: &Path, piece: &mut Piece, counts: &mut Counts, progress: &Progress) -> io::Result<u64> {
    let mut pieces = Pieces::open(path, PIECE)?;
    let mut bytes = 0;
    while pieces.fill(piece)? {
        counts.count(piece.bytes());
        bytes += piece.bytes().len() as u64;
        progress.bytes_done(piece.bytes().len());
    }
    Ok(bytes)
}

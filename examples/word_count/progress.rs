//! What has been read so far: added up, and shown on a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::files::Skipped;
use crate::report::{grouped, megabytes_per_second};

/// How often the line is drawn at most.
const INTERVAL: Duration = Duration::from_millis(100);

/// Shared by all readers. A line on the terminal; none if stderr is not one.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    files: AtomicU64,
    bytes: AtomicU64,
    skipped: AtomicU64,
    /// When the line is to be drawn again, in milliseconds after `start`.
    due: AtomicU64,
}

impl Progress {
    /// A line that begins now.
    pub(crate) fn new() -> Self {
        // None when piped, either way: what is piped may end up on the same terminal.
        let target =
            if io::stdout().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self::with_target(target)
    }

    fn with_target(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            start: Instant::now(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            // Nothing yet: a short run would only flicker.
            due: AtomicU64::new(as_millis(INTERVAL)),
        }
    }

    /// A file has been read to its end.
    pub(crate) fn file_done(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.draw_if_due();
    }

    /// Some bytes have been read.
    pub(crate) fn bytes_done(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.draw_if_due();
    }

    /// Something could not be read. Says so on stderr, terminal or not.
    pub(crate) fn skip(&self, skipped: &Skipped) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        self.bar.suspend(|| complain(format_args!("skipped {skipped}")));
    }

    /// How many files have been read to their end.
    pub(crate) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// How many bytes have been read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How much could not be read.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// How long it has taken so far, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Removes the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn draw_if_due(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let elapsed = self.start.elapsed();
        let due = self.due.load(Ordering::Relaxed);
        let next = as_millis(elapsed + INTERVAL);
        // Of all readers that find it due, one draws.
        let drawing = as_millis(elapsed) >= due
            && self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if drawing {
            let bytes = self.bytes();
            // This draws, too.
            self.bar.tick();
            self.bar.set_message(format!(
                "{} files, {} MB, {:.0} MB/s",
                grouped(self.files()),
                grouped(bytes / 1_000_000),
                megabytes_per_second(bytes, elapsed.as_secs_f64()),
            ));
        }
    }
}

/// Prints a line on stderr. Unlike `eprintln!` it does not panic if nobody reads that any more.
pub(crate) fn complain(what: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "word_count: {what}");
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Also when leaving early: the terminal is left clean.
impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_it_only_adds_up() {
        let progress = Progress::with_target(ProgressDrawTarget::hidden());
        progress.bytes_done(7);
        progress.file_done();
        progress.bytes_done(5);
        assert_eq!(progress.bytes(), 12);
        assert_eq!(progress.files(), 1);
        let due = progress.due.load(Ordering::Relaxed);
        assert_eq!(due, as_millis(INTERVAL), "nothing drawn");
    }
}

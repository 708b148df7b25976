//! How much memory does a process take that has nothing to do?
//!
//! Each engine's processes are started in a program of its own, this one started anew, so that no memory that others
//! have given back is used again. What counts is how much the program's resident memory grows: all that the processes
//! cost, the allocator's rounding and the handles to them included. It comes in pages of 4096 bytes, which divided among
//! the 100,000 processes of scale 1 is exact to a tenth of a byte, and in a twentieth of that number to two bytes.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::engines::Listing;
use crate::measure::{Fault, Trial, share};
use crate::scenario::{Checksum, Scenario};

/// Processes that run before the first look at the memory: what a runtime makes once is made by then.
const WARM_UP: u64 = 100;

/// A run that starts this program anew, to start the engine's processes there.
pub fn in_child(engine: &'static str, processes: u64) -> Trial<'static> {
    Box::new(move || {
        let program = std::env::current_exe().map_err(unmeasured)?;
        let count = processes.to_string();
        let output = Command::new(program).args(["--resident", engine, &count]).output().map_err(unmeasured)?;
        if !output.status.success() {
            return Err(Fault::Unmeasured(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        String::from_utf8_lossy(&output.stdout).trim().parse().map_err(unmeasured)
    })
}

/// What the program started anew does: it prints the bytes that each of so many processes takes.
///
/// # Errors
///
/// When the engine has no idle processes, when they did not handle what they were sent, when the system does not tell
/// how much memory is used, and when `out` cannot be written.
pub fn print(listing: &Listing, processes: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let engine = (listing.start)();
    let form = engine.form(Scenario::Idle).ok_or("the engine has no idle processes")?;
    let run = |processes| Fault::check(form(processes), Scenario::Idle.expected(processes));
    run(WARM_UP)?;
    let before = resident()?;
    run(processes)?;
    let grown = resident()?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "16 digits are plenty")]
    let bytes = share(grown as f64, processes);
    writeln!(out, "{bytes}")?;
    Ok(())
}

/// Bytes of memory that this program has in use right now.
fn resident() -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or("smaps_rollup has no Rss")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim_end().parse()?;
    Ok(kilobytes * 1024)
}

fn unmeasured(error: impl Error) -> Fault {
    Fault::Unmeasured(error.to_string())
}

/// Messages that idle processes have handled: shared, so that a process needs no handle to report with.
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// A process has handled a message.
pub fn handled() {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Waits until so many processes have handled their message since the last time.
pub fn all_handled(processes: u64) -> Checksum {
    while HANDLED.load(Ordering::Relaxed) < processes {
        thread::sleep(Duration::from_millis(1));
    }
    // A moment for what a process does after its message, before it waits.
    thread::sleep(Duration::from_millis(20));
    HANDLED.swap(0, Ordering::Relaxed)
}

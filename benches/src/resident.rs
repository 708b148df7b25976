//! How much memory does a process take that has nothing to do, and how much a producer that could go on and on?
//!
//! Each engine runs in a program of its own, this one started anew, so that no memory that others have given back is used
//! again. What counts is how much the program's resident memory grows: for idle processes in the end, all that they
//! cost, the allocator's rounding and the handles to them included; for producers at the worst moment. It comes in pages
//! of 4096 bytes, which divided among the 100,000 processes of scale 1 is exact to a tenth of a byte, and in a twentieth
//! of that number to two bytes.

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

/// Processes or events that come before the first look at the memory: what a runtime makes once is made by then.
const WARM_UP: u64 = 100;

/// A run that starts this program anew, for the engine to run the scenario there.
pub fn in_child(scenario: Scenario, engine: &'static str, events: u64) -> Trial<'static> {
    Box::new(move || {
        let program = std::env::current_exe().map_err(unmeasured)?;
        let count = events.to_string();
        let args = ["--resident", scenario.name(), engine, &count];
        let output = Command::new(program).args(args).output().map_err(unmeasured)?;
        if !output.status.success() {
            return Err(Fault::Unmeasured(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        String::from_utf8_lossy(&output.stdout).trim().parse().map_err(unmeasured)
    })
}

/// What the program started anew does: it prints the bytes that each of so many idle processes takes, or those that all
/// events of a run take at the worst moment.
///
/// # Errors
///
/// When the scenario is not about memory or the engine does not run it, when events are lost, when the system does not
/// tell how much memory is used, and when `out` cannot be written.
pub fn print(scenario: Scenario, listing: &Listing, events: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    if !scenario.is_about_memory() {
        return Err("the scenario is not about memory".into());
    }
    let engine = (listing.start)();
    let form = engine.form(scenario).ok_or("the engine does not run this scenario")?;
    let run = |events| Fault::check(form(events), scenario.expected(events));
    run(WARM_UP)?;
    let before = now()?;
    run(events)?;
    let after = if scenario == Scenario::Idle { now()? } else { most()? };
    #[expect(clippy::cast_precision_loss, reason = "16 digits are plenty")]
    let grown = after.saturating_sub(before).max(PAGE) as f64;
    let bytes = if scenario == Scenario::Idle { share(grown, events) } else { grown };
    writeln!(out, "{bytes}")?;
    Ok(())
}

const PAGE: u64 = 4096;

/// Bytes of memory that this program has in use right now.
fn now() -> Result<u64, Box<dyn Error>> {
    bytes("/proc/self/smaps_rollup", "Rss:")
}

/// The most it has ever had. The system counts this less exactly, to some hundred kilobytes.
fn most() -> Result<u64, Box<dyn Error>> {
    bytes("/proc/self/status", "VmHWM:")
}

fn bytes(file: &str, name: &str) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("the system does not tell")?;
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

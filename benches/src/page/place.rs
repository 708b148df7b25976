//! Where and when was it measured, and with what?

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The machine, the versions, the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The day, as 2026-11-22.
    pub date: String,
    /// The processor.
    pub processor: String,
    /// How many of its cores there are.
    pub cores: usize,
    /// The system.
    pub system: String,
    /// How many threads wanted to run in the minute before, and in the minute at the end.
    pub load: [String; 2],
    /// The compiler.
    pub compiler: String,
    /// Crates that were compared, with their versions.
    pub crates: Vec<String>,
    /// What was typed.
    pub command: String,
}

/// Whose versions are shown.
const CRATES: [&str; 9] =
    ["genstage", "tokio", "crossbeam-channel", "rayon", "timely", "ractor", "kameo", "dashmap", "hdrhistogram"];

/// What was built.
const LOCK: &str = include_str!("../../../Cargo.lock");

impl Place {
    /// Here and now. What the system does not tell is "unknown".
    pub fn here() -> Self {
        let unknown = || "unknown".to_owned();
        let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let system =
            fs::read_to_string("/proc/sys/kernel/osrelease").map(|release| format!("Linux {}", release.trim()));
        let args: Vec<String> = std::env::args().skip(1).collect();
        Self {
            date: date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)),
            processor: model.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            system: system.unwrap_or_else(|_| unknown()),
            load: [load(), unknown()],
            compiler: compiler().unwrap_or_else(unknown),
            crates: CRATES.iter().filter_map(|name| Some(format!("{name} {}", version(LOCK, name)?))).collect(),
            command: format!("cargo run --release -p genstage-benches --bin throughput -- {}", args.join(" ")),
        }
    }

    /// It is over: notes the load.
    pub fn leave(&mut self) {
        self.load[1] = load();
    }
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

fn compiler() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version of this crate in a lock file.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split_once('"')?.0)
}

/// The day so many days after 1970-01-01, by counting years and months.
fn date(mut days: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        let expected = [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_779, "2026-11-22")];
        for (days, day) in expected {
            assert_eq!(date(days), day);
        }
    }

    #[test]
    fn all_versions_are_known() {
        for name in CRATES {
            assert!(version(LOCK, name).is_some(), "{name}");
        }
        assert_eq!(version(LOCK, "no-such-crate"), None);
    }
}

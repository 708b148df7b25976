//! How does the cost of an event grow with consumers, pipelines, hops, and with the size of batches?

use std::process::ExitCode;

use genstage_benches::args::Options;
use genstage_benches::scaling;

fn main() -> ExitCode {
    genstage_benches::args::sized("scaling", |Options { runs, scale, json, .. }, out| {
        let measured = scaling::measure(*runs, *scale)?;
        if !json {
            writeln!(out, "{:<10} {:>7} {:<10} {:>12}", "varied", "to", "engine", "ns/event")?;
        }
        for one in measured {
            if *json {
                writeln!(out, "{}", serde_json::to_string(&one)?)?;
            } else {
                writeln!(out, "{:<10} {:>7} {:<10} {:>12.3}", one.sweep, one.at, one.engine, one.nanos)?;
            }
        }
        Ok(())
    })
}

//! How long does an event take from one end of a pipeline to the other, alone and beside busy pipelines?

use std::process::ExitCode;

use genstage_benches::args::Options;
use genstage_benches::latency;

fn main() -> ExitCode {
    genstage_benches::args::sized("latency", |Options { runs, scale, json, .. }, out| {
        let measured = latency::measure(*runs, *scale)?;
        if !json {
            writeln!(out, "{:<18} {:>5} {:>12} {:>12} {:>12} {:>12}", "engine", "busy", "p50", "p99", "p99.9", "max")?;
        }
        for one in measured {
            if *json {
                writeln!(out, "{}", serde_json::to_string(&one)?)?;
            } else {
                let [p50, p99, p999, max] = [one.p50, one.p99, one.p999, one.max].map(|nanos| nanos / 1000.0);
                let (engine, busy) = (one.engine, one.busy);
                writeln!(out, "{engine:<18} {busy:>5} {p50:>9.1} us {p99:>9.1} us {p999:>9.1} us {max:>9.1} us")?;
            }
        }
        Ok(())
    })
}

//! Runs one scenario on one worker, for a tool that counts instructions: `steady SCENARIO EVENTS`.

use std::process::ExitCode;

use genstage_benches::engines;
use genstage_benches::scenario::Scenario;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let scenario = args.next().and_then(|name| Scenario::from_name(&name));
    let events = args.next().and_then(|events| events.parse().ok());
    let (Some(scenario), Some(events)) = (scenario, events) else {
        eprintln!("steady: takes the name of a scenario and a number of events");
        return ExitCode::from(2);
    };
    match engines::steady(scenario, events, || ()) {
        Some(sum) if sum == scenario.expected(events) => ExitCode::SUCCESS,
        Some(_) => {
            eprintln!("steady: {scenario} has lost events");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("steady: genstage does not run {scenario}");
            ExitCode::from(2)
        }
    }
}

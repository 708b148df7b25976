//! What do an event, a message, a call, a process take, in genstage and in its peers?

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use genstage_benches::args::{self, Request};
use genstage_benches::{resident, throughput};

fn main() -> ExitCode {
    let request = match args::parse(std::env::args_os().skip(1)) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("throughput: {error}");
            return ExitCode::from(2);
        }
    };
    let out = &mut io::stdout().lock();
    let done = match request {
        Request::Help => help(out),
        Request::Measure(options) => throughput::run(&options, out),
        Request::Resident(scenario, engine, events) => resident::print(scenario, engine, events, out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever was reading, `head` perhaps, has seen enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn help(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (help, scenarios, engines) = (args::HELP, args::scenario_names(), args::engine_names());
    Ok(write!(out, "{help}\nScenarios: {scenarios}\nEngines: {engines}\n")?)
}

//! How many nanoseconds does an event take, from producer to consumer, in genstage and in its peers?

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use genstage_benches::args::{self, Request};
use genstage_benches::throughput;

fn main() -> ExitCode {
    let options = match args::parse(std::env::args_os().skip(1)) {
        Ok(Request::Measure(options)) => options,
        Ok(Request::Help) => return help(),
        Err(error) => {
            eprintln!("throughput: {error}");
            return ExitCode::from(2);
        }
    };
    match throughput::run(&options, &mut io::stdout().lock()) {
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

fn help() -> ExitCode {
    let (help, scenarios, engines) = (args::HELP, args::scenario_names(), args::engine_names());
    let text = format!("{help}\nScenarios: {scenarios}\nEngines: {engines}\n");
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

//! Who runs the scenarios? Each engine is one module; they are all listed here.

mod crossbeam;
mod direct;
mod genstage;
mod kameo;
mod lookup;
mod maps;
mod processes;
mod ractor;
mod rayon;
mod tasks;
mod timely;
mod tokio;

pub use genstage::steady;

use serde::{Deserialize, Serialize};

use crate::scenario::{Checksum, Scenario, Shape};

/// An engine's form of a scenario: runs it with that many events and returns what its consumer summed up.
///
/// Everything it does is timed: it starts the tasks or threads of this run and returns once they are done.
pub type Form<'a> = Box<dyn Fn(u64) -> Checksum + 'a>;

/// Something that runs scenarios.
///
/// Starting the engine is not timed: this is where a runtime or a pool of threads is made, once for all runs. Between
/// its turns an engine must be idle, so that it takes no time from the others.
pub trait Engine {
    /// This engine's form of `scenario`; none if it has no sensible one.
    fn form(&self, scenario: Scenario) -> Option<Form<'_>>;

    /// This engine's form of a graph of this shape; none if it has no sensible one.
    fn shaped(&self, shape: Shape) -> Option<Form<'_>> {
        let _ = shape;
        None
    }
}

/// What an engine stands for in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// What is being judged.
    Ours,
    /// What a user would pick instead.
    Peer,
    /// What cannot be beaten on one core.
    Limit,
}

/// An entry in the list of engines.
#[derive(Debug)]
pub struct Listing {
    /// What it is called on the command line and in reports.
    pub name: &'static str,
    /// What it stands for in the comparison.
    pub role: Role,
    /// Makes the engine, with the runtime it needs.
    pub start: fn() -> Box<dyn Engine>,
}

/// All engines, in the order they take turns.
pub static ALL: [Listing; 16] = [
    Listing { name: "genstage", role: Role::Ours, start: || Box::new(genstage::Genstage::start()) },
    Listing { name: "genstage-thread", role: Role::Ours, start: || Box::new(processes::Other::thread()) },
    Listing { name: "genstage-sync", role: Role::Ours, start: || Box::new(processes::Other::sync()) },
    Listing { name: "genstage-future", role: Role::Ours, start: || Box::new(processes::Other::future()) },
    Listing { name: "tokio", role: Role::Peer, start: || Box::new(tokio::Tokio::with_workers()) },
    Listing { name: "tokio-one-thread", role: Role::Peer, start: || Box::new(tokio::Tokio::on_one_thread()) },
    Listing { name: "tokio-unbounded", role: Role::Peer, start: || Box::new(tokio::Unbounded::start()) },
    Listing { name: "ractor", role: Role::Peer, start: || Box::new(ractor::Ractor::start()) },
    Listing { name: "kameo", role: Role::Peer, start: || Box::new(kameo::Kameo::start()) },
    Listing { name: "crossbeam", role: Role::Peer, start: || Box::new(crossbeam::Crossbeam) },
    Listing { name: "crossbeam-shared", role: Role::Peer, start: || Box::new(crossbeam::Shared) },
    Listing { name: "rayon", role: Role::Peer, start: || Box::new(rayon::Rayon::start()) },
    Listing { name: "timely", role: Role::Peer, start: || Box::new(timely::Timely) },
    Listing { name: "rwlock", role: Role::Peer, start: || Box::new(maps::Locked) },
    Listing { name: "dashmap", role: Role::Peer, start: || Box::new(maps::Sharded) },
    Listing { name: "direct", role: Role::Limit, start: || Box::new(direct::Direct) },
];

/// The engine of this name.
pub fn named(name: &str) -> Option<&'static Listing> {
    ALL.iter().find(|listing| listing.name == name)
}

/// A runtime of tokio's with a worker for each core, which is its default.
fn multi_thread() -> ::tokio::runtime::Runtime {
    ::tokio::runtime::Builder::new_multi_thread().build().expect("the system gives us threads")
}

//! Who runs the scenarios? Each engine is one module; they are all listed here.

mod crossbeam;
mod direct;
mod genstage;
mod tokio;

use crate::scenario::{Checksum, Scenario};

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
}

/// What an engine stands for in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
pub static ALL: [Listing; 4] = [
    Listing { name: "genstage", role: Role::Ours, start: || Box::new(genstage::Genstage::start()) },
    Listing { name: "tokio", role: Role::Peer, start: || Box::new(tokio::Tokio::start()) },
    Listing { name: "crossbeam", role: Role::Peer, start: || Box::new(crossbeam::Crossbeam) },
    Listing { name: "direct", role: Role::Limit, start: || Box::new(direct::Direct) },
];

/// The engine of this name.
pub fn named(name: &str) -> Option<&'static Listing> {
    ALL.iter().find(|listing| listing.name == name)
}

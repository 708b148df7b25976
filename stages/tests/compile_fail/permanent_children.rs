//! The children of a `ConsumerSupervisor` are temporary or transient: a permanent one would never be done with its event.

use genstage::core::Restart;
use genstage::prelude::*;

fn main() {
    let _ = ConsumerSupervisor::new(|event: u64| drop(event)).transient();
    let _ = ConsumerSupervisor::new(|event: u64| drop(event)).permanent(); //~ E0599 no method named `permanent`
    let _ = ConsumerSupervisor::new(|event: u64| drop(event)).restart(Restart::Permanent); //~ E0599 no method named `restart`
}

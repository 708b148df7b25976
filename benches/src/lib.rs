//! What the bench programs share: the scenarios, the engines that run them, and the measuring.
//!
//! The README beside this crate says how to run the programs and how to read what they print.

pub mod args;
pub mod engines;
pub mod latency;
pub mod measure;
pub mod page;
pub mod report;
pub mod resident;
pub mod scaling;
pub mod scenario;
pub mod throughput;
pub mod work;

//! Consumer supervisors: section 19, rule by rule.

#[path = "../common/mod.rs"]
mod common;

mod crowd;
mod demand;
mod requests;
mod restarts;
mod starts;

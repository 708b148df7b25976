//! Calls, casts, replies and stops (G5).

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod door;
mod requests;
mod stops;

//! Stopping in order: what was taken is handled, and what was not is reported.

#[path = "../common/mod.rs"]
mod common;

mod cycles;
mod given;
mod inside;
mod kept;
mod late;
mod order;
mod rest;

use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

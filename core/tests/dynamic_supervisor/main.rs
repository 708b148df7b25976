//! The dynamic supervisor (section 8).

#[path = "../common/mod.rs"]
mod common;

mod children;
mod ends;
mod restarts;
mod starts;

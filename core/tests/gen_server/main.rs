//! Servers (G1 to G4, G6, G7).

mod afterwards;
mod callbacks;
#[path = "../common/mod.rs"]
mod common;
mod ends;
mod scripted;
mod starts;

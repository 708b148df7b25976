//! The ends of subscriptions: section 13, and 6.5 and 6.7 beneath it.

#[path = "../common/mod.rs"]
mod common;

mod order;
mod pairs;
mod producer;
mod table;

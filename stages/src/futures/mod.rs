//! Where events come from outside, or go there: push with back-pressure, and the traits of the futures crates.

mod feed;
#[cfg(feature = "futures")]
mod from_stream;
#[cfg(feature = "futures")]
mod into_stream;
#[cfg(feature = "futures")]
mod sink;
mod waiters;

pub use feed::{Feed, FeedError, FeedSource, feed};
#[cfg(feature = "futures")]
pub use from_stream::from_stream;
#[cfg(feature = "futures")]
pub use into_stream::{IntoStream, into_stream};

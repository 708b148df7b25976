//! An iterator becomes a producer, a closure a stage behind it, and the end an iterator again.

use genstage::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without end: only what is asked for is ever computed.
    let numbers = from_enumerable(1_u64..).start(StageOptions::new())?;
    let squares = map(|number: u64| number * number).start(StageOptions::new())?;
    squares.sync_subscribe(&numbers, SubscriptionOptions::new())?;
    let first: Vec<u64> = stream(&squares, SubscriptionOptions::new())?.take(5).collect::<Result<_, _>>()?;
    assert_eq!(first, [1, 4, 9, 16, 25]);
    println!("{first:?}");
    Ok(())
}

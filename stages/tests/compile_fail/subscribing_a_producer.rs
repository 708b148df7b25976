//! A producer cannot subscribe, neither later nor from its start.

use genstage::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers = from_enumerable(0_u64..9).start(StageOptions::new())?;
    let others = from_enumerable(0_u64..9).start(StageOptions::new())?;
    others.sync_subscribe(&numbers, SubscriptionOptions::new())?; //~ E0277 this kind of stage receives no events
    let options = StageOptions::new().subscribe_to(&numbers, SubscriptionOptions::new()); //~ E0277 this kind of stage receives no events
    from_enumerable(0_u64..9).start(options)?;
    Ok(())
}

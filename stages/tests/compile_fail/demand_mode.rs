//! Only a producer has a demand mode.

use genstage::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let double = map(|n: u64| 2 * n).start(StageOptions::new())?;
    double.demand(DemandMode::Accumulate); //~ E0277 only a producer has a demand mode
    map(|n: u64| 2 * n).start(StageOptions::new().demand(DemandMode::Accumulate))?; //~ E0277 only a producer has a demand mode
    Ok(())
}

//! A consumer of texts and a producer of numbers.

use genstage::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers = from_enumerable(0_u64..9).start(StageOptions::new())?;
    let texts = for_each(|text: String| println!("{text}")).start(StageOptions::new())?;
    texts.sync_subscribe(&numbers, SubscriptionOptions::new())?; //~ E0271 `String`
    for text in stream(&numbers, SubscriptionOptions::new())? {
        let text: String = text?; //~ E0308 expected `String`, found `u64`
        println!("{text}");
    }
    let sink = for_each(|_: u64| {}).start(StageOptions::new())?;
    let odd = SubscriptionOptions::new().selector(|text: &String| text.len() == 1);
    sink.sync_subscribe(&numbers, odd)?; //~ E0277 these subscription options choose among events of another type than `u64`
    Ok(())
}

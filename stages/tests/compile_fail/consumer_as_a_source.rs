//! Nobody subscribes to a consumer, and it has neither buffer nor dispatcher.

use genstage::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let first = for_each(|_: u64| {}).start(StageOptions::new())?;
    let second = for_each(|_: u64| {}).start(StageOptions::new())?;
    second.sync_subscribe(&first, SubscriptionOptions::new())?; //~ E0277 this kind of stage emits no events
    stream(&first, SubscriptionOptions::new())?; //~ E0277 this kind of stage emits no events
    for_each(|_: u64| {}).start(StageOptions::new().buffer_size(10))?; //~ E0277 this kind of stage emits no events
    for_each(|_: u64| {}).start(StageOptions::new().dispatcher(DemandDispatcher::new()))?; //~ E0277 this kind of stage emits no events
    first.estimate_buffered_count()?; //~ E0599 the method `estimate_buffered_count` exists
    Ok(())
}

struct Loud;

impl Consumer for Loud {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
        cx.out().extend(events); //~ E0599 the method `out` exists
        Outcome::Continue
    }
}

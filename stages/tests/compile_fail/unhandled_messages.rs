//! A message without a handler cannot be sent.

use genstage::prelude::*;

struct Quiet;

impl Consumer for Quiet {
    type Event = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

struct Hello;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quiet = Quiet.start(StageOptions::new())?;
    quiet.call(Hello)?; //~ E0599 the method `call` exists
    quiet.cast(Hello); //~ E0277 `Quiet` takes no casts of this type
    quiet.send(Hello); //~ E0277 `Quiet` takes no infos of this type
    Ok(())
}

//! A pipeline inside a tokio program: tokio's tasks push into it and take out of it, and no worker of tokio's ever blocks.

use std::pin::Pin;

use futures_core::Stream;
use genstage::into_stream;
use genstage::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (feed, source) = feed(100);
    let source = source.start(StageOptions::new())?;
    let squares = map(|n: u64| n * n).start(StageOptions::new())?;
    squares.async_subscribe(&source, SubscriptionOptions::new().max_demand(50));
    let mut squares = into_stream(&squares, SubscriptionOptions::new().max_demand(50))?;

    // Waits where the pipeline is behind; other tasks run meanwhile.
    let pushing = tokio::spawn(async move {
        for n in 1..=1000 {
            feed.send_async(n).await.ok();
        }
    });

    let mut sum = 0;
    while let Some(square) = std::future::poll_fn(|task| Pin::new(&mut squares).poll_next(task)).await {
        sum += square?;
    }
    pushing.await?;
    println!("{sum}");
    assert_eq!(sum, 333_833_500);
    Ok(())
}

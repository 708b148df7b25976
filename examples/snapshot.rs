//! The numbers of a running graph, and its picture for Mermaid.

use genstage::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers = from_enumerable(0_u64..).start(StageOptions::new().name("numbers"))?;
    let squares = map(|n: u64| n * n).start(StageOptions::new().name("squares"))?;
    let mut first = stream(&squares, SubscriptionOptions::new().max_demand(10))?;
    squares.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(10))?;
    assert_eq!(first.by_ref().take(3).collect::<Result<Vec<_>, _>>()?, [0, 1, 4]);

    let graph = graph(&[&numbers]);
    print!("{graph}");
    let seen = graph.stage(squares.pid()).ok_or("squares is there")?;
    assert_eq!((seen.handled, seen.emitted, seen.output.events), (10, 10, 10));
    assert_eq!(seen.discarded.total(), 0);
    assert_eq!(graph.edges.len(), 2);
    Ok(())
}

//! A pipeline from closures: parse orders, check them in four copies, sum up by customer.
//!
//! Each step is a process; a copy of a step runs beside the others. The sums are kept in two parts, by the customer.

use std::collections::BTreeMap;

use genstage::pipeline::{self, PipelineError};

fn main() -> Result<(), PipelineError> {
    let lines = (0..100_000_u64).map(|n| format!("customer-{} {}", n % 10, n));
    let sums = pipeline::from_iter(lines)
        .filter_map(|line| {
            let (customer, amount) = line.split_once(' ')?;
            Some((customer.to_owned(), amount.parse::<u64>().ok()?))
        })
        .name("parse")
        .filter(|(_, amount)| amount % 7 != 0)
        .name("check")
        .concurrency(4)
        .max_demand(200)
        .partition_by(2, |(customer, _)| customer.as_str())
        .fold(BTreeMap::new(), |sums, (customer, amount)| *sums.entry(customer).or_insert(0) += amount)
        .name("sum")
        .run()?;

    let sums: BTreeMap<_, _> = sums.into_iter().flatten().collect();
    for (customer, sum) in &sums {
        println!("{customer}: {sum}");
    }
    assert_eq!(sums.len(), 10);
    assert_eq!(sums.values().sum::<u64>(), (0..100_000).filter(|n| n % 7 != 0).sum::<u64>());

    // A panic in a closure ends the whole, and says where.
    let failed =
        pipeline::from_iter(0..10_u64).map(|n| 100 / (5 - n)).name("divide").for_each(|n| println!("{n}")).run();
    let error = failed.expect_err("it divides by zero");
    println!("{error}");
    assert!(error.to_string().contains("divide"));
    Ok(())
}

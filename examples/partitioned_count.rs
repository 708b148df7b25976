//! Counts with a state for each partition: all events of a key meet in the same copy, so no lock is needed.

use std::collections::HashMap;

use genstage::pipeline::{self, PipelineError};

fn main() -> Result<(), PipelineError> {
    let sensors = (0..10_000_u64).map(|n| (n % 25, n));
    // Every reading comes out with its number among those of its sensor.
    let numbered = pipeline::from_iter(sensors).partition(4, |(sensor, _)| *sensor).map_with(
        HashMap::new,
        |seen, (sensor, value)| {
            let count = seen.entry(sensor).or_insert(0_u64);
            *count += 1;
            (sensor, *count, value)
        },
    );

    let mut last = HashMap::new();
    for reading in numbered {
        let (sensor, count, value) = reading?;
        let before = last.insert(sensor, (count, value));
        // In order, for each sensor.
        assert!(before.is_none_or(|(other, older)| other + 1 == count && older < value));
    }
    println!("{} sensors", last.len());
    assert_eq!(last.len(), 25);
    assert!(last.values().all(|(count, _)| *count == 400));
    Ok(())
}

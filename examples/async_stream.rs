//! Slow work on many inputs, a few at a time: in the order of the inputs, and as it completes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use genstage::core::async_stream;

static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// Blocks a thread for a while, as a request to a slow server would.
fn fetch(page: u64) -> u64 {
    let at_work = AT_WORK.fetch_add(1, Ordering::SeqCst) + 1;
    assert!(at_work <= 4, "never more than four at a time");
    std::thread::sleep(Duration::from_millis(if page.is_multiple_of(4) { 60 } else { 20 }));
    AT_WORK.fetch_sub(1, Ordering::SeqCst);
    page * 10
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut in_order = Vec::new();
    for answer in async_stream(0..12, |page| move || fetch(page)).max_concurrency(4)? {
        in_order.push(answer?);
    }
    assert_eq!(in_order, (0..12).map(|page| page * 10).collect::<Vec<_>>());
    println!("in order:        {in_order:?} after {:?}", start.elapsed());

    let stream = async_stream(0..12, |page| move || fetch(page)).max_concurrency(4)?.ordered(false);
    let mut as_completed = stream.into_iter().collect::<Result<Vec<_>, _>>()?;
    println!("as they complete: {as_completed:?}");
    as_completed.sort_unstable();
    assert_eq!(as_completed, in_order);

    // Nothing is started that nobody asks for: an endless input will do, and what still runs is stopped at the end.
    let first: Vec<_> = async_stream(0.., |page| move || fetch(page)).max_concurrency(4)?.into_iter().take(3).collect();
    assert_eq!(first, [Ok(0), Ok(10), Ok(20)]);
    Ok(())
}

//! Stop a pipeline in order: a timer stands for Ctrl-C, and every event that was taken is handled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use genstage::{drain, prelude::*};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let handled = Arc::new(AtomicU64::new(0));
    let orders = from_enumerable(0_u64..).start(StageOptions::new().name("orders"))?;
    let priced = map(|order: u64| order * 3).start(StageOptions::new().name("priced"))?;
    let count = handled.clone();
    let booked = for_each(move |_price| {
        count.fetch_add(1, Ordering::Relaxed);
    })
    .start(StageOptions::new().name("booked"))?;
    booked.sync_subscribe(&priced, SubscriptionOptions::new().max_demand(50))?;
    priced.sync_subscribe(&orders, SubscriptionOptions::new().max_demand(50))?;

    let (signal, signalled) = mpsc::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        let _ = signal.send("Ctrl-C");
    });
    let what = signalled.recv()?;
    let report = drain(&[&orders], Duration::from_secs(5));
    print!("{what}\n{report}");

    assert!(report.is_complete());
    assert_eq!(report.stages[0].snapshot.emitted, handled.load(Ordering::Relaxed));
    Ok(())
}

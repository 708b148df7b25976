//! Stop a pipeline in order on Ctrl-C: the source takes nothing more, and every event it has taken is handled before the stages
//! end, from the first to the last. If nobody presses Ctrl-C, it stops by itself after a while.
//!
//! ```text
//! cargo run --release --example drain      # then press Ctrl-C
//! ```

use std::sync::mpsc;
use std::time::Duration;

use genstage::prelude::*;

const PATIENCE: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_secs(5);

/// Takes one order after the other, and keeps the books.
struct Books {
    booked: u64,
    sum: u64,
    closed: mpsc::Sender<(u64, u64)>,
}

impl Consumer for Books {
    type Event = u64;

    fn handle_events(&mut self, prices: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        self.booked += prices.len() as u64;
        self.sum += prices.into_iter().sum::<u64>();
        genstage::core::sleep(Duration::from_millis(1)); // some work
        Outcome::Continue
    }

    /// The last thing it does.
    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.closed.send((self.booked, self.sum));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // From here on Ctrl-C is a message, not the end.
    let (signal, signals) = mpsc::channel();
    ctrlc::set_handler(move || signal.send(()).unwrap_or(()))?;

    let (closed, books) = mpsc::channel();
    let orders = from_enumerable(1_u64..).start(StageOptions::new().name("orders"))?;
    let prices = map(|order: u64| order * 3).start(StageOptions::new().name("prices"))?;
    let booking = Books { booked: 0, sum: 0, closed }.start(StageOptions::new().name("booking"))?;
    booking.sync_subscribe(&prices, SubscriptionOptions::new().max_demand(50))?;
    prices.sync_subscribe(&orders, SubscriptionOptions::new().max_demand(50))?;

    println!("taking orders; press Ctrl-C to stop");
    match signals.recv_timeout(PATIENCE) {
        Ok(()) => println!("Ctrl-C: no more orders"),
        Err(_) => println!("nobody pressed Ctrl-C: no more orders"),
    }
    let report = drain(&[&orders], DEADLINE);
    print!("{report}");

    // Nothing is left, and the books hold every order that was taken: 1, 2, 3 and so on, three times each.
    assert!(report.is_complete());
    let taken = report.stages[0].snapshot.emitted;
    let (booked, sum) = books.recv()?;
    assert_eq!((booked, sum), (taken, 3 * taken * (taken + 1) / 2));
    println!("{taken} orders taken, {booked} booked");
    Ok(())
}

//! Waiting for a time in a future, without holding a thread.

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::runtime::engine::Engine;
use crate::timer::Timer;

/// A sleep that is given up must not wake anybody later.
struct Alarm(Option<(Timer, Waker)>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((timer, _)) = &self.0 {
            timer.cancel();
        }
    }
}

/// Waits until the engine's clock shows this time.
pub(crate) async fn until(engine: &Engine, deadline: Duration) {
    let mut alarm = Alarm(None);
    poll_fn(|task| {
        let left = deadline.saturating_sub(engine.clock.now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        // A combinator may poll with another waker than before; the last one counts.
        if !matches!(&alarm.0, Some((_, waker)) if waker.will_wake(task.waker())) {
            let waker = task.waker().clone();
            let timer = engine.timers.after(left, Box::new(move || waker.wake()), None);
            alarm = Alarm(Some((timer, task.waker().clone())));
        }
        Poll::Pending
    })
    .await;
}

//! Until when a process waits for replies: one timer for it, not one for each call.
//!
//! The timer is lazy. It is filed for the first call, and stays while later ones move the limit; only when it comes up it is
//! looked at, and filed anew for what is the limit by then. So a call that is answered in time touches no heap.

use std::time::Duration;

use super::cell::Cell;
use crate::Pid;
use crate::runtime::clock::nanos;
use crate::sync::Arc;
use crate::timer::{Due, Review};

/// Plain data, under the inbox's lock. Times are nanoseconds since the runtime began.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// When the future is to be polled at the latest. `None` while it runs, or where it waits without a limit.
    until: Option<u64>,
    /// What the timer is filed for.
    filed: Option<u64>,
    /// A limit was reached, which the next slice is to be told.
    over: bool,
}

impl Patience {
    /// A slice begins. Whether it was woken because a limit was reached.
    pub(crate) fn begin(&mut self) -> bool {
        self.until = None;
        std::mem::take(&mut self.over)
    }

    /// A slice ends, and the next begins then at the latest. True: a timer must be filed for that.
    #[must_use]
    pub(crate) fn wait(&mut self, until: u64) -> bool {
        self.until = Some(until);
        let late = self.filed.is_none_or(|filed| filed > until);
        if late {
            self.filed = Some(until);
        }
        late
    }

    /// The timer that was filed for this time comes up.
    pub(crate) fn review(&mut self, filed: u64) -> Review {
        if self.filed != Some(filed) {
            // Another one was filed since, for an earlier time.
            return Review::Gone;
        }
        match self.until {
            Some(until) if until > filed => {
                self.filed = Some(until);
                Review::Later(Duration::from_nanos(until))
            }
            Some(_) => Review::Due,
            None => {
                self.filed = None;
                Review::Gone
            }
        }
    }

    /// Whether the timer that was filed for this time is of use. If not, it is taken out.
    pub(crate) fn needs(&mut self, filed: u64) -> bool {
        let needed = self.filed == Some(filed) && self.until.is_some();
        if !needed && self.filed == Some(filed) {
            self.filed = None;
        }
        needed
    }

    /// The timer fires. Whether the future waits.
    pub(crate) fn end(&mut self) -> bool {
        self.filed = None;
        self.over = self.until.is_some();
        self.over
    }

    /// Somebody's end may have ended the wait: the next slice looks.
    pub(crate) fn look(&mut self) {
        self.over = true;
    }
}

/// The timer of a process.
pub(super) struct Limit<M>(pub(super) Arc<Cell<M>>);

impl<M: Send + 'static> Due for Limit<M> {
    fn fire(&self) -> bool {
        self.0.end_patience()
    }

    fn review(&self, filed: Duration) -> Review {
        self.0.inbox().lock().patience().map_or(Review::Gone, |patience| patience.review(nanos(filed)))
    }

    fn is_live(&self, filed: Duration) -> bool {
        self.0.inbox().lock().patience().is_some_and(|patience| patience.needs(nanos(filed)))
    }

    fn may_wait_for(&self, _: Pid) -> bool {
        true
    }

    fn orphan(&self) {
        self.0.look_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> u64 {
        seconds * 1_000_000_000
    }

    #[test]
    fn one_timer_serves_one_call_after_another() {
        let mut patience = Patience::default();
        assert!(patience.wait(s(5)), "the first files it");
        assert!(!patience.begin());
        assert!(!patience.wait(s(6)), "the next does not");
        assert_eq!(patience.review(s(5)), Review::Later(Duration::from_secs(6)));
        assert_eq!(patience.review(s(6)), Review::Due);
        assert!(patience.end());
        assert!(patience.begin());
        assert!(!patience.begin(), "once");
    }

    #[test]
    fn a_shorter_limit_files_another_timer_and_the_first_says_nothing() {
        let mut patience = Patience::default();
        assert!(patience.wait(s(5)));
        assert!(patience.wait(s(2)));
        assert_eq!(patience.review(s(2)), Review::Due);
        assert!(patience.end());
        assert_eq!(patience.review(s(5)), Review::Gone);
    }

    #[test]
    fn who_waits_no_more_is_not_woken() {
        let mut patience = Patience::default();
        assert!(patience.wait(s(5)));
        assert!(patience.needs(s(5)));
        assert!(!patience.begin());
        assert_eq!(patience.review(s(5)), Review::Gone);
        assert!(!patience.end());
        assert!(!patience.begin());
        assert!(patience.wait(s(9)), "the old timer is gone");
        patience.begin();
        assert!(!patience.needs(s(9)));
        assert!(patience.wait(s(10)));
    }
}

//! How many events a consumer supervisor asks a producer for: plain numbers.

/// The demand of one subscription, in events. Each of the events that were asked for is on its way, runs as a child, or has
/// finished and is to be asked for again: together they are `max`.
///
/// Specification: section 19.2, with the threshold of Q19.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// As a child, also one that is being restarted.
    running: usize,
    /// Since the last ask.
    finished: usize,
    min: usize,
    max: usize,
}

impl Account {
    /// `max` have been asked for. `min` is below it: the options of the subscription see to that.
    pub(super) fn new(min: usize, max: usize) -> Self {
        Self { running: 0, finished: 0, min, max }
    }

    /// Events have arrived: these became children, those did not. Gives how many of them were never asked for.
    pub(super) fn arrived(&mut self, started: usize, failed: usize) -> usize {
        let owed = self.max.saturating_sub(self.running.saturating_add(self.finished));
        self.running = self.running.saturating_add(started);
        self.finished = self.finished.saturating_add(failed);
        started.saturating_add(failed).saturating_sub(owed)
    }

    /// A child has ended for good.
    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.finished = self.finished.saturating_add(1);
    }

    /// How many to ask for now. Nothing, while more than `min` of the `max` are running or on their way.
    pub(super) fn take_ask(&mut self) -> usize {
        if self.finished >= self.max.saturating_sub(self.min) { std::mem::take(&mut self.finished) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The asks that follow when so many children end, one by one.
    fn asks(account: &mut Account, ends: usize) -> Vec<usize> {
        (0..ends)
            .map(|_| {
                account.ended();
                account.take_ask()
            })
            .collect()
    }

    #[test]
    fn s19_2_it_asks_when_no_more_than_min_are_left() {
        for (max, min, expected) in [
            (3, 2, vec![1, 1, 1]),
            (3, 0, vec![0, 0, 3]),
            (1, 0, vec![1]),
            (10, 8, vec![0, 2, 0, 2, 0, 2, 0, 2, 0, 2]),
            (4, 2, vec![0, 2, 0, 2]),
        ] {
            let mut account = Account::new(min, max);
            assert_eq!(account.arrived(max, 0), 0);
            assert_eq!((account.take_ask(), asks(&mut account, max)), (0, expected), "{max}/{min}");
        }
    }

    #[test]
    fn s19_2_by_default_it_asks_in_lumps_of_half_the_maximum() {
        let mut account = Account::new(500, 1000);
        assert_eq!(account.arrived(1000, 0), 0);
        let asks = asks(&mut account, 1000);
        assert_eq!(asks.iter().filter(|ask| **ask > 0).collect::<Vec<_>>(), [&500, &500]);
        assert_eq!((asks[499], asks[999]), (500, 500));
    }

    #[test]
    fn s19_2_an_event_that_did_not_start_is_finished() {
        let mut account = Account::new(0, 2);
        assert_eq!(account.arrived(1, 1), 0);
        assert_eq!(account.take_ask(), 0);
        account.ended();
        assert_eq!(account.take_ask(), 2);
        assert_eq!((account.arrived(0, 2), account.take_ask()), (0, 2));
    }

    #[test]
    fn s19_2_what_was_never_asked_for_is_noticed_and_made_up_for() {
        let mut account = Account::new(1, 2);
        assert_eq!(account.arrived(5, 0), 3);
        assert_eq!(asks(&mut account, 5).iter().sum::<usize>(), 5);
        assert_eq!(account.arrived(2, 0), 0);
    }
}

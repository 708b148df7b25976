//! Whether a search may take its time: not where others want the core.

use std::time::Duration;

/// Who yields and is back only after so long has lost its core to one that burns. Measured: such a one keeps it for 1 to 4 ms,
/// where a callback of ours that hands something on keeps it for some 100 us.
const LOST: Duration = Duration::from_micros(500);

/// At most so often the number of searches to cut short is doubled. Guessed: one search in 1024 may then be lost, which does not
/// show at the 99th percentile.
const MOST: u32 = 10;

/// A searcher yields to whoever shares its core, and counts as searching meanwhile: nobody else is woken. If it yields to one
/// that burns, work waits for it until the system takes the core from that one, although others sleep who would get a core at
/// once. So a seat to which that happened goes to sleep without a search for a while: each time for twice as long, and for half
/// as long once searches find something again.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// How often this has happened, less the searches that found something.
    losses: u32,
    /// How many searches are still to be cut short.
    left: u32,
}

impl Crowd {
    /// A search begins. Whether it may go on for more than a look.
    pub(crate) fn leaves_time(&mut self) -> bool {
        let time = self.left == 0;
        self.left = self.left.saturating_sub(1);
        time
    }

    /// A searcher looks again, so long after the last time. True: its core was lost meanwhile, and its search is over.
    pub(crate) fn has_taken(&mut self, time: Duration) -> bool {
        let lost = time >= LOST;
        if lost {
            self.losses = (self.losses + 1).min(MOST);
            self.left = (1 << self.losses) - 1;
        }
        lost
    }

    /// A search was worth its time.
    pub(crate) fn found(&mut self) {
        self.losses = self.losses.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many searches are cut short until one may take its time.
    fn cut_short(crowd: &mut Crowd) -> usize {
        (0..2000).take_while(|_| !crowd.leaves_time()).count()
    }

    #[test]
    fn each_loss_cuts_twice_as_many_searches_short() {
        let mut crowd = Crowd::default();
        assert_eq!(cut_short(&mut crowd), 0);
        let cut: Vec<_> = (0..12)
            .map(|_| {
                assert!(crowd.has_taken(LOST));
                cut_short(&mut crowd)
            })
            .collect();
        assert_eq!(cut, [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1023, 1023]);
    }

    #[test]
    fn a_core_that_comes_back_soon_is_not_lost() {
        let mut crowd = Crowd::default();
        assert!(!crowd.has_taken(LOST / 2));
        assert!(crowd.leaves_time());
    }

    #[test]
    fn searches_that_find_something_win_the_time_back() {
        let mut crowd = Crowd::default();
        (0..3).for_each(|_| assert!(crowd.has_taken(LOST)));
        assert_eq!(cut_short(&mut crowd), 7);
        (0..5).for_each(|_| crowd.found());
        assert!(crowd.has_taken(LOST));
        assert_eq!(cut_short(&mut crowd), 1);
    }
}

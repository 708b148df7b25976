//! Where the time of a stage goes, for next to nothing: a light callback takes 300 ns, a look at the clock 25 ns.
//!
//! Times are in nanoseconds. Turns with events or asks are the many: of these, long ones are timed each, light ones one in 64, and the others count as
//! long as the last that was timed. All other turns are timed. What a stage waits for when it has nothing to do changes seldom: the clock is read when it does.

use std::time::Duration;

/// Of light turns with events or asks one in so many is timed.
const EVERY: u32 = 64;

/// From here on each turn is timed: two looks at the clock are less than a hundredth of it.
const HEAVY: u64 = 5_000;

/// What a stage that is idle waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    Demand,
    Events,
}

/// Counts the time of one stage. Told the time by its caller, and when to ask for it.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    /// When the stage began.
    began: u64,
    busy: u64,
    /// What the last timed turn took.
    turn: u64,
    /// Turns until one is timed.
    untimed: u32,
    lack: Lack,
    /// Since when it lacks that, and how busy it had been by then.
    since: (u64, u64),
    /// Time spent idle for want of demand, and of events.
    demand: u64,
    events: u64,
}

impl Meter {
    pub(crate) fn new(lack: Lack) -> Self {
        Self { began: 0, busy: 0, turn: 0, untimed: 0, lack, since: (0, 0), demand: 0, events: 0 }
    }

    pub(crate) fn begin(&mut self, now: u64) {
        (self.began, self.since.0) = (now, now);
    }

    /// A turn with events or an ask begins. True: look at the clock, and give what it says to [`timed`](Self::timed) with the time at its end.
    #[inline]
    pub(crate) fn turn(&mut self) -> bool {
        if self.untimed == 0 {
            return true;
        }
        self.untimed -= 1;
        self.busy += self.turn;
        false
    }

    /// `hot`: one of the many.
    pub(crate) fn timed(&mut self, hot: bool, from: u64, to: u64) {
        let turn = to.saturating_sub(from);
        self.busy += turn;
        if !hot {
            return;
        }
        self.turn = turn;
        self.untimed = if self.turn >= HEAVY { 0 } else { EVERY - 1 };
    }

    /// After a turn. True: what it waits for has changed, so [`settle`](Self::settle) it.
    #[inline]
    pub(crate) fn changes(&self, lack: Lack) -> bool {
        self.lack != lack
    }

    pub(crate) fn settle(&mut self, lack: Lack, now: u64) {
        let (time, busy) = self.since;
        let idle = now.saturating_sub(time).saturating_sub(self.busy.saturating_sub(busy));
        match self.lack {
            Lack::Demand => self.demand += idle,
            Lack::Events => self.events += idle,
        }
        self.lack = lack;
        self.since = (now, self.busy);
    }

    /// The three times, and the age of the stage.
    pub(crate) fn read(&self, now: u64) -> crate::Times {
        let mut sum = self.clone();
        sum.settle(self.lack, now);
        crate::Times {
            alive: Duration::from_nanos(now.saturating_sub(self.began)),
            busy: Duration::from_nanos(sum.busy),
            waiting_for_demand: Duration::from_nanos(sum.demand),
            waiting_for_events: Duration::from_nanos(sum.events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> u64 {
        micros * 1000
    }

    #[test]
    fn heavy_turns_are_timed_each_and_light_ones_one_in_64() {
        let mut meter = Meter::new(Lack::Events);
        for turn in 0..10 {
            assert!(meter.turn());
            meter.timed(true, us(turn * 100), us(turn * 100 + 10));
        }
        assert_eq!(meter.busy, us(100));
        assert!(meter.turn());
        meter.timed(true, us(1000), us(1001));
        meter.timed(false, us(1010), us(1020));
        for _ in 0..63 {
            assert!(!meter.turn());
        }
        assert_eq!(meter.busy, us(174));
        assert!(meter.turn());
    }

    #[test]
    fn idle_time_counts_for_what_was_lacking() {
        let mut meter = Meter::new(Lack::Events);
        meter.begin(us(50));
        assert!(meter.turn());
        meter.timed(true, us(100), us(120));
        assert!(!meter.changes(Lack::Events) && meter.changes(Lack::Demand));
        meter.settle(Lack::Demand, us(120));
        let times = meter.read(us(200));
        let time = Duration::from_micros;
        assert_eq!((times.alive, times.busy), (time(150), time(20)));
        assert_eq!((times.waiting_for_events, times.waiting_for_demand), (time(50), time(80)));
    }
}

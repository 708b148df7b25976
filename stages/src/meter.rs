//! Where the time of a stage goes, for next to nothing: a light callback takes 300 ns, a look at the clock 25 ns.
//!
//! A turn costs two looks at the clock at most, one of them if the turn before it in the same slice was timed as well: its end is
//! the beginning of this one, and also the time from which on something else is waited for.
//!
//! Times are in nanoseconds. Turns with events, asks or signals are the many: of each kind, long ones are timed each, light
//! ones one in 64, and the others count as long as the last of that kind that was timed. All other turns are timed. Waits for a
//! worker are sampled likewise. What a stage waits for when it has nothing to do changes seldom: the clock is read when it does.

use std::time::Duration;

/// Of light turns of one kind one in so many is timed.
const EVERY: u32 = 64;

/// From here on each turn is timed: two looks at the clock are less than a hundredth of it.
const HEAVY: u64 = 5_000;

/// From here on, or beside turns that take so long, every other wait for a worker is sampled. Later than turns are timed, as
/// somebody else's mail goes the slower for it.
const LONG: u64 = 100_000;

/// What a stage that is idle waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    Demand,
    Events,
}

/// What a turn is about. What is usual for one kind says nothing of another: a `producer_consumer` may work long on events,
/// and passes on each ask at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Events,
    Ask,
    Signal,
    /// No two are alike: all are timed.
    Other,
}

/// What is known of the turns of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    /// What the last timed turn took, if one was.
    turn: Option<u64>,
    /// Turns until one is timed.
    untimed: u32,
}

/// What is known of the times between becoming runnable and the first turn.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    /// What the last sampled one took.
    last: u64,
    /// So many are not sampled after it. They count as long as it did, when the next sample comes.
    skipped: u32,
    /// Counted, and not yet taken from the time spent idle.
    unsettled: u64,
    /// What was taken from it.
    total: u64,
}

/// Counts the time of one stage. Told the time by its caller, and when to ask for it.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    /// When the stage began.
    began: u64,
    busy: u64,
    usual: [Usual; 4],
    waits: Waits,
    lack: Lack,
    /// Since when it lacks that, and how busy it had been by then.
    since: (u64, u64),
    /// Time spent idle for want of demand, and of events.
    demand: u64,
    events: u64,
    /// When the last turn ended, if it was timed.
    stamp: Option<u64>,
}

impl Meter {
    pub(crate) fn new(lack: Lack) -> Self {
        Self {
            began: 0,
            busy: 0,
            usual: [Usual::default(); 4],
            waits: Waits::default(),
            lack,
            since: (0, 0),
            demand: 0,
            events: 0,
            stamp: None,
        }
    }

    pub(crate) fn begin(&mut self, now: u64) {
        (self.began, self.since.0) = (now, now);
    }

    /// The time, if it is known without a look at the clock: no time passes between two turns of one slice. Before each turn, once.
    #[inline]
    pub(crate) fn known(&mut self, begins_slice: bool) -> Option<u64> {
        self.stamp.take().filter(|_| !begins_slice)
    }

    /// The time at the end of a turn, if that was timed.
    #[inline]
    pub(crate) fn end(&self) -> Option<u64> {
        self.stamp
    }

    /// A turn begins. True: give the time to [`timed`](Self::timed), with that at its end. A turn whose wait for a worker was
    /// sampled has had its two looks at the clock, so the next is timed in its place.
    #[inline]
    pub(crate) fn turn(&mut self, kind: Kind, sampled: bool) -> bool {
        let usual = &mut self.usual[kind as usize];
        let Some(turn) = usual.turn.filter(|_| usual.untimed > 0 || sampled && kind != Kind::Other) else {
            return true;
        };
        usual.untimed = usual.untimed.saturating_sub(1);
        self.busy += turn;
        false
    }

    #[cold]
    pub(crate) fn timed(&mut self, kind: Kind, from: u64, to: u64) {
        let turn = to.saturating_sub(from);
        self.busy += turn;
        self.stamp = Some(to);
        let untimed = if turn >= HEAVY || kind == Kind::Other { 0 } else { EVERY - 1 };
        self.usual[kind as usize] = Usual { turn: Some(turn), untimed };
    }

    /// A wait for a worker was sampled. Gives which of the next is to be.
    #[cold]
    pub(crate) fn waited(&mut self, since: u64, now: u64) -> u32 {
        let wait = now.saturating_sub(since);
        let Waits { last, skipped, .. } = self.waits;
        let counted = last.saturating_mul(skipped.into()).saturating_add(wait);
        self.waits.unsettled = self.waits.unsettled.saturating_add(counted);
        let all = wait >= LONG || self.usual[..Kind::Other as usize].iter().any(|usual| usual.turn >= Some(LONG));
        let nth = if all { 2 } else { EVERY };
        (self.waits.last, self.waits.skipped) = (wait, nth - 1);
        nth
    }

    /// After a turn. True: what it waits for has changed, so [`settle`](Self::settle) it.
    #[inline]
    pub(crate) fn changes(&self, lack: Lack) -> bool {
        self.lack != lack
    }

    pub(crate) fn settle(&mut self, lack: Lack, now: u64) {
        let (time, busy) = self.since;
        let idle = now.saturating_sub(time).saturating_sub(self.busy.saturating_sub(busy));
        let runnable = self.waits.unsettled.min(idle);
        self.waits.unsettled -= runnable;
        self.waits.total += runnable;
        match self.lack {
            Lack::Demand => self.demand += idle - runnable,
            Lack::Events => self.events += idle - runnable,
        }
        self.lack = lack;
        self.since = (now, self.busy);
    }

    /// The four times, and the age of the stage.
    pub(crate) fn read(&self, now: u64) -> crate::Times {
        let mut sum = self.clone();
        sum.settle(self.lack, now);
        crate::Times {
            alive: Duration::from_nanos(now.saturating_sub(self.began)),
            busy: Duration::from_nanos(sum.busy),
            runnable: Duration::from_nanos(sum.waits.total),
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
            assert!(meter.turn(Kind::Events, false));
            meter.timed(Kind::Events, us(turn * 100), us(turn * 100 + 10));
        }
        assert_eq!(meter.busy, us(100));
        assert!(meter.turn(Kind::Events, false));
        meter.timed(Kind::Events, us(1000), us(1001));
        assert!(meter.turn(Kind::Other, false));
        meter.timed(Kind::Other, us(1010), us(1020));
        for _ in 0..63 {
            assert!(!meter.turn(Kind::Events, false));
        }
        assert_eq!(meter.busy, us(174));
        assert!(meter.turn(Kind::Events, false));
    }

    #[test]
    fn the_end_of_a_timed_turn_is_known_until_the_next_slice() {
        let mut meter = Meter::new(Lack::Events);
        meter.timed(Kind::Other, us(10), us(20));
        assert_eq!(meter.end(), Some(us(20)));
        assert_eq!(meter.known(false), Some(us(20)));
        assert_eq!((meter.end(), meter.known(false)), (None, None), "a turn may have passed untimed");
        meter.timed(Kind::Other, us(20), us(30));
        assert_eq!((meter.known(true), meter.end()), (None, None), "others may have run");
    }

    #[test]
    fn light_asks_do_not_hide_heavy_events() {
        let mut meter = Meter::new(Lack::Events);
        for turn in 0..100 {
            assert!(meter.turn(Kind::Events, false), "turn {turn}");
            meter.timed(Kind::Events, us(turn * 100), us(turn * 100 + 10));
            if meter.turn(Kind::Ask, false) {
                meter.timed(Kind::Ask, us(turn * 100 + 20), us(turn * 100 + 21));
            }
        }
        assert_eq!(meter.busy, us(1100));
    }

    #[test]
    fn long_waits_for_a_worker_are_sampled_every_other_time_and_short_ones_one_in_64() {
        let mut meter = Meter::new(Lack::Events);
        assert_eq!(meter.waited(us(0), us(100)), 2);
        assert_eq!(meter.waited(us(110), us(230)), 2);
        assert_eq!(meter.waited(us(240), us(241)), 64);
        assert_eq!(meter.waits.unsettled, us(100 + (100 + 120) + (120 + 1)));
        assert_eq!(meter.waited(us(250), us(252)), 64);
        assert_eq!(meter.waits.unsettled, us(441 + 63 + 2), "those between count as long as the one before");
        meter.timed(Kind::Other, us(300), us(400));
        assert_eq!(meter.waited(us(500), us(500)), 64, "calls are few");
        meter.timed(Kind::Ask, us(600), us(700));
        assert_eq!(meter.waited(us(800), us(800)), 2, "beside a long turn a sample costs nothing");
    }

    #[test]
    fn waits_for_a_worker_are_taken_from_the_idle_time_before_them() {
        let mut meter = Meter::new(Lack::Demand);
        meter.begin(us(500));
        // Idle from 500 to 800, runnable from 800 to 1000, busy from 1000 to 1300.
        meter.waited(us(800), us(1000));
        assert!(meter.turn(Kind::Ask, false));
        meter.timed(Kind::Ask, us(1000), us(1300));
        meter.settle(Lack::Events, us(1300));
        // Left with mail, so runnable at once, until 1500 and, after a slice that takes no time, until 1700. The first of the two
        // is not sampled, and counts as the one before.
        meter.waited(us(1500), us(1700));
        let (times, time) = (meter.read(us(1700)), Duration::from_micros);
        assert_eq!((times.alive, times.busy, times.runnable), (time(1200), time(300), time(200 + 400)));
        assert_eq!((times.waiting_for_demand, times.waiting_for_events), (time(300), time(0)));
        let later = meter.read(us(2000));
        assert_eq!((later.runnable, later.waiting_for_events), (time(600), time(300)));
    }

    #[test]
    fn what_is_runnable_is_never_more_than_what_is_idle() {
        let mut meter = Meter::new(Lack::Events);
        meter.begin(us(100));
        meter.waited(us(0), us(110));
        let (times, time) = (meter.read(us(120)), Duration::from_micros);
        assert_eq!((times.alive, times.runnable, times.waiting_for_events), (time(20), time(20), time(0)));
        meter.settle(Lack::Demand, us(120));
        assert_eq!(meter.read(us(300)).runnable, time(110), "the rest comes from what is idle next");
    }

    #[test]
    fn idle_time_counts_for_what_was_lacking() {
        let mut meter = Meter::new(Lack::Events);
        meter.begin(us(50));
        assert!(meter.turn(Kind::Events, false));
        meter.timed(Kind::Events, us(100), us(120));
        assert!(!meter.changes(Lack::Events) && meter.changes(Lack::Demand));
        meter.settle(Lack::Demand, us(120));
        let times = meter.read(us(200));
        let time = Duration::from_micros;
        assert_eq!((times.alive, times.busy), (time(150), time(20)));
        assert_eq!((times.waiting_for_events, times.waiting_for_demand), (time(50), time(80)));
    }
}

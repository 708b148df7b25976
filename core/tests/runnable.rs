//! Since when a process has been runnable: noted when it asks.

mod common;

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::seeds;
use genstage_core::{Init, Outcome, Process, ProcessContext, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Says at each number since when it was runnable, and asks for the time after so many more. Then works for a
/// millisecond, and sends itself one less until there is nothing left.
struct Clerk {
    first: u32,
    then: u32,
    told: Sender<Option<Duration>>,
}

impl Process for Clerk {
    type Message = u32;

    fn init(&mut self, cx: &mut ProcessContext<'_, u32>) -> Init {
        cx.note_runnable(self.first);
        Init::Continue
    }

    fn handle(&mut self, left: u32, cx: &mut ProcessContext<'_, u32>) -> Outcome {
        let since = cx.runnable_since();
        if since.is_some() {
            assert_eq!(cx.runnable_since(), None, "told once");
            cx.note_runnable(self.then);
        }
        self.told.send(since).unwrap();
        sleep(ms(1));
        if left > 0 {
            cx.me().send(left - 1).unwrap();
        }
        Outcome::Continue
    }
}

#[test]
fn the_first_mail_makes_it_runnable_and_so_does_a_slice_that_ends_with_mail() {
    seeds(20, |simulation| {
        let (told, seen) = channel();
        let clerk = Clerk { first: 1, then: 1, told }.start().unwrap();
        simulation.run_for(ms(5));
        clerk.send(2).unwrap();
        simulation.run_for(ms(10));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Some(ms(5)), Some(ms(6)), Some(ms(7))]);
    });
}

#[test]
fn only_the_time_asked_for_is_noted() {
    seeds(20, |simulation| {
        let (told, seen) = channel();
        let clerk = Clerk { first: 2, then: 3, told }.start().unwrap();
        clerk.send(6).unwrap();
        simulation.run_for(ms(10));
        let (none, at) = (None, |time| Some(ms(time)));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [none, at(1), none, none, at(4), none, none]);
    });
}

#[test]
fn who_does_not_ask_is_told_nothing() {
    seeds(20, |simulation| {
        let (told, seen) = channel();
        let clerk = Clerk { first: 0, then: 1, told }.start().unwrap();
        clerk.send(2).unwrap();
        simulation.run_for(ms(10));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [None; 3]);
    });
}

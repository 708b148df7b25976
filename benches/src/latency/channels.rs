//! A thread for each stage, bounded channels between them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::bounded;

use super::{ROOM, Times, complete, note, pace, times};
use crate::measure::Fault;
use crate::work::{self, BATCH, Batch};

pub(super) fn run(events: u64, busy: usize) -> Result<Times, Fault> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..busy {
            let (sender, receiver) = bounded::<Batch>(2);
            let stop = &stop;
            scope.spawn(move || {
                let mut next = 0;
                while !stop.load(Ordering::Relaxed) && sender.send((next..next + BATCH as u64).collect()).is_ok() {
                    next += BATCH as u64;
                }
            });
            scope.spawn(move || {
                for batch in receiver {
                    std::hint::black_box(work::sum(&batch));
                }
            });
        }
        let (entrance, source) = bounded(ROOM);
        let (onward, end) = bounded(ROOM);
        scope.spawn(move || source.into_iter().try_for_each(|start| onward.send(start)));
        let noted = scope.spawn(move || {
            let mut times = times();
            for start in end {
                note(&mut times, start);
            }
            times
        });
        pace(events, |start| entrance.send(start).is_ok());
        drop(entrance);
        let times = noted.join().expect("the consumer does not panic");
        stop.store(true, Ordering::Relaxed);
        complete(times, events)
    })
}

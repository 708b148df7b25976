//! A channel from the thread, a task that hands on, another channel, and a task that notes the times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::{ROOM, Times, complete, note, pace, times};
use crate::measure::Fault;
use crate::work::{self, BATCH, Batch};

const STARTED: &str = "the system gives us threads";

pub(super) fn on_two_workers(events: u64, busy: usize) -> Result<Times, Fault> {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect(STARTED);
    let pipeline = Pipeline::start(&runtime, busy);
    pace(events, |start| pipeline.entrance.blocking_send(start).is_ok());
    complete(runtime.block_on(pipeline.end()), events)
}

/// The runtime has the caller's thread, the source one of its own.
pub(super) fn on_one_thread(events: u64, busy: usize) -> Result<Times, Fault> {
    let runtime = Builder::new_current_thread().build().expect(STARTED);
    let pipeline = Pipeline::start(&runtime, busy);
    thread::scope(|scope| {
        let entrance = pipeline.entrance.clone();
        scope.spawn(move || pace(events, |start| entrance.blocking_send(start).is_ok()));
        complete(runtime.block_on(pipeline.end()), events)
    })
}

struct Pipeline {
    entrance: Sender<Instant>,
    times: JoinHandle<Times>,
    stop: Arc<AtomicBool>,
}

impl Pipeline {
    fn start(runtime: &Runtime, busy: usize) -> Self {
        let _inside = runtime.enter();
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..busy {
            keep_busy(Arc::clone(&stop));
        }
        let (entrance, source) = channel(ROOM);
        let times = tokio::spawn(noted(handed_on(source)));
        Self { entrance, times, stop }
    }

    async fn end(self) -> Times {
        drop(self.entrance);
        let times = self.times.await.expect("the consumer does not panic");
        self.stop.store(true, Ordering::Relaxed);
        times
    }
}

fn handed_on(mut source: Receiver<Instant>) -> Receiver<Instant> {
    let (sender, receiver) = channel(ROOM);
    tokio::spawn(async move {
        while let Some(start) = source.recv().await {
            if sender.send(start).await.is_err() {
                return;
            }
        }
    });
    receiver
}

async fn noted(mut events: Receiver<Instant>) -> Times {
    let mut times = times();
    while let Some(start) = events.recv().await {
        note(&mut times, start);
    }
    times
}

/// A producer and a consumer that hand over batches until they are stopped.
fn keep_busy(stop: Arc<AtomicBool>) {
    let (sender, mut receiver) = channel::<Batch>(2);
    tokio::spawn(async move {
        let mut next = 0;
        while !stop.load(Ordering::Relaxed) && sender.send((next..next + BATCH as u64).collect()).await.is_ok() {
            next += BATCH as u64;
        }
    });
    tokio::spawn(async move {
        while let Some(batch) = receiver.recv().await {
            std::hint::black_box(work::sum(&batch));
        }
    });
}

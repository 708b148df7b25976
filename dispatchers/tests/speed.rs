//! What dispatchers cost, by hand: `cargo test -p genstage-dispatchers --release --test speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use genstage_dispatchers::{Deliveries, DemandDispatcher, Dispatcher, Subscriber, SubscriptionId};

const ROUNDS: u32 = 200_000;

struct Rig {
    dispatcher: Box<dyn Dispatcher<u64>>,
    out: Deliveries<u64>,
    events: Vec<u64>,
}

impl Rig {
    fn new(dispatcher: impl Dispatcher<u64> + 'static, consumers: usize, ask: usize) -> Self {
        let mut rig = Self { dispatcher: Box::new(dispatcher), out: Deliveries::new(), events: Vec::new() };
        for number in 0..consumers as u64 {
            let id = SubscriptionId::new(number);
            rig.dispatcher.subscribe(id, &Subscriber::new(1000, 500)).unwrap();
            rig.dispatcher.ask(id, ask, &mut rig.out);
        }
        rig
    }

    /// So many events; whoever gets some asks again for as many.
    fn round(&mut self, events: usize) {
        self.out.lend(&mut self.events);
        self.events.extend(0..events as u64);
        self.dispatcher.dispatch(&mut self.events, &mut self.out);
        self.events.clear();
        while let Some(delivery) = self.out.take_only() {
            let count = delivery.batch.len();
            self.out.recycle(delivery.batch);
            self.dispatcher.ask(delivery.to, count, &mut self.out);
        }
        let sent: Vec<_> = self.out.drain().collect();
        for delivery in sent {
            let count = delivery.batch.len();
            self.out.recycle(delivery.batch);
            self.dispatcher.ask(delivery.to, count, &mut self.out);
        }
        black_box(self.dispatcher.demand());
    }
}

fn time(mut round: impl FnMut()) -> f64 {
    (0..ROUNDS / 10).for_each(|_| round());
    let best = (0..5).map(|_| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| round());
        start.elapsed()
    });
    best.min().unwrap().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

/// One dispatch and the asks that it calls forth.
#[test]
#[ignore = "measures"]
fn demand_dispatcher() {
    println!("consumers | batch of 500, all idle | one event, all idle | one event, all busy");
    for consumers in [1, 2, 4, 64, 1000] {
        let mut rig = Rig::new(DemandDispatcher::new(), consumers, 1000);
        let batch = time(|| rig.round(500));
        let mut rig = Rig::new(DemandDispatcher::new(), consumers, 1);
        let idle = time(|| rig.round(1));
        // Nobody has demand left; one after the other asks for one event and gets it.
        let mut rig = Rig::new(DemandDispatcher::new(), consumers, 0);
        let mut next = 0;
        let busy = time(|| {
            next = (next + 7) % consumers as u64;
            let id = SubscriptionId::new(next);
            rig.dispatcher.ask(id, 1, &mut rig.out);
            rig.out.lend(&mut rig.events);
            rig.events.push(1);
            rig.dispatcher.dispatch(&mut rig.events, &mut rig.out);
            if let Some(delivery) = rig.out.take_only() {
                rig.out.recycle(delivery.batch);
            }
        });
        println!("{consumers:9} | {batch:8.1} ns | {idle:8.1} ns | {busy:8.1} ns");
    }
}

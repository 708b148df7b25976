//! Registry: random work by processes that may end at any moment, against a model.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use common::{actor, seeds, within};
use genstage_core::{ExitReason, Pid, Registry, RegistryRef, Runtime, ThreadProcess};

/// Good enough to choose what to do.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn index(&mut self, len: u64) -> usize {
        usize::try_from(self.roll(len)).unwrap_or(0)
    }
}

type Table = RegistryRef<u64, u64>;

fn kinds() -> [Registry<u64, u64>; 3] {
    [Registry::unique(), Registry::duplicate(), Registry::duplicate_by_key()]
}

fn content(table: &Table) -> Vec<(u64, Pid, u64)> {
    let mut content = table.select(|key, peer, value| Some((*key, peer.pid(), *value)));
    content.sort_unstable();
    content
}

#[test]
fn r2_random_work_leaves_what_the_model_says() {
    seeds(150, |simulation| {
        for (kind, unique) in kinds().into_iter().zip([true, false, false]) {
            let mut dice = Dice(simulation.seed());
            let table = kind.partitions(1 + dice.index(3)).start_link().unwrap();
            let mut actors: Vec<_> = (0..4).map(|_| actor()).collect();
            let mut model: Vec<(u64, Pid, u64)> = Vec::new();
            for step in 0..60 {
                let at = dice.index(4);
                let (who, pid) = (actors[at].clone(), actors[at].pid());
                let (key, registry) = (dice.roll(4), table.clone());
                match dice.roll(10) {
                    0..5 => {
                        let entered = within(simulation, &who, move || registry.register(key, step).is_ok());
                        let free = !unique || model.iter().all(|entry| entry.0 != key);
                        assert_eq!(entered, free);
                        model.extend(free.then_some((key, pid, step)));
                    }
                    5 => {
                        within(simulation, &who, move || registry.unregister(&key));
                        model.retain(|entry| (entry.0, entry.1) != (key, pid));
                    }
                    6 => {
                        within(simulation, &who, move || registry.unregister_match(&key, |value| value % 2 == 0));
                        model.retain(|entry| (entry.0, entry.1, entry.2 % 2) != (key, pid, 0));
                    }
                    7 if unique => {
                        let updated = within(simulation, &who, move || registry.update_value(&key, |_| step));
                        let old = model.iter_mut().find(|entry| (entry.0, entry.1) == (key, pid));
                        assert_eq!(updated.ok(), old.map(|entry| (step, std::mem::replace(&mut entry.2, step))));
                    }
                    8 => {
                        who.exit(if key == 0 { ExitReason::Kill } else { ExitReason::other(key) });
                        actors[at] = actor();
                        model.retain(|entry| entry.1 != pid);
                        // Else whoever comes next finds the keys of the dead free, before the clean-up (R2.3).
                        if dice.roll(2) == 0 {
                            simulation.run_until_idle();
                        }
                    }
                    _ => {
                        simulation.run_until_idle();
                        assert_eq!(table.count(), model.len());
                        assert_eq!(table.lookup(&key).len(), model.iter().filter(|entry| entry.0 == key).count());
                        let mut keys = table.keys(pid);
                        keys.sort_unstable();
                        let mut expected: Vec<_> =
                            model.iter().filter(|entry| entry.1 == pid).map(|entry| entry.0).collect();
                        expected.sort_unstable();
                        assert_eq!(keys, expected);
                    }
                }
            }
            simulation.run_until_idle();
            model.sort_unstable();
            assert_eq!(content(&table), model);
            for actor in actors {
                actor.exit(ExitReason::Kill);
            }
            simulation.run_until_idle();
            assert_eq!(table.count(), 0);
        }
    });
}

#[test]
fn r2_threads_that_come_and_go_leave_what_the_living_hold() {
    for (round, (kind, unique)) in (0..).zip(kinds().into_iter().zip([true, false, false])) {
        let runtime = Runtime::builder().workers(2).build().unwrap();
        let table = {
            let _inside = runtime.enter();
            kind.partitions(2).start_link().unwrap()
        };
        let (done, reading) = (AtomicBool::new(false), AtomicU64::new(0));
        let finish = Arc::new(Barrier::new(3));
        let expected = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..2)
                .map(|thread| {
                    let (runtime, table, finish) = (&runtime, &table, Arc::clone(&finish));
                    scope.spawn(move || {
                        let _inside = runtime.enter();
                        let mut dice = Dice(round * 100 + thread);
                        let mut here = ThreadProcess::<()>::start().unwrap();
                        let mut held: BTreeMap<u64, usize> = BTreeMap::new();
                        for value in 0..4000 {
                            let key = dice.roll(8);
                            match dice.roll(20) {
                                0..10 => {
                                    let entered = table.register(key, value).is_ok();
                                    assert!(entered || unique);
                                    if entered {
                                        *held.entry(key).or_default() += 1;
                                    }
                                }
                                10..14 => {
                                    table.unregister(&key);
                                    held.remove(&key);
                                }
                                14 => {
                                    // It dies, and another comes, with nothing.
                                    drop(here);
                                    here = ThreadProcess::start().unwrap();
                                    held.clear();
                                }
                                _ => {
                                    let own = table.values(&key, here.pid()).len();
                                    assert_eq!(own, held.get(&key).copied().unwrap_or(0));
                                    let found = table.lookup(&key);
                                    assert!(found.len() <= 1 || !unique);
                                }
                            }
                        }
                        let mut all: Vec<_> =
                            held.iter().flat_map(|(key, many)| vec![(*key, here.pid()); *many]).collect();
                        all.sort_unstable();
                        finish.wait();
                        // It lives until the table has been looked at.
                        finish.wait();
                        all
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let sum: usize = (0..8).map(|key| table.lookup(&key).len()).sum();
                    reading.fetch_add(sum as u64, Ordering::Relaxed);
                }
            });
            finish.wait();
            // The ends have been told; the owners have them in their queues.
            let live = |table: &Table| {
                let mut all = table.select(|key, peer, _| peer.is_alive().then(|| (*key, peer.pid())));
                all.sort_unstable();
                all
            };
            let content = live(&table);
            while table.count() != content.len() {
                std::thread::yield_now();
            }
            assert_eq!(live(&table), content);
            done.store(true, Ordering::Relaxed);
            finish.wait();
            let mut expected: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
            expected.sort_unstable();
            assert_eq!(content, expected);
            expected
        });
        drop(expected);
        while table.count() > 0 {
            std::thread::yield_now();
        }
    }
}

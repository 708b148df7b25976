//! Registry: keys, values and functions of the user's may panic, block or call back, and nothing is corrupted.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{actor, here, seeds, within};
use genstage_core::{ExitReason, Mailbox, Peer, Registry, RegistryRef, StartError, StartOptions, spawn_with};

thread_local! {
    /// What the next call panics in.
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Hash,
    Eq,
    Clone,
    Drop,
}

fn may_fail(fault: Fault) {
    if FAULT.get() == Some(fault) && !std::thread::panicking() {
        FAULT.set(None);
        panic!("{fault:?}");
    }
}

fn failing<T>(fault: Fault, work: impl FnOnce() -> T) -> Result<T, String> {
    FAULT.set(Some(fault));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    FAULT.set(None);
    outcome.map_err(|payload| payload.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[derive(Debug)]
struct Touchy(u32);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        may_fail(Fault::Clone);
        Self(self.0)
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        may_fail(Fault::Eq);
        self.0 == other.0
    }
}

impl Eq for Touchy {}

impl std::hash::Hash for Touchy {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        may_fail(Fault::Hash);
        // Alike, so that `Eq` is asked.
        (self.0 % 2).hash(state);
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        may_fail(Fault::Drop);
    }
}

type Touchies = RegistryRef<Touchy, Touchy>;

fn kinds() -> [Registry<Touchy, Touchy>; 3] {
    [Registry::unique(), Registry::duplicate(), Registry::duplicate_by_key()].map(|kind| kind.partitions(2))
}

#[test]
fn a_panic_in_hash_or_eq_or_clone_leaves_the_tables_as_they_were() {
    seeds(10, |simulation| {
        for kind in kinds() {
            let table: Touchies = kind.start_link().unwrap();
            let here = here::<()>();
            for key in 1..6 {
                table.register(Touchy(key), Touchy(key)).unwrap();
            }
            let key = Touchy(3);
            for fault in [Fault::Hash, Fault::Eq, Fault::Clone] {
                let _ = failing(fault, || table.lookup(&key).len());
                let _ = failing(fault, || table.get(&key).is_some());
                let _ = failing(fault, || table.whereis(&key).is_some());
                let _ = failing(fault, || table.values(&key, here.pid()).len());
                let _ = failing(fault, || table.keys(here.pid()).len());
                let _ = failing(fault, || table.dispatch(&key, |_| ()));
                let _ = failing(fault, || table.lock(&key, || ()));
                let _ = failing(fault, || table.update_value(&key, |_| Touchy(9)).is_ok());
                assert_eq!(table.count(), 5, "{fault:?}");
                assert_eq!(table.lookup(&key).len(), 1, "{fault:?}");
                assert_eq!(table.lock(&key, || 1), Ok(1), "{fault:?}");
            }
            for fault in [Fault::Hash, Fault::Eq] {
                assert_eq!(failing(fault, || table.unregister(&key)), Err(format!("{fault:?}")));
                let registered = failing(fault, || table.register(Touchy(3), Touchy(0)).is_ok());
                if registered == Ok(true) {
                    // Duplicate keys need not be compared to be entered.
                    table.unregister_match(&key, |value| value.0 == 0);
                }
                assert_eq!(table.count(), 5, "{fault:?}");
            }
            drop(here);
            simulation.run_until_idle();
            assert_eq!(table.count(), 0);
        }
    });
}

#[test]
fn a_panic_in_the_drop_of_what_the_dead_held_does_not_end_the_owner() {
    seeds(20, |simulation| {
        for kind in kinds() {
            let table: Touchies = kind.start_link().unwrap();
            let who = actor();
            let registry = table.clone();
            within(simulation, &who, move || {
                for key in 0..6 {
                    registry.register(Touchy(key), Touchy(key)).unwrap();
                }
            });
            who.exit(ExitReason::Kill);
            let cleaned = failing(Fault::Drop, || simulation.run_until_idle());
            assert!(cleaned.is_ok(), "the panic stays inside");
            assert_eq!((table.count(), table.owners().iter().filter(|owner| owner.is_alive()).count()), (0, 2));
        }
    });
}

#[test]
fn a_panic_in_the_drop_does_not_stop_the_end_of_the_registry() {
    seeds(20, |_| {
        let table: Touchies = Registry::unique().start_link().unwrap();
        let here = here::<()>();
        here.trap_exit(true);
        (0..6).for_each(|key| drop(table.register(Touchy(key), Touchy(key)).unwrap()));
        assert_eq!(failing(Fault::Drop, || table.stop()), Ok(Ok(())));
        assert!(Peer::from(&table).exit_reason().is_some());
        assert_eq!(table.count(), 0);
    });
}

#[test]
fn a_panic_of_a_key_fails_the_start_under_it() {
    seeds(20, |simulation| {
        let table: Touchies = Registry::unique().start_link().unwrap();
        let name = table.via_value(Touchy(1), Touchy(1));
        for fault in [Fault::Hash, Fault::Clone] {
            let started = failing(fault, || {
                spawn_with(StartOptions::new().name(name.clone()), |mailbox: Mailbox<()>| async move {
                    mailbox.receive().await;
                })
                .map(drop)
            });
            let Ok(Err(StartError::Init(ExitReason::Panic(panic)))) = started else { panic!("{started:?}") };
            assert_eq!(panic.message(), format!("{fault:?}"));
        }
        simulation.run_until_idle();
        assert_eq!((table.count(), name.pid()), (0, None));
    });
}

#[test]
fn functions_may_use_the_registry_they_are_called_by() {
    seeds(10, |simulation| {
        let rooms: RegistryRef<String, u32> = Registry::duplicate().partitions(2).start_link().unwrap();
        let who = actor();
        let registry = rooms.clone();
        within(simulation, &who, move || {
            let rooms = registry;
            let next = |value: u32| drop(rooms.register("x".to_owned(), value).unwrap());
            next(1);
            rooms.dispatch("x", |_| next(2));
            rooms.select(|_, _, value| {
                next(value + 10);
                Some(())
            });
            rooms.matching("x", |value| {
                next(value + 100);
                false
            });
            rooms.unregister_match("x", |value| {
                next(1000);
                *value < 100
            });
        });
        // 1, 2, 11, 12, and one more for each of those four, and of the then eight.
        assert_eq!((rooms.count_match("x", |value| *value < 100), rooms.count()), (0, 4 + 8));
    });
}

#[test]
fn values_that_all_panic_when_they_are_dropped_end_nobody() {
    #[derive(Clone)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    seeds(10, |simulation| {
        let bombs: RegistryRef<u8, Bomb> = Registry::duplicate().start_link().unwrap();
        let (stays, dies) = (actor(), actor());
        for who in [&stays, &dies] {
            let registry = bombs.clone();
            within(simulation, who, move || (0..3).all(|_| registry.register(1, Bomb).is_ok()));
        }
        let registry = bombs.clone();
        within(simulation, &stays, move || registry.unregister(&1));
        assert_eq!(bombs.keys(stays.pid()), [0; 0]);
        dies.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!((bombs.count(), stays.is_alive()), (0, true));
        let registry = bombs.clone();
        within(simulation, &stays, move || (0..3).all(|_| registry.register(1, Bomb).is_ok()));
        bombs.stop().unwrap();
        assert_eq!(bombs.count(), 0);
    });
}

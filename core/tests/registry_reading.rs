//! Registry: reading, values, meta, dispatch (R3 and its table).

mod common;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use common::{Job, actor, exit, here, other, seeds, within};
use genstage_core::{
    Address, DispatchError, ExitReason, Pid, Registry, RegistryRef, Simulation, UpdateError, current_pid,
};

type Rooms = RegistryRef<String, u32>;

/// Three of a kind: unique, duplicate by process, duplicate by key.
fn kinds() -> [Registry<String, u32>; 3] {
    [Registry::unique(), Registry::duplicate(), Registry::duplicate_by_key()].map(|kind| kind.partitions(3))
}

fn duplicates() -> [Rooms; 2] {
    let [_, by_pid, by_key] = kinds();
    [by_pid.start_link().unwrap(), by_key.start_link().unwrap()]
}

fn fill(simulation: &Simulation, rooms: &Rooms, entries: &[(&Address<Job>, &str, u32)]) {
    for (who, key, value) in entries {
        let (rooms, key, value) = (rooms.clone(), (*key).to_owned(), *value);
        within(simulation, who, move || rooms.register(key, value).map(drop)).unwrap();
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list
}

fn pids(entries: Vec<(genstage_core::Peer, u32)>) -> Vec<(Pid, u32)> {
    sorted(entries.into_iter().map(|(peer, value)| (peer.pid(), value)).collect())
}

#[test]
fn r3_a_unique_registry_reads_as_the_table_says() {
    seeds(30, |simulation| {
        let rooms = Registry::unique().partitions(3).start_link().unwrap();
        let (a, b) = (actor(), actor());
        fill(simulation, &rooms, &[(&a, "x", 1), (&b, "y", 2), (&a, "z", 3)]);
        assert_eq!(pids(rooms.lookup("x")), [(a.pid(), 1)]);
        assert_eq!(pids(rooms.lookup("none")), []);
        assert_eq!(rooms.get("y").map(|(peer, value)| (peer.pid(), value)), Some((b.pid(), 2)));
        assert_eq!(rooms.values("x", a.pid()), [1]);
        assert_eq!(rooms.values("x", b.pid()), [0; 0]);
        assert_eq!(sorted(rooms.keys(a.pid())), ["x", "z"]);
        assert_eq!(rooms.count(), 3);
        assert_eq!(pids(rooms.matching("x", |value| *value == 1)), [(a.pid(), 1)]);
        assert_eq!(pids(rooms.matching("x", |value| *value == 2)), []);
        assert_eq!((rooms.count_match("x", |value| *value == 1), rooms.count_match("x", |_| false)), (1, 0));
    });
}

#[test]
fn r3_duplicate_registries_read_as_the_table_says() {
    seeds(30, |simulation| {
        for rooms in duplicates() {
            let (a, b) = (actor(), actor());
            fill(simulation, &rooms, &[(&a, "x", 1), (&b, "x", 2), (&a, "x", 3), (&a, "x", 1), (&b, "y", 4)]);
            assert_eq!(pids(rooms.lookup("x")), sorted(vec![(a.pid(), 1), (a.pid(), 1), (a.pid(), 3), (b.pid(), 2)]));
            assert_eq!(rooms.values("x", a.pid()), [1, 3, 1], "oldest first");
            assert_eq!(rooms.keys(a.pid()), ["x", "x", "x"]);
            assert_eq!(sorted(rooms.keys(b.pid())), ["x", "y"]);
            assert_eq!(rooms.count(), 5);
            assert_eq!(
                pids(rooms.matching("x", |value| *value < 3)),
                sorted(vec![(a.pid(), 1), (a.pid(), 1), (b.pid(), 2)])
            );
            assert_eq!(rooms.count_match("x", |value| *value == 1), 2);
            assert!(rooms.whereis("x").is_some());
        }
    });
}

#[test]
fn r3_select_sees_every_entry_of_every_partition() {
    seeds(30, |simulation| {
        for kind in kinds() {
            let rooms = kind.start_link().unwrap();
            let who = [actor(), actor(), actor()];
            let keys: Vec<_> = (0..30).map(|key| format!("k{key}")).collect();
            for (at, key) in (0..).zip(&keys) {
                fill(simulation, &rooms, &[(&who[at as usize % 3], key, at)]);
            }
            let even = rooms.select(|key, peer, value| (value % 2 == 0).then(|| (*value, key.clone(), peer.pid())));
            let expected: Vec<_> =
                (0..30_u32).step_by(2).map(|at| (at, keys[at as usize].clone(), who[at as usize % 3].pid())).collect();
            assert_eq!(sorted(even), expected);
            assert_eq!(rooms.count_select(|_, peer, _| peer.pid() == who[0].pid()), 10);
        }
    });
}

#[test]
fn r3_update_value_runs_in_the_caller_and_changes_own_unique_values_only() {
    seeds(30, |simulation| {
        let rooms = Registry::unique().partitions(2).start_link().unwrap();
        let (holder, stranger) = (actor(), actor());
        fill(simulation, &rooms, &[(&holder, "x", 1)]);
        let update = |who: &Address<Job>, key: &'static str| {
            let rooms = rooms.clone();
            within(simulation, who, move || {
                let caller = current_pid();
                rooms.update_value(key, |value| {
                    assert_eq!(current_pid(), caller);
                    assert_eq!(rooms.lookup("x").len(), 1, "no lock is held");
                    value + 10
                })
            })
        };
        assert_eq!(update(&holder, "x"), Ok((11, 1)));
        assert_eq!(update(&holder, "x"), Ok((21, 11)));
        assert_eq!(update(&stranger, "x"), Err(UpdateError::NotRegistered));
        assert_eq!(update(&holder, "none"), Err(UpdateError::NotRegistered));
        assert_eq!(rooms.update_value("x", |value| *value), Err(UpdateError::NotRegistered), "no process");
        assert_eq!(rooms.values("x", holder.pid()), [21]);
        holder.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(rooms.count(), 0, "an updated entry is cleaned up as others are");
        for rooms in duplicates() {
            fill(simulation, &rooms, &[(&stranger, "x", 1)]);
            let registry = rooms.clone();
            let updated = within(simulation, &stranger, move || registry.update_value("x", |value| *value));
            assert_eq!(updated, Err(UpdateError::DuplicateKeys));
        }
    });
}

#[test]
fn r3_an_entry_that_goes_during_its_update_stays_gone() {
    seeds(5, |_| {
        let rooms = Registry::unique().start_link().unwrap();
        let _here = here::<()>();
        rooms.register("x".to_owned(), 1).unwrap();
        let updated = rooms.update_value("x", |value| {
            rooms.unregister("x");
            *value
        });
        assert_eq!((updated, rooms.count()), (Err(UpdateError::NotRegistered), 0));
    });
}

#[test]
fn r3_meta_is_there_from_the_start_and_outlives_the_owners() {
    seeds(10, |simulation| {
        for kind in kinds() {
            let rooms = kind.meta("limit", 3_u8).start_link().unwrap();
            assert_eq!(rooms.meta("limit"), Some(3_u8));
            assert_eq!(rooms.meta::<u16>("limit"), None);
            assert_eq!(rooms.meta::<u8>("other"), None);
            rooms.put_meta("limit", "many".to_owned());
            rooms.owners()[0].exit(ExitReason::Kill);
            simulation.run_until_idle();
            assert_eq!(rooms.meta("limit"), Some("many".to_owned()));
            rooms.delete_meta("limit");
            rooms.delete_meta("limit");
            assert_eq!(rooms.meta::<String>("limit"), None);
            assert_eq!(rooms.count(), 0);
        }
    });
}

#[test]
fn r3_1_dispatch_runs_in_the_caller_once_for_each_partition_that_has_any() {
    seeds(30, |simulation| {
        for (kind, by_pid) in kinds().into_iter().zip([false, true, false]) {
            let rooms = kind.clone().start_link().unwrap();
            let unique = format!("{kind:?}").contains("Unique");
            let who: Vec<_> = (0..if unique { 1 } else { 20 }).map(|_| actor()).collect();
            for member in &who {
                fill(simulation, &rooms, &[(member, "x", 1)]);
            }
            let mut calls = Vec::new();
            rooms.dispatch("x", |entries| {
                assert!(!entries.is_empty() && current_pid().is_none());
                calls.push(entries.iter().map(|(peer, _)| peer.pid()).collect::<Vec<_>>());
            });
            assert_eq!(calls.len(), if by_pid { 3 } else { 1 });
            assert_eq!(sorted(calls.concat()), who.iter().map(Address::pid).collect::<Vec<_>>());
            rooms.dispatch("none", |_| panic!("called with nobody"));
            rooms.dispatch_parallel("none", |_| panic!("called with nobody")).unwrap();
        }
    });
}

#[test]
fn r3_1_a_panic_in_a_dispatch_is_the_callers() {
    seeds(10, |simulation| {
        for (rooms, parallel) in duplicates().into_iter().zip([false, true]) {
            let who = actor();
            fill(simulation, &rooms, &[(&who, "x", 1)]);
            let registry = rooms.clone();
            let job: Job = Box::new(move || {
                if parallel {
                    let _ = registry.dispatch_parallel("x", |_| panic!("boom"));
                } else {
                    registry.dispatch("x", |_| panic!("boom"));
                }
            });
            who.send(job).unwrap_or_else(|_| panic!("alive"));
            simulation.run_until_idle();
            assert!(matches!(who.exit_reason(), Some(ExitReason::Panic(panic)) if panic.message() == "boom"));
        }
    });
}

#[test]
fn r3_1_parallel_dispatch_has_a_linked_process_for_each_partition_and_waits_for_all() {
    seeds(50, |simulation| {
        let [rooms, by_key] = duplicates();
        let who: Vec<_> = (0..20).map(|_| actor()).collect();
        for member in &who {
            fill(simulation, &rooms, &[(member, "x", 1)]);
            fill(simulation, &by_key, &[(member, "x", 1)]);
        }
        let here = here::<()>();
        here.trap_exit(true);
        let (report, calls) = channel();
        let again = report.clone();
        let visit = move |entries: &[(genstage_core::Peer, u32)]| report.send((current_pid(), entries.len())).unwrap();
        rooms.dispatch_parallel("x", visit).unwrap();
        let calls: Vec<_> = calls.try_iter().collect();
        assert_eq!(calls.iter().map(|(_, entries)| entries).sum::<usize>(), 20, "all are done when it returns");
        assert_eq!(calls.len(), 3);
        let runners: std::collections::HashSet<_> = calls.iter().map(|(pid, _)| *pid).collect();
        assert!(runners.len() == 3 && !runners.contains(&Some(here.pid())) && !runners.contains(&None));
        simulation.run_until_idle();
        assert!(here.try_receive().is_none(), "a caller that traps exits hears nothing of a success");
        drop(again);

        let (report, calls) = channel();
        by_key.dispatch_parallel("x", move |entries| report.send((current_pid(), entries.len())).unwrap()).unwrap();
        assert_eq!(calls.try_iter().collect::<Vec<_>>(), [(Some(here.pid()), 20)], "one partition: in the caller");
    });
}

#[test]
fn r3_1_a_failing_parallel_call_ends_the_caller_through_the_link() {
    seeds(50, |simulation| {
        let [rooms, _] = duplicates();
        let who: Vec<_> = (0..20).map(|_| actor()).collect();
        for member in &who {
            fill(simulation, &rooms, &[(member, "x", 1)]);
        }
        let unlucky = who[0].pid();
        let visit = move |entries: &[(genstage_core::Peer, u32)]| {
            assert!(!entries.iter().any(|(peer, _)| peer.pid() == unlucky), "boom");
        };
        let is_boom = |reason: &ExitReason| matches!(reason, ExitReason::Panic(panic) if panic.message() == "boom");

        let failed = rooms.dispatch_parallel("x", visit);
        assert!(matches!(failed, Err(DispatchError { reason }) if is_boom(&reason)), "a plain thread has the error");

        let caller = actor();
        let (registry, outcome) = (rooms.clone(), Arc::new(Mutex::new(None)));
        let result = Arc::clone(&outcome);
        let job: Job = Box::new(move || *result.lock().unwrap() = Some(registry.dispatch_parallel("x", visit)));
        caller.send(job).unwrap_or_else(|_| panic!("alive"));
        simulation.run_until_idle();
        assert!(caller.exit_reason().is_some_and(|reason| is_boom(&reason)));
        assert!(outcome.lock().unwrap().take().is_some_and(|outcome| outcome.is_err()));

        let here = here::<()>();
        here.trap_exit(true);
        rooms.dispatch_parallel("x", visit).unwrap_err();
        assert!(is_boom(&exit(&here).reason));
        assert!(who.iter().all(Address::is_alive));
        let _ = other("x");
    });
}

//! The partition supervisor (section 9).

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use common::{exit, here, other, seeds};
use genstage_core::{
    Address, CALL_TIMEOUT, CallError, ChildCounts, ChildId, ChildPlan, ChildType, DynamicSupervisor,
    DynamicSupervisorRef, ExitReason, InvalidPartitions, InvalidSupervisor, Mailbox, Name, PartitionError,
    PartitionSupervisor, PartitionSupervisorRef, Pid, RegisterError, ReplyTo, ResizeError, Restart, Runtime, Shutdown,
    Simulation, StartError, StartOptions, Started, StopError, Strategy, registered, spawn, spawn_with,
};

enum Order {
    Index(ReplyTo<usize>),
    End(ExitReason),
}

type Worker = Address<Order>;
type Workers = PartitionSupervisorRef<Worker>;

/// Tells its index, and ends when it is told to.
fn worker(index: usize) -> Started<Worker> {
    spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<Order>| async move {
        loop {
            match mailbox.receive().await {
                Order::Index(reply) => reply.send(index),
                Order::End(reason) => return reason,
            }
        }
    })
}

fn workers(partitions: usize) -> PartitionSupervisor<Worker> {
    PartitionSupervisor::new("workers", worker).partitions(partitions)
}

fn index(worker: &Worker) -> Result<usize, CallError> {
    worker.call_with(CALL_TIMEOUT, Order::Index)
}

fn end(simulation: &Simulation, worker: &Worker, reason: ExitReason) {
    worker.send(Order::End(reason)).unwrap_or_else(|_| unreachable!("it lives"));
    simulation.run_until_idle();
}

/// The children by index: their ids, and whether they run.
fn running(sup: &Workers) -> Vec<(ChildId, bool)> {
    let children = sup.which_children().unwrap().into_iter().rev();
    children.map(|child| (child.id, child.state.pid().is_some())).collect()
}

/// How many: all, running, workers, supervisors.
fn counts(sup: &Workers) -> [usize; 4] {
    let ChildCounts { specs, active, workers, supervisors, .. } = sup.count_children().unwrap();
    [specs, active, workers, supervisors]
}

fn pids(sup: &Workers, partitions: usize) -> Vec<Pid> {
    (0..partitions).map(|index| sup.get(&index).unwrap().pid()).collect()
}

#[test]
fn ps1_the_children_are_numbered_from_zero_and_know_their_numbers() {
    seeds(20, |_| {
        let sup = workers(3).start_link().unwrap();
        assert_eq!(running(&sup), [(0.into(), true), (1.into(), true), (2.into(), true)]);
        assert_eq!((sup.partitions(), counts(&sup)), (Ok(3), [3, 3, 3, 0]));
        for wanted in 0..3 {
            assert_eq!(index(&sup.get(&wanted).unwrap()), Ok(wanted));
        }
    });
}

#[test]
fn ps1_by_default_there_are_as_many_as_seats() {
    seeds(5, |_| {
        let sup = PartitionSupervisor::new("workers", worker).start_link().unwrap();
        assert_eq!(sup.partitions(), Ok(1));
    });
    let runtime = Runtime::builder().workers(3).build().unwrap();
    let _inside = runtime.enter();
    let sup = PartitionSupervisor::new("workers", worker).start_link().unwrap();
    assert_eq!(sup.partitions(), Ok(3));
}

#[test]
fn ps1_each_wrong_option_has_its_own_error_and_starts_nothing() {
    seeds(5, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let error = |options: PartitionSupervisor<Worker>| options.start_link().err().unwrap();
        let wrong = |options| InvalidPartitions::of(&error(options)).copied();
        assert_eq!(wrong(workers(0)), Some(InvalidPartitions::None));
        assert_eq!(wrong(workers(usize::MAX)), Some(InvalidPartitions::TooMany(usize::MAX)));
        assert_eq!(wrong(workers(1).restart(Restart::Temporary)), Some(InvalidPartitions::Temporary));
        let seconds = error(workers(1).max_seconds(0));
        assert_eq!(InvalidSupervisor::of(&seconds), Some(&InvalidSupervisor::NoSeconds));
        assert_eq!((registered(), here.try_receive().is_none()), (vec![], true));

        let first = workers(1).start_link().unwrap();
        assert_eq!(error(workers(1)), StartError::AlreadyStarted(first.pid()));
        assert_eq!(Workers::find("workers").map(|found| found.pid()), Some(first.pid()));
    });
}

#[test]
fn ps1_a_partition_that_does_not_start_fails_the_start() {
    seeds(20, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let start = |index| if index == 2 { Err(StartError::Init(other("no"))) } else { worker(index) };
        let error = PartitionSupervisor::new("workers", start).partitions(4).start_link().err().unwrap();
        let failed = genstage_core::FailedToStartChild::of(&error).unwrap();
        assert_eq!((&failed.id, &failed.error), (&2.into(), &StartError::Init(other("no"))));
        assert!(Workers::find("workers").is_none());
    });
}

#[test]
fn ps1_the_strategy_says_who_else_is_restarted() {
    for (strategy, expected) in [
        (Strategy::OneForOne, [false, true, false]),
        (Strategy::OneForAll, [true, true, true]),
        (Strategy::RestForOne, [false, true, true]),
    ] {
        seeds(20, |simulation| {
            let sup = workers(3).strategy(strategy).start_link().unwrap();
            let before = pids(&sup, 3);
            end(simulation, &sup.get(&1).unwrap(), other("crash"));
            let after = pids(&sup, 3);
            let changed: Vec<_> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
            assert_eq!(changed, expected, "{strategy:?}");
            assert_eq!(index(&sup.get(&1).unwrap()), Ok(1));
        });
    }
}

#[test]
fn ps1_too_many_restarts_end_it() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let sup = workers(2).max_restarts(1).max_seconds(10).start_link().unwrap();
        end(simulation, &sup.get(&0).unwrap(), other("crash"));
        end(simulation, &sup.get(&1).unwrap(), other("crash"));
        assert_eq!(exit(&here).reason, ExitReason::Shutdown);
        assert_eq!(sup.get(&0).err(), Some(PartitionError::NoProc));
    });
}

#[test]
fn ps1_children_are_stopped_and_counted_as_the_options_say() {
    seeds(20, |simulation| {
        let stubborn = |_| {
            spawn_with(StartOptions::new().link(), |mailbox: Mailbox<Order>| async move {
                mailbox.trap_exit(true);
                mailbox.receive().await;
            })
        };
        let sup = PartitionSupervisor::new("workers", stubborn).partitions(2).shutdown(Shutdown::Within(CALL_TIMEOUT));
        let sup = sup.start_link().unwrap();
        simulation.run_until_idle();
        assert_eq!(sup.stop(), Ok(()));
        assert_eq!(simulation.now(), CALL_TIMEOUT * 2, "one after the other");
        let sups = PartitionSupervisor::new("workers", worker).supervisor().partitions(2).start_link().unwrap();
        assert_eq!(counts(&sups), [2, 2, 0, 2]);
        let plan = ChildPlan::from(workers(2).child_spec());
        assert_eq!((plan.id(), plan.child_type()), (&"workers".into(), ChildType::Supervisor));
        assert_eq!(plan.shutdown(), Shutdown::Infinity);
    });
}

#[test]
fn ps1_a_transient_partition_that_ends_well_stays_down() {
    seeds(20, |simulation| {
        let sup = workers(2).restart(Restart::Transient).start_link().unwrap();
        let old = sup.get(&1).unwrap();
        end(simulation, &old, ExitReason::Normal);
        assert_eq!(counts(&sup), [2, 1, 2, 0]);
        assert_eq!(sup.get(&1).unwrap().pid(), old.pid(), "PS3: readers get the old one");
    });
}

#[test]
fn ps2_integers_are_routed_by_absolute_value_and_other_keys_by_a_stable_hash() {
    seeds(10, |_| {
        let sup = workers(4).start_link().unwrap();
        for (key, wanted) in [(0_i64, 0), (5, 1), (-5, 1), (-7, 3), (i64::MIN, 0), (i64::MAX, 3)] {
            assert_eq!(index(&sup.get(&key).unwrap()), Ok(wanted), "{key}");
        }
        for key in 0..100 {
            let key = format!("user-{key}");
            let found = sup.get(&key).unwrap().pid();
            assert_eq!((found, found), (sup.get(key.as_str()).unwrap().pid(), sup.get(&key).unwrap().pid()));
            assert_eq!(Name::partition("workers", &key).pid(), Some(found));
        }
        let used: std::collections::HashSet<_> = (0..100).map(|key| sup.get(&(key, "x")).unwrap().pid()).collect();
        assert_eq!(used.len(), 4);
    });
}

#[test]
fn ps2_a_partition_is_found_wherever_a_name_is_taken() {
    seeds(20, |simulation| {
        let sup = workers(4).start_link().unwrap();
        let name = Name::partition("workers", &6);
        let found: Worker = name.address().unwrap();
        assert_eq!(index(&found), Ok(2));
        end(simulation, &found, other("crash"));
        assert_eq!(name.pid(), Some(sup.get(&6).unwrap().pid()), "it finds the next incarnation");
        assert_ne!(name.pid(), Some(found.pid()));

        let sups = PartitionSupervisor::new("sups", |_| DynamicSupervisor::new().start_link()).partitions(2);
        let sups = sups.start_link().unwrap();
        let one: DynamicSupervisorRef = DynamicSupervisorRef::find(Name::partition("sups", &1)).unwrap();
        let child = one.start_child(genstage_core::ChildSpec::new("child", || worker(9))).unwrap();
        assert_eq!(index(&child), Ok(9));
        assert_eq!(sups.get(&1).unwrap().count_children().unwrap().active, 1);
        assert_eq!(sups.get(&0).unwrap().count_children().unwrap().active, 0);
    });
}

#[test]
fn ps2_a_panic_in_the_hash_of_a_key_is_the_callers() {
    struct Bad;
    impl std::hash::Hash for Bad {
        fn hash<S: std::hash::Hasher>(&self, _: &mut S) {
            panic!("boom");
        }
    }
    seeds(5, |_| {
        let sup = workers(2).start_link().unwrap();
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sup.get(&Bad).is_ok())).is_err());
        assert!(sup.get(&1).is_ok());
    });
}

#[test]
fn ps3_the_table_follows_restarts() {
    seeds(50, |simulation| {
        let sup = workers(2).start_link().unwrap();
        let (old, bystander) = (sup.get(&1).unwrap(), sup.get(&0).unwrap());
        end(simulation, &old, other("crash"));
        assert_ne!(sup.get(&1).unwrap().pid(), old.pid());
        assert_eq!((index(&sup.get(&1).unwrap()), sup.get(&0).unwrap().pid()), (Ok(1), bystander.pid()));
    });
}

#[test]
fn ps3_until_the_restart_readers_get_the_old_one() {
    seeds(50, |simulation| {
        let failing = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&failing);
        let start = move |index| {
            if switch.load(Ordering::Relaxed) { Err(StartError::Init(other("no"))) } else { worker(index) }
        };
        let sup = PartitionSupervisor::new("workers", start).partitions(2).max_restarts(u32::MAX).start_link().unwrap();
        let old = sup.get(&1).unwrap();
        failing.store(true, Ordering::Relaxed);
        old.exit(ExitReason::Kill);
        let watcher = here::<()>();
        watcher.monitor(&old);
        common::down(&watcher);
        let stale = sup.get(&1).unwrap();
        assert_eq!((stale.pid(), index(&stale)), (old.pid(), Err(CallError::NoProc)));
        assert_eq!(Name::partition("workers", &1).pid(), None, "a name finds the living alone");
        failing.store(false, Ordering::Relaxed);
        simulation.run_until_idle();
        assert_eq!(index(&sup.get(&1).unwrap()), Ok(1));
    });
}

#[test]
fn ps3_readers_do_not_ask_the_supervisor() {
    seeds(20, |_| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        // While it runs a start function, the supervisor answers nobody.
        let start = move |index| {
            let by_name = Name::partition("workers", &0).pid().is_some();
            let by_handle = Workers::find("workers").map(|sup| (sup.partitions(), sup.get(&0).map(|_| ())));
            notes.lock().unwrap().push((by_name, by_handle));
            worker(index)
        };
        PartitionSupervisor::new("workers", start).partitions(2).start_link().unwrap();
        let found = |get| Some((Ok(2), get));
        let expected = [(false, found(Err(PartitionError::NotStarted(0)))), (true, found(Ok(())))];
        assert_eq!(*seen.lock().unwrap(), expected);
    });
}

#[test]
fn ps4_nothing_can_be_registered_in_it() {
    seeds(5, |_| {
        let sup = workers(2).start_link().unwrap();
        let refused = spawn_with(StartOptions::new().name(Name::partition("workers", &1)), |_: Mailbox<()>| async {});
        assert!(matches!(refused, Err(StartError::Name(RegisterError::NotABook(_)))));
        assert_eq!(index(&sup.get(&1).unwrap()), Ok(1));
    });
}

#[test]
fn ps4_who_is_not_there_is_not_found() {
    seeds(20, |simulation| {
        assert!(Workers::find("workers").is_none());
        assert_eq!(Name::partition("workers", &1).pid(), None);
        let sup = workers(2).start_link().unwrap();
        assert!(PartitionSupervisorRef::<Address<()>>::find("workers").is_none(), "of another type");
        assert!(Name::partition("workers", &1).address::<()>().is_none());
        genstage_core::register("plain", &common::idler()).unwrap();
        assert!(Workers::find("plain").is_none());
        assert_eq!(Name::partition("plain", &1).pid(), None);

        genstage_core::Peer::from(&sup).exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!((sup.get(&1).err(), sup.partitions()), (Some(PartitionError::NoProc), Err(PartitionError::NoProc)));
        assert_eq!(sup.resize(1), Err(ResizeError::Call(CallError::NoProc)));
        assert_eq!(Name::partition("workers", &1).pid(), None);
    });
}

#[test]
fn ps4_a_partition_that_ignored_its_start_is_not_started() {
    seeds(10, |_| {
        let start = |index| if index == 0 { Err(StartError::Ignore) } else { worker(index) };
        let sup = PartitionSupervisor::new("workers", start).partitions(2).start_link().unwrap();
        assert_eq!(sup.get(&0).err(), Some(PartitionError::NotStarted(0)));
        assert_eq!(index(&sup.get(&1).unwrap()), Ok(1));
    });
}

#[test]
fn ps5_a_resize_gives_the_old_number_and_stops_or_starts_the_last_ones() {
    seeds(50, |_| {
        let sup = workers(4).start_link().unwrap();
        assert_eq!(sup.resize(4), Ok(4));
        assert_eq!(sup.resize(2), Ok(4));
        assert_eq!(sup.partitions(), Ok(2));
        assert_eq!(running(&sup), [(0.into(), true), (1.into(), true), (2.into(), false), (3.into(), false)]);
        assert_eq!(index(&sup.get(&3).unwrap()), Ok(1), "keys are shared out anew");
        assert_eq!(sup.resize(3), Ok(2));
        assert_eq!(running(&sup), [(0.into(), true), (1.into(), true), (2.into(), true), (3.into(), false)]);
        assert_eq!(index(&sup.get(&5).unwrap()), Ok(2));
        assert_eq!(sup.resize(4), Ok(3));
        assert_eq!([0, 1, 2, 3].map(|key| index(&sup.get(&key).unwrap())), [Ok(0), Ok(1), Ok(2), Ok(3)]);
    });
}

#[test]
fn ps4_and_ps5_after_a_resize_to_zero_there_are_none_until_it_grows_again() {
    seeds(50, |_| {
        let sup = workers(2).start_link().unwrap();
        assert_eq!(sup.resize(0), Ok(2));
        assert_eq!((sup.partitions(), sup.get("x").err()), (Ok(0), Some(PartitionError::NoPartitions)));
        assert_eq!(Name::partition("workers", &1).pid(), None);
        assert_eq!(counts(&sup), [2, 0, 2, 0]);
        assert_eq!(sup.resize(2), Ok(0));
        assert_eq!(index(&sup.get(&1).unwrap()), Ok(1));
    });
}

#[test]
fn ps5_it_never_has_more_than_at_the_start() {
    seeds(10, |_| {
        let sup = workers(3).start_link().unwrap();
        assert_eq!(sup.resize(4), Err(ResizeError::TooMany(3)));
        sup.resize(1).unwrap();
        assert_eq!(sup.resize(usize::MAX), Err(ResizeError::TooMany(3)));
        assert_eq!(sup.partitions(), Ok(1));
    });
}

#[test]
fn ps5_shrinking_is_published_first_and_growing_last() {
    seeds(50, |simulation| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (starts, ends) = (Arc::clone(&seen), Arc::clone(&seen));
        let start = move |index| {
            let sup = Workers::find("workers");
            starts.lock().unwrap().push(("start", index, sup.and_then(|sup| sup.partitions().ok())));
            let ends = Arc::clone(&ends);
            spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<Order>| async move {
                mailbox.trap_exit(true);
                mailbox.receive_signal().await;
                let sup = Workers::find("workers");
                ends.lock().unwrap().push(("end", index, sup.and_then(|sup| sup.partitions().ok())));
                ExitReason::Shutdown
            })
        };
        let sup = PartitionSupervisor::new("workers", start).partitions(3).start_link().unwrap();
        seen.lock().unwrap().clear();
        simulation.run_until_idle();
        sup.resize(1).unwrap();
        sup.resize(3).unwrap();
        let expected = [("end", 2, Some(1)), ("end", 1, Some(1)), ("start", 1, Some(1)), ("start", 2, Some(1))];
        assert_eq!(*seen.lock().unwrap(), expected);
    });
}

#[test]
fn ps5_a_partition_that_does_not_start_again_leaves_the_number_as_it_was() {
    seeds(50, |_| {
        let failing = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&failing);
        let start = move |index| {
            if switch.load(Ordering::Relaxed) && index == 2 {
                Err(StartError::Init(other("no")))
            } else {
                worker(index)
            }
        };
        let sup = PartitionSupervisor::new("workers", start).partitions(4).start_link().unwrap();
        sup.resize(1).unwrap();
        failing.store(true, Ordering::Relaxed);
        assert_eq!(sup.resize(4), Err(ResizeError::Start(2, StartError::Init(other("no")))));
        assert_eq!((sup.partitions(), counts(&sup)), (Ok(1), [4, 1, 4, 0]));
        failing.store(false, Ordering::Relaxed);
        assert_eq!(sup.resize(4), Ok(1));
        assert_eq!(counts(&sup), [4, 4, 4, 0]);
    });
}

#[test]
fn ps5_resizes_at_once_are_done_one_after_the_other() {
    seeds(100, |simulation| {
        let sup = workers(6).start_link().unwrap();
        let results = Arc::new(Mutex::new(Vec::new()));
        let wanted = [2, 5, 0, 6, 3];
        for to in wanted {
            let (sup, results) = (sup.clone(), Arc::clone(&results));
            spawn(move |_: Mailbox<()>| async move {
                let from = sup.resize_async(to).await.unwrap();
                results.lock().unwrap().push((from, to));
            });
        }
        simulation.run_until_idle();
        let last = sup.partitions().unwrap();
        assert_eq!(counts(&sup), [6, last, 6, 0], "what runs is what is shown");
        // In some order each began where another had ended: a path from six to the last.
        let mut steps = results.lock().unwrap().clone();
        let mut at = 6;
        while let Some(next) = steps.iter().position(|(from, _)| *from == at) {
            at = steps.swap_remove(next).1;
        }
        assert_eq!((steps, at), (vec![], last));
    });
}

#[test]
fn ps5_a_resize_is_not_hindered_by_a_strategy_that_brings_stopped_ones_back() {
    seeds(50, |simulation| {
        let sup = workers(3).strategy(Strategy::OneForAll).start_link().unwrap();
        sup.resize(1).unwrap();
        end(simulation, &sup.get(&0).unwrap(), other("crash"));
        assert_eq!((sup.partitions(), counts(&sup)), (Ok(1), [3, 3, 3, 0]), "S4.4");
        assert_eq!(sup.resize(3), Ok(1));
        assert_eq!(counts(&sup), [3, 3, 3, 0]);
    });
}

#[test]
fn ps5_who_is_being_started_cannot_resize() {
    seeds(10, |_| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let start = move |index| {
            notes.lock().unwrap().push(Workers::find("workers").map(|sup| sup.resize(1)));
            worker(index)
        };
        PartitionSupervisor::new("workers", start).partitions(1).start_link().unwrap();
        assert_eq!(*seen.lock().unwrap(), [Some(Err(ResizeError::Call(CallError::CallingSelf)))]);
    });
}

#[test]
fn ps6_stopped_ones_stay_in_the_counts() {
    seeds(20, |_| {
        let sup = workers(4).start_link().unwrap();
        sup.resize(1).unwrap();
        assert_eq!(counts(&sup), [4, 1, 4, 0]);
        assert_eq!(sup.which_children().unwrap().len(), 4);
    });
}

#[test]
fn ps7_a_stop_takes_the_table_down_before_it_returns() {
    seeds(50, |_| {
        let sup = workers(2).start_link().unwrap();
        let child = sup.get(&0).unwrap();
        sup.resize(1).unwrap();
        assert_eq!(sup.stop(), Ok(()));
        assert_eq!((sup.get(&0).err(), sup.partitions()), (Some(PartitionError::NoProc), Err(PartitionError::NoProc)));
        assert_eq!((registered(), child.is_alive()), (vec![], false));
        assert_eq!(sup.stop(), Err(StopError::NoProc));
        assert_eq!(sup.resize(2), Err(ResizeError::Call(CallError::NoProc)));

        let next = workers(3).start_link().unwrap();
        assert_eq!(Workers::find("workers").map(|found| found.partitions()), Some(Ok(3)));
        assert_eq!(index(&next.get(&2).unwrap()), Ok(2));
        assert_eq!(sup.get(&0).err(), Some(PartitionError::NoProc), "the handle names the old one");
        assert_eq!(next.stop_with(other("x"), CALL_TIMEOUT), Ok(()));
    });
}

#[test]
fn ps7_a_resize_under_way_fails_when_it_is_stopped() {
    seeds(50, |simulation| {
        let stubborn = |_| {
            spawn_with(StartOptions::new().link(), |mailbox: Mailbox<Order>| async move {
                mailbox.trap_exit(true);
                mailbox.receive().await;
            })
        };
        let sup = PartitionSupervisor::new("workers", stubborn).partitions(3).shutdown(Shutdown::Infinity);
        let sup = sup.start_link().unwrap();
        simulation.run_until_idle();
        let (report, reports) = mpsc::channel();
        for to in [1, 2] {
            let (sup, report) = (sup.clone(), report.clone());
            spawn(move |_: Mailbox<()>| async move { report.send(sup.resize_async(to).await).unwrap_or(()) });
        }
        simulation.run_until_idle();
        genstage_core::Peer::from(&sup).exit(ExitReason::Kill);
        simulation.run_until_idle();
        let failed = reports.try_iter().map(|result| result.is_err()).collect::<Vec<_>>();
        assert_eq!(failed, [true, true]);
    });
}

#[test]
fn the_asynchronous_forms_do_the_same() {
    seeds(20, |simulation| {
        let sup = workers(2).start_link().unwrap();
        let (report, reports) = mpsc::channel();
        spawn(move |_: Mailbox<()>| async move {
            assert_eq!(sup.resize_async(1).await, Ok(2));
            assert_eq!(sup.count_children_async().await.unwrap().active, 1);
            assert_eq!(sup.which_children_async().await.unwrap().len(), 2);
            let _ = report.send(());
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(()));
    });
}

/// Threads read while others resize and partitions crash: each finds a worker of the index that its key has for some number of
/// partitions there was, dead ones included.
#[test]
fn on_threads_readers_find_partitions_while_these_come_and_go() {
    const MOST: usize = 4;
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let sup = workers(MOST).max_restarts(u32::MAX).start_link().unwrap();
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let readers = (0..2).map(|reader| {
            let (sup, done, asked) = (&sup, &done, &asked);
            scope.spawn(move || {
                let mut key = reader;
                while !done.load(Ordering::Relaxed) || asked.load(Ordering::Relaxed) < 100 {
                    key += 1;
                    let partition = sup.get(&key).unwrap();
                    if let Ok(index) = index(&partition) {
                        assert!((1..=MOST).any(|partitions| key % partitions == index));
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for turn in 0..200 {
            let _ = sup.get(&turn).unwrap().send(Order::End(other("crash")));
            sup.resize(turn % MOST + 1).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().is_ok()));
    });
    sup.resize(MOST).unwrap();
    while (0..MOST).any(|wanted| index(&sup.get(&wanted).unwrap()) != Ok(wanted)) {
        std::thread::yield_now();
    }
    assert_eq!(counts(&sup), [MOST, MOST, MOST, 0]);
    assert_eq!(sup.stop(), Ok(()));
    // Who resizes goes too.
    while !runtime.processes().is_empty() {
        std::thread::yield_now();
    }
}

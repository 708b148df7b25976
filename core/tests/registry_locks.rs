//! Registry: locks by key (R3.3).

mod common;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::{actor, here, other, seeds, within};
use genstage_core::{ExitReason, LockError, Mailbox, Registry, RegistryRef, Runtime, spawn};

type Files = RegistryRef<String, ()>;

fn files() -> Files {
    Registry::unique().partitions(2).start_link().unwrap()
}

/// A process that takes the lock, says so, and keeps it until it is sent a message.
fn keeper(
    files: &Files,
    key: &'static str,
    report: std::sync::mpsc::Sender<genstage_core::Pid>,
) -> genstage_core::Address<ExitReason> {
    let files = files.clone();
    spawn(move |mailbox: Mailbox<ExitReason>| async move {
        let keep = || async {
            report.send(mailbox.pid()).unwrap();
            mailbox.receive().await
        };
        files.lock_async(key, keep).await.unwrap_or(other("not taken"))
    })
}

#[test]
fn r3_3_it_gives_the_functions_result_and_runs_it_in_the_caller() {
    seeds(10, |simulation| {
        let files = files();
        let caller = std::thread::current().id();
        assert_eq!(files.lock("a", || std::thread::current().id()), Ok(caller));
        let who = actor();
        let inner = files.clone();
        let ran = within(simulation, &who, move || inner.lock("a", genstage_core::current_pid));
        assert_eq!(ran, Ok(Some(who.pid())));
    });
}

#[test]
fn r3_3_one_at_a_time_in_the_order_of_coming() {
    seeds(100, |simulation| {
        let files = files();
        let (report, taken) = channel();
        let keepers: Vec<_> = (0..5)
            .map(|_| {
                let keeper = keeper(&files, "a", report.clone());
                simulation.run_until_idle();
                keeper
            })
            .collect();
        for keeper in keepers {
            assert_eq!(taken.try_iter().collect::<Vec<_>>(), [keeper.pid()]);
            keeper.send(ExitReason::Normal).unwrap();
            simulation.run_until_idle();
        }
        assert_eq!(files.lock("a", || 1), Ok(1));
    });
}

#[test]
fn r3_3_keys_do_not_block_each_other_and_are_no_registered_keys() {
    seeds(50, |simulation| {
        let files = files();
        let (report, taken) = channel();
        let keepers = ["a", "b"].map(|key| keeper(&files, key, report.clone()));
        simulation.run_until_idle();
        assert_eq!(taken.try_iter().count(), 2);
        assert_eq!(files.lock("c", || 1), Ok(1));
        assert_eq!(files.count(), 0);
        let here = here::<()>();
        files.register("a".to_owned(), ()).unwrap();
        assert_eq!(files.keys(here.pid()), ["a"]);
        drop(keepers);
    });
}

#[test]
fn r3_3_keys_of_one_hash_do_not_block_each_other() {
    #[derive(Clone, PartialEq, Eq)]
    struct Alike(u32);
    impl std::hash::Hash for Alike {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }
    seeds(5, |_| {
        let rooms = Registry::<Alike, u32>::unique().start_link().unwrap();
        let nested = rooms.lock(&Alike(1), || rooms.lock(&Alike(2), || rooms.lock(&Alike(1), || ())));
        assert_eq!(nested, Ok(Ok(Err(LockError::HeldByCaller))));
        let here = here::<()>();
        (0..9).for_each(|key| assert!(rooms.register(Alike(key), key).is_ok()));
        assert_eq!(rooms.values(&Alike(7), here.pid()), [7]);
        rooms.unregister(&Alike(7));
        assert!(rooms.get(&Alike(7)).is_none());
        assert_eq!((rooms.count(), rooms.keys(here.pid()).len()), (8, 8));
    });
}

#[test]
fn r3_3_a_panic_or_an_end_releases_it() {
    seeds(50, |simulation| {
        let files = files();
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| files.lock("a", || panic!("boom"))));
        assert!(panics.is_err());
        assert_eq!(files.lock("a", || 1), Ok(1));
        for reason in [ExitReason::Kill, other("x")] {
            let (report, taken) = channel();
            let holder = keeper(&files, "a", report.clone());
            simulation.run_until_idle();
            let next = keeper(&files, "a", report);
            simulation.run_until_idle();
            assert_eq!(taken.try_iter().collect::<Vec<_>>(), [holder.pid()]);
            holder.exit(reason);
            simulation.run_until_idle();
            assert_eq!(taken.try_iter().collect::<Vec<_>>(), [next.pid()]);
            next.exit(ExitReason::Kill);
            simulation.run_until_idle();
        }
        assert_eq!(files.lock("a", || 1), Ok(1));
    });
}

#[test]
fn r3_3_those_who_died_waiting_are_passed_over() {
    seeds(100, |simulation| {
        let files = files();
        let (report, taken) = channel();
        let [holder, dies, last] = [(); 3].map(|()| {
            let keeper = keeper(&files, "a", report.clone());
            simulation.run_until_idle();
            keeper
        });
        dies.exit(ExitReason::Kill);
        holder.send(ExitReason::Normal).unwrap();
        simulation.run_until_idle();
        assert_eq!(taken.try_iter().collect::<Vec<_>>(), [holder.pid(), last.pid()]);
    });
}

#[test]
fn r3_3_a_future_that_is_dropped_leaves_the_line() {
    seeds(50, |simulation| {
        let files = files();
        let (report, taken) = channel();
        let holder = keeper(&files, "a", report.clone());
        simulation.run_until_idle();
        let impatient = files.clone();
        let gave_up = spawn(move |mailbox: Mailbox<()>| async move {
            let lock = impatient.lock_async("a", || async { panic!("it has given up") });
            assert!(mailbox.within(Duration::from_secs(1), lock).await.is_none());
            mailbox.receive().await;
        });
        simulation.run_for(Duration::from_secs(2));
        let last = keeper(&files, "a", report);
        holder.send(ExitReason::Normal).unwrap();
        simulation.run_until_idle();
        assert!(gave_up.is_alive());
        assert_eq!(taken.try_iter().collect::<Vec<_>>(), [holder.pid(), last.pid()]);
    });
}

#[test]
fn r3_3_waiting_for_oneself_is_an_error_and_so_is_waiting_for_ever_in_a_simulation() {
    seeds(20, |simulation| {
        let files = files();
        assert_eq!(files.lock("a", || files.lock("a", || ())), Ok(Err(LockError::HeldByCaller)));
        let (report, _taken) = channel();
        let holder = keeper(&files, "a", report);
        simulation.run_until_idle();
        assert_eq!(files.lock("a", || ()), Err(LockError::Stuck));
        holder.send(ExitReason::Normal).unwrap();
        assert_eq!(files.lock("a", || 1), Ok(1), "waiting runs the holder");
        files.stop().unwrap();
        assert_eq!(files.lock("a", || ()), Err(LockError::Down));
    });
}

#[test]
fn r3_3_threads_take_turns() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let files: Files = {
        let _inside = runtime.enter();
        files()
    };
    let total = std::sync::Mutex::new(0_u32);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let _inside = runtime.enter();
                for _ in 0..200 {
                    files
                        .lock("a", || {
                            let mut alone = total.try_lock().expect("nobody else is in here");
                            *alone += 1;
                            std::thread::yield_now();
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(*total.lock().unwrap(), 800);
}

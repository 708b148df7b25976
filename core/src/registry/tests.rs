//! What can be seen from inside alone: registering processes that die, owners and lock holders that are given up.

use std::sync::mpsc::channel;

use crate::process::AnyProcess;
use crate::{
    Address, ExitReason, LockError, Mailbox, Peer, Refusal, Registry, RegistryRef, Runtime, Simulation, ThreadProcess,
    spawn,
};

fn idler() -> Address<()> {
    spawn(|mailbox: Mailbox<()>| async move { mailbox.receive().await })
}

fn abandon(peer: &Peer) {
    assert!(peer.process().is_some_and(|process| AnyProcess::abandon(&**process)));
}

#[test]
fn r2_2_the_dead_cannot_be_entered() {
    for seed in 0..20 {
        Simulation::new(seed).run(|simulation| {
            let rooms: RegistryRef<u8, u8> = Registry::unique().start().unwrap();
            let dead = idler();
            dead.exit(ExitReason::Kill);
            simulation.run_until_idle();
            for peer in [Peer::from(&dead), Peer::from(dead.pid())] {
                let error = rooms.enter(1, 2, &peer).unwrap_err();
                assert_eq!((error.refusal, error.key, error.value), (Refusal::Dead(dead.pid()), 1, 2));
            }
            assert_eq!(rooms.count(), 0);
            assert!(
                rooms.owners().iter().all(|owner| owner.process().is_some_and(|owner| !owner.remove_link(dead.pid())))
            );
        });
    }
}

#[test]
fn r1_4_whoever_dies_while_it_is_entered_leaves_nothing() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    for kind in [Registry::unique(), Registry::duplicate()] {
        let rooms: RegistryRef<u64, u8> = kind.start().unwrap();
        let mut entered = 0;
        for round in 0..3000 {
            let process = idler();
            let peer = Peer::from(&process);
            std::thread::scope(|scope| {
                scope.spawn(|| process.send(()).ok());
                entered += usize::from(rooms.enter(round % 4, 0, &peer).is_ok());
                entered += usize::from(rooms.enter(round % 4 + 4, 0, &peer).is_ok());
            });
        }
        assert!(entered > 0);
        // Each end has been told or will be; the owner takes its mail in any case.
        while rooms.count() > 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn r1_4_an_owner_that_is_given_up_takes_its_registrants_along_and_spares_the_next_ones() {
    for seed in 0..20 {
        Simulation::new(seed).run(|simulation| {
            let rooms: RegistryRef<u8, u8> = Registry::duplicate().start().unwrap();
            let process = idler();
            rooms.enter(1, 1, &Peer::from(&process)).unwrap();
            let owner = rooms.owners().remove(0);
            owner.exit(ExitReason::Kill);
            let late = idler();
            rooms.enter(1, 1, &Peer::from(&late)).unwrap();
            abandon(&owner);
            simulation.run_until_idle();
            assert_eq!([process.exit_reason(), late.exit_reason()], [const { Some(ExitReason::Killed) }; 2]);
            assert_eq!(rooms.count(), 0);
            let next = idler();
            rooms.enter(1, 1, &Peer::from(&next)).unwrap();
            assert_eq!(rooms.count(), 1);
        });
    }
}

#[test]
fn r3_3_a_holder_that_is_given_up_releases_the_lock() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    // The owner that is asked to watch the holder may be started anew meanwhile.
    for owner_restarts in [false, true] {
        let files: RegistryRef<u8, ()> = Registry::unique().start().unwrap();
        let (report, taken) = channel();
        let (release, stuck) = channel::<()>();
        let inside = files.clone();
        let holder = spawn(move |_: Mailbox<()>| async move {
            let _ = inside.lock(&1, || {
                report.send(()).ok();
                stuck.recv().ok();
            });
        });
        taken.recv().unwrap();
        holder.exit(ExitReason::Kill);
        let (inside, (report, next)) = (files.clone(), channel());
        spawn(move |_: Mailbox<()>| async move {
            let locked = inside.lock_async(&1, || async { report.clone().send(Ok(())).ok() }).await;
            report.send(locked.map(drop)).ok();
        });
        while !files.inside.partitions[0].locks.is_contended(files.inside.hash(&1)) {
            std::thread::yield_now();
        }
        assert!(next.try_recv().is_err(), "it is held by a process that is bound to end, but runs");
        if owner_restarts {
            let before = files.owners()[0].pid();
            files.owners()[0].exit(ExitReason::Kill);
            while files.owners().iter().all(|owner| owner.pid() == before) {
                std::thread::yield_now();
            }
        }
        abandon(&Peer::from(&holder));
        assert_eq!(next.recv(), Ok(Ok(())));
        release.send(()).unwrap();
        assert_eq!(next.recv(), Ok(Ok(())));
        assert_eq!(files.lock(&1, || ()), Ok(()));
    }
}

#[test]
fn r3_3_a_blocked_caller_that_was_bound_to_end_is_passed_over() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let files: RegistryRef<u8, ()> = Registry::unique().start().unwrap();
    let (report, outcome) = channel();
    let inside = files.clone();
    files
        .lock(&1, || {
            let waiter = spawn(move |_: Mailbox<()>| async move {
                report.send(inside.lock(&1, || ())).ok();
            });
            while !files.inside.partitions[0].locks.is_contended(files.inside.hash(&1)) {
                std::thread::yield_now();
            }
            waiter.exit(ExitReason::Kill);
        })
        .unwrap();
    assert_eq!(outcome.recv(), Ok(Err(LockError::Dead)));
    let _here = ThreadProcess::<()>::start().unwrap();
    assert_eq!(files.lock(&1, || ()), Ok(()));
}

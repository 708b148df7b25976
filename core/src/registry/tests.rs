//! What can be seen from inside alone: registering processes that die, owners and lock holders that are given up.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, channel};

use crate::process::AnyProcess;
use crate::sync::{Arc, Mutex};
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
            let rooms: RegistryRef<u8, u8> = Registry::unique().start_link().unwrap();
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
fn r2_5_the_link_goes_on_both_sides() {
    Simulation::new(1).run(|_| {
        let here = ThreadProcess::<()>::start().unwrap();
        let rooms: RegistryRef<u8, u8> = Registry::unique().start_link().unwrap();
        let (me, owner) = (Peer::from(here.me()), rooms.owners().remove(0));
        let unlink = |one: &Peer, other: &Peer| one.process().is_some_and(|process| process.remove_link(other.pid()));
        rooms.register(1, 1).unwrap();
        rooms.register(2, 1).unwrap();
        rooms.unregister(&1);
        rooms.unregister(&2);
        assert_eq!([unlink(&me, &owner), unlink(&owner, &me)], [false, false]);
        rooms.register(1, 1).unwrap();
        assert_eq!([unlink(&me, &owner), unlink(&owner, &me)], [true, true]);
    });
}

#[test]
fn r1_4_whoever_dies_while_it_is_entered_leaves_nothing() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    for kind in [Registry::unique(), Registry::duplicate()] {
        let rooms: RegistryRef<u64, u8> = kind.start_link().unwrap();
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
            let rooms: RegistryRef<u8, u8> = Registry::duplicate().start_link().unwrap();
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
        let files: RegistryRef<u8, ()> = Registry::unique().start_link().unwrap();
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
    let files: RegistryRef<u8, ()> = Registry::unique().start_link().unwrap();
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

thread_local! {
    /// Runs when keys are compared next.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Keys of one hash.
#[derive(Clone)]
struct Alike(u8);

impl std::hash::Hash for Alike {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl PartialEq for Alike {
    fn eq(&self, other: &Self) -> bool {
        if let Some(meanwhile) = MEANWHILE.take() {
            meanwhile();
        }
        self.0 == other.0
    }
}

impl Eq for Alike {}

#[test]
fn r2_1_whoever_takes_a_unique_key_during_the_comparison_has_it() {
    for seed in 0..20 {
        Simulation::new(seed).run(|_| {
            let rooms: RegistryRef<Alike, u8> = Registry::unique().start_link().unwrap();
            let (first, second) = (idler(), idler());
            rooms.enter(Alike(0), 0, &Peer::from(&first)).unwrap();
            let (inside, quick) = (rooms.clone(), Peer::from(&first));
            let meanwhile = move || drop(inside.enter(Alike(1), 1, &quick).unwrap());
            MEANWHILE.set(Some(Box::new(meanwhile)));
            let error = rooms.enter(Alike(1), 2, &Peer::from(&second)).unwrap_err();
            assert_eq!(error.refusal, Refusal::AlreadyRegistered(first.pid()));
            assert_eq!((rooms.count(), rooms.keys(second.pid()).len()), (2, 0));
        });
    }
}

/// Blocks whoever drops the original.
struct Sticky(Option<Receiver<()>>);

impl Clone for Sticky {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Drop for Sticky {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            release.recv().ok();
        }
    }
}

#[test]
fn r1_4_an_owner_that_is_given_up_while_it_cleans_up_leaves_the_next_alone() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let rooms: RegistryRef<u8, Arc<Mutex<Sticky>>> = Registry::duplicate().start_link().unwrap();
    let sticky = |release| Arc::new(Mutex::new(Sticky(release)));
    let (release, stuck) = channel();
    let here = ThreadProcess::<()>::start().unwrap();
    here.trap_exit(true);
    rooms.register(1, sticky(None)).unwrap();
    let dies = idler();
    rooms.enter(2, sticky(Some(stuck)), &Peer::from(&dies)).unwrap();
    let owner = rooms.owners().remove(0);
    dies.exit(ExitReason::Kill);
    while rooms.count() > 1 {
        std::thread::yield_now();
    }
    owner.exit(ExitReason::Kill);
    abandon(&owner);
    while rooms.owners().iter().all(|present| present.pid() == owner.pid()) {
        std::thread::yield_now();
    }
    assert_eq!(rooms.count(), 0, "the next owner begins with empty tables");
    rooms.register(3, sticky(None)).unwrap();
    release.send(()).unwrap();
    // Its body has been dropped when it no longer holds the registry: this handle, the supervisor's plan and the next owner do.
    while Arc::strong_count(&rooms.inside) > 3 {
        std::thread::yield_now();
    }
    assert_eq!((rooms.count(), rooms.owners().len()), (1, 1));
}

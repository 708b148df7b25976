//! Links (P5).

mod common;

use common::{Order, Seen, exit, here, idler, mortal, other, seeds, witness};
use genstage_core::{ExitReason, LinkError, Mailbox, Peer, spawn, spawn_link};

#[test]
fn p5_1_a_link_works_both_ways() {
    seeds(100, |simulation| {
        for first_dies in [true, false] {
            let (a, b) = (mortal(), idler());
            let linker = here::<()>();
            linker.trap_exit(true);
            let (first, second) = (a.clone(), b.clone());
            let joined = spawn(move |own: Mailbox<()>| async move {
                own.link(&first).unwrap();
                own.link(&second).unwrap();
                own.receive().await;
            });
            simulation.run_until_idle();
            if first_dies {
                a.send(other("x")).unwrap();
            } else {
                joined.exit(other("x"));
            }
            simulation.run_until_idle();
            assert_eq!(
                [a.exit_reason(), joined.exit_reason(), b.exit_reason()],
                [Some(other("x")), Some(other("x")), Some(other("x"))]
            );
        }
    });
}

#[test]
fn p5_1_there_is_one_link_for_a_pair_however_often_it_is_made() {
    seeds(100, |simulation| {
        let (target, seen) = witness(true);
        let peer = mortal();
        for _ in 0..3 {
            target.send(Order::Link(Peer::from(&peer))).unwrap_or_else(|_| panic!("alive"));
        }
        simulation.run_until_idle();
        peer.send(other("x")).unwrap();
        simulation.run_until_idle();
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Seen::Exit(other("x"))]);
    });
}

#[test]
fn p5_1_a_link_to_oneself_does_nothing() {
    seeds(10, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        assert_eq!(here.link(here.me()), Ok(()));
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn p5_2_either_side_may_unlink_and_so_may_strangers() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let child = spawn_link(|own: Mailbox<Peer>| async move {
            let parent = own.receive().await;
            own.unlink(&parent);
            own.unlink(&parent);
            other("x")
        });
        child.send(Peer::from(here.me())).unwrap();
        simulation.run_until_idle();
        assert_eq!(child.exit_reason(), Some(other("x")));
        assert!(here.try_receive().is_none());
        here.unlink(&child);
        here.unlink(&idler());
        here.unlink(child.pid());
    });
}

#[test]
fn p5_3_after_unlink_the_link_is_harmless_but_a_queued_exit_stays() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let (early, late) = (mortal(), mortal());
        here.link(&early).unwrap();
        here.link(&late).unwrap();
        early.send(other("early")).unwrap();
        simulation.run_until_idle();
        here.unlink(&early);
        here.unlink(&late);
        late.send(other("late")).unwrap();
        simulation.run_until_idle();
        let heard = exit(&here);
        assert_eq!((heard.from, heard.reason), (early.pid(), other("early")));
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn p5_4_a_link_to_the_dead_is_an_error_or_an_exit() {
    seeds(10, |simulation| {
        let here = here::<()>();
        let dead = mortal();
        dead.send(ExitReason::Normal).unwrap();
        simulation.run_until_idle();
        for peer in [Peer::from(&dead), Peer::from(dead.pid())] {
            here.trap_exit(false);
            assert_eq!(here.link(&peer), Err(LinkError { process: dead.pid() }));
            assert!(here.me().is_alive());
            here.trap_exit(true);
            assert_eq!(here.link(&peer), Ok(()));
            let heard = exit(&here);
            assert_eq!((heard.from, heard.reason), (dead.pid(), ExitReason::NoProc));
            assert!(here.try_receive().is_none(), "one exit for one link");
        }
    });
}

#[test]
fn p10_trap_exit_returns_the_old_value_and_keeps_what_is_queued() {
    seeds(10, |_| {
        let here = here::<()>();
        assert!(!here.trap_exit(true));
        here.me().exit(other("queued"));
        assert!(here.trap_exit(false));
        assert_eq!(exit(&here).reason, other("queued"));
    });
}

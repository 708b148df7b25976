//! What an exit signal does (P1.3 to P1.5, P4).

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;

use common::{Order, Seen, exit, here, idler, mortal, other, seeds, witness};
use genstage_core::{
    Address, ExitReason, Mailbox, Outcome, Peer, Process, ProcessContext, SendError, Simulation, spawn, spawn_link,
};

/// How the signal comes.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Explicit,
    ToItself,
    Link,
    RemovedLink,
}

/// What came of it: the reason it died with, or none, and the exits it heard.
type Fate = (Option<ExitReason>, Vec<Seen>);

fn fate(simulation: &Simulation, origin: Origin, reason: &ExitReason, trap: bool) -> Fate {
    let (target, seen) = witness(trap);
    let (signal, to) = (reason.clone(), target.clone());
    match origin {
        Origin::Explicit => drop(spawn(move |_: Mailbox<()>| async move { to.exit(signal) })),
        Origin::ToItself => assert!(target.send(Order::ExitSelf(signal)).is_ok()),
        Origin::Link => drop(spawn(move |own: Mailbox<()>| async move {
            assert_eq!(own.link(&to), Ok(()));
            signal
        })),
        Origin::RemovedLink => drop(spawn(move |own: Mailbox<()>| async move {
            assert_eq!(own.link(&to), Ok(()));
            own.unlink(&to);
            signal
        })),
    }
    simulation.run_until_idle();
    (target.exit_reason(), seen.try_iter().collect())
}

#[test]
fn p4_the_whole_table() {
    use ExitReason::{Kill, Killed, NoProc, Normal, Shutdown};
    use Origin::{Explicit, Link, RemovedLink, ToItself};
    let dies = |reason: &ExitReason| (Some(reason.clone()), vec![]);
    let lives = || (None, vec![]);
    let hears = |reason: &ExitReason| (None, vec![Seen::Exit(reason.clone())]);
    let others = [Shutdown, Killed, NoProc, other("x"), ExitReason::shutdown_with(7)];
    seeds(100, |simulation| {
        let check = |origin, reason: &ExitReason, trap, expected: Fate| {
            assert_eq!(fate(simulation, origin, reason, trap), expected, "{origin:?} {reason:?}, trapping: {trap}");
        };
        for origin in [Explicit, ToItself] {
            check(origin, &Kill, false, dies(&Killed));
            check(origin, &Kill, true, dies(&Killed));
        }
        check(Explicit, &Normal, false, lives());
        check(Explicit, &Normal, true, hears(&Normal));
        check(ToItself, &Normal, false, dies(&Normal));
        check(ToItself, &Normal, true, hears(&Normal));
        check(Link, &Normal, false, lives());
        check(Link, &Normal, true, hears(&Normal));
        check(Link, &Kill, false, dies(&Kill));
        check(Link, &Kill, true, hears(&Kill));
        for reason in &others {
            for origin in [Explicit, ToItself, Link] {
                check(origin, reason, false, dies(reason));
                check(origin, reason, true, hears(reason));
            }
        }
        for reason in others.iter().chain([&Normal, &Kill]) {
            check(RemovedLink, reason, false, lives());
            check(RemovedLink, reason, true, lives());
        }
    });
}

#[test]
fn p4_the_sender_is_told() {
    seeds(100, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let target = here.me().clone();
        let sender = spawn(move |_: Mailbox<()>| async move { target.exit(other("x")) });
        let heard = exit(&here);
        assert_eq!((heard.from, heard.reason), (sender.pid(), other("x")));
        here.me().exit(other("own"));
        assert_eq!(exit(&here).from, here.pid());
    });
}

#[test]
fn p4_1_a_kill_reaches_the_linked_as_killed_and_can_be_trapped() {
    seeds(100, |simulation| {
        let (trapping, seen) = witness(true);
        let (plain, _) = witness(false);
        let victim = idler();
        for peer in [&trapping, &plain] {
            assert!(peer.send(Order::Link(Peer::from(&victim))).is_ok());
        }
        simulation.run_until_idle();
        victim.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(victim.exit_reason(), Some(ExitReason::Killed));
        assert_eq!(plain.exit_reason(), Some(ExitReason::Killed));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Seen::Exit(ExitReason::Killed)]);
        assert!(trapping.is_alive());
    });
}

#[test]
fn p4_2_an_exit_to_the_dead_does_nothing() {
    seeds(10, |simulation| {
        let dead = mortal();
        assert!(dead.send(ExitReason::Shutdown).is_ok());
        simulation.run_until_idle();
        dead.exit(ExitReason::Kill);
        Peer::from(dead.pid()).exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(dead.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn p4_3_a_reason_travels_unchanged_through_a_chain_of_links() {
    fn chain(rest: u32, report: std::sync::mpsc::Sender<Address<()>>) -> Address<()> {
        spawn_link(move |mailbox: Mailbox<()>| async move {
            if rest > 0 {
                let _ = report.send(chain(rest - 1, report.clone()));
            }
            mailbox.receive().await;
            other("the end")
        })
    }
    seeds(100, |simulation| {
        let (report, links) = channel();
        let first = chain(5, report);
        simulation.run_until_idle();
        let rest: Vec<_> = links.try_iter().collect();
        assert_eq!(rest.len(), 5);
        assert!(rest[2].send(()).is_ok());
        simulation.run_until_idle();
        assert_eq!(first.exit_reason(), Some(other("the end")));
        assert!(rest.iter().all(|link| link.exit_reason() == Some(other("the end"))));
    });
}

#[test]
fn p1_3_a_killing_signal_overtakes_the_queue() {
    struct Counter(Arc<()>);
    impl Process for Counter {
        type Message = Arc<()>;
        fn handle(&mut self, _: Arc<()>, _: &mut ProcessContext<'_, Arc<()>>) -> Outcome {
            panic!("handled a message that came before the exit, {} more wait", Arc::strong_count(&self.0))
        }
    }
    for reason in [ExitReason::Kill, ExitReason::Shutdown] {
        seeds(100, |simulation| {
            let token = Arc::new(());
            let counter = Counter(Arc::clone(&token)).start().unwrap();
            (0..5).for_each(|_| counter.send(Arc::clone(&token)).unwrap());
            counter.exit(reason.clone());
            simulation.run_until_idle();
            assert_eq!(Arc::strong_count(&token), 1, "the queue and the state are dropped");
        });
    }
}

#[test]
fn p1_3_a_doomed_thread_process_receives_no_more() {
    seeds(10, |_| {
        let here = here::<u8>();
        here.me().send(1).unwrap();
        Peer::from(here.me()).exit(other("x"));
        assert!(here.receive(None).is_none());
        assert_eq!(here.doom(), Some(other("x")));
    });
}

#[test]
fn p1_4_a_trapped_exit_keeps_its_place_in_the_queue() {
    seeds(200, |simulation| {
        let (target, seen) = witness(true);
        let to = target.clone();
        spawn(move |_: Mailbox<()>| async move {
            for n in 0..3 {
                assert!(to.send(Order::Note(n)).is_ok());
            }
            to.exit(other("x"));
            assert!(to.send(Order::Note(3)).is_ok());
        });
        simulation.run_until_idle();
        let expected = [Seen::Message(0), Seen::Message(1), Seen::Message(2), Seen::Exit(other("x")), Seen::Message(3)];
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), expected);
    });
}

#[test]
fn p1_1_messages_of_one_sender_arrive_in_order() {
    seeds(200, |simulation| {
        let (target, seen) = witness(false);
        for sender in 0..4 {
            let to = target.clone();
            spawn(move |own: Mailbox<()>| async move {
                for n in 0..10 {
                    assert!(to.send(Order::Note(sender * 100 + n)).is_ok());
                    own.sleep(std::time::Duration::from_millis(u64::from(n % 2))).await;
                }
            });
        }
        simulation.run_until_idle();
        let seen: Vec<_> = seen.try_iter().map(|seen| if let Seen::Message(n) = seen { n } else { u32::MAX }).collect();
        assert_eq!(seen.len(), 40);
        for sender in 0..4 {
            let own: Vec<_> = seen.iter().filter(|n| **n / 100 == sender).map(|n| n % 100).collect();
            assert_eq!(own, (0..10).collect::<Vec<_>>());
        }
    });
}

#[test]
fn p1_5_the_sender_of_an_exit_sees_its_effect_at_once_and_gets_its_mail_back() {
    seeds(10, |_| {
        let (target, _) = witness(true);
        target.exit(ExitReason::Kill);
        assert!(!target.is_alive());
        assert!(!Peer::from(target.pid()).is_alive());
        assert_eq!(genstage_core::whereis("nobody"), None);
        let idle = idler();
        idle.exit(ExitReason::Kill);
        assert_eq!(idle.send(()), Err(SendError { process: idle.pid(), message: () }));
    });
}

#[test]
fn g6_3_a_signal_beats_the_callback_that_it_hits_and_skips_terminate() {
    struct Last(Vec<&'static str>, std::sync::mpsc::Sender<Vec<&'static str>>);
    impl Process for Last {
        type Message = &'static str;
        fn handle(&mut self, how: &'static str, cx: &mut ProcessContext<'_, &'static str>) -> Outcome {
            self.0.push(how);
            if how != "late" {
                cx.me().exit(ExitReason::Kill);
            }
            assert_ne!(how, "panic");
            Outcome::Stop(ExitReason::Normal)
        }
        fn terminate(&mut self, _: &ExitReason, cx: &mut ProcessContext<'_, &'static str>) {
            cx.me().exit(ExitReason::Kill);
            self.0.push("terminate");
        }
    }
    impl Drop for Last {
        fn drop(&mut self) {
            let _ = self.1.send(std::mem::take(&mut self.0));
        }
    }
    seeds(10, |simulation| {
        for (how, trace) in [("stop", vec!["stop"]), ("panic", vec!["panic"]), ("late", vec!["late", "terminate"])] {
            let (report, reports) = channel();
            let process = Last(vec![], report).start().unwrap();
            process.send(how).unwrap();
            simulation.run_until_idle();
            assert_eq!(process.exit_reason(), Some(ExitReason::Killed), "{how}");
            assert_eq!(reports.recv(), Ok(trace));
        }
    });
}

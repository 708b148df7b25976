//! Monitors (P6), and what spawning promises to who watches (P2.1, P3.3).

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use common::{Order, Seen, down, exit, here, idler, mortal, other, seeds, witness};
use genstage_core::{
    Address, ExitReason, Mailbox, MonitorRef, Name, Outcome, Peer, Process, ProcessContext, Signal, StartOptions,
    processes, register, spawn, spawn_link, spawn_monitor, start, start_with,
};

#[test]
fn p2_1_a_child_that_dies_at_once_is_seen_with_its_true_reason() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let child = spawn_link(|_: Mailbox<()>| async { other("born dead") });
        let heard = exit(&here);
        assert_eq!((heard.from, heard.reason), (child.pid(), other("born dead")));
        let (child, monitor) = spawn_monitor(|_: Mailbox<()>| async { other("born dead") });
        simulation.run_until_idle();
        let fallen = down(&here);
        assert_eq!(Some(fallen.monitor), monitor);
        assert_eq!((fallen.process, fallen.reason), (child.pid(), other("born dead")));
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn p3_3_whoever_hears_of_a_death_finds_the_state_dropped_and_the_name_free() {
    struct Holder(Arc<AtomicBool>);
    impl Drop for Holder {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    impl Process for Holder {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Stop(ExitReason::Shutdown)
        }
    }
    seeds(100, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        for killed in [true, false] {
            let dropped = Arc::new(AtomicBool::new(false));
            let options = StartOptions::new().name("holder").link();
            let holder = start(Holder(Arc::clone(&dropped)), options).unwrap();
            here.monitor(&holder);
            if killed {
                holder.exit(ExitReason::Kill);
            } else {
                holder.send(()).unwrap();
            }
            let fallen = down(&here);
            assert!(dropped.load(Ordering::SeqCst));
            assert_eq!(register("holder", here.me()), Ok(()));
            assert!(genstage_core::unregister("holder"));
            assert_eq!(exit(&here).reason, fallen.reason);
            assert_eq!(holder.exit_reason(), Some(fallen.reason));
        }
    });
}

#[test]
fn p3_3_who_asks_in_the_middle_of_a_death_hears_of_it_when_it_is_complete() {
    struct Slow(Peer, Sender<Option<ExitReason>>);
    impl Process for Slow {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Continue
        }
    }
    impl Drop for Slow {
        // The state's destructor runs while the process dies: a monitor set now must not fire before the name is free.
        fn drop(&mut self) {
            let dying = self.0.clone();
            let report = self.1.clone();
            let watcher = genstage_core::ThreadProcess::<()>::start().unwrap();
            watcher.monitor(&dying);
            assert!(watcher.try_receive().is_none());
            assert_eq!(watcher.link(&dying), Ok(()));
            spawn(move |own: Mailbox<()>| async move {
                own.monitor(&dying);
                own.receive_signal().await;
                let _ = report.send(register("slow", own.me()).err().map(|error| other_text(&error)));
            });
        }
    }
    fn other_text(error: &genstage_core::RegisterError) -> ExitReason {
        ExitReason::other(error.to_string())
    }
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let process = start_with(StartOptions::new().name("slow"), |me| Slow(Peer::from(me), report)).unwrap();
        simulation.run_until_idle();
        process.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(None));
    });
}

#[test]
fn p6_1_each_monitor_is_its_own_and_fires_once() {
    seeds(100, |simulation| {
        let here = here::<()>();
        let target = mortal();
        let first = here.monitor(&target);
        let second = here.monitor(target.pid());
        assert_ne!(first, second);
        target.send(other("x")).unwrap();
        simulation.run_until_idle();
        let fallen = [down(&here), down(&here)];
        assert_eq!([fallen[0].monitor, fallen[1].monitor], [first, second]);
        assert!(fallen.iter().all(|down| down.process == target.pid() && down.reason == other("x")));
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn p6_3_a_monitor_on_the_dead_fires_at_once() {
    seeds(10, |simulation| {
        let here = here::<()>();
        let dead = mortal();
        dead.send(ExitReason::Normal).unwrap();
        simulation.run_until_idle();
        for peer in [Peer::from(&dead), Peer::from(dead.pid())] {
            let monitor = here.monitor(&peer);
            let fallen = down(&here);
            assert_eq!((fallen.monitor, fallen.reason), (monitor, ExitReason::NoProc));
            assert!(!here.demonitor(monitor));
        }
    });
}

#[test]
fn p6_4_demonitor_says_whether_it_was_active_and_flush_takes_back_what_is_queued() {
    seeds(100, |simulation| {
        let here = here::<u8>();
        let target = mortal();
        let (removed, fired, flushed) = (here.monitor(&target), here.monitor(&target), here.monitor(&target));
        assert!(here.demonitor(removed));
        assert!(!here.demonitor(removed), "twice does nothing");
        target.send(other("x")).unwrap();
        simulation.run_until_idle();
        here.me().send(1).unwrap();
        assert!(!here.demonitor_flush(flushed));
        assert!(!here.demonitor(fired), "it has fired");
        assert_eq!(down(&here).monitor, fired);
        assert!(
            matches!(here.try_receive(), Some(genstage_core::Mail::Message(1))),
            "the rest of the queue is untouched"
        );
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn p6_4_a_monitor_of_a_start_goes_with_who_holds_it_or_lets_it_go() {
    seeds(20, |simulation| {
        let here = here::<()>();
        let start = || spawn_monitor(|mailbox: Mailbox<()>| async move { mailbox.receive().await });
        let watchers = |child: &Address<()>| Peer::from(child).info().map(|info| info.monitored_by);
        let (child, monitor) = start();
        assert_eq!(watchers(&child), Some(vec![here.pid()]));
        assert!(here.demonitor(monitor.unwrap()));
        assert_eq!(watchers(&child), Some(vec![]));

        let (report, reports) = channel();
        let holder = spawn(move |_: Mailbox<()>| async move {
            let (child, _) = start();
            let seen = watchers(&child);
            let _ = report.send((child, seen));
        });
        simulation.run_until_idle();
        let (child, seen) = reports.try_recv().unwrap();
        assert_eq!(seen, Some(vec![holder.pid()]));
        assert_eq!(watchers(&child), Some(vec![]));
    });
}

#[test]
fn p3_3_whoever_hears_of_a_death_finds_it_in_no_list() {
    seeds(20, |_| {
        let here = here::<()>();
        let (child, _) = spawn_monitor(|_: Mailbox<()>| async {});
        assert!(processes().contains(&child.pid()));
        assert_eq!(down(&here).process, child.pid());
        assert_eq!(processes(), [here.pid()]);
        assert!(Peer::from(child.pid()).info().is_none());
    });
}

#[test]
fn p6_4_flush_also_reaches_mail_that_the_slice_has_already_taken() {
    struct Flusher(Option<MonitorRef>, Address<ExitReason>, Sender<&'static str>);
    impl Process for Flusher {
        type Message = &'static str;
        fn handle(&mut self, order: &'static str, cx: &mut ProcessContext<'_, &'static str>) -> Outcome {
            match (order, self.0) {
                ("kill", _) => {
                    self.0 = Some(cx.monitor(&self.1));
                    // Queued in this order: the order to flush, the DOWN. The next slice takes both.
                    cx.me().send("flush").unwrap();
                    let inner = here::<()>();
                    inner.monitor(&self.1);
                    self.1.exit(other("x"));
                    assert_eq!(down(&inner).reason, other("x"));
                }
                ("flush", Some(monitor)) => assert!(!cx.demonitor_flush(monitor)),
                _ => self.2.send(order).unwrap(),
            }
            Outcome::Continue
        }
        fn handle_signal(&mut self, _: Signal, _: &mut ProcessContext<'_, &'static str>) -> Outcome {
            self.2.send("down").unwrap();
            Outcome::Continue
        }
    }
    seeds(100, |simulation| {
        let (report, reports) = channel();
        let flusher = Flusher(None, mortal(), report).start().unwrap();
        flusher.send("kill").unwrap();
        simulation.run_until_idle();
        flusher.send("last").unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["last"]);
        assert!(flusher.is_alive());
    });
}

#[test]
fn p6_5_a_monitor_belongs_to_who_made_it_and_one_on_oneself_never_fires() {
    seeds(10, |simulation| {
        let here = here::<()>();
        let target = mortal();
        let (reply, replies) = channel();
        let (watcher, seen) = witness(false);
        watcher.send(Order::Monitor(Peer::from(&target), reply)).unwrap_or_else(|_| panic!("alive"));
        simulation.run_until_idle();
        let foreign = replies.recv().unwrap();
        assert!(!here.demonitor(foreign));
        let own = here.monitor(here.me());
        target.send(other("x")).unwrap();
        simulation.run_until_idle();
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Seen::Down(foreign, other("x"))]);
        assert!(here.try_receive().is_none());
        assert!(here.demonitor(own));
        let (itself, seen) = witness(false);
        let (reply, _replies) = channel();
        itself.send(Order::Monitor(Peer::from(&itself), reply)).unwrap_or_else(|_| panic!("alive"));
        simulation.run_until_idle();
        itself.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(itself.exit_reason(), Some(other("x")));
        assert_eq!(seen.try_iter().count(), 0);
    });
}

#[test]
fn p6_6_the_watched_does_not_notice() {
    seeds(10, |simulation| {
        let target = idler();
        let watcher = {
            let target = target.clone();
            spawn(move |own: Mailbox<()>| async move {
                own.monitor(&target);
                other("watcher dies")
            })
        };
        simulation.run_until_idle();
        assert!(!watcher.is_alive());
        assert!(target.is_alive());
        assert_eq!(target.inbox_len(), 0);
    });
}

#[test]
fn p6_2_a_monitor_by_name_watches_who_has_it_now() {
    seeds(20, |simulation| {
        let here = here::<()>();
        let (first, second) = (idler(), idler());
        register("desk", &first).unwrap();
        let monitor = here.monitor(&Name::from("desk"));
        assert!(genstage_core::unregister("desk"));
        register("desk", &second).unwrap();
        second.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert!(here.try_receive().is_none(), "resolved at the call");
        first.exit(other("x"));
        let heard = down(&here);
        assert_eq!((heard.monitor, heard.process, heard.reason), (monitor, first.pid(), other("x")));
    });
}

#[test]
fn p6_3_a_monitor_on_an_unknown_name_fires_at_once() {
    seeds(5, |_| {
        let here = here::<()>();
        let monitor = here.monitor(&Name::from("nobody"));
        let heard = down(&here);
        assert_eq!((heard.monitor, heard.reason), (monitor, ExitReason::NoProc));
        assert_eq!(heard.process.to_string(), "<0.0>");
        assert!(here.link(&Name::from("nobody")).is_err());
        Peer::from(&Name::from("nobody")).exit(ExitReason::Kill);
    });
}

//! What is shown of processes (P1.5, P2.4, P12, P13).

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{here, idler, mortal, other, seeds};
use genstage_core::{
    ExitReason, Init, Mailbox, Name, Outcome, Peer, Pid, Priority, Process, ProcessContext, ProcessInfo, Runtime,
    StartOptions, Status, ThreadProcess, processes, register, spawn, spawn_with, start, unregister,
};

fn info(peer: impl Into<Peer>) -> ProcessInfo {
    peer.into().info().expect("it lives")
}

#[test]
fn p12_every_item_is_shown() {
    seeds(50, |simulation| {
        let here = here::<()>();
        let (linked, watched) = (idler(), idler());
        let (to_link, to_watch) = (linked.clone(), watched.clone());
        let options = StartOptions::new().name("clerk").priority(Priority::High).monitor();
        let (clerk, monitor) = spawn_with(options, move |own: Mailbox<u64>| async move {
            own.link(&to_link).unwrap();
            own.monitor(&to_watch);
            own.monitor(&to_watch);
            own.trap_exit(true);
            own.set_label("counts");
            own.put("a text");
            own.put(7_u8);
            own.receive().await;
            own.receive_if(|_| false).await;
        })
        .unwrap();
        simulation.run_until_idle();
        (0..3).for_each(|n| clerk.send(n).unwrap());
        simulation.run_until_idle();
        let info = info(&clerk);
        assert_eq!(info.pid, clerk.pid());
        assert_eq!(info.registered_name.as_deref(), Some("clerk"));
        assert_eq!(info.status, Status::Waiting);
        assert_eq!((info.message_queue_len, info.reductions), (2, 1));
        assert_eq!((info.links, info.monitors), (vec![linked.pid()], vec![watched.pid(), watched.pid()]));
        assert_eq!((info.monitored_by, monitor.is_some()), (vec![here.pid()], true));
        assert!(info.trap_exit);
        assert_eq!(info.priority, Priority::High);
        let dictionary = [("&str", "\"a text\"".to_owned()), ("u8", "7".to_owned())];
        assert_eq!(info.dictionary, dictionary);
        assert_eq!(info.ancestors.iter().map(|ancestor| ancestor.pid).collect::<Vec<_>>(), [here.pid()]);
        assert!(info.initial_call.contains("p12_every_item_is_shown"), "{}", info.initial_call);
        assert_eq!(info.label.as_deref(), Some("counts"));
        assert!(info.memory >= 2 * size_of::<u64>(), "{}", info.memory);
        assert_eq!(Peer::from(&watched).info().map(|info| info.monitored_by.len()), Some(2));
    });
}

#[test]
fn p12_of_a_plain_process_nothing_is_set() {
    seeds(5, |simulation| {
        let plain = idler();
        simulation.run_until_idle();
        let info = info(&plain);
        assert_eq!((info.registered_name, info.label, info.dictionary), (None, None, vec![]));
        assert_eq!((info.links, info.monitors, info.monitored_by), (vec![], vec![], vec![]));
        assert_eq!((info.trap_exit, info.priority, info.ancestors), (false, Priority::Normal, vec![]));
        assert_eq!((info.message_queue_len, info.reductions, info.memory), (0, 0, 0));
    });
}

/// Reports its own status in every callback.
struct Mirror(std::sync::mpsc::Sender<Status>);

impl Mirror {
    fn look(&self, cx: &ProcessContext<'_, ()>) {
        let _ = self.0.send(cx.info().expect("it lives").status);
    }
}

impl Process for Mirror {
    type Message = ();

    fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
        self.look(cx);
        Init::Continue
    }

    fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
        self.look(cx);
        Outcome::Stop(ExitReason::Normal)
    }

    fn terminate(&mut self, _: &ExitReason, cx: &mut ProcessContext<'_, ()>) {
        self.look(cx);
    }
}

#[test]
fn p12_the_status_follows_the_life() {
    seeds(20, |simulation| {
        let (report, reports) = channel();
        let mirror = Mirror(report).start().unwrap();
        assert_eq!(info(&mirror).status, Status::Waiting);
        assert!(info(&mirror).initial_call.ends_with("::Mirror"));
        mirror.send(()).unwrap();
        assert_eq!((info(&mirror).status, info(&mirror).message_queue_len), (Status::Runnable, 1));
        simulation.run_until_idle();
        let seen: Vec<_> = reports.try_iter().collect();
        assert_eq!(seen, [Status::Starting, Status::Running, Status::Exiting]);
        assert_eq!(Peer::from(&mirror).info(), None, "P12: none if dead");
        assert_eq!(Peer::from(mirror.pid()).info(), None);
    });
}

#[test]
fn p1_5_info_is_ordered_behind_the_callers_own_signals() {
    seeds(20, |_| {
        let here = here::<()>();
        let target = mortal();
        here.link(&target).unwrap();
        assert_eq!(info(&target).links, [here.pid()]);
        let monitor = here.monitor(&target);
        assert_eq!(info(&target).monitored_by, [here.pid()]);
        here.unlink(&target);
        here.demonitor(monitor);
        target.send(ExitReason::Normal).unwrap();
        let seen = info(&target);
        assert_eq!((seen.links, seen.monitored_by, seen.message_queue_len), (vec![], vec![], 1));
        target.exit(ExitReason::Kill);
        assert_eq!(Peer::from(&target).info(), None);
    });
}

#[test]
fn p12_reductions_count_what_was_handled() {
    struct Nothing;
    impl Process for Nothing {
        type Message = u8;
        fn handle(&mut self, _: u8, _: &mut ProcessContext<'_, u8>) -> Outcome {
            Outcome::Continue
        }
    }
    seeds(50, |simulation| {
        let process = Nothing.start().unwrap();
        let here = here::<u8>();
        for n in 0..20 {
            process.send(n).unwrap();
            here.me().send(n).unwrap();
        }
        simulation.run_until_idle();
        assert_eq!((info(&process).reductions, info(&process).message_queue_len), (20, 0));
        while here.try_receive().is_some() {}
        assert_eq!(info(here.me()).reductions, 20);
    });
}

#[test]
fn p12_a_body_at_rest_with_work_in_hand_shows_it_as_queued() {
    struct Nothing;
    impl Process for Nothing {
        type Message = u8;
        fn handle(&mut self, _: u8, cx: &mut ProcessContext<'_, u8>) -> Outcome {
            cx.me().send(0).ok();
            Outcome::Continue
        }
    }
    seeds(50, |simulation| {
        let process = Nothing.start().unwrap();
        (0..10).for_each(|n| process.send(n).unwrap());
        // A chain of slices without end: look in between.
        let looker = spawn(|own: Mailbox<()>| async move { own.receive().await });
        looker.send(()).unwrap();
        while looker.is_alive() {
            simulation.run_for_one();
            let seen = info(&process);
            assert_eq!(seen.message_queue_len, 10, "each one handled sends another");
        }
        process.exit(ExitReason::Kill);
    });
}

/// One slice at a time.
trait RunForOne {
    fn run_for_one(&self);
}

impl RunForOne for genstage_core::Simulation {
    fn run_for_one(&self) {
        let here = ThreadProcess::<()>::aside().unwrap();
        let me = here.me().clone();
        spawn(move |_: Mailbox<()>| async move { me.send(()).map_err(|_| "gone") });
        here.receive(None);
    }
}

fn family(depth: u32, report: std::sync::mpsc::Sender<(Pid, Vec<Pid>)>) {
    spawn(move |own: Mailbox<()>| async move {
        let ancestors = own.info().unwrap().ancestors;
        report.send((own.pid(), ancestors.iter().map(|ancestor| ancestor.pid).collect())).unwrap();
        if depth > 0 {
            family(depth - 1, report);
        }
    });
}

#[test]
fn p2_4_ancestors_come_with_the_parent_first_and_outlive_it() {
    seeds(20, |simulation| {
        let (report, reports) = channel();
        family(3, report);
        simulation.run_until_idle();
        let mut expected = Vec::new();
        for (pid, ancestors) in reports.try_iter() {
            assert_eq!(ancestors, expected);
            expected.insert(0, pid);
        }
        assert_eq!(expected.len(), 4);
    });
}

#[test]
fn p2_4_an_endless_chain_of_successors_remembers_the_nearest() {
    seeds(2, |simulation| {
        let (report, reports) = channel();
        family(200, report);
        simulation.run_until_idle();
        let all: Vec<_> = reports.try_iter().collect();
        let (last, before) = all.split_last().unwrap();
        let nearest: Vec<_> = before.iter().rev().take(32).map(|(pid, _)| *pid).collect();
        assert_eq!(last.1, nearest);
    });
}

#[test]
fn p2_4_an_ancestor_is_shown_with_its_name() {
    seeds(5, |_| {
        let here = here::<()>();
        let parents = || info(&idler()).ancestors.iter().map(|ancestor| ancestor.name.clone()).collect::<Vec<_>>();
        assert_eq!(parents(), [None]);
        register("parent", here.me()).unwrap();
        assert_eq!(parents(), [Some("parent".into())]);
        assert!(unregister("parent"));
        assert_eq!(parents(), [None]);
    });
}

#[test]
fn p13_all_processes_are_listed_in_the_order_of_their_pids() {
    seeds(5, |simulation| {
        assert_eq!(processes(), []);
        let all: Vec<_> = (0..50).map(|_| idler()).collect();
        assert_eq!(processes(), all.iter().map(genstage_core::Address::pid).collect::<Vec<_>>());
        all[7].exit(ExitReason::Kill);
        assert_eq!(processes().len(), 50, "P3.4: it is exiting, and still listed");
        assert!(!all[7].is_alive());
        simulation.run_until_idle();
        assert_eq!(processes().len(), 49);
    });
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let idler = idler();
    assert_eq!((runtime.processes(), processes()), (vec![idler.pid()], vec![idler.pid()]));
}

/// Cannot be shown to its end.
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("thr")?;
        Err(std::fmt::Error)
    }
}

#[test]
fn p13_a_label_can_be_set_again_and_read() {
    seeds(5, |_| {
        let here = here::<()>();
        assert_eq!(here.get_label(), None);
        here.set_label(1);
        here.set_label("two");
        assert_eq!(here.get_label().as_deref(), Some("two"));
        assert_eq!(info(here.me()).label.as_deref(), Some("two"));
        here.set_label(Cut);
        assert_eq!(here.get_label().as_deref(), Some("thr"));
    });
}

#[test]
fn p13_hibernation_gives_memory_back_and_ends_with_the_next_message() {
    struct Sleepy(u64);
    impl Process for Sleepy {
        type Message = u64;
        fn handle(&mut self, n: u64, cx: &mut ProcessContext<'_, u64>) -> Outcome {
            self.0 += 1;
            if n == 0 {
                cx.hibernate();
            }
            Outcome::Continue
        }
    }
    seeds(20, |simulation| {
        let sleepy = Sleepy(0).start().unwrap();
        (1..=1000).for_each(|n| sleepy.send(n).unwrap());
        simulation.run_until_idle();
        assert!(info(&sleepy).memory >= 1000 * size_of::<u64>());
        // What waits behind the request is handled as ever.
        for n in [0, 1, 2] {
            sleepy.send(n).unwrap();
        }
        simulation.run_until_idle();
        assert_eq!((info(&sleepy).memory, info(&sleepy).reductions), (0, 1003));
        sleepy.send(1).unwrap();
        simulation.run_until_idle();
        assert_eq!(info(&sleepy).reductions, 1004);
        assert!(info(&sleepy).memory > 0, "it lasts until the next message");
    });
}

#[test]
fn p13_a_future_hibernates_too() {
    seeds(20, |simulation| {
        let future = spawn(|own: Mailbox<u64>| async move {
            for _ in 0..1000 {
                own.receive().await;
            }
            own.hibernate();
            own.receive().await;
        });
        (0..1000).for_each(|n| future.send(n).unwrap());
        simulation.run_until_idle();
        assert_eq!(info(&future).memory, 0);
        future.send(1).unwrap();
        simulation.run_until_idle();
        assert_eq!(future.exit_reason(), Some(ExitReason::Normal));
    });
}

#[test]
fn p12_a_debug_form_that_panics_harms_nobody() {
    #[derive(Clone)]
    struct Shy;
    impl std::fmt::Debug for Shy {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            std::panic::resume_unwind(Box::new("shy"))
        }
    }
    seeds(5, |_| {
        let here = here::<()>();
        here.put(Shy);
        assert_eq!(info(here.me()).dictionary[0].1, "(its debug form panicked)");
        assert!(here.delete::<Shy>().is_some());
    });
}

#[test]
fn p12_a_stuck_process_can_be_looked_at() {
    struct Stuck(std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>);
    impl Process for Stuck {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            let _ = self.1.send(());
            let _ = self.0.recv();
            Outcome::Continue
        }
    }
    let (open, door) = channel();
    let (entered, inside) = channel();
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let stuck = start(Stuck(door, entered), StartOptions::new().name("stuck")).unwrap();
    stuck.send(()).unwrap();
    inside.recv().unwrap();
    stuck.send(()).unwrap();
    let seen = info(&Name::from("stuck"));
    assert_eq!((seen.status, seen.message_queue_len, seen.reductions), (Status::Running, 1, 1));
    drop(open);
    let here = here::<()>();
    stuck.exit(other("x"));
    here.monitor(&stuck);
    assert!(here.receive(Some(Duration::from_secs(20))).is_some());
}

/// Read without asking it, by its type, and gone with who holds it.
#[test]
fn what_a_process_shows_is_found_as_long_as_it_holds_it() {
    seeds(20, |simulation| {
        let (let_go, told) = (Arc::new("shown".to_owned()), channel::<()>());
        let thing = Arc::clone(&let_go);
        let keeper = spawn(move |own: Mailbox<bool>| async move {
            own.show(&Arc::new(0_u8));
            own.show(&thing);
            own.receive().await;
            drop(thing);
            let _ = told.0.send(());
            own.receive().await;
        });
        let peer = Peer::from(&keeper);
        assert_eq!(peer.shown::<String>(), None);
        simulation.run_until_idle();
        assert_eq!(peer.shown::<String>().as_deref().map(String::as_str), Some("shown"));
        assert_eq!(peer.shown::<u8>(), None, "one thing at a time");
        drop(let_go);
        keeper.send(true).unwrap();
        simulation.run_until_idle();
        assert!(told.1.try_recv().is_ok() && peer.shown::<String>().is_none());
        peer.exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(peer.shown::<String>(), None);
    });
}

//! How supervisors start (S1.3 to S1.5, S2, S3.4).

mod common;
mod tree;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::{exit, here, mortal, other, seeds};
use genstage_core::{
    Address, AutoShutdown, CallError, ChildSpec, ChildState, ExitReason, FailedToStartChild, Init, InvalidSupervisor,
    Mailbox, Name, Outcome, Peer, Process, ProcessContext, Restart, Runtime, StartChildError, StartError, StartOptions,
    Strategy, Supervise, Supervisor, SupervisorRef, ThreadProcess, current_pid, register, spawn, spawn_link, whereis,
};
use tree::{Journal, Script, end, failure, scripted, start, worker};

fn one_for_one() -> Supervisor {
    Supervisor::new(Strategy::OneForOne)
}

fn nobody_has_died(here: &ThreadProcess<()>) {
    assert!(here.try_receive().is_none(), "a stray exit");
}

#[test]
fn s2_1_children_start_in_order_inside_the_supervisor_before_start_link_returns() {
    seeds(50, |_| {
        let journal = Journal::default();
        let (ids, seen) = channel();
        let watcher = ChildSpec::new("watcher", move || {
            ids.send(current_pid()).unwrap();
            Ok(spawn_link(|mailbox: Mailbox<()>| async move { mailbox.receive().await }))
        });
        let sup = one_for_one().child(worker("a", &journal)).child(watcher).child(worker("b", &journal));
        let sup = sup.start_link().unwrap();
        assert_eq!(journal.take(), "+a +b");
        assert_eq!(seen.try_recv().unwrap(), Some(sup.pid()));
        let ids: Vec<_> = sup.which_children().unwrap().into_iter().map(|child| child.id.to_string()).collect();
        assert_eq!(ids, ["b", "watcher", "a"], "which_children: in reverse start order");
    });
}

#[test]
fn s2_2_a_child_that_ignores_its_start_is_kept_unless_temporary() {
    seeds(20, |simulation| {
        let journal = Journal::default();
        let ignoring = |id| {
            let script = Script::default();
            script.next(Err(StartError::Ignore));
            scripted(id, &journal, &script)
        };
        let children = [ignoring("a"), ignoring("b").restart(Restart::Temporary), worker("c", &journal)];
        let (sup, handles) = start(one_for_one(), children);
        simulation.run_until_idle();
        let states: Vec<_> = sup.which_children().unwrap().into_iter().map(|c| (c.id.to_string(), c.state)).collect();
        let running = ChildState::Running(handles[2].get().unwrap().pid());
        assert_eq!(states, [("c".to_owned(), running), ("a".to_owned(), ChildState::Stopped)]);
        assert!(handles[0].get().is_none());
        assert!(sup.restart_child("a").unwrap().is_some(), "the next start goes well");
    });
}

#[test]
fn s2_2_a_child_that_is_not_linked_is_linked_by_the_supervisor() {
    seeds(50, |simulation| {
        let loose = ChildSpec::new("loose", || Ok(mortal()));
        let handle = loose.handle();
        let sup = one_for_one().child(loose).start_link().unwrap();
        let first = handle.get().unwrap();
        first.send(other("x")).unwrap();
        simulation.run_until_idle();
        let second = handle.get().unwrap();
        assert_ne!(first.pid(), second.pid());
        sup.stop().unwrap();
        assert_eq!(second.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s2_2_a_child_that_ends_while_it_starts_is_heard_of_once_and_with_its_reason() {
    seeds(50, |simulation| {
        let (started, starts) = channel();
        let brief = ChildSpec::new("brief", move || {
            started.send(()).unwrap();
            let child = spawn_link(|_: Mailbox<()>| async { ExitReason::Normal });
            let here = ThreadProcess::<()>::aside()?;
            here.monitor(&child);
            here.receive(None);
            Ok(child)
        });
        let sup = one_for_one().child(brief.restart(Restart::Transient)).start_link().unwrap();
        simulation.run_until_idle();
        assert_eq!(sup.which_children().unwrap()[0].state, ChildState::Stopped);
        assert_eq!(starts.try_iter().count(), 1);
    });
}

#[test]
fn s2_2_a_start_function_must_give_a_process_of_its_own() {
    seeds(20, |simulation| {
        let shared = mortal();
        let (first, second) = (shared.clone(), shared.clone());
        let twins = one_for_one()
            .child(ChildSpec::new("first", move || Ok(first.clone())))
            .child(ChildSpec::new("second", move || Ok(second.clone())));
        let error = twins.start_link().unwrap_err();
        assert_eq!(FailedToStartChild::of(&error).unwrap().id, "second".into());
        simulation.run_until_idle();
        assert_eq!(shared.exit_reason(), Some(ExitReason::Shutdown), "the first was stopped again");
        let itself = ChildSpec::new("itself", || Ok(Peer::from(current_pid().unwrap())));
        let error = one_for_one().child(itself).start_link().unwrap_err();
        assert_eq!(FailedToStartChild::of(&error).unwrap().id, "itself".into());
    });
}

/// A handle of nobody carries the pid of the world outside, which is the parent of what a plain thread starts.
#[test]
fn s2_2_a_handle_that_finds_nobody_is_a_failed_start() {
    seeds(20, |simulation| {
        let sup = one_for_one().start_link().unwrap();
        let nobody = ChildSpec::new("nobody", || Ok(Peer::from(&Name::from("nobody has this"))));
        let failed = StartError::Init(ExitReason::NoProc);
        assert_eq!(sup.start_child(nobody).err(), Some(StartChildError::Start(failed)));
        simulation.run_until_idle();
        assert_eq!(sup.which_children(), Ok(vec![]), "and the supervisor lives");
    });
}

#[test]
fn s2_3_those_before_a_failed_child_are_stopped_in_reverse_and_nothing_is_left() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let journal = Journal::default();
        let broken = Script::default();
        broken.fail(1);
        let sup = one_for_one().name("tree").children([
            worker("a", &journal),
            worker("b", &journal),
            scripted("c", &journal, &broken),
            worker("d", &journal),
        ]);
        let error = sup.start_link().unwrap_err();
        let failed = FailedToStartChild { id: "c".into(), error: failure() };
        assert_eq!(error, StartError::Init(ExitReason::shutdown_with(failed.clone())));
        assert_eq!(FailedToStartChild::of(&error), Some(&failed));
        assert_eq!(journal.take(), "+a +b ?c -b -a", "and no restart of any kind");
        assert_eq!(whereis("tree"), None);
        simulation.run_until_idle();
        nobody_has_died(&here);
    });
}

#[test]
fn s2_3_a_caller_that_does_not_trap_exits_ends_with_the_start() {
    seeds(50, |simulation| {
        let caller = spawn(|mailbox: Mailbox<()>| async move {
            let broken = Script::default();
            broken.fail(1);
            let _ = one_for_one().child(scripted("a", &Journal::default(), &broken)).start_link();
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        let failed = FailedToStartChild { id: "a".into(), error: failure() };
        assert_eq!(caller.exit_reason(), Some(ExitReason::shutdown_with(failed)));
    });
}

#[test]
fn s2_2_a_start_function_that_panics_is_a_failed_start() {
    seeds(20, |_| {
        let journal = Journal::default();
        let bomb = ChildSpec::new("bomb", || -> Result<Address<()>, StartError> { panic!("boom") });
        let error = one_for_one().child(worker("a", &journal)).child(bomb).start_link().unwrap_err();
        let failed = FailedToStartChild::of(&error).unwrap();
        assert!(matches!(&failed.error, StartError::Init(ExitReason::Panic(panic)) if panic.message() == "boom"));
        assert_eq!(journal.take(), "+a -a");
    });
}

#[test]
fn s2_5_the_name_is_taken_before_children_start() {
    seeds(20, |_| {
        let (names, seen) = channel();
        let child = ChildSpec::new("child", move || {
            names.send((whereis("tree"), current_pid())).unwrap();
            Ok(mortal())
        });
        let sup = one_for_one().name("tree").child(child).start_link().unwrap();
        assert_eq!(seen.try_recv().unwrap(), (Some(sup.pid()), Some(sup.pid())));
        assert_eq!(SupervisorRef::find("tree").unwrap().pid(), sup.pid());
        sup.stop().unwrap();
        assert_eq!(whereis("tree"), None);
    });
}

#[test]
fn g1_3_a_name_that_is_taken_starts_nothing() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let journal = Journal::default();
        let holder = mortal();
        register("tree", &holder).unwrap();
        let error = one_for_one().name("tree").child(worker("a", &journal)).start_link().unwrap_err();
        assert_eq!(error, StartError::AlreadyStarted(holder.pid()));
        assert_eq!(journal.take(), "");
        simulation.run_until_idle();
        nobody_has_died(&here);
        here.trap_exit(false);
        assert!(one_for_one().name("tree").start_link().is_err());
        simulation.run_until_idle();
        assert!(here.me().is_alive(), "it has ended normally");
    });
}

#[test]
fn s2_6_a_supervisor_without_children_lives() {
    seeds(20, |simulation| {
        let sup = one_for_one().start_link().unwrap();
        simulation.run_for(Duration::from_secs(3600));
        assert!(sup.is_alive());
        assert_eq!(sup.count_children().unwrap().specs, 0);
    });
}

#[test]
fn s1_4_what_cannot_be_is_told_at_the_start_and_starts_nothing() {
    seeds(10, |_| {
        let here = here::<()>();
        let journal = Journal::default();
        let a = || worker("a", &journal);
        let wrong = [
            (one_for_one().child(a()).max_seconds(0), InvalidSupervisor::NoSeconds),
            (one_for_one().child(a()).child(a()), InvalidSupervisor::DuplicateChild("a".into())),
            (
                one_for_one().child(worker("b", &journal)).child(a().significant().restart(Restart::Transient)),
                InvalidSupervisor::SignificantWithoutAutoShutdown("a".into()),
            ),
            (
                one_for_one().auto_shutdown(AutoShutdown::AnySignificant).child(a().significant()),
                InvalidSupervisor::SignificantPermanent("a".into()),
            ),
        ];
        for (sup, fault) in wrong {
            let error = sup.name("wrong").start_link().unwrap_err();
            assert_eq!(InvalidSupervisor::of(&error), Some(&fault));
            assert_eq!(whereis("wrong"), None);
        }
        assert_eq!(journal.take(), "");
        assert!(here.me().is_alive(), "an error is enough");
    });
}

struct Tree {
    wanted: bool,
    journal: Journal,
}

impl Supervise for Tree {
    fn init(&self) -> Option<Supervisor> {
        self.wanted.then(|| one_for_one().name("own").child(worker("a", &self.journal)))
    }
}

#[test]
fn s1_5_a_type_of_its_own_may_decline() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let journal = Journal::default();
        let tree = |wanted| Tree { wanted, journal: journal.clone() };
        assert_eq!(tree(false).start_link().unwrap_err(), StartError::Ignore);
        assert_eq!(whereis("own"), None);
        simulation.run_until_idle();
        nobody_has_died(&here);
        let sup = tree(true).start_link().unwrap();
        assert_eq!((whereis("own"), journal.take()), (Some(sup.pid()), "+a".to_owned()));
        sup.stop().unwrap();
        assert_eq!(exit(&here).reason, ExitReason::Normal);

        let outer = one_for_one().child(tree(false).child_spec("inner")).start_link().unwrap();
        assert_eq!(outer.which_children().unwrap()[0].state, ChildState::Stopped);
    });
}

#[test]
fn s1_5_an_init_that_panics_is_a_failed_start() {
    struct Broken;
    impl Supervise for Broken {
        fn init(&self) -> Option<Supervisor> {
            panic!("boom")
        }
    }
    seeds(10, |_| {
        let error = Broken.start_link().unwrap_err();
        assert!(matches!(error, StartError::Init(ExitReason::Panic(panic)) if panic.message() == "boom"));
    });
}

#[test]
fn d13_a_supervisor_is_a_child_with_no_limit_to_stop_and_starts_its_own_children_again() {
    seeds(100, |simulation| {
        let journal = Journal::default();
        let leaf = worker("leaf", &journal);
        let handle = leaf.handle();
        let inner = Supervisor::new(Strategy::OneForAll).child(worker("first", &journal)).child(leaf);
        let spec = inner.child_spec("inner");
        let inner = spec.handle();
        let sup = one_for_one().child(worker("a", &journal)).child(spec).start_link().unwrap();
        assert_eq!(journal.take(), "+a +first +leaf");
        let plan = sup.get_childspec("inner").unwrap().unwrap();
        assert_eq!(plan.shutdown(), genstage_core::Shutdown::Infinity);
        assert_eq!(plan.child_type(), genstage_core::ChildType::Supervisor);
        let before = (inner.get().unwrap(), handle.get().unwrap());
        Peer::from(&before.0).exit(ExitReason::Kill);
        simulation.run_until_idle();
        let after = (inner.get().unwrap(), handle.get().unwrap());
        assert_ne!((before.0.pid(), before.1.pid()), (after.0.pid(), after.1.pid()));
        assert_eq!(before.1.exit_reason(), Some(ExitReason::Killed));
        assert!(before.1.send(other("late")).is_err(), "the old handle says so");
        journal.take();
        sup.stop().unwrap();
        assert_eq!(journal.take(), "-leaf -first -a");
    });
}

#[test]
fn s3_4_the_end_of_the_parent_ends_the_supervisor_also_a_normal_one() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, other("x"), ExitReason::Killed] {
        seeds(30, |simulation| {
            let journal = Journal::default();
            let (report, sups) = channel();
            let mine = journal.clone();
            let parent = spawn(move |mailbox: Mailbox<ExitReason>| async move {
                let sup = one_for_one().child(worker("a", &mine)).child(worker("b", &mine)).start_link();
                report.send(sup.unwrap()).unwrap();
                mailbox.receive().await
            });
            simulation.run_until_idle();
            let sup = sups.try_recv().unwrap();
            parent.send(reason.clone()).unwrap();
            simulation.run_until_idle();
            assert_eq!(sup.exit_reason(), Some(reason.clone()));
            assert_eq!(journal.take(), "+a +b -b -a");
        });
    }
}

#[test]
fn s3_4_without_a_process_for_a_parent_an_exit_from_outside_ends_it() {
    seeds(30, |simulation| {
        let (sup, _) = start(one_for_one(), [worker("a", &Journal::default())]);
        Peer::from(&sup).exit(ExitReason::Shutdown);
        simulation.run_until_idle();
        assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s3_4_exits_of_strangers_are_ignored() {
    seeds(50, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let (sup, _) = start(one_for_one(), [worker("a", &Journal::default())]);
        let linked = Peer::from(&sup);
        let stranger = spawn(move |mailbox: Mailbox<ExitReason>| async move {
            mailbox.link(&linked).unwrap();
            mailbox.receive().await
        });
        simulation.run_until_idle();
        stranger.send(other("x")).unwrap();
        simulation.run_until_idle();
        let victim = Peer::from(&sup);
        spawn(move |_: Mailbox<()>| async move { victim.exit(ExitReason::Shutdown) });
        simulation.run_until_idle();
        assert!(sup.is_alive());
        assert_eq!(sup.count_children().unwrap().active, 1);
    });
}

/// Calls the supervisor that starts it.
struct Nosy(&'static str);

impl Process for Nosy {
    type Message = ();

    fn init(&mut self, _: &mut ProcessContext<'_, ()>) -> Init {
        let sup = SupervisorRef::find(self.0).expect("S2.5");
        assert_eq!(sup.which_children(), Err(CallError::CallingSelf));
        assert_eq!(sup.stop(), Err(genstage_core::StopError::CallingSelf));
        Init::Continue
    }

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        Outcome::Continue
    }
}

#[test]
fn s2_1_a_call_to_the_supervisor_from_a_start_is_an_error_not_a_deadlock() {
    seeds(20, |_| {
        let child = ChildSpec::new("nosy", || {
            let sup = SupervisorRef::find("busy").expect("S2.5");
            assert_eq!(sup.count_children(), Err(CallError::CallingSelf));
            Nosy("busy").start_link()
        });
        let inner = one_for_one().child(ChildSpec::new("deep", || Nosy("busy").start_link()));
        // Its `init` runs on another thread than the start.
        let limit = StartOptions::new().link().timeout(Duration::from_secs(1));
        let limited = ChildSpec::new("limited", move || genstage_core::start(Nosy("busy"), limit.clone()));
        let sup = one_for_one().name("busy").child(child).child(inner.child_spec("inner")).child(limited);
        let sup = sup.start_link().unwrap();
        assert_eq!(sup.count_children().unwrap().active, 3, "and afterwards it answers");
    });
}

#[test]
fn s2_3_on_threads_a_failed_start_within_a_callback_needs_no_second_seat() {
    struct Starter(std::sync::mpsc::Sender<String>);
    impl Process for Starter {
        type Message = ();
        fn handle(&mut self, (): (), cx: &mut ProcessContext<'_, ()>) -> Outcome {
            cx.trap_exit(true);
            let journal = Journal::default();
            let broken = Script::default();
            broken.fail(1);
            let inner = one_for_one().child(worker("b", &journal)).child(scripted("c", &journal, &broken));
            let sup = one_for_one().child(worker("a", &journal)).child(inner.child_spec("inner"));
            let error = sup.start_link().unwrap_err();
            let inner = FailedToStartChild::of(&error).expect("inner");
            assert_eq!(FailedToStartChild::of(&inner.error).expect("c").error, failure());
            self.0.send(journal.take()).unwrap();
            Outcome::Continue
        }
    }
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let (report, reports) = channel();
    let starter = Starter(report).start().unwrap();
    starter.send(()).unwrap();
    assert_eq!(reports.recv().unwrap(), "+a +b ?c -b -a");
}

#[test]
fn s2_1_on_threads_a_tree_starts_heals_and_stops() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let journal = Journal::default();
    let leaf = worker("leaf", &journal);
    let handle = leaf.handle();
    let sup = one_for_one().child(one_for_one().child(leaf).child_spec("inner")).start_link().unwrap();
    for _ in 0..3 {
        let here = here::<()>();
        let before = handle.get().unwrap();
        here.monitor(&before);
        end(&handle, other("x"));
        common::down(&here);
        while handle.get().is_none() {
            std::thread::yield_now();
        }
        assert_ne!(handle.get().unwrap().pid(), before.pid());
    }
    sup.stop().unwrap();
    assert_eq!(journal.take(), "+leaf !leaf +leaf !leaf +leaf !leaf +leaf -leaf");
    assert_eq!(runtime.shutdown(Duration::from_secs(5)), []);
}

#[test]
fn s3_4_a_runtime_that_shuts_down_ends_its_trees_in_order() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let inside = runtime.enter();
    let inner = one_for_one().child(ChildSpec::new("leaf", || Ok(mortal())));
    let sup = one_for_one().child(inner.child_spec("inner")).start_link().unwrap();
    drop(inside);
    assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
    assert_eq!(sup.exit_reason(), Some(ExitReason::Shutdown));
}

#[test]
fn starts_within_starts_end_with_an_error_before_the_stack_does() {
    fn nested() -> Result<SupervisorRef, StartError> {
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::new("inner", nested).supervisor()).start_link()
    }
    seeds(1, |_| {
        let mut error = nested().unwrap_err();
        let mut depth = 0;
        while let Some(failed) = FailedToStartChild::of(&error) {
            error = failed.error.clone();
            depth += 1;
        }
        assert!(matches!(error, StartError::TooDeep), "{error:?}");
        assert!(depth > 50, "{depth}");
    });
}

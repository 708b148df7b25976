//! Ends of children and its own (D10 to D13).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::children::*;
use crate::common::{exit, here, other, seeds};
use genstage_core::{
    CallError, ChildSpec, ChildType, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef, ExitReason, Init, Mail,
    Mailbox, Outcome, Process, ProcessContext, Restart, Runtime, Shutdown, Signal, StartDynamicChildError,
    StartOptions, StopError, TerminateChildError, ThreadProcess, registered, spawn, spawn_with,
};

#[test]
fn d10_terminate_child_waits_until_it_is_gone_and_does_not_restart_it() {
    seeds(50, |simulation| {
        let sup = empty();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        assert_eq!(sup.terminate_child(child.pid()), Ok(()));
        assert_eq!(child.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(sup.terminate_child(child.pid()), Err(TerminateChildError::NotFound));
        assert_eq!(sup.terminate_child(sup.pid()), Err(TerminateChildError::NotFound));
        simulation.run_until_idle();
        assert_eq!((starter.calls(), counts(&sup)), (1, [0; 4]));
    });
}

#[test]
fn d10_it_stops_a_child_as_its_specification_says() {
    let secs = Duration::from_secs;
    let cases = [
        (Shutdown::BrutalKill, Duration::ZERO, ExitReason::Killed),
        (Shutdown::Within(secs(2)), secs(2), ExitReason::Killed),
        (Shutdown::Within(secs(20)), secs(10), ExitReason::Shutdown),
        (Shutdown::Infinity, secs(10), ExitReason::Shutdown),
    ];
    for (shutdown, time, reason) in cases {
        seeds(20, |simulation| {
            let sup = empty();
            let child = sup.start_child(ChildSpec::new("slow", move || slow(secs(10))).shutdown(shutdown)).unwrap();
            simulation.run_until_idle();
            assert_eq!(sup.terminate_child(child.pid()), Ok(()));
            assert_eq!((simulation.now(), child.exit_reason()), (time, Some(reason.clone())), "{shutdown:?}");
        });
    }
}

#[test]
fn d10_children_are_counted_by_their_kind() {
    seeds(20, |simulation| {
        let sup = empty();
        let nested = sup.start_child(DynamicSupervisor::new().child_spec()).unwrap();
        let worker = nested.start_child(spec()).unwrap();
        sup.start_child(DynamicChildSpec::transient(|()| mortal()).supervisor()).unwrap();
        sup.start_child(spec()).unwrap();
        assert_eq!(counts(&sup), [3, 3, 1, 2]);
        let kinds = sup.which_children().unwrap().into_iter().map(|child| (child.child_type, child.restart));
        let mut kinds: Vec<_> = kinds.map(|kind| format!("{kind:?}")).collect();
        kinds.sort();
        assert_eq!(kinds, ["(Supervisor, Permanent)", "(Supervisor, Transient)", "(Worker, Permanent)"]);
        sup.stop().unwrap();
        simulation.run_until_idle();
        assert_eq!(worker.exit_reason(), Some(ExitReason::Shutdown), "the whole tree goes");
    });
}

#[test]
fn d11_all_are_stopped_at_the_same_time() {
    seeds(50, |simulation| {
        let sup = empty();
        let secs = Duration::from_secs;
        let child = |takes, shutdown| {
            let spec = ChildSpec::new("slow", move || slow(secs(takes))).shutdown(shutdown);
            sup.start_child(spec).unwrap()
        };
        let children = [
            child(100, Shutdown::BrutalKill),
            child(100, Shutdown::Within(secs(1))),
            child(100, Shutdown::Within(secs(3))),
            child(2, Shutdown::Within(secs(3))),
            child(4, Shutdown::Infinity),
        ];
        let ends = Arc::new(Mutex::new(Vec::new()));
        for child in children.clone() {
            let ends = Arc::clone(&ends);
            spawn(move |own: Mailbox<()>| async move {
                own.monitor(&child);
                own.receive_signal().await;
                ends.lock().unwrap().push(child.pid());
            });
        }
        simulation.run_until_idle();
        assert_eq!(sup.stop(), Ok(()));
        assert_eq!(simulation.now(), secs(4), "the longest, not the sum");
        simulation.run_until_idle();
        let reasons = children.each_ref().map(|child| child.exit_reason().unwrap());
        let [killed, shutdown] = [ExitReason::Killed, ExitReason::Shutdown];
        assert_eq!(reasons, [killed.clone(), killed.clone(), killed, shutdown.clone(), shutdown]);
        let order = [0, 1, 3, 2, 4].map(|at| children[at].pid());
        assert_eq!(*ends.lock().unwrap(), order);
    });
}

#[test]
fn d11_a_child_whose_callback_never_returns_is_given_up() {
    // On threads, as it blocks one for good.
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let (release, released) = mpsc::channel::<()>();
    let sup = empty();
    let stuck = sup
        .start_child(
            DynamicChildSpec::temporary(move |()| {
                spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<()>| async move {
                    mailbox.receive().await;
                    let _ = released.recv();
                })
            })
            .shutdown(Shutdown::BrutalKill),
        )
        .unwrap();
    stuck.send(()).unwrap();
    while stuck.inbox_len() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(sup.stop(), Ok(()));
    assert_eq!(stuck.exit_reason(), Some(ExitReason::Killed));
    drop(release);
}

#[test]
fn d12_exits_of_strangers_are_ignored() {
    seeds(50, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let sup = empty();
        sup.start_child(spec()).unwrap();
        let (target, reasons) = (sup.clone(), [ExitReason::Normal, ExitReason::Shutdown, other("x")]);
        spawn(move |_: Mailbox<()>| async move {
            for reason in reasons {
                genstage_core::Peer::from(&target).exit(reason);
            }
        });
        simulation.run_until_idle();
        assert_eq!(counts(&sup), [1, 1, 1, 0]);
    });
}

#[test]
fn d12_the_end_of_the_parent_ends_it_whatever_the_reason() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, other("crash"), ExitReason::Killed] {
        seeds(20, |simulation| {
            for at_once in [true, false] {
                let (report, reports) = mpsc::channel();
                let parent = spawn(move |own: Mailbox<ExitReason>| async move {
                    let sup = empty();
                    // G6.2 holds also for a parent that ends before the supervisor has run at all.
                    let child = if at_once { None } else { sup.start_child_async(spec()).await.ok() };
                    let _ = report.send((sup, child));
                    own.receive().await
                });
                parent.send(reason.clone()).unwrap();
                simulation.run_until_idle();
                let (sup, child) = reports.try_recv().unwrap();
                assert_eq!(genstage_core::Peer::from(&sup).exit_reason(), Some(reason.clone()));
                assert!(child.is_none_or(|child| child.exit_reason() == Some(ExitReason::Shutdown)));
            }
        });
    }
}

#[test]
fn d12_the_world_outside_is_the_parent_of_what_a_plain_thread_starts() {
    seeds(20, |simulation| {
        let sup = empty();
        let child = sup.start_child(spec()).unwrap();
        genstage_core::Peer::from(&sup).exit(ExitReason::Shutdown);
        simulation.run_until_idle();
        assert!(!sup.is_alive());
        assert_eq!(child.exit_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn d12_stop_waits_until_it_is_gone_with_the_reason_asked_for() {
    seeds(50, |simulation| {
        let watcher = here::<()>();
        for reason in [ExitReason::Normal, ExitReason::Shutdown, other("x")] {
            watcher.trap_exit(true);
            let sup = DynamicSupervisor::new().name("sup").start_link().unwrap();
            let child = sup.start_child(spec()).unwrap();
            assert_eq!(sup.stop_with(reason.clone(), Duration::from_secs(1)), Ok(()));
            assert_eq!((registered(), exit(&watcher).reason), (vec![], reason));
            assert_eq!(child.exit_reason(), Some(ExitReason::Shutdown));
            assert_eq!(sup.stop(), Err(StopError::NoProc));
        }
        let sup = empty();
        let child = sup.start_child(ChildSpec::new("slow", || slow(Duration::from_secs(4)))).unwrap();
        simulation.run_until_idle();
        assert_eq!(sup.stop_with(ExitReason::Normal, Duration::from_secs(1)), Err(StopError::Timeout));
        assert_eq!((simulation.now(), child.is_alive()), (Duration::from_secs(1), true));
        let killed = genstage_core::Peer::from(&sup);
        spawn(move |own: Mailbox<()>| async move {
            own.sleep(Duration::from_secs(1)).await;
            killed.exit(ExitReason::Kill);
        });
        assert_eq!(sup.stop(), Err(StopError::Ended(ExitReason::Killed)));
    });
}

/// A process whose `init` asks the supervisor that is starting it.
struct Nosy(DynamicSupervisorRef);

impl Process for Nosy {
    type Message = ();

    fn init(&mut self, _cx: &mut ProcessContext<'_, ()>) -> Init {
        assert_eq!(self.0.stop(), Err(StopError::CallingSelf));
        assert_eq!(self.0.count_children(), Err(CallError::CallingSelf));
        Init::Continue
    }

    fn handle(&mut self, (): (), _cx: &mut ProcessContext<'_, ()>) -> Outcome {
        Outcome::Continue
    }
}

#[test]
fn d12_it_cannot_wait_for_itself() {
    seeds(20, |_| {
        let sup = empty();
        let me = sup.clone();
        let started = sup.start_child(DynamicChildSpec::temporary(move |()| {
            assert_eq!(me.stop(), Err(StopError::CallingSelf));
            assert_eq!(me.which_children(), Err(CallError::CallingSelf));
            assert_eq!(me.start_child(spec()).err(), Some(StartDynamicChildError::Call(CallError::CallingSelf)));
            Nosy(me).start_link()
        }));
        assert!(started.is_ok(), "{started:?}");
    });
}

#[test]
fn d12_a_killed_supervisor_takes_its_children_along() {
    seeds(50, |simulation| {
        let sup = empty();
        let child = sup.start_child(spec()).unwrap();
        genstage_core::Peer::from(&sup).exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(child.exit_reason(), Some(ExitReason::Killed));
        assert_eq!(sup.count_children(), Err(CallError::NoProc));
        assert_eq!(sup.terminate_child(child.pid()), Err(TerminateChildError::Call(CallError::NoProc)));
    });
}

#[test]
fn d13_as_a_child_it_is_a_supervisor_without_a_limit() {
    seeds(10, |_| {
        let plan = genstage_core::ChildPlan::from(DynamicSupervisor::new().name("sessions").child_spec());
        assert_eq!((plan.id().to_string().as_str(), plan.child_type()), ("sessions", ChildType::Supervisor));
        assert_eq!((plan.shutdown(), plan.restart()), (Shutdown::Infinity, Restart::Permanent));
        let plan = genstage_core::ChildPlan::from(DynamicSupervisor::with(1).child_spec());
        assert_eq!(plan.id().to_string(), "DynamicSupervisor");
    });
}

#[test]
fn s2_4_calls_wait_without_limit_but_not_for_the_dead() {
    seeds(50, |simulation| {
        let hour = Duration::from_secs(3600);
        let sup = empty();
        let spec = ChildSpec::new("slow", move || slow(hour)).shutdown(Shutdown::Infinity);
        let child = sup.start_child(spec).unwrap();
        simulation.run_until_idle();
        assert_eq!(sup.terminate_child(child.pid()), Ok(()));
        assert_eq!(simulation.now(), hour);

        let child = sup.start_child(ChildSpec::new("slow", move || slow(hour)).shutdown(Shutdown::Infinity)).unwrap();
        simulation.run_until_idle();
        let doomed = genstage_core::Peer::from(&sup);
        spawn(move |own: Mailbox<()>| async move {
            own.sleep(Duration::from_secs(1)).await;
            doomed.exit(ExitReason::Kill);
        });
        let outcome = sup.terminate_child(child.pid());
        assert_eq!(outcome, Err(TerminateChildError::Call(CallError::Down(ExitReason::Killed))));
        assert_eq!(simulation.now(), hour + Duration::from_secs(1));
    });
}

#[test]
fn the_asynchronous_forms_do_the_same() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().max_children(1).start_link().unwrap();
        let (report, reports) = mpsc::channel();
        spawn(move |_: Mailbox<()>| async move {
            let child = sup.start_child_async(spec()).await.unwrap();
            assert_eq!(sup.start_child_async(spec()).await.err(), Some(StartDynamicChildError::MaxChildren));
            assert_eq!(
                sup.start_child_async(spec().significant()).await.err(),
                Some(StartDynamicChildError::Significant)
            );
            assert_eq!(sup.which_children_async().await.unwrap()[0].state.pid(), Some(child.pid()));
            assert_eq!(sup.count_children_async().await.unwrap().active, 1);
            assert_eq!(sup.terminate_child_async(child.pid()).await, Ok(()));
            assert_eq!(sup.terminate_child_async(child.pid()).await, Err(TerminateChildError::NotFound));
            let _ = report.send(());
        });
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(()));
    });
}

/// Several threads start some thousand children, which end by themselves, are terminated, crash and come back.
#[test]
fn on_threads_no_child_is_lost_and_none_stays() {
    const THREADS: u64 = 4;
    const EACH: u64 = 1000;
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let sup = DynamicSupervisor::new().max_restarts(u32::MAX).start_link().unwrap();
    let starts = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let _inside = runtime.enter();
                let here = ThreadProcess::<()>::start().unwrap();
                for turn in 0..EACH {
                    match turn % 4 {
                        0 => {
                            let child = sup.start_child(DynamicChildSpec::temporary(|()| mortal())).unwrap();
                            child.send(ExitReason::Normal).unwrap();
                        }
                        1 => {
                            let child = sup.start_child(spec()).unwrap();
                            assert_eq!(sup.terminate_child(child.pid()), Ok(()));
                        }
                        2 => {
                            let starts = Arc::clone(&starts);
                            let child = sup.start_child(
                                ChildSpec::new("again", move || {
                                    starts.fetch_add(1, Ordering::Relaxed);
                                    mortal()
                                })
                                .restart(Restart::Transient),
                            );
                            child.unwrap().send(other("crash")).unwrap();
                        }
                        _ => {
                            let child = sup.start_child(spec().restart(Restart::Temporary)).unwrap();
                            let monitor = here.monitor(&child);
                            child.exit(ExitReason::Kill);
                            let Some(Mail::Signal(Signal::Down(down))) = here.receive(None) else { unreachable!() };
                            assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Killed));
                        }
                    }
                }
            });
        }
    });
    // What came back stays; the temporary ones go as soon as their ends are heard.
    let expected = usize::try_from(THREADS * EACH / 4).unwrap();
    while counts(&sup)[1] != expected || starts.load(Ordering::Relaxed) != 2 * expected {
        std::thread::yield_now();
    }
    assert_eq!(counts(&sup), [expected, expected, expected, 0]);
    assert_eq!(sup.stop(), Ok(()));
    assert_eq!(runtime.processes(), []);
}

//! The dynamic supervisor (section 8).

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::{down, exit, here, other, seeds};
use genstage_core::{
    Address, CallError, ChildCounts, ChildSpec, ChildType, DynamicChildSpec, DynamicSupervisor, DynamicSupervisorRef,
    ExitReason, Init, InvalidSupervisor, Mail, Mailbox, Name, Outcome, Pid, Process, ProcessContext, Restart, Runtime,
    Shutdown, Signal, Simulation, StartDynamicChildError, StartError, StartOptions, Started, StopError,
    TerminateChildError, ThreadProcess, registered, spawn, spawn_with,
};

type Mortal = Address<ExitReason>;

/// Ends with the reason it is sent.
fn mortal() -> Started<Mortal> {
    spawn_with(StartOptions::new().link(), |mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await })
}

fn spec() -> ChildSpec<Mortal> {
    ChildSpec::new("mortal", mortal)
}

/// Takes this long to end after it is asked to shut down.
fn slow(time: Duration) -> Started<Address<()>> {
    spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<()>| async move {
        mailbox.trap_exit(true);
        mailbox.receive_signal().await;
        mailbox.sleep(time).await;
        ExitReason::Shutdown
    })
}

fn empty() -> DynamicSupervisorRef {
    DynamicSupervisor::new().start_link().unwrap()
}

/// How many: all, running, workers, supervisors.
fn counts(sup: &DynamicSupervisorRef) -> [usize; 4] {
    let ChildCounts { specs, active, workers, supervisors, .. } = sup.count_children().unwrap();
    [specs, active, workers, supervisors]
}

fn pids(sup: &DynamicSupervisorRef) -> Vec<Option<Pid>> {
    let mut pids: Vec<_> = sup.which_children().unwrap().into_iter().map(|child| child.state.pid()).collect();
    pids.sort();
    pids
}

fn end(simulation: &Simulation, child: &Mortal, reason: ExitReason) {
    child.send(reason).unwrap();
    simulation.run_until_idle();
}

/// A start function that counts its calls, keeps the last child it started, and fails or not as the switch says.
#[derive(Clone, Default)]
struct Starter {
    calls: Arc<AtomicUsize>,
    failing: Arc<Mutex<Option<StartError>>>,
    last: Arc<Mutex<Option<Mortal>>>,
}

impl Starter {
    fn start(&self) -> Started<Mortal> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = self.failing.lock().unwrap().clone() {
            return Err(error);
        }
        let child = mortal()?;
        *self.last.lock().unwrap() = Some(child.clone());
        Ok(child)
    }

    fn spec(&self) -> ChildSpec<Mortal> {
        let starter = self.clone();
        ChildSpec::new("starter", move || starter.start())
    }

    fn fail(&self, error: Option<StartError>) {
        *self.failing.lock().unwrap() = error;
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn last(&self) -> Mortal {
        self.last.lock().unwrap().clone().unwrap()
    }
}

/// Tells when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn d1_it_starts_empty_and_stays_alive() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().name("sup").start_link().unwrap();
        simulation.run_for(Duration::from_secs(3600));
        assert!(sup.is_alive());
        assert_eq!((counts(&sup), pids(&sup)), ([0; 4], vec![]));
        assert_eq!(Name::from("sup").pid(), Some(sup.pid()));
        let second = DynamicSupervisor::new().name("sup").start_link();
        assert_eq!(second.err(), Some(StartError::AlreadyStarted(sup.pid())));
    });
}

#[test]
fn d1_a_wrong_option_is_a_start_error_that_names_it() {
    seeds(5, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let wrong = DynamicSupervisor::new().max_seconds(0).name("sup").start_link();
        assert_eq!(wrong.err(), Some(StartError::Init(ExitReason::other(InvalidSupervisor::NoSeconds))));
        assert_eq!((registered(), here.try_receive().is_none()), (vec![], true));
    });
}

#[test]
fn d1_it_is_found_by_name_with_the_type_of_its_extra_argument() {
    seeds(20, |_| {
        let sup = DynamicSupervisor::with(7_u8).name("sup").start_link().unwrap();
        assert_eq!(DynamicSupervisorRef::<u8>::find("sup").map(|found| found.pid()), Some(sup.pid()));
        assert!(DynamicSupervisorRef::<u16>::find("sup").is_none());
        assert!(DynamicSupervisorRef::<u8>::find("pus").is_none());
    });
}

#[test]
fn d2_a_wrong_specification_is_refused_in_the_caller_even_for_a_dead_supervisor() {
    seeds(20, |_| {
        let sup = empty();
        sup.stop().unwrap();
        assert_eq!(sup.start_child(spec().significant()).err(), Some(StartDynamicChildError::Significant));
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::Call(CallError::NoProc)));
    });
}

#[test]
fn d3_an_id_may_be_used_many_times() {
    seeds(50, |_| {
        let sup = empty();
        let mut started: Vec<_> = (0..5).map(|_| Some(sup.start_child(spec()).unwrap().pid())).collect();
        started.sort();
        assert_eq!(pids(&sup), started);
    });
}

#[test]
fn d4_a_start_gives_the_handle_of_the_child() {
    seeds(50, |simulation| {
        let sup = empty();
        let (report, reports) = mpsc::channel();
        let echo = sup.start_child(ChildSpec::new("echo", move || {
            let report = report.clone();
            spawn_with(StartOptions::new().link(), move |mailbox: Mailbox<u32>| async move {
                loop {
                    let _ = report.send(mailbox.receive().await);
                }
            })
        }));
        echo.unwrap().send(7).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(7));
        assert_eq!(counts(&sup), [1, 1, 1, 0]);
    });
}

#[test]
fn d4_a_start_that_fails_is_passed_on_and_leaves_nothing() {
    seeds(50, |_| {
        let here = here::<()>();
        here.trap_exit(true);
        let sup = empty();
        let holder =
            spawn_with(StartOptions::new().name("taken"), |own: Mailbox<()>| async move { own.receive().await });
        let taken = StartError::AlreadyStarted(holder.unwrap().pid());
        let failed = StartError::Init(other("no"));
        for error in [failed.clone(), taken, StartError::Ignore] {
            let starter = Starter::default();
            starter.fail(Some(error.clone()));
            assert_eq!(sup.start_child(starter.spec()).err(), Some(StartDynamicChildError::Start(error)));
        }
        let (told, no) = (failed.clone(), failed);
        let temporary = sup.start_child(DynamicChildSpec::temporary(move |()| Started::<Mortal>::Err(no)));
        assert_eq!(temporary.err(), Some(StartDynamicChildError::Start(told)));
        assert_eq!((counts(&sup), here.try_receive().is_none()), ([0; 4], true));
    });
}

#[test]
fn d4_a_panic_in_a_start_function_is_an_error() {
    seeds(50, |_| {
        let sup = empty();
        let bad = |(): &()| -> Started<Mortal> { panic!("boom") };
        let errors = [
            sup.start_child(ChildSpec::new("bad", move || bad(&()))).err(),
            sup.start_child(DynamicChildSpec::permanent(bad)).err(),
            sup.start_child(DynamicChildSpec::temporary(bad)).err(),
        ];
        for error in errors {
            let Some(StartDynamicChildError::Start(StartError::Init(ExitReason::Panic(panic)))) = error else {
                unreachable!("{error:?}")
            };
            assert_eq!(panic.message(), "boom");
        }
        assert_eq!((counts(&sup), sup.is_alive()), ([0; 4], true));
    });
}

#[test]
fn d4_a_destructor_of_a_start_function_that_panics_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    seeds(20, |simulation| {
        let sup = DynamicSupervisor::new().max_children(1).start_link().unwrap();
        let armed = |restart| {
            let bomb = Bomb;
            let start = move || {
                let _ = &bomb;
                mortal()
            };
            ChildSpec::new("armed", start).restart(restart)
        };
        let child = sup.start_child(armed(Restart::Temporary)).unwrap();
        assert_eq!(sup.start_child(armed(Restart::Temporary)).err(), Some(StartDynamicChildError::MaxChildren));
        let bomb = Bomb;
        let refused = sup.start_child(DynamicChildSpec::temporary(move |()| {
            let _ = &bomb;
            mortal()
        }));
        assert_eq!(refused.err(), Some(StartDynamicChildError::MaxChildren));
        end(simulation, &child, ExitReason::Normal);
        let child = sup.start_child(armed(Restart::Transient)).unwrap();
        end(simulation, &child, ExitReason::Normal);
        let child = sup.start_child(armed(Restart::Permanent)).unwrap();
        sup.terminate_child(child.pid()).unwrap();
        sup.start_child(armed(Restart::Permanent)).unwrap();
        assert_eq!(sup.stop(), Ok(()));
    });
}

#[test]
fn d4_an_unlinked_child_is_linked_and_a_process_is_a_child_once() {
    seeds(50, |simulation| {
        let sup = empty();
        let unlinked = || Ok(spawn(|mailbox: Mailbox<ExitReason>| async move { mailbox.receive().await }));
        let child = sup.start_child(ChildSpec::new("unlinked", unlinked).restart(Restart::Temporary)).unwrap();
        end(simulation, &child, other("crash"));
        assert_eq!(counts(&sup), [0; 4]);

        let dead = child.clone();
        sup.start_child(DynamicChildSpec::temporary(move |()| Ok(dead))).unwrap();
        simulation.run_until_idle();
        assert_eq!(counts(&sup), [0; 4], "one that is dead already is heard of too");

        let child = sup.start_child(spec()).unwrap();
        let (twice, me) = (child.clone(), sup.clone());
        for error in [
            sup.start_child(DynamicChildSpec::temporary(move |()| Ok(twice))).err(),
            sup.start_child(DynamicChildSpec::temporary(move |()| Ok(me))).err(),
        ] {
            assert!(
                matches!(error, Some(StartDynamicChildError::Start(StartError::Init(ExitReason::Other(_))))),
                "{error:?}"
            );
        }
        assert_eq!(pids(&sup), [Some(child.pid())]);
    });
}

#[test]
fn d5_at_max_children_the_start_function_is_not_called() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().max_children(2).start_link().unwrap();
        let starter = Starter::default();
        let first = sup.start_child(starter.spec().restart(Restart::Temporary)).unwrap();
        sup.start_child(starter.spec()).unwrap();
        assert_eq!(sup.start_child(starter.spec()).err(), Some(StartDynamicChildError::MaxChildren));
        assert_eq!(starter.calls(), 2);
        end(simulation, &first, ExitReason::Normal);
        let third = sup.start_child(starter.spec()).unwrap();
        assert_eq!(sup.start_child(starter.spec()).err(), Some(StartDynamicChildError::MaxChildren));
        sup.terminate_child(third.pid()).unwrap();
        assert!(sup.start_child(starter.spec()).is_ok());
    });
}

#[test]
fn d5_with_room_for_none_nothing_starts() {
    seeds(20, |_| {
        let sup = DynamicSupervisor::new().max_children(0).start_link().unwrap();
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::MaxChildren));
        assert!(sup.is_alive());
    });
}

#[test]
fn d5_a_restarting_child_takes_its_place() {
    seeds(50, |simulation| {
        let sup = DynamicSupervisor::new().max_children(1).max_restarts(u32::MAX).start_link().unwrap();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        starter.fail(Some(StartError::Init(other("no"))));
        child.send(other("crash")).unwrap();
        let watcher = here::<()>();
        watcher.monitor(&child);
        down(&watcher);
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::MaxChildren));
        starter.fail(None);
        simulation.run_until_idle();
        assert_eq!(counts(&sup), [1, 1, 1, 0]);
        assert_eq!(sup.start_child(spec()).err(), Some(StartDynamicChildError::MaxChildren));
    });
}

#[test]
fn d6_the_extra_argument_comes_first_and_at_each_restart() {
    seeds(50, |simulation| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let last = Arc::new(Mutex::new(None));
        let sup = DynamicSupervisor::with(String::from("extra")).start_link().unwrap();
        let (notes, current) = (Arc::clone(&seen), Arc::clone(&last));
        sup.start_child(DynamicChildSpec::permanent(move |extra: &String| {
            notes.lock().unwrap().push(extra.clone());
            let child = mortal()?;
            *current.lock().unwrap() = Some(child.clone());
            Ok(child)
        }))
        .unwrap();
        for _ in 0..2 {
            let child: Mortal = last.lock().unwrap().clone().unwrap();
            end(simulation, &child, ExitReason::Normal);
        }
        assert_eq!(*seen.lock().unwrap(), ["extra"; 3]);
        assert!(sup.start_child(spec()).is_ok(), "a plain specification does without");
    });
}

#[test]
fn d7_what_starts_a_temporary_child_is_dropped_after_the_start() {
    seeds(20, |simulation| {
        let sup = empty();
        let flag = || {
            let flag = Arc::new(AtomicBool::new(false));
            (Dropped(Arc::clone(&flag)), flag)
        };
        let restartable = |restart| {
            let (held, dropped) = flag();
            let start = move || {
                let _ = &held;
                mortal()
            };
            (ChildSpec::new("id", start).restart(restart), dropped)
        };
        let (once, once_dropped) = flag();
        sup.start_child(DynamicChildSpec::temporary(move |()| {
            drop(once);
            mortal()
        }))
        .unwrap();
        let (temporary, temporary_dropped) = restartable(Restart::Temporary);
        sup.start_child(temporary).unwrap();
        let (transient, transient_dropped) = restartable(Restart::Transient);
        let child = sup.start_child(transient).unwrap();
        simulation.run_until_idle();
        let dropped = [once_dropped, temporary_dropped, transient_dropped];
        assert_eq!(dropped.each_ref().map(|flag| flag.load(Ordering::Relaxed)), [true, true, false]);
        end(simulation, &child, ExitReason::Normal);
        assert!(dropped[2].load(Ordering::Relaxed));
    });
}

#[test]
fn d8_the_matrix_of_restarts() {
    let clean = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("x")];
    let abnormal = [other("crash"), ExitReason::Killed, ExitReason::NoProc, ExitReason::Timeout];
    let cases = clean.map(|reason| (reason, true)).into_iter().chain(abnormal.map(|reason| (reason, false)));
    for (reason, is_clean) in cases {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            seeds(10, |simulation| {
                let sup = empty();
                let starter = Starter::default();
                let child = sup.start_child(starter.spec().restart(restart)).unwrap();
                end(simulation, &child, reason.clone());
                let again = restart == Restart::Permanent || (restart == Restart::Transient && !is_clean);
                assert_eq!(starter.calls(), 1 + usize::from(again), "{restart:?} {reason}");
                let expected = if again { vec![Some(starter.last().pid())] } else { vec![] };
                assert_eq!(pids(&sup), expected, "{restart:?} {reason}");
                assert_eq!(starter.last().pid() != child.pid(), again, "{restart:?} {reason}");
            });
        }
    }
}

#[test]
fn d8_a_restarted_child_is_known_by_its_new_pid_and_found_by_its_handle() {
    seeds(50, |simulation| {
        let sup = empty();
        let spec = spec();
        let handle = spec.handle();
        let old = sup.start_child(spec).unwrap();
        end(simulation, &old, other("crash"));
        let new = handle.get().unwrap();
        assert_eq!(pids(&sup), [Some(new.pid())]);
        assert_eq!(sup.terminate_child(old.pid()), Err(TerminateChildError::NotFound));
        assert_eq!(sup.terminate_child(new.pid()), Ok(()));
        assert!(handle.get().is_none());
    });
}

#[test]
fn d8_a_restart_that_is_ignored_removes_the_child() {
    seeds(50, |simulation| {
        let sup = empty();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        starter.fail(Some(StartError::Ignore));
        end(simulation, &child, other("crash"));
        assert_eq!((counts(&sup), starter.calls()), ([0; 4], 2));
    });
}

#[test]
fn d8_a_restart_that_fails_is_tried_again_and_each_attempt_counts() {
    for panics in [false, true] {
        seeds(50, |simulation| {
            let here = here::<()>();
            here.trap_exit(true);
            let sup = DynamicSupervisor::new().max_restarts(4).start_link().unwrap();
            let (first, calls) = (AtomicBool::new(true), Arc::new(AtomicUsize::new(0)));
            let counted = Arc::clone(&calls);
            let spec = ChildSpec::new("fails", move || {
                counted.fetch_add(1, Ordering::Relaxed);
                match first.swap(false, Ordering::Relaxed) {
                    true => mortal(),
                    false if panics => panic!("boom"),
                    false => Err(StartError::Init(other("no"))),
                }
            });
            let child = sup.start_child(spec).unwrap();
            end(simulation, &child, other("crash"));
            let heard = exit(&here);
            assert_eq!((heard.from, heard.reason), (sup.pid(), ExitReason::Shutdown));
            assert_eq!(calls.load(Ordering::Relaxed), 1 + 4, "the fifth attempt is refused");
            assert_eq!(simulation.now(), Duration::ZERO, "S5.4: there is no back-off");
        });
    }
}

#[test]
fn d8_between_attempts_requests_are_served_and_terminate_child_cancels_under_the_old_pid() {
    seeds(100, |simulation| {
        let sup = DynamicSupervisor::new().max_restarts(u32::MAX).start_link().unwrap();
        let starter = Starter::default();
        let child = sup.start_child(starter.spec()).unwrap();
        sup.start_child(spec()).unwrap();
        starter.fail(Some(StartError::Init(other("no"))));
        let watcher = here::<()>();
        watcher.monitor(&child);
        child.send(other("crash")).unwrap();
        down(&watcher);
        while starter.calls() < 3 {
            // Every request is an occasion to try.
            sup.count_children().unwrap();
        }
        assert_eq!(counts(&sup), [2, 1, 2, 0]);
        assert_eq!(pids(&sup).first(), Some(&None));
        assert_eq!(sup.terminate_child(child.pid()), Ok(()));
        let calls = starter.calls();
        simulation.run_until_idle();
        assert_eq!((starter.calls(), counts(&sup)), (calls, [1, 1, 1, 0]));
        assert_eq!(sup.terminate_child(child.pid()), Err(TerminateChildError::NotFound));
    });
}

#[test]
fn d9_over_the_intensity_it_stops_the_others_and_ends_with_shutdown() {
    seeds(100, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let sup = DynamicSupervisor::new().max_restarts(2).max_seconds(5).start_link().unwrap();
        let starter = Starter::default();
        sup.start_child(starter.spec()).unwrap();
        let bystander = sup.start_child(spec()).unwrap();
        for _ in 0..2 {
            end(simulation, &starter.last(), other("crash"));
        }
        // Out of the window: it counts anew.
        simulation.run_for(Duration::from_secs(6));
        for _ in 0..2 {
            end(simulation, &starter.last(), other("crash"));
        }
        assert!(sup.is_alive());
        end(simulation, &starter.last(), other("crash"));
        let heard = exit(&here);
        assert_eq!((heard.from, heard.reason), (sup.pid(), ExitReason::Shutdown));
        assert_eq!(bystander.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(starter.calls(), 1 + 4);
    });
}

#[test]
fn d9_ends_without_a_restart_do_not_count() {
    seeds(20, |simulation| {
        let sup = DynamicSupervisor::new().max_restarts(0).start_link().unwrap();
        for _ in 0..10 {
            let child = sup.start_child(spec().restart(Restart::Temporary)).unwrap();
            end(simulation, &child, other("crash"));
            let child = sup.start_child(spec()).unwrap();
            sup.terminate_child(child.pid()).unwrap();
        }
        assert_eq!(counts(&sup), [0; 4]);
    });
}

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

//! How children are stopped (S7).

mod common;
mod tree;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{here, mortal, other, seeds};
use genstage_core::{
    CallError, ChildSpec, ExitReason, Mailbox, Outcome, Peer, Process, ProcessContext, Runtime, Shutdown, Simulation,
    Strategy, Supervisor, SupervisorRef, TerminateChildError, spawn_link,
};
use tree::{Journal, slow_to_stop, start, worker};

fn one_for_one() -> Supervisor {
    Supervisor::new(Strategy::OneForOne)
}

const SECOND: Duration = Duration::from_secs(1);

fn started(simulation: &Simulation, sup: Supervisor) -> SupervisorRef {
    let sup = sup.start_link().unwrap();
    simulation.run_until_idle();
    sup
}

#[test]
fn s7_1_one_after_the_other_in_reverse_each_awaited_before_the_next() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let specs = [("a", 1), ("b", 2), ("c", 3)];
        let sup = one_for_one().children(specs.map(|(id, seconds)| slow_to_stop(id, &journal, SECOND * seconds)));
        let sup = started(simulation, sup);
        sup.stop().unwrap();
        assert_eq!(journal.take(), "+a +b +c -c -b -a");
        assert_eq!(simulation.now(), SECOND * 6, "the sum, not the largest");
    });
}

#[test]
fn s7_1_who_outstays_its_time_is_killed() {
    for (limit, words, killed) in [(5, 4, false), (5, 6, true), (1, 6, true)] {
        seeds(20, |simulation| {
            let journal = Journal::default();
            let slow = slow_to_stop("a", &journal, SECOND * words).shutdown(Shutdown::Within(SECOND * limit));
            let handle = slow.handle();
            let sup = started(simulation, one_for_one().child(slow));
            let child = handle.get().unwrap();
            sup.stop().unwrap();
            assert_eq!(simulation.now(), SECOND * limit.min(words));
            let reason = if killed { ExitReason::Killed } else { ExitReason::Shutdown };
            assert_eq!(child.exit_reason(), Some(reason));
        });
    }
}

#[test]
fn g7_2_by_default_a_worker_has_five_seconds() {
    seeds(10, |simulation| {
        let sup = started(simulation, one_for_one().child(slow_to_stop("a", &Journal::default(), SECOND * 60)));
        sup.stop().unwrap();
        assert_eq!(simulation.now(), SECOND * 5);
    });
}

#[test]
fn s7_1_brutal_kill_asks_nobody() {
    seeds(30, |simulation| {
        let journal = Journal::default();
        let (sup, handles) = start(one_for_one(), [worker("a", &journal).shutdown(Shutdown::BrutalKill)]);
        simulation.run_until_idle();
        let child = handles[0].get().unwrap();
        sup.stop().unwrap();
        assert_eq!(child.exit_reason(), Some(ExitReason::Killed));
        assert_eq!((journal.take(), simulation.now()), ("+a".to_owned(), Duration::ZERO));
    });
}

#[test]
fn s7_1_infinity_waits_for_ever() {
    seeds(10, |simulation| {
        let journal = Journal::default();
        let slow = slow_to_stop("a", &journal, SECOND * 100_000).shutdown(Shutdown::Infinity);
        let sup = started(simulation, one_for_one().child(slow));
        sup.terminate_child("a").unwrap();
        assert_eq!((journal.take(), simulation.now()), ("+a -a".to_owned(), SECOND * 100_000));
    });
}

#[test]
fn s7_3_no_time_at_all_is_a_signal_and_a_kill() {
    seeds(30, |simulation| {
        let slow = slow_to_stop("a", &Journal::default(), SECOND).shutdown(Shutdown::Within(Duration::ZERO));
        let handle = slow.handle();
        let sup = started(simulation, one_for_one().child(slow));
        let child = handle.get().unwrap();
        sup.stop().unwrap();
        assert_eq!((child.exit_reason(), simulation.now()), (Some(ExitReason::Killed), Duration::ZERO));
    });
}

#[test]
fn s7_2_a_child_that_removed_its_link_cannot_hang_its_supervisor() {
    seeds(50, |simulation| {
        let loose = ChildSpec::new("loose", || {
            let parent = Peer::from(genstage_core::current_pid().unwrap());
            Ok(spawn_link(move |mailbox: Mailbox<()>| async move {
                mailbox.unlink(&parent);
                mailbox.trap_exit(true);
                mailbox.receive_signal().await;
            }))
        });
        let handle = loose.handle();
        let sup = started(simulation, one_for_one().child(loose));
        let child = handle.get().unwrap();
        sup.stop().unwrap();
        assert_eq!(child.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(simulation.now(), Duration::ZERO);

        let gone = ChildSpec::new("gone", || {
            let parent = Peer::from(genstage_core::current_pid().unwrap());
            Ok(spawn_link(move |mailbox: Mailbox<()>| async move { mailbox.unlink(&parent) }))
        });
        let sup = started(simulation, one_for_one().child(gone));
        sup.terminate_child("gone").unwrap();
        sup.stop().unwrap();
    });
}

#[test]
fn s7_2_children_that_die_while_they_are_stopped_do_no_harm() {
    seeds(100, |simulation| {
        let journal = Journal::default();
        let (sup, handles) = start(one_for_one().max_restarts(100), ["a", "b", "c"].map(|id| worker(id, &journal)));
        for handle in &handles {
            tree::end(handle, other("x"));
        }
        for id in ["b", "a", "c"] {
            sup.terminate_child(id).unwrap();
        }
        simulation.run_until_idle();
        assert_eq!(sup.count_children().unwrap().active, 0, "none of them is restarted later");
        sup.stop().unwrap();
    });
}

#[test]
fn s7_5_the_whole_tree_stops_leaves_first_and_with_the_reason_it_was_given() {
    seeds(50, |simulation| {
        let journal = Journal::default();
        let inner = |prefix: [&'static str; 2]| one_for_one().children(prefix.map(|id| worker(id, &journal)));
        let left = inner(["a", "b"]).child_spec("left");
        let right = inner(["c", "d"]).child_spec("right");
        let handles = [left.handle(), right.handle()];
        let sup = started(simulation, one_for_one().child(left).child(right));
        let inner = handles.map(|handle| handle.get().unwrap());
        sup.stop_with(other("enough"), Duration::MAX).unwrap();
        assert_eq!(journal.take(), "+a +b +c +d -d -c -b -a");
        assert_eq!(sup.exit_reason(), Some(other("enough")));
        assert!(inner.iter().all(|inner| inner.exit_reason() == Some(ExitReason::Shutdown)));
    });
}

#[test]
fn s7_1_a_killed_supervisor_takes_its_children_along() {
    seeds(50, |simulation| {
        let (sup, handles) = start(one_for_one(), []);
        assert!(handles.is_empty());
        let loose = ChildSpec::new("a", || Ok(mortal()));
        let child = sup.start_child(loose).unwrap().unwrap();
        Peer::from(&sup).exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert_eq!(child.exit_reason(), Some(ExitReason::Killed));
    });
}

/// Does not return from its callback until it is let go.
struct Stuck(std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>);

impl Process for Stuck {
    type Message = ();

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        self.1.send(()).unwrap();
        genstage_core::may_block(|| self.0.recv()).unwrap_or(());
        Outcome::Continue
    }
}

#[test]
fn s7_1_a_child_that_does_not_even_end_when_killed_is_given_up() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let (release, gate) = channel();
    let (report, stuck) = channel();
    let parts = std::sync::Mutex::new(Some((gate, report)));
    let spec = ChildSpec::new("stuck", move || {
        let (gate, report) = parts.lock().unwrap().take().ok_or(genstage_core::StartError::Ignore)?;
        Stuck(gate, report).start_link()
    });
    let handle = spec.handle();
    let sup = one_for_one().name("patient").child(spec.shutdown(Shutdown::BrutalKill)).start_link().unwrap();
    let child = handle.get().unwrap();
    child.send(()).unwrap();
    stuck.recv().unwrap();
    let begun = Instant::now();
    sup.terminate_child("stuck").unwrap();
    assert!(begun.elapsed() >= SECOND, "its grace");
    assert_eq!(child.exit_reason(), Some(ExitReason::Killed), "dead for everybody, though its callback still runs");
    assert_eq!(sup.count_children().unwrap().active, 0);
    sup.stop().unwrap();
    release.send(()).unwrap();
}

/// Has its own supervisor terminate it, and waits for the answer.
struct Weary(std::sync::mpsc::Sender<Result<(), TerminateChildError>>);

impl Process for Weary {
    type Message = SupervisorRef;

    fn handle(&mut self, sup: SupervisorRef, _: &mut ProcessContext<'_, SupervisorRef>) -> Outcome {
        self.0.send(sup.terminate_child("weary")).unwrap();
        Outcome::Continue
    }
}

#[test]
fn s7_1_a_child_that_has_itself_terminated_waits_no_longer_than_it_lives() {
    seeds(10, |simulation| {
        let (report, reports) = channel();
        let spec = ChildSpec::new("weary", move || Weary(report.clone()).start_link());
        let handle = spec.handle();
        let sup = one_for_one().child(spec).start_link().unwrap();
        let child = handle.get().unwrap();
        child.send(sup.clone()).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_recv().unwrap(), Err(TerminateChildError::Call(CallError::Exiting)));
        assert_eq!(child.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!(simulation.now(), Duration::ZERO, "the exit cuts its wait short");
        assert!(sup.is_alive());
    });
}

#[test]
fn s7_5_a_parent_that_is_a_thread_is_told_when_it_is_over() {
    seeds(20, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let (sup, _) = start(one_for_one(), [worker("a", &Journal::default())]);
        sup.stop_with(ExitReason::Shutdown, Duration::MAX).unwrap();
        simulation.run_until_idle();
        let exit = common::exit(&here);
        assert_eq!((exit.from, exit.reason), (sup.pid(), ExitReason::Shutdown));
        assert!(here.try_receive().is_none());
    });
}

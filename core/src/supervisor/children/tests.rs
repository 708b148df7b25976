use super::*;
use crate::{Address, ChildSpec, Simulation, StartError};

fn plan(id: &str, restart: Restart) -> ChildPlan {
    ChildSpec::new(id, || Err::<Address<()>, _>(StartError::Ignore)).restart(restart).into()
}

fn significant(id: &str, restart: Restart) -> ChildPlan {
    ChildPlan { significant: true, ..plan(id, restart) }
}

fn pid(serial: u64) -> Pid {
    Pid::new(0, serial)
}

/// A process that is dead: the table does not ask.
fn peer(serial: u64) -> Peer {
    Simulation::new(0).run(|_| Peer::from(pid(serial)))
}

/// Children a, b, c .. that run as processes 1, 2, 3 ..
fn table(strategy: Strategy, auto_shutdown: AutoShutdown, plans: impl IntoIterator<Item = ChildPlan>) -> Children {
    let mut table = Children::new(strategy, auto_shutdown);
    for (serial, plan) in (1..).zip(plans) {
        table.add(plan, Some(peer(serial)));
    }
    table
}

fn states(table: &Children) -> Vec<(String, ChildState)> {
    table.list().into_iter().rev().map(|info| (info.id.to_string(), info.state)).collect()
}

fn show(states: &[(&str, ChildState)]) -> Vec<(String, ChildState)> {
    states.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect()
}

fn group(table: &mut Children, id: &str) -> (Vec<String>, Vec<String>) {
    let group = table.group(&id.into());
    let stop = group.stop.iter().map(|(plan, _)| plan.id.to_string());
    (stop.collect(), group.start.iter().map(|plan| plan.id.to_string()).collect())
}

use ChildState::{Restarting, Stopped};
use Restart::{Permanent, Temporary, Transient};

#[test]
fn s3_the_table_of_restarts() {
    let reasons = [
        (ExitReason::Normal, true),
        (ExitReason::Shutdown, true),
        (ExitReason::shutdown_with("x"), true),
        (ExitReason::other("x"), false),
        (ExitReason::Killed, false),
        (ExitReason::NoProc, false),
    ];
    for (reason, clean) in reasons {
        for (restart, again) in [(Permanent, true), (Transient, !clean), (Temporary, false)] {
            let mut table = table(Strategy::OneForOne, AutoShutdown::Never, [plan("a", restart)]);
            let ended = table.ended(pid(1), &reason);
            if again {
                assert_eq!(ended, Ended::Restart("a".into()), "{restart:?} {reason}");
                assert_eq!(states(&table), show(&[("a", Restarting)]));
            } else {
                assert_eq!(ended, Ended::StaysDown("a".into()), "{restart:?} {reason}");
                let left = if restart == Temporary { show(&[]) } else { show(&[("a", Stopped)]) };
                assert_eq!(states(&table), left);
            }
            assert_eq!(table.ended(pid(1), &reason), Ended::Stranger, "it is told once");
        }
    }
}

#[test]
fn s4_who_stops_and_who_starts() {
    let children = || ["a", "b", "c", "d"].map(|id| plan(id, Permanent));
    for (strategy, stop, start) in [
        (Strategy::OneForOne, &[][..], &["b"][..]),
        (Strategy::RestForOne, &["d", "c"], &["b", "c", "d"]),
        (Strategy::OneForAll, &["d", "c", "a"], &["a", "b", "c", "d"]),
    ] {
        let mut table = table(strategy, AutoShutdown::Never, children());
        assert_eq!(table.ended(pid(2), &ExitReason::Killed), Ended::Restart("b".into()));
        let (stopping, starting) = group(&mut table, "b");
        assert_eq!((&stopping[..], &starting[..]), (&stop.map_to_strings()[..], &start.map_to_strings()[..]));
    }
}

trait Strings {
    fn map_to_strings(&self) -> Vec<String>;
}

impl Strings for [&str] {
    fn map_to_strings(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn s4_4_temporary_bystanders_are_removed_and_the_stopped_come_back() {
    let plans = [plan("a", Transient), plan("b", Temporary), plan("c", Permanent), plan("d", Permanent)];
    let mut table = table(Strategy::OneForAll, AutoShutdown::Never, plans);
    assert_eq!(table.ended(pid(1), &ExitReason::Normal), Ended::StaysDown("a".into()));
    assert!(table.terminate(&"c".into()).is_ok_and(|leaver| leaver.is_some()));
    assert_eq!(table.ended(pid(4), &ExitReason::Killed), Ended::Restart("d".into()));
    assert_eq!(group(&mut table, "d"), (["b"].map_to_strings(), ["a", "c", "d"].map_to_strings()));
    assert_eq!(states(&table), show(&[("a", Stopped), ("c", Stopped), ("d", Stopped)]));
}

#[test]
fn s5_5_a_retry_takes_whom_the_strategy_says() {
    for (strategy, stop, start) in
        [(Strategy::OneForAll, &["b", "a"][..], &["a", "b", "c", "d"][..]), (Strategy::RestForOne, &[], &["c", "d"])]
    {
        let plans = ["a", "b", "c", "d"].map(|id| plan(id, Permanent));
        let mut table = table(strategy, AutoShutdown::Never, plans);
        assert_eq!(table.ended(pid(2), &ExitReason::Killed), Ended::Restart("b".into()));
        let _ = table.group(&"b".into());
        if strategy == Strategy::OneForAll {
            table.started(&"a".into(), Some(peer(11)));
        }
        table.started(&"b".into(), Some(peer(12)));
        table.failed(&"c".into());
        assert!(table.is_restarting(&"c".into()));
        assert_eq!(states(&table).last(), show(&[("d", Stopped)]).last());
        assert_eq!(group(&mut table, "c"), (stop.map_to_strings(), start.map_to_strings()));
    }
}

#[test]
fn s7_6_what_each_operation_says_in_each_state() {
    let mut table = table(Strategy::OneForOne, AutoShutdown::Never, ["r", "t", "s"].map(|id| plan(id, Permanent)));
    assert_eq!(table.ended(pid(2), &ExitReason::Killed), Ended::Restart("t".into()));
    assert!(table.terminate(&"s".into()).is_ok());
    let start = |id| table.may_start(&plan(id, Permanent));
    assert_eq!(start("r"), Err(StartChildError::AlreadyStarted(pid(1))));
    assert_eq!(start("t"), Err(StartChildError::AlreadyPresent));
    assert_eq!(start("s"), Err(StartChildError::AlreadyPresent));
    assert_eq!(start("new"), Ok(()));
    let restart = |id: &str| table.may_restart(&id.into()).map(|plan| plan.id.to_string());
    assert_eq!(restart("r"), Err(RestartChildError::Running));
    assert_eq!(restart("t"), Err(RestartChildError::Restarting));
    assert_eq!(restart("s"), Ok("s".to_owned()));
    assert_eq!(restart("x"), Err(RestartChildError::NotFound));
    let mut delete = |id: &str| table.delete(&id.into());
    assert_eq!(delete("r"), Err(DeleteChildError::Running));
    assert_eq!(delete("t"), Err(DeleteChildError::Restarting));
    assert_eq!(delete("s"), Ok(()));
    assert_eq!(delete("s"), Err(DeleteChildError::NotFound));
    let mut terminate = |id: &str| table.terminate(&id.into()).map(|leaver| leaver.is_some());
    assert_eq!(terminate("t"), Ok(false));
    assert_eq!(terminate("t"), Ok(false));
    assert_eq!(terminate("r"), Ok(true));
    assert_eq!(terminate("x"), Err(TerminateChildError::NotFound));
    assert!(!table.is_restarting(&"t".into()), "the retry is cancelled");
}

#[test]
fn s2_2_who_ignores_its_start_is_kept_unless_temporary() {
    let mut table = Children::new(Strategy::OneForOne, AutoShutdown::Never);
    for (id, restart) in [("a", Permanent), ("b", Temporary), ("c", Transient)] {
        table.add(plan(id, restart), None);
    }
    assert_eq!(states(&table), show(&[("a", Stopped), ("c", Stopped)]));
}

#[test]
fn s8_whose_end_ends_the_supervisor() {
    let children = || [significant("a", Transient), significant("b", Temporary), plan("c", Permanent)];
    let make = |auto_shutdown| table(Strategy::OneForOne, auto_shutdown, children());
    let mut any = make(AutoShutdown::AnySignificant);
    assert_eq!(any.ended(pid(1), &ExitReason::Killed), Ended::Restart("a".into()));
    assert_eq!(any.ended(pid(2), &ExitReason::Killed), Ended::ShutDown("b".into()));
    let mut all = make(AutoShutdown::AllSignificant);
    assert_eq!(all.ended(pid(1), &ExitReason::Killed), Ended::Restart("a".into()));
    assert_eq!(all.ended(pid(2), &ExitReason::Killed), Ended::StaysDown("b".into()), "a is being restarted");
    all.started(&"a".into(), Some(peer(11)));
    assert_eq!(all.ended(pid(11), &ExitReason::Normal), Ended::ShutDown("a".into()));
    let mut ordered = make(AutoShutdown::AllSignificant);
    assert!(ordered.terminate(&"a".into()).is_ok());
    assert_eq!(ordered.ended(pid(2), &ExitReason::Normal), Ended::ShutDown("b".into()), "none is left");
}

#[test]
fn s1_4_which_significant_children_cannot_be() {
    let check = |auto_shutdown, plan: &ChildPlan| Children::new(Strategy::OneForOne, auto_shutdown).check(plan);
    let pointless = InvalidSupervisor::SignificantWithoutAutoShutdown("a".into());
    assert_eq!(check(AutoShutdown::Never, &significant("a", Transient)), Err(pointless));
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        let permanent = InvalidSupervisor::SignificantPermanent("a".into());
        assert_eq!(check(auto_shutdown, &significant("a", Permanent)), Err(permanent));
        assert_eq!(check(auto_shutdown, &significant("a", Transient)), Ok(()));
        assert_eq!(check(auto_shutdown, &significant("a", Temporary)), Ok(()));
        assert_eq!(check(auto_shutdown, &plan("a", Permanent)), Ok(()));
    }
}

#[test]
fn s7_1_all_leave_in_reverse_order() {
    let mut table = table(Strategy::OneForOne, AutoShutdown::Never, ["a", "b", "c"].map(|id| plan(id, Permanent)));
    assert!(table.terminate(&"b".into()).is_ok());
    let left: Vec<_> = table.leave_all().into_iter().map(|(plan, _)| plan.id.to_string()).collect();
    assert_eq!(left, ["c", "a"]);
    assert!(table.leave_all().is_empty());
}

#[test]
fn s2_2_who_is_a_child_is_known_in_whatever_order_they_came() {
    let mut table = table(Strategy::OneForOne, AutoShutdown::Never, []);
    let are = |table: &Children| (1..=9).filter(|serial| table.is_child(pid(*serial))).collect::<Vec<_>>();
    table.add(plan("a", Permanent), Some(peer(5)));
    table.add(plan("b", Transient), Some(peer(3)));
    table.add(plan("c", Temporary), None);
    table.add(plan("d", Permanent), None);
    assert_eq!((are(&table), states(&table).len()), (vec![3, 5], 3), "an older one, and two that ignored their starts");
    table.started(&"d".into(), Some(peer(8)));
    assert_eq!(are(&table), [3, 5, 8]);
    assert_eq!(table.ended(pid(8), &ExitReason::Killed), Ended::Restart("d".into()));
    assert_eq!(table.ended(pid(3), &ExitReason::Normal), Ended::StaysDown("b".into()));
    assert_eq!(are(&table), [5]);
    table.started(&"d".into(), Some(peer(4)));
    assert_eq!(are(&table), [4, 5]);
}

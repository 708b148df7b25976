//! The ties of a supervisor, which only the inside can see.

use crate::process::AnyProcess;
use crate::{
    Address, ChildSpec, ExitReason, Mailbox, Peer, Pid, Restart, Shutdown, Simulation, Strategy, Supervisor,
    SupervisorRef, ThreadProcess, spawn, spawn_link,
};

fn links(address: &Address<impl Send + 'static>) -> Vec<Pid> {
    address.0.inbox().lock().relations.links()
}

fn monitors(address: &Address<impl Send + 'static>) -> (usize, usize) {
    let inbox = address.0.inbox().lock();
    (inbox.relations.monitored().len(), inbox.relations.watchers().len())
}

/// Ends when it is told to.
fn mortal(linked: bool, trap: bool) -> Address<()> {
    let body = move |mailbox: Mailbox<()>| async move {
        mailbox.trap_exit(trap);
        mailbox.receive_signal().await;
        ExitReason::Shutdown
    };
    if linked { spawn_link(body) } else { spawn(body) }
}

/// It is linked to its parent and its living children, both ways, and nobody watches anybody.
fn check(sup: &SupervisorRef, parent: &ThreadProcess<()>) {
    let children = sup.which_children().unwrap();
    let mut pids: Vec<_> = children.iter().filter_map(|child| child.state.pid()).collect();
    for pid in &pids {
        let child: Address<()> = Peer::from(*pid).address().unwrap();
        assert_eq!((links(&child), monitors(&child)), (vec![sup.pid()], (0, 0)));
    }
    pids.push(parent.pid());
    pids.sort();
    assert_eq!((links(&sup.0), monitors(&sup.0)), (pids, (0, 0)));
    assert_eq!(sup.0.0.inbox_len(), 0, "nothing is left in its inbox");
}

#[test]
fn s7_2_the_ties_of_a_supervisor_are_its_parent_and_its_living_children() {
    for seed in 0..30 {
        Simulation::new(seed).run(|simulation| {
            let parent = ThreadProcess::<()>::start().unwrap();
            parent.trap_exit(true);
            let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
            let pick = |of: usize, salt: u64| usize::try_from((seed * 31 + salt * 17) % of as u64).unwrap();
            let shutdowns = [Shutdown::BrutalKill, Shutdown::default(), Shutdown::Infinity];
            let restarts = [Restart::Permanent, Restart::Transient, Restart::Temporary];
            let children = (0..6_u64).map(|id| {
                let (linked, trap) = (pick(2, id) == 0, pick(3, id) == 0);
                ChildSpec::new(id, move || Ok(mortal(linked, trap)))
                    .shutdown(shutdowns[pick(3, id + 1)])
                    .restart(restarts[pick(3, id + 2)])
            });
            let sup = Supervisor::new(strategies[pick(3, 0)]).max_restarts(1000).children(children);
            let sup = sup.start_link().unwrap();
            for step in 0..20 {
                simulation.run_for(std::time::Duration::ZERO);
                check(&sup, &parent);
                let id = pick(6, step) as u64;
                match pick(4, step * 7) {
                    0 => drop(sup.terminate_child(id)),
                    1 => drop(sup.restart_child(id)),
                    _ => {
                        let children = sup.which_children().unwrap();
                        if let Some(pid) = children.iter().find_map(|child| child.state.pid()) {
                            Peer::from(pid).exit(ExitReason::Kill);
                        }
                    }
                }
            }
            simulation.run_for(std::time::Duration::ZERO);
            check(&sup, &parent);
            sup.stop().unwrap();
            assert_eq!((links(parent.me()), monitors(parent.me())), (vec![], (0, 0)), "seed {seed}");
        });
    }
}

#[test]
fn g1_5_a_start_that_failed_leaves_no_ties_on_who_traps_exits() {
    for seed in 0..30 {
        Simulation::new(seed).run(|simulation| {
            let parent = ThreadProcess::<()>::start().unwrap();
            parent.trap_exit(true);
            let broken = ChildSpec::new("b", || Err::<Peer, _>(crate::StartError::Init(ExitReason::other("x"))));
            let sup = Supervisor::new(Strategy::OneForOne).child(ChildSpec::new("a", || Ok(mortal(true, true))));
            assert!(sup.child(broken).start_link().is_err());
            simulation.run_for(std::time::Duration::ZERO);
            assert_eq!((links(parent.me()), monitors(parent.me())), (vec![], (0, 0)), "seed {seed}");
            assert!(parent.try_receive().is_none(), "seed {seed}");
        });
    }
}

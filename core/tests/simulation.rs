//! The simulation: the same seed, the same run.

mod common;

use std::collections::HashSet;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{here, idler, mortal};
use genstage_core::{
    Address, ExitReason, Mail, Mailbox, MonitorRef, Outcome, Process, ProcessContext, Signal, Simulation, spawn,
};

/// Hands a number on to two others until it is used up.
struct Node {
    peers: Vec<Address<Order>>,
    watches: Vec<MonitorRef>,
    report: Sender<String>,
}

enum Order {
    Meet(Vec<Address<Order>>),
    Hand(usize),
}

impl Process for Node {
    type Message = Order;

    fn handle(&mut self, order: Order, cx: &mut ProcessContext<'_, Order>) -> Outcome {
        match order {
            Order::Meet(peers) => {
                self.watches = peers.iter().map(|peer| cx.monitor(peer)).collect();
                self.peers = peers;
            }
            Order::Hand(0) => return Outcome::Stop(ExitReason::Shutdown),
            Order::Hand(n) => {
                let _ = self.report.send(format!("{} handles {n}", cx.pid()));
                let (next, later) = (&self.peers[n % 5], &self.peers[(n * 3 + 1) % 5]);
                let _ = next.send(Order::Hand(n - 1));
                cx.send_after(later, Order::Hand(n - 1), Duration::from_micros(n as u64 % 3));
            }
        }
        Outcome::Continue
    }

    fn handle_signal(&mut self, signal: Signal, cx: &mut ProcessContext<'_, Order>) -> Outcome {
        let _ = self.report.send(format!("{} hears {signal:?} of {}", cx.pid(), self.watches.len()));
        Outcome::Continue
    }
}

fn trace(seed: u64) -> Vec<String> {
    Simulation::new(seed).run(|simulation| {
        let (report, reports) = channel();
        let nodes: Vec<_> =
            (0..5).map(|_| Node { peers: vec![], watches: vec![], report: report.clone() }.start().unwrap()).collect();
        for node in &nodes {
            node.send(Order::Meet(nodes.clone())).ok();
        }
        nodes[0].send(Order::Hand(7)).ok();
        let slices = simulation.run_until_idle();
        let mut trace: Vec<_> = reports.try_iter().collect();
        trace.push(format!("{slices} slices until {:?}", simulation.now()));
        trace
    })
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..50 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

#[test]
fn other_seeds_give_other_traces() {
    let traces: HashSet<_> = (0..50).map(trace).collect();
    assert!(traces.len() > 25, "50 seeds gave {} traces", traces.len());
}

#[test]
fn run_for_takes_exactly_its_time_and_run_until_idle_the_time_of_the_timers() {
    Simulation::new(1).run(|simulation| {
        assert_eq!(simulation.run_for(Duration::from_secs(1)), 0);
        assert_eq!(simulation.now(), Duration::from_secs(1));
        let here = here();
        here.send_after(here.me(), (), Duration::from_secs(1));
        simulation.run_for(Duration::from_millis(999));
        assert!(here.try_receive().is_none());
        simulation.run_until_idle();
        assert_eq!(simulation.now(), Duration::from_secs(2));
        assert!(here.try_receive().is_some());
        assert_eq!(simulation.seed(), 1);
    });
}

#[test]
fn waiting_inside_a_callback_runs_the_others() {
    struct Asker(Sender<u32>);
    impl Process for Asker {
        type Message = Address<Address<u32>>;
        fn handle(&mut self, server: Address<Address<u32>>, _: &mut ProcessContext<'_, Self::Message>) -> Outcome {
            let inner = here::<u32>();
            server.send(inner.me().clone()).unwrap();
            let Some(Mail::Message(reply)) = inner.receive(None) else { panic!("no reply") };
            self.0.send(reply).unwrap();
            Outcome::Continue
        }
    }
    common::seeds(50, |simulation| {
        let (report, reports) = channel();
        let server = spawn(|mailbox: Mailbox<Address<u32>>| async move {
            let client = mailbox.receive().await;
            mailbox.sleep(Duration::from_secs(1)).await;
            client.send(7).unwrap();
        });
        let asker = Asker(report).start().unwrap();
        asker.send(server).unwrap();
        simulation.run_until_idle();
        assert_eq!(reports.try_recv(), Ok(7));
    });
}

#[test]
fn a_wait_for_what_cannot_come_ends_at_once_or_at_its_deadline() {
    Simulation::new(1).run(|simulation| {
        let here = here::<()>();
        assert!(here.receive(None).is_none());
        assert_eq!(simulation.now(), Duration::ZERO);
        assert!(here.receive(Some(Duration::from_secs(3))).is_none());
        assert_eq!(simulation.now(), Duration::from_secs(3), "as real time would pass");
    });
}

#[test]
fn its_end_ends_the_processes() {
    let (told, dropped) = channel::<()>();
    let (idle, busy) = Simulation::new(1).run(|simulation| {
        let idle = spawn(|mailbox: Mailbox<()>| async move {
            let _told = told;
            mailbox.receive().await;
        });
        simulation.run_until_idle();
        let busy = mortal();
        busy.send(ExitReason::Normal).unwrap();
        (idle, busy)
    });
    // The simulation was a temporary: it is gone here.
    assert!(dropped.recv().is_err());
    assert_eq!([idle.exit_reason(), busy.exit_reason()], [Some(ExitReason::Killed), Some(ExitReason::Killed)]);
}

#[test]
fn two_simulations_do_not_meet() {
    let (first, second) = (Simulation::new(1), Simulation::new(1));
    let a = first.run(|_| idler());
    let b = second.run(|_| idler());
    assert_eq!(a.pid(), b.pid(), "equal runs, equal pids");
    first.run(|_| genstage_core::register("name", &a)).unwrap();
    assert_eq!(second.run(|_| genstage_core::whereis("name")), None);
}

/// Says something to itself for ever, at once or every millisecond.
fn restless(pause: Option<Duration>) {
    spawn(move |mailbox: Mailbox<()>| async move {
        loop {
            match pause {
                None => drop(mailbox.me().send(())),
                Some(pause) => drop(mailbox.send_after(mailbox.me(), (), pause)),
            }
            mailbox.receive().await;
        }
    });
}

#[test]
fn work_without_end_stops_at_the_limit_of_steps() {
    for seed in 0..20 {
        let simulation = Simulation::new(seed).max_steps(1000);
        let steps = simulation.run(|simulation| {
            restless(None);
            simulation.run_for(Duration::from_secs(1))
        });
        assert_eq!((steps, simulation.now()), (1000, Duration::ZERO), "it takes no time");
        assert_eq!(simulation.run_until_idle(), 0, "that was all");
    }
}

/// One that waits in a callback runs the others on its own stack: past the time for which the simulation was to run, but not past
/// its limit.
#[test]
fn a_callback_that_waits_beside_work_without_end_gives_up_at_the_limit_of_steps() {
    struct Waits(Sender<bool>);

    impl Process for Waits {
        type Message = ();

        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            let nobody = here::<()>();
            let _ = self.0.send(nobody.receive(None).is_none());
            Outcome::Continue
        }
    }

    for pause in [None, Some(Duration::from_millis(1))] {
        for seed in 0..20 {
            let (report, reports) = channel();
            let simulation = Simulation::new(seed).max_steps(1000);
            simulation.run(|simulation| {
                restless(pause);
                Waits(report).start().unwrap().send(()).ok();
                simulation.run_for(Duration::from_millis(10));
            });
            assert_eq!(reports.try_iter().collect::<Vec<_>>(), [true], "seed {seed}");
        }
    }
}

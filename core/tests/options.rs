//! The options of a start (P2.1, P2.2, G1.2).

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use common::{down, exit, here, idler, other, seeds};
use genstage_core::{
    ExitReason, Init, Mail, Mailbox, Outcome, Peer, Priority, Process, ProcessContext, Runtime, StartError,
    StartOptions, processes, sleep, spawn_with, start, start_with, whereis,
};

const SECOND: Duration = Duration::from_secs(1);

/// Takes this long to start.
struct Slow(Duration, Init, Sender<&'static str>);

impl Process for Slow {
    type Message = ();

    fn init(&mut self, _: &mut ProcessContext<'_, ()>) -> Init {
        sleep(self.0);
        self.1.clone()
    }

    fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut ProcessContext<'_, ()>) {
        let _ = self.2.send("terminate");
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.2.send("dropped");
    }
}

fn slow(time: Duration) -> (Slow, Receiver<&'static str>) {
    let (report, reports) = channel();
    (Slow(time, Init::Continue, report), reports)
}

#[test]
fn p2_1_a_start_with_a_monitor_gives_its_reference() {
    seeds(50, |_| {
        let here = here::<()>();
        let (process, _reports) = slow(Duration::ZERO);
        let (address, monitor) = start(process, StartOptions::new().monitor()).unwrap();
        address.exit(other("x"));
        let heard = down(&here);
        assert_eq!((Some(heard.monitor), heard.process, heard.reason), (monitor, address.pid(), other("x")));
        let options = StartOptions::new().monitor().link().name("both");
        here.trap_exit(true);
        let (address, monitor) = spawn_with(options, |_: Mailbox<()>| async { other("at once") }).unwrap();
        let heard = down(&here);
        assert_eq!((Some(heard.monitor), heard.reason), (monitor, other("at once")), "never noproc");
        assert_eq!(exit(&here).from, address.pid());
    });
}

#[test]
fn p2_1_a_start_that_fails_leaves_no_monitor() {
    seeds(20, |simulation| {
        let here = here::<()>();
        for outcome in [Init::Ignore, Init::Fail(other("f")), Init::Stop(other("s"))] {
            let (report, _reports) = channel();
            let started = start(Slow(Duration::ZERO, outcome, report), StartOptions::new().monitor());
            assert!(started.is_err());
        }
        let holder = idler();
        genstage_core::register("taken", &holder).unwrap();
        let taken = StartOptions::new().monitor().name("taken");
        let started = spawn_with(taken, |_: Mailbox<()>| async {});
        assert_eq!(started.err(), Some(StartError::AlreadyStarted(holder.pid())));
        let panics = start_with(StartOptions::new().monitor(), |_| -> Slow { panic!("made nothing") });
        assert!(panics.is_err());
        simulation.run_until_idle();
        assert!(here.try_receive().is_none(), "no stray DOWN");
        assert_eq!(here.info().unwrap().monitors, []);
    });
}

#[test]
fn p2_1_from_a_plain_thread_there_is_no_monitor() {
    seeds(2, |_| {
        let (_, monitor) = spawn_with(StartOptions::new().monitor(), |_: Mailbox<()>| async {}).unwrap();
        assert_eq!(monitor, None);
    });
}

#[test]
fn p2_2_a_priority_is_echoed_and_changes_nothing() {
    seeds(20, |simulation| {
        let options = || StartOptions::new();
        let (report, reports) = channel();
        let all: Vec<_> = [options().priority(Priority::Low), options(), options().priority(Priority::High)]
            .into_iter()
            .map(|options| {
                let report = report.clone();
                let body = move |own: Mailbox<Priority>| async move {
                    let new = own.receive().await;
                    report.send(own.set_priority(new)).unwrap();
                    own.receive().await;
                };
                spawn_with(options, body).unwrap()
            })
            .collect();
        let priorities = || all.iter().map(|process| Peer::from(process).info().unwrap().priority).collect::<Vec<_>>();
        assert_eq!(priorities(), [Priority::Low, Priority::Normal, Priority::High]);
        for process in &all {
            process.send(Priority::High).unwrap();
            simulation.run_until_idle();
        }
        assert_eq!(priorities(), [Priority::High; 3]);
        let old: Vec<_> = reports.try_iter().collect();
        assert_eq!(old, [Priority::Low, Priority::Normal, Priority::High], "P10: the old value");
    });
}

#[test]
fn g1_2_an_init_in_time_is_as_without_a_limit() {
    seeds(50, |simulation| {
        let here = here::<()>();
        here.trap_exit(true);
        let options = || StartOptions::new().name("slow").link().timeout(2 * SECOND);
        let (process, reports) = slow(SECOND);
        let address = start(process, options()).unwrap();
        assert_eq!(simulation.now(), SECOND);
        assert_eq!(whereis("slow"), Some(address.pid()));
        address.exit(other("x"));
        assert_eq!(exit(&here).reason, other("x"));
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["dropped"]);
        for (outcome, error) in [
            (Init::Ignore, StartError::Ignore),
            (Init::Fail(other("f")), StartError::Init(other("f"))),
            (Init::Stop(other("s")), StartError::Init(other("s"))),
        ] {
            let (report, _reports) = channel();
            assert_eq!(start(Slow(SECOND, outcome, report), options()).err(), Some(error));
            assert_eq!(whereis("slow"), None);
        }
        simulation.run_until_idle();
        assert!(here.try_receive().is_none());
    });
}

#[test]
fn g1_2_an_init_that_takes_too_long_fails_the_start_and_spares_the_starter() {
    seeds(50, |simulation| {
        for trap in [false, true] {
            let here = here::<()>();
            here.trap_exit(trap);
            let (process, reports) = slow(3 * SECOND);
            let options = StartOptions::new().name("slow").link().monitor().timeout(2 * SECOND);
            assert_eq!(start(process, options).err(), Some(StartError::Timeout));
            assert_eq!(whereis("slow"), None, "its name is free");
            assert!(here.me().is_alive(), "G1.6: unlinked first");
            assert_eq!(processes(), [here.pid()]);
            simulation.run_until_idle();
            assert!(here.try_receive().is_none(), "neither EXIT nor DOWN");
            assert_eq!(reports.try_iter().collect::<Vec<_>>(), ["dropped"], "no terminate");
            let info = here.info().unwrap();
            assert_eq!((info.links, info.monitors), (vec![], vec![]));
        }
    });
}

#[test]
fn g1_2_the_starter_waits_no_longer_though_init_never_returns() {
    struct Stuck(Receiver<()>, Sender<()>);
    impl Process for Stuck {
        type Message = ();
        fn init(&mut self, _: &mut ProcessContext<'_, ()>) -> Init {
            let _ = self.0.recv();
            Init::Continue
        }
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Continue
        }
    }
    impl Drop for Stuck {
        fn drop(&mut self) {
            let _ = self.1.send(());
        }
    }
    /// Starts it from a callback, on the only seat.
    struct Starter(Option<Stuck>, Sender<Option<StartError>>);
    impl Process for Starter {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            let options = StartOptions::new().name("stuck").link().timeout(Duration::from_millis(20));
            let _ = self.1.send(self.0.take().and_then(|stuck| start(stuck, options).err()));
            Outcome::Continue
        }
    }
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let _inside = runtime.enter();
    let here = here::<()>();
    let ((open, door), (dropped, drops), (report, reports)) = (channel(), channel(), channel());
    let starter = Starter(Some(Stuck(door, dropped)), report).start().unwrap();
    let begin = Instant::now();
    starter.send(()).unwrap();
    assert_eq!(reports.recv_timeout(20 * SECOND), Ok(Some(StartError::Timeout)));
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert_eq!((whereis("stuck"), starter.is_alive()), (None, true));
    assert_eq!(processes(), [here.pid(), starter.pid()]);
    assert!(drops.try_recv().is_err());
    drop(open);
    assert_eq!(drops.recv_timeout(20 * SECOND), Ok(()), "dropped when its init returns after all");
}

#[test]
fn g1_2_a_limit_means_nothing_to_a_future() {
    seeds(5, |_| {
        let here = here::<u8>();
        let me = here.me().clone();
        let options = StartOptions::new().timeout(Duration::ZERO);
        spawn_with(options, |own: Mailbox<()>| async move {
            own.sleep(SECOND).await;
            let _ = me.send(1);
        })
        .unwrap();
        assert!(matches!(here.receive(None), Some(Mail::Message(1))));
    });
}

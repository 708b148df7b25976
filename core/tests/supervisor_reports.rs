//! What supervisors report (S3.2, S5.3, S7.4).
#![cfg(feature = "tracing")]

mod common;
mod tree;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use common::{other, seeds};
use genstage_core::{
    ChildSpec, ExitReason, Mailbox, Peer, Restart, Shutdown, Simulation, Strategy, Supervisor, spawn_link,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};
use tree::{Journal, Script, end, scripted, start, worker};

/// Keeps what supervisors say, without pids.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").unwrap();
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        if text.0.contains("child `") {
            self.0.lock().unwrap().push(text.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What supervisors report while this runs on simulations.
fn reports(test: impl Fn(&Simulation)) -> Vec<String> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || seeds(1, test));
    let mut all = std::mem::take(&mut *log.0.lock().unwrap());
    for text in &mut all {
        // Pids depend on how much was started before.
        while let (Some(from), Some(to)) = (text.find('<'), text.find('>')) {
            text.replace_range(from..=to, "_");
        }
    }
    all
}

fn after(restart: Restart, reason: &ExitReason) -> Vec<String> {
    reports(|simulation| {
        let (_sup, handles) =
            start(Supervisor::new(Strategy::OneForOne), [worker("a", &Journal::default()).restart(restart)]);
        end(&handles[0], reason.clone());
        simulation.run_until_idle();
    })
}

#[test]
fn s3_2_every_exit_that_leads_to_a_restart_is_reported_and_every_abnormal_one() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, other("x")] {
        let restarted = format!("supervisor _: child `a` (_) ended and is restarted: {reason}");
        assert_eq!(after(Restart::Permanent, &reason), [restarted]);
    }
    assert_eq!(after(Restart::Transient, &other("x")), ["supervisor _: child `a` (_) ended and is restarted: x"]);
    assert_eq!(after(Restart::Temporary, &other("x")), ["supervisor _: child `a` (_) ended: x"]);
    for restart in [Restart::Transient, Restart::Temporary] {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(1)] {
            assert_eq!(after(restart, &reason), [""; 0], "clean ends without restart are silent");
        }
    }
}

#[test]
fn s5_3_the_limit_and_each_failed_try_are_reported() {
    let seen = reports(|simulation| {
        let (journal, script) = (Journal::default(), Script::default());
        let sup = Supervisor::new(Strategy::OneForOne).max_restarts(1);
        let (_sup, handles) = start(sup, [scripted("a", &journal, &script)]);
        script.fail(1);
        end(&handles[0], other("x"));
        simulation.run_until_idle();
    });
    assert_eq!(
        seen,
        [
            "supervisor _: child `a` (_) ended and is restarted: x",
            "supervisor _: child `a` did not start again: init failed: cannot",
            "supervisor _: too many restarts, the last of child `a`",
        ]
    );
}

#[test]
fn s7_4_a_child_that_does_not_stop_as_it_should_is_reported_and_changes_nothing() {
    let stubborn = |shutdown, ends: fn() -> ExitReason| {
        reports(|simulation| {
            let spec = ChildSpec::new("a", move || {
                Ok(spawn_link(move |mailbox: Mailbox<()>| async move {
                    mailbox.trap_exit(true);
                    mailbox.receive_signal().await;
                    ends()
                }))
            });
            let sup = Supervisor::new(Strategy::OneForOne).child(spec.shutdown(shutdown)).start_link().unwrap();
            simulation.run_until_idle();
            sup.stop().unwrap();
            assert_eq!(sup.exit_reason(), Some(ExitReason::Normal));
        })
    };
    let told = |reason: &str| vec![format!("child `a` (_) was told to stop, and ended: {reason}")];
    assert_eq!(stubborn(Shutdown::Infinity, || ExitReason::Shutdown), [""; 0]);
    assert_eq!(stubborn(Shutdown::BrutalKill, || ExitReason::Shutdown), [""; 0]);
    assert_eq!(stubborn(Shutdown::Infinity, || other("x")), told("x"));
    assert_eq!(stubborn(Shutdown::Infinity, || ExitReason::Normal), told("normal"));
}

#[test]
fn s3_2_a_reason_that_panics_when_it_is_shown_harms_nobody() {
    #[derive(Debug, PartialEq)]
    struct Unspeakable;
    impl std::fmt::Display for Unspeakable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("not to be shown")
        }
    }
    reports(|simulation| {
        let (sup, handles) = start(Supervisor::new(Strategy::OneForOne), [worker("a", &Journal::default())]);
        end(&handles[0], ExitReason::other(Unspeakable));
        simulation.run_until_idle();
        assert!(sup.is_alive() && handles[0].get().is_some());
        Peer::from(&sup).exit(ExitReason::Shutdown);
    });
}

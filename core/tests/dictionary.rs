//! The dictionary of a process (P11).

mod common;

use std::sync::mpsc::channel;

use common::{here, seeds};
use genstage_core::{
    ExitReason, Init, Mailbox, Outcome, Process, ProcessContext, ThreadProcess, dictionary, spawn, spawn_monitor,
};

#[derive(Clone, Debug, PartialEq)]
struct RequestId(u64);

#[test]
fn p11_put_and_delete_return_what_was_there() {
    seeds(5, |_| {
        let here = here::<()>();
        assert_eq!(here.get::<RequestId>(), None);
        assert_eq!(here.delete::<RequestId>(), None);
        assert_eq!(here.put(RequestId(1)), None);
        assert_eq!(here.put(RequestId(2)), Some(RequestId(1)));
        assert_eq!(here.put("text"), None);
        assert_eq!((here.get(), here.get()), (Some(RequestId(2)), Some("text")));
        assert_eq!(here.keys().len(), 2);
        assert_eq!(here.keys()[0], "&str");
        assert_eq!(here.delete(), Some(RequestId(2)));
        assert_eq!((here.delete::<RequestId>(), here.keys()), (None, vec!["&str"]));
    });
}

#[test]
fn p11_each_process_has_its_own_in_callbacks_and_futures() {
    struct Server(std::sync::mpsc::Sender<Option<RequestId>>);
    impl Process for Server {
        type Message = u64;
        fn init(&mut self, cx: &mut ProcessContext<'_, u64>) -> Init {
            assert_eq!(dictionary::get::<RequestId>(), None, "P2.3: not inherited");
            cx.put(RequestId(0));
            Init::Continue
        }
        fn handle(&mut self, n: u64, cx: &mut ProcessContext<'_, u64>) -> Outcome {
            let before = cx.put(RequestId(n));
            assert_eq!(dictionary::get(), Some(RequestId(n)));
            let _ = self.0.send(before);
            Outcome::Continue
        }
    }
    seeds(50, |simulation| {
        let here = here::<()>();
        here.put(RequestId(99));
        let (report, reports) = channel();
        let servers: Vec<_> = (0..3).map(|_| Server(report.clone()).start().unwrap()).collect();
        for server in &servers {
            server.send(5).unwrap();
        }
        simulation.run_until_idle();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), vec![Some(RequestId(0)); 3]);
        let (report, reports) = channel();
        for n in 0..3 {
            let report = report.clone();
            spawn(move |own: Mailbox<()>| async move {
                let before = dictionary::put(RequestId(n));
                own.sleep(std::time::Duration::from_millis(1)).await;
                let keys = dictionary::keys().len();
                report.send((before, own.get(), dictionary::delete(), keys)).unwrap();
            });
        }
        simulation.run_until_idle();
        let mut seen: Vec<_> = reports.try_iter().collect();
        seen.sort_by_key(|(_, id, ..)| id.as_ref().map(|id: &RequestId| id.0));
        let expected = |n| (None, Some(RequestId(n)), Some(RequestId(n)), 1);
        assert_eq!(seen, [expected(0), expected(1), expected(2)]);
        assert_eq!(here.get(), Some(RequestId(99)));
    });
}

#[test]
fn p11_a_plain_thread_has_none() {
    assert_eq!(dictionary::put(RequestId(1)), None);
    assert_eq!(dictionary::get::<RequestId>(), None);
    assert_eq!(dictionary::delete::<RequestId>(), None);
    assert_eq!(dictionary::keys(), Vec::<&str>::new());
}

#[test]
fn p11_it_ends_with_the_process_before_others_hear_of_the_end() {
    #[derive(Clone, Debug)]
    #[allow(dead_code, reason = "held to be dropped")]
    struct Held(std::sync::Arc<()>);
    seeds(50, |_| {
        let here = here::<()>();
        let token = std::sync::Arc::new(());
        let held = Held(std::sync::Arc::clone(&token));
        spawn_monitor(move |own: Mailbox<()>| async move {
            own.put(held);
            ExitReason::other("x")
        });
        common::down(&here);
        assert_eq!(std::sync::Arc::strong_count(&token), 1);
    });
}

#[test]
fn p11_values_that_use_the_dictionary_themselves_or_panic_harm_nobody() {
    /// Looks at the dictionary when it is cloned and when it is dropped.
    #[derive(Debug)]
    struct Nosy(bool);
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            assert_eq!(dictionary::keys().len(), 1);
            Self(self.0)
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            dictionary::get::<u8>();
            if self.0 {
                std::panic::resume_unwind(Box::new("a value panics"));
            }
        }
    }
    seeds(5, |_| {
        let here = here::<()>();
        here.put(Nosy(false));
        drop(here.get::<Nosy>());
        drop(here.put(Nosy(false)));
        spawn_monitor(|own: Mailbox<()>| async move {
            own.put(Nosy(true));
        });
        let reason = common::down(&here).reason;
        assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "a value panics"), "{reason:?}");
    });
}

#[test]
fn p11_a_thread_process_has_one_too() {
    let here = ThreadProcess::<()>::start().unwrap();
    here.put(RequestId(3));
    assert_eq!(dictionary::get(), Some(RequestId(3)));
    drop(here);
    assert_eq!(dictionary::get::<RequestId>(), None);
}

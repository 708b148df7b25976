//! Timers (P9), in virtual time.

mod common;

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{here, idler, seeds};
use genstage_core::{
    ExitReason, Mail, Mailbox, Name, Process, Simulation, ThreadProcess, monotonic_time, register, send_after, send_at,
    sleep, spawn,
};

const SECOND: Duration = Duration::from_secs(1);

fn message<M: Send + 'static>(here: &ThreadProcess<M>) -> Option<M> {
    match here.receive(None) {
        Some(Mail::Message(message)) => Some(message),
        _ => None,
    }
}

#[test]
fn p9_1_a_message_comes_when_its_time_has_come() {
    seeds(50, |simulation| {
        let here = here();
        here.send_after(here.me(), 2, 2 * SECOND);
        here.send_after(here.me(), 1, SECOND);
        assert_eq!(message(&here), Some(1));
        assert_eq!(simulation.now(), SECOND);
        assert_eq!(message(&here), Some(2));
        assert_eq!(simulation.now(), 2 * SECOND);
    });
}

#[test]
fn p9_2_even_a_timer_of_zero_comes_after_what_is_queued() {
    seeds(50, |_| {
        let here = here();
        here.send_after(here.me(), "timer", Duration::ZERO);
        here.me().send("first").unwrap();
        assert_eq!([message(&here), message(&here)], [Some("first"), Some("timer")]);
    });
}

#[test]
fn p9_2_equal_deadlines_fire_in_the_order_of_setting() {
    seeds(50, |_| {
        let here = here();
        for n in 0..100 {
            here.send_after(here.me(), n, SECOND);
        }
        let seen: Vec<_> = (0..100).filter_map(|_| message(&here)).collect();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    });
}

/// Tells when it is dropped.
struct Told(Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn p9_3_a_timer_for_the_dead_counts_as_gone_and_its_message_is_dropped() {
    seeds(50, |simulation| {
        let (told, dropped) = channel();
        let target = spawn(|mailbox: Mailbox<Told>| async move { drop(mailbox.receive().await) });
        let timer = send_after(&target, Told(told.clone()), SECOND);
        assert_eq!(timer.read(), Some(SECOND));
        target.exit(ExitReason::Kill);
        assert_eq!([timer.read(), timer.cancel()], [None, None]);
        let _expiring = send_after(&target, Told(told), SECOND);
        simulation.run_until_idle();
        assert_eq!(dropped.try_iter().count(), 2);
    });
}

#[test]
fn p9_3_timers_of_the_dead_do_not_pile_up() {
    Simulation::new(0).run(|_| {
        let (told, dropped) = channel();
        let dead = spawn(|mailbox: Mailbox<Told>| async move { drop(mailbox.receive().await) });
        let _timers: Vec<_> = (0..100).map(|_| send_after(&dead, Told(told.clone()), SECOND)).collect();
        dead.exit(ExitReason::Kill);
        let alive = idler();
        (0..100).for_each(|_| drop(send_after(&alive, (), SECOND)));
        assert_eq!(dropped.try_iter().count(), 100, "long before their time");
    });
}

#[test]
fn p9_3_the_death_of_who_set_it_changes_nothing() {
    seeds(50, |_| {
        let here = here();
        let me = here.me().clone();
        spawn(move |own: Mailbox<()>| async move {
            own.send_after(&me, "legacy", SECOND);
        });
        assert_eq!(message(&here), Some("legacy"));
    });
}

#[test]
fn p9_4_cancel_tells_what_was_left_and_nothing_comes() {
    seeds(50, |simulation| {
        let here = here();
        let cancelled = here.send_after(here.me(), "never", 3 * SECOND);
        let fired = here.send_after(here.me(), "fired", SECOND);
        assert_eq!(message(&here), Some("fired"));
        assert_eq!(cancelled.read(), Some(2 * SECOND), "P9.5");
        assert_eq!(cancelled.cancel(), Some(2 * SECOND));
        assert_eq!([cancelled.cancel(), cancelled.read(), fired.cancel(), fired.read()], [None; 4]);
        assert!(here.receive(Some(10 * SECOND)).is_none());
        assert_eq!(simulation.now(), 11 * SECOND, "the wait took its time");
    });
}

#[test]
fn p9_4_cancelling_drops_the_message_and_leaves_the_others() {
    seeds(20, |_| {
        let here = here();
        let timers: Vec<_> = (0..1000).map(|n| here.send_after(here.me(), n, SECOND)).collect();
        let kept = |n: &u64| n.is_multiple_of(7);
        for (n, timer) in (0..).zip(&timers) {
            if !kept(&n) {
                assert_eq!(timer.cancel(), Some(SECOND));
            }
        }
        let seen: Vec<_> = std::iter::from_fn(|| message(&here)).collect();
        assert_eq!(seen, (0..1000).filter(kept).collect::<Vec<u64>>());
    });
}

#[test]
fn p9_6_huge_delays_mean_never() {
    seeds(5, |simulation| {
        let here = here();
        for delay in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_nanos(u64::MAX)] {
            let timer = here.send_after(here.me(), "never", delay);
            assert_eq!(timer.read(), Some(delay));
        }
        let sleeper = spawn(|own: Mailbox<()>| async move { own.sleep(Duration::MAX).await });
        simulation.run_until_idle();
        assert!(sleeper.is_alive());
        assert!(here.receive(Some(Duration::MAX)).is_none(), "nothing can ever arrive");
        assert_eq!(simulation.now(), Duration::ZERO);
        simulation.run_for(Duration::from_secs(1 << 33));
        let far = here.send_after(here.me(), "far", Duration::from_millis(1 << 40));
        assert_eq!(message(&here), Some("far"), "P9.6: more than 2^32 ms");
        assert_eq!(far.read(), None);
    });
}

#[test]
fn what_pending_timers_hold_is_dropped_with_the_runtime() {
    let (told, dropped) = channel();
    Simulation::new(0).run(|_| {
        let here = here();
        here.send_after(here.me(), Told(told.clone()), SECOND);
    });
    assert_eq!(dropped.try_iter().count(), 1);
    let runtime = genstage_core::Runtime::builder().workers(1).build().unwrap();
    {
        let _inside = runtime.enter();
        let here = here();
        here.send_after(here.me(), Told(told.clone()), 1000 * SECOND);
        drop(runtime);
        assert_eq!(dropped.try_iter().count(), 1);
        let late = here.send_after(here.me(), Told(told), SECOND);
        assert_eq!((late.read(), dropped.try_iter().count()), (None, 1), "no clock is left to fire it");
    }
}

#[test]
fn p9_1_an_absolute_time_is_that_time_or_now() {
    seeds(20, |simulation| {
        let here = here();
        simulation.run_for(5 * SECOND);
        assert_eq!(monotonic_time(), 5 * SECOND);
        send_at(here.me(), "late", SECOND);
        send_at(here.me(), "on time", 7 * SECOND);
        assert_eq!(message(&here), Some("late"));
        assert_eq!(simulation.now(), 5 * SECOND);
        assert_eq!(message(&here), Some("on time"));
        assert_eq!(simulation.now(), 7 * SECOND);
    });
}

#[test]
fn p9_1_a_name_is_looked_up_when_the_time_has_come() {
    seeds(50, |simulation| {
        let (here, heir) = (here::<u8>(), common::here::<u8>());
        let name = Name::from("desk");
        register("desk", here.me()).unwrap();
        send_after(&name, 1_u8, SECOND);
        let timer = here.send_after(&name, 2_u8, SECOND);
        assert_eq!(timer.read(), Some(SECOND));
        assert!(genstage_core::unregister("desk"));
        register("desk", heir.me()).unwrap();
        drop(here);
        assert_eq!((message(&heir), message(&heir)), (Some(1), Some(2)), "P9.3: it survives who had the name");
        // Nobody, then one who takes other messages: ignored, and what was sent is dropped.
        let (told, dropped) = channel();
        send_after(&Name::from("nobody"), Told(told.clone()), SECOND);
        send_after(&name, Told(told), SECOND);
        simulation.run_until_idle();
        assert_eq!(dropped.try_iter().count(), 2);
        assert!(heir.try_receive().is_none());
    });
}

#[test]
fn p9_1_a_name_in_a_book_is_looked_up_on_a_seat() {
    #[derive(Debug)]
    struct Book(genstage_core::Peer);
    impl genstage_core::Naming for Book {
        fn whereis(&self) -> Option<genstage_core::Peer> {
            Some(self.0.clone())
        }
        fn register(&self, process: &genstage_core::Peer) -> Result<(), genstage_core::RegisterError> {
            Err(genstage_core::RegisterError::Dead(process.pid()))
        }
    }
    let real = here::<u8>();
    send_after(&Name::via(Book(real.me().into())), 1_u8, Duration::from_millis(1));
    assert_eq!(message(&real), Some(1));
    drop(real);
    seeds(20, |simulation| {
        let here = here::<u8>();
        send_after(&Name::via(Book(here.me().into())), 1_u8, SECOND);
        assert_eq!((message(&here), simulation.now()), (Some(1), SECOND));
    });
}

#[test]
fn p9_6_sleep_blocks_the_caller_alone_and_takes_no_message() {
    struct Sleeper(Sender<Duration>);
    impl Process for Sleeper {
        type Message = Duration;
        fn handle(
            &mut self,
            time: Duration,
            _: &mut genstage_core::ProcessContext<'_, Duration>,
        ) -> genstage_core::Outcome {
            sleep(time);
            let _ = self.0.send(monotonic_time());
            genstage_core::Outcome::Continue
        }
    }
    seeds(50, |simulation| {
        let (report, reports) = channel();
        let sleeper = Sleeper(report).start().unwrap();
        sleeper.send(5 * SECOND).unwrap();
        sleeper.send(SECOND).unwrap();
        let here = here();
        here.me().send(7).unwrap();
        sleep(Duration::from_secs(1 << 33));
        assert_eq!(simulation.now(), Duration::from_secs(1 << 33), "more than 2^32 ms");
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [5 * SECOND, 6 * SECOND]);
        assert_eq!(message(&here), Some(7));
        sleep(Duration::MAX);
    });
    let start = std::time::Instant::now();
    sleep(Duration::from_millis(5));
    assert!(start.elapsed() >= Duration::from_millis(5));
}

//! What callbacks may do and what they are told: section 2, and the outcomes of `init` (section 3).

mod common;

use std::time::Duration;

use common::probes::{Counter, Sink};
use common::{Log, Seen, demand, seeds};
use genstage::core::{Mailbox, spawn};
use genstage::prelude::*;

/// Where a stage emits a 7 and stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Demand,
    Subscribe,
    Cancel,
    Signal,
    Call,
    Cast,
    Info,
    Continue,
    Timeout,
}

const ALL: [At; 9] =
    [At::Demand, At::Subscribe, At::Cancel, At::Signal, At::Call, At::Cast, At::Info, At::Continue, At::Timeout];

struct Go;

struct Leaver {
    at: At,
    consumers: usize,
    log: Log,
}

fn enough() -> ExitReason {
    ExitReason::other("enough")
}

impl Leaver {
    fn meets(&self, at: At, cx: &mut Context<'_, Self>) -> Outcome {
        if self.at != at {
            return Outcome::Continue;
        }
        cx.out().push(7);
        Outcome::Stop(enough())
    }
}

impl Producer for Leaver {
    type Event = u64;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.trap_exit(true);
        Init::Continue
    }

    fn handle_demand(&mut self, _: usize, out: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        if self.at != At::Demand {
            return Outcome::Continue;
        }
        out.push(7);
        Outcome::Stop(enough())
    }

    /// The first one is to get it.
    fn handle_subscribe(&mut self, _: &Partner, cx: &mut Context<'_, Self>) -> Outcome {
        self.consumers += 1;
        if self.consumers < 2 { Outcome::Continue } else { self.meets(At::Subscribe, cx) }
    }

    fn handle_cancel(&mut self, _: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        self.meets(At::Cancel, cx)
    }

    fn handle_signal(&mut self, _: Signal, cx: &mut Context<'_, Self>) -> Outcome {
        self.meets(At::Signal, cx)
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        self.log.note("p", Seen::Terminate(reason.clone()));
    }
}

impl HandleCall<Go> for Leaver {
    type Reply = ();

    fn handle_call(&mut self, _: Go, _: &mut Caller<()>, cx: &mut Context<'_, Self>) -> Answer<()> {
        match self.meets(At::Call, cx) {
            Outcome::Stop(reason) => Answer::Stop(reason, Some(())),
            Outcome::Continue => Answer::Reply(()),
        }
    }
}

impl HandleCast<Go> for Leaver {
    fn handle_cast(&mut self, _: Go, cx: &mut Context<'_, Self>) -> Outcome {
        cx.continue_with(Go);
        self.meets(At::Cast, cx)
    }
}

impl HandleInfo<Go> for Leaver {
    fn handle_info(&mut self, _: Go, cx: &mut Context<'_, Self>) -> Outcome {
        self.meets(At::Info, cx)
    }
}

impl HandleContinue<Go> for Leaver {
    fn handle_continue(&mut self, _: Go, cx: &mut Context<'_, Self>) -> Outcome {
        cx.idle_timeout(Duration::from_secs(1));
        self.meets(At::Continue, cx)
    }
}

impl HandleTimeout for Leaver {
    fn handle_timeout(&mut self, cx: &mut Context<'_, Self>) -> Outcome {
        self.meets(At::Timeout, cx)
    }
}

/// Section 2: a callback may emit and stop: the events go out, `terminate` runs once, and the stage ends with that reason. The
/// reference drops the events.
#[test]
fn what_a_producer_emits_goes_out_also_when_it_stops() {
    for at in ALL {
        seeds(20, |sim, log| {
            let producer = Leaver { at, consumers: 0, log: log.clone() }.start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).ask_first(5).start(StageOptions::new()).unwrap();
            let temporary = demand(10, 5).cancel(Cancel::Temporary);
            sink.sync_subscribe(&producer, temporary).unwrap();
            sim.run_until_idle();
            assert_eq!(producer.is_alive(), at != At::Demand);
            match at {
                At::Demand => {}
                At::Subscribe | At::Cancel => {
                    let other = Sink::new("other", log).manual().start(StageOptions::new()).unwrap();
                    let id = other.sync_subscribe(&producer, temporary).unwrap();
                    producer.cancel(id, ExitReason::Normal);
                }
                At::Signal => producer.exit(ExitReason::other("trapped")),
                At::Call => producer.call(Go).unwrap(),
                At::Cast | At::Continue | At::Timeout => producer.cast(Go),
                At::Info => producer.send(Go),
            }
            sim.run_for(Duration::from_secs(2));
            assert_eq!(log.events("c"), [7], "{at:?}");
            assert_eq!(log.cancels("c"), [(CancelKind::Down, enough())], "{at:?}");
            assert_eq!(log.of("p"), [Seen::Terminate(enough())], "{at:?}");
            assert_eq!(producer.exit_reason(), Some(enough()), "{at:?}");
        });
    }
}

/// The same where a stage in the middle stops over its input, or as it subscribes.
#[test]
fn what_a_stage_in_the_middle_emits_goes_out_also_when_it_stops() {
    struct Leaver {
        as_it_subscribes: bool,
    }

    impl ProducerConsumer for Leaver {
        type In = u64;
        type Out = u64;

        fn handle_subscribe_to(&mut self, _: &Partner, cx: &mut Context<'_, Self>) -> Manner {
            if !self.as_it_subscribes {
                return Manner::Automatic;
            }
            cx.out().push(7);
            Manner::Stop(enough())
        }

        fn handle_events(
            &mut self,
            events: Events<'_, u64>,
            out: &mut Emit<u64>,
            _: &mut Context<'_, Self>,
        ) -> Outcome {
            out.push(events.len() as u64);
            Outcome::Stop(enough())
        }
    }

    for (as_it_subscribes, got) in [(true, 7), (false, 2)] {
        seeds(20, |sim, log| {
            let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
            let middle = Leaver { as_it_subscribes }.start(StageOptions::new()).unwrap();
            let sink = Sink::new("c", log).start(StageOptions::new()).unwrap();
            sink.sync_subscribe(&middle, demand(10, 5)).unwrap();
            sim.run_until_idle();
            middle.async_subscribe(&producer, demand(4, 2));
            sim.run_until_idle();
            assert_eq!(log.events("c"), [got]);
            assert_eq!(log.cancels("c"), [(CancelKind::Down, enough())]);
            assert_eq!(log.cancels("p").len(), 1);
            assert_eq!(log.demands("p"), if as_it_subscribes { vec![] } else { vec![4] });
        });
    }
}

/// What `handle_subscribe` and `handle_cancel` were told: from which side, by whom, with which bounds, how and why.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Subscribed(Side, Pid, usize, usize, Cancel),
    Cancelled(Side, Pid, CancelKind, ExitReason),
}

type Notes = std::sync::mpsc::Sender<(&'static str, Told)>;

struct Teller(&'static str, Notes);

impl Teller {
    fn subscribed(&self, side: Side, other: &Partner) {
        let options = other.options;
        let told = Told::Subscribed(side, other.stage.pid(), options.max(), options.min(), options.mode());
        self.1.send((self.0, told)).unwrap();
    }

    fn cancelled(&self, cancellation: &Cancellation) {
        let Cancellation { side, stage, kind, reason, .. } = cancellation;
        self.1.send((self.0, Told::Cancelled(*side, stage.pid(), *kind, reason.clone()))).unwrap();
    }
}

struct Source(Teller);
struct Middle(Teller);
struct End(Teller);

impl Producer for Source {
    type Event = u64;

    fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, consumer: &Partner, _: &mut Context<'_, Self>) -> Outcome {
        self.0.subscribed(Side::Consumer, consumer);
        Outcome::Continue
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.0.cancelled(cancellation);
        Outcome::Continue
    }
}

impl ProducerConsumer for Middle {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, consumer: &Partner, _: &mut Context<'_, Self>) -> Outcome {
        self.0.subscribed(Side::Consumer, consumer);
        Outcome::Continue
    }

    fn handle_subscribe_to(&mut self, producer: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.0.subscribed(Side::Producer, producer);
        Manner::Automatic
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.0.cancelled(cancellation);
        Outcome::Continue
    }
}

impl Consumer for End {
    type Event = u64;

    fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, producer: &Partner, _: &mut Context<'_, Self>) -> Manner {
        self.0.subscribed(Side::Producer, producer);
        Manner::Automatic
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.0.cancelled(cancellation);
        Outcome::Continue
    }
}

/// Sections 2 and 4: both sides of a subscription hear of its begin, with its bounds and mode, and of its end, with the
/// side that the other one was on. A stage in the middle hears both.
#[test]
fn both_sides_are_told_who_subscribes_and_who_leaves() {
    seeds(20, |sim, _| {
        let (notes, told) = std::sync::mpsc::channel();
        let source = Source(Teller("p", notes.clone())).start(StageOptions::new()).unwrap();
        let middle = Middle(Teller("m", notes.clone())).start(StageOptions::new()).unwrap();
        let end = End(Teller("c", notes)).start(StageOptions::new()).unwrap();
        let upper = middle.sync_subscribe(&source, demand(7, 3).cancel(Cancel::Temporary)).unwrap();
        sim.run_until_idle();
        end.sync_subscribe(&middle, demand(9, 1).cancel(Cancel::Transient)).unwrap();
        sim.run_until_idle();
        source.cancel(upper, ExitReason::Shutdown);
        sim.run_until_idle();
        end.exit(ExitReason::Kill);
        sim.run_until_idle();
        let [source, middle, end] = [source.pid(), middle.pid(), end.pid()];
        let all: Vec<_> = told.try_iter().collect();
        let of = |who| all.iter().filter(|(name, _)| *name == who).map(|(_, told)| told.clone()).collect::<Vec<_>>();
        let cancelled = (CancelKind::Cancel, ExitReason::Shutdown);
        assert_eq!(
            of("p"),
            [
                Told::Subscribed(Side::Consumer, middle, 7, 3, Cancel::Temporary),
                Told::Cancelled(Side::Consumer, middle, cancelled.0, cancelled.1.clone()),
            ]
        );
        assert_eq!(
            of("m"),
            [
                Told::Subscribed(Side::Producer, source, 7, 3, Cancel::Temporary),
                Told::Subscribed(Side::Consumer, end, 9, 1, Cancel::Transient),
                Told::Cancelled(Side::Producer, source, cancelled.0, cancelled.1),
                Told::Cancelled(Side::Consumer, end, CancelKind::Down, ExitReason::Killed),
            ]
        );
        assert_eq!(of("c"), [Told::Subscribed(Side::Producer, middle, 9, 1, Cancel::Transient)]);
    });
}

/// Section 3: who does not want to run ends normally: no `terminate`, no name, no subscriptions, and the start says so. The start
/// returns when `init` has.
#[test]
fn init_may_decline_to_run() {
    struct Unwanted(Log);

    impl Consumer for Unwanted {
        type Event = u64;

        fn init(&mut self, _: &mut Context<'_, Self>) -> Init {
            self.0.note("c", Seen::Init);
            Init::Ignore
        }

        fn handle_events(&mut self, _: Events<'_, u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }

        fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
            self.0.note("c", Seen::Terminate(reason.clone()));
        }
    }

    seeds(10, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        let options = || StageOptions::new().name("unwanted").subscribe_to(&producer, demand(10, 5));
        for _ in 0..2 {
            log.clear();
            assert_eq!(Unwanted(log.clone()).start(options()).unwrap_err(), StartError::Ignore);
            assert_eq!(log.of("c"), [Seen::Init]);
        }
        sim.run_until_idle();
        assert_eq!((log.all(), Name::from("unwanted").pid()), (vec![("c", Seen::Init)], None));
    });
}

/// Q21: `format_discarded` sees what the callback that emitted has made of the state. The reference shows it the state before.
#[test]
fn q21_format_discarded_sees_the_state_there_is() {
    struct Tally {
        emitted: usize,
        seen: Vec<(usize, usize)>,
    }

    struct Read;

    impl Producer for Tally {
        type Event = u64;

        fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
            Outcome::Continue
        }

        fn format_discarded(&mut self, count: usize) -> bool {
            self.seen.push((self.emitted, count));
            false
        }
    }

    impl HandleCast<usize> for Tally {
        fn handle_cast(&mut self, count: usize, cx: &mut Context<'_, Self>) -> Outcome {
            self.emitted += count;
            cx.out().extend((0..count).map(|n| n as u64));
            Outcome::Continue
        }
    }

    impl HandleCall<Read> for Tally {
        type Reply = Vec<(usize, usize)>;

        fn handle_call(
            &mut self,
            _: Read,
            _: &mut Caller<Self::Reply>,
            _: &mut Context<'_, Self>,
        ) -> Answer<Self::Reply> {
            Answer::Reply(self.seen.clone())
        }
    }

    seeds(5, |_, _| {
        let tally = Tally { emitted: 0, seen: Vec::new() }.start(StageOptions::new().buffer_size(4)).unwrap();
        for count in [3, 3, 5] {
            tally.cast(count);
        }
        assert_eq!(tally.call(Read), Ok(vec![(6, 2), (11, 5)]));
    });
}

/// Section 16: a linked stage ends with its parent. One that traps exits does so for any reason, in order: `terminate` runs.
#[test]
fn a_linked_stage_ends_with_its_parent_and_one_that_traps_exits_does_so_in_order() {
    for (reason, plain_lives) in [(ExitReason::Normal, true), (ExitReason::other("bad"), false)] {
        seeds(20, |sim, log| {
            let (send, children) = std::sync::mpsc::channel();
            let (trapping, plain) =
                (Leaver { at: At::Call, consumers: 0, log: log.clone() }, Counter::new("plain", log));
            let end = reason.clone();
            let parent = spawn(move |mailbox: Mailbox<()>| async move {
                let trapping = trapping.start_link(StageOptions::new()).unwrap();
                send.send((trapping, plain.start_link(StageOptions::new()).unwrap())).unwrap();
                mailbox.receive().await;
                end
            });
            sim.run_until_idle();
            let (trapping, plain) = children.try_recv().unwrap();
            parent.send(()).unwrap();
            sim.run_until_idle();
            assert_eq!(trapping.exit_reason(), Some(reason.clone()));
            assert_eq!(log.of("p"), [Seen::Terminate(reason.clone())]);
            assert_eq!(plain.exit_reason(), (!plain_lives).then(|| reason.clone()));
            assert_eq!(log.of("plain"), [Seen::Init], "a signal that is not trapped skips `terminate`");
        });
    }
}

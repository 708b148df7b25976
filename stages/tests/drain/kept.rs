//! What stages keep in a state of their own, and the children of a consumer supervisor, are waited for.

use std::time::Duration;

use genstage::DrainEnd;
use genstage::core::{Address, Mailbox, spawn_link};
use genstage::prelude::*;

use crate::common::probes::{Counter, Sink};
use crate::common::{Log, Seen, demand, range, seeds};
use crate::{LONG, ms};

/// Keeps what it was told until it is asked.
#[derive(Clone)]
pub(crate) struct Queue(pub(crate) std::collections::VecDeque<u64>, pub(crate) Log);

impl Producer for Queue {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        self.1.note("a", Seen::Demand(demand));
        out.extend(self.0.drain(..demand.min(self.0.len())));
        cx.still_holds(self.0.len());
        Outcome::Continue
    }

    fn handle_drain(&mut self, _: &mut Context<'_, Self>) -> usize {
        self.1.note("a", Seen::Info("drain"));
        self.0.len()
    }
}

#[test]
fn a_producer_gives_what_it_keeps_itself_before_it_ends() {
    seeds(50, |_, log| {
        let queue = Queue(range(0..100).into(), log.clone()).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&queue, demand(10, 5)).unwrap();
        let report = queue.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("b"), range(0..100));
        assert_eq!(log.infos("a"), ["drain"], "once");
        assert_eq!(log.demands("a").iter().sum::<usize>(), 100, "and it is asked for nothing when it has nothing");
    });
}

#[test]
fn what_a_producer_keeps_itself_is_reported_as_left() {
    seeds(50, |_, log| {
        let queue = Queue(range(0..100).into(), log.clone()).start(StageOptions::new()).unwrap();
        let sink = Sink::new("b", log).ask_first(6).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&queue, demand(10, 5)).unwrap();
        let report = queue.drain(ms(50));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((from.held, from.left(), to.handled(), &from.end), (94, 94, 6, &DrainEnd::Stopped), "{report}");
    });
}

/// Hands on sums of four, and in a drain what is left over.
#[test]
fn a_stage_in_the_middle_gives_what_it_has_kept_of_its_input() {
    struct Sums(Vec<u64>);

    impl ProducerConsumer for Sums {
        type In = u64;
        type Out = u64;

        fn handle_events(
            &mut self,
            events: Events<'_, u64>,
            out: &mut Emit<u64>,
            _: &mut Context<'_, Self>,
        ) -> Outcome {
            for event in events {
                self.0.push(event);
                if self.0.len() == 4 {
                    out.push(self.0.drain(..).sum());
                }
            }
            Outcome::Continue
        }

        fn handle_drain(&mut self, cx: &mut Context<'_, Self>) -> usize {
            cx.out().push(self.0.drain(..).sum());
            0
        }
    }

    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
        let sums = Sums(Vec::new()).start(StageOptions::new()).unwrap();
        let sink = Sink::new("c", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&sums, demand(1, 0)).unwrap();
        sums.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(10));
        assert!(counter.drain(LONG).is_complete());
        assert_eq!(log.events("c"), [1 + 2 + 3, 4 + 5 + 6 + 7, 8 + 9]);
    });
}

/// Is done with its event after so long.
fn child(event: u64, time: Duration, done: impl FnOnce(u64) + Send + 'static) -> Address<()> {
    spawn_link(move |mailbox: Mailbox<()>| async move {
        mailbox.within(time, mailbox.receive()).await;
        done(event);
    })
}

/// With any mode: also where a permanent end would stop the children.
#[test]
fn a_consumer_supervisor_waits_for_its_children() {
    for mode in [Cancel::Permanent, Cancel::Temporary] {
        seeds(50, |sim, log| {
            let counter = Counter::new("a", log).up_to(10).start(StageOptions::new()).unwrap();
            let note = log.clone();
            let done = move |event| note.note("child", Seen::Batch(vec![event]));
            let children = ConsumerSupervisor::with_start(move |event| Ok(child(event, ms(10 + event), done.clone())));
            let children = children.start_link(StageOptions::new()).unwrap();
            children.sync_subscribe(&counter, demand(4, 0).cancel(mode)).unwrap();
            sim.run_for(ms(5));
            let report = counter.drain(LONG);
            assert!(report.is_complete() && !children.is_alive(), "{report}");
            assert_eq!(log.events("child"), range(0..report.stages[0].snapshot.emitted), "each has come to its end");
            assert!(sim.now() < ms(100), "and nobody waits for longer");
        });
    }
}

#[test]
fn children_that_take_too_long_are_stopped_and_reported() {
    seeds(50, |sim, log| {
        let counter = Counter::new("a", log).up_to(3).start(StageOptions::new()).unwrap();
        let time = |event| if event == 0 { ms(1) } else { LONG };
        let children = ConsumerSupervisor::with_start(move |event| Ok(child(event, time(event), |_| {})));
        let children = children.start_link(StageOptions::new()).unwrap();
        children.sync_subscribe(&counter, demand(10, 5)).unwrap();
        sim.run_for(ms(5));
        let running = children.which_children().unwrap();
        let pids: Vec<Pid> = running.iter().filter_map(|child| child.state.pid()).collect();
        let report = counter.drain(ms(50));
        let [from, to] = &report.stages[..] else { panic!("{report}") };
        assert_eq!((&from.end, &to.end), (&DrainEnd::Drained, &DrainEnd::Stopped), "{report}");
        assert_eq!((to.handled(), to.held, to.left(), report.is_complete()), (3, 2, 2, false));
        assert!(pids.len() == 2 && pids.iter().all(|pid| !genstage::Peer::from(*pid).is_alive()));
        assert_eq!(children.exit_reason(), Some(ExitReason::Shutdown), "in order, though it traps exits");
        assert!(sim.now() <= ms(5 + 50 + 300));
    });
}

/// What was pushed is given, and who pushes more has it back.
#[test]
fn a_feed_gives_what_it_has_and_takes_nothing_more() {
    seeds(50, |_, log| {
        let (feed, source) = genstage::feed(10);
        let source = source.start(StageOptions::new()).unwrap();
        for event in 0..10 {
            feed.send(event).unwrap();
        }
        let sink = Sink::new("b", log).slow(ms(1)).start(StageOptions::new()).unwrap();
        sink.sync_subscribe(&source, demand(3, 1)).unwrap();
        let report = source.drain(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(log.events("b"), range(0..10));
        assert!(feed.is_closed());
        assert_eq!(feed.send(10), Err(genstage::FeedError::Closed(10)));
    });
}

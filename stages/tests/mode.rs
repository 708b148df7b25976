//! Demand that is kept back and let through: section 9.4.

mod common;

use common::messages::{Die, Put, PutMark};
use common::probes::{Counter, Sink};
use common::{Log, Seen, demand, range, seeds};
use genstage::prelude::*;

fn accumulating() -> StageOptions<genstage::AsProducer<Counter>> {
    StageOptions::new().demand(DemandMode::Accumulate)
}

fn reader(log: &Log, producer: &ProducerRef<Counter>) -> SubscriptionId {
    let consumer = Sink::new("c", log).manual().start(StageOptions::new()).unwrap();
    consumer.sync_subscribe(producer, demand(10, 0)).unwrap()
}

/// Section 9.4: while demand accumulates the producer hears of none; then it hears of each ask by itself, in order.
#[test]
fn demands_are_kept_back_and_not_merged() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(accumulating()).unwrap();
        let id = reader(log, &producer);
        for count in [2, 2, 5] {
            producer.ask(id, count);
        }
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.batches("c")), (vec![], vec![]));
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [2, 2, 5]);
        assert_eq!(log.batches("c"), [range(0..2), range(2..4), range(4..9)]);
    });
}

/// Section 9.4: events emitted meanwhile wait in their place between the demands.
#[test]
fn held_demands_and_events_are_let_go_in_order() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(accumulating()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 2);
        producer.cast(Put(vec![100, 101]));
        producer.ask(id, 3);
        sim.run_until_idle();
        assert_eq!((producer.estimate_buffered_count(), log.events("c")), (Ok(0), vec![]));
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        // The first demand brings 0 and 1; the events take two of the three asked for next, and the producer gives the last.
        assert_eq!(log.events("c"), [0, 1, 100, 101, 2]);
        assert_eq!(log.demands("p").iter().sum::<usize>(), 3);
    });
}

/// Section 9.4: held events are not bound by the buffer, and a call that emits is answered at once.
#[test]
fn held_events_are_not_bounded_by_the_buffer() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).silent().start(accumulating().buffer_size(2)).unwrap();
        assert_eq!(producer.call(Put(range(0..10))), Ok(()));
        let id = reader(log, &producer);
        producer.ask(id, 10);
        sim.run_until_idle();
        assert_eq!(log.discarded("p"), []);
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!((log.events("c"), log.discarded("p")), (range(0..10), vec![]));
    });
}

/// Section 9.4: setting the mode that there is changes nothing.
#[test]
fn setting_the_same_mode_loses_nothing() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).start(accumulating()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 2);
        producer.demand(DemandMode::Accumulate);
        producer.ask(id, 3);
        producer.demand(DemandMode::Accumulate);
        sim.run_until_idle();
        producer.demand(DemandMode::Forward);
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.events("c")), (vec![2, 3], range(0..5)));
        producer.demand(DemandMode::Forward);
        producer.ask(id, 1);
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.events("c")), (vec![2, 3, 1], range(0..6)));
    });
}

/// Section 9.4: the mode may change at any time; the buffer stays and is served first, and nothing is lost or out of order.
#[test]
fn the_mode_may_change_on_the_fly_with_events_in_the_buffer() {
    seeds(200, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.cast(Put(range(0..5)));
        producer.demand(DemandMode::Accumulate);
        producer.cast(Put(range(5..8)));
        producer.ask(id, 2);
        sim.run_until_idle();
        // The buffer is kept back as well.
        assert_eq!((producer.estimate_buffered_count(), log.events("c")), (Ok(5), vec![]));
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!((producer.estimate_buffered_count(), log.events("c")), (Ok(6), range(0..2)));
        producer.demand(DemandMode::Accumulate);
        producer.cast(Put(range(8..10)));
        producer.ask(id, 100);
        producer.demand(DemandMode::Forward);
        producer.cast(Put(range(10..12)));
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..12));
    });
}

/// Section 9.4: demand that was handed out before stays as it is: the producer still owes it.
#[test]
fn demand_handed_out_before_is_still_owed() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 4);
        producer.demand(DemandMode::Accumulate);
        producer.ask(id, 2);
        sim.run_until_idle();
        producer.cast(Put(range(0..4)));
        sim.run_until_idle();
        assert_eq!((log.demands("p"), log.events("c")), (vec![4], vec![]));
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.events("c"), range(0..4));
        assert_eq!(log.demands("p"), [4, 2]);
    });
}

/// Section 9.4: a step that stops the stage drops the rest.
#[test]
fn a_stop_while_letting_go_drops_the_rest() {
    seeds(20, |sim, log| {
        let producer = Counter::new("p", log).panic_on_demand().start(accumulating()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 2);
        producer.ask(id, 3);
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.demands("p"), [2]);
        assert!(!producer.is_alive());
    });
}

/// Section 9.4 and the ledger: what was asked for by a consumer that has left meanwhile is not asked of the producer.
#[test]
fn held_demand_of_a_consumer_that_left_is_withdrawn() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).start(accumulating()).unwrap();
        let gone = Sink::new("gone", log).ask_first(7).start(StageOptions::new()).unwrap();
        gone.sync_subscribe(&producer, demand(10, 0)).unwrap();
        sim.run_until_idle();
        gone.exit(ExitReason::Kill);
        let id = reader(log, &producer);
        producer.ask(id, 2);
        sim.run_until_idle();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!((log.events("c"), producer.estimate_buffered_count()), (range(0..2), Ok(0)));
        assert_eq!(log.demands("p").iter().sum::<usize>(), 2);
    });
}

/// Q10: an info keeps its place behind events that are held.
#[test]
fn infos_stay_behind_held_events() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(accumulating()).unwrap();
        let id = reader(log, &producer);
        producer.ask(id, 10);
        producer.cast(PutMark(vec![1], "first"));
        sim.run_until_idle();
        producer.cast(PutMark(vec![2], "second"));
        sim.run_until_idle();
        assert_eq!((log.infos("p"), log.events("c")), (vec![], vec![]));
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!((log.infos("p"), log.events("c")), (vec!["first", "second"], vec![1, 2]));
    });
}

/// Q10: also where the held events end up in the buffer.
#[test]
fn infos_stay_behind_held_events_in_the_buffer() {
    seeds(50, |sim, log| {
        let producer = Counter::new("p", log).silent().start(accumulating()).unwrap();
        let id = reader(log, &producer);
        producer.cast(PutMark(vec![1, 2], "behind 2"));
        sim.run_until_idle();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        assert_eq!(log.infos("p"), Vec::<&str>::new());
        producer.ask(id, 1);
        sim.run_until_idle();
        assert_eq!(log.infos("p"), Vec::<&str>::new());
        producer.ask(id, 1);
        sim.run_until_idle();
        assert_eq!(log.infos("p"), ["behind 2"]);
    });
}

/// Upstream's advice: accumulate until all consumers are there, then forward, and all get their share.
#[test]
fn consumers_that_subscribe_before_forward_share_the_events() {
    seeds(50, |sim, log| {
        let producer = from_enumerable(0..40_u64).start(StageOptions::new().demand(DemandMode::Accumulate)).unwrap();
        let mode = Cancel::Transient;
        for who in ["a", "b"] {
            let consumer = Sink::new(who, log).start(StageOptions::new()).unwrap();
            consumer.sync_subscribe(&producer, demand(10, 0).cancel(mode)).unwrap();
        }
        sim.run_until_idle();
        producer.demand(DemandMode::Forward);
        sim.run_until_idle();
        let mut events = [log.events("a"), log.events("b")].concat();
        assert!(log.events("a").len() >= 10 && log.events("b").len() >= 10);
        events.sort_unstable();
        assert_eq!(events, range(0..40));
    });
}

/// Changing the mode of the dead is nothing.
#[test]
fn the_mode_of_a_dead_stage_is_nobodys_business() {
    seeds(5, |sim, log| {
        let producer = Counter::new("p", log).start(StageOptions::new()).unwrap();
        producer.cast(Die(ExitReason::Normal));
        sim.run_until_idle();
        producer.demand(DemandMode::Accumulate);
        sim.run_until_idle();
        assert_eq!(log.of("p"), [Seen::Init, Seen::Terminate(ExitReason::Normal)]);
    });
}

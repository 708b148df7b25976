//! A producer and its consumer, and what the table of section 13 says of them.

use crate::common::probes::{Counter, Sink};
use crate::common::{Log, Seen, demand};
use genstage::prelude::*;

pub(crate) fn reasons() -> [ExitReason; 5] {
    [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("detail"),
        ExitReason::other("bad"),
        ExitReason::Timeout,
    ]
}

/// The table of section 13.
pub(crate) fn ends(mode: Cancel, reason: &ExitReason) -> bool {
    match mode {
        Cancel::Permanent => true,
        Cancel::Transient => !reason.is_clean(),
        Cancel::Temporary => false,
    }
}

pub(crate) const MODES: [Cancel; 3] = [Cancel::Permanent, Cancel::Transient, Cancel::Temporary];

pub(crate) fn pair(log: &Log, mode: Cancel) -> (ProducerRef<Counter>, ConsumerRef<Sink>, SubscriptionId) {
    let producer = Counter::new("p", log).silent().start(StageOptions::new()).unwrap();
    let consumer = Sink::new("c", log).start(StageOptions::new()).unwrap();
    let id = consumer.sync_subscribe(&producer, demand(10, 5).cancel(mode)).unwrap();
    (producer, consumer, id)
}

/// What the consumer must have seen of the end: `handle_cancel` once and first, then `terminate` if the mode says so.
pub(crate) fn assert_ended(
    log: &Log,
    consumer: &ConsumerRef<Sink>,
    mode: Cancel,
    kind: CancelKind,
    reason: &ExitReason,
) {
    let mut expected = vec![Seen::Cancel(kind, reason.clone())];
    if ends(mode, reason) {
        expected.push(Seen::Terminate(reason.clone()));
    }
    assert_eq!(log.of("c")[1..], expected, "{mode:?}, {reason:?}");
    assert_eq!(consumer.exit_reason(), ends(mode, reason).then(|| reason.clone()), "{mode:?}");
}

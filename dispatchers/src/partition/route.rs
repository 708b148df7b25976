//! The hash at work.

use std::vec;

use super::Sorter;
use crate::Deliveries;

/// Takes events from the front and sorts them, as long as there is demand.
///
/// One call for many events rather than one for each, so that the hash is compiled into the loop. A panic, of the hash or of an
/// event that is dropped, leaves it: called again, it goes on with the events not reached.
pub(super) trait Route<T>: Send {
    fn run(
        &mut self,
        events: &mut vec::Drain<'_, T>,
        sorter: &mut Sorter<T>,
        unknown: &mut Failed,
        out: &mut Deliveries<T>,
    );
}

/// Says where an event goes, or drops it. The error is the name of a partition that does not exist.
pub(super) struct ByHash<F>(pub(super) F);

impl<T, F> Route<T> for ByHash<F>
where
    F: FnMut(T) -> Result<Option<(usize, T)>, String> + Send,
{
    fn run(
        &mut self,
        events: &mut vec::Drain<'_, T>,
        sorter: &mut Sorter<T>,
        unknown: &mut Failed,
        out: &mut Deliveries<T>,
    ) {
        loop {
            sorter.settle(out);
            let most = sorter.demand();
            if most == 0 || events.len() == 0 {
                return;
            }
            let mut bins = sorter.fill(out);
            // No event costs more demand than one.
            for event in events.by_ref().take(most) {
                match (self.0)(event) {
                    Ok(Some((place, event))) => bins.put(place, event),
                    Ok(None) => bins.drop_one(),
                    Err(partition) => unknown.count(|| partition),
                }
            }
        }
    }
}

/// Events that were lost for one reason, with the first case of it.
pub(super) struct Failed(Option<(usize, String)>);

impl Failed {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn count(&mut self, what: impl FnOnce() -> String) {
        self.0.get_or_insert_with(|| (0, what())).0 += 1;
    }

    pub(super) fn take(self) -> Option<(usize, String)> {
        self.0
    }
}

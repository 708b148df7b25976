//! An `init` with a limit: it runs on a seat, and the starter waits no longer than that (G1.2).

use std::thread::Thread;
use std::time::Duration;

use super::any::AnyProcess;
use super::cell::{BoxedBody, Cell};
use super::current;
use super::family::Family;
use crate::sync::{Arc, Mutex};
use crate::{ExitReason, StartError};

/// Who came first: the process that is ready, or the starter whose patience is over.
enum Race {
    Open,
    /// `init` has succeeded in time; the outcome follows at once.
    Won,
    Over(Result<(), StartError>),
    /// The time is over.
    Lost,
}

struct Start {
    race: Mutex<Race>,
    starter: Thread,
}

impl Start {
    /// `init` has succeeded. Whether that was in time.
    fn win(&self, in_time: bool) -> bool {
        let mut race = self.race.lock();
        let won = in_time && matches!(*race, Race::Open);
        *race = if won { Race::Won } else { Race::Lost };
        won
    }

    fn finish(&self, outcome: Result<(), StartError>) {
        let mut race = self.race.lock();
        if !matches!(*race, Race::Lost) {
            *race = Race::Over(outcome);
        }
        drop(race);
        self.starter.unpark();
    }

    /// What the starter is told; `None` while nothing is decided.
    fn outcome(&self) -> Option<Result<(), StartError>> {
        match &*self.race.lock() {
            Race::Open | Race::Won => None,
            Race::Over(outcome) => Some(outcome.clone()),
            Race::Lost => Some(Err(StartError::Timeout)),
        }
    }

    /// The time is over. False: `init` has succeeded meanwhile.
    fn lose(&self) -> bool {
        let mut race = self.race.lock();
        if matches!(*race, Race::Open) {
            *race = Race::Lost;
        }
        matches!(*race, Race::Lost)
    }
}

/// Ends a start as [`Cell::launch`] does, within this time.
pub(crate) fn within<M: Send + 'static>(
    limit: Duration,
    cell: &Arc<Cell<M>>,
    family: &Family,
    body: BoxedBody<M>,
) -> Result<(), StartError> {
    let engine = cell.engine();
    let deadline = engine.clock.now().saturating_add(limit);
    let start = Arc::new(Start { race: Mutex::new(Race::Open), starter: std::thread::current() });
    let job = {
        let (cell, family, start) = (Arc::clone(cell), family.clone(), Arc::clone(&start));
        let waiting = current::waiting_for_start();
        move || {
            let _waited_for = current::enter_starts_of(waiting);
            if cell.is_abandoned() {
                cell.bury(Some(body), ExitReason::Killed);
                return;
            }
            let in_time = || start.win(cell.engine().clock.now() < deadline);
            start.finish(cell.launch(&family, body, in_time));
        }
    };
    engine.run_soon(job);
    if let Some(outcome) = engine.wait(Some(deadline), || start.outcome()) {
        return outcome;
    }
    if !start.lose() {
        // It is being set going at this moment.
        return engine.wait(None, || start.outcome()).unwrap_or(Err(StartError::Timeout));
    }
    family.part(&**cell, cell.engine());
    Arc::clone(cell).exit_signal(crate::Pid::NOBODY, ExitReason::Kill, false);
    cell.abandon();
    Err(StartError::Timeout)
}

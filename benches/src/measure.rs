//! What does an event take, of time or of memory? Runs the engines in turn and keeps what each run took.

use std::fmt;
use std::time::Instant;

use crate::engines::{Form, Role};
use crate::scenario::Checksum;

/// One run of an engine, and what it took for each event, in the scenario's unit.
pub type Trial<'a> = Box<dyn Fn() -> Result<f64, Fault> + 'a>;

/// An engine about to run a scenario.
pub struct Contender<'a> {
    /// The engine's name.
    pub name: &'static str,
    /// What it stands for in the comparison.
    pub role: Role,
    /// Runs its form of the scenario.
    pub trial: Trial<'a>,
}

impl fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// The runs of one engine, summed up, in the scenario's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The run that took least.
    pub min: f64,
    /// The run in the middle; of an even number of runs, the mean of the two in the middle.
    pub median: f64,
    /// The run that took most.
    pub max: f64,
}

impl Spread {
    /// Sums up these runs; none without any.
    pub fn of(mut runs: Vec<f64>) -> Option<Self> {
        runs.sort_by(f64::total_cmp);
        let middle = runs.len() / 2;
        let upper = *runs.get(middle)?;
        let lower = runs[(runs.len() - 1) / 2];
        Some(Self { min: *runs.first()?, median: f64::midpoint(lower, upper), max: *runs.last()? })
    }
}

/// What one engine reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The engine's name.
    pub engine: &'static str,
    /// What it stands for in the comparison.
    pub role: Role,
    /// Its runs.
    pub spread: Spread,
}

/// A run that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The engine lost, doubled or damaged events.
    WrongSum {
        /// What the events add up to.
        expected: Checksum,
        /// What the engine added up.
        actual: Checksum,
    },
    /// Nothing could be measured, for this reason.
    Unmeasured(String),
}

impl Fault {
    /// Compares what an engine added up with what the events add up to.
    ///
    /// # Errors
    ///
    /// When they differ.
    pub fn check(actual: Checksum, expected: Checksum) -> Result<(), Self> {
        if actual == expected { Ok(()) } else { Err(Self::WrongSum { expected, actual }) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongSum { expected, actual } => {
                write!(f, "the engine summed up {actual}, the events add up to {expected}")
            }
            Self::Unmeasured(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Fault {}

/// Measures the time of a form: the whole run, divided by its events.
pub fn timed(form: Form<'_>, events: u64, expected: Checksum) -> Trial<'_> {
    Box::new(move || {
        let start = Instant::now();
        let actual = form(events);
        let nanos = start.elapsed().as_secs_f64() * 1e9;
        Fault::check(actual, expected)?;
        Ok(share(nanos, events))
    })
}

/// What one of so many events has of it.
#[expect(clippy::cast_precision_loss, reason = "16 digits of a count are plenty for a mean")]
pub fn share(whole: f64, events: u64) -> f64 {
    whole / events as f64
}

/// Runs each contender once to warm up, then all in turn (A B C, A B C, ...) `runs` times.
///
/// # Errors
///
/// When a run, the warm-up included, goes wrong: the engine's name and what happened.
pub fn in_turn(contenders: &[Contender<'_>], runs: usize) -> Result<Vec<Measured>, (&'static str, Fault)> {
    let run = |contender: &Contender<'_>| (contender.trial)().map_err(|fault| (contender.name, fault));
    for contender in contenders {
        run(contender)?;
    }
    let mut taken = vec![Vec::with_capacity(runs); contenders.len()];
    for _ in 0..runs {
        for (contender, taken) in contenders.iter().zip(&mut taken) {
            taken.push(run(contender)?);
        }
    }
    let measured = contenders.iter().zip(taken).filter_map(|(contender, taken)| {
        Some(Measured { engine: contender.name, role: contender.role, spread: Spread::of(taken)? })
    });
    Ok(measured.collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn an_odd_number_of_runs_has_one_in_the_middle() {
        let spread = Spread::of(vec![3.0, 1.0, 9.0, 2.0, 8.0]);
        assert_eq!(spread, Some(Spread { min: 1.0, median: 3.0, max: 9.0 }));
    }

    #[test]
    fn an_even_number_of_runs_has_two_in_the_middle() {
        let spread = Spread::of(vec![4.0, 1.0, 9.0, 2.0]);
        assert_eq!(spread, Some(Spread { min: 1.0, median: 3.0, max: 9.0 }));
    }

    #[test]
    fn one_run_is_all_three_and_none_is_nothing() {
        assert_eq!(Spread::of(vec![7.0]), Some(Spread { min: 7.0, median: 7.0, max: 7.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn what_a_run_takes_is_divided_by_its_events() {
        assert!((share(3e6, 2_000_000) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn engines_take_turns_after_a_warm_up() {
        let turns = RefCell::new(String::new());
        let contender = |name: &'static str| Contender {
            name,
            role: Role::Peer,
            trial: Box::new({
                let turns = &turns;
                move || {
                    turns.borrow_mut().push_str(name);
                    Ok(1.0)
                }
            }),
        };
        let measured = in_turn(&[contender("A"), contender("B")], 3).unwrap();
        assert_eq!(*turns.borrow(), "ABABABAB");
        let names: Vec<_> = measured.iter().map(|one| one.engine).collect();
        assert_eq!(names, ["A", "B"]);
    }

    #[test]
    fn a_wrong_sum_is_an_error() {
        let trial = timed(Box::new(|_| 41), 10, 42);
        let (engine, fault) = in_turn(&[Contender { name: "lossy", role: Role::Peer, trial }], 1).unwrap_err();
        assert_eq!(engine, "lossy");
        assert_eq!(fault.to_string(), "the engine summed up 41, the events add up to 42");
    }
}

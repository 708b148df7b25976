//! How long does an event take? Runs the engines in turn and keeps the time of each run.

use std::fmt;
use std::time::{Duration, Instant};

use crate::engines::{Form, Role};
use crate::scenario::Checksum;

/// An engine about to run a scenario.
pub struct Contender<'a> {
    /// The engine's name.
    pub name: &'static str,
    /// What it stands for in the comparison.
    pub role: Role,
    /// Its form of the scenario.
    pub form: Form<'a>,
}

impl fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// The runs of one engine, summed up, in ns per event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The fastest run.
    pub min: f64,
    /// The run in the middle; of an even number of runs, the mean of the two in the middle.
    pub median: f64,
    /// The slowest run.
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

/// An engine lost, doubled or damaged events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSum {
    /// The engine's name.
    pub engine: &'static str,
    /// What the events add up to.
    pub expected: Checksum,
    /// What the engine's consumer added up.
    pub actual: Checksum,
}

impl fmt::Display for WrongSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, expected, actual } = self;
        write!(f, "{engine} summed up {actual}, the events add up to {expected}")
    }
}

impl std::error::Error for WrongSum {}

/// Runs each contender once to warm up, then all in turn (A B C, A B C, ...) `runs` times.
///
/// # Errors
///
/// When a run, the warm-up included, does not end in the `expected` sum.
pub fn in_turn(
    contenders: &[Contender<'_>],
    events: u64,
    expected: Checksum,
    runs: usize,
) -> Result<Vec<Measured>, WrongSum> {
    for contender in contenders {
        timed(contender, events, expected)?;
    }
    let mut times = vec![Vec::with_capacity(runs); contenders.len()];
    for _ in 0..runs {
        for (contender, times) in contenders.iter().zip(&mut times) {
            times.push(per_event(timed(contender, events, expected)?, events));
        }
    }
    let measured = contenders.iter().zip(times).filter_map(|(contender, times)| {
        Some(Measured { engine: contender.name, role: contender.role, spread: Spread::of(times)? })
    });
    Ok(measured.collect())
}

fn timed(contender: &Contender<'_>, events: u64, expected: Checksum) -> Result<Duration, WrongSum> {
    let start = Instant::now();
    let actual = (contender.form)(events);
    let elapsed = start.elapsed();
    if actual == expected { Ok(elapsed) } else { Err(WrongSum { engine: contender.name, expected, actual }) }
}

#[expect(clippy::cast_precision_loss, reason = "16 digits of a count are plenty for a mean")]
fn per_event(elapsed: Duration, events: u64) -> f64 {
    elapsed.as_secs_f64() * 1e9 / events as f64
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
    fn time_is_divided_by_events() {
        let ns = per_event(Duration::from_millis(3), 2_000_000);
        assert!((ns - 1.5).abs() < 1e-9);
    }

    #[test]
    fn engines_take_turns_after_a_warm_up() {
        let turns = RefCell::new(String::new());
        let contender = |name: &'static str| Contender {
            name,
            role: Role::Peer,
            form: Box::new({
                let turns = &turns;
                move |events| {
                    turns.borrow_mut().push_str(name);
                    events
                }
            }),
        };
        let measured = in_turn(&[contender("A"), contender("B")], 4, 4, 3).unwrap();
        assert_eq!(*turns.borrow(), "ABABABAB");
        let names: Vec<_> = measured.iter().map(|one| one.engine).collect();
        assert_eq!(names, ["A", "B"]);
    }

    #[test]
    fn a_wrong_sum_is_an_error() {
        let lossy = Contender { name: "lossy", role: Role::Peer, form: Box::new(|_| 41) };
        let wrong = in_turn(&[lossy], 10, 42, 1).unwrap_err();
        assert_eq!(wrong.to_string(), "lossy summed up 41, the events add up to 42");
    }
}

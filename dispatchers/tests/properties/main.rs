//! Each dispatcher against a model of its rule in section 15, over random histories that shrink: consumers come, ask, leave
//! and come back, events are emitted and offered again, infos wait, and what the dead had comes back.
//!
//! The same histories each time; `PROPTEST_RNG_SEED=7 PROPTEST_CASES=10000` gives others, and more.

mod broadcast;
mod demand;
mod history;
mod partition;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// Runs a test on so many inputs, unless the environment says otherwise. A failure shows the smallest input, and the seed.
fn check<S: Strategy>(cases: u32, input: &S, test: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let seed = config.rng_seed;
    let outcome = TestRunner::new(config).run(input, |input| {
        test(input);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => panic!("{why}\nsmallest input: {input:#?}\nPROPTEST_RNG_SEED={seed}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

//! Random graphs of stages with random crashes, cancels, resubscriptions and late subscribers, held to the invariants of
//! section 21.
//!
//! Every event has a number of its own. All that is asked for, delivered, received, emitted and discarded is entered in a
//! book, which checks what must hold always; at the end, when nothing moves any more, it is balanced.
//!
//! The plans are the same each time; `PROPTEST_RNG_SEED=7 PROPTEST_CASES=10000` gives others, and more.

mod balance;
mod book;
mod graph;
mod plan;
mod spy;
mod stages;

use book::Kind;
use genstage::Simulation;
use graph::Graph;
use plan::{Plan, plan};
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// Runs so many plans, unless the environment says otherwise. A failure shows the smallest plan, and the seed.
fn check(cases: u32, kinds: Option<Kind>, test: impl Fn(Plan)) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let seed = config.rng_seed;
    let outcome = TestRunner::new(config).run(&plan(kinds), |plan| {
        test(plan);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, plan)) => panic!("{why}\nsmallest plan: {plan:#?}\nPROPTEST_RNG_SEED={seed}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

fn hold(kinds: Option<Kind>) {
    check(500, kinds, |plan| Simulation::new(plan.seed).run(|sim| Graph::grow(sim, &plan).balance()));
}

/// Section 21, and the decisions on Q1, Q7 and Q25.
#[test]
fn random_graphs_keep_the_invariants_of_section_21() {
    hold(Some(Kind::Demand));
}

/// The same where each event goes to all that select it: Q2, Q3, Q11 and Q18 among consumers that come and go.
#[test]
fn random_broadcasts_keep_the_invariants_of_section_21() {
    hold(Some(Kind::Broadcast));
}

/// The same with partitions: Q4, Q5 and Q18.
#[test]
fn random_partitions_keep_the_invariants_of_section_21() {
    hold(Some(Kind::Partition));
}

/// The same with all three in one graph.
#[test]
fn random_mixtures_keep_the_invariants_of_section_21() {
    hold(None);
}

/// The same plan and seed give the same run: the books are equal to the letter.
#[test]
fn a_seed_replays() {
    check(20, None, |plan| {
        let book = || Simulation::new(plan.seed).run(|sim| Graph::grow(sim, &plan).describe());
        assert_eq!(book(), book());
    });
}

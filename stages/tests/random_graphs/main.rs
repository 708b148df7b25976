//! Random graphs of stages with random crashes, cancels and late subscribers, held to the invariants of section 21.
//!
//! Every event has a number of its own. All that is asked for, delivered, received, emitted and discarded is entered in a
//! book, which checks what must hold always; at the end, when nothing moves any more, it is balanced.

mod book;
mod graph;
mod spy;
mod stages;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use book::Kind;
use genstage::Simulation;
use graph::Graph;

fn run(seed: u64, kinds: Option<Kind>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        Simulation::new(seed).run(|sim| {
            let mut graph = Graph::new(sim, seed, kinds);
            for _ in 0..40 {
                graph.step();
            }
            graph.settle();
            graph.balance();
        });
    }));
    if let Err(panic) = outcome {
        eprintln!("replay with seed {seed}");
        resume_unwind(panic);
    }
}

/// Section 21, and the decisions on Q1, Q7 and Q25.
#[test]
fn random_graphs_keep_the_invariants_of_section_21() {
    for seed in 0..600 {
        run(seed, Some(Kind::Demand));
    }
}

/// The same where each event goes to all that select it: Q2, Q3, Q11 and Q18 among consumers that come and go.
#[test]
fn random_broadcasts_keep_the_invariants_of_section_21() {
    for seed in 0..600 {
        run(seed, Some(Kind::Broadcast));
    }
}

/// The same with partitions: Q4, Q5 and Q18.
#[test]
fn random_partitions_keep_the_invariants_of_section_21() {
    for seed in 0..600 {
        run(seed, Some(Kind::Partition));
    }
}

/// The same with all three in one graph.
#[test]
fn random_mixtures_keep_the_invariants_of_section_21() {
    for seed in 0..600 {
        run(seed, None);
    }
}

/// The same seed gives the same run: the books are equal to the letter.
#[test]
fn a_seed_replays() {
    let book = |seed| {
        Simulation::new(seed).run(|sim| {
            let mut graph = Graph::new(sim, seed, None);
            for _ in 0..40 {
                graph.step();
            }
            graph.settle();
            graph.describe()
        })
    };
    for seed in 0..20 {
        assert_eq!(book(seed), book(seed), "seed {seed}");
    }
}

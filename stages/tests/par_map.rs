//! One batch on several threads.
#![cfg(feature = "rayon")]

mod common;

use common::seeds;
use genstage::ExitReason;
use genstage::pipeline::{self, PipelineError};

#[test]
fn order_is_kept() {
    seeds(20, |_, _| {
        let all = pipeline::from_iter(0..3000_u64).par_map(|n| n * 2).fold(Vec::new(), Vec::push).run();
        assert!(all.unwrap().into_iter().eq((0..3000).map(|n| n * 2)));
    });
    let all = pipeline::from_iter(0..30_000_u64).par_map(|n| n * 2).into_iter().map(Result::unwrap);
    assert!(all.eq((0..30_000).map(|n| n * 2)));
}

#[test]
fn a_panic_ends_the_stage() {
    seeds(10, |_, _| {
        let run = pipeline::from_iter(0..3000_u64).par_map(|n| assert!(n != 1700, "no {n}")).for_each(|()| ()).run();
        let Err(PipelineError::Failed { step, reason: ExitReason::Panic(panic), .. }) = run else { panic!("{run:?}") };
        assert_eq!((step.as_str(), panic.message()), ("par_map (2)", "no 1700"));
    });
}

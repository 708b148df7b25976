//! Pipelines from code: what they give, how they end, and what is left behind.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{nap, seeds};
use genstage::core::{processes, sleep};
use genstage::pipeline::{self, PipelineError, StepError};
use genstage::prelude::*;

/// Runs a test in a simulation for each seed, and checks that it leaves no process behind.
fn alone(count: u64, test: impl Fn()) {
    seeds(count, |sim, _| {
        test();
        sim.run_until_idle();
        assert_eq!(processes(), [], "left behind");
    });
}

fn step_of(error: PipelineError) -> (String, ExitReason) {
    match error {
        PipelineError::Failed { step, reason, .. } => (step, reason),
        other => panic!("no failure of a step: {other:?}"),
    }
}

fn panicked_in(error: PipelineError, expected: &str, message: &str) {
    let (step, reason) = step_of(error);
    assert_eq!(step, expected);
    let ExitReason::Panic(panic) = reason else { panic!("no panic: {reason}") };
    assert_eq!(panic.message(), message);
}

#[test]
fn a_line_keeps_the_order_and_all_events() {
    alone(60, || {
        let all = pipeline::from_iter(0..5000_u64)
            .map(|n| n * 2)
            .filter(|n| n % 3 == 0)
            .flat_map(|n| [n, n + 1])
            .filter_map(|n| (n % 2 == 0).then_some(n / 2))
            .fold(Vec::new(), Vec::push)
            .run()
            .unwrap();
        assert!(all.into_iter().eq((0..5000).filter(|n| n % 3 == 0)));
    });
}

#[test]
fn an_empty_source_ends_the_line() {
    alone(40, || {
        let none = pipeline::from_iter(0..0_u64).map(|n| n).chunks(3).fold(0, |count, _| *count += 1);
        assert_eq!(none.run(), Ok(0));
        assert_eq!(pipeline::from_iter(0..0_u64).into_iter().count(), 0);
    });
}

#[test]
fn copies_share_the_events_and_all_of_them_get_some() {
    alone(60, || {
        let counts = pipeline::from_iter(0..100_u64)
            .map(|n| n)
            .concurrency(3)
            .fold((0, 0), |(count, sum), n| {
                *count += 1;
                *sum += n;
            })
            .concurrency(4)
            .run()
            .unwrap();
        assert_eq!(counts.len(), 4);
        assert_eq!(counts.iter().map(|(_, sum)| sum).sum::<u64>(), 4950);
        assert!(counts.iter().all(|(count, _)| *count > 0), "one has nothing: {counts:?}");
    });
}

#[test]
fn a_fan_out_comes_together_again_in_one() {
    alone(60, || {
        let mut all = pipeline::from_iter(0..1000_u64)
            .map(|n| n + 1)
            .concurrency(4)
            .max_demand(10)
            .fold(Vec::new(), Vec::push)
            .run()
            .unwrap();
        all.sort_unstable();
        assert!(all.into_iter().eq(1..=1000));
    });
}

#[test]
fn partitions_keep_keys_apart_and_in_order() {
    alone(60, || {
        let parts = pipeline::from_iter(0..1000_u64)
            .map(|n| n)
            .concurrency(2)
            .partition(4, |n| n % 4)
            .fold(Vec::new(), Vec::push)
            .run()
            .unwrap();
        for (part, events) in (0..).zip(&parts) {
            assert_eq!(events.len(), 250);
            assert!(events.iter().all(|n| n % 4 == part));
        }
        let parts = pipeline::from_iter(0..1000_u64).partition(4, |n| n % 4).fold(Vec::new(), Vec::push).run();
        for (part, events) in (0..).zip(parts.unwrap()) {
            assert!(events.into_iter().eq((0..250).map(|n| n * 4 + part)));
        }
    });
}

#[test]
fn partitioned_counts_hold_each_word_once() {
    alone(40, || {
        let words = "a rose is a rose is a rose".split(' ').map(String::from);
        let counts = pipeline::from_iter(words)
            .partition_by(3, |word| word.as_str())
            .fold(HashMap::new(), |counts, word| *counts.entry(word).or_insert(0) += 1)
            .run()
            .unwrap();
        let all: Vec<_> = counts.into_iter().flatten().collect();
        let counts: HashMap<_, _> = all.iter().cloned().collect();
        assert_eq!(all.len(), 3, "a word is in two parts");
        assert_eq!((counts["a"], counts["rose"], counts["is"]), (3, 3, 2));
    });
}

#[test]
fn each_copy_has_its_own_state() {
    alone(40, || {
        let highest = pipeline::from_iter(0..40_u64)
            .partition(4, |n| *n)
            .map_with(
                || 0,
                |seen, _| {
                    *seen += 1;
                    *seen
                },
            )
            .fold(0, |highest, n| *highest = (*highest).max(n))
            .run();
        assert_eq!(highest, Ok(10));
    });
}

#[test]
fn chunks_are_full_but_for_the_last() {
    alone(40, || {
        let sizes = pipeline::from_iter(0..1007_u64).chunks(100).map(|chunk| chunk.len()).into_iter();
        let sizes: Vec<_> = sizes.map(Result::unwrap).collect();
        assert_eq!(sizes, [vec![100; 10], vec![7]].concat());
    });
}

#[test]
fn merged_lines_end_with_the_last_of_them() {
    alone(60, || {
        let short = pipeline::from_iter(0..10_u64);
        let long = pipeline::from_iter(10..2000_u64).map(|n| n);
        let mut all = short.merge(long).fold(Vec::new(), Vec::push).run().unwrap();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..2000));
    });
}

#[test]
fn a_broadcast_gives_each_event_to_both_ends() {
    alone(60, || {
        let (texts, (sums, few)) = pipeline::from_iter(0..1500_u64)
            .broadcast(
                |events| events.map(|n| n.to_string()).fold(0, |length, text| *length += text.len()),
                |events| {
                    events.broadcast(
                        |events| events.map(|n| n).concurrency(3).fold(0, |sum, n| *sum += n).concurrency(2),
                        |events| events.take(5).fold(Vec::new(), Vec::push),
                    )
                },
            )
            .run()
            .unwrap();
        assert_eq!(texts, 10 + 180 + 2700 + 2000);
        assert_eq!(sums.iter().sum::<u64>(), 1_124_250);
        assert_eq!(few, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn take_ends_an_endless_source() {
    alone(60, || {
        let sum = pipeline::from_iter(1_u64..).map(|n| n).take(2500).map(|n| n).fold(0, |sum, n| *sum += n).run();
        assert_eq!(sum, Ok(3_126_250));
    });
}

#[test]
fn a_panic_in_any_step_is_an_error_with_its_name() {
    fn fail(n: u64) -> u64 {
        assert!(n != 1234, "no {n}");
        n
    }
    alone(30, || {
        let source = || pipeline::from_iter(0..5000_u64);
        let last = |_: u64| ();
        let run = source().map(fail).name("here").map(|n| n).for_each(last).run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
        let run = source().map(|n| n).filter(|n| fail(*n) > 0).name("here").concurrency(3).for_each(last).run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
        let run = source().filter_map(|n| Some(fail(n))).for_each(last).run();
        panicked_in(run.unwrap_err(), "filter_map (2)", "no 1234");
        let run = source().flat_map(|n| [fail(n)]).name("here").for_each(last).run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
        let run = source().map_with(|| 0, |_, n| fail(n)).name("here").for_each(last).run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
        let run = source().map_with(|| assert_eq!(1, 2, "state"), |(), n| n).name("here").for_each(last).run();
        assert_eq!(step_of(run.unwrap_err()).0, "here");
        let run = source().for_each(|n| _ = fail(n)).name("here").concurrency(2).run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
        let run = source().fold(0, |_, n| _ = fail(n)).name("here").run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
        let run = pipeline::from_iter((0..5000_u64).map(fail)).name("here").map(|n| n).for_each(last).run();
        panicked_in(run.unwrap_err(), "here", "no 1234");
    });
}

#[test]
fn a_panic_in_a_key_is_a_failure_of_the_step_before() {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "a key gets a reference")]
    fn key(n: &u64) -> u64 {
        assert!(*n != 77, "no key");
        *n
    }
    alone(60, || {
        let run = pipeline::from_iter(0..100_u64).name("here").partition(4, key).for_each(|_| ()).run();
        panicked_in(run.unwrap_err(), "here", "no key");
        let source = pipeline::from_iter(0..78_u64).map(|n| n).name("here");
        let run = source.partition(4, key).for_each(|_| ()).run();
        panicked_in(run.unwrap_err(), "here", "no key");
    });
}

#[test]
fn a_panic_in_a_branch_ends_both() {
    alone(40, || {
        let run = pipeline::from_iter(0_u64..)
            .broadcast(
                |events| events.for_each(|_| ()),
                |events| events.for_each(|n| assert!(n < 1000, "enough")).name("here"),
            )
            .run();
        panicked_in(run.unwrap_err(), "here", "enough");
    });
}

#[test]
fn an_iterator_that_is_dropped_early_leaves_nothing_behind() {
    alone(60, || {
        let mut first = pipeline::from_iter(0_u64..).map(|n| n).concurrency(2).max_demand(4).into_iter();
        assert!(first.next().unwrap().is_ok());
        drop(first);
        // Not even asked for anything.
        drop(pipeline::from_iter(0_u64..).map(|n| n).into_iter());
        let few = pipeline::from_iter(0_u64..).map(|n| n).into_iter();
        few.stop();
    });
}

#[test]
fn an_iterator_gives_all_events_and_then_the_error() {
    alone(60, || {
        let all = pipeline::from_iter(0..3000_u64).map(|n| n).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert!(all.into_iter().eq(0..3000));
        let mut failing = pipeline::from_iter(0..3000_u64)
            .map(|n| {
                assert!(n < 1600, "no more");
                n
            })
            .name("here")
            .map(|n| n)
            .map(|n| n)
            .into_iter();
        let error = failing.find_map(Result::err).unwrap();
        panicked_in(error, "here", "no more");
        assert!(failing.next().is_none());
    });
}

#[test]
fn bad_options_start_nothing() {
    fn problem(error: PipelineError) -> (String, String) {
        let PipelineError::Options { step, error } = error else { panic!("started: {error:?}") };
        (step, error.to_string())
    }
    alone(5, || {
        let source = || pipeline::from_iter(0..9_u64);
        let run = source().map(|n| n).concurrency(0).name("a").for_each(|_| ()).run();
        assert_eq!(problem(run.unwrap_err()), ("a".to_owned(), "concurrency must be >= 1, got 0".to_owned()));
        let run = source().for_each(|_| ()).concurrency(0).run();
        assert!(matches!(run, Err(PipelineError::Options { error: StepError::Zero("concurrency"), .. })));
        let none = ("b".to_owned(), "partitions must be >= 1, got 0".to_owned());
        assert_eq!(problem(source().partition(0, |n| *n).for_each(|_| ()).name("b").run().unwrap_err()), none);
        let run = source().partition_by(0, |n| n).map(|n| n).name("b").for_each(|_| ()).run();
        assert_eq!(problem(run.unwrap_err()), none);
        // The number of copies is the user's, too.
        let run = source().map(|n| n).concurrency(usize::MAX).name("a").for_each(|_| ()).run();
        assert_eq!(problem(run.unwrap_err()), ("a".to_owned(), "concurrency must be <= 65536".to_owned()));
        let add = 1;
        let run = source().for_each(move |n| assert!(n < n + add)).concurrency(usize::MAX).run();
        assert!(matches!(run, Err(PipelineError::Options { error: StepError::TooManyCopies, .. })));
        let run = source().partition(usize::MAX, |n| *n).for_each(|_| ()).name("b").run();
        assert_eq!(problem(run.unwrap_err()), ("b".to_owned(), "partitions must be <= 65536".to_owned()));
        let run = source().chunks(0).for_each(drop).run();
        assert_eq!(
            problem(run.unwrap_err()),
            ("chunks (2)".to_owned(), "size of chunks must be >= 1, got 0".to_owned())
        );
        let run = source().map(|n| n).max_demand(0).for_each(|_| ()).run();
        assert!(matches!(run, Err(PipelineError::Options { error: StepError::Demand(_), .. })));
        let run = source().for_each(|_| ()).max_demand(5).min_demand(5).run();
        assert!(matches!(run, Err(PipelineError::Options { error: StepError::Demand(_), .. })));
        let mut never = source().map(|n| n).max_demand(0).into_iter();
        assert!(matches!(never.next(), Some(Err(PipelineError::Options { .. }))));
        assert!(never.next().is_none());
        assert_eq!(pipeline::from_iter(0..9_u64).take(0).fold(0, |count, _| *count += 1).run(), Ok(0));
    });
}

#[test]
fn what_is_under_way_is_bounded_with_a_slow_end() {
    alone(20, || {
        let (made, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, finished) = (Arc::clone(&made), Arc::clone(&done));
        let ahead = Arc::new(Mutex::new(0));
        let most = Arc::clone(&ahead);
        let source = std::iter::from_fn(move || Some(counted.fetch_add(1, Ordering::Relaxed)));
        pipeline::from_iter(source)
            .map(|n| n)
            .max_demand(10)
            .take(500)
            .max_demand(10)
            .for_each(move |_| {
                nap(Duration::from_millis(1));
                let done = finished.fetch_add(1, Ordering::Relaxed);
                let mut most = most.lock().unwrap();
                *most = (*most).max(made.load(Ordering::Relaxed) - done);
            })
            .max_demand(10)
            .run()
            .unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 500);
        assert!(*ahead.lock().unwrap() <= 40, "{} ahead", ahead.lock().unwrap());
    });
}

#[test]
fn a_started_pipeline_can_be_stopped_and_says_so() {
    alone(40, || {
        let pipeline = pipeline::from_iter(0_u64..).map(|n| n).concurrency(2).for_each(|_| ()).start().unwrap();
        assert!(pipeline.is_alive());
        assert_eq!(pipeline.supervisor().count_children().unwrap().active, 4);
        assert_eq!(pipeline.outcomes().len(), 4);
        // Time stands still while there is work, and here there always is.
        pipeline.stop();
        assert!(!pipeline.is_alive());
        assert!(matches!(pipeline.join(), Err(PipelineError::Stopped { .. })));
    });
}

#[test]
fn a_pipeline_that_is_drained_loses_nothing_and_gives_its_result() {
    alone(30, || {
        let counts = pipeline::from_iter(0_u64..)
            .name("numbers")
            .map(|n| n + 1)
            .concurrency(2)
            .partition(2, |n| n % 2)
            .fold(0_u64, |count, _| *count += 1)
            .name("count")
            .start()
            .unwrap();
        let graph = counts.graph();
        let mut names: Vec<_> = graph.stages.iter().map(|stage| stage.name.clone().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["count/0", "count/1", "map (2)/0", "map (2)/1", "numbers"]);
        assert_eq!((graph.edges.len(), graph.unreachable.len()), (6, 0));

        let report = counts.drain(Duration::from_secs(5));
        assert!(report.is_complete(), "{report}");
        let emitted: Vec<_> =
            report.stages.iter().filter(|stage| stage.snapshot.name.as_deref() == Some("numbers")).collect();
        assert_eq!(emitted.len(), 1);
        assert_eq!(counts.join().unwrap().iter().sum::<u64>(), emitted[0].snapshot.emitted);
    });
}

#[test]
fn a_result_is_given_once() {
    alone(20, || {
        let pipeline = pipeline::from_iter(0..10_u64).fold(0, |sum, n| *sum += n).start_link().unwrap();
        assert_eq!(pipeline.join(), Ok(45));
        assert_eq!(pipeline.join(), Err(PipelineError::Taken));
    });
}

#[test]
fn a_stage_cannot_wait_for_its_own_pipeline() {
    alone(20, || {
        let own = Arc::new(Mutex::new(None));
        let inside = Arc::clone(&own);
        let ended = pipeline::from_iter(0..1_u64)
            .fold(Vec::new(), move |seen, _: u64| {
                sleep(Duration::from_millis(1));
                let pipeline: Option<pipeline::PipelineRef<Vec<bool>>> = inside.lock().unwrap().clone();
                seen.push(matches!(pipeline.unwrap().join(), Err(PipelineError::Never)));
            })
            .start()
            .unwrap();
        *own.lock().unwrap() = Some(ended.clone());
        assert_eq!(ended.join(), Ok(vec![true]));
    });
}

#[test]
fn a_supervised_pipeline_starts_again_from_its_source() {
    use genstage::core::{Strategy, Supervisor};
    seeds(30, |sim, _| {
        let runs = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (again, all) = (Arc::clone(&runs), Arc::clone(&seen));
        let child = pipeline::child_spec("it", move || {
            let fails = again.fetch_add(1, Ordering::Relaxed) == 0;
            let all = Arc::clone(&all);
            pipeline::from_iter(0..3_u64)
                .map(move |n| {
                    assert!(!fails || n < 2, "the first time");
                    n
                })
                .max_demand(1)
                .for_each(move |n| all.lock().unwrap().push(n))
        })
        .restart(genstage::core::Restart::Permanent);
        let supervisor = Supervisor::new(Strategy::OneForOne).max_restarts(1).child(child).start_link().unwrap();
        // The second run ends as it should, and is one restart too many.
        sim.run_until_idle();
        assert!(!supervisor.is_alive());
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        let seen = seen.lock().unwrap();
        assert!(seen.ends_with(&[0, 1, 2]), "{seen:?}");
    });
}

/// The first run fails, the second one is done: a transient child is not started a third time.
#[test]
fn a_transient_pipeline_starts_again_after_a_failure_and_not_after_a_success() {
    use genstage::core::{Restart, Strategy, Supervisor};
    seeds(30, |sim, _| {
        let runs = Arc::new(AtomicUsize::new(0));
        let again = Arc::clone(&runs);
        let child = pipeline::child_spec("it", move || {
            let fails = again.fetch_add(1, Ordering::Relaxed) == 0;
            pipeline::from_iter(0..3_u64)
                .map(move |n| if fails && n == 2 { panic!("the first time") } else { n })
                .fold(0, |sum, n| *sum += n)
        });
        let handle = child.handle();
        let child = child.restart(Restart::Transient);
        let supervisor = Supervisor::new(Strategy::OneForOne).max_restarts(1).child(child).start_link().unwrap();
        let first = handle.get().unwrap();
        sim.run_until_idle();
        let reason = genstage::core::Peer::from(&first).exit_reason();
        assert!(matches!(&reason, Some(ExitReason::Panic(panic)) if panic.message() == "the first time"), "{reason:?}");
        assert_eq!((supervisor.is_alive(), runs.load(Ordering::Relaxed)), (true, 2));
        assert_eq!(supervisor.count_children().unwrap().active, 0, "it is done");
    });
}

struct Unwilling;

impl Producer for Unwilling {
    type Event = u64;

    fn init(&mut self, _: &mut Context<'_, Self>) -> genstage::Init {
        genstage::Init::Fail(ExitReason::other("not today"))
    }

    fn handle_demand(&mut self, _: usize, _: &mut Emit<u64>, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Continue
    }
}

/// A step may have any name: that of the supervisor is no step's.
#[test]
fn the_supervisor_is_told_from_a_step_of_that_name() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let dead = {
        let _inside = runtime.enter();
        runtime.shutdown(Duration::from_secs(5));
        pipeline::from_iter(0..3_u64).for_each(|_| ()).name("supervisor").run().unwrap_err()
    };
    assert_eq!(dead, PipelineError::Supervisor(StartError::ShutDown));
    assert_eq!(dead.to_string(), "the supervisor of the pipeline did not start: the runtime is shutting down");
    alone(3, || {
        let failing = pipeline::from_producer(Unwilling).name("supervisor").for_each(|_: u64| ()).run().unwrap_err();
        let PipelineError::Start { step, .. } = &failing else { panic!("{failing:?}") };
        assert_eq!(step, "supervisor");
    });
}

#[test]
fn a_pipeline_runs_inside_a_step_of_another() {
    alone(30, || {
        let sums = pipeline::from_iter(1..4_u64)
            .map(|n| pipeline::from_iter(0..n * 100).map(|n| n + 1).fold(0, |sum, n| *sum += n).run())
            .max_demand(2)
            .into_iter();
        let sums: Vec<_> = sums.map(|sum| sum.unwrap().unwrap()).collect();
        assert_eq!(sums, [5050, 20100, 45150]);
        // A failure within is an error, and no end of who runs it.
        let failed = pipeline::from_iter(0..3_u64)
            .map(|_| pipeline::from_iter(0..3_u64).for_each(|_| panic!("within")).run().is_err())
            .fold(0, |errors, error| *errors += usize::from(error))
            .run();
        assert_eq!(failed, Ok(3));
    });
}

#[test]
fn real_threads_give_the_same() {
    let runtime = Runtime::builder().workers(3).build().unwrap();
    let _inside = runtime.enter();
    for _ in 0..20 {
        let sums = pipeline::from_iter(0..20_000_u64)
            .map(|n| n + 1)
            .concurrency(3)
            .partition(4, |n| n % 4)
            .fold(0, |sum, n| *sum += n)
            .run()
            .unwrap();
        assert_eq!(sums.iter().sum::<u64>(), 200_010_000);
        let run = pipeline::from_iter(0_u64..)
            .map(|n| {
                assert!(n < 5000, "enough");
                n
            })
            .name("here")
            .concurrency(2)
            .map(|n| n)
            .for_each(|_| ())
            .run();
        panicked_in(run.unwrap_err(), "here", "enough");
        let first = pipeline::from_iter(0_u64..).map(|n| n).into_iter().take(1500).map(Result::unwrap);
        assert!(first.eq(0..1500));
    }
    let last = pipeline::from_iter(0_u64..).map(|n| n).into_iter();
    last.stop();
    // Those that were dropped before have been told to stop; each is quick to do so.
    while !runtime.processes().is_empty() {
        std::thread::yield_now();
    }
}

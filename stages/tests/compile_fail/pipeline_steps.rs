//! Steps of a pipeline that do not fit.

use genstage::pipeline;

fn main() {
    let numbers = || pipeline::from_iter(0..9_u64);
    let _ = numbers().map(|n| n * 2).for_each(|n: u64| drop(n));
    let _ = numbers().map(|n| n * 2).for_each(|text: String| drop(text)); //~ E0631 type mismatch in closure arguments
    let _ = numbers().for_each(|_| ()).map(|n| n); //~ E0599 the method `map` exists
    let _ = numbers().merge(pipeline::from_iter(["a"])); //~ E0271 type mismatch
    let _ = numbers().partition(4, |n| *n).for_each(|_| ()).concurrency(2); //~ E0599 no method named `concurrency`
}

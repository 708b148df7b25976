//! One batch on several threads: data-parallel work below a callback.

use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use genstage_core::may_block;
use genstage_dispatchers::Events;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::kernel::{Kernel, More};
use crate::emit::Emit;

/// The step made by [`Pipeline::par_map`](super::Pipeline::par_map).
pub struct ParMap<F, T, U> {
    f: F,
    types: PhantomData<fn(T) -> U>,
}

impl<F, T, U> ParMap<F, T, U> {
    pub(super) fn new(f: F) -> Self {
        Self { f, types: PhantomData }
    }
}

impl<F: Clone, T, U> Clone for ParMap<F, T, U> {
    fn clone(&self) -> Self {
        Self::new(self.f.clone())
    }
}

impl<F, T, U> fmt::Debug for ParMap<F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParMap")
    }
}

impl<F, T, U> Kernel for ParMap<F, T, U>
where
    F: Fn(T) -> U + Send + Sync + 'static,
    T: Send + 'static,
    U: Send + 'static,
{
    type In = T;
    type Out = U;
    const NAME: &'static str = "par_map";

    fn handle(&mut self, events: Events<'_, T>, out: &mut Emit<U>) -> More {
        let events = events.into_vec();
        let f = &self.f;
        match pool() {
            // The wait for the pool is announced: other processes run meanwhile. A panic in it comes out here.
            Some(pool) => {
                let made: Vec<U> = may_block(|| pool.install(|| events.into_par_iter().map(f).collect()));
                out.extend(made);
            }
            None => out.extend(events.into_iter().map(f)),
        }
        More::Yes
    }
}

/// One pool for all. `None`: its threads could not be had, and the stage works alone.
fn pool() -> Option<&'static rayon::ThreadPool> {
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let build = || rayon::ThreadPoolBuilder::new().thread_name(|n| format!("genstage-par-{n}")).build().ok();
    POOL.get_or_init(build).as_ref()
}
